"""Minimise or maximise a function and keep the path that was taken."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from parzen.derivatives.functions.backends.exact import point_function
from parzen.derivatives.functions.backends.symbolic import as_function
from parzen.derivatives.functions.differentiate import differentiate
from parzen.derivatives.functions.sampling import UNDEFINED
from parzen.derivatives.functions.target import as_arguments, as_bounds, as_output, require_function
from parzen.errors import InputError, InputTypeError, ParzenWarning
from parzen.typing import FloatArray
from parzen.validation import as_positive_float, as_positive_int, as_vector, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Path", "ascend", "descend"]

#: those of scipy.optimize.minimize that use a gradient
METHODS = ("gradient-descent", "L-BFGS-B", "BFGS", "CG", "SLSQP", "TNC", "trust-constr", "Newton-CG")
#: A success by SciPy's criteria counts where the gradient has fallen to this part of the one at x0.
SETTLED = 1e-2
#: A minimum so many times farther away than x0 is none: f is unbounded, or flat in float64.
FAR_AWAY = 1e12
#: So many gradients that are not finite end a search; some methods would go on for ever.
MOST_UNDEFINED = 20
#: How a method of SciPy ended, in our words, and what SciPy's message then has in it, small and without underscores.
OUTCOMES = {
    "the gradient is below tol": ("projected gradient", "|pg| ~= 0", "`gtol` termination"),
    "steps are below tol": ("`xtol` termination",),
    "f does not improve any further": ("reduction of f", "f n-f (n-1)", "unable to progress"),
    "x does not move any further": ("x n-x (n-1)",),
    "max_steps reached": (
        "iterations has been exceeded",
        "iterations reached limit",
        "iteration limit",
        "function evaluations is exceeded",  # trust-constr counts its steps so
    ),
    "too many evaluations of f": ("function evaluations", "f,g evaluations"),
    "no better f along the gradient: rounding, or a wrong gradient": (
        "precision loss",
        "abnormal",
        "linear search failed",
        "positive directional derivative",
    ),
    "no step can be found: f is unbounded, or a wrong gradient": ("subproblem", "singular matrix"),
    "the curvature of f has the wrong sign": ("not positive definite",),
    "f or its gradient is not finite": ("nan result",),
}
#: The same, where SciPy only says that it terminated successfully.
SUCCESSES = {
    "BFGS": "the gradient is below tol",
    "CG": "the gradient is below tol",
    "SLSQP": "f does not improve any further",
    "Newton-CG": "steps are below tol",
}
BOUNDED = ("L-BFGS-B", "SLSQP", "TNC", "trust-constr")


@dataclass(frozen=True, eq=False)
class Path:
    """Where a descent went and where it ended.

    Attributes
    ----------
    x : ndarray of x0's shape
        The best point.
    value : float
        f(x).
    history : ndarray of shape (n_steps + 1, x0.size)
        x0 and the point after every step.
    values : ndarray of shape (n_steps + 1,)
        f along the history.
    converged : bool
        Whether the method's own criterion was met.
    message : str
        Why it ended, in a few words.
    n_evaluations : int
        Calls of f, those for gradients by differences not included.
    n_gradients : int
        Gradients computed.
    f : callable
        The function, for the picture.
    """

    x: FloatArray
    value: float
    history: FloatArray
    values: FloatArray
    converged: bool
    message: str
    n_evaluations: int
    n_gradients: int
    f: Callable[[FloatArray], float]

    def __repr__(self) -> str:
        point = np.array2string(self.x, precision=6) if self.x.size <= 8 else f"array of shape {self.x.shape}"
        end = "converged" if self.converged else "not converged"
        return (
            f"Path(x={point}, value={self.value:.6g}, {len(self.history) - 1} steps, {end}: {self.message!r})"
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the path: on the graph of a 1-D function, on contours of a 2-D one, else the values.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: axes of a new figure.

        Returns
        -------
        matplotlib.axes.Axes
        """
        # by name, since the plotting room stands above this one
        axes: Axes = import_module("parzen.plotting").draw_path(self, ax=ax)
        return axes


def descend(
    f: Callable[..., Any],
    x0: Any,
    *,
    gradient: Callable[..., Any] | None = None,
    method: str = "L-BFGS-B",
    bounds: Any = None,
    learning_rate: float | None = None,
    tol: float = 1e-8,
    max_steps: int = 1000,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Path:
    """Minimise f from x0.

    Parameters
    ----------
    f : callable
        Returns one real number, ``f(x, *args, **kwargs)``.
    x0 : float or array-like
        Where to start.
    gradient : callable, optional
        Returns the gradient of f in x's shape. Default: `parzen.differentiate` in its automatic way.
    method : str
        "gradient-descent", or one of `scipy.optimize.minimize` that uses a gradient: "L-BFGS-B", "BFGS", "CG",
        "SLSQP", "TNC", "trust-constr", "Newton-CG".
    bounds : (lower, upper), optional
        As in `parzen.differentiate`; not for BFGS, CG and Newton-CG. "gradient-descent" projects onto them.
    learning_rate : float, optional
        For "gradient-descent": a fixed step x ← x - learning_rate ∇f. Default: a step that is halved until f
        falls enough (Armijo) and doubled afterwards.
    tol : float
        Ends when the largest entry of the (projected) gradient is below ``tol``; other methods of SciPy use
        it in their own way.
    max_steps : int
        Ends after so many steps.
    args, kwargs : tuple, dict
        More arguments of f and ``gradient``.

    Returns
    -------
    Path

    Raises
    ------
    InputError, InputTypeError
        Unknown method, bounds for a method that has none, x0 outside them.

    References
    ----------
    Armijo (1966), Pacific J. Math. 16, 1. Nocedal and Wright (2006), Numerical Optimization.

    Examples
    --------
    >>> path = descend(lambda p: (p[0] - 1) ** 2 + 4 * (p[1] + 2) ** 2, [5.0, 5.0])
    >>> path.x.round(6), path.converged
    (array([ 1., -2.]), True)
    >>> slow = descend(lambda t: (t - 3) ** 2, 0.0, method="gradient-descent", learning_rate=0.25)
    >>> slow.history[:3].ravel()
    array([0.  , 1.5 , 2.25])
    """
    return _travel(1, f, x0, gradient, method, bounds, learning_rate, tol, max_steps, args, kwargs)


def ascend(
    f: Callable[..., Any],
    x0: Any,
    *,
    gradient: Callable[..., Any] | None = None,
    method: str = "L-BFGS-B",
    bounds: Any = None,
    learning_rate: float | None = None,
    tol: float = 1e-8,
    max_steps: int = 1000,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Path:
    """Maximise f from x0.

    Parameters
    ----------
    f, x0, gradient, method, bounds, learning_rate, tol, max_steps, args, kwargs
        As in `descend`.

    Returns
    -------
    Path
        With values of f, not of -f.

    Raises
    ------
    InputError, InputTypeError
        As `descend`.

    Examples
    --------
    >>> path = ascend(lambda t: -((t - 2) ** 2), 0.0)
    >>> round(float(path.x), 6), round(path.value, 6)
    (2.0, 0.0)
    """
    return _travel(-1, f, x0, gradient, method, bounds, learning_rate, tol, max_steps, args, kwargs)


def _travel(
    sign: int, f: Any, x0: Any, gradient: Any, method: str, bounds: Any, learning_rate: Any, tol: Any,
    max_steps: Any, args: Any, kwargs: Any,
) -> Path:  # fmt: skip
    """Minimise sign · f; the path has the values of f."""
    if method not in METHODS:
        raise InputError(f"`method` must be one of {', '.join(METHODS)}; got {method!r}. Choose one.")
    if gradient is not None and not callable(gradient):
        raise InputTypeError(f"`gradient` must be a function; got {describe(gradient)}. Pass a callable.")
    if learning_rate is not None and method != "gradient-descent":
        raise InputError(
            f"`learning_rate` must go with method='gradient-descent'; got {method!r}. Leave it out, or change it."
        )
    if bounds is not None and method not in (*BOUNDED, "gradient-descent"):
        raise InputError(
            f"`bounds` must go with a bounded method; got {method!r}. Use one of {', '.join(BOUNDED)}."
        )
    course = _Course(sign, f, gradient, x0, bounds, args, kwargs)
    tol, max_steps = as_positive_float(tol, "tol"), as_positive_int(max_steps, "max_steps")
    if method == "gradient-descent":
        rate = None if learning_rate is None else as_positive_float(learning_rate, "learning_rate")
        converged, message = _gradient_descent(course, rate, tol, max_steps)
    else:
        converged, message = _scipy(course, method, tol, max_steps)
    values = np.array(course.values)
    best = int(np.nanargmin(values)) if np.isfinite(values).any() else 0
    values = sign * values + 0.0  # no -0.0
    return Path(
        x=course.history[best].reshape(course.shape)[()],
        value=float(values[best]),
        history=np.array(course.history),
        values=values,
        converged=converged,
        message=message,
        n_evaluations=course.n_evaluations,
        n_gradients=course.n_gradients,
        f=course.height,
    )


class _AstrayError(Exception):
    """A method of SciPy asked for f where it cannot be had."""


class _Course:
    """What is minimised, sign · f, its gradient, the bounds, and the points passed so far."""

    def __init__(
        self, sign: int, f: Any, gradient: Any, x0: Any, bounds: Any, args: Any, kwargs: Any
    ) -> None:
        f = point_function(as_function(f), x0)  # as differentiate takes it
        require_function(f, x0, "descend(f, x0)" if sign > 0 else "ascend(f, x0)")
        self.sign, self.f, self.gradient, self.bounds = sign, f, gradient, bounds
        self.args, self.kwargs = as_arguments(args, kwargs)
        self.shape = np.shape(x0)
        self.start = as_vector(np.ravel(np.asarray(x0)), "x0").copy()
        self.lower, self.upper = as_bounds(bounds, self.start, self.shape, "x0")
        self.n_evaluations = self.n_gradients = self.undefined = 0
        self.history: list[FloatArray] = []
        self.values: list[float] = []

    def value(self, flat: FloatArray) -> float:
        """What is minimised, at a flat point; NaN where it is not defined."""
        return self.sign * self.height(flat)

    def height(self, flat: FloatArray) -> float:
        """f at a flat point."""
        if not np.isfinite(flat).all():
            raise _AstrayError
        self.n_evaluations += 1
        try:
            with np.errstate(all="ignore"):
                raw = as_output(self.f(self.point(flat), *self.args, **self.kwargs))
        except UNDEFINED:
            if not self.values:  # at x0 the caller should see it
                raise
            return np.nan
        if raw.flat.size != 1:
            several = len(self.shape) == 2 and raw.shape == self.shape[:1]
            remedy = f"`x0` of shape {self.shape} is one start: give one row at a time" if several else ""
            raise InputError(
                f"`f` must return one number; got {'a complex one' if raw.is_complex else f'shape {raw.shape}'}. "
                f"{remedy or 'Sum it, or choose an entry'}."
            )
        return float(raw.flat[0])

    def slope(self, flat: FloatArray) -> FloatArray:
        """The gradient of what is minimised, at a flat point; NaN where nothing is known of it."""
        self.n_gradients += 1
        if not np.isfinite(flat).all():
            raise _AstrayError
        point = self.point(flat)
        if self.gradient is not None:
            found = as_output(self.gradient(point, *self.args, **self.kwargs))
            if found.is_complex or found.flat.size != flat.size:
                raise InputError(
                    f"`gradient` must return real numbers in the shape of x, {self.shape}; got shape {found.shape}"
                    f"{' of complex numbers' if found.is_complex else ''}. Check it."
                )
            return self.sign * found.flat
        try:
            with warnings.catch_warnings():
                # a line search goes where autodiff overflows and differences do not settle
                warnings.simplefilter("ignore", ParzenWarning)
                slope = differentiate(
                    self.f, point, "gradient", bounds=self.bounds, args=self.args, kwargs=self.kwargs
                )
        except UNDEFINED:
            return np.full(flat.size, np.nan)
        # near the end the gradient is close to zero: its relative accuracy does not matter
        return self.sign * np.ravel(slope.value)

    def point(self, flat: FloatArray) -> Any:
        """A flat point in the shape of x0."""
        return float(flat[0]) if self.shape == () else np.array(flat).reshape(self.shape)

    def pass_by(self, flat: FloatArray, value: float | None = None) -> None:
        """Note a step."""
        self.history.append(np.array(flat, dtype=np.float64))
        self.values.append(self.value(flat) if value is None else value)

    def remains(self, flat: FloatArray, slope: FloatArray) -> float:
        """The largest entry of the gradient that does not point out of the bounds."""
        return float(np.max(np.abs(self.project(flat - slope) - flat)))

    def lost(self, flat: FloatArray) -> bool:
        """Tell whether a point is so far from x0 that f need not change there any more."""
        reach = np.max(np.abs(self.start), initial=1.0)
        bounded = np.isfinite(self.lower).all() and np.isfinite(self.upper).all()
        return bool(np.max(np.abs(flat)) > FAR_AWAY * reach and not bounded)

    def project(self, flat: FloatArray) -> FloatArray:
        """The nearest point inside the bounds."""
        return np.clip(flat, self.lower, self.upper)


def _gradient_descent(course: _Course, rate: float | None, tol: float, max_steps: int) -> tuple[bool, str]:
    """Steepest descent with a fixed rate, or with backtracking."""
    x, value = course.start, course.value(course.start)
    course.pass_by(x, value)
    step: float | None = rate
    for _ in range(max_steps):
        slope = course.slope(x)
        if not np.isfinite(slope).all():
            return False, "the gradient is not finite"
        if course.remains(x, slope) <= tol:
            return not course.lost(x), "the gradient is below tol"
        if rate is not None:
            x = course.project(x - rate * slope)
            value = course.value(x)
        else:
            # the first step moves x by a tenth of its size
            step = step or max(0.1 * float(np.linalg.norm(x)), 0.1) / float(np.linalg.norm(slope))
            for _ in range(60):
                new = course.project(x - step * slope)
                there = course.value(new)
                if there <= value - 1e-4 * float(slope @ (x - new)):
                    break
                step /= 2
            else:
                return bool(
                    np.max(np.abs(slope)) <= 1e-4 * max(1.0, abs(value))
                ), "f does not improve any further"
            x, value, step = new, there, 2 * step
        course.pass_by(x, value)
        if not np.isfinite(value):
            return False, "f is not finite: the learning rate is too large"
    return False, "max_steps reached"


def _scipy(course: _Course, method: str, tol: float, max_steps: int) -> tuple[bool, str]:
    """One of SciPy's methods."""
    from scipy.optimize import Bounds, minimize

    options: dict[str, Any] = {"maxiter": max_steps}
    options |= {
        "L-BFGS-B": {"gtol": tol, "ftol": 0.0},
        "SLSQP": {"ftol": tol * tol},
        "Newton-CG": {"xtol": tol},
        "trust-constr": {"gtol": tol, "xtol": tol, "barrier_tol": tol},
    }.get(method, {"gtol": tol})
    if method == "TNC":
        options["maxfun"] = 20 * max_steps
        del options["maxiter"]
    course.pass_by(course.start)
    if not np.isfinite(course.values[0]):
        return False, "f is not finite at x0"
    at_start = course.remains(course.start, course.slope(course.start))

    def passed(x: FloatArray, *_: Any) -> None:
        if not np.array_equal(x, course.history[-1]):
            course.pass_by(x)

    def slope(x: FloatArray) -> FloatArray:
        found = course.slope(x)
        if not np.isfinite(found).all():
            course.undefined += 1
            if course.undefined > MOST_UNDEFINED:
                raise _AstrayError
        return found

    try:
        with np.errstate(all="ignore"):
            result = minimize(
                course.value,
                course.start,
                jac=slope,
                method=method,
                bounds=Bounds(course.lower, course.upper) if course.bounds is not None else None,
                callback=passed,
                options=options,
            )
    except _AstrayError:
        return False, "the search went where f is not finite: give bounds"
    if not np.isfinite(result.x).all():
        return False, f"{_outcome(method, result.message)} (x is not finite: f is unbounded?)"
    passed(np.asarray(result.x, dtype=np.float64))
    last = course.history[-1]
    left = course.remains(last, course.slope(last))
    # SciPy also calls it success when f or x changes little, wherever that is
    success = bool(result.success) and left <= max(10 * tol, SETTLED * at_start)
    known = np.isfinite(course.values[-1])
    hint = " (f was not finite at points tried: give bounds)" if course.undefined else ""
    converged = bool(known and (success or left <= 10 * tol) and not course.lost(last))
    arrived = converged and left <= tol  # though the method may not have looked at it
    return converged, ("the gradient is below tol" if arrived else _outcome(method, result.message)) + hint


def _outcome(method: str, message: str) -> str:
    """What SciPy says of its end, in the words of this room; as it stands where there are none for it."""
    plain = message.lower().replace("_", " ")
    if "terminated successfully" in plain and method in SUCCESSES:
        return SUCCESSES[method]
    return next((words for words, parts in OUTCOMES.items() if any(part in plain for part in parts)), message)
