"""One axis, decided: which samples, with which weights, give the derivative at each of its points.

A `Scheme` is data, made once a call by `numpy_scheme` (NumPy's own second-order formulas, to the bit) or
`make_scheme` (any order, accuracy and boundary), and carried out by `parzen.derivatives.arrays.sweep`. Its interior
is one symmetric stencil (uniform axis) or one set of weights a point (uneven axis); every other point is an
*edge*, a short list of sample numbers and weights. Periodic, reflected and constant continuations are nothing
but edges whose samples lie elsewhere in the array.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from parzen.derivatives.arrays.spacing import Spacing
from parzen.derivatives.arrays.stencils import float_weights, integer_stencil
from parzen.errors import InputError
from parzen.typing import FloatArray, IntArray

__all__ = ["BOUNDARIES", "Scheme", "apply", "interior_weights", "make_scheme", "numpy_scheme"]

BOUNDARIES = ("one-sided", "periodic", "reflect", "nearest")


@dataclass(frozen=True, slots=True, eq=False)
class Scheme:
    """How to differentiate along an axis of ``n`` samples; weights are float64."""

    n: int
    order: int
    low: int  # the interior is low ≤ i < high
    high: int
    # uniform interior: Σ_j pairs[j-1] (f[i+j] ∓ f[i-j]) / divisor
    pairs: FloatArray
    divisor: float
    # uneven interior: width weights from the gaps, the window of point i starts at i - left
    gaps: FloatArray | None
    left: int
    width: int
    # edges: Σ_k weights[e, k] f[indices[e, k]] / divisors[e] at i = targets[e]
    targets: IntArray
    indices: IntArray
    weights: FloatArray
    divisors: FloatArray
    plain: bool  # NumPy's formulas: sums of f itself; otherwise of differences from f[i]
    samples_around_gaps: tuple[int, int]  # how many samples nan="skip" takes: around a point, at an end

    @property
    def odd(self) -> bool:
        """Whether the derivative changes sign under reflection."""
        return self.order % 2 == 1


_COLUMNS = 4096  # weights made at a time: the work arrays stay in cache
_NO_WEIGHTS = np.empty(0)
_PAIR = np.ones(1)
_PAIR.flags.writeable = False  # as those of `integer_stencil`: one compiled version serves both
_INDEX = {1: [[0, 1], [-2, -1]], 2: [[0, 1, 2], [-3, -2, -1]]}


def numpy_scheme(n: int, spacing: Spacing, edge_order: int) -> Scheme:
    """Return `numpy.gradient`'s formulas for one axis, term by term."""
    targets = np.array([0, n - 1])
    indices = np.array(_INDEX[edge_order]) % n
    gaps = spacing.gaps
    step = None if spacing.step is None else np.float64(spacing.step)  # may be 0, as NumPy's
    if edge_order == 1:
        weights = np.array([[-1.0, 1.0], [-1.0, 1.0]])
        ends = (step, step) if gaps is None else (gaps[0], gaps[-1])
        divisors = np.array(ends, dtype=np.float64)
    else:
        divisors = np.ones(2)
        if step is not None:
            with np.errstate(all="ignore"):
                outer = [[-1.5 / step, 2.0 / step, -0.5 / step], [0.5 / step, -2.0 / step, 1.5 / step]]
        else:
            assert gaps is not None  # a Spacing has a step or gaps
            with np.errstate(all="ignore"):
                (a, b), (c, d) = gaps[:2], gaps[-2:]
                outer = [
                    [-(2.0 * a + b) / (a * (a + b)), (a + b) / (a * b), -a / (b * (a + b))],
                    [d / (c * (c + d)), -(d + c) / (c * d), (2.0 * d + c) / (d * (c + d))],
                ]
        weights = np.array(outer)
    return Scheme(
        n=n,
        order=1,
        low=1,
        high=n - 1,
        pairs=_PAIR if gaps is None else _NO_WEIGHTS,
        divisor=1.0 if step is None else 2.0 * step,
        gaps=gaps,
        left=1,
        width=3,
        targets=targets,
        indices=indices,
        weights=weights,
        divisors=divisors,
        plain=True,
        samples_around_gaps=(3, edge_order + 1),
    )


def make_scheme(
    n: int,
    spacing: Spacing,
    *,
    order: int,
    accuracy: int,
    boundary: tuple[str, str],
    period: float | None,
    axis: int,
    edge_order: int | None = None,
) -> Scheme:
    """Return formulas of full accuracy for one axis.

    With ``edge_order`` the open ends use that many points + 1, as `numpy.gradient` does.
    """
    step = spacing.best_step()
    if boundary[0] == "periodic":
        step = _periodic_step(n, spacing, step, period, axis)
    even = step is not None
    reach = (order + 1) // 2 - 1 + accuracy // 2  # half width of a symmetric stencil on an even grid
    if not even and order % 2 == 0:
        reach += 1  # symmetry lifts even derivatives by one order on even grids only
    one_sided = order + (edge_order or accuracy)
    open_left, open_right = boundary[0] == "one-sided", boundary[1] == "one-sided"
    _require_length(n, one_sided, order, accuracy, boundary, axis)
    if not even and not _strictly_monotone(spacing.gaps):
        raise InputError(
            "`coordinates` must increase or decrease strictly; got repeated, unordered "
            f"or non-finite ones for axis {axis}. Sort the samples and drop repeated ones first."
        )
    if even and not (step and np.isfinite(step)):
        raise InputError(
            f"`coordinates` must be finite steps other than zero; got {step} for axis {axis}. Pass the "
            "distance between samples."
        )
    gaps = _NO_WEIGHTS if even else _gaps(n, spacing)
    _require_power(gaps if step is None else np.array([step]), order, axis)
    low, high = min(reach, n), max(n - reach, min(reach, n))
    pairs, divisor = _NO_WEIGHTS, 1.0
    if step is not None:
        pairs, denominator = integer_stencil(-reach, reach, order)
        pairs, divisor = pairs[reach + 1 :], denominator * _power(step, order)
    windows = {}
    for i in [*range(low), *range(high, n)]:
        start, stop = i - reach, i + reach + 1
        if (open_left and start < 0) or (open_right and stop > n):
            start = i - one_sided // 2
            start = max(start, 0) if open_left else start
            start = min(start, n - one_sided) if open_right else start
            stop = start + one_sided
        windows[i] = range(start, stop)
    indices, weights, divisors = _edges(n, windows, order, step, gaps, boundary, period)
    return Scheme(
        n=n,
        order=order,
        low=low,
        high=high,
        pairs=pairs,
        divisor=divisor,
        gaps=None if even else gaps,
        left=reach,
        width=2 * reach + 1,
        targets=np.array(list(windows), np.int64),
        indices=indices,
        weights=weights,
        divisors=divisors,
        plain=False,
        samples_around_gaps=(order + accuracy + (order + 1) % 2, one_sided),
    )


def _edges(
    n: int,
    windows: dict[int, range],
    order: int,
    step: float | None,
    gaps: FloatArray,
    boundary: tuple[str, str],
    period: float | None,
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return sample numbers, weights and divisors of points whose windows reach beyond an end, or lie askew."""
    width = max(map(len, windows.values()), default=1)
    # unused places hold the point itself: a difference from f[i] that is exactly zero
    indices = np.repeat(np.array(list(windows), np.int64)[:, None], width, axis=1)
    weights, divisors = np.zeros((len(windows), width)), np.ones(len(windows))
    seam = 0.0 if period is None or not gaps.size else float(np.copysign(period, gaps[0])) - float(gaps.sum())
    for e, (i, window) in enumerate(windows.items()):
        count = len(window)
        indices[e, :count] = [_source(j, n, boundary) for j in window]
        if step is not None:
            weights[e, :count], denominator = integer_stencil(window[0] - i, window[-1] - i, order)
            divisors[e] = denominator * _power(step, order)
        else:
            local = np.array([_gap(j, gaps, seam, boundary) for j in window[:-1]])
            weights[e, :count] = float_weights(local[:, None], i - window[0], order)[:, 0]
    return indices, weights, divisors


def _require_power(gaps: FloatArray, order: int, axis: int) -> None:
    """Refuse distances whose power overflows or underflows."""
    if not gaps.size:
        return
    sizes = np.abs(gaps)
    least, largest = float(sizes.min()), float(sizes.max())
    if not (_power(least, order) >= 1e-290 and _power(largest, order) <= 1e290):
        raise InputError(
            f"`coordinates` must be distances whose power {order} is a float64; got {least:g} to {largest:g} on "
            f"axis {axis}. Rescale the coordinates."
        )


def _power(step: float, order: int) -> float:
    """Return step ** order, with overflow as infinity."""
    result = 1.0
    for _ in range(order):
        result *= step
    return result


def _periodic_step(
    n: int, spacing: Spacing, step: float | None, period: float | None, axis: int
) -> float | None:
    """Check the period against the samples; return the step if the samples are even around the seam too."""
    if not spacing.coordinates:
        if period is not None and step is not None and abs(period - n * abs(step)) > 1e-9 * period:
            raise InputError(
                f"`period` must be n · spacing for evenly spaced samples; got {period!r} with {n} samples "
                f"{step!r} apart on axis {axis}. Leave `period` out, or give coordinates."
            )
        return step
    extent = _extent(n, spacing)
    if period is None:
        raise InputError(
            f"`period` must be given with coordinates; got None for axis {axis}, whose coordinates span "
            f"{abs(extent):g}. Pass the distance after which the data repeat."
        )
    if abs(extent) >= period * (1 - 1e-12):
        raise InputError(
            f"`period` must be larger than the span of the coordinates; got {period!r} for coordinates "
            f"that span {abs(extent)!r} on axis {axis}. Drop the last sample if it repeats the first."
        )
    if step is not None:
        seam = np.copysign(period, extent) - extent
        return step if abs(seam - step) <= 8 * np.finfo(np.float64).eps * period else None
    return None


def _extent(n: int, spacing: Spacing) -> float:
    """Return the signed distance from the first to the last sample."""
    if spacing.gaps is None:
        return (n - 1) * float(spacing.step or 0.0)
    return float(spacing.gaps.sum())


def _gaps(n: int, spacing: Spacing) -> FloatArray:
    """Return the gaps of an axis, whether it is even or not."""
    return np.full(n - 1, float(spacing.step or 0.0)) if spacing.gaps is None else spacing.gaps


def _gap(j: int, gaps: FloatArray, seam: float, boundary: tuple[str, str]) -> float:
    """Return the distance from sample j to sample j + 1, beyond the ends as the boundary says."""
    n = gaps.size + 1
    if 0 <= j < n - 1:
        return float(gaps[j])
    if boundary[0] == "periodic":
        return seam if j % n == n - 1 else float(gaps[j % n])
    return _gap(-j - 1 if j < 0 else 2 * n - 3 - j, gaps, seam, boundary)


def _strictly_monotone(gaps: FloatArray | None) -> bool:
    """Whether coordinates go one way, without repetition."""
    return gaps is None or bool(np.isfinite(gaps).all() and ((gaps > 0).all() or (gaps < 0).all()))


def _require_length(
    n: int, needed: int, order: int, accuracy: int, boundary: tuple[str, str], axis: int
) -> None:
    """Refuse an axis with too few samples."""
    if boundary != ("one-sided", "one-sided"):
        needed = needed if "one-sided" in boundary else (1 if boundary[0] == "periodic" else 2)
    if n < needed:
        raise InputError(
            f"`f` must have at least {needed} samples along axis {axis} for order {order} and accuracy "
            f"{accuracy} with boundary {boundary[0]!r}; got {n}. Lower `accuracy`, or give more samples."
        )


def _source(j: int, n: int, boundary: tuple[str, str]) -> int:
    """Map a sample number beyond the ends to the sample that stands for it."""
    if 0 <= j < n:
        return j
    if boundary[0] == "periodic":
        return j % n
    rule = boundary[0] if j < 0 else boundary[1]
    if rule == "nearest":
        return 0 if j < 0 else n - 1
    j = -j if j < 0 else 2 * (n - 1) - j
    return _source(j, n, boundary)


def interior_weights(scheme: Scheme, low: int, high: int) -> FloatArray:
    """Weights (width, high - low) of the uneven interior points low ≤ i < high."""
    gaps = scheme.gaps
    assert gaps is not None  # only uneven axes have weights that vary
    weights = np.empty((scheme.width, high - low))
    for start in range(low, high, _COLUMNS):
        stop = min(start + _COLUMNS, high)
        part = weights[:, start - low : stop - low]
        if scheme.plain:
            with np.errstate(all="ignore"):
                before, after = gaps[start - 1 : stop - 1], gaps[start:stop]
                np.divide(-after, before * (before + after), out=part[0])
                np.divide(after - before, before * after, out=part[1])
                np.divide(before, after * (before + after), out=part[2])
        else:
            first = start - scheme.left
            windows = [gaps[first + j : first + j + stop - start] for j in range(scheme.width - 1)]
            part[...] = float_weights(np.stack(windows), scheme.left, scheme.order)
    return weights


def apply(scheme: Scheme, f: Any, axis: int) -> Any:
    """Carry a scheme out with NumPy slices: the readable form, the oracle of the loops, and what serves
    every dtype that has + and *.
    """
    f = np.moveaxis(np.asarray(f), axis, 0)
    with np.errstate(all="ignore"):  # as in the loops
        return np.moveaxis(_applied(scheme, f), 0, axis)


def _applied(scheme: Scheme, f: Any) -> Any:
    """Carry a scheme out along the first axis."""
    out = np.empty_like(f)
    low, high, left = scheme.low, scheme.high, scheme.left
    if low < high:
        here = f[low:high]
        total: Any = 0.0
        if scheme.gaps is None:
            for j, w in enumerate(scheme.pairs.tolist(), start=1):
                after, before = f[low + j : high + j], f[low - j : high - j]
                total = total + w * (after - before if scheme.odd else (after - here) + (before - here))
            total = total / scheme.divisor
        else:
            rows = interior_weights(scheme, low, high)
            for k in range(scheme.width):
                row = rows[k].reshape((-1,) + (1,) * (f.ndim - 1))
                sample = f[low + k - left : high + k - left]
                if scheme.plain:
                    total = total + row * sample
                elif k != left:
                    total = total + row * (sample - here)
        out[low:high] = total
    for i, indices, row, divisor in zip(
        scheme.targets, scheme.indices, scheme.weights.tolist(), scheme.divisors.tolist(), strict=True
    ):
        terms = (w * (f[j] if scheme.plain else f[j] - f[i]) for j, w in zip(indices, row, strict=True))
        out[i] = sum(terms, start=0.0) / divisor
    return out
