"""What is differentiated with respect to what: f, the point x, and the variables of interest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from parzen.errors import InputError, InputTypeError
from parzen.typing import FloatArray, IntArray
from parzen.validation import as_vector, describe

__all__ = [
    "Output", "Target", "as_arguments", "as_bounds", "as_output", "as_point", "make_target", "require_function",
]  # fmt: skip


class Output(NamedTuple):
    """One value of f: its real numbers, flat (complex ones as pairs), and how to put them together."""

    flat: FloatArray
    shape: tuple[int, ...]
    is_complex: bool
    grain: float  # relative rounding of the numbers


def as_output(raw: Any) -> Output:
    """Check what f returned."""
    if hasattr(raw, "detach"):
        raw = raw.detach().cpu().resolve_conj().numpy()
    if isinstance(raw, np.ma.MaskedArray):
        raw = np.ma.filled(raw.astype(np.result_type(raw.dtype, np.float64)), np.nan)
    try:
        array = np.asarray(raw)
        if array.dtype.kind == "O":
            if any(entry is None for entry in array.flat):
                raise TypeError("None is not a number: a missing `return`?")
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputTypeError(
            f"`f` must return numbers; got {describe(raw)} ({error}). Return a float or an array of floats."
        ) from None
    if array.dtype.kind not in "fiubc":
        raise InputTypeError(
            f"`f` must return numbers; got {describe(raw)}. Return a float or an array of floats."
        )
    if array.size == 0:
        raise InputError(f"`f` must return at least one number; got shape {array.shape}. Check f.")
    is_complex = array.dtype.kind == "c"
    grain = float(np.finfo(array.dtype).eps) if array.dtype.kind in "fc" else 2.0**-52
    wide = array.astype(np.complex128 if is_complex else np.float64).ravel()
    return Output(wide.view(np.float64), array.shape, is_complex, max(grain, 2.0**-52))


def require_function(f: Any, x: Any, call: str = "grad(f, x)") -> None:
    """Refuse what cannot be called, with a word on densities, on arrays and on the order of f and x."""
    if not callable(f):
        remedy = "Pass a callable"
        if callable(x):
            remedy = f"The function comes first: {call}"
        elif callable(getattr(f, "log_density", None)):
            remedy = "Pass its method: `kde.log_density` of a fitted `kde`"
        elif isinstance(f, (list, tuple)) or hasattr(f, "__array__"):
            remedy = "Samples on a grid have derivatives by parzen.gradient and parzen.grid.hessian"
        raise InputTypeError(f"`f` must be a function; got {describe(f)}. {remedy}.")


@dataclass(frozen=True, eq=False)
class Target:
    """f as a function of one flat vector of all variables, of which `chosen` are differentiated.

    Attributes
    ----------
    f : callable
        As the caller gave it.
    given : object
        x as the caller gave it; None where arguments are named.
    x : ndarray of shape (n,)
        All variables, flat.
    shape : tuple of int
        The shape in which f wants them.
    chosen : ndarray of shape (p,)
        Positions in x of the variables of interest.
    chosen_shape : tuple of int
        The shape of one derivative.
    names : dict or None
        name → (start, stop, shape) in x, where arguments are named.
    """

    f: Callable[..., Any]
    given: Any
    x: FloatArray
    shape: tuple[int, ...]
    chosen: IntArray
    chosen_shape: tuple[int, ...]
    names: dict[str, tuple[int, int, tuple[int, ...]]] | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def call(self, z: Any) -> Any:
        """Call f with all variables from z, a flat array of NumPy, PyTorch or JAX."""
        if self.names is None:
            return self.f(z[0] if self.shape == () else z.reshape(self.shape), *self.args, **self.kwargs)
        own = {
            name: z[start] if shape == () else z[start:stop].reshape(shape)
            for name, (start, stop, shape) in self.names.items()
        }
        return self.f(*self.args, **{**self.kwargs, **own})

    def named(self, value: Any, lead: tuple[int, ...] = ()) -> Any:
        """Split a derivative of shape (*lead, p) by argument name; leave it alone where none are named."""
        if self.names is None:
            return value
        return {
            name: value[..., start:stop].reshape((*lead, *shape))[()]
            for name, (start, stop, shape) in self.names.items()
        }


def as_point(x: Any, name: str = "x") -> tuple[FloatArray, tuple[int, ...]]:
    """Return x as a flat finite float64 vector, and its shape."""
    if hasattr(x, "detach"):
        x = x.detach().cpu().numpy()
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()
    try:
        array = np.asarray(x)
    except ValueError:
        array = np.empty(0)
        as_vector(x, name)  # says what is wrong
    if array.dtype.kind == "c":
        raise InputTypeError(
            f"`{name}` must be real; got dtype {array.dtype}. Differentiate with respect to real and "
            "imaginary parts."
        )
    return as_vector(array.ravel(), name).copy(), array.shape


def as_bounds(
    bounds: Any, x: FloatArray, shape: tuple[int, ...], name: str = "x"
) -> tuple[FloatArray, FloatArray]:
    """Return the lower and the upper bound of every variable of the flat x, which must lie between them."""
    pair = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else (None, None) if bounds is None else bounds
    try:
        low, high = pair
        lower, upper = (
            np.broadcast_to(np.asarray(end if side is None else side, dtype=np.float64), shape).ravel().copy()
            for side, end in ((low, -np.inf), (high, np.inf))
        )
    except (TypeError, ValueError) as error:
        raise InputError(
            f"`bounds` must be (lower, upper), each a number or shaped like {name}; got {describe(bounds)} "
            f"({error}). Use None for no bound, and scipy.optimize.Bounds rather than a list of pairs."
        ) from None
    if not (lower <= upper).all():
        raise InputError(
            f"`bounds` must have lower <= upper; got {describe(low)} and {describe(high)}. Swap or mend them."
        )
    outside = np.flatnonzero(~((lower <= x) & (x <= upper)))
    if outside.size:
        i = int(outside[0])
        raise InputError(
            f"`{name}` must lie within the bounds (lower, upper); got {x[i]:g} outside "
            f"[{lower[i]:g}, {upper[i]:g}] at entry {i}. Move {name} or the bounds."
        )
    return lower, upper


def as_arguments(
    args: Sequence[Any], kwargs: Mapping[str, Any] | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Check what f takes besides x."""
    if isinstance(args, (str, bytes)) or not isinstance(args, Sequence):
        raise InputTypeError(f"`args` must be a tuple; got {describe(args)}. Write args=(value,).")
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise InputTypeError(
            f'`kwargs` must be a dictionary; got {describe(kwargs)}. Write kwargs={{"name": value}}.'
        )
    return tuple(args), dict(kwargs or {})


def make_target(
    f: Callable[..., Any], x: Any, wrt: Any, args: Sequence[Any], kwargs: Mapping[str, Any] | None
) -> Target:
    """Check f, x and wrt, and bring them into one form."""
    require_function(f, x)
    more, rest = as_arguments(args, kwargs)
    if x is not None:
        flat, shape = as_point(x)
        chosen, chosen_shape = _positions(wrt, flat.size, shape)
        return Target(f, x, flat, shape, chosen, chosen_shape, None, more, rest)
    wanted = (wrt,) if isinstance(wrt, str) else wrt
    if not isinstance(wanted, (tuple, list)) or not wanted or not all(isinstance(n, str) for n in wanted):
        raise InputError(
            f"`x` must be given, or `wrt` must name arguments in `kwargs`; got x=None, wrt={describe(wrt)}. "
            'Write grad(f, x) where JAX has grad(f)(x), or grad(f, kwargs={"mu": 1.0}, wrt="mu").'
        )
    if len(set(wanted)) < len(wanted):
        raise InputError(f"`wrt` must not name an argument twice; got {describe(wrt)}. Name each once.")
    names: dict[str, tuple[int, int, tuple[int, ...]]] = {}
    parts: list[FloatArray] = []
    start = 0
    for name in wanted:
        if name not in rest:
            raise InputError(
                f"`wrt` must name arguments in `kwargs`; got {name!r}. Known are "
                f"{', '.join(map(repr, rest))}."
            )
        flat, shape = as_point(rest.pop(name), f"kwargs[{name!r}]")
        names[name] = (start, start + flat.size, shape)
        start += flat.size
        parts.append(flat)
    everything = np.concatenate(parts)
    return Target(f, None, everything, (start,), np.arange(start), (start,), names, more, rest)


def _positions(wrt: Any, size: int, shape: tuple[int, ...]) -> tuple[IntArray, tuple[int, ...]]:
    """Turn wrt (None, index, indices, slice, mask) into positions in the flat x."""
    everything = np.arange(size).reshape(shape)
    if wrt is None:
        return everything.ravel(), shape
    try:
        one = isinstance(wrt, (int, np.integer, slice)) or (isinstance(wrt, tuple) and len(shape) > 1)
        index = wrt if one else np.asarray(wrt)
        if isinstance(index, np.ndarray) and index.dtype.kind not in "biu":
            raise IndexError(f"got {describe(wrt)}")
        picked = np.asarray(everything[index])
    except (IndexError, TypeError) as error:
        raise InputError(
            f"`wrt` must pick entries of x, which has shape {shape}; {error}. Use an index, a list of "
            "indices, a slice or a boolean mask; names of arguments go with `kwargs` and without `x`."
        ) from None
    if np.unique(picked).size < picked.size:
        raise InputError(f"`wrt` must not pick an entry twice; got {describe(wrt)}. Pick each once.")
    if picked.size == 0:
        raise InputError(f"`wrt` must pick at least one entry of x; got {describe(wrt)}. Pick one.")
    return picked.ravel(), picked.shape
