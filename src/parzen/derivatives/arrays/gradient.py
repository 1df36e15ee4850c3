"""Gradients of sampled arrays: `numpy.gradient`, faster, and what it does not do."""

import datetime
import numbers
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from parzen.derivatives.arrays.layout import as_samples, differentiate, result_dtype, rounded, widened
from parzen.derivatives.arrays.numpy_calls import all_ordinary, is_small, numpy_answer, require_samples
from parzen.derivatives.arrays.schemes import BOUNDARIES, Scheme, make_scheme, numpy_scheme
from parzen.derivatives.arrays.spacing import Spacing, read_spacings, warn_of_repeats
from parzen.errors import InputError, InputTypeError
from parzen.validation import as_positive_float, as_positive_int, as_workers, describe

__all__ = ["gradient"]

_OPEN = ("one-sided", "one-sided")
_DEFAULTS = (2, 1, "one-sided", None, "propagate")
_THREADED = 1 << 18  # from so many elements on a second thread pays


def gradient(
    f: Any,
    *varargs: Any,
    axis: int | Sequence[int] | None = None,
    edge_order: int = 1,
    accuracy: int = 2,
    order: int = 1,
    boundary: str | tuple[str, str] = "one-sided",
    period: float | None = None,
    nan: str = "propagate",
    out: Any = None,
    workers: int | None = None,
    datetime_unit: str = "s",
) -> Any:
    """Derivative of sampled values along each axis: a drop-in for `numpy.gradient` that goes on.

    ∂ᵐf/∂xᵐ at every sample, from a weighted sum of its neighbours: central differences inside, and at open
    ends one-sided ones.

    Parameters
    ----------
    f : array-like of shape (n_0, …, n_{d-1})
        The samples. Any numeric dtype, datetime64 or timedelta64; also a masked array, an xarray
        ``DataArray``, a pandas ``Series`` (its index are the coordinates), a dask, torch or JAX array.
    *varargs : scalar or array, optional
        Spacings or ``coordinates``, as messages call them. Nothing: step 1. One scalar: the step of every
        axis. One argument an axis, in the order of ``axis``: its step (scalar), or the *coordinates* of its
        samples (1-D array of that length; not the spacings). 2-D coordinates from `numpy.meshgrid` are taken
        too. Rows come first: ``gradient(z, y, x)``.
    axis : int or sequence of int, optional
        Axes to differentiate along; all by default.
    edge_order : {1, 2}, default 1
        Accuracy at the ends, as in NumPy; read only with ``accuracy=2, order=1``. Everything else keeps full
        accuracy up to the ends.
    accuracy : int, even, 2 … 16, default 2
        Power of the spacing with which the error falls.
    order : int, 1 … 6, default 1
        Order m of the derivative along each axis.
    boundary : {"one-sided", "periodic", "reflect", "nearest"} or pair of them, default "one-sided"
        How the data continue beyond the ends: not at all; from the other end; mirrored at the end samples
        (which are not repeated); as the end value. A pair is (left, right), for all axes.
    period : float, optional
        Period in units of the coordinates (dates: of ``datetime_unit``); needed for periodic axes with
        coordinates. Without coordinates it is the number of samples times the step.
    nan : {"propagate", "skip"}, default "propagate"
        "skip": redo each result that a NaN sample spoils from the nearest samples that are there. Positions
        of missing samples get a value between others, and NaN before the first and after the last of them.
    out : ndarray or tuple of ndarray, optional
        Where to write: one array for one axis, a tuple for several; of the shape and dtype of the result.
    workers : int, optional
        Threads; by default one for each processor, and one for small arrays. Results do not depend on it.
    datetime_unit : str, default "s"
        The derivative is taken per this unit where coordinates are dates or durations: "D", "h", "ms", ….

    Returns
    -------
    ndarray, or tuple of ndarray
        As NumPy: an array for one axis, else a tuple with one array an axis, each of the shape of ``f``.
        Floating and complex dtypes are kept, integers and booleans give float64, dates durations. With
        ``meshgrid`` coordinates the results follow the arguments.

    Raises
    ------
    InputError (a ValueError)
        Too few samples along an axis, coordinates of the wrong length or with repeated values, bad options.
    InputTypeError (a TypeError)
        The wrong number of arguments, or data that are not numeric.
    numpy.exceptions.AxisError
        An axis that ``f`` does not have.

    See Also
    --------
    parzen.grid : Hessian, Laplacian, divergence and curl of arrays.

    Notes
    -----
    *Accuracy.* With the defaults the numbers are `numpy.gradient`'s, to the bit for float64. Otherwise the
    stencils have order + accuracy points (one less where a symmetric stencil on an even axis allows it) and
    are exact for polynomials of degree < order + accuracy. Integers and dates are subtracted exactly.

    *Cost.* One pass over memory for all axes; no temporaries of the size of the data for C- or
    Fortran-ordered floats, one converted copy for other layouts and dtypes. On Linux the pages of up to three dropped
    results of over 1 MiB wait for the next call of the same size, while the system may take them. Arrays of up
    to 8192 elements need no compiler; the first larger call of a process loads the compiled loops (about half
    a second), the first on a machine compiles them (two to four seconds a dtype).

    References
    ----------
    B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids", Mathematics of
    Computation 51 (1988) 699-706.

    Examples
    --------
    >>> import numpy as np
    >>> from parzen.grid import gradient
    >>> gradient([1, 2, 4, 7, 11, 16])
    array([1. , 1.5, 2.5, 3.5, 4.5, 5. ])
    >>> x = np.array([0.0, 1.0, 3.0, 3.5])
    >>> gradient(x**2, x, order=2)
    array([2., 2., 2., 2.])
    >>> angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    >>> slope = gradient(np.sin(angle), angle, accuracy=8, boundary="periodic", period=2 * np.pi)
    >>> bool(np.abs(slope - np.cos(angle)).max() < 1e-4)
    True
    """
    if type(f) is not np.ndarray and not isinstance(f, (list, tuple, int, float, np.generic)):
        from parzen.derivatives.arrays import containers

        options = {
            "axis": axis, "edge_order": edge_order, "accuracy": accuracy, "order": order, "boundary": boundary,
            "period": period, "nan": nan, "out": out, "workers": workers, "datetime_unit": datetime_unit,
        }  # fmt: skip
        answer = containers.gradient(f, varargs, options)
        if answer is not NotImplemented:
            return answer
    f = as_samples(f)
    dtype = f.dtype
    if dtype.kind == "O":
        _require_differences(f)
    small = is_small(f)
    if small:
        f = widened(f)
    plain = type(boundary) is str and (accuracy, order, boundary, period, nan) == _DEFAULTS
    if plain and small and out is None and workers is None and all_ordinary(f, varargs, edge_order):
        try:
            answer = np.gradient(f, *varargs, axis=cast(Any, axis), edge_order=cast(Any, edge_order))
            return answer if f.dtype is dtype else rounded(answer, dtype)
        except (ValueError, TypeError, OverflowError):  # explained below
            pass
    threads = 1 if workers is None and f.size < _THREADED else as_workers(workers)
    single, axes = _axes(axis, f.ndim)
    spacings, axes = read_spacings(varargs, f.shape, axes, datetime_unit)
    pair = _OPEN if plain else _check_options(accuracy, order, edge_order, boundary, period, nan)
    plain = (accuracy, order, pair, nan) == (2, 1, _OPEN, "propagate")
    outs = _outputs(out, f.shape, result_dtype(dtype), axes, single)
    if (accuracy, order, pair) == (2, 1, _OPEN):
        warn_of_repeats(spacings, axes)
    results: Sequence[Any] | None = None
    if plain:
        results = numpy_answer(f, varargs, axes, spacings, edge_order)
    if results is None:
        made = _make_schemes(f.shape, axes, spacings, (edge_order, accuracy, order, pair, period))
        positions = (
            [s.positions(f.shape[a]) for s, a in zip(spacings, axes, strict=True)] if nan == "skip" else None
        )
        results = differentiate(f, axes, made, outs, threads, positions)
    elif outs is not None:
        for target, result in zip(outs, results, strict=True):
            np.copyto(target, result, casting="same_kind")
        results = outs
    answer = results[0] if single else tuple(results)
    return answer if outs is not None or f.dtype is dtype else rounded(answer, dtype)


def plan(
    shape: tuple[int, ...], varargs: tuple[Any, ...], options: dict[str, Any]
) -> tuple[list[Scheme], tuple[int, ...], bool]:
    """Return the schemes and axes of a call, and whether it answers with one array, without its data."""
    single, axes = _axes(options["axis"], len(shape))
    spacings, axes = read_spacings(varargs, shape, axes, options["datetime_unit"])
    accuracy, order, edge_order = options["accuracy"], options["order"], options["edge_order"]
    pair = _check_options(accuracy, order, edge_order, options["boundary"], options["period"], options["nan"])
    if (accuracy, order, pair) == (2, 1, _OPEN):
        warn_of_repeats(spacings, axes)
    made = _make_schemes(shape, axes, spacings, (edge_order, accuracy, order, pair, options["period"]))
    return made, axes, single


def _require_differences(f: Any) -> None:
    """Refuse objects that cannot be subtracted: text, None and the like."""
    for entry in f.flat:
        if not hasattr(entry, "__sub__"):
            raise InputTypeError(
                f"`f` must be an array of numbers or times; got {describe(entry)} among its entries. Convert it to "
                "an array of floats first, with NaN for what is missing."
            )


def _axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[bool, tuple[int, ...]]:
    """Return whether one array is to be returned, and the axes."""
    axes = tuple(range(ndim)) if axis is None else normalize_axis_tuple(cast(Any, axis), ndim)
    return len(axes) == 1, axes


def _check_options(
    accuracy: int, order: int, edge_order: Any, boundary: Any, period: Any, nan: str
) -> tuple[str, str]:
    """Refuse options outside their range; return the (left, right) boundary."""
    if as_positive_int(accuracy, "accuracy") % 2 or accuracy > 16:
        raise InputError(f"`accuracy` must be even and between 2 and 16; got {accuracy}. Round it up.")
    if as_positive_int(order, "order") > 6:
        raise InputError(f"`order` must be between 1 and 6; got {order}. Differentiate in two steps.")
    if not isinstance(edge_order, numbers.Real) or edge_order not in (1, 2):
        raise InputError(f"`edge_order` must be 1 or 2; got {describe(edge_order)}. Use `accuracy` for more.")
    if not isinstance(nan, str) or nan not in ("propagate", "skip"):
        raise InputError(f"`nan` must be 'propagate' or 'skip'; got {describe(nan)}. Choose one of them.")
    pair = _pair(boundary)
    if period is not None:
        if pair[0] != "periodic":
            raise InputError(
                f"`period` must be left out unless `boundary` is periodic; got {period!r}. Drop it."
            )
        if isinstance(period, (np.timedelta64, datetime.timedelta)):
            raise InputTypeError(
                f"`period` must be a number, in units of `datetime_unit`; got {describe(period)}. Divide it by one."
            )
        as_positive_float(period, "period")
    return pair


def _pair(boundary: Any) -> tuple[str, str]:
    """Return (left, right) boundaries."""
    pair = (boundary, boundary) if isinstance(boundary, str) else boundary
    named = isinstance(pair, (tuple, list)) and all(isinstance(b, str) and b in BOUNDARIES for b in pair)
    if not named or len(pair) != 2:
        raise InputError(
            f"`boundary` must be one of {', '.join(map(repr, BOUNDARIES))} or a (left, right) pair of "
            f"them; got {describe(boundary)}. To treat axes differently, differentiate along one `axis` a "
            "call."
        )
    if (pair[0] == "periodic") != (pair[1] == "periodic"):
        raise InputError(
            f"`boundary` must be periodic at both ends or at none; got {describe(boundary)}. Pass 'periodic'."
        )
    return (pair[0], pair[1])


def _outputs(
    out: Any, shape: tuple[int, ...], dtype: Any, axes: tuple[int, ...], single: bool
) -> tuple[Any, ...] | None:
    """Check ``out``."""
    if out is None:
        return None
    outs = (out,) if single and isinstance(out, np.ndarray) else out
    if not isinstance(outs, (tuple, list)) or len(outs) != len(axes):
        raise InputTypeError(
            f"`out` must be {'one array' if single else f'a tuple of {len(axes)} arrays'}; got "
            f"{describe(out)}. Give one array for each axis."
        )
    for k, target in enumerate(outs):
        if not isinstance(target, np.ndarray):
            raise InputTypeError(
                f"`out` must be made of NumPy arrays; got {describe(target)}. Use np.empty_like."
            )
        if target.shape != shape or target.dtype != dtype or not target.flags.writeable:
            raise InputError(
                f"`out` must be writeable, of shape {shape} and dtype {dtype}; got "
                f"{describe(target)}{'' if target.flags.writeable else ' (read-only)'}. Make it with "
                f"np.empty({shape}, {str(dtype)!r})."
            )
        if any(np.shares_memory(target, other) for other in outs[:k]):
            raise InputError(
                "`out` must be separate arrays; got two that share memory. Make one for each axis."
            )
    return tuple(outs)


def _make_schemes(
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    spacings: list[Spacing],
    options: tuple[int, int, int, tuple[str, str], float | None],
) -> list[Scheme]:
    """Decide the formulas of each axis."""
    edge_order, accuracy, order, boundary, period = options
    result = []
    for axis, spacing in zip(axes, spacings, strict=True):
        if spacing.step is None and spacing.gaps is None:
            raise InputTypeError(
                "`coordinates` must be real numbers or times with these options; got "
                f"{describe(spacing.verbatim)}. Convert to float64 first."
            )
        n = shape[axis]
        if (accuracy, order, boundary) == (2, 1, _OPEN):
            require_samples(n, axis, edge_order)
            result.append(numpy_scheme(n, spacing, edge_order))
            continue
        low_order = edge_order if (accuracy, order) == (2, 1) else None
        result.append(
            make_scheme(
                n,
                spacing,
                order=order,
                accuracy=accuracy,
                boundary=boundary,
                period=period,
                axis=axis,
                edge_order=low_order,
            )
        )
    return result
