"""Gradients of sampled arrays: `numpy.gradient`, faster, and what it does not do."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from parzen.derivatives.arrays import containers
from parzen.derivatives.arrays.layout import as_samples, rounded, widened
from parzen.derivatives.arrays.numpy_calls import all_ordinary, is_small
from parzen.derivatives.arrays.options import NUMPYS, Options
from parzen.derivatives.arrays.samples import derivatives

__all__ = ["gradient"]


def gradient(
    f: Any,
    *coordinates: Any,
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
    """Derivative of sampled values along each axis: a drop-in for `numpy.gradient` with more options.

    ∂ᵐf/∂xᵐ at every sample, from a weighted sum of its neighbours: central differences inside, and at open
    ends one-sided ones.

    Parameters
    ----------
    f : array-like of shape (n_0, …, n_{d-1})
        The samples. Any numeric dtype, datetime64 or timedelta64; also a masked array, an xarray
        ``DataArray``, a pandas ``Series`` (its index holds the coordinates), a dask, torch or JAX array.
    *coordinates : scalar or array, optional
        What NumPy calls ``varargs``. Nothing: step 1. One scalar: the step of every axis. One argument per
        axis, in the order of ``axis``: its step (scalar), or the coordinates of its samples (1-D array of
        that length; not the spacings). 2-D coordinates from `numpy.meshgrid` are taken too. Rows come first:
        ``gradient(z, y, x)``.
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
        As NumPy: an array for one axis, else a tuple with one array per axis, each of the shape of ``f``.
        Floating and complex dtypes are kept, integers and booleans give float64, dates durations. With
        ``meshgrid`` coordinates the results follow the arguments.

    Raises
    ------
    InputError (a ValueError)
        Too few samples along an axis, coordinates of the wrong length or all equal, bad options. With more than
        NumPy's options also a step of 0 or NaN, and coordinates that repeat, turn back or are not finite.
    InputTypeError (a TypeError)
        The wrong number of arguments, or data that are not numeric.
    numpy.exceptions.AxisError
        An axis that ``f`` does not have.

    Warns
    -----
    AccuracyWarning
        With NumPy's options, a step of 0 or NaN, and coordinates that repeat or turn back: the numbers are
        NumPy's, but no derivatives. Once per axis, at the line of the call.

    See Also
    --------
    parzen.grid : Hessian, Laplacian, divergence and curl of arrays.

    Notes
    -----
    *Accuracy.* With the defaults the numbers are `numpy.gradient`'s, to the bit for float64. Otherwise the
    stencils have order + accuracy points (one less where a symmetric stencil on an even axis allows it) and
    are exact for polynomials of degree < order + accuracy. Integers and dates are subtracted exactly.

    *Cost.* One pass over memory for all axes; no temporaries of the size of the data for C- or
    Fortran-ordered floats, one converted copy for other layouts and dtypes. On Linux the pages of up to six dropped
    results of over 1 MiB wait for the next call of the same size, while the system may take them. Arrays of up
    to 8192 elements need no compiler; the first larger call of a process loads the compiled loops (about a
    quarter of a second), the first on a machine compiles them (about a second per dtype).

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
    ordinary = type(f) is np.ndarray or isinstance(f, (list, tuple, int, float, np.generic))
    if ordinary:
        f = as_samples(f)
        numpys = type(boundary) is str and (accuracy, order, boundary, period, nan) == NUMPYS
        if numpys and out is None and workers is None and is_small(f):
            # arrays of this size are answered before anything is made of the options, which takes microseconds
            samples = widened(f)
            if all_ordinary(samples, coordinates, edge_order):
                try:
                    answer = np.gradient(
                        samples, *coordinates, axis=cast(Any, axis), edge_order=cast(Any, edge_order)
                    )
                    return answer if samples is f else rounded(answer, f.dtype)
                except (ValueError, TypeError, OverflowError):  # explained below
                    pass
    options = Options(
        axis=axis, edge_order=edge_order, accuracy=accuracy, order=order, boundary=boundary, period=period, nan=nan,
        out=out, workers=workers, datetime_unit=datetime_unit,
    )  # fmt: skip
    if not ordinary:
        answer = containers.gradient(f, coordinates, options)
        if answer is not NotImplemented:
            return answer
    return derivatives(f, coordinates, options)
