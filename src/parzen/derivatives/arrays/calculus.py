"""Hessian, Laplacian, divergence and curl of sampled arrays.

Axes are named as in NumPy: axis 0 is the first index. For an image or a table made with ``meshgrid(x, y)``
that means **rows are y, columns are x**: the first spacing, the first component and the first derivative
belong to y.

Second derivatives along one axis use one stencil for ∂²; mixed ones differentiate along one axis and then the
other, each with full accuracy up to the ends.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from parzen.derivatives.arrays.containers import is_container
from parzen.derivatives.arrays.gradient import gradient
from parzen.derivatives.arrays.spacing import mesh_line, read_spacings
from parzen.derivatives.arrays.times import numpy_times
from parzen.errors import InputError, InputTypeError
from parzen.validation import describe

__all__ = ["curl", "divergence", "hessian", "laplacian"]

_Axes = int | Sequence[int] | None


def hessian(
    f: Any,
    *coordinates: Any,
    axis: _Axes = None,
    accuracy: int = 2,
    boundary: str | tuple[str, str] = "one-sided",
    period: float | None = None,
    nan: str = "propagate",
    workers: int | None = None,
    datetime_unit: str = "s",
) -> Any:
    """All second derivatives of an array: H[i, j] = ∂²f/∂x_i∂x_j.

    Parameters
    ----------
    f : array-like of shape (n_0, …, n_{d-1})
        Samples.
    *coordinates : scalar or array, optional
        Spacings or coordinates of the axes, as in `parzen.gradient`.
    axis : int or sequence of int, optional
        The k axes to differentiate along; all by default.
    accuracy, boundary, period, nan, workers, datetime_unit
        As in `parzen.gradient`. Accuracy holds up to the ends, for mixed derivatives too.

    Returns
    -------
    ndarray of shape (k, k, n_0, …, n_{d-1})
        Symmetric in its first two axes.

    Raises
    ------
    InputError, InputTypeError
        As `parzen.gradient`.

    Notes
    -----
    The diagonal costs one pass; each of the k (k-1)/2 mixed derivatives one more, and one work array.

    Examples
    --------
    >>> import numpy as np
    >>> from parzen.grid import hessian
    >>> y, x = np.mgrid[0:4, 0:5]
    >>> hessian(x**2 * y)[:, :, 1, 2]  # [[∂yy, ∂yx], [∂xy, ∂xx]] at y = 1, x = 2
    array([[0., 4.],
           [4., 2.]])
    """
    derive = partial(
        gradient, accuracy=accuracy, boundary=boundary, period=period, nan=nan, workers=workers,
        datetime_unit=datetime_unit,
    )  # fmt: skip
    f, shape = _as_field(f)
    axes = tuple(range(len(shape))) if axis is None else normalize_axis_tuple(axis, len(shape))
    arguments = _one_an_axis(coordinates, shape, axes, datetime_unit)
    seconds = _as_tuple(derive(f, *_flat(arguments), axis=axes, order=2))
    rows = [[second if i == j else None for j in range(len(axes))] for i, second in enumerate(seconds)]
    for i, j in combinations(range(len(axes)), 2):
        mixed = _first(derive, _first(derive, f, arguments[i], axes[i]), arguments[j], axes[j])
        rows[i][j] = rows[j][i] = mixed
    if not rows:
        return np.empty((0, 0, *shape))
    return _stack([part for row in rows for part in row]).reshape(len(axes), len(axes), *shape)


def laplacian(
    f: Any,
    *coordinates: Any,
    axis: _Axes = None,
    accuracy: int = 2,
    boundary: str | tuple[str, str] = "one-sided",
    period: float | None = None,
    nan: str = "propagate",
    workers: int | None = None,
    datetime_unit: str = "s",
) -> Any:
    """Sum of the unmixed second derivatives, Σ_i ∂²f/∂x_i².

    Parameters
    ----------
    f : array-like of shape (n_0, …, n_{d-1})
        Samples.
    *coordinates : scalar or array, optional
        Spacings or coordinates of the axes, as in `parzen.gradient`.
    axis : int or sequence of int, optional
        The axes to sum over; all by default.
    accuracy, boundary, period, nan, workers, datetime_unit
        As in `parzen.gradient`.

    Returns
    -------
    ndarray of the shape of ``f``

    Raises
    ------
    InputError, InputTypeError
        As `parzen.gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> from parzen.grid import laplacian
    >>> y, x = np.mgrid[0:5:0.5, 0:4:0.5]
    >>> bool(np.allclose(laplacian(x**2 + 3 * y**2, 0.5), 8))
    True
    """
    f, shape = _as_field(f)
    terms = gradient(
        f, *coordinates, axis=axis, order=2, accuracy=accuracy, boundary=boundary, period=period, nan=nan,
        workers=workers, datetime_unit=datetime_unit,
    )  # fmt: skip
    return _sum(_as_tuple(terms), shape)


def divergence(
    components: Any,
    *coordinates: Any,
    accuracy: int = 2,
    boundary: str | tuple[str, str] = "one-sided",
    period: float | None = None,
    nan: str = "propagate",
    workers: int | None = None,
    datetime_unit: str = "s",
) -> Any:
    """Divergence of a sampled vector field, Σ_i ∂v_i/∂x_i.

    Parameters
    ----------
    components : sequence of d arrays of shape (n_0, …, n_{d-1}), or array of shape (d, n_0, …, n_{d-1})
        Component i points along axis i: for an image (v_y, v_x), rows first.
    *coordinates : scalar or array, optional
        Spacings or coordinates of the axes, as in `parzen.gradient`.
    accuracy, boundary, period, nan, workers, datetime_unit
        As in `parzen.gradient`; with accuracy 2 the ends are of second order too.

    Returns
    -------
    ndarray of shape (n_0, …, n_{d-1})

    Raises
    ------
    InputError, InputTypeError
        Not one component an axis, components of different shapes, or as `parzen.gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> from parzen.grid import divergence
    >>> y, x = np.mgrid[0:4, 0:5]
    >>> bool(np.allclose(divergence((3 * y, x**2)), 3 + 2 * x))
    True
    """
    fields, arguments = _fields(components, coordinates, datetime_unit)
    derive = partial(
        gradient, accuracy=accuracy, boundary=boundary, period=period, nan=nan, workers=workers,
        datetime_unit=datetime_unit,
    )  # fmt: skip
    return _sum([_first(derive, v, arguments[i], i) for i, v in enumerate(fields)], fields[0].shape)


def curl(
    components: Any,
    *coordinates: Any,
    accuracy: int = 2,
    boundary: str | tuple[str, str] = "one-sided",
    period: float | None = None,
    nan: str = "propagate",
    workers: int | None = None,
    datetime_unit: str = "s",
) -> Any:
    """Curl of a sampled vector field in two or three dimensions, with respect to the axes in their order.

    In three dimensions, with axes (0, 1, 2): (∂₁v₂ - ∂₂v₁, ∂₂v₀ - ∂₀v₂, ∂₀v₁ - ∂₁v₀).
    In two: the scalar ∂₀v₁ - ∂₁v₀.

    Parameters
    ----------
    components : sequence of d arrays of shape (n_0, …, n_{d-1}), d = 2 or 3, or one array of shape (d, …)
        Component i points along axis i.
    *coordinates : scalar or array, optional
        Spacings or coordinates of the axes, as in `parzen.gradient`.
    accuracy, boundary, period, nan, workers, datetime_unit
        As in `parzen.gradient`; with accuracy 2 the ends are of second order too.

    Returns
    -------
    ndarray of shape (3, n_0, n_1, n_2) or (n_0, n_1)
        Right-handed if the axes are: for data indexed ``[x, y, z]``. With *rows = y*, data indexed ``[y, x]``
        and components (v_y, v_x), the result is ∂v_x/∂y - ∂v_y/∂x: minus the usual curl, because (y, x) is
        left-handed. Index data ``[x, y]``, or change the sign.

    Raises
    ------
    InputError, InputTypeError
        Not two or three components, components of different shapes, or as `parzen.gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> from parzen.grid import curl
    >>> x, y = np.mgrid[0:4, 0:5]
    >>> bool(np.allclose(curl((-y, x)), 2))  # a rotation
    True
    """
    fields, arguments = _fields(components, coordinates, datetime_unit)
    d = len(fields)
    if d not in (2, 3):
        raise InputError(
            f"`components` must be two or three arrays; got {d}. The curl exists in 2-D and 3-D only."
        )
    derive = partial(
        gradient, accuracy=accuracy, boundary=boundary, period=period, nan=nan, workers=workers,
        datetime_unit=datetime_unit,
    )  # fmt: skip

    def rotation(i: int, j: int) -> Any:
        return _first(derive, fields[j], arguments[i], i) - _first(derive, fields[i], arguments[j], j)

    return rotation(0, 1) if d == 2 else _stack([rotation(1, 2), rotation(2, 0), rotation(0, 1)])


def _as_field(f: Any, name: str = "f") -> tuple[Any, tuple[int, ...]]:
    """Return a container as it is, anything else as an array, and the shape."""
    f = f if is_container(f) else np.asarray(numpy_times(f, name))
    return f, tuple(f.shape)


def _one_an_axis(
    coordinates: tuple[Any, ...], shape: tuple[int, ...], axes: tuple[int, ...], datetime_unit: str
) -> list[tuple[Any, ...]]:
    """Return the spacing arguments of each axis: one, or none where the array itself knows its coordinates."""
    if not coordinates:
        return [()] * len(axes)
    _, order = read_spacings(coordinates, shape, axes, datetime_unit)
    if len(coordinates) == 1 and np.ndim(coordinates[0]) == 0:
        return [coordinates] * len(axes)
    if any(np.ndim(v) > 1 for v in coordinates):
        if order != axes:
            raise InputError(
                "`coordinates` must come in the order of the axes here; got an 'xy' mesh (x, y). Pass (y, x) or "
                "1-D coordinates, rows first."
            )
        return [(mesh_line(v, a, shape),) for v, a in zip(coordinates, axes, strict=True)]
    return [(v,) for v in coordinates]


def _flat(arguments: list[tuple[Any, ...]]) -> list[Any]:
    """Return the arguments of several axes in a row."""
    return [value for argument in arguments for value in argument]


def _fields(
    components: Any, coordinates: tuple[Any, ...], datetime_unit: str
) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """Return the components of a vector field as equal arrays, and the spacing argument of each axis."""
    if not isinstance(components, (tuple, list)) and not getattr(components, "ndim", 0):
        raise InputTypeError(
            f"`components` must be a sequence of arrays; got {describe(components)}. Pass a tuple."
        )
    fields = [_as_field(v, "components")[0] for v in components]
    shapes = {tuple(v.shape) for v in fields}
    if not fields or len(shapes) != 1 or len(fields) != len(fields[0].shape):
        raise InputError(
            f"`components` must be d arrays of one d-dimensional shape; got {len(fields)} of shape"
            f"{'s' if len(shapes) != 1 else ''} {', '.join(map(str, sorted(shapes)))}. Give one component an "
            "axis, in the order of the axes."
        )
    (shape,) = shapes
    return fields, _one_an_axis(coordinates, shape, tuple(range(len(shape))), datetime_unit)


def _first(derive: Callable[..., Any], f: Any, argument: tuple[Any, ...], axis: int) -> Any:
    """First derivative along one axis, of full accuracy up to the ends."""
    return derive(f, *argument, axis=axis, edge_order=2)


def _as_tuple(result: Any) -> tuple[Any, ...]:
    """Treat one result and several alike."""
    return result if isinstance(result, tuple) else (result,)


def _sum(terms: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Add up without further temporaries, where the dtype of the sum allows it."""
    if not terms:
        return np.zeros(shape)
    total = terms[0]
    for term in terms[1:]:
        if getattr(term, "dtype", None) == getattr(total, "dtype", None):
            total += term
        else:
            total = total + term
    return total


def _stack(parts: Sequence[Any]) -> Any:
    """Stack arrays with the library they belong to; labelled ones become plain arrays."""
    module = type(parts[0]).__module__.partition(".")[0]
    if isinstance(parts[0], np.ma.MaskedArray):
        return np.ma.stack(parts)
    name = {"torch": "torch", "jax": "jax.numpy", "jaxlib": "jax.numpy"}.get(module, "numpy")
    return sys.modules[name].stack(parts)
