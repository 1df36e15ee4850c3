"""The maximum over diagonal or full bandwidths: L-BFGS on log-Cholesky parameters with exact gradients.

L = (start) P, where the parameters of the lower triangular P are the logarithms of its diagonal and, for a full one,
the entries below it divided by the diagonal entry of their row. So all parameters are of order 1, and the objective
is about as curved in all of them if the start has about the right shape; every few steps the start is renewed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from parzen.typing import FloatArray

__all__ = ["Found", "maximise_over_matrices", "shaped_start"]

#: Value and relative derivative, tril (d, d), at a factor: see `parzen.bandwidth.objectives`.
At = Callable[[FloatArray], tuple[float, FloatArray]]

#: Standard deviations of the kernel, in those of the data, between which it is looked for.
_SMALLEST, _LARGEST = 1e-5, 1e2

#: Stop where no parameter changes the objective by more than this, or a step gains less than this share of it.
_SLOPE, _GAIN = 1e-6, 1e-11

#: Steps from one start, and how many times it is renewed.
_STEPS, _RENEWALS = 12, 40

#: Steps of `shaped_start`. Three saved nine of ten steps of the climb where the data has separate clusters, and
#: half of them where it has not; more of them save nothing.
_SHAPING = 3


@dataclass(frozen=True)
class Found:
    """A local maximum."""

    L: FloatArray  # (d, d) lower triangular
    value: float
    at_edge: bool  # a kernel's width is the smallest that is looked for: there is no maximum


def _factor(parameters: FloatArray, d: int, *, full: bool) -> FloatArray:
    """Return P."""
    P = np.diag(np.exp(parameters[:d]))
    if full:
        rows, columns = np.tril_indices(d, -1)
        P[rows, columns] = parameters[d:] * np.diag(P)[rows]
    return P


def _slope_by_parameters(P: FloatArray, relative: FloatArray, *, full: bool) -> FloatArray:
    """Turn the relative derivative into that by the parameters."""
    diagonal = np.diag(P)
    if not full:
        return np.array(np.diag(relative))
    slope = np.tril(solve_triangular(P, relative, lower=True, trans="T"))
    rows, columns = np.tril_indices(len(P), -1)
    return np.concatenate([np.sum(slope * P, axis=1), slope[rows, columns] * diagonal[rows]])


def shaped_start(likelihood: At, start: FloatArray, *, full: bool) -> FloatArray:
    """Return a start of about the right shape: a few steps of expectation maximisation for the likelihood.

    At its maximum the second moment M of the whitened differences is the identity; replacing H by L M Lᵀ never
    lowers the likelihood (Dempster, Laird & Rubin, 1977).
    """
    for _ in range(_SHAPING):
        relative = likelihood(start)[1]
        M = relative + np.tril(relative, -1).T + np.eye(len(start))
        M = M if full else np.diag(np.diag(M))
        if not np.linalg.eigvalsh(M)[0] > _SMALLEST:
            break
        start = start @ np.linalg.cholesky(M)
    return start


def maximise_over_matrices(at: At, start: FloatArray, *, full: bool) -> Found:
    """Climb from a start, (d, d) lower triangular or diagonal, to the next maximum.

    ``full`` says whether entries below the diagonal are free.
    """
    d = len(start)
    value, relative = at(start)
    unit = max(abs(value), float(np.abs(relative).sum()))
    low, high = np.log(_SMALLEST), np.log(_LARGEST)

    def negative(parameters: FloatArray) -> tuple[float, FloatArray]:
        P = _factor(parameters, d, full=full)
        value, relative = at(start @ P)
        return -value / unit, -_slope_by_parameters(P, relative, full=full) / unit

    for _ in range(_RENEWALS):
        widths = np.log(np.diag(start))
        edges = [(min(low - width, 0.0), max(high - width, 0.0)) for width in widths]
        edges += [(-1e3, 1e3)] * (d * (d - 1) // 2 if full else 0)
        result = minimize(
            negative,
            np.zeros(len(edges)),
            jac=True,
            method="L-BFGS-B",
            bounds=edges,
            options={"maxiter": _STEPS, "maxcor": _STEPS, "gtol": _SLOPE, "ftol": _GAIN},
        )
        start = start @ _factor(result.x, d, full=full)
        if result.status != 1:  # 1: more steps are wanted
            break
    return Found(start, -float(result.fun) * unit, bool(np.any(np.log(np.diag(start)) < low + 1e-3)))
