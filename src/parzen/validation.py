"""The border: array-likes come in, checked arrays go out. The only place that coerces user input."""

import math
import numbers
import os
from typing import Any

import numpy as np

from parzen.errors import InputError, InputTypeError
from parzen.typing import ArrayLike, FloatArray

__all__ = [
    "as_matrix",
    "as_memory_limit",
    "as_order",
    "as_positive_float",
    "as_positive_int",
    "as_random",
    "as_seed",
    "as_tolerance",
    "as_vector",
    "as_weights",
    "as_workers",
    "describe",
    "physical_memory",
    "require_range",
]


def describe(value: object) -> str:
    """Say in a few words what arrived, for an error message."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _as_real_array(value: ArrayLike | Any, name: str) -> FloatArray:
    """Convert to float64, refusing everything that is not a dense table of real numbers."""
    if hasattr(value, "todense") or hasattr(value, "tocsr"):
        raise InputTypeError(
            f"`{name}` must be a dense array; got a sparse {type(value).__name__}. "
            "Call `.toarray()` on it first: parzen does not take sparse input."
        )
    if hasattr(value, "collect_schema") and hasattr(value, "collect"):
        raise InputTypeError(
            f"`{name}` must be data, not a query; got a {type(value).__name__}. Call `.collect()` first."
        )
    if value is None:
        raise InputTypeError(f"`{name}` must be an array of numbers; got None. Check how it was loaded.")
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InputError(
            f"`{name}` must not have masked entries; got {int(np.sum(np.ma.getmaskarray(value)))} of them. "
            "Drop the rows that have them, or fill them in, first."
        )
    frame = value
    if hasattr(value, "to_numpy") and not isinstance(value, np.ndarray):
        value = value.to_numpy()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"`{name}` must be a rectangular array of numbers; got {describe(value)} ({error}). "
            "Give every row the same number of values."
        ) from None
    if array.dtype.kind == "c":
        raise InputError(
            f"`{name}` must be real; got dtype {array.dtype}. Complex data not supported: "
            "pass the real and imaginary parts as two columns."
        )
    if array.dtype.kind not in "fiubO":
        raise InputTypeError(
            f"`{name}` must be numeric; got dtype {array.dtype}. Convert it to float64 first."
        )
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and array.size:
        largest = max(int(array.max()), -int(array.min()))
        if largest > 2**53:
            raise InputError(
                f"`{name}` must fit in float64; got integers up to {largest}, which it would round. "
                "Subtract an offset first, as with times since a late start."
            )
    try:
        with np.errstate(over="ignore"):
            return np.asarray(array, dtype=np.float64, order="C")
    except OverflowError:
        raise InputError(
            f"`{name}` must fit in float64; got an integer that is too large. Rescale the data first."
        ) from None
    except (ValueError, TypeError) as error:
        column = _column_at_fault(frame)
        if column is not None:
            raise InputTypeError(
                f"`{name}` must be numeric; got column {column!r} with values of another kind ({error}). Choose the "
                "columns of numbers, or convert it first."
            ) from None
        raise InputTypeError(
            f"`{name}` must be numeric; got {describe(value)} ({error}). Convert it to float64 first: "
            "each argument must be a string or a number that float() accepts."
        ) from None


def _column_at_fault(frame: Any) -> Any:
    """Return the first column of a data frame that is not made of numbers; None where there is none, or no frame."""
    for column in getattr(frame, "columns", ()):
        try:
            np.asarray(frame[column]).astype(np.float64)
        except (ValueError, TypeError):
            return column
        if np.asarray(frame[column]).dtype.kind in "mM":
            return column
    return None


def _require_finite(array: FloatArray, name: str) -> None:
    """Refuse NaN and infinities, saying how many there are and where the first one is."""
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(float(np.sum(array))):  # one pass, no temporary; a finite sum has finite terms
            return
    bad = ~np.isfinite(array)
    count = int(bad.sum())
    if count == 0:  # finite terms whose sum overflows
        return
    where = tuple(int(i) for i in np.argwhere(bad)[0])
    place = f"row {where[0]}, column {where[1]}" if len(where) == 2 else f"index {where[0]}"
    n_nan = int(np.isnan(array).sum())
    kind = "NaN" if n_nan == count else "infinity" if n_nan == 0 else "NaN or infinity (inf)"
    raise InputError(
        f"`{name}` must be finite; got {count} value{'s' if count > 1 else ''} that "
        f"{'are' if count > 1 else 'is'} {kind} (contains NaN or inf), the first at {place}. "
        "Drop or fill in those values first."
    )


def as_matrix(value: ArrayLike | Any, name: str) -> FloatArray:
    """Return a finite C-contiguous float64 array of shape (n, d), n ≥ 1, d ≥ 1.

    Parameters
    ----------
    value : array-like of shape (n, d)
        Rows are points. NumPy arrays, nested lists, pandas and polars frames.
    name : str
        What the caller calls it; used in messages.

    Raises
    ------
    InputError, InputTypeError
        Not numeric, not 2-D, empty, or not finite.
    """
    array = _as_real_array(value, name)
    if array.ndim == 0:
        raise InputError(
            f"`{name}` must be 2-D, (rows, features); got a scalar. Reshape your data either using "
            "array.reshape(-1, 1) if it has one feature or array.reshape(1, -1) if it is one row."
        )
    if array.ndim > 2:
        raise InputError(
            f"`{name}` must be 2-D, (rows, features); got shape {array.shape}. Reshape your data: make one row of each "
            "sample, as array.reshape(len(array), -1) does."
        )
    column = getattr(value, "name", None)  # of a column of a frame
    if array.ndim == 1 and hasattr(value, "to_frame") and column not in (None, ""):
        raise InputError(
            f"`{name}` must be 2-D, (rows, features); got a single column, {column!r}, of shape {array.shape}. Pass a "
            f"frame of it: frame[[{column!r}]]."
        )
    if array.ndim == 1:
        raise InputError(
            f"`{name}` must be 2-D, (rows, features); got shape {array.shape}. Reshape your data either "
            "using array.reshape(-1, 1) if it has one feature or array.reshape(1, -1) if it is one row."
        )
    if array.shape[1] == 0:
        raise InputError(
            f"`{name}` must have at least one column; got shape {array.shape}: "
            f"0 feature(s) (shape={array.shape}) while a minimum of 1 is required. Check how it was loaded."
        )
    if array.shape[0] == 0:
        raise InputError(
            f"`{name}` must have at least one row; got shape {array.shape}. Check how it was loaded."
        )
    _require_finite(array, name)
    return array


def require_range(samples: FloatArray) -> None:
    """Refuse samples, (n, d), whose differences overflow.

    Raises
    ------
    InputError
        The range of some feature does not fit in float64.
    """
    with np.errstate(over="ignore"):
        reach = np.max(samples, axis=0) - np.min(samples, axis=0)
    if not np.all(np.isfinite(reach)):
        raise InputError(
            f"`X` must have a range that fits in float64; got values up to {np.abs(samples).max():.3g}. "
            "Rescale the data first."
        )


def as_vector(value: ArrayLike | Any, name: str, *, length: int | None = None) -> FloatArray:
    """Return a finite float64 array of shape (length,).

    Raises
    ------
    InputError, InputTypeError
        Not numeric, not 1-D, empty, not finite, or of the wrong length.
    """
    array = _as_real_array(value, name)
    if array.ndim != 1 or array.size == 0 or (length is not None and array.size != length):
        wanted = "1-D and not empty" if length is None else f"of shape ({length},)"
        raise InputError(f"`{name}` must be {wanted}; got shape {array.shape}. Check how it was made.")
    _require_finite(array, name)
    return array


def as_weights(
    value: ArrayLike | Any | None, n_samples: int, name: str = "sample_weight"
) -> FloatArray | None:
    """Return non-negative weights of shape (n_samples,) with a positive sum, or None for equal weights.

    Raises
    ------
    InputError, InputTypeError
        Negative, all zero, not finite, or of the wrong shape.
    """
    if value is None:
        return None
    array = _as_real_array(value, name)
    if array.ndim == 0:
        array = np.full(n_samples, float(array))
    weights = np.array(as_vector(array, name, length=n_samples))
    negative = np.flatnonzero(weights < 0)
    if negative.size:
        raise InputError(
            f"`{name}` must not be negative; got {negative.size} negative values, the first "
            f"{weights[negative[0]]:g} at index {int(negative[0])}. Remove those samples or their sign."
        )
    if not weights.any():
        raise InputError(f"`{name}` must have a positive sum; got only zeros. Give some sample weight.")
    return weights


def _as_float(value: Any) -> float:
    """Convert a real number; one too large for float64 becomes infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _shown(value: object, number: float) -> str:
    """Show a number as briefly as it can be told."""
    return describe(value) if isinstance(value, int) and math.isinf(number) else f"{number:g}"


def as_positive_float(value: object, name: str) -> float:
    """Return a finite float > 0.

    Raises
    ------
    InputError, InputTypeError
        Not a real number, or not finite and positive.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise InputTypeError(f"`{name}` must be a positive number; got {describe(value)}. Pass a float.")
    number = _as_float(value)
    if not (math.isfinite(number) and number > 0):
        raise InputError(
            f"`{name}` must be a finite number > 0; got {_shown(value, number)}. Pass a positive float."
        )
    return number


def as_tolerance(value: object, name: str) -> float:
    """Return a finite float in [0, 1).

    Raises
    ------
    InputError, InputTypeError
        Not a real number, or outside [0, 1).
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise InputTypeError(f"`{name}` must be a number in [0, 1); got {describe(value)}. Pass a float.")
    number = _as_float(value)
    if not 0 <= number < 1:
        raise InputError(
            f"`{name}` must be in [0, 1); got {_shown(value, number)}. Use 1e-9 for the default, 0 to sum every term."
        )
    return number


def as_positive_int(value: object, name: str, *, minimum: int = 1) -> int:
    """Return an int ≥ minimum.

    Raises
    ------
    InputError, InputTypeError
        Not an integer, or too small.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise InputTypeError(f"`{name}` must be an integer; got {describe(value)}. Pass an int.")
    number = int(value)
    if number < minimum:
        raise InputError(f"`{name}` must be at least {minimum}; got {number}. Pass a larger integer.")
    return number


def as_order(order: object) -> int:
    """Return the order of a derivative: 0, 1 or 2."""
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or not 0 <= order <= 2:
        raise InputError(
            f"`order` must be 0, 1 or 2; got {describe(order)}. Use 1 for gradients, 2 for Hessians too."
        )
    return int(order)


def as_seed(value: object, name: str = "seed") -> int:
    """Return an integer that seeds NumPy's generators, from 0 to 2³² - 1."""
    seed = as_positive_int(value, name, minimum=0)
    if seed >= 2**32:
        raise InputError(f"`{name}` must be below 2**32; got {seed}. Pass a smaller integer.")
    return seed


def as_memory_limit(value: object) -> int:
    """Return a number of bytes, at least 1 MiB."""
    return as_positive_int(value, "memory_limit", minimum=2**20)


def as_workers(value: object) -> int:
    """Return the number of threads: ``None`` means one for each processor this process may use."""
    if value is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return as_positive_int(value, "workers")


def as_random(value: Any, name: str = "random_state") -> np.random.Generator | np.random.RandomState:
    """Return a source of random numbers, by scikit-learn's rules or a ``Generator``; both have the same methods.

    Raises
    ------
    InputError
        No source of random numbers, and no seed of one.
    """
    if isinstance(value, (np.random.Generator, np.random.RandomState)):
        return value
    if value is None or value is np.random:
        return np.random.mtrand._rand  # the one that `numpy.random.seed` sets
    if isinstance(value, (numbers.Integral, np.integer)) and 0 <= int(value) < 2**32:
        return np.random.RandomState(int(value))
    raise InputError(
        f"`{name}` must be an integer from 0 to 2**32 - 1, a RandomState, a Generator or None; got {describe(value)}. "
        "Pass an integer."
    )


def physical_memory() -> int | None:
    """Return the bytes of memory of this machine, None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
