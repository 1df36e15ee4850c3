"""The global maximum of a smooth function of log h from few, expensive, simultaneous looks with exact slopes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.interpolate import KroghInterpolator
from scipy.optimize import brentq

from parzen.typing import FloatArray

__all__ = ["SLOPES_ONLY", "Line", "maximise_on_line", "narrow"]

#: How often the grid is widened eightfold before the function is said to have no maximum.
_WIDENINGS = 12

#: Returns the values and the derivatives by log h at bandwidths (k,), in one pass.
Look = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

#: Ratio of neighbouring bandwidths of the first grid, at most, and their least number.
_RATIO, _LEAST = 1.5, 8

#: Width of the last bracket in log h; the secant of its slopes errs by about its square.
_LAST_BRACKET = 3e-4

#: Least distance in log h between a root and the looks beyond a tenth of it on both sides.
_DOUBT = 1e-5

#: Below this width values hardly differ and only slopes tell where the maximum is.
SLOPES_ONLY = 1e-2


@dataclass(frozen=True, eq=False)
class Line:
    """Everything that was looked at, in order of bandwidth."""

    h: FloatArray  # (k,)
    values: FloatArray  # (k,)
    slopes: FloatArray  # (k,)

    def with_look(self, look: Look, h: FloatArray) -> Self:
        """Add more bandwidths."""
        h = np.setdiff1d(h, self.h)
        if not h.size:
            return self
        values, slopes = look(h)
        order = np.argsort(np.concatenate([self.h, h]))
        joined = ((self.h, h), (self.values, values), (self.slopes, slopes))
        return type(self)(*(np.concatenate(pair)[order] for pair in joined))

    def brackets(self) -> list[int]:
        """Return every i such that the function rises at h_i and falls at h_{i+1}."""
        return [int(i) for i in np.flatnonzero((self.slopes[:-1] > 0) & (self.slopes[1:] <= 0))]

    def peak(self, i: int, neighbours: int = 2) -> tuple[float, float]:
        """Return the maximum (log h, value) in bracket i of the polynomial with the values and slopes around it."""
        a, b = np.log(self.h[i : i + 2])
        secant = float((b - a) * self.slopes[i] / (self.slopes[i] - self.slopes[i + 1]))
        if b - a < SLOPES_ONLY:
            return float(a) + secant, float(self.values[i] + 0.5 * self.slopes[i] * secant)
        low = max(0, min(i + 1 - neighbours // 2, len(self.h) - neighbours))
        near = slice(low, low + neighbours)
        nodes = np.repeat(np.log(self.h[near]) - a, 2)
        fit = KroghInterpolator(nodes, np.stack([self.values[near], self.slopes[near]], axis=1).ravel())

        def slope(s: float) -> float:
            return float(fit.derivative(s))

        # rounding may have spoiled the signs at the ends
        root = float(brentq(slope, 0.0, b - a)) if slope(0.0) > 0 > slope(b - a) else secant
        return float(a) + root, float(fit(root))


def maximise_on_line(
    look: Look, low: float, high: float, *, refine: bool = True
) -> tuple[float, float, Line, list[float]] | None:
    """Find the global maximum near [low, high].

    A grid of ratio at most 1.5 is looked at in one pass, and widened while its best is at an edge. Then each pass
    puts four bandwidths around the root of the polynomial through the nearest values and slopes; without ``refine``
    the first such root is the answer.

    Returns
    -------
    (h, value, line, others) or None
        The maximum, all looks, and other local maxima; None where the function keeps rising at an edge.
    """
    count = max(_LEAST, 1 + int(np.ceil(np.log(high / low) / np.log(_RATIO))))
    line = Line(*(np.empty(0),) * 3).with_look(look, np.geomspace(low, high, count))
    for _ in range(_WIDENINGS):
        best = int(np.argmax(line.values))
        if best == 0 and line.slopes[0] <= 0:
            more = line.h[0] / np.array([8.0, 4.0, 2.0])
        elif best == len(line.h) - 1 and line.slopes[-1] > 0:
            more = line.h[-1] * np.array([2.0, 4.0, 8.0])
        elif (
            best - (line.slopes[best] <= 0) not in line.brackets()
        ):  # more happens between neighbours than is seen
            around = line.h[max(best - 1, 0) : best + 2]
            more = np.sqrt(around[:-1] * around[1:])
        else:
            break
        line = line.with_look(look, more)
    else:
        return None
    peaks = {i: line.peak(i) for i in line.brackets()}
    top = max(peaks, key=lambda i: peaks[i][1])
    others = [float(np.exp(peaks[i][0])) for i in peaks if i != top]
    line, top = narrow(look, line, top, _LAST_BRACKET if refine else np.inf)
    root, value = line.peak(top, neighbours=4)
    return float(np.exp(root)), value, line, others


def narrow(look: Look, line: Line, i: int, width: float) -> tuple[Line, int]:
    """Return all looks when bracket ``i`` has become no wider than ``width`` in log h, and where it is then."""
    while True:
        a, b = float(line.h[i]), float(line.h[i + 1])
        here = float(np.log(b / a))
        if here <= width:
            return line, i
        root = line.peak(i, neighbours=4)[0]
        doubt = min(max(abs(root - line.peak(i)[0]), _DOUBT, 1e-3 * here**2), 0.25 * here)
        t = np.clip(root + doubt * np.array([-1.0, -0.1, 0.1, 1.0]), np.log(a), np.log(b))
        line = line.with_look(look, np.clip(np.exp(t), a, b))
        inside = [j for j in line.brackets() if a <= line.h[j] and line.h[j + 1] <= b]
        i = max(inside, key=lambda j: line.values[j] + line.values[j + 1])
