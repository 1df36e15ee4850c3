"""From any array to the flat floats that the loops take, and back: dtypes, memory order, `out`."""

import dataclasses
import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from parzen.derivatives.arrays.numpy_calls import is_small
from parzen.derivatives.arrays.pages import making_room, new_output
from parzen.derivatives.arrays.schemes import Scheme, apply
from parzen.derivatives.arrays.spacing import Spacing, exact_floats
from parzen.derivatives.arrays.times import numpy_times
from parzen.errors import InputTypeError
from parzen.typing import FloatArray
from parzen.validation import describe

__all__ = ["as_samples", "differentiate", "result_dtype", "rounded", "widened"]

_STORED = {  # dtypes that the loops read and write as they are: their real parts' dtype
    np.dtype(np.float64): np.dtype(np.float64),
    np.dtype(np.float32): np.dtype(np.float32),
    np.dtype(np.complex128): np.dtype(np.float64),
    np.dtype(np.complex64): np.dtype(np.float32),
}


def result_dtype(dtype: Any) -> Any:
    """Return the dtype of a derivative of samples of this dtype, as NumPy chooses it."""
    if dtype.kind == "M":
        return np.dtype(dtype.name.replace("datetime", "timedelta"))
    return dtype if dtype.kind in "fcm" else np.dtype(np.float64)


def as_samples(f: Any) -> Any:
    """Return an array of something that can be subtracted; subclasses pass."""
    array = np.asanyarray(numpy_times(f) if not isinstance(f, np.ndarray) or f.dtype == object else f)
    text = array.dtype.kind in "SUV"
    if text or (array.dtype == object and array.ndim == 0 and not isinstance(array.item(), numbers.Number)):
        raise InputTypeError(
            f"`f` must be an array of numbers or times; got {describe(array if text else f)}. Convert it to an "
            "array of floats first."
        )
    return array


def widened(f: Any) -> Any:
    """Return a small array in double precision, so that the derivative is rounded once; others as they are."""
    if f.dtype.char in "dD" or type(f) is not np.ndarray:
        return f
    if f.dtype.kind in "iub":
        floats = exact_floats(f)
        return f if floats is None else floats
    wide = {"f": np.float64, "c": np.complex128}.get(f.dtype.kind)
    return f if wide is None or f.dtype in (np.longdouble, np.clongdouble) else f.astype(wide)


def rounded(answer: Any, dtype: Any) -> Any:
    """Convert the derivatives of `widened` samples to what those of the samples' ``dtype`` are."""
    if isinstance(answer, tuple):
        return tuple(rounded(part, dtype) for part in answer)
    with np.errstate(over="ignore"):
        return answer.astype(result_dtype(dtype), copy=False)


@making_room
def differentiate(
    f: Any,
    axes: tuple[int, ...],
    schemes: Sequence[Scheme],
    outs: Sequence[Any] | None,
    threads: int,
    spacings: Sequence[Spacing] | None,
) -> list[Any]:
    """Carry out one scheme an axis; with ``spacings`` redo what NaN samples spoil (nan="skip")."""
    dtype = result_dtype(f.dtype)
    if is_small(f) and f.dtype.char in "dD" and spacings is None:
        return _hand_over([apply(s, f, a) for s, a in zip(schemes, axes, strict=True)], outs, f)
    readable, dtype_of_loops = _working_array(f)
    if readable is None:
        exotic = [_exotic(s, f, axis).astype(dtype) for s, axis in zip(schemes, axes, strict=True)]
        return _hand_over(exotic, outs, f)
    work: Any = readable
    if outs is not None and any(np.may_share_memory(work, out) for out in outs):
        work = work.copy()
    order = _memory_order(work)
    work = np.ascontiguousarray(work.transpose(order))
    shape = work.shape
    parts = 2 if work.dtype.kind == "c" else 1
    flat = work.reshape(-1).view(dtype_of_loops)
    back = [order.index(k) for k in range(f.ndim)]
    from parzen.derivatives.arrays.sweep import Axis, repair, sweep

    made: list[Any] = []
    wanted: list[Axis] = []
    for k, (axis, scheme) in enumerate(zip(axes, schemes, strict=True)):
        given: Any = None if outs is None else np.asarray(outs[k]).transpose(order)
        fits = (
            given is not None
            and given.dtype == work.dtype
            and given.flags.c_contiguous
            and given.flags.aligned
        )
        array, new = (given, False) if fits else new_output(shape, work.dtype)
        made.append(array)
        inner = math.prod(shape[back[axis] + 1 :]) * parts
        wanted.append(Axis(scheme, inner, array.reshape(-1).view(dtype_of_loops), new))
    if work.size and wanted:
        if spacings is not None and parts == 2:
            flat = _both_parts_missing(flat)
        source = flat.view()
        source.flags.writeable = False  # one compiled version serves read-only and writeable input
        sweep(source, wanted, threads)
        if spacings is not None and f.dtype.kind in "fc":
            for part, spacing in zip(wanted, spacings, strict=True):
                repair(source, part, spacing)
    results = [_as_result(array.transpose(back), dtype) for array in made]
    return _hand_over(results, outs, f)


def _working_array(f: Any) -> tuple[Any, Any]:
    """Return floats or complex numbers that the loops can read, and the dtype of their parts; or None."""
    array = np.asarray(f)
    kind = array.dtype.kind
    if kind in "mM":
        array = _ticks(array)
        kind = "f"
    if array.dtype in _STORED and array.dtype.isnative and array.flags.aligned:
        return array, _STORED[array.dtype]
    if kind in "iub":
        return exact_floats(array), np.dtype(np.float64)
    if kind == "f" and array.dtype.itemsize <= 8:
        wide = np.float32 if array.dtype.itemsize == 4 else np.float64
        return array.astype(wide), np.dtype(wide)
    if kind == "c" and array.dtype.itemsize <= 16:
        wide_complex = np.complex64 if array.dtype.itemsize == 8 else np.complex128
        return array.astype(wide_complex), _STORED[np.dtype(wide_complex)]
    if kind not in "fcO":
        raise InputTypeError(f"`f` must be numeric; got {describe(array)}. Convert it to float64 first.")
    return None, None


def _ticks(times: Any) -> FloatArray:
    """Return dates or durations as floats counted from the first known one; NaT becomes NaN."""
    times = times.astype(times.dtype.newbyteorder("="), copy=False)
    missing = np.isnat(times)
    ticks = times.view(np.int64)
    if not missing.all():
        ticks = ticks - ticks[~missing].reshape(-1)[0]
    return np.where(missing, np.nan, ticks.astype(np.float64))


def _exotic(scheme: Scheme, f: Any, axis: int) -> Any:
    """Differentiate what the loops cannot read: long doubles, or integers beyond 2⁵³."""
    array = np.asarray(f)
    if array.dtype.kind in "iu":
        array = array.astype(object)  # Python's integers subtract exactly
    return apply(dataclasses.replace(scheme, plain=False), array, axis)


def _memory_order(array: Any) -> list[int]:
    """Return the axes from the slowest to the fastest in memory."""
    if array.flags.c_contiguous:
        return list(range(array.ndim))
    return sorted(range(array.ndim), key=lambda k: -abs(array.strides[k]))


def _both_parts_missing(flat: Any) -> Any:
    """Return complex samples as pairs where a NaN in one part makes both NaN."""
    pairs = flat.reshape(-1, 2).copy()
    pairs[np.isnan(pairs).any(axis=1)] = np.nan
    return pairs.reshape(-1)


def _as_result(array: Any, dtype: Any) -> Any:
    """Convert what the loops wrote to the dtype of the result."""
    if array.dtype == dtype and array.dtype.isnative == dtype.isnative:
        return array
    if dtype.kind == "m":
        return _as_durations(array, dtype)
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def _as_durations(ticks: Any, dtype: Any) -> Any:
    """Convert to whole ticks: towards zero as NumPy does, but to a whole one that is a rounding away."""
    missing = np.isnan(ticks)
    whole = np.rint(ticks)
    near = np.abs(ticks - whole) <= 1e-6 + 1e-12 * np.abs(whole)
    with np.errstate(invalid="ignore"):  # what does not fit becomes NaT
        count = np.where(missing, 0.0, np.where(near, whole, np.trunc(ticks))).astype(np.int64)
    result = count.view(dtype.newbyteorder("="))
    result[missing] = np.timedelta64("NaT")
    return result.astype(dtype, copy=False)


def _hand_over(results: list[Any], outs: Sequence[Any] | None, f: Any) -> list[Any]:
    """Put results where the caller wants them, in the class of ``f``."""
    if outs is not None:
        for out, result in zip(outs, results, strict=True):
            if not np.may_share_memory(out, result):
                np.copyto(out, result, casting="same_kind")
        return list(outs)
    if type(f) is not np.ndarray:
        return [result.view(type(f)) for result in results]
    return results
