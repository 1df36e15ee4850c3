"""A sampled surface with its gradient as arrows or streamlines, and its level points marked."""

from typing import Any

import numpy as np

from parzen.derivatives.arrays.containers import names, values_and_coordinates
from parzen.derivatives.arrays.gradient import gradient
from parzen.derivatives.arrays.level_points import level_points, read_surface
from parzen.derivatives.arrays.times import numpy_times
from parzen.errors import InputError
from parzen.plotting.figures import INK, axes_or_new
from parzen.typing import FloatArray
from parzen.validation import as_positive_int

__all__ = ["gradient_field"]

_TITLES = {"arrows": "gradient, pointing uphill", "streamlines": "lines of steepest ascent"}
_MARKS = {"maximum": ("^", "tab:red"), "minimum": ("v", "tab:orange"), "saddle": ("X", "black")}
_WHITE = 0.5  # share of white in the colours of the surface: black arrows stand out from all of them


def gradient_field(
    z: Any,
    x: Any = None,
    y: Any = None,
    *,
    style: str = "arrows",
    density: int = 20,
    ax: Any = None,
    datetime_unit: str = "s",
) -> Any:
    """Draw a surface as filled contours, its gradient on top, and mark where the gradient vanishes.

    Parameters
    ----------
    z : array-like of shape (n_y, n_x)
        Samples, finite: rows are y, columns are x. The axes of a labelled array keep their names.
    x, y : scalar, array-like of shape (n_x,) and (n_y,), or both of ``np.meshgrid(x, y)``, optional
        Steps, or coordinates, strictly increasing; by default those of a labelled ``z``, else 0, 1, 2, ….
    style : {"arrows", "streamlines"}, default "arrows"
        Arrows show size and direction, streamlines the way uphill. Streamlines of unevenly spaced data are
        drawn on an even grid.
    density : int, default 20
        Arrows along the longer side; streamlines scale with it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    datetime_unit : str, default "s"
        Unit of an axis whose coordinates are dates or durations, drawn since the first.

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
    if style not in _TITLES:
        raise InputError(f"`style` must be 'arrows' or 'streamlines'; got {style!r}. Choose one of them.")
    density = as_positive_int(density, "density")
    values, at_y, at_x = read_surface(z, y, x, datetime_unit)
    slope_y, slope_x = gradient(values, at_y, at_x, accuracy=4)
    label_y, label_x, label_z = _labels(z, y, x, datetime_unit)
    with axes_or_new(ax, 6.4, 4.8) as ax:
        filled = ax.contourf(at_x, at_y, values, levels=24, cmap=_pale_colours())
        ax.figure.colorbar(filled, ax=ax, label=label_z)
        if style == "arrows":
            step = max(1, int(np.ceil(max(values.shape) / density)))
            picked = (slice(step // 2, None, step),) * 2
            ax.quiver(
                at_x[picked[1]], at_y[picked[0]], slope_x[picked], slope_y[picked],
                angles="xy", color=INK, width=0.003, pivot="mid",
            )  # fmt: skip
        else:
            even_x, even_y = (
                np.linspace(at_x[0], at_x[-1], len(at_x)),
                np.linspace(at_y[0], at_y[-1], len(at_y)),
            )
            u, v = (_on_even_grid(s, at_y, at_x, even_y, even_x) for s in (slope_x, slope_y))
            ax.streamplot(even_x, even_y, u, v, density=density / 16, color=INK, linewidth=0.7, arrowsize=0.8)
        _mark_level_points(ax, values, at_y, at_x)
        ax.set(xlabel=label_x, ylabel=label_y, title=_TITLES[style])
        ax.set(xlim=(at_x[0], at_x[-1]), ylim=(at_y[0], at_y[-1]))
    return ax


def _labels(z: Any, y: Any, x: Any, datetime_unit: str) -> list[str]:
    """Return what to write along rows, columns and the colour bar: the caller's names, and the unit of times."""
    dims, name = names(z) or (("y", "x"), None)
    given = values_and_coordinates(z, () if x is None and y is None else (y, x))[1] or (None, None)
    timed = [line is not None and np.asarray(numpy_times(line)).dtype.kind in "mM" for line in given]
    axes = [f"{dim}, {datetime_unit}" if t else str(dim) for dim, t in zip(dims, timed, strict=True)]
    return [*axes, "z" if name is None else str(name)]


def _pale_colours() -> Any:
    """Viridis, mixed with white."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    colours = matplotlib.colormaps["viridis"](np.linspace(0, 1, 256))
    return ListedColormap(_WHITE + (1 - _WHITE) * colours[:, :3])


def _mark_level_points(ax: Any, values: FloatArray, at_y: FloatArray, at_x: FloatArray) -> None:
    """Mark level points, also those on the border in full, with a legend below."""
    from matplotlib.transforms import Bbox, TransformedBbox

    points = level_points(values, at_y, at_x)
    around = TransformedBbox(
        Bbox([[-0.03, -0.03], [1.03, 1.03]]), ax.transAxes
    )  # half a mark wider than the axes
    for kind, (mark, colour) in _MARKS.items():
        chosen = points.kind == kind
        if chosen.any():
            drawn = ax.scatter(
                points.x[chosen], points.y[chosen],
                marker=mark, s=70, c=colour, edgecolors="white", linewidths=0.8, label=kind, zorder=3,
            )  # fmt: skip
            drawn.set_clip_box(around)
    if len(points):
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncol=3, fontsize="small", frameon=False)


def _on_even_grid(z: FloatArray, y: FloatArray, x: FloatArray, even_y: FloatArray, even_x: FloatArray) -> Any:
    """Interpolate linearly to an even grid, which streamlines need."""
    from scipy.interpolate import RegularGridInterpolator

    mesh = np.meshgrid(np.clip(even_y, y[0], y[-1]), np.clip(even_x, x[0], x[-1]), indexing="ij")
    return RegularGridInterpolator((y, x), z)(np.stack(mesh, axis=-1))
