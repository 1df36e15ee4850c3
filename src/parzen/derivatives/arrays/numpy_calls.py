"""The calls that `numpy.gradient` itself answers: small arrays, and classes and dtypes with their own rules."""

from typing import Any, cast

import numpy as np

from parzen.derivatives.arrays.spacing import Spacing
from parzen.errors import InputError, InputTypeError

__all__ = ["all_ordinary", "is_small", "numpy_answer", "require_samples"]

SMALL = 8192  # up to so many elements NumPy's slices are as fast as compiled loops, and need no compiler


def is_small(f: Any) -> bool:
    """Whether a plain array is better served by NumPy's slices."""
    return type(f) is np.ndarray and f.size <= SMALL


def all_ordinary(f: Any, arguments: tuple[Any, ...], edge_order: Any) -> bool:
    """Whether NumPy reads a call as we do: decided in a few microseconds, for small arrays."""
    if f.dtype.char not in "dD" or type(edge_order) is not int:
        return False
    for value in arguments:
        kind = type(value)
        if kind is float or kind is int:
            usual = value > 0 or value < 0
        else:
            usual = kind is np.ndarray and value.ndim == 1 and value.dtype.char == "d"
            usual = usual and _is_steady(value)
        if not usual:
            return False
    return True


def _is_steady(x: Any) -> bool:
    """Whether coordinates increase or decrease strictly."""
    if x.size < 2:
        return True
    low, high = (x[:-1], x[1:]) if x.item(0) < x.item(-1) else (x[1:], x[:-1])
    return bool((low < high).all())


def require_samples(n: int, axis: int, edge_order: int) -> None:
    """Refuse an axis that is too short for NumPy's formulas."""
    if n < edge_order + 1:
        raise InputError(
            f"`f` must have at least (edge_order + 1) = {edge_order + 1} samples along each axis (Shape of "
            f"array too small to calculate a numerical gradient); got {n} along axis {axis}. Choose the "
            "axes that are long enough with `axis`."
        )


def numpy_answer(
    f: Any, coordinates: tuple[Any, ...], axes: tuple[int, ...], spacings: list[Spacing], edge_order: Any
) -> tuple[Any, ...] | None:
    """Return what `numpy.gradient` answers where it is right and nothing is faster; None elsewhere."""
    if not hasattr(edge_order, "__index__") and not isinstance(edge_order, float):
        raise InputTypeError(f"`edge_order` must be 1 or 2; got {edge_order!r}. Use `accuracy` for more.")
    if edge_order > 2:
        raise InputError(
            f"`edge_order` must be 1 or 2 ('edge_order' greater than 2 not supported); got {edge_order}. "
            "Use `accuracy` for more."
        )
    for axis in axes:
        require_samples(f.shape[axis], axis, edge_order)
    its_own = type(f) is not np.ndarray or f.dtype == object or any(map(_is_subclass, coordinates))
    peculiar = (
        its_own
        or f.dtype.kind not in "fciub"
        or f.dtype in (np.longdouble, np.clongdouble)
        or f.size == 0
        or edge_order not in (1, 2)
        or any(s.peculiar for s in spacings)
    )
    if _is_rounded_thrice(f, spacings, edge_order):
        return None
    if peculiar:
        f = f.astype(np.float64) if f.dtype.kind == "b" else f
        as_given = its_own and all(np.ndim(v) < 2 for v in coordinates)
        arguments = list(coordinates) if as_given else [_raw(s) for s in spacings] if coordinates else []
    elif (
        f.size <= SMALL
        and f.dtype.char in "dD"
        and all(s.gaps is None or s.points is not None for s in spacings)
    ):
        arguments = [_argument(s) for s in spacings] if coordinates else []
    else:
        return None
    # AccuracyWarning has said what NumPy would say for every division
    quiet: dict[str, Any] = (
        {"divide": "ignore", "invalid": "ignore"} if any(s.doubtful for s in spacings) else {}
    )
    with np.errstate(**quiet):
        answer = np.gradient(f, *arguments, axis=axes, edge_order=cast(Any, edge_order))
    return answer if isinstance(answer, tuple) else (answer,)


def _is_subclass(value: Any) -> bool:
    """Whether a spacing is of an array class with rules of its own, as units are."""
    return isinstance(value, np.ndarray) and type(value) is not np.ndarray


def _argument(spacing: Spacing) -> Any:
    """Turn a spacing back into an argument."""
    return spacing.step if spacing.step is not None else spacing.points


def _raw(spacing: Spacing) -> Any:
    """Return the argument as NumPy would read it, with exact differences where it would round."""
    if spacing.step == 0:
        return np.float64(spacing.step)  # by which everything can be divided, unlike by Python's 0
    if spacing.verbatim is not None:
        return spacing.verbatim
    return spacing.positions(0) if spacing.points is None and spacing.step is None else _argument(spacing)


def _is_rounded_thrice(f: Any, spacings: list[Spacing], edge_order: Any) -> bool:
    """Whether NumPy would truncate each term of a sum of durations, counted from 1970, to whole ticks."""
    if type(f) is not np.ndarray or f.dtype.kind not in "mM" or edge_order not in (1, 2) or not f.size:
        return False
    return all(s.verbatim is None for s in spacings) and (
        edge_order == 2 or any(s.gaps is not None for s in spacings)
    )
