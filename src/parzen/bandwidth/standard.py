"""Standard coordinates: where the searches work, so that their answers follow the units of the data.

Samples are centred and divided by their standard deviation (one for all features, one each, or the Cholesky
factor S of their covariance). A bandwidth L in these coordinates is S L in those of the data, so that a scalar
search is equivariant under rotation and change of units, a diagonal one under separate changes of units, and a
full one under every affine map.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular

from parzen.bandwidth.rules import effective_sample_size
from parzen.bandwidth.selector import Kind
from parzen.errors import InputError
from parzen.typing import FloatArray

__all__ = ["Standard", "solve_lower"]

#: Dimension up to which triangular matrices are inverted row by row.
_BY_HAND = 32

#: Smallest eigenvalue of a correlation, per dimension, that is told from rounding.
_SINGULAR = 1e-14


def solve_lower(L: FloatArray, rows: FloatArray) -> FloatArray:
    """Return L⁻¹ times each row, (n, d), for a lower triangular L."""
    return np.asarray(rows @ _inverse(L).T)


def _inverse(L: FloatArray) -> FloatArray:
    """Return L⁻¹; by hand where it is small, since LAPACK wakes all threads of BLAS: 5 ms on a busy machine."""
    identity = np.eye(len(L))
    if len(L) > _BY_HAND:
        return np.asarray(solve_triangular(L, identity, lower=True))
    inverse = np.empty_like(identity)
    for a, row in enumerate(L):
        inverse[a] = (identity[a] - row[:a] @ inverse[:a]) / row[a]
    return inverse


@dataclass(frozen=True, eq=False)
class Standard:
    """Distinct samples with positive weights, in standard coordinates."""

    points: FloatArray  # (n, d), centred, of unit spread
    weights: FloatArray  # (n,), sum 1
    spread: float | FloatArray  # σ, (d,) or lower triangular (d, d): data = centre + spread · points
    n_eff: float  # effective number of samples before ties were joined
    n_tied: int  # samples that repeat an earlier one

    @classmethod
    def of(
        cls,
        samples: FloatArray,
        weights: FloatArray | None,
        kind: Kind,
        *,
        purpose: str = "",
    ) -> Self:
        """Join exact repetitions into one sample of their total weight, and standardise.

        Weights are positive, and some samples differ; every feature varies for a bandwidth of this kind, unless it is
        scalar. ``purpose`` is what they are standardised for, if not a bandwidth of this kind.

        Raises
        ------
        InputError
            Features that are constant or linearly dependent.
        """
        w = np.ones(len(samples)) if weights is None else weights
        n_eff = effective_sample_size(weights, len(samples))
        first, reach = samples[0], np.ptp(samples, axis=0)
        before = len(samples)
        samples, w = _join_ties(samples, w)
        n_tied = before - len(samples)
        unit = _power_of_two(reach if kind != "scalar" else np.full_like(reach, reach.max()))
        points = (samples - first) / unit  # exact up to the difference, and no square over- or underflows
        w = w / w.sum()
        points -= w @ points
        variance = w @ points**2
        if kind == "scalar":
            sigma = math.sqrt(float(np.mean(variance)))
            return cls(points / sigma, w, sigma * float(unit[0]), n_eff, n_tied)
        constant = np.flatnonzero(reach == 0)
        if constant.size:  # a bandwidth of this kind is refused before it is looked for, what it needs is not
            raise InputError(
                f"`X` must vary in every feature for {purpose}; got {constant.size} constant "
                f"feature{'s' if constant.size > 1 else ''}, the first at column {int(constant[0])}. "
                "Drop constant columns, or use 'likelihood'."
            )
        deviation = np.sqrt(variance)
        points /= deviation
        if kind == "diagonal":
            return cls(points, w, deviation * unit, n_eff, n_tied)
        other = "'likelihood'" if purpose else "kind='diagonal' or kind='scalar'"
        correlation = (w * points.T) @ points
        smallest = float(np.linalg.eigvalsh(correlation)[0])
        if len(samples) <= len(reach):
            raise InputError(
                f"`X` must hold more different samples than features for {purpose or 'a full bandwidth'}; got "
                f"n = {len(samples)}, d = {len(reach)}. Use {other}."
            )
        if not smallest > len(reach) * _SINGULAR:
            raise InputError(
                f"`X` must not have linearly dependent features for {purpose or 'a full bandwidth'}; got "
                f"n = {len(samples)}, d = {len(reach)}, smallest eigenvalue of the correlation {smallest:.2g}. "
                f"Drop dependent columns, or use {other}."
            )
        factor = np.linalg.cholesky(correlation)
        return cls(solve_lower(factor, points), w, (deviation * unit)[:, None] * factor, n_eff, n_tied)

    @property
    def d(self) -> int:
        """Dimension."""
        return int(self.points.shape[1])

    @property
    def log_det(self) -> float:
        """Log det of the spread: a density in data units is that in standard units over its exponential."""
        if np.ndim(self.spread) == 0:
            return self.d * math.log(float(self.spread))
        diagonal = np.diag(self.spread) if np.ndim(self.spread) == 2 else np.asarray(self.spread)
        return float(np.sum(np.log(diagonal)))

    @property
    def size(self) -> float:
        """The geometric mean of the spread over all directions, in the units of the data."""
        return math.exp(self.log_det / self.d)

    def bandwidth(self, L: FloatArray | float) -> float | FloatArray:
        """Return a factor in standard units, a number, (d,) or (d, d) lower, as a bandwidth of the data."""
        if np.ndim(self.spread) == 0:
            return float(self.spread) * float(L)
        if np.ndim(self.spread) == 1:
            sigma = np.diag(L) if np.ndim(L) == 2 else np.asarray(L)
            return np.asarray(self.spread * sigma)
        factor = np.asarray(self.spread) @ (L if np.ndim(L) == 2 else np.diag(np.broadcast_to(L, (self.d,))))
        H = factor @ factor.T
        return np.asarray(0.5 * (H + H.T))


def _power_of_two(values: FloatArray) -> FloatArray:
    """Return powers of two near positive values; 1 for 0."""
    return np.asarray(np.ldexp(1.0, np.clip(np.frexp(values)[1], -1021, 1023)))


def _join_ties(samples: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the distinct samples, in order of appearance, and their total weights."""
    if len(np.unique(samples[:, 0])) == len(samples):  # much the most common case, and fast
        return samples, weights
    if samples.shape[1] == 1:
        _, first, group = np.unique(samples[:, 0], return_index=True, return_inverse=True)
        appearance = np.argsort(first)
        total = np.asarray(np.bincount(group, weights), dtype=np.float64)
        return samples[first[appearance]], total[appearance]
    index: dict[bytes, int] = {}
    group = np.array([index.setdefault(row.tobytes(), len(index)) for row in samples + 0.0])  # -0.0 is 0.0
    if len(index) == len(samples):
        return samples, weights
    first = np.unique(group, return_index=True)[1]
    return samples[first], np.asarray(np.bincount(group, weights), dtype=np.float64)
