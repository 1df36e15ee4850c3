"""The density of samples in one or two dimensions, drawn with the samples."""

from __future__ import annotations  # `help` shows names instead of what they stand for

from typing import TYPE_CHECKING, Any

import numpy as np

from parzen.errors import InputError
from parzen.plotting.figures import ACCENT, INK, SECOND, axes_or_new
from parzen.typing import FloatArray
from parzen.validation import as_matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_density"]

#: Samples that are drawn as marks, and points of a curve or of a side of a picture.
_MARKS, _CURVE, _SIDE = 2000, (600, 20_000), 160


def draw_density(samples: Any, bandwidth: Any, *, sample_weight: Any = None, ax: Axes | None = None) -> Axes:
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
    from matplotlib.ticker import MaxNLocator

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
    some = "samples" if len(marked) == n else f"{len(marked)} of {n} samples"
    names = [
        str(name) for name in getattr(samples, "columns", ("x",) if d == 1 else ("column 0", "column 1"))
    ]
    new = ax is None
    with axes_or_new(ax, 8.0, 4.2 if d == 1 else 6.0) as ax:
        if d == 1:
            points = int(np.clip(24.0 * (high[0] - low[0]) / margin[0], *_CURVE))  # eight a bandwidth
            x = np.linspace(low[0], high[0], points)
            ax.plot(x, np.exp(kde.log_density(x[:, None])), color=ACCENT, linewidth=1.4)
            rug: dict[str, Any] = {"color": SECOND, "markersize": 9, "alpha": 0.5, "label": some}
            ax.plot(marked[:, 0], np.full(len(marked), 0.015), "|", transform=ax.get_xaxis_transform(), **rug)
            ax.set_ylim(bottom=0.0)
            ax.set_ylabel("density")
        else:
            x, y = (np.linspace(low[i], high[i], _SIDE) for i in range(2))
            across, up = np.meshgrid(x, y)
            heights = np.exp(kde.log_density(np.column_stack([across.ravel(), up.ravel()])))
            levels = MaxNLocator(10).tick_values(0.0, float(heights.max()))
            filled = ax.contourf(x, y, heights.reshape(across.shape), levels, cmap="Blues")
            ax.get_figure(root=True).colorbar(filled, ax=ax, label="density", format="%.6g")  # type: ignore[union-attr]
            ax.plot(marked[:, 0], marked[:, 1], ".", color=INK, markersize=3, alpha=0.5, label=some)
            ax.set_ylabel(names[1])
        ax.set_xlabel(names[0])
        if new:
            ax.set_title(_bandwidth_in_words(bandwidth, h))
            ax.legend(loc="best", fontsize=9)
    return ax


def _bandwidth_in_words(given: Any, h: FloatArray) -> str:
    """Say which bandwidth a density has, and who chose it."""
    method = getattr(given, "method", given if isinstance(given, str) else None)
    value = (
        f" {h:.4g}" if h.ndim == 0 else "s " + ", ".join(f"{value:.4g}" for value in h) if h.ndim == 1 else ""
    )
    kind = "covariance as bandwidth" if h.ndim == 2 else f"bandwidth{value}"
    return kind if method is None else f"{kind}, by {method}"
