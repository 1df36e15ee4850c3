"""Gaussian kernel densities in 50-digit arithmetic: the oracle of every other method.

Formulas are written down as they stand in the literature; nothing is centred, whitened early or skipped, so
that this file shares no idea with the code it checks.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import mp, mpf

DIGITS = 50

#: Terms so many nats below the largest are dropped: e**-500 = 1e-217, far below the 50 digits.
_DROPPED = 500


@dataclass(frozen=True)
class Exact:
    """log f, ∇ log f and the Hessian of log f at m queries, each rounded once, to float64."""

    log_density: np.ndarray  # (m,)
    gradient: np.ndarray  # (m, d), or (m, 0) where order < 1
    hessian: np.ndarray  # (m, d, d), or (m, 0, 0) where order < 2


def exact_density(
    samples: Any,
    queries: Any,
    bandwidth: Any,
    weights: Any = None,
    own: Any = None,
    order: int = 2,
    digits: int = DIGITS,
    factors: Any = None,
) -> Exact:
    """Evaluate a density whose numbers are taken as exact doubles.

    ``bandwidth``: h, (d,) standard deviations or (d, d) covariance. ``own[i]`` is the sample that query i
    leaves out, -1 for none. ``factors[j]`` multiplies the bandwidth of sample j. Far from the samples (t digits of distance in bandwidths) more than 2t + 20
    ``digits`` are needed to tell their exponents apart.
    """
    with mp.workdps(digits):
        x = [[mpf(float(v)) for v in row] for row in np.asarray(samples)]
        q = [[mpf(float(v)) for v in row] for row in np.asarray(queries)]
        w = [mpf(float(v)) for v in (np.ones(len(x)) if weights is None else weights)]
        factors = [mpf(float(v)) for v in (np.ones(len(x)) if factors is None else factors)]
        own = [-1] * len(q) if own is None else [int(i) for i in own]
        metric = Metric(bandwidth, len(x[0]))
        rows = [
            one_query(x, query, w, factors, metric, skip, order) for query, skip in zip(q, own, strict=True)
        ]
        d = len(x[0])
        return Exact(
            np.array([float(row[0]) for row in rows]),
            np.array([[float(v) for v in row[1]] for row in rows]).reshape(len(q), d if order > 0 else 0),
            np.array([[[float(v) for v in line] for line in row[2]] for row in rows]).reshape(
                (len(q), d, d) if order > 1 else (len(q), 0, 0)
            ),
        )


class Metric:
    """H⁻¹ and log √det H for the three kinds of bandwidth."""

    def __init__(self, bandwidth: Any, d: int) -> None:
        value = np.asarray(bandwidth, dtype=float)
        self.full = value.ndim == 2
        if self.full:
            matrix = mp.matrix([[mpf(float(v)) for v in row] for row in value])
            self.inverse = matrix**-1
            self.log_root_det = mp.log(mp.det(matrix)) / 2
        else:
            sigma = [mpf(float(v)) for v in np.broadcast_to(value, (d,))]
            self.inverse = [1 / s**2 for s in sigma]
            self.log_root_det = mp.fsum(mp.log(s) for s in sigma)

    def times(self, u: list[mpf]) -> list[mpf]:
        """H⁻¹ u."""
        if self.full:
            return [mp.fsum(self.inverse[a, b] * u[b] for b in range(len(u))) for a in range(len(u))]
        return [scale * v for scale, v in zip(self.inverse, u, strict=True)]

    def entry(self, a: int, b: int) -> mpf:
        """One entry of H⁻¹."""
        if self.full:
            return self.inverse[a, b]
        return self.inverse[a] if a == b else mpf(0)


def one_query(
    x: list[list[mpf]],
    q: list[mpf],
    w: list[mpf],
    factors: list[mpf],
    metric: Metric,
    skip: int,
    order: int,
) -> tuple[mpf, list[mpf], list[list[mpf]]]:
    """log f, gradient and Hessian at one query."""
    d = len(q)
    kept = [j for j in range(len(x)) if j != skip and w[j] > 0]
    # with H_j = λ_j² H: H_j⁻¹(x_j - q), and log (w_j/λ_jᵈ) - ½ (x_j - q)ᵀ H_j⁻¹ (x_j - q)
    pulls, exponents = [], []
    for j in kept:
        u = [a - b for a, b in zip(x[j], q, strict=True)]
        pull = [v / factors[j] ** 2 for v in metric.times(u)]
        pulls.append(pull)
        height = mp.log(w[j]) - d * mp.log(factors[j])
        exponents.append(height - mp.fsum(a * b for a, b in zip(u, pull, strict=True)) / 2)
    top = max(exponents)
    near = [i for i, value in enumerate(exponents) if value > top - _DROPPED]
    terms = [mp.exp(exponents[i] - top) for i in near]
    total = mp.fsum(terms)
    log_density = (
        top + mp.log(total) - mp.log(mp.fsum(w[j] for j in kept)) - d * mp.log(2 * mp.pi) / 2
        - metric.log_root_det
    )  # fmt: skip
    if order == 0:
        return log_density, [], []
    p = [term / total for term in terms]
    gradient = [mp.fsum(pj * pulls[i][a] for pj, i in zip(p, near, strict=True)) for a in range(d)]
    if order == 1:
        return log_density, gradient, []
    precision = mp.fsum(pj / factors[kept[i]] ** 2 for pj, i in zip(p, near, strict=True))
    central = [[pulls[i][a] - gradient[a] for a in range(d)] for i in near]
    hessian = [
        [
            mp.fsum(pj * c[a] * c[b] for pj, c in zip(p, central, strict=True))
            - precision * metric.entry(a, b)
            for b in range(d)
        ]
        for a in range(d)
    ]
    return log_density, gradient, hessian
