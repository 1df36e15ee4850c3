"""Pictures of a descent and of a gradient check: part of the plotting room, the home of matplotlib."""

from typing import TYPE_CHECKING

import numpy as np

from parzen.plotting.figures import axes_or_new, house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from parzen.derivatives.functions.check import GradientCheck
    from parzen.derivatives.functions.descend import Path
    from parzen.typing import FloatArray

__all__ = ["draw_check", "draw_path"]

GRID = 81


def draw_path(path: "Path", ax: "Axes | None" = None) -> "Axes":
    """Draw a path: on the graph of a 1-D function, on contours of a 2-D one, else the values by step.

    Contours come with a colour bar, in the figure of the axes.
    """
    with axes_or_new(ax, 6.0, 4.5) as axes:
        n = path.history.shape[1]
        if n > 2:
            axes.plot(path.values, ".-")
            axes.set(xlabel="step", ylabel="f")
            return axes
        low, high = path.history.min(axis=0), path.history.max(axis=0)
        margin = 0.15 * np.maximum(high - low, 1e-3 * np.maximum(np.abs(high), 1e-3))
        grids = [np.linspace(a, b, GRID) for a, b in zip(low - margin, high + margin, strict=True)]
        if n == 1:
            axes.plot(grids[0], _values(path, grids[0][:, None]), color="0.6")
            axes.plot(path.history[:, 0], path.values, ".-", label="path")
            axes.set(xlabel="x", ylabel="f(x)")
        else:
            across, up = np.meshgrid(*grids)
            heights = _values(path, np.column_stack([across.ravel(), up.ravel()])).reshape(across.shape)
            picture = axes.contour(
                across, up, np.ma.masked_invalid(heights), _levels(heights), cmap="viridis"
            )
            axes.figure.colorbar(picture, ax=axes, label="f")
            axes.plot(path.history[:, 0], path.history[:, 1], ".-", color="black", label="path")
            axes.set(xlabel="x[0]", ylabel="x[1]")
        axes.plot(
            *path.history[-1], *(() if n == 2 else (path.values[-1],)), "o", color="tab:red", label="end"
        )
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.12), ncol=2, frameon=False
        )  # clear of the path
        return axes


def _levels(heights: "FloatArray") -> "FloatArray | int":
    """Heights of contours with equal areas between them, so that a flat valley beside steep walls shows."""
    finite = heights[np.isfinite(heights)]
    levels = np.unique(np.quantile(finite, np.linspace(0.01, 0.99, 20))) if finite.size else finite
    return levels if levels.size > 1 else 30


def _values(path: "Path", points: "FloatArray") -> "FloatArray":
    """f at the points of a picture; NaN where it is not defined."""
    values = np.full(len(points), np.nan)
    with np.errstate(all="ignore"):
        for row, point in enumerate(points):
            try:
                values[row] = path.f(point)
            except (ArithmeticError, ValueError):
                continue
    return values


def draw_check(check: "GradientCheck") -> "Figure":
    """Draw the gradient against the differences, and how far each entry is off."""
    with house_style():
        figure = new_figure(9.0, 4.0, "constrained")
        left, right = figure.subplots(1, 2)
        claimed, seen = check.gradient.ravel(), check.differences.ravel()
        passed = check.passed.ravel()
        excess = np.maximum(np.minimum(check.excess.ravel(), 1e6), 1e-6)
        right.set_yscale("log")
        for members, colour, name in ((passed, "tab:blue", "agrees"), (~passed, "tab:red", "does not agree")):
            if members.any():
                left.plot(seen[members], claimed[members], "o", color=colour, label=name)
                right.plot(np.flatnonzero(members), excess[members], "o", color=colour)
        ends = [float(np.nanmin([seen, claimed])), float(np.nanmax([seen, claimed]))]
        left.plot(ends, ends, color="0.7", zorder=0)
        left.set(xlabel="finite differences", ylabel="gradient")
        left.legend()
        right.axhline(1.0, color="0.7")
        right.xaxis.get_major_locator().set_params(integer=True)
        right.set(xlabel="entry", ylabel="off by, in units of what is allowed")
        return figure
