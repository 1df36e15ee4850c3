"""The picture of a bandwidth that was chosen: its objective."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

import numpy as np

from parzen.errors import InputError
from parzen.plotting.densities import _ACCENT, _SECOND, _house_style, new_figure
from parzen.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["objective_curve"]


class _Chosen(Protocol):
    """What `objective_curve` reads of a `parzen.Bandwidth`."""

    @property
    def value(self) -> float | FloatArray: ...
    @property
    def kind(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def objective(self) -> str: ...
    @property
    def curve(self) -> tuple[FloatArray, FloatArray] | None: ...


def objective_curve(chosen: _Chosen, ax: "Axes | None" = None) -> "Axes":
    """Draw what a method looked at against the bandwidth, and its choice.

    Parameters
    ----------
    chosen : Bandwidth
        What `parzen.select_bandwidth` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: the axes of a new figure, found as ``.figure``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        The method has no curve.

    Examples
    --------
    >>> import numpy as np, parzen
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> objective_curve(parzen.select_bandwidth(x, "dpi")).get_xscale()
    'log'
    """
    if chosen.curve is None:
        raise InputError(
            f"`method` must be one with an objective to draw it; got {chosen.method!r}, which has none. "
            "Use 'sheather-jones' in one dimension, for example."
        )
    bandwidths, objective = chosen.curve
    with _house_style() if ax is None else nullcontext():
        if ax is None:
            ax = new_figure(8.0, 4.2, layout="constrained").add_subplot()
            ax.grid(color="#e6e8ee", linewidth=0.8)
        ax.plot(bandwidths, objective, color=_ACCENT, linewidth=1.4)
        if objective.min() < 0.0 < objective.max():
            ax.axhline(0.0, color="#8a8f9c", linewidth=0.8)
        if chosen.kind == "scalar":
            h = float(chosen.value)
            at = float(np.interp(h, bandwidths, objective))
            ax.plot([h], [at], "*", color=_SECOND, markersize=14, label=f"{chosen.method}: {h:.4g}")
            ax.legend(loc="best", fontsize=9)
        ax.set_xscale("log")
        ax.set_xlabel("bandwidth (log scale)")
        ax.set_ylabel(chosen.objective)
    return ax
