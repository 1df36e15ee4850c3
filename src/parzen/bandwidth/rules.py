"""Rules of thumb: a bandwidth from the spread of the samples and their number, best where the density is normal.

In one dimension `scott` and `silverman` are R's ``bw.nrd`` and ``bw.nrd0``: a constant times the robust scale
times n^{-1/5}. In more, a full bandwidth is factor² times the covariance, a diagonal one factor times the robust
scale of each feature, a scalar one factor times the root mean square of those scales.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from parzen.bandwidth.selector import ADVICE, Options, Selected
from parzen.errors import InputError
from parzen.typing import FloatArray

__all__ = ["covariance_of", "effective_sample_size", "normal_gradient", "robust_scale", "scott", "silverman"]

#: The interquartile range of the standard normal, as R's nrd0 and nrd have it.
_IQR_NORMAL = 1.34


@dataclass(frozen=True)
class _Rule:
    """One rule."""

    name: str
    factor: Callable[[float, int], float]  # (n_eff, d): h = factor · scale


_SCOTT = _Rule("scott", lambda n, d: (1.06 if d == 1 else 1.0) * n ** (-1.0 / (d + 4)))  # Scott (1992), 6.41
_SILVERMAN = _Rule(  # Silverman (1986), 3.31 and 4.14
    "silverman", lambda n, d: 0.9 * n ** (-1 / 5) if d == 1 else (n * (d + 2) / 4.0) ** (-1.0 / (d + 4))
)


def _normal_reference(r: int) -> _Rule:
    """The best for derivatives of order r of a normal density: Chacón, Duong & Wand (2011), equation 13."""
    return _Rule(
        "normal-gradient",
        lambda n, d: (n * (d + 2 * r + 2) / 4.0) ** (-1.0 / (d + 2 * r + 4)),
    )


def effective_sample_size(weights: FloatArray | None, n: int) -> float:
    """(Σw)² / Σw², Kish's effective sample size; n for equal weights."""
    if weights is None:
        return float(n)
    w = weights / weights.max()
    return float(w.sum() ** 2 / np.sum(w * w))


def robust_scale(x: FloatArray, weights: FloatArray | None, normal: float = _IQR_NORMAL) -> tuple[float, str]:
    """Return min(standard deviation, interquartile range / ``normal``), and a warning or "".

    Both are unbiased for equal weights as in R: n - 1, and quantiles of type 7; weighted, 1 - Σw² takes the
    place of (n - 1)/n, and quantiles go through the middles of the cumulated weights. Where more than half of
    the samples coincide, so that the interquartile range is 0, the standard deviation alone.
    """
    unit = 2.0 ** math.frexp(float(np.ptp(x)))[1]  # scale exactly, so that no square over- or underflows
    z = (x - np.median(x)) / unit
    if weights is None:
        deviation = float(np.std(z, ddof=1))
        low, high = np.quantile(z, [0.25, 0.75])
    else:
        w = weights / weights.sum()
        mean = np.sum(w * z)
        deviation = math.sqrt(np.sum(w * (z - mean) ** 2) / (1.0 - np.sum(w * w)))
        order = np.argsort(z, kind="stable")
        middle = np.cumsum(w[order]) - 0.5 * w[order]
        share = (middle - middle[0]) / (middle[-1] - middle[0])
        low, high = np.interp([0.25, 0.75], share, z[order])
    if high <= low:
        return deviation * unit, (
            "more than half of the samples coincide (the interquartile range is 0): the standard deviation alone "
            "was taken as the scale"
        )
    return min(deviation, float(high - low) / normal) * unit, ""


def _select(rule: _Rule, samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
    """Apply a rule."""
    n, d = samples.shape
    n_eff = effective_sample_size(weights, n)
    if d > 1 and options.kind == "full":
        return Selected(_covariance(rule.name, samples, weights, rule.factor(n_eff, d)))
    scales, notes = np.zeros(d), []
    for a in range(d):
        if np.ptp(samples[:, a]) > 0:
            scales[a], note = robust_scale(samples[:, a], weights)
            if note:
                notes.append(f"column {a}: {note}" if d > 1 else note)
    warnings = tuple(notes if len(notes) < 4 else [*notes[:2], f"and so in {len(notes) - 2} more columns"])
    factor = rule.factor(n_eff, d)
    if options.kind == "diagonal":
        return Selected(factor * scales, warnings=warnings)
    largest = float(scales.max())
    return Selected(factor * largest * math.sqrt(np.mean((scales / largest) ** 2)), warnings=warnings)


def covariance_of(samples: FloatArray, weights: FloatArray | None) -> tuple[FloatArray, FloatArray, float]:
    """Return the unbiased covariance of samples over some unit, (d, d), that unit, (d,), and how singular it is.

    The last is the smallest eigenvalue of the correlation. Every feature varies.
    """
    unit = 2.0 ** np.frexp(np.ptp(samples, axis=0))[1]  # scale exactly, so that no square over- or underflows
    covariance = np.atleast_2d(np.cov((samples - samples[0]) / unit, rowvar=False, aweights=weights))
    size = np.sqrt(np.diag(covariance))
    return covariance, unit, float(np.linalg.eigvalsh(covariance / np.outer(size, size))[0])


def _covariance(name: str, samples: FloatArray, weights: FloatArray | None, factor: float) -> FloatArray:
    """Return factor² · covariance, (d, d), unbiased; refuse a singular one."""
    n, d = samples.shape
    covariance, unit, smallest = covariance_of(samples, weights)
    if not smallest > d * 1e-14:
        raise InputError(
            f"`X` must not have linearly dependent features for a full bandwidth by {name!r}; got n = {n}, d = {d}, "
            f"smallest eigenvalue of the correlation {smallest:.2g}. Choose with kind='scalar'. {ADVICE}"
        )
    H = factor**2 * covariance * unit[:, None] * unit[None, :]
    return np.asarray(0.5 * (H + H.T))


def normal_gradient(samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
    """Apply the normal reference for gradients, or for Hessians where these are the target."""
    return _select(_normal_reference(2 if options.target == "hessian" else 1), samples, weights, options)


scott = partial(_select, _SCOTT)
silverman = partial(_select, _SILVERMAN)
