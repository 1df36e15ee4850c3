"""From checked arguments to an answer: the methods are tried in order, the result is named and explained."""

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from parzen.derivatives.backends import METHODS
from parzen.derivatives.backends.autodiff import plain_target
from parzen.derivatives.backends.exact import point_function
from parzen.derivatives.backends.interface import Found, Job, NotPossible
from parzen.derivatives.backends.symbolic import as_function
from parzen.derivatives.backends.trust import disagreement
from parzen.derivatives.functions_lines import Room
from parzen.derivatives.functions_result import Derivative
from parzen.derivatives.functions_target import Target, make_target
from parzen.errors import AccuracyError, InputError, ParzenWarning
from parzen.typing import FloatArray
from parzen.validation import as_positive_float, as_positive_int, as_tolerance, describe

__all__ = ["find", "prepare", "value_of"]

KINDS = ("derivative", "gradient", "jacobian", "hessian")


def prepare(
    f: Any, x: Any, kind: str, wrt: Any, method: str, order: Any, scale: Any, bounds: Any, rtol: Any,
    noise: Any, vectorized: Any, workers: Any, args: Any, kwargs: Any,
) -> tuple[Job, str]:  # fmt: skip
    """Check every argument."""
    if kind not in KINDS:
        raise InputError(f"`kind` must be one of {', '.join(KINDS)}; got {kind!r}. Choose one.")
    if method != "auto" and method not in METHODS:
        raise InputError(
            f"`method` must be 'auto' or one of {', '.join(METHODS)}; got {method!r}. Choose one."
        )
    order = as_positive_int(order, "order")
    if order > 6 or (order > 1 and kind != "derivative"):
        raise InputError(f"`order` must be 1 to 6, and 1 for a {kind}; got {order}. Use kind='derivative'.")
    if vectorized not in (True, False, "auto"):
        raise InputError(f"`vectorized` must be True, False or 'auto'; got {vectorized!r}. Choose one.")
    if not callable(workers):
        workers = 1 if workers is None else as_positive_int(workers, "workers")
    if rtol is None:
        rtol = 1e-6 if kind == "hessian" or order == 2 else 1e-8 if order == 1 else 1e-4
    rtol = max(as_tolerance(rtol, "rtol"), 2.0**-52)
    if noise is not None and noise != 0:
        noise = as_positive_float(noise, "noise")
    target = make_target(point_function(as_function(f)), x, wrt, args, kwargs)
    if kind == "derivative" and target.names is not None and target.x.size != 1:
        raise InputError(
            "`x` must be given for the derivatives at several points; got names. Use kind='gradient'."
        )
    lower, upper = _bounds(bounds, target)
    picked = target.chosen
    length = None
    if scale is not None:
        length = np.broadcast_to(np.asarray(scale, dtype=np.float64), target.shape).ravel()
        if not (np.isfinite(length) & (length > 0)).all():
            raise InputError(
                f"`scale` must be positive lengths in units of x; got {describe(scale)}. Check it."
            )
    if kind == "derivative" and target.names is None:  # separate points: forget those that are not wanted
        lower, upper = lower[picked], upper[picked]
        length = None if length is None else length[picked]
        target = replace(target, x=target.x[picked], shape=target.chosen_shape, chosen=np.arange(picked.size))
    room = Room(lower, upper, length, noise, rtol)
    return Job(target, kind, order, room, vectorized, workers), method


def _bounds(bounds: Any, target: Target) -> tuple[FloatArray, FloatArray]:
    """Return the lower and the upper bound of every variable."""
    n = target.x.size
    if bounds is None:
        return np.full(n, -np.inf), np.full(n, np.inf)
    pair = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    try:
        low, high = pair
        lower, upper = (
            np.broadcast_to(
                np.asarray(default if side is None else side, dtype=np.float64), target.shape
            ).ravel().copy()
            for side, default in ((low, -np.inf), (high, np.inf))
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise InputError(
            f"`bounds` must be (lower, upper), each a number or shaped like x; got {describe(bounds)} "
            f"({error}). "
            "Use None for no bound."
        ) from None
    outside = np.flatnonzero(~((lower <= target.x) & (target.x <= upper)))
    if outside.size:
        i = int(outside[0])
        raise InputError(
            f"`x` must lie within the bounds; got {target.x[i]:g} outside [{lower[i]:g}, {upper[i]:g}] "
            f"at entry {i}. "
            "Move x or the bounds."
        )
    return lower, upper


def find(job: Job, method: str) -> tuple[Derivative, Any]:
    """Try the methods in order; return the result and f(x) where it is known."""
    plain = replace(job, target=plain_target(job.target))
    calls = 0
    remarks: list[str] = []
    for name, module in METHODS.items():
        if method not in ("auto", name):
            continue
        own = plain if name in ("complex-step", "finite-difference") else job
        foreign = name == "complex-step" and plain.target is not job.target  # a tensor function
        reason = None if foreign and method == "auto" else module.applies(own)
        if reason is None:
            if method == name:
                raise InputError(
                    f"`method` must suit the function; got {name!r}, which does not apply. Use 'auto'."
                )
            continue
        try:
            found: Found = module.differentiate(own)
        except NotPossible as obstacle:
            calls += obstacle.n_evaluations
            if method == name:
                raise InputError(
                    f"`method` must suit the function; got {name!r}: {obstacle}. Use 'auto'."
                ) from obstacle
            remarks.append(f"not {name}: {obstacle}")
            continue
        calls += found.n_evaluations
        found = _one_number(job, found)
        if name in ("autodiff", "complex-step"):
            wrong, more = disagreement(plain, found)
            calls += more
            if wrong is not None:
                message = f"{name} disagrees with differences: {wrong}"
                warnings.warn(
                    f"{message}. "
                    + ("The next method is used." if method == "auto" else "The result is not converged."),
                    ParzenWarning,
                    stacklevel=4,
                )
                remarks.append(f"not {name}: it disagrees with differences")
                if method == "auto":
                    continue
                found = found._replace(
                    converged=False, why=message, error=np.full(np.shape(found.value), np.inf)
                )
        if name in ("exact",) and method == "auto" and not found.converged:
            remarks.append(f"not {name}: not finite")
            continue
        text = "; ".join([reason + found.note, *remarks])
        if not found.converged:
            text = f"{text}. Not converged: {found.why or 'not finite'}"
        value, error, step = (_named(job, each) for each in (found.value, found.error, found.step))
        return Derivative(value, error, name, text, calls, found.converged, step), found.base
    raise InputError(f"`f` must be differentiable by some method; {'; '.join(remarks)}. Check f.")


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
        raise AccuracyError(
            f"`f` must be differentiable to `rtol` at x; got {found.reason}. The best estimate is "
            f"{describe(found.value)} ± {describe(found.error)}: call differentiate() for it, or raise "
            f"`rtol`."
        )
    return found.value
