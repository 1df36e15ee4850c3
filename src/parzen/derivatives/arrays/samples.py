"""The call on a NumPy array, in order: arguments, formulas, results."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from parzen.derivatives.arrays.layout import as_samples, differentiate, result_dtype, rounded, widened
from parzen.derivatives.arrays.numpy_calls import is_small, numpy_answer
from parzen.derivatives.arrays.options import Options, plan
from parzen.errors import InputError, InputTypeError
from parzen.validation import as_workers, describe

__all__ = ["derivatives"]

_THREADED = 1 << 18  # from so many elements on a second thread pays


def derivatives(f: Any, coordinates: tuple[Any, ...], options: Options) -> Any:
    """Return the derivatives of samples that NumPy holds, or can: an array for one axis, else a tuple."""
    f = as_samples(f)
    dtype = f.dtype
    if dtype.kind == "O":
        _require_differences(f)
    f = widened(f) if is_small(f) else f
    threads = 1 if options.workers is None and f.size < _THREADED else as_workers(options.workers)
    planned = plan(f.shape, coordinates, options)
    axes, spacings = planned.axes, planned.spacings
    outs = _outputs(options.out, f.shape, result_dtype(dtype), axes, planned.single)
    results: Sequence[Any] | None = None
    if options.is_numpys:
        results = numpy_answer(f, coordinates, axes, spacings, options.edge_order)
    if results is None:
        repaired = spacings if options.nan == "skip" else None
        results = differentiate(f, axes, planned.schemes(), outs, threads, repaired)
    elif outs is not None:
        for target, result in zip(outs, results, strict=True):
            np.copyto(target, result, casting="same_kind")
        results = outs
    answer = results[0] if planned.single else tuple(results)
    return answer if outs is not None or f.dtype is dtype else rounded(answer, dtype)


def _require_differences(f: Any) -> None:
    """Refuse objects that cannot be subtracted: text, None and the like."""
    for entry in f.flat:
        if not hasattr(entry, "__sub__"):
            raise InputTypeError(
                f"`f` must be an array of numbers or times; got {describe(entry)} among its entries. Convert it to "
                "an array of floats first, with NaN for what is missing."
            )


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
