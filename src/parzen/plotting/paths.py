"""Pictures of a descent and of a gradient check: part of the plotting room, the home of matplotlib."""

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from parzen.plotting.figures import ACCENT, axes_or_new, house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from parzen.derivatives.functions.check import GradientCheck
    from parzen.derivatives.functions.descend import Path
    from parzen.typing import FloatArray

__all__ = ["draw_check", "draw_path"]

#: Points a side of the picture of a function of two variables, and how many parts each distance between them has
#: where that many values can be had in this time, in seconds.
GRID, PARTS, IN_TIME = 81, 3, 2.0
#: Contours, and how many of them have a number in the colour bar.
LEVELS, NUMBERED = 20, 7
#: The part of the colour map that shows on white.
DARK = 0.75


def draw_path(path: "Path", ax: "Axes | None" = None) -> "Axes":
    """Draw a path: on the graph of a 1-D function, on contours of a 2-D one, else the values by step.

    Contours come with a colour bar, in the figure of the axes. Areas between them are about equal, so that a flat
    valley beside steep walls shows. Of a function that takes long there are fewer points, 81 a side.
    """
    from matplotlib.ticker import MaxNLocator

    with axes_or_new(ax, 6.0, 4.5) as axes:
        n = path.history.shape[1]
        if n > 2:
            axes.plot(path.values, ".-")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set(xlabel="step", ylabel="f")
            return axes
        low, high = path.history.min(axis=0), path.history.max(axis=0)
        margin = 0.15 * np.maximum(high - low, 1e-3 * np.maximum(np.abs(high), 1e-3))
        low, high = low - margin, high + margin
        if n == 1:
            along = np.linspace(low[0], high[0], PARTS * (GRID - 1) + 1)
            axes.plot(along, _values(path, along[:, None]), color="0.6")
            line, colour = (path.history[:, 0], path.values), ACCENT
            axes.set(xlabel="x", ylabel="f(x)")
        else:
            _contours(axes, *_heights(path, low, high))
            line, colour = (path.history[:, 0], path.history[:, 1]), "black"
            axes.set(xlabel="x[0]", ylabel="x[1]")
        axes.plot(*line, ".-", color=colour, label="path")
        (first, last) = ([each[i] for each in line] for i in (0, -1))
        axes.plot(*first, "o", color=colour, markerfacecolor="white", markersize=8, label="start")
        axes.plot(*last, "o", color="tab:red", markersize=8, label="end")
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.12), ncol=3, frameon=False
        )  # clear of the path
        return axes


def _heights(
    path: "Path", low: "FloatArray", high: "FloatArray"
) -> "tuple[FloatArray, FloatArray, FloatArray]":
    """Coordinates across and up, and f there: at few points first, and at those between where f is cheap."""
    sides = [np.linspace(a, b, PARTS * (GRID - 1) + 1) for a, b in zip(low, high, strict=True)]
    across, up = np.meshgrid(*sides)
    heights = np.full(across.shape, np.nan)
    coarse = np.zeros(across.shape, dtype=bool)
    coarse[::PARTS, ::PARTS] = True
    began = perf_counter()
    heights[coarse] = _values(path, np.column_stack([across[coarse], up[coarse]]))
    if (perf_counter() - began) * PARTS**2 > IN_TIME:
        few = slice(None, None, PARTS)
        return across[few, few], up[few, few], heights[few, few]
    heights[~coarse] = _values(path, np.column_stack([across[~coarse], up[~coarse]]))
    return across, up, heights


def _contours(axes: "Axes", across: "FloatArray", up: "FloatArray", heights: "FloatArray") -> None:
    """Contours, coloured by their rank: levels are far from even, and colours by f would all be the same."""
    import matplotlib

    levels = _levels(heights[np.isfinite(heights)])
    if not levels.size:
        return
    colours = matplotlib.colormaps["viridis"](np.linspace(0, DARK, levels.size))
    picture = axes.contour(
        across, up, np.ma.masked_invalid(heights), levels, colors=list(colours), linewidths=1.0
    )
    bar = axes.figure.colorbar(picture, ax=axes, label="f", spacing="uniform")
    shown = levels[:: -(-levels.size // NUMBERED)].tolist()
    bar.set_ticks(shown, labels=[f"{level:.10g}".replace("-", "\N{MINUS SIGN}") for level in shown])


def _levels(heights: "FloatArray") -> "FloatArray":
    """Heights of contours with about equal areas between them, rounded as far as they stay apart; none of a plain."""
    if not heights.size:
        return heights
    levels = np.unique(np.quantile(heights, np.linspace(0.01, 0.99, LEVELS)))
    if levels.size < 2:
        return levels[:0]
    gaps = np.diff(levels)
    gap = np.minimum(np.append(gaps, gaps[-1]), np.append(gaps[0], gaps))
    digits = -np.floor(np.log10(gap / 2)).astype(int)
    return np.unique([round(float(level), int(places)) for level, places in zip(levels, digits, strict=True)])


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
    from matplotlib.ticker import MaxNLocator

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
        left.plot(ends, ends, color="0.7", zorder=0, label="equal")
        left.set(xlabel="finite differences", ylabel="gradient")
        right.axhline(1.0, color="0.7", zorder=0, label="allowed")
        right.xaxis.set_major_locator(MaxNLocator(integer=True))
        right.set(xlabel="entry", ylabel="off by, in units of what is allowed")
        for axes in (left, right):
            axes.margins(0.1)  # no point on the frame
            axes.legend()
        return figure
