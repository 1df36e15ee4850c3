"""From checked arguments to an answer: the methods are tried in order, the result is named and explained."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypedDict

import numpy as np

from parzen.derivatives.functions.backends import METHODS
from parzen.derivatives.functions.backends.autodiff import plain_target
from parzen.derivatives.functions.backends.exact import DensityAtPoint, point_function
from parzen.derivatives.functions.backends.interface import Found, Job, NotPossible
from parzen.derivatives.functions.backends.symbolic import as_function
from parzen.derivatives.functions.backends.trust import disagreement
from parzen.derivatives.functions.lines import Room
from parzen.derivatives.functions.problem import REMEDIES
from parzen.derivatives.functions.result import Derivative
from parzen.derivatives.functions.sampling import Workers
from parzen.derivatives.functions.target import as_bounds, make_target
from parzen.errors import AccuracyError, InputError, ParzenWarning
from parzen.validation import as_positive_float, as_positive_int, describe

__all__ = ["CHECKED", "Options", "apply", "find", "prepare", "value_of"]

KINDS = ("derivative", "gradient", "jacobian", "hessian")
#: Methods that call f with NumPy arrays, whatever library it belongs to.
PLAIN = ("complex-step", "finite-difference")
#: Methods whose results are compared with one difference along one direction.
CHECKED = ("autodiff", "symbolic", "complex-step")
#: The highest derivative of a function of one number.
MOST_ORDER = 6
#: A relative error up to which it is sensible to ask for no more.
WORTH_HAVING = 0.1
#: An entry so many times smaller than the largest one is measured by that, except by differences.
SMALL_ENTRY = 2.0**-20


class Options(TypedDict, total=False):
    """The keywords of `parzen.differentiate`, for its short forms."""

    wrt: Any
    method: str
    order: int
    scale: Any
    bounds: Any
    rtol: float | None
    noise: float | None
    vectorized: bool | Literal["auto"]
    workers: Workers | None
    args: Sequence[Any]
    kwargs: Mapping[str, Any] | None


def prepare(
    f: Any, x: Any, kind: str, *, wrt: Any = None, method: str = "auto", order: Any = 1, scale: Any = None,
    bounds: Any = None, rtol: Any = None, noise: Any = None, vectorized: Any = "auto", workers: Any = None,
    args: Any = (), kwargs: Any = None,
) -> tuple[Job, str]:  # fmt: skip
    """Check every argument."""
    if kind not in KINDS:
        raise InputError(f"`kind` must be one of {', '.join(KINDS)}; got {kind!r}. Choose one.")
    if method != "auto" and method not in METHODS:
        raise InputError(
            f"`method` must be 'auto' or one of {', '.join(METHODS)}; got {method!r}. Choose one."
        )
    order = as_positive_int(order, "order")
    if order > 1 and kind != "derivative":
        remedy = "Leave it out" if kind == "hessian" else "Use kind='hessian', or 'derivative' of one number"
        raise InputError(f"`order` must be 1 for a {kind}; got {order}. {remedy}.")
    if order > MOST_ORDER:
        raise InputError(f"`order` must be 1 to {MOST_ORDER}; got {order}. Use at most {MOST_ORDER}.")
    if not isinstance(vectorized, (bool, np.bool_)) and not (
        isinstance(vectorized, str) and vectorized == "auto"
    ):
        raise InputError(f"`vectorized` must be True, False or 'auto'; got {vectorized!r}. Choose one.")
    if not callable(workers):
        workers = 1 if workers is None else as_positive_int(workers, "workers")
    if rtol is None:
        rtol = 1e-6 if kind == "hessian" or order == 2 else 1e-8 if order == 1 else 1e-4
    rtol = as_positive_float(rtol, "rtol")
    if not rtol < 1:
        raise InputError(f"`rtol` must be below 1; got {rtol:g}. Use 1e-8 for eight digits.")
    rtol = max(rtol, 2.0**-52)
    if noise is not None and noise != 0:
        noise = as_positive_float(noise, "noise")
    at = 0.0 if kind == "derivative" and x is not None else x  # separate numbers, whatever the shape of x
    target = make_target(point_function(as_function(f), at), x, wrt, args, kwargs)
    if kind == "derivative" and target.names is not None and target.x.size != 1:
        raise InputError(
            "`x` must be given for the derivatives at several points; got names. Use kind='gradient'."
        )
    lower, upper = as_bounds(bounds, target.x, target.shape)
    picked = target.chosen
    length = None
    if scale is None and isinstance(target.f, DensityAtPoint) and target.shape == target.f.scale.shape:
        scale = target.f.scale
    if scale is not None:
        try:
            length = np.broadcast_to(np.asarray(scale, dtype=np.float64), target.shape).ravel()
        except (TypeError, ValueError):
            length = np.zeros(1)
        if not (np.isfinite(length) & (length > 0)).all():
            raise InputError(
                f"`scale` must be positive lengths in units of x, one or shaped like x; got {describe(scale)}. "
                "Check it."
            )
    if kind == "derivative" and target.names is None:  # separate points: forget those that are not wanted
        lower, upper = lower[picked], upper[picked]
        length = None if length is None else length[picked]
        target = replace(target, x=target.x[picked], shape=target.chosen_shape, chosen=np.arange(picked.size))
    room = Room(lower, upper, length, noise, rtol)
    return Job(target, kind, order, room, vectorized, workers), method


def find(job: Job, method: str) -> tuple[Derivative, Any]:
    """Try the methods in order; return the result and f(x) where it is known."""
    with np.errstate(all="ignore"):  # values far from x may overflow
        return _find(job, method)


def apply(job: Job, name: str) -> Found:
    """Differentiate by one method, without a second opinion."""
    own = replace(job, target=plain_target(job.target)) if name in PLAIN else job
    return _one_number(job, METHODS[name].differentiate(own))


def _find(job: Job, method: str) -> tuple[Derivative, Any]:
    """The same, as it is."""
    plain = replace(job, target=plain_target(job.target))
    calls = 0
    remarks: list[str] = []
    for name, module in METHODS.items():
        if method not in ("auto", name):
            continue
        foreign = name == "complex-step" and plain.target is not job.target  # a tensor function
        own = plain if name in PLAIN else job
        reason = None if foreign and method == "auto" else module.applies(own)
        if reason is None:
            if method == name:
                raise InputError(
                    f"`method` must suit the function; got {name!r}, which does not apply: {module.WHY_NOT}. "
                    "Use 'auto'."
                )
            continue
        try:
            found = apply(job, name)
        except NotPossible as obstacle:
            calls += obstacle.n_evaluations
            if method == name:
                raise InputError(
                    f"`method` must suit the function; got {name!r}: {obstacle}. Use 'auto'."
                ) from obstacle
            remarks.append(f"not {name}: {obstacle}")
            continue
        calls += found.n_evaluations
        if name != "finite-difference" and method == "auto" and not found.converged:
            remarks.append(f"not {name}: not finite")
            continue
        if name in CHECKED and found.converged:
            wrong, more = disagreement(plain, found)
            calls += more
            if wrong is not None:
                message = f"{name} disagrees with differences: {wrong}"
                warnings.warn(
                    f"{message}. "
                    + ("The next method is used." if method == "auto" else "The result is not converged."),
                    ParzenWarning,
                    stacklevel=5,
                )
                remarks.append(f"not {name}: it disagrees with differences")
                if method == "auto":
                    continue
                found = found._replace(
                    converged=False, why=message, error=np.full(np.shape(found.value), np.inf)
                )
        # a framework computes in the precision that its user chose, float32 as a rule: said, but no failure
        rounds = name not in ("finite-difference", "autodiff")
        if rounds and found.converged and not _is_within(found, job.room.rtol):
            found = found._replace(converged=False, why=f"rounding of {name} exceeds `rtol`{found.note}")
        text = "; ".join([reason + found.note, *remarks])
        if not found.converged:
            text = f"{text}. Not converged: {found.why or 'not finite'}"
        value, error, step = (_named(job, each) for each in (found.value, found.error, found.step))
        return Derivative(value, error, name, text, calls, found.converged, step), found.base
    raise InputError(f"`f` must be differentiable by some method; {'; '.join(remarks)}. Check f.")


def _is_within(found: Found, rtol: float) -> bool:
    """Whether the error of every entry is within the tolerance."""
    size = np.abs(found.value)
    allowed = rtol * np.maximum(size, SMALL_ENTRY * np.max(size, initial=0.0))
    return bool(np.all(found.error <= allowed + float(np.finfo(np.float64).tiny)))


def _named(job: Job, array: Any) -> Any:
    """Split an array by argument name, where arguments are named; make a number of a 0-d array."""
    if job.target.names is None or job.kind == "derivative":
        return np.asarray(array)[()]
    return job.target.named(np.asarray(array), np.shape(array)[:-1])


def _one_number(job: Job, found: Found) -> Found:
    """Bring a gradient into the shape of x; f may return shape (1,) or (1, 1)."""
    want = job.target.chosen_shape
    shape = np.shape(found.value)
    if job.kind != "gradient" or shape == want:
        return found
    if np.size(found.value) != math.prod(want):
        lead = shape[: len(shape) - len(want)]
        raise InputError(f"`f` must return one number for a gradient; got shape {lead}. Use jacobian.")
    return found._replace(
        value=np.reshape(found.value, want),
        error=np.reshape(found.error, want),
        step=np.reshape(found.step, want),
    )


def value_of(found: Derivative) -> Any:
    """Return the value, or refuse."""
    if not found.converged:
        why = found.reason.rpartition("Not converged: ")[2]
        relative, estimate = _best_estimate(found)
        remedy = next((text for start, text in REMEDIES.items() if why.startswith(start)), "move x")
        if relative < WORTH_HAVING:
            remedy = f"raise `rtol` to {4 * relative:.0e}"  # a margin for noise that is estimated
        raise AccuracyError(
            f"`f` must be differentiable to `rtol` at x; got: {why}. {estimate} by {found.method}: call "
            f"differentiate() for all that is known, or {remedy}."
        )
    return found.value


def _best_estimate(found: Derivative) -> tuple[float, str]:
    """The relative error, and the value and its error, of the least known entry where there are several."""
    parts = found.value if isinstance(found.value, dict) else {"": found.value}
    errors = found.error if isinstance(found.error, dict) else {"": found.error}
    worst: tuple[float, str] = (-1.0, "")
    for name, value in parts.items():
        values, error = np.atleast_1d(value), np.atleast_1d(errors[name])
        with np.errstate(all="ignore"):
            relative = np.nan_to_num(error / np.abs(values), nan=np.inf, posinf=np.inf)
        at = np.unravel_index(int(np.argmax(relative)), values.shape)
        index = ", ".join(map(str, map(int, at))) if np.ndim(value) else ""
        where = f" of {name}" * bool(name) + f" at entry {index}" * bool(index)
        text = f"The best estimate{where} is {values[at]:.6g} ± {error[at]:.2g}"
        worst = max(worst, (float(relative[at]), text), key=lambda pair: pair[0])
    return worst
