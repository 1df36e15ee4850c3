"""Rules of thumb: a bandwidth from the covariance of the samples and their number."""

import math

import numpy as np

from parzen.errors import InputError
from parzen.typing import FloatArray

__all__ = ["RULES", "effective_sample_size", "rule_of_thumb"]


def effective_sample_size(weights: FloatArray | None, n: int) -> float:
    """(Σw)² / Σw², Kish's effective sample size; n for equal weights."""
    if weights is None:
        return float(n)
    w = weights / weights.max()
    return float(w.sum() ** 2 / np.sum(w * w))


def _scott(n_eff: float, d: int) -> float:
    """Scott (1992), equation 6.41."""
    return math.pow(n_eff, -1.0 / (d + 4))


def _silverman(n_eff: float, d: int) -> float:
    """Silverman (1986), equation 4.14."""
    return math.pow(n_eff * (d + 2) / 4.0, -1.0 / (d + 4))


RULES = {"scott": _scott, "silverman": _silverman}


def rule_of_thumb(name: str, samples: FloatArray, weights: FloatArray | None) -> FloatArray:
    """Return H = factor² · covariance, (d, d), for the rule ``name``; weighted and unbiased.

    Raises
    ------
    InputError
        An unknown rule, fewer than two samples, or a covariance that is singular.
    """
    if name not in RULES:
        raise InputError(
            f"`bandwidth` must be a number, an array or one of {', '.join(map(repr, RULES))}; got {name!r}. "
            "Pass a positive number."
        )
    n, d = samples.shape
    if weights is not None:
        samples, weights = samples[weights > 0], weights[weights > 0] / weights.max()
    advice = (
        "Pass a positive number (try `parzen.sweep` to choose it), or standard deviations, shape (d,), that "
        "are positive for every feature."
    )
    n_eff = effective_sample_size(weights, n)
    if n_eff <= 1.0:
        raise InputError(
            f"`bandwidth` must be a number for a single sample; got {name!r} with n = {n}. {advice}"
        )
    with np.errstate(over="ignore"):
        spread = np.ptp(samples, axis=0)
    if not np.all(np.isfinite(spread)):
        raise InputError(
            f"`X` must have a range that fits in float64; got values up to {np.abs(samples).max():.3g}. "
            "Rescale the data first."
        )
    constant = np.flatnonzero(spread == 0)
    if constant.size:
        raise InputError(
            f"`bandwidth` must be given as numbers where the data's covariance is singular; got {name!r} with "
            f"{constant.size} constant feature{'s' if constant.size > 1 else ''}, the first at column "
            f"{int(constant[0])}. {advice}"
        )
    unit = 2.0 ** np.frexp(spread)[1]  # scale exactly, so that no square over- or underflows
    covariance = np.atleast_2d(np.cov((samples - samples[0]) / unit, rowvar=False, aweights=weights))
    correlation = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    smallest = float(np.linalg.eigvalsh(correlation)[0])
    if not smallest > d * 1e-14:
        raise InputError(
            f"`bandwidth` must be given as numbers where the data's covariance is singular; got {name!r} with "
            f"n = {n}, d = {d}, smallest eigenvalue of the correlation {smallest:.2g}. {advice}"
        )
    factor = RULES[name](n_eff, d)
    H = factor**2 * covariance * unit[:, None] * unit[None, :]
    return np.asarray(0.5 * (H + H.T))
