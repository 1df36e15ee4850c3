"""Pictures of a bandwidth that was chosen: its objective, or the density that it makes."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from parzen.errors import InputError
from parzen.plotting.densities import _ACCENT, _INK, _SECOND, _house_style, new_figure, plain_log_axis
from parzen.typing import FloatArray
from parzen.validation import as_matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_density", "objective_curve"]

#: Samples that are drawn as marks, and points of a curve or of a side of a picture.
_MARKS, _CURVE, _SIDE = 2000, (600, 20_000), 160


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
        plain_log_axis(ax, float(bandwidths[0]), float(bandwidths[-1]))
        ax.set_xlabel("bandwidth (log scale)")
        ax.set_ylabel(chosen.objective)
    return ax


def draw_density(
    samples: Any, bandwidth: Any, *, sample_weight: Any = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw the density of samples in one or two dimensions, with the samples.

    A curve over the samples as a rug, or filled contours under the samples as dots. Of more than 2000 samples, so
    many at even distances in their order are marked; the density is of all of them.

    Parameters
    ----------
    samples : array-like of shape (n, 1) or (n, 2)
        Samples.
    bandwidth : float, array-like or Bandwidth
        As in `parzen.KernelDensity`.
    sample_weight : array-like of shape (n,), optional
        Weights of the samples.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: the axes of a new figure, found as ``.figure``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError, InputTypeError
        More than two dimensions, or what `KernelDensity` refuses.

    Examples
    --------
    >>> draw_density([[0.0], [1.0], [5.0]], 0.5).get_ylabel()
    'density'
    """
    from parzen.density.estimator import KernelDensity

    table = as_matrix(samples, "samples")
    n, d = table.shape
    if d > 2:
        raise InputError(
            f"`samples` must have 1 or 2 columns to be drawn; got {d}. Draw two of them, for example samples[:, :2]."
        )
    kde = KernelDensity(bandwidth).fit(table, sample_weight=sample_weight)
    h = np.asarray(kde.bandwidth_)
    margin = 3.0 * np.broadcast_to(np.sqrt(np.diag(h)) if h.ndim == 2 else h, d)
    low, high = table.min(axis=0) - margin, table.max(axis=0) + margin
    marked = table[:: -(-n // _MARKS)]
    with _house_style() if ax is None else nullcontext():
        if ax is None:
            ax = new_figure(8.0, 4.2 if d == 1 else 6.0, layout="constrained").add_subplot()
        if d == 1:
            points = int(np.clip(24.0 * (high[0] - low[0]) / margin[0], *_CURVE))  # eight a bandwidth
            x = np.linspace(low[0], high[0], points)
            ax.plot(x, np.exp(kde.log_density(x[:, None])), color=_ACCENT, linewidth=1.4)
            rug: dict[str, Any] = {"color": _SECOND, "markersize": 9, "alpha": 0.5, "clip_on": False}
            ax.plot(marked[:, 0], np.zeros(len(marked)), "|", transform=ax.get_xaxis_transform(), **rug)
            ax.set_ylim(bottom=0.0)
            ax.set_xlabel("x")
            ax.set_ylabel("density")
        else:
            x, y = (np.linspace(low[i], high[i], _SIDE) for i in range(2))
            across, up = np.meshgrid(x, y)
            heights = np.exp(kde.log_density(np.column_stack([across.ravel(), up.ravel()])))
            levels = float(heights.max()) * np.arange(0.0, 1.01, 0.1)
            filled = ax.contourf(x, y, heights.reshape(across.shape), levels, cmap="Blues")
            ax.get_figure(root=True).colorbar(filled, ax=ax, label="density", format="%.2g")  # type: ignore[union-attr]
            ax.plot(marked[:, 0], marked[:, 1], ".", color=_INK, markersize=3, alpha=0.5)
            ax.set_xlabel("column 0")
            ax.set_ylabel("column 1")
    return ax
