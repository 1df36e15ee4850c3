"""From what the caller says about an axis to exact differences between its samples.

NumPy reads the arguments after ``f`` as: nothing (step 1), one scalar (that step on every axis), or for each
axis a scalar (its step) or a 1-D array (its *coordinates*, not its spacings). Parzen reads them the same way,
takes 2-D ``meshgrid`` coordinates and times besides, and explains whatever cannot be meant.

Coordinates are differenced before they are converted to float64, so integer nanoseconds lose nothing.
"""

import inspect
import math
import numbers
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parzen.derivatives.arrays.times import elapsed, numpy_times, ticks_and_unit
from parzen.errors import AccuracyWarning, InputError, InputTypeError
from parzen.typing import FloatArray
from parzen.validation import describe

__all__ = ["Spacing", "disorder", "exact_floats", "mesh_line", "read_spacings", "warn_of_doubts"]

_BLOCK = 1 << 16
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Spacing:
    """What is known of one axis: a step, or the gaps between neighbouring samples."""

    step: float | None  # uniform spacing, as NumPy sees it
    gaps: FloatArray | None = None  # (n - 1,), when the step is None
    points: Any = None  # the coordinates as float64, where that is exact
    verbatim: Any = None  # the argument itself, where only NumPy should interpret it
    coordinates: bool = False  # whether the caller gave coordinates

    @property
    def peculiar(self) -> bool:
        """Whether only NumPy should interpret this spacing."""
        return self.verbatim is not None and (self.step == 0 or (self.step is None and self.gaps is None))

    @property
    def repeats(self) -> bool:
        """Whether neighbouring samples have the same coordinate."""
        return self.gaps is not None and not self.gaps.all()

    @property
    def turn(self) -> int | None:
        """The sample after which the coordinates first go back; None where they never do."""
        if self.gaps is None:
            return None
        rising, falling = self.gaps > 0, self.gaps < 0
        return int(max(rising.argmax(), falling.argmax())) if rising.any() and falling.any() else None

    @property
    def doubtful(self) -> bool:
        """Whether NumPy's formulas give numbers that are no derivatives: a step of 0 or NaN, repeats, turns."""
        if self.gaps is not None:
            steady = self.gaps.min() > 0 if self.gaps[0] > 0 else self.gaps.max() < 0  # no temporaries
            return not steady and (self.repeats or self.turn is not None)
        step = self.verbatim if self.step is None else self.step
        return isinstance(step, (float, np.longdouble)) and not (step > 0 or step < 0)

    def best_step(self) -> float | None:
        """Return the uniform step to use where bit equality with NumPy is not asked for."""
        if self.step is not None or self.points is None:
            return self.step
        return _even_step(self.points)

    def positions(self, n: int) -> FloatArray:
        """Return the coordinates (n,), counted from the first sample."""
        if self.gaps is None:
            return np.arange(n) * np.float64(self.step or 0.0)
        return np.concatenate([[0.0], np.cumsum(self.gaps)])


UNIT = Spacing(1.0)


def read_spacings(
    coordinates: tuple[Any, ...], shape: tuple[int, ...], axes: tuple[int, ...], datetime_unit: str
) -> tuple[list[Spacing], tuple[int, ...]]:
    """Return one `Spacing` an axis and the axes in the order of the results, or say what is wrong.

    The order differs from ``axes`` for "xy" meshes only: the k-th result belongs to the k-th argument.
    """
    if not coordinates:
        return [UNIT] * len(axes), axes
    coordinates = tuple(numpy_times(value, "coordinates") for value in coordinates)
    if len(coordinates) == 1 and np.ndim(coordinates[0]) == 0:
        return [_scalar(coordinates[0], datetime_unit)] * len(axes), axes
    if len(coordinates) != len(axes):
        raise InputTypeError(_count_message(coordinates, shape, axes))
    values = [v if np.ndim(v) < 2 else np.asanyarray(v) for v in coordinates]
    if any(np.ndim(v) > 1 for v in values):
        values, axes = _from_mesh(values, shape, axes)
    _require_lengths(values, shape, axes)
    spacings = [
        _scalar(value, datetime_unit) if np.ndim(value) == 0 else _array(value, axis, datetime_unit)
        for value, axis in zip(values, axes, strict=True)
    ]
    return spacings, axes


def _count_message(coordinates: tuple[Any, ...], shape: tuple[int, ...], axes: tuple[int, ...]) -> str:
    """Explain a wrong number of spacing arguments."""
    kinds = ", ".join("scalar" if np.ndim(v) == 0 else f"array of shape {np.shape(v)}" for v in coordinates)
    message = (
        "`coordinates` must be nothing, one scalar, or one scalar or coordinate array for each of the "
        f"{len(axes)} axes (invalid number of arguments); got {len(coordinates)} ({kinds}) for an array of "
        f"shape {shape}. "
    )
    if len(coordinates) == 1 and np.ndim(coordinates[0]) == 1:
        length = np.shape(coordinates[0])[0]
        fitting = [axis for axis in axes if shape[axis] == length]
        if fitting:
            return message + f"To differentiate along one axis only, add `axis={fitting[0]}`."
    if len(coordinates) == 1 and np.ndim(coordinates[0]) == 2:
        return message + "Give one coordinate array an axis: `gradient(z, y, x)`, rows (y) first."
    return message + "Spacings come in the order of the axes: rows (y) first, columns (x) second."


def _scalar(value: Any, datetime_unit: str) -> Spacing:
    """Read a uniform step."""
    if isinstance(value, np.ndarray) and type(value) is np.ndarray:
        value = value[()]
    if isinstance(value, (np.timedelta64, np.datetime64)):
        if isinstance(value, np.datetime64):
            raise InputTypeError(
                f"`coordinates` must be steps or coordinates; got the single date {value}. Pass a timedelta64 "
                "step."
            )
        return Spacing(float(elapsed(np.array([value]), datetime_unit)[0]), verbatim=value)
    if isinstance(value, (bool, np.longdouble)) and value:  # NumPy multiplies them as what they are
        return Spacing(None, verbatim=value)
    if isinstance(value, numbers.Real):
        try:
            step = float(value)
        except OverflowError:
            raise InputError(
                f"`coordinates` must fit in float64; got {describe(value)}. Rescale the coordinates."
            ) from None
        return Spacing(step, verbatim=value if step == 0 else None)
    _require_arithmetic(np.asarray(value))
    return Spacing(None, verbatim=value)


def _require_lengths(values: Sequence[Any], shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Refuse coordinates that are not as many as the samples along their axis."""
    lengths = [len(v) if np.ndim(v) else None for v in values]
    wanted = [shape[axis] for axis in axes]
    for length, n, axis in zip(lengths, wanted, axes, strict=True):
        if length in (None, n):
            continue
        hint = "Give the position of each sample"
        if len(values) > 1 and all(
            length in (None, n) for length, n in zip(lengths[::-1], wanted, strict=True)
        ):
            hint = "They fit in the other order: rows (y) come first, gradient(z, y, x)"
        elif length == n - 1:
            hint = "If they are the gaps between samples, pass np.concatenate([[0], np.cumsum(gaps)])"
        raise InputError(
            f"`coordinates` must have the length of their axis, {n} for axis {axis}; got {length}. {hint}."
        )


def _array(value: Any, axis: int, datetime_unit: str) -> Spacing:
    """Read the coordinates of one axis."""
    x = np.asanyarray(value)
    if type(x) is not np.ndarray:
        if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
            raise InputError(
                f"`coordinates` must not have masked coordinates; got {int(np.ma.getmaskarray(x).sum())} on "
                f"axis {axis}. Fill them in first."
            )
        x = np.asarray(x)
    kind = x.dtype.kind
    if kind not in "fiubmM" or x.dtype == np.longdouble:
        _require_arithmetic(x)
        return Spacing(None, verbatim=value, coordinates=True)
    x = x.astype(x.dtype.newbyteorder("="), copy=False)
    gaps = _exact_gaps(x, axis, datetime_unit)
    verbatim = value if kind in "mM" else None
    if gaps.size == 0:
        return Spacing(1.0, verbatim=verbatim, coordinates=True)
    first = float(gaps[0])
    if bool((gaps == first).all()):
        if first == 0:
            raise InputError(
                f"`coordinates` must increase or decrease; got {describe(x)} whose values "
                f"are all {x[0]} for axis {axis}. A 1-D array is read as coordinates, not as spacings: "
                f"pass the scalar {x[0]} for a uniform spacing, or np.cumsum(spacings)."
            )
        return Spacing(first, verbatim=verbatim, coordinates=True)
    return Spacing(None, gaps, _points(x), verbatim=verbatim, coordinates=True)


def warn_of_doubts(spacings: Sequence[Spacing], axes: tuple[int, ...]) -> None:
    """Say where NumPy's formulas answer without a derivative, at the line that called parzen."""
    doubts = [_doubt(spacing, axis) for spacing, axis in zip(spacings, axes, strict=True) if spacing.doubtful]
    for doubt in dict.fromkeys(doubts):  # one step for all axes is one doubt
        level, frame = 1, inspect.currentframe()
        while frame is not None and frame.f_globals.get("__name__", "").startswith("parzen."):
            level, frame = level + 1, frame.f_back
        warnings.warn(doubt, AccuracyWarning, stacklevel=level)


def _doubt(spacing: Spacing, axis: int) -> str:
    """Say what is wrong with a doubtful axis, what comes of it, and what to do."""
    if spacing.gaps is None:
        step = spacing.step if spacing.verbatim is None else spacing.verbatim
        return (
            f"`coordinates` should be a step other than 0 or NaN; got {step}, so the result is infinite or NaN, as "
            "NumPy's. Pass the distance between samples."
        )
    flaws, results, remedies = [], [], []
    if spacing.turn is not None:
        flaws.append(f"turns back after sample {spacing.turn}")
        results.append("differences of samples that are not neighbours")
        remedies.append(
            "Sort both, `order = np.argsort(x)`, `gradient(y[order], x[order])`, or a Series by `.sort_index()`"
        )
    if spacing.repeats:
        flaws.append("repeats a coordinate")
        results.append("infinities or NaN")
        remedies.append("Drop repeated samples")
    return (
        f"`coordinates` should increase or decrease; axis {axis} {' and '.join(flaws)}, so the result has "
        f"{' and '.join(results)} there, as NumPy's. A 1-D array is read as coordinates, not as spacings, which "
        f"np.cumsum turns into coordinates. {'. '.join(remedies)}."
    )


def _require_arithmetic(x: Any) -> None:
    """Refuse what cannot be subtracted and divided: text, None and the like."""
    if x.dtype.kind in "fciubmM" or (x.dtype == object and all(hasattr(v, "__truediv__") for v in x.flat)):
        return
    raise InputTypeError(
        f"`coordinates` must be numbers or times; got {describe(x if x.ndim else x.item())}. Give a step, or "
        "the coordinates of the samples."
    )


def _points(x: Any) -> Any:
    """Return coordinates as float64 if that is exact, else None."""
    if x.dtype.kind in "mM":
        return None
    if x.dtype.kind in "iu" and max(int(x.max()), -int(x.min())) > 2**53:
        return None
    return x.astype(np.float64, copy=False)


def _even_step(x: Any) -> float | None:
    """Return the step if float coordinates are even up to rounding, else None.

    Samples count as even where none lies more than 4 ulp *of the extent* from its even place, which moves a
    derivative no more than rounding the samples does. An offset does not loosen this.
    """
    extent: float = float(x[-1]) - float(x[0])
    if not (math.isfinite(extent) and extent != 0):
        return None
    step: float = extent / (x.size - 1)
    bound = 4 * _EPS * abs(extent)
    for start in range(0, x.size, _BLOCK):  # blocks: no temporaries as long as the axis, and an early exit
        part = x[start : start + _BLOCK] - float(x[0])
        part -= step * np.arange(start, start + part.size)
        if not bool((np.abs(part) <= bound).all()):
            return None
    return step


def _exact_gaps(x: Any, axis: int, datetime_unit: str) -> FloatArray:
    """Difference coordinates exactly (integers, times) or in float64, then convert."""
    kind = x.dtype.kind
    if kind in "mM":
        return _time_gaps(x, axis, datetime_unit)
    if kind in "iub":
        return _integer_gaps(x)
    wide = x.astype(np.float64, copy=False)
    with np.errstate(invalid="ignore", over="ignore"):
        gaps: FloatArray = np.diff(wide)
    return gaps


def _integer_gaps(x: Any) -> FloatArray:
    """Difference integers exactly, then round each difference once."""
    if x.size < 2:
        return np.empty(0)
    low, high = int(x.min()), int(x.max())
    if high - low < 2**63 and high < 2**63:
        return np.asarray(np.diff(x.astype(np.int64)), dtype=np.float64)
    return np.asarray(np.diff(x.astype(object)), dtype=np.float64)


def _time_gaps(x: Any, axis: int, datetime_unit: str) -> FloatArray:
    """Difference dates or durations in ticks, then convert to ``datetime_unit``."""
    ticks, (factor, divisor) = ticks_and_unit(x, datetime_unit, "coordinates", f" on axis {axis}")
    return _integer_gaps(ticks) * factor / divisor


def disorder(x: FloatArray) -> str | None:
    """Say which coordinate is the first that does not lie above the one before it; None where all do."""
    finite = np.isfinite(x)
    if not finite.all():
        return f"sample {int(np.argmin(finite))} at {x[np.argmin(finite)]}"
    falls = np.flatnonzero(np.diff(x) <= 0)
    if not falls.size:
        return None
    k = int(falls[0])
    return f"sample {k + 1} {'at' if x[k + 1] == x[k] else 'below'} sample {k}"


def exact_floats(f: Any) -> FloatArray | None:
    """Convert integers or booleans to float64 without changing a difference; None if that is impossible.

    Beyond 2⁵³ the least value is subtracted first, which no derivative sees.
    """
    if f.dtype.itemsize < 8 or f.size == 0:
        return np.asarray(f, dtype=np.float64)
    low, high = int(f.min()), int(f.max())
    if low >= -(2**53) and high <= 2**53:
        return np.asarray(f, dtype=np.float64)
    if high - low <= 2**53:
        return np.asarray(f - f.dtype.type(low), dtype=np.float64)
    return None


def _from_mesh(
    values: list[Any], shape: tuple[int, ...], axes: tuple[int, ...]
) -> tuple[list[Any], tuple[int, ...]]:
    """Take the 1-D coordinates out of a ``meshgrid`` and find the axis of each, or explain.

    Arguments that vary along the axes in order are an "ij" mesh; with "xy" the first varies along columns.
    """
    orders = [axes]
    if len(axes) == len(shape) >= 2:
        orders.append((axes[1], axes[0], *axes[2:]))
    for order in orders:
        lines = [mesh_line(value, axis, shape) for value, axis in zip(values, order, strict=True)]
        if all(line is not None for line in lines):
            return lines, order
    shapes = ", ".join(str(np.shape(v)) for v in values)
    column = next((v for v in values if np.ndim(v) == 2 and np.size(v) == max(np.shape(v))), None)
    if column is not None or len(shape) == 1:
        raise InputError(
            f"`coordinates` must be 1-D, one an axis (distances must be either scalars or 1d); got shape "
            f"{shapes} for samples of shape {shape}. Pass one column: frame['name'], or x[:, 0]."
        )
    raise InputError(
        "`coordinates` must be scalars, 1-D coordinates (distances must be either scalars or 1d), or the "
        f"output of np.meshgrid for an array of shape {shape}; got shapes {shapes}, which do not make a "
        "rectangular grid along these axes. Give one 1-D array an axis, rows (y) first: gradient(z, y, "
        "x). Curvilinear coordinates need the chain rule: differentiate z and both coordinates by index "
        "and solve the 2 × 2 system."
    )


def mesh_line(value: Any, axis: int, shape: tuple[int, ...]) -> Any | None:
    """Return the coordinates along ``axis`` if a mesh varies along that axis only, else None."""
    if np.ndim(value) < 2:
        return value if np.ndim(value) == 0 or len(value) == shape[axis] else None
    try:
        mesh = np.broadcast_to(value, shape)
    except ValueError:
        return None
    line = mesh[tuple(slice(None) if k == axis else 0 for k in range(len(shape)))]
    aligned = line.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    if shape[axis] > 1 and bool((line == line[0]).all()):
        return None  # constant along its own axis: it belongs to another one
    return line if bool((mesh == aligned).all()) else None
