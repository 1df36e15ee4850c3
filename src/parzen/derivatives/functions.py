"""One call for the derivative of a function: the best way that works, and an honest error.

Ways are tried in the fixed order of `parzen.derivatives.backends.METHODS`: exact, autodiff, symbolic,
complex-step, finite-difference. The finite differences are described in `functions_search`.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from parzen.derivatives.backends import METHODS
from parzen.derivatives.backends.autodiff import plain_target
from parzen.derivatives.backends.exact import point_function
from parzen.derivatives.backends.interface import Found, Job, NotPossible
from parzen.derivatives.backends.symbolic import as_function
from parzen.derivatives.backends.trust import disagreement
from parzen.derivatives.functions_lines import Room
from parzen.derivatives.functions_result import Derivative
from parzen.derivatives.functions_sampling import Workers
from parzen.derivatives.functions_target import Target, as_output, make_target
from parzen.errors import AccuracyError, InputError, InputTypeError, ParzenWarning
from parzen.typing import FloatArray
from parzen.validation import as_positive_float, as_positive_int, as_tolerance, describe

__all__ = [
    "Derivative",
    "derivative",
    "differentiate",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "value_and_grad",
]

Kind = Literal["derivative", "gradient", "jacobian", "hessian"]
KINDS = ("derivative", "gradient", "jacobian", "hessian")


def differentiate(
    f: Callable[..., Any],
    x: Any = None,
    kind: Kind = "derivative",
    *,
    wrt: Any = None,
    method: str = "auto",
    order: int = 1,
    scale: Any = None,
    bounds: Any = None,
    rtol: float | None = None,
    noise: float | None = None,
    vectorized: bool | Literal["auto"] = "auto",
    workers: Workers | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Derivative:
    """Differentiate a function at a point.

    Parameters
    ----------
    f : callable, fitted density method, or sympy expression
        Called as ``f(x, *args, **kwargs)``. It may return a number, an array, or complex ones. An exception
        of type ValueError or ArithmeticError that it raises beside x means "not defined there", like NaN.
    x : float or array-like, optional
        Where. Integers and float32 are computed in float64. Left out where ``wrt`` names arguments.
    kind : {"derivative", "gradient", "jacobian", "hessian"}
        ``"derivative"``: f of one number; x of shape S is S separate points and the value has shape
        (*S, *F) where F is the shape of one f. ``"gradient"``: f is one number, the value has x's shape.
        ``"jacobian"``: shape (*F, *S). ``"hessian"``: f is one real number, shape (*S, *S), symmetric.
    wrt : index, indices, slice, boolean mask, str or tuple of str, optional
        Differentiate with respect to these entries of x only, or to these arguments in ``kwargs``: then
        value, error and step are dictionaries. Default: all of x.
    method : {"auto", "exact", "autodiff", "symbolic", "complex-step", "finite-difference"}
        "auto" takes the first that works, in this order.
    order : int
        Of a ``kind="derivative"``: 1 to 8. Others have order 1 (Hessian: 2).
    scale : float or array-like like x, optional
        The length, in units of x, over which f changes; for differences. Default: searched for.
    bounds : (lower, upper), optional
        f is never evaluated outside; each is a number or shaped like x, None for no bound.
    rtol : float, optional
        Relative accuracy that counts as converged. Default 1e-8; 1e-6 for second, 1e-4 for higher
        derivatives. From 1e-6 on, gradients may be found by two-point differences, one evaluation an entry.
    noise : float, optional
        Absolute error of f's values, in units of f. Default: rounding, or what f itself shows.
    vectorized : bool or "auto"
        Whether f takes many points in one call: a column of numbers (``kind="derivative"``) or rows of
        points. "auto" tries, and compares with single calls in every batch.
    workers : int or map-like, optional
        Threads for separate calls of f, or a replacement of ``map`` (``ProcessPoolExecutor().map``).
        Default 1: f need not be safe to call from threads.
    args, kwargs : tuple, dict
        More arguments of f.

    Returns
    -------
    Derivative
        ``value``, ``error``, ``method``, ``reason``, ``n_evaluations``, ``converged``, ``step``.

    Raises
    ------
    InputError, InputTypeError
        Arguments that do not fit together, a method that does not work for f, f's values are not numbers.

    Warns
    -----
    ParzenWarning
        A derivative by autodiff or complex step disagreed with a difference; the next method was used.

    Notes
    -----
    ``converged`` means that every entry has ``error <= rtol * abs(value)``, or cannot be told from zero and has an
    error below ``rtol`` times the change of f over the stencil. A function that is flat at every step size
    has value 0, error inf, and is not converged; a component of a Jacobian that is flat in a variable in which
    another component is not, counts as a true zero. Costs for n variables of a smooth f: 7 evaluations an
    entry by differences (1 from rtol=1e-6 on, where that suffices), n + 3 by complex step. Memory: the points of
    one round, a few times n² numbers where f takes rows.

    References
    ----------
    Squire and Trapp (1998), SIAM Review 40, 110: complex step. Ridders (1982), Adv. Eng. Software 4, 75:
    extrapolation. Moré and Wild (2012), ACM TOMS 38, 19: noise and the step.

    Examples
    --------
    >>> import math
    >>> from parzen.derivatives.functions import differentiate
    >>> slope = differentiate(lambda t: math.exp(-(((t - 1000) / 0.1) ** 2) / 2), 1000.05)
    >>> round(float(slope.value), 6), slope.method, slope.converged
    (-4.412485, 'finite-difference', True)
    >>> differentiate(lambda p: p[0] ** 2 * p[1], [3.0, 2.0], "gradient").value
    array([12.,  9.])
    """
    return _found(
        *_prepare(
            f, x, kind, wrt, method, order, scale, bounds, rtol, noise, vectorized, workers, args, kwargs
        )
    )[0]


def derivative(f: Callable[..., Any], x: Any, **options: Any) -> Any:
    """Return f'(x), or the derivative of a higher ``order``, for f of one number.

    Parameters
    ----------
    f, x, **options
        As in `differentiate` with ``kind="derivative"``.

    Returns
    -------
    float or ndarray of shape (*x.shape, *f.shape)

    Raises
    ------
    AccuracyError
        Not converged; the message says why.
    InputError, InputTypeError
        As `differentiate`.

    Examples
    --------
    >>> import math
    >>> float(round(derivative(math.sin, 0.0), 9))
    1.0
    """
    return _value(differentiate(f, x, "derivative", **options))


def grad(f: Callable[..., Any], x: Any = None, **options: Any) -> Any:
    """Return the gradient ∂f/∂xᵢ of a function that returns one number.

    Parameters
    ----------
    f, x, **options
        As in `differentiate` with ``kind="gradient"``.

    Returns
    -------
    ndarray of x's shape, or dict of them where ``wrt`` names arguments

    Raises
    ------
    AccuracyError
        Not converged; the message says why.
    InputError, InputTypeError
        As `differentiate`.

    Examples
    --------
    >>> grad(lambda mu, sigma: (mu - 1) ** 2 / sigma, kwargs={"mu": 2.0, "sigma": 4.0}, wrt="mu")
    {'mu': np.float64(0.5)}
    """
    return _value(differentiate(f, x, "gradient", **options))


def jacobian(f: Callable[..., Any], x: Any = None, **options: Any) -> Any:
    """Return the Jacobian J[i, j] = ∂fᵢ/∂xⱼ.

    Parameters
    ----------
    f, x, **options
        As in `differentiate` with ``kind="jacobian"``.

    Returns
    -------
    ndarray of shape (*f.shape, *x.shape)

    Raises
    ------
    AccuracyError
        Not converged; the message says why.
    InputError, InputTypeError
        As `differentiate`.

    Examples
    --------
    >>> jacobian(lambda p: [p[0] * p[1], p[0] - p[1]], [2.0, 3.0]).round(9)
    array([[ 3.,  2.],
           [ 1., -1.]])
    """
    return _value(differentiate(f, x, "jacobian", **options))


def hessian(f: Callable[..., Any], x: Any, **options: Any) -> Any:
    """Return the Hessian H[i, j] = ∂²f/∂xᵢ∂xⱼ, symmetric by construction.

    Parameters
    ----------
    f, x, **options
        As in `differentiate` with ``kind="hessian"``.

    Returns
    -------
    ndarray of shape (*x.shape, *x.shape)

    Raises
    ------
    AccuracyError
        Not converged; the message says why.
    InputError, InputTypeError
        As `differentiate`.

    Examples
    --------
    >>> hessian(lambda p: p[0] ** 2 * p[1], [3.0, 2.0]).round(5)
    array([[4., 6.],
           [6., 0.]])
    """
    return _value(differentiate(f, x, "hessian", **options))


def hvp(f: Callable[..., Any], x: Any, v: Any, **options: Any) -> FloatArray:
    """Return the Hessian-vector product H v = d/dt ∇f(x + t v) without forming the Hessian.

    Parameters
    ----------
    f : callable
        Returns one real number.
    x : array-like
        Where.
    v : array-like of x's shape
        The direction.
    **options
        As in `differentiate`; ``method`` is that of the gradient.

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    AccuracyError
        Not converged.
    InputError, InputTypeError
        As `differentiate`.

    Notes
    -----
    A gradient by any method is differenced once more, along v: about 7 gradients. Where the gradient is by differences
    itself, the accuracy is about 1e-6.

    Examples
    --------
    >>> hvp(lambda p: p[0] ** 2 * p[1], [3.0, 2.0], [1.0, 0.0]).round(5)
    array([4., 6.])
    """
    first = differentiate(f, x, "gradient", **options)
    start, way = np.asarray(x, dtype=np.float64), np.asarray(v, dtype=np.float64)
    if way.shape != start.shape or not np.isfinite(way).all():
        raise InputError(f"`v` must be finite and shaped like x, {start.shape}; got {describe(v)}. Check v.")
    length = float(np.linalg.norm(way))
    if length == 0:
        return np.zeros(start.shape)
    size = max(float(np.max(np.abs(start))), 2.0**-10)
    inner = {**options, "method": first.method}
    noise = None
    if first.method == "finite-difference":
        noise = max(float(np.max(first.error)), 2.0**-40 * float(np.max(np.abs(first.value))))
    result = differentiate(
        lambda t: differentiate(f, start + t * (size / length) * way, "gradient", **inner).value,
        0.0,
        method="finite-difference",
        noise=noise,
        rtol=1e-4 if noise else 1e-6,
    )
    return np.asarray(_value(result)) * (length / size)


def value_and_grad(f: Callable[..., Any], x: Any = None, **options: Any) -> tuple[float, Any]:
    """Return f(x) and its gradient.

    Parameters
    ----------
    f, x, **options
        As in `differentiate` with ``kind="gradient"``.

    Returns
    -------
    value : float
    gradient : ndarray of x's shape, or dict of them

    Raises
    ------
    AccuracyError
        Not converged; the message says why.
    InputError, InputTypeError
        As `differentiate`.

    Examples
    --------
    >>> value, slope = value_and_grad(lambda p: p[0] * p[1], [2.0, 3.0])
    >>> value, slope.round(9)
    (6.0, array([3., 2.]))
    """
    job, method = _prepare(f, x, "gradient", **_defaults(options))
    found, base = _found(job, method)
    if base is None:
        base = as_output(plain_target(job.target).at(job.target.x).flat).flat
    return float(np.ravel(base)[0]), _value(found)


def _defaults(options: dict[str, Any]) -> dict[str, Any]:
    """Fill in the options of `differentiate` that were not given."""
    known: dict[str, Any] = {
        "wrt": None, "method": "auto", "order": 1, "scale": None, "bounds": None, "rtol": None, "noise": None,
        "vectorized": "auto", "workers": None, "args": (), "kwargs": None,
    }  # fmt: skip
    strange = sorted(set(options) - set(known))
    if strange:
        raise InputTypeError(
            f"`options` must be those of differentiate; got {', '.join(strange)}. Check the name."
        )
    return {**known, **options}


def _prepare(
    f: Any, x: Any, kind: str, wrt: Any, method: str, order: Any, scale: Any, bounds: Any, rtol: Any, noise: Any,
    vectorized: Any, workers: Any, args: Any, kwargs: Any,
) -> tuple[Job, str]:  # fmt: skip
    """Check every argument."""
    if kind not in KINDS:
        raise InputError(f"`kind` must be one of {', '.join(KINDS)}; got {kind!r}. Choose one.")
    if method != "auto" and method not in METHODS:
        raise InputError(
            f"`method` must be 'auto' or one of {', '.join(METHODS)}; got {method!r}. Choose one."
        )
    order = as_positive_int(order, "order")
    if order > 8 or (order > 1 and kind != "derivative"):
        raise InputError(f"`order` must be 1 to 8, and 1 for a {kind}; got {order}. Use kind='derivative'.")
    if vectorized not in (True, False, "auto"):
        raise InputError(f"`vectorized` must be True, False or 'auto'; got {vectorized!r}. Choose one.")
    if not callable(workers):
        workers = 1 if workers is None else as_positive_int(workers, "workers")
    if rtol is None:
        rtol = 1e-6 if kind == "hessian" or order == 2 else 1e-8 if order == 1 else 1e-4
    rtol = as_tolerance(rtol, "rtol")
    if noise is not None and noise != 0:
        noise = as_positive_float(noise, "noise")
    target = make_target(point_function(as_function(f)), x, wrt, args, kwargs)
    if kind == "derivative" and target.names is not None and target.x.size != 1:
        raise InputError(
            "`x` must be given for the derivatives at several points; got names. Use kind='gradient'."
        )
    lower, upper = _bounds(bounds, target)
    length = None
    if scale is not None:
        length = np.broadcast_to(np.asarray(scale, dtype=np.float64), target.shape).ravel()
        if not (np.isfinite(length) & (length > 0)).all():
            raise InputError(
                f"`scale` must be positive lengths in units of x; got {describe(scale)}. Check it."
            )
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
            f"`bounds` must be (lower, upper), each a number or shaped like x; got {describe(bounds)} ({error}). "
            "Use None for no bound."
        ) from None
    outside = np.flatnonzero(~((lower <= target.x) & (target.x <= upper)))
    if outside.size:
        i = int(outside[0])
        raise InputError(
            f"`x` must lie within the bounds; got {target.x[i]:g} outside [{lower[i]:g}, {upper[i]:g}] at entry {i}. "
            "Move x or the bounds."
        )
    return lower, upper


def _found(job: Job, method: str) -> tuple[Derivative, Any]:
    """Try the methods in order; return the result and f(x) where it is known."""
    plain = replace(job, target=plain_target(job.target))
    calls = 0
    remarks: list[str] = []
    for name, module in METHODS.items():
        if method not in ("auto", name):
            continue
        own = plain if name in ("complex-step", "finite-difference") else job
        reason = (
            None
            if name == "complex-step"
            and method == "auto"
            and plain is not job
            and plain.target is not job.target
            else module.applies(own)
        )
        if reason is None:
            if method == name:
                raise InputError(
                    f"`method` must suit the function; got {name!r}, which does not apply. Use 'auto'."
                )
            continue
        try:
            found: Found = module.differentiate(own)
        except NotPossible as error:
            if method == name:
                raise InputError(
                    f"`method` must suit the function; got {name!r}: {error}. Use 'auto'."
                ) from error
            remarks.append(f"not {name}: {error}")
            continue
        calls += found.n_evaluations
        _check_shape(job, found)
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
        lead = np.shape(found.value)[:-1] if job.target.names is not None else ()
        parts = (job.target.named(np.asarray(each)[()], lead) if job.kind != "derivative" else np.asarray(each)[()]
                 for each in (found.value, found.error, found.step))  # fmt: skip
        value, error, step = parts
        return Derivative(value, error, name, text, calls, found.converged, step), found.base
    raise InputError(f"`f` must be differentiable by some method; {'; '.join(remarks)}. Check f.")


def _check_shape(job: Job, found: Found) -> None:
    """A gradient needs f to be one number."""
    if job.kind != "gradient":
        return
    want = job.target.chosen_shape
    if np.shape(found.value) != want:
        if np.size(found.value) != math.prod(want):
            shape = np.shape(found.value)[: len(np.shape(found.value)) - len(want)]
            raise InputError(f"`f` must return one number for a gradient; got shape {shape}. Use jacobian.")


def _value(found: Derivative) -> Any:
    """Return the value, or refuse."""
    if not found.converged:
        raise AccuracyError(
            f"`f` must be differentiable to `rtol` at x; got {found.reason}. The best estimate is "
            f"{describe(found.value)} ± {describe(found.error)}: call differentiate() for it, or raise `rtol`."
        )
    return found.value
