"""Labelled, lazy, masked and foreign arrays: unwrap, differentiate, wrap again.

None of the libraries is imported here unless the caller already did: an object is recognised by the module of
its class, and its own library does the wrapping.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from parzen.derivatives.arrays.layout import result_dtype
from parzen.derivatives.arrays.lazy import apply_foreign, piece, run_piece, samples_needed
from parzen.derivatives.arrays.options import Options, plan
from parzen.derivatives.arrays.samples import derivatives
from parzen.derivatives.arrays.schemes import Scheme
from parzen.derivatives.arrays.times import numpy_times
from parzen.errors import InputError, InputTypeError
from parzen.validation import describe

__all__ = ["gradient", "is_container", "names", "values_and_coordinates"]


def _handler(f: Any) -> Callable[..., Any] | None:
    """Return what differentiates arrays of this class, if it has a row in the table at the end."""
    kinds = ((kind.__module__.partition(".")[0], kind.__name__) for kind in type(f).__mro__)
    return next((_HANDLERS[kind] for kind in kinds if kind in _HANDLERS), None)


def is_container(f: Any) -> bool:
    """Whether an array is labelled, lazy, masked or foreign, so that results should be of its class."""
    return isinstance(f, np.ma.MaskedArray) or _handler(f) is not None


def values_and_coordinates(f: Any, coordinates: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Return the values of a labelled array, and with no coordinates given those that it carries."""
    handler = _handler(f)
    if handler is _series:
        return _series_values(f), coordinates or (_index(f.index),)
    if handler is _data_array:
        return f.values, coordinates or _coordinates(f, f.dims)
    return f, coordinates


def names(f: Any) -> tuple[Sequence[Any], Any] | None:
    """Return what a labelled array calls its axes and its values, which may be None; None of any other array."""
    return (f.dims, f.name) if _handler(f) is _data_array else None


def gradient(f: Any, coordinates: tuple[Any, ...], options: Options) -> Any:
    """Differentiate what is not a plain NumPy array, or return NotImplemented where NumPy's rules hold."""
    handler = _handler(f)
    if handler is not None:
        return handler(f, coordinates, options)
    if isinstance(f, np.ma.MaskedArray):
        return _masked(f, coordinates, options)
    if not isinstance(f, np.ndarray) and hasattr(f, "__array_function__"):
        if not options.is_numpys or options.out is not None:
            raise InputTypeError(
                f"`f` must be an array that parzen knows for these options; got a {type(f).__name__}. "
                "Convert it with np.asarray first."
            )
        return np.gradient(f, *coordinates, axis=options.axis, edge_order=options.edge_order)
    return NotImplemented


def _refuse_out(options: Options, what: str) -> None:
    """Say that ``out`` is for NumPy arrays."""
    if options.out is not None:
        raise InputTypeError(
            f"`out` must be left out for {what}; got {describe(options.out)}. Use NumPy arrays."
        )


def _masked(f: Any, coordinates: tuple[Any, ...], options: Options) -> Any:
    """Leave masked arrays to NumPy; with other options, masked samples are missing ones."""
    _refuse_out(options, "masked arrays")
    if options.is_numpys:
        return NotImplemented
    floats = f.astype(np.result_type(f.dtype, np.float16) if f.dtype.kind in "fc" else np.float64)
    result = derivatives(floats.filled(np.nan), coordinates, options)
    wrap = [np.ma.masked_invalid(r) for r in (result if isinstance(result, tuple) else (result,))]
    return tuple(wrap) if isinstance(result, tuple) else wrap[0]


def _series(f: Any, coordinates: tuple[Any, ...], options: Options) -> Any:
    """Differentiate a pandas Series along its index, or with the spacing that is given."""
    _refuse_out(options, "a Series")
    result = derivatives(_series_values(f), coordinates or (_index(f.index),), options)
    return type(f)(result, index=f.index, name=f.name)


def _series_values(f: Any) -> Any:
    """Return the samples of a Series as NumPy holds them; missing ones are NaN."""
    if getattr(f.dtype, "tz", None) is not None:
        f = f.dt.tz_convert(None)
    values = f.to_numpy()
    if values.dtype.kind in "fciubmM":
        return values
    try:
        return f.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        raise InputTypeError(
            f"`f` must be a Series of numbers or times; got dtype {f.dtype}. Convert it with pandas.to_numeric."
        ) from None


def _index(index: Any) -> Any:
    """Return the coordinates that a pandas index holds; dates with a time zone in universal time."""
    values = np.asarray(numpy_times(index))
    if values.dtype.kind in "iufmM":
        return values
    raise InputTypeError(
        f"`f` must have a numeric or date index; got a {type(index).__name__} of {values.dtype}. Pass a spacing "
        "or coordinates: gradient(series, x)."
    )


def _data_frame(f: Any, coordinates: tuple[Any, ...], options: Options) -> Any:
    """Refuse tables: whether rows and columns are both coordinates is not ours to guess."""
    columns = "`frame.apply(parzen.gradient)` for each column along the index"
    if not hasattr(f, "apply"):  # polars
        columns = "`parzen.gradient(frame['name'])` for a column"
    raise InputTypeError(
        f"`f` must be an array or a Series; got a DataFrame of shape {f.shape}. Use {columns}, or "
        "`frame.to_numpy()` for a 2-D field."
    )


def _data_array(f: Any, coordinates: tuple[Any, ...], options: Options) -> Any:
    """Differentiate an xarray DataArray along its dimensions, with its coordinates; ``axis`` may name them."""
    _refuse_out(options, "a DataArray")
    axis = options.axis
    named = [axis] if isinstance(axis, (str, int)) else axis
    if named is None:
        dims = list(f.dims)
    else:
        dims = [n if isinstance(n, str) else f.dims[normalize_axis_tuple(n, f.ndim)[0]] for n in named]
    unknown = [d for d in dims if d not in f.dims]
    if unknown:
        raise InputError(
            f"`axis` must name dimensions of `f`; got {unknown[0]!r}. It has {', '.join(map(str, f.dims))}."
        )
    axes = tuple(f.dims.index(d) for d in dims)
    coordinates = coordinates or _coordinates(f, dims)
    result = _wrapped(f.data, coordinates, replace(options, axis=axes))
    results = result if isinstance(result, tuple) else (result,)
    wrapped = [f.copy(data=r) for r in results]
    return wrapped[0] if len(axes) == 1 else tuple(wrapped)


def _coordinates(f: Any, dims: Sequence[Any]) -> tuple[Any, ...]:
    """Return the coordinates of dimensions; step 1 where there are none."""
    return tuple(np.asarray(f.coords[d].values) if d in f.coords else 1.0 for d in dims)


def _dataset(f: Any, coordinates: tuple[Any, ...], options: Options) -> Any:
    """Refuse collections of arrays."""
    raise InputTypeError(
        f"`f` must be a DataArray; got a Dataset of {len(f)} variables. Differentiate them one by one: "
        "`dataset.map(parzen.gradient, axis='x')`."
    )


def _wrapped(data: Any, coordinates: tuple[Any, ...], options: Options) -> Any:
    """Differentiate the data of a container, which may be lazy or masked itself."""
    answer = NotImplemented if type(data) is np.ndarray else gradient(data, coordinates, options)
    return derivatives(data, coordinates, options) if answer is NotImplemented else answer


def _dask(f: Any, coordinates: tuple[Any, ...], options: Options) -> Any:
    """Differentiate a dask array lazily: each chunk with as many neighbours as its stencils reach."""
    _refuse_out(options, "dask arrays")
    if options.nan == "skip":
        raise InputError(
            "`nan` must be 'propagate' for dask arrays; got 'skip', which may look any distance for "
            "samples. Call `.compute()` first."
        )
    if any(n != n for n in f.shape):
        raise InputError(
            f"`f` must have chunks of known size; got shape {f.shape}. Call `f.compute_chunk_sizes()` first."
        )
    planned = plan(f.shape, coordinates, options)
    results = [_dask_axis(f, s, a) for s, a in zip(planned.schemes(), planned.axes, strict=True)]
    return results[0] if planned.single else tuple(results)


def _dask_axis(f: Any, scheme: Scheme, axis: int) -> Any:
    """Differentiate along one axis, chunk by chunk."""
    import dask.array as da

    where = (slice(None),) * axis
    pieces = []
    start = 0
    for length in f.chunks[axis]:
        stop = start + length
        needed = samples_needed(scheme, start, stop)
        low, high = int(needed[0]), int(needed[-1]) + 1
        source = f[(*where, slice(low, high) if len(needed) == high - low else needed)].rechunk({axis: -1})
        first = int(np.searchsorted(needed, start))
        pieces.append(
            source.map_blocks(
                run_piece,
                scheme=piece(scheme, needed, start, stop),
                axis=axis,
                keep=slice(first, first + length),
                meta=np.empty((0,) * f.ndim, result_dtype(f.dtype)),
                chunks=tuple((length,) if k == axis else c for k, c in enumerate(source.chunks)),
            )
        )
        start = stop
    return da.concatenate(pieces, axis=axis)


def _torch(f: Any, coordinates: tuple[Any, ...], options: Options) -> Any:
    """Differentiate a tensor with tensor operations: it stays on its device, and autograd goes through."""
    torch = sys.modules["torch"]
    return _foreign(
        f if f.is_floating_point() or f.is_complex() else f.double(),
        coordinates,
        options,
        take=lambda x, start, stop, axis: x.narrow(axis, start, stop - start),
        join=lambda parts, axis: torch.cat(parts, dim=axis),
        constant=lambda w, x: torch.as_tensor(
            w, dtype=x.real.dtype if x.is_complex() else x.dtype, device=x.device
        ),
        numpy=lambda x: (x.double() if x.is_floating_point() else x).detach().cpu().numpy(),
        what="tensors",
    )


def _jax(f: Any, coordinates: tuple[Any, ...], options: Options) -> Any:
    """Differentiate a JAX array with JAX operations: works under jit, grad and vmap."""
    jax = sys.modules["jax"]
    jnp, lax = jax.numpy, jax.lax
    return _foreign(
        f if jnp.issubdtype(f.dtype, jnp.inexact) else f.astype(jnp.result_type(float)),
        coordinates,
        options,
        take=lambda x, start, stop, axis: lax.slice_in_dim(x, start, stop, axis=axis),
        join=lambda parts, axis: jnp.concatenate(parts, axis=axis),
        constant=lambda w, x: jnp.asarray(w, dtype=jnp.finfo(x.dtype).dtype),
        numpy=np.asarray,
        what="JAX arrays",
    )


def _foreign(
    f: Any,
    coordinates: tuple[Any, ...],
    options: Options,
    *,
    take: Callable[..., Any],
    join: Callable[..., Any],
    constant: Callable[..., Any],
    numpy: Callable[..., Any],
    what: str,
) -> Any:
    """Carry schemes out with the operations of another array library."""
    _refuse_out(options, what)
    if options.nan == "skip":
        raise InputError(f"`nan` must be 'propagate' for {what}; got 'skip'. Convert to NumPy first.")
    arguments = tuple(
        numpy(v) if type(v).__module__.split(".")[0] in ("torch", "jax", "jaxlib") else v for v in coordinates
    )
    planned = plan(tuple(f.shape), arguments, options)
    results = [
        apply_foreign(s, f, a, take, join, constant)
        for s, a in zip(planned.schemes(), planned.axes, strict=True)
    ]
    return results[0] if planned.single else tuple(results)


_HANDLERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("xarray", "DataArray"): _data_array,
    ("xarray", "Dataset"): _dataset,
    ("pandas", "Series"): _series,
    ("pandas", "DataFrame"): _data_frame,
    ("polars", "DataFrame"): _data_frame,
    ("dask", "Array"): _dask,
    ("torch", "Tensor"): _torch,
    ("jaxlib", "ArrayImpl"): _jax,
    ("jaxlib", "Array"): _jax,
    ("jax", "Array"): _jax,
    ("jax", "Tracer"): _jax,
}
