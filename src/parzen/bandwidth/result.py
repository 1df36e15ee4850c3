"""The result of choosing a bandwidth: `Bandwidth`, accepted wherever a bandwidth is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parzen.errors import InputTypeError
from parzen.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Bandwidth"]


#: A text shows so many numbers, those of a covariance in three dimensions, and the shape of more.
_SHOWN = 9


def _numbers(value: FloatArray) -> str:
    """Write numbers on one line, to four digits."""
    return f"[{', '.join(map(_numbers, value))}]" if value.ndim else f"{float(value):.4g}"


@dataclass(frozen=True, eq=False)
class Bandwidth:
    """A bandwidth that was chosen from samples, and how.

    Pass it as the ``bandwidth`` of `KernelDensity`; ``float(b)`` or ``np.asarray(b)`` give the number or array.

    Attributes
    ----------
    value : float or ndarray of shape (d,) or (d, d)
        h; standard deviations; or a covariance: in the units of the samples.
    kind : {'scalar', 'diagonal', 'full'}
        Which of the three.
    method : str
        The method that chose it; never ``'auto'``.
    reason : str
        Why this method: ``'asked for'``, or the rule that ``'auto'`` followed.
    objective : str
        What the second part of ``curve`` is; empty where there is no curve.
    curve : (ndarray of shape (k,), ndarray of shape (k,)) or None
        Bandwidths, increasing, and the objective at each.
    warnings : tuple of str
        What you should know: local minima, ties, a scale that had to be replaced.

    Examples
    --------
    >>> import numpy as np, parzen
    >>> X = np.random.default_rng(0).normal(size=(500, 1))
    >>> b = parzen.select_bandwidth(X, "sheather-jones")
    >>> b
    Bandwidth(0.3093, kind='scalar', method='sheather-jones')
    >>> parzen.KernelDensity(b).fit(X).bandwidth_ == float(b)
    True
    """

    value: float | FloatArray
    kind: str
    method: str
    reason: str = "asked for"
    objective: str = ""
    curve: tuple[FloatArray, FloatArray] | None = None
    warnings: tuple[str, ...] = ()

    def __float__(self) -> float:
        if self.kind != "scalar":
            raise InputTypeError(
                f"`bandwidth` must be scalar to be a float; got a {self.kind} one of shape {np.shape(self.value)}. "
                "Use `.value`, or choose it with kind='scalar'."
            )
        return float(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        array = np.asarray(self.value, dtype=dtype)
        return np.array(array) if copy else array

    def __repr__(self) -> str:
        if np.size(self.value) > _SHOWN:
            shown = f"array of shape {np.shape(self.value)}"
        else:
            shown = _numbers(np.asarray(self.value))
        notes = f", {len(self.warnings)} warning{'s' * (len(self.warnings) > 1)}" if self.warnings else ""
        return f"Bandwidth({shown}, kind={self.kind!r}, method={self.method!r}{notes})"

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the objective against the bandwidth, and the choice; return the matplotlib axes.

        Raises
        ------
        InputError
            The method has no objective curve: rules, `plugin`, matrices of `scv`.
        """
        from importlib import import_module

        # by name, since the plotting room stands above this one
        axes: Axes = import_module("parzen.plotting").objective_curve(self, ax=ax)
        return axes
