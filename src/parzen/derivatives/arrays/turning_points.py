"""Where sampled values turn: minima, maxima and level inflections, refined between the samples.

A turning point is where the derivative changes sign, not where its size is least: the smallest |gradient| of
samples misses every turn that falls between them. The signs of the differences between neighbours are exact,
so they find and classify the points; the position is then refined inside the bracket.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from parzen.derivatives.arrays.containers import values_and_coordinates
from parzen.derivatives.arrays.gradient import gradient
from parzen.derivatives.arrays.times import elapsed, numpy_times
from parzen.errors import InputError
from parzen.typing import FloatArray, IntArray
from parzen.validation import as_vector

__all__ = ["TurningPoints", "turning_points"]

_TOUCH = 0.02  # a slope "touches zero" within this share of what it changes over one spacing


@dataclass(frozen=True, slots=True, eq=False)
class TurningPoints:
    """Turning points of sampled values, in the order of the samples.

    Attributes
    ----------
    x : ndarray of shape (k,)
        Where they are, refined between samples; the middle of a plateau. Same units as the coordinates.
    y : ndarray of shape (k,)
        The value there; the level of a plateau.
    kind : ndarray of str, shape (k,)
        "minimum", "maximum" or "inflection" (the derivative is zero but does not change sign).
    index : ndarray of int, shape (k,)
        The sample nearest to each point (in the middle of a plateau).
    left, right : ndarray of shape (k,)
        First and last coordinate of a plateau; both equal ``x`` elsewhere.
    """

    x: FloatArray
    y: FloatArray
    kind: Any
    index: IntArray
    left: FloatArray
    right: FloatArray

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.x)


def turning_points(y: Any, x: Any = None, *, datetime_unit: str = "s") -> TurningPoints:
    """Find the points where the derivative of sampled values is zero.

    Parameters
    ----------
    y : array-like of shape (n,)
        Samples, finite, in the order of x; n ≥ 3.
    x : array-like of shape (n,), optional
        Coordinates, strictly increasing or decreasing; by default those of a labelled ``y``, else 0, 1, 2, ….
    datetime_unit : str, default "s"
        Unit in which results are given where coordinates are dates (then since the first) or durations.

    Returns
    -------
    TurningPoints
        Interior points only: the ends of the data are not turning points.

    Raises
    ------
    InputError, InputTypeError
        Not 1-D, too short, not finite, or coordinates that repeat or go back.

    Notes
    -----
    A minimum or maximum is where differences change sign, so every sample that is lower (higher) than both
    neighbours yields exactly one. Its place is the vertex of the cubic Hermite curve through the samples,
    with fourth-order slopes, or of the parabola through three samples where too few lie around: an error of
    O(h³) in place and O(h⁴) in value on smooth data. A run of equal samples is one plateau, classified by its
    two sides. A level inflection is reported where the parabola through three slopes touches zero within 2 %
    of what the slope changes over one spacing. Noise turns wherever it goes: smooth noisy data first
    (`parzen.smooth_gradient`).

    Examples
    --------
    >>> import numpy as np
    >>> from parzen.grid import turning_points
    >>> x = np.linspace(0, 6, 25)
    >>> found = turning_points(np.sin(x), x)
    >>> print(found.kind, np.round(found.x, 3))
    ['maximum' 'minimum'] [1.571 4.713]
    """
    y, coordinates = values_and_coordinates(y, () if x is None else (x,))
    values = as_vector(y, "y")
    n = len(values)
    x = numpy_times(coordinates[0], "x") if coordinates else None
    if x is not None and np.asarray(x).dtype.kind in "mM":
        x = elapsed(x, datetime_unit)
    at = np.arange(n, dtype=np.float64) if x is None else as_vector(x, "x", length=n)
    if n < 3:
        raise InputError(f"`y` must have at least 3 samples; got {n}. A turn needs a neighbour on each side.")
    steps = np.diff(at)
    if not ((steps > 0).all() or (steps < 0).all()):
        raise InputError(
            "`x` must increase or decrease strictly; got repeated or unordered coordinates. Sort the "
            "samples and drop repeated ones first."
        )
    _, exponent = np.frexp(np.abs(values).max())
    values = np.ldexp(values, -exponent)  # exact, and nothing overflows
    slopes = _slopes(values, at)
    found: list[tuple[float, float, str, int, float, float]] = []
    signs = np.sign(np.diff(values))
    moving = np.flatnonzero(signs)
    for before, after in zip(moving[:-1].tolist(), moving[1:].tolist(), strict=True):
        first, last = before + 1, after  # the samples first … last are level
        turn = signs[before] != signs[after]
        if first == last:
            if turn:
                found.append(
                    _vertex(values, at, slopes, first, "maximum" if signs[before] > 0 else "minimum")
                )
            elif level := _level_inflection(values, at, slopes, first):
                found.append(level)
            continue
        left, right = float(at[first]), float(at[last])
        if turn and last == first + 1:  # two equal samples: the turn lies between them
            found.append(_between(values, at, slopes, first, "maximum" if signs[before] > 0 else "minimum"))
            continue
        kind = "inflection" if not turn else "maximum" if signs[before] > 0 else "minimum"
        found.append((0.5 * (left + right), float(values[first]), kind, (first + last) // 2, left, right))
    columns = list(zip(*found, strict=True)) if found else [()] * 6
    return TurningPoints(
        x=np.array(columns[0], dtype=np.float64),
        y=np.ldexp(np.array(columns[1], dtype=np.float64), exponent),
        kind=np.array(columns[2], dtype="<U10"),
        index=np.array(columns[3], dtype=np.int64),
        left=np.array(columns[4], dtype=np.float64),
        right=np.array(columns[5], dtype=np.float64),
    )


def _slopes(values: FloatArray, at: FloatArray) -> FloatArray:
    """Slopes at the samples, as accurate as their number allows."""
    slopes: FloatArray = gradient(values, at, accuracy=4 if len(values) >= 5 else 2, edge_order=2)
    return slopes


def _vertex(
    values: FloatArray, at: FloatArray, slopes: FloatArray, i: int, kind: str
) -> tuple[float, float, str, int, float, float]:
    """Refine an extreme sample: the turn lies in one of the two gaps beside it."""
    up = kind == "minimum"
    rising = (slopes[i] > 0) == (at[-1] > at[0])  # in the order of the samples
    left = i - 1 if rising == up else i
    return _between(values, at, slopes, left, kind, i)


def _between(
    values: FloatArray, at: FloatArray, slopes: FloatArray, left: int, kind: str, sample: int | None = None
) -> tuple[float, float, str, int, float, float]:
    """Vertex of the Hermite cubic between the samples ``left`` and ``left + 1``."""
    h = float(at[left + 1] - at[left])
    y0, y1 = float(values[left]), float(values[left + 1])
    d0, d1 = float(slopes[left]) * h, float(slopes[left + 1]) * h
    # p(t) = y0 + d0 t + b t² + a t³ on 0 ≤ t ≤ 1
    b, a = 3 * (y1 - y0) - 2 * d0 - d1, d0 + d1 - 2 * (y1 - y0)
    sign = 1.0 if kind == "minimum" else -1.0
    candidates = [
        t for t in _roots(3 * a, 2 * b, d0) if -1e-9 <= t <= 1 + 1e-9 and sign * (2 * b + 6 * a * t) >= 0
    ]
    if sample is None:
        t = min(candidates, key=lambda c: abs(c - 0.5)) if candidates else 0.5
    else:
        at_sample = float(sample - left)
        t = min(candidates, key=lambda c: abs(c - at_sample)) if candidates else at_sample
    t = min(max(t, 0.0), 1.0)
    where = float(at[left]) + t * h
    value = y0 + t * (d0 + t * (b + t * a))
    reached = (values[left], values[left + 1])
    value = min(value, *map(float, reached)) if kind == "minimum" else max(value, *map(float, reached))
    return where, value, kind, left + (t > 0.5), where, where


def _roots(a: float, b: float, c: float) -> list[float]:
    """Real roots of a t² + b t + c, without cancellation."""
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return []
    q = -0.5 * (b + np.copysign(np.sqrt(discriminant), b))
    return [float(r) for r in ([c / q] if q else [0.0]) + ([q / a] if a else [])]


def _level_inflection(
    values: FloatArray, at: FloatArray, slopes: FloatArray, i: int
) -> tuple[float, float, str, int, float, float] | None:
    """Return the point near sample i where the slope touches zero and keeps its sign, if there is one."""
    size = np.abs(slopes[i - 1 : i + 2])
    if not (size[1] < size[0] and size[1] <= size[2]):
        return None
    u, v = float(at[i - 1] - at[i]), float(at[i + 1] - at[i])
    s0, s1, s2 = slopes[i - 1 : i + 2].tolist()
    # the parabola s1 + b t + c t² through the three slopes, and its vertex
    c = ((s2 - s1) / v - (s1 - s0) / -u) / (v - u)
    b = (s1 - s0) / -u - c * u
    if c == 0 or np.sign(c) != np.sign(values[i + 1] - values[i - 1]) * np.sign(v):
        return None
    t = min(max(-b / (2 * c), 0.5 * min(u, v)), 0.5 * max(u, v))
    least = s1 + t * (b + c * t)
    if abs(least) > _TOUCH * abs(c * u * v):
        return None
    where = float(at[i]) + t
    value = float(values[i]) + t * (s1 + t * (b / 2 + c * t / 3))
    return where, value, "inflection", i, where, where
