"""A sampled surface with its gradient as arrows or streamlines, and its level points marked."""

from typing import Any

import numpy as np

from parzen.derivatives.arrays.gradient import gradient
from parzen.derivatives.arrays.level_points import level_points, read_surface
from parzen.errors import InputError
from parzen.plotting.figures import axes_or_new
from parzen.typing import FloatArray
from parzen.validation import as_positive_int

__all__ = ["gradient_field"]


def gradient_field(
    z: Any, x: Any = None, y: Any = None, *, style: str = "arrows", density: int = 20, ax: Any = None
) -> Any:
    """Draw a surface as filled contours, its gradient on top, and mark where the gradient vanishes.

    Parameters
    ----------
    z : array-like of shape (n_y, n_x)
        Samples, finite: rows are y, columns are x.
    x, y : scalar, array-like of shape (n_x,) and (n_y,), or both of ``np.meshgrid(x, y)``, optional
        Steps, or coordinates, strictly increasing; by default those of a labelled ``z``, else 0, 1, 2, ….
    style : {"arrows", "streamlines"}, default "arrows"
        Arrows show size and direction, streamlines the way uphill. Streamlines of unevenly spaced data are
        drawn on an even grid.
    density : int, default 20
        Arrows along the longer side; streamlines scale with it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError, InputTypeError
        Not 2-D, fewer than 5 samples along an axis, not finite, or coordinates that do not increase.

    See Also
    --------
    parzen.grid.level_points : The points that are marked, in numbers.
    """
    if style not in ("arrows", "streamlines"):
        raise InputError(f"`style` must be 'arrows' or 'streamlines'; got {style!r}. Choose one of them.")
    density = as_positive_int(density, "density")
    values, at_y, at_x = read_surface(z, y, x, "s")
    slope_y, slope_x = gradient(values, at_y, at_x, accuracy=4)
    with axes_or_new(ax, 6.4, 4.8) as ax:
        filled = ax.contourf(at_x, at_y, values, levels=24, cmap="viridis", alpha=0.85)
        ax.figure.colorbar(filled, ax=ax, label="z")
        if style == "arrows":
            step = max(1, int(np.ceil(max(values.shape) / density)))
            picked = (slice(step // 2, None, step),) * 2
            ax.quiver(
                at_x[picked[1]], at_y[picked[0]], slope_x[picked], slope_y[picked],
                angles="xy", color="white", width=0.003, pivot="mid",
            )  # fmt: skip
        else:
            even_x, even_y = (
                np.linspace(at_x[0], at_x[-1], len(at_x)),
                np.linspace(at_y[0], at_y[-1], len(at_y)),
            )
            u, v = (_on_even_grid(s, at_y, at_x, even_y, even_x) for s in (slope_x, slope_y))
            ax.streamplot(
                even_x, even_y, u, v, density=density / 16, color="white", linewidth=0.7, arrowsize=0.8
            )
        marks = {"maximum": "^", "minimum": "v", "saddle": "x"}
        colors = {"maximum": "tab:red", "minimum": "tab:orange", "saddle": "black"}
        points = level_points(values, at_y, at_x)
        for kind, mark in marks.items():
            chosen = points.kind == kind
            if chosen.any():
                ax.scatter(
                    points.x[chosen],
                    points.y[chosen],
                    marker=mark,
                    s=60,
                    c=colors[kind],
                    label=kind,
                    zorder=3,
                )
        if len(points):
            ax.legend(
                loc="upper center", bbox_to_anchor=(0.5, -0.12), ncol=3, fontsize="small", frameon=False
            )
        ax.set(xlabel="x", ylabel="y", title="gradient field, pointing uphill")
        ax.set(xlim=(at_x[0], at_x[-1]), ylim=(at_y[0], at_y[-1]))
    return ax


def _on_even_grid(z: FloatArray, y: FloatArray, x: FloatArray, even_y: FloatArray, even_x: FloatArray) -> Any:
    """Interpolate linearly to an even grid, which streamlines need."""
    from scipy.interpolate import RegularGridInterpolator

    mesh = np.meshgrid(np.clip(even_y, y[0], y[-1]), np.clip(even_x, x[0], x[-1]), indexing="ij")
    return RegularGridInterpolator((y, x), z)(np.stack(mesh, axis=-1))
