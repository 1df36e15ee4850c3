"""One call for the derivative of a function: the best way that works, and an honest error.

Ways are tried in the fixed order of `parzen.derivatives.functions.backends.METHODS`: exact, autodiff, symbolic,
complex-step, finite-difference. The finite differences are described in `search`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Unpack

import numpy as np

from parzen.derivatives.functions.backends.autodiff import plain_target
from parzen.derivatives.functions.choice import Options, find, prepare, value_of
from parzen.derivatives.functions.result import Derivative
from parzen.derivatives.functions.sampling import Sampler, Workers

__all__ = [
    "Derivative",
    "derivative",
    "differentiate",
    "grad",
    "hessian",
    "jacobian",
    "value_and_grad",
]

Kind = Literal["derivative", "gradient", "jacobian", "hessian"]


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
        Of a ``kind="derivative"``: 1 to 6. Others have order 1 (Hessian: 2).
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
    ``converged`` means that every entry has ``error <= rtol * abs(value)`` (a third of that where noise had
    to be estimated), or cannot be told from zero and has an error below ``rtol`` times the change of f over
    the stencil. By other methods than differences the error is rounding, 2⁻⁴⁶ |value| by complex step, and entries
    below 2⁻²⁰ of the largest are measured by that; autodiff converges whatever precision the framework computes in,
    and ``error`` says which: 64 roundings. A function that is flat
    at every step size has value 0, error inf, and is not converged; a component of a Jacobian that is flat in
    a variable in which another component is not, counts as a true zero. Costs for n variables of a smooth f:
    4 to 7 evaluations an entry by differences (1 from rtol=1e-6 on, where that suffices), n + 3 by complex
    step. Memory: the points of one round, a few times n² numbers where f takes rows.

    References
    ----------
    Squire and Trapp (1998), SIAM Review 40, 110: complex step. Ridders (1982), Adv. Eng. Software 4, 75:
    extrapolation. Moré and Wild (2012), ACM TOMS 38, 19: noise and the step.

    Examples
    --------
    >>> import math
    >>> from parzen.derivatives.functions.differentiate import differentiate
    >>> slope = differentiate(lambda t: math.exp(-(((t - 1000) / 0.1) ** 2) / 2), 1000.05)
    >>> round(float(slope.value), 6), slope.method, slope.converged
    (-4.412485, 'finite-difference', True)
    >>> differentiate(lambda p: p[0] ** 2 * p[1], [3.0, 2.0], "gradient").value
    array([12.,  9.])
    """
    job, method = prepare(
        f, x, kind, wrt=wrt, method=method, order=order, scale=scale, bounds=bounds, rtol=rtol, noise=noise,
        vectorized=vectorized, workers=workers, args=args, kwargs=kwargs,
    )  # fmt: skip
    return find(job, method)[0]


def derivative(f: Callable[..., Any], x: Any = None, **options: Unpack[Options]) -> Any:
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
    return value_of(differentiate(f, x, "derivative", **options))


def grad(f: Callable[..., Any], x: Any = None, **options: Unpack[Options]) -> Any:
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
    return value_of(differentiate(f, x, "gradient", **options))


def jacobian(f: Callable[..., Any], x: Any = None, **options: Unpack[Options]) -> Any:
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
    return value_of(differentiate(f, x, "jacobian", **options))


def hessian(f: Callable[..., Any], x: Any = None, **options: Unpack[Options]) -> Any:
    """Return the Hessian H[i, j] = ∂²f/∂xᵢ∂xⱼ, symmetric by construction.

    Parameters
    ----------
    f, x, **options
        As in `differentiate` with ``kind="hessian"``.

    Returns
    -------
    ndarray of shape (*x.shape, *x.shape), or dict of its columns where ``wrt`` names arguments

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
    return value_of(differentiate(f, x, "hessian", **options))


def value_and_grad(f: Callable[..., Any], x: Any = None, **options: Unpack[Options]) -> tuple[float, Any]:
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
    job, method = prepare(f, x, "gradient", **options)
    found, base = find(job, method)
    if base is None:
        base = Sampler(plain_target(job.target), False, False, 1).base
    return float(np.ravel(base)[0]), value_of(found)
