"""Compare a hand-written gradient with finite differences, entry by entry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from parzen.derivatives.functions.differentiate import differentiate
from parzen.derivatives.functions.target import as_output
from parzen.errors import InputError, InputTypeError
from parzen.typing import BoolArray, FloatArray
from parzen.validation import as_tolerance, describe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["GradientCheck", "check_gradient"]


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """A gradient beside finite differences; ``print()`` shows the table.

    Attributes
    ----------
    gradient : ndarray
        What was to be checked, in x's shape.
    differences : ndarray
        What finite differences give.
    error : ndarray
        The estimated error of the differences.
    passed : ndarray of bool
        Entry by entry: ``|gradient - differences| <= rtol * |differences| + 3 * error``.
    tested : ndarray of bool
        Whether differences settled well enough to tell; an entry that was not tested has not passed.
    rtol : float
        The relative tolerance.
    """

    gradient: FloatArray
    differences: FloatArray
    error: FloatArray
    passed: BoolArray
    tested: BoolArray
    rtol: float

    @property
    def ok(self) -> bool:
        """Whether every entry was tested and passed."""
        return bool(self.passed.all())

    @property
    def excess(self) -> FloatArray:
        """How far each entry is off, in units of what is allowed; inf where it could not be tested."""
        allowed = self.rtol * np.abs(self.differences) + 3 * self.error
        gap = np.abs(self.gradient - self.differences)
        with np.errstate(all="ignore"):
            ratio = np.where(gap == 0, 0.0, gap / allowed)
        return np.where(self.tested & np.isfinite(ratio), ratio, np.inf)

    @property
    def worst(self) -> tuple[int, ...]:
        """The index of the entry that is farthest off."""
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(self.excess)), self.excess.shape))

    def __str__(self) -> str:
        """The table, worst entries first, at most twenty."""
        excess = self.excess
        lines = [f"{'entry':>12} {'gradient':>16} {'differences':>16} {'± error':>10} {'off by':>10}"]
        for flat in np.argsort(-excess, axis=None, kind="stable")[:20]:
            index = np.unravel_index(int(flat), excess.shape)
            name = ",".join(map(str, map(int, index))) or "x"
            gap = abs(float(self.gradient[index]) - float(self.differences[index]))
            verdict = "ok" if self.passed[index] else "WRONG" if self.tested[index] else "not tested"
            lines.append(
                f"{name:>12} {float(self.gradient[index]):16.9g} {float(self.differences[index]):16.9g} "
                f"{float(self.error[index]):10.2g} {gap:10.2g} {verdict}"
            )
        bad = int((~self.passed).sum())
        lines.append(
            "all entries agree"
            if not bad
            else f"{bad} of {excess.size} entries do not agree; worst: {self.worst}"
        )
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """Draw gradient against differences, and how far each entry is off.

        Returns
        -------
        matplotlib.figure.Figure
            A whole figure, not axes as other pictures: there are two panels.
        """
        # by name, since the plotting room stands above this one
        figure: Figure = import_module("parzen.plotting").draw_check(self)
        return figure


def _numbers(raw: Any) -> FloatArray:
    """What a gradient function returned, as real numbers."""
    found = as_output(raw)
    if found.is_complex:
        raise InputTypeError(f"`gradient` must return real numbers; got {describe(raw)}. Take the real part.")
    return found.flat.reshape(found.shape)


def check_gradient(
    f: Callable[..., Any],
    gradient: Callable[..., Any],
    x: Any,
    *,
    rtol: float = 1e-6,
    bounds: Any = None,
    noise: float | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> GradientCheck:
    """Check a hand-written gradient at a point.

    Parameters
    ----------
    f : callable
        Returns one real number, ``f(x, *args, **kwargs)``.
    gradient : callable
        Returns the gradient in x's shape, ``gradient(x, *args, **kwargs)``.
    x : float or array-like
        Where. Not a stationary point: there every gradient is near zero.
    rtol : float
        Relative difference that still counts as equal.
    bounds, noise, args, kwargs
        As in `parzen.differentiate`.

    Returns
    -------
    GradientCheck
        ``ok``, ``worst``, a table when printed, ``plot()``.

    Raises
    ------
    InputError, InputTypeError
        The gradient has the wrong shape, or as `parzen.differentiate`.

    Notes
    -----
    Cost: one call of ``gradient`` and about seven of f an entry. Differences are always used, whatever
    else f offers, so that the check is independent.

    Examples
    --------
    >>> check = check_gradient(lambda p: p[0] * p[1], lambda p: [p[1], 2 * p[0]], [2.0, 3.0])
    >>> check.ok, check.worst
    (False, (1,))
    >>> print(check)
           entry         gradient      differences    ± error     off by
               1                4                2 ...          2 WRONG
               0                3                3 ...            ok
    1 of 2 entries do not agree; worst: (1,)
    """
    if not callable(gradient):
        raise InputTypeError(f"`gradient` must be a function; got {describe(gradient)}. Pass a callable.")
    rtol = as_tolerance(rtol, "rtol")
    found = differentiate(
        f,
        x,
        "gradient",
        method="finite-difference",
        bounds=bounds,
        noise=noise,
        args=args,
        kwargs=kwargs,
        rtol=min(rtol / 10, 1e-8),
    )
    differences, error = np.asarray(found.value), np.asarray(found.error)
    point = float(x) if np.ndim(x) == 0 else np.array(x, dtype=np.float64)
    claimed = _numbers(gradient(point, *args, **(kwargs or {})))
    if claimed.shape != differences.shape:
        raise InputError(
            f"`gradient` must return the shape of x, {differences.shape}; got {claimed.shape}. "
            "Check its return value."
        )
    scale = np.maximum(np.abs(differences), np.abs(claimed))
    # an entry that is zero by both is tested where its error is small beside the others
    tested = np.isfinite(error) & (
        error <= np.maximum(1e-3 * scale, rtol * float(np.max(scale, initial=0.0)))
    )
    if found.converged:  # at a stationary point, zeros were measured against the change of f
        tested |= np.isfinite(error)
    flat = np.isinf(error) & (differences == 0) & (np.asarray(found.step) == 0)
    tested |= flat & (claimed == 0)  # and said to be flat
    with np.errstate(invalid="ignore"):
        near = np.abs(claimed - differences) <= rtol * np.abs(differences) + 3 * error
    return GradientCheck(claimed, differences, error, tested & near, tested, rtol)
