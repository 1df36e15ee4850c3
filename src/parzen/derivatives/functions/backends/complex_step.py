"""The complex step: Im f(x + ih)/h has no cancellation, so h can be tiny and the result is exact to rounding.

Only for functions that are computed by complex arithmetic all the way; that is probed: f must accept complex
numbers, return complex numbers, and with the same real part as f(x).

References
----------
Squire and Trapp (1998), Using complex variables to estimate derivatives of real functions, SIAM Review 40.
"""

import warnings
from typing import Any

import numpy as np

from parzen.derivatives.functions.backends.interface import Found, Job, NotPossible
from parzen.derivatives.functions.sampling import NotVectorized, Sampler
from parzen.derivatives.functions.target import Target
from parzen.typing import FloatArray

__all__ = ["WHY_NOT", "applies", "differentiate"]

#: why the method does not apply, where it does not
WHY_NOT = "it finds first derivatives only, and takes no `noise`"


def applies(job: Job) -> str | None:
    """First derivatives of plain functions; whether f takes complex numbers is found out by trying."""
    if job.kind == "hessian" or job.order != 1 or job.room.noise is not None:
        return None
    return "f takes complex numbers and its values there agree with those at real ones"


def differentiate(job: Job) -> Found:
    """Take one complex step along every variable."""
    target = job.target
    elementwise = job.kind == "derivative"
    together = elementwise and target.chosen.size > 1 and job.vectorized is not False
    try:
        real = Sampler(target, elementwise, job.vectorized if together else False, 1)
    except NotVectorized:
        real, together = Sampler(target, elementwise, False, 1), False
    calls = real.n_evaluations
    obstacle = (
        "f is complex already" if real.is_complex
        else "f returns single precision" if real.grain > 2.0**-52
        else "f is not finite at x" if not np.isfinite(real.base).all()
        else ""
    )  # fmt: skip
    if obstacle:
        raise NotPossible(obstacle, calls)
    steps = 1e-30 * np.maximum(np.abs(target.x[target.chosen]), 1e-60)
    rows: list[FloatArray] = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")  # a complex number cast to a real one only warns
        every = _all_at_once(target, steps, real) if together else None
        for place, (i, h) in enumerate(zip(target.chosen, steps, strict=True)):
            if every is not None and place != len(steps) // 2:
                raw = every[place]
            else:
                try:
                    raw = np.asarray(_at(target, elementwise, int(i), float(h)))
                except Exception as error:
                    raise NotPossible(
                        f"f does not take complex numbers ({type(error).__name__})", calls + 1
                    ) from None
                if every is not None and not np.allclose(every[place], raw, rtol=1e-12, atol=0):
                    raise NotPossible("f of many points is not f of each point", calls + place + 1)
            calls += 1
            expected = real.base[place if elementwise else 0]
            if raw.dtype.kind != "c" or raw.shape != real.shape:
                raise NotPossible("f does not return complex numbers", calls)
            if not np.all(np.abs(raw.ravel().real - expected) <= 1e-13 * np.abs(expected)):
                raise NotPossible("f has another real part at complex numbers", calls)
            rows.append(raw.ravel().imag / h)
        calls += every is not None
    value = np.array(rows)
    if not np.isfinite(value).all():
        raise NotPossible("the complex step is not finite", calls)
    if not value.any():
        raise NotPossible("the complex step is zero everywhere", calls)
    if elementwise:
        value = value.reshape((*target.chosen_shape, *real.shape))
    else:
        value = value.T.reshape((*real.shape, *target.chosen_shape))
    spread = 2.0**-46 * np.maximum(np.abs(value), 2.0**-20 * np.abs(value).max())
    return Found(value, spread, np.full(value.shape, 1e-30), True, calls, base=real.base)


def _at(target: Target, elementwise: bool, i: int, h: float) -> Any:
    """Call f with variable i moved by ih."""
    if elementwise or (target.shape == () and target.names is None):
        return target.f(complex(target.x[i], h), *target.args, **target.kwargs)
    z = target.x.astype(np.complex128)
    z[i] = complex(target.x[i], h)
    return target.call(z)


def _all_at_once(target: Target, steps: FloatArray, real: Sampler) -> Any:
    """Call f with all points of an elementwise derivative in one array; None where it does not take that."""
    try:
        raw = np.asarray(target.f(target.x[target.chosen] + 1j * steps, *target.args, **target.kwargs))
    except Exception:  # whatever f does with an argument it was not made for
        return None
    return raw if raw.shape == (steps.size, *real.shape) and raw.dtype.kind == "c" else None
