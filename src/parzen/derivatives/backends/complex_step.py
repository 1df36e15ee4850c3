"""The complex step: Im f(x + ih)/h has no cancellation, so h can be tiny and the result is exact to rounding.

Only for functions that are computed by complex arithmetic all the way; that is probed: f must accept complex
numbers, return complex numbers, and with the same real part as f(x).

References
----------
Squire and Trapp (1998), Using complex variables to estimate derivatives of real functions, SIAM Review 40.
"""

import warnings

import numpy as np

from parzen.derivatives.backends.interface import Found, Job, NotPossible
from parzen.derivatives.functions_sampling import Sampler
from parzen.typing import FloatArray

__all__ = ["applies", "differentiate"]


def applies(job: Job) -> str | None:
    """First derivatives of plain functions of numbers; whether f takes complex numbers is found out by trying."""
    if job.kind == "hessian" or job.order != 1 or job.room.noise is not None:
        return None
    return "f takes complex numbers and its values there agree with those at real ones"


def differentiate(job: Job) -> Found:
    """Take one complex step along every variable."""
    target = job.target
    real = Sampler(target, job.kind == "derivative", False, 1)
    if real.is_complex:
        raise NotPossible("f is complex already")
    if real.grain > 2.0**-52:
        raise NotPossible("f returns single precision")
    if not np.isfinite(real.base).all():
        raise NotPossible("f is not finite at x")
    calls = real.n_evaluations
    steps = 1e-30 * np.maximum(np.abs(target.x[target.chosen]), 1e-60)
    rows: list[FloatArray] = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")  # a complex number cast to a real one only warns
        for place, (i, h) in enumerate(zip(target.chosen, steps, strict=True)):
            z: np.ndarray[tuple[int], np.dtype[np.complex128]]
            if job.kind == "derivative":
                argument = complex(target.x[i], h)
                attempt = lambda a=argument: target.f(a, *target.args, **target.kwargs)  # noqa: E731
                expected = real.base[place]
            else:
                z = target.x.astype(np.complex128)
                z[i] += 1j * h
                attempt = lambda a=z: (
                    target.f(complex(a[0]), *target.args, **target.kwargs)
                    if (target.shape == () and target.names is None)
                    else target.call(a)
                )
                expected = real.base[0]
            try:
                raw = np.asarray(attempt())
            except Exception as error:
                raise NotPossible(f"f does not take complex numbers ({type(error).__name__})") from None
            calls += 1
            if raw.dtype.kind != "c" or raw.shape != real.shape:
                raise NotPossible("f does not return complex numbers")
            flat = raw.ravel()
            if not np.allclose(flat.real, expected, rtol=1e-13, atol=0):
                raise NotPossible("f has another real part at complex numbers")
            rows.append(flat.imag / h)
    value = np.array(rows)
    if not np.isfinite(value).all():
        raise NotPossible("the complex step is not finite")
    if not value.any():
        raise NotPossible("the complex step is zero everywhere")
    if job.kind == "derivative":
        value = value.reshape((*target.chosen_shape, *real.shape))
    else:
        value = value.T.reshape((*real.shape, *target.chosen_shape))
    error = 2.0**-46 * np.maximum(np.abs(value), 2.0**-20 * np.abs(value).max())
    return Found(value, error, np.broadcast_to(1e-30, value.shape), True, calls, base=real.base)
