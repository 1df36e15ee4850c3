"""Smoothers that are linear in the data: fit = S y and slope = D y, with the diagonal of S and the row norms.

Knowing S and D gives everything that a choice of smoothing and an error bar need: generalised
cross-validation wants ‖y - S y‖² and tr S, and the slope at a sample has the standard error σ ‖D_i‖.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, signal

from parzen.typing import FloatArray

__all__ = ["LinearFit", "local_polynomial", "smoothing_spline"]

_PROBES = 256
_EXACT = 1024


@dataclass(frozen=True, slots=True, eq=False)
class LinearFit:
    """What a linear smoother made of the columns of y, and how it answers to noise."""

    fit: FloatArray  # S y, (n, k)
    slope: FloatArray  # D y, (n, k)
    trace: float  # tr S
    fit_norm: FloatArray  # ‖S_i‖, (n,)
    slope_norm: FloatArray  # ‖D_i‖, (n,)


def local_polynomial(
    x: FloatArray, y: FloatArray, window: int, degree: int, bandwidth: float | None, step: float | None
) -> LinearFit:
    """Fit a polynomial around each sample by least squares; Gaussian weights if a bandwidth is given.

    ``window`` samples (odd, or all) are used, fewer on one side at the ends: with equal weights on an even
    axis this is the Savitzky-Golay filter. ``step`` is the spacing of an even axis.
    """
    n = len(x)
    window = min(window, n)
    half = window // 2
    starts = np.clip(np.arange(n) - half, 0, n - window)
    fit, slope = np.empty_like(y), np.empty_like(y)
    diagonal, fit_norm, slope_norm = np.empty(n), np.empty(n), np.empty(n)
    inside = slice(half, n - (window - half) + 1)
    if step is not None and inside.stop - inside.start > 1:
        points = np.r_[: half + 1, inside.stop : n]
    else:
        points = np.arange(n)
    rows_at_once = max(1, (1 << 21) // (window * (degree + 1)))
    for first in range(0, len(points), rows_at_once):
        chosen = points[first : first + rows_at_once]
        columns = starts[chosen, None] + np.arange(window)
        s, d = _rows(x[columns] - x[chosen, None], degree, bandwidth)
        fit[chosen] = np.einsum("ij,ijk->ik", s, y[columns])
        slope[chosen] = np.einsum("ij,ijk->ik", d, y[columns])
        diagonal[chosen] = s[np.arange(len(chosen)), chosen - starts[chosen]]
        fit_norm[chosen], slope_norm[chosen] = np.linalg.norm(s, axis=1), np.linalg.norm(d, axis=1)
    if len(points) < n:
        s, d = _rows((x[:window] - x[half])[None], degree, bandwidth)
        fit[inside] = signal.oaconvolve(y, s[0, ::-1, None], mode="valid", axes=0)
        slope[inside] = signal.oaconvolve(y, d[0, ::-1, None], mode="valid", axes=0)
        for target, value in ((diagonal, diagonal), (fit_norm, fit_norm), (slope_norm, slope_norm)):
            target[inside] = value[half]
    return LinearFit(fit, slope, float(diagonal.sum()), fit_norm, slope_norm)


def _rows(offsets: FloatArray, degree: int, bandwidth: float | None) -> tuple[FloatArray, FloatArray]:
    """Return the rows of S and D for windows at ``offsets`` (m, window) from their points."""
    scale = np.abs(offsets).max(axis=1, keepdims=True)
    u = offsets / scale
    root = np.ones_like(u) if bandwidth is None else np.exp(-0.25 * (offsets / bandwidth) ** 2)
    design = root[..., None] * u[..., None] ** np.arange(degree + 1)
    q, r = np.linalg.qr(design)
    # coefficients c = R⁻¹ Qᵀ (root · y): the first is the value, the second the slope
    inverse = np.linalg.inv(r)
    s = np.einsum("mj,mwj->mw", inverse[:, 0], q) * root
    d = np.einsum("mj,mwj->mw", inverse[:, 1], q) * root / scale
    return s, d


def smoothing_spline(x: FloatArray, y: FloatArray, penalty: float, norms: bool = True) -> LinearFit:
    """Natural cubic smoothing spline: least Σ (y - f)² + penalty ∫ f''², by Reinsch's banded equations."""
    n = len(x)
    h = np.diff(x)
    band, factor = _reinsch(h, penalty)

    def solve(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return S and D times the columns."""
        bent = np.zeros((n, columns.shape[1]))  # second derivatives at the knots; zero at the ends
        slopes = np.diff(columns, axis=0) / h[:, None]
        bent[1:-1] = linalg.cho_solve_banded((factor, True), np.diff(slopes, axis=0))
        third = np.diff(bent, axis=0) / h[:, None]
        fit = columns - penalty * np.diff(third, axis=0, prepend=0.0, append=0.0)
        rise = np.diff(fit, axis=0) / h[:, None]
        slope = np.empty_like(fit)
        slope[:-1] = rise - h[:, None] * (2 * bent[:-1] + bent[1:]) / 6
        slope[-1] = rise[-1] + h[-1] * (bent[-2] + 2 * bent[-1]) / 6
        return fit, slope

    fit, slope = solve(y)
    if not norms:
        return LinearFit(fit, slope, _spline_trace(h, band, factor), np.empty(0), np.empty(0))
    squares = np.zeros((2, n))
    exact = n <= _EXACT
    rng = np.random.default_rng(0)
    probes = n if exact else _PROBES
    for first in range(0, probes, 64):
        size = min(64, probes - first)
        if exact:
            block = np.zeros((n, size))
            block[np.arange(first, first + size), np.arange(size)] = 1.0
        else:
            block = rng.choice([-1.0, 1.0], size=(n, size))
        for total, answer in zip(squares, solve(block), strict=True):
            total += np.einsum("ij,ij->i", answer, answer)
    fit_norm, slope_norm = np.sqrt(squares if exact else squares / probes)
    return LinearFit(fit, slope, _spline_trace(h, band, factor), fit_norm, slope_norm)


def _reinsch(h: FloatArray, penalty: float) -> tuple[Any, Any]:
    """Return the lower band (3, n-2) of R + penalty QᵀQ and its Cholesky factor."""
    inverse = 1 / h
    band = np.zeros((3, len(h) - 1))
    middle = inverse[:-1] + inverse[1:]
    band[0] = (h[:-1] + h[1:]) / 3 + penalty * (inverse[:-1] ** 2 + middle**2 + inverse[1:] ** 2)
    band[1, :-1] = h[1:-1] / 6 - penalty * inverse[1:-1] * (middle[:-1] + middle[1:])
    band[2, :-2] = penalty * inverse[1:-2] * inverse[2:-1]
    return band, linalg.cholesky_banded(band, lower=True)


def _spline_trace(h: FloatArray, band: Any, factor: Any) -> float:
    """Return tr S = n - penalty tr(QᵀQ (R + penalty QᵀQ)⁻¹) from three bands of the inverse."""
    from parzen.derivatives.arrays.loops import inverse_bands

    b = inverse_bands(np.ascontiguousarray(factor))
    r = np.zeros_like(band)
    r[0] = (h[:-1] + h[1:]) / 3
    r[1, :-1] = h[1:-1] / 6
    q = band - r  # penalty QᵀQ
    trace = float(len(h) + 1 - (q[0] * b[0]).sum() - 2 * (q[1] * b[1]).sum() - 2 * (q[2] * b[2]).sum())
    if not 1.9 < trace < len(h) + 1.1:  # between a straight line and all the data, unless rounding took over
        raise np.linalg.LinAlgError("the smoothing spline's equations are singular to working precision")
    return trace
