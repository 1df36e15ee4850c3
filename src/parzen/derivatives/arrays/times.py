"""Dates and durations as numbers: subtracted in whole ticks before anything is converted."""

import datetime
import math
from typing import Any

import numpy as np

from parzen.errors import InputError, InputTypeError
from parzen.typing import FloatArray
from parzen.validation import describe

__all__ = ["elapsed", "numpy_times", "ticks_and_unit"]

_SECONDS = {
    "W": (604800, 1),
    "D": (86400, 1),
    "h": (3600, 1),
    "m": (60, 1),
    "s": (1, 1),
    "ms": (1, 10**3),
    "us": (1, 10**6),
    "ns": (1, 10**9),
    "ps": (1, 10**12),
    "fs": (1, 10**15),
    "as": (1, 10**18),
}


def numpy_times(value: Any, name: str = "f") -> Any:
    """Turn dates of pandas and of Python into NumPy's, in universal time; leave everything else alone."""
    if isinstance(value, datetime.timedelta):
        return np.timedelta64(value)
    if getattr(value, "tz", None) is not None and hasattr(value, "tz_convert"):
        value = value.tz_convert(None)
    elif getattr(getattr(value, "dtype", None), "tz", None) is not None:  # a pandas Series
        value = value.dt.tz_convert(None)
    if isinstance(value, (float, int)):
        return value
    try:
        array = np.asanyarray(value)
    except ValueError as error:
        raise InputError(
            f"`{name}` must be a rectangular array; got {describe(value)} ({error}). Give every row the same number "
            "of values."
        ) from error
    if array.dtype.kind != "O" or array.ndim != 1 or not array.size:
        return array if array.ndim else value
    if all(isinstance(v, datetime.timedelta) for v in array):
        return array.astype("m8[ns]" if hasattr(array[0], "nanoseconds") else "m8[us]")
    if all(isinstance(v, datetime.date) for v in array):
        aware = [getattr(v, "tzinfo", None) is not None for v in array]
        if all(aware):
            array = np.array([v.astimezone(datetime.UTC).replace(tzinfo=None) for v in array], dtype=object)
        elif any(aware):
            raise InputTypeError(
                f"`{name}` must have a time zone for all dates or for none; got a mixture. Convert them first."
            )
        return array.astype("M8[ns]" if hasattr(array[0], "nanosecond") else "M8[us]")
    return value


def ticks_and_unit(x: Any, datetime_unit: str, name: str, where: str = "") -> tuple[Any, tuple[float, float]]:
    """Return times as integers and the (factor, divisor) that turns one tick into ``datetime_unit``."""
    x = x.astype(x.dtype.newbyteorder("="), copy=False)
    if not isinstance(datetime_unit, str) or datetime_unit not in _SECONDS:
        raise InputError(
            f"`datetime_unit` must be one of {', '.join(_SECONDS)}; got {describe(datetime_unit)}. Use 's' "
            "for derivatives a second."
        )
    if np.isnat(x).any():
        raise InputError(f"`{name}` must not have NaT; got {int(np.isnat(x).sum())}{where}. Drop them.")
    unit, count = np.datetime_data(x.dtype)
    if unit in ("Y", "M"):
        if x.dtype.kind == "m":
            raise InputTypeError(
                f"`{name}` must have a fixed length; got {x.dtype}{where}. Convert months to days first."
            )
        x, unit, count = x.astype("M8[D]"), "D", 1
    if unit == "generic":
        raise InputTypeError(f"`{name}` must have a time unit; got {x.dtype}{where}. Add one: 'm8[s]'.")
    num, den = _SECONDS[unit]
    unit_num, unit_den = _SECONDS[datetime_unit]
    ratio_num, ratio_den = num * count * unit_den, den * unit_num
    common = math.gcd(ratio_num, ratio_den)
    return x.view(np.int64), (float(ratio_num // common), float(ratio_den // common))


def elapsed(times: Any, unit: str = "s") -> FloatArray:
    """Time since the first entry as float64, subtracted exactly before it is converted.

    Parameters
    ----------
    times : array-like of datetime64 or timedelta64, shape (n,)
        Times, as NumPy, pandas or Python hold them, without NaT. Durations are taken as they are.
    unit : {"W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"}, default "s"
        Unit of the result.

    Returns
    -------
    ndarray of float64, shape (n,)
        ``times - times[0]`` for dates, ``times`` for durations, in ``unit``.

    Raises
    ------
    InputError, InputTypeError
        NaT, an unknown unit, or something that is not a time.

    Examples
    --------
    >>> import numpy as np
    >>> from parzen.grid import elapsed
    >>> elapsed(np.array(["2026-01-01T00:00:00", "2026-01-01T00:00:01.5"], dtype="M8[ns]"))
    array([0. , 1.5])
    """
    x = np.asarray(numpy_times(times, "times"))
    if x.dtype.kind not in "mM":
        raise InputTypeError(
            f"`times` must be datetime64 or timedelta64; got {describe(x)}. Convert them first."
        )
    ticks, (factor, divisor) = ticks_and_unit(x, unit, "times")
    if x.dtype.kind == "M" and ticks.size:
        ticks = ticks - ticks.reshape(-1)[0]
    return np.asarray(ticks.astype(np.float64) * factor / divisor)
