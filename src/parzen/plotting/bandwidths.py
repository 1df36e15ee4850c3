"""Curves of how a bandwidth was chosen: of a sweep, or of a selector's objective."""

from __future__ import annotations  # `help` shows names instead of what they stand for

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from parzen.errors import InputError
from parzen.plotting.figures import ACCENT, SECOND, SOFT, axes_or_new, nats, plain_log_axis, short
from parzen.typing import FloatArray
from parzen.validation import as_vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bandwidth_curve", "objective_curve"]


class _Curve(Protocol):
    """What `bandwidth_curve` reads of a `parzen.Sweep`."""

    @property
    def bandwidths(self) -> FloatArray: ...
    @property
    def mean_log_density(self) -> FloatArray: ...
    @property
    def standard_error(self) -> FloatArray: ...


class _Optimum(Protocol):
    """What `bandwidth_curve` reads of a refinement."""

    @property
    def bandwidth(self) -> float: ...
    @property
    def mean_log_density(self) -> float: ...
    @property
    def trace(self) -> Sequence[tuple[float, float]]: ...


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


def bandwidth_curve(sweep: _Curve, refinement: _Optimum | None = None, ax: Axes | None = None) -> Axes:
    """Draw mean log density against bandwidth, with standard errors and the optimum.

    The bandwidth axis is logarithmic. Below the optimum the curve falls like -1/σ², so the lowest points there are
    often thousands of nats under the rest: those lower than twice the median drop are drawn as arrows on the
    lower edge, with their value beside them, and the others keep the room.

    Parameters
    ----------
    sweep : Sweep
        Or anything with ``bandwidths``, ``mean_log_density`` and ``standard_error``, each of shape (k,), in
        nats a point and in the units of the data.
    refinement : Refinement, optional
        The optimum found from the sweep; the line goes through it and through its ``trace``, small dots.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: the axes of a new figure, found as ``.figure``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError, InputTypeError
        The three arrays are not numeric, empty, or of different lengths.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> sweep = SimpleNamespace(
    ...     bandwidths=[0.1, 0.2, 0.5], mean_log_density=[-9.0, 2.0, -4.0], standard_error=[0.3, 0.1, 0.2]
    ... )
    >>> bandwidth_curve(sweep).get_xscale()
    'log'
    """
    h = as_vector(sweep.bandwidths, "bandwidths")
    order = np.argsort(h)
    h = h[order]
    mean = as_vector(sweep.mean_log_density, "mean_log_density", length=h.size)[order]
    error = np.nan_to_num(np.asarray(sweep.standard_error, dtype=np.float64))[order]
    with axes_or_new(ax, 8.0, 4.2, grid=True) as ax:
        _draw_curve(ax, h, mean, error, refinement)
    return ax


def objective_curve(chosen: _Chosen, ax: Axes | None = None) -> Axes:
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
            "In one or two dimensions draw the density instead: parzen.plotting.draw_density(X, b)."
        )
    bandwidths, objective = chosen.curve
    with axes_or_new(ax, 8.0, 4.2, grid=True) as ax:
        ax.plot(bandwidths, objective, color=ACCENT, linewidth=1.4)
        if objective.min() < 0.0 < objective.max():
            ax.axhline(0.0, color=SOFT, linewidth=0.8)
        if chosen.kind == "scalar":
            h = float(chosen.value)
            at = float(np.interp(h, bandwidths, objective))
            ax.plot([h], [at], "*", color=SECOND, markersize=14, label=f"{chosen.method}: {h:.4g}")
            ax.legend(loc="best", fontsize=9)
        plain_log_axis(ax, float(bandwidths[0]), float(bandwidths[-1]))
        ax.set_xlabel("bandwidth (log scale)")
        ax.set_ylabel(chosen.objective)
    return ax


def _draw_curve(
    ax: Axes, h: FloatArray, mean: FloatArray, error: FloatArray, refinement: _Optimum | None
) -> None:
    """Draw the sorted curve of `bandwidth_curve`."""
    best = int(np.argmax(mean))
    floor, top = _readable_limits(mean, error, None if refinement is None else refinement.mean_log_density)
    fallen = mean < floor
    decimals = max(0, 2 - math.floor(math.log10(top - floor)))  # what tells two points of the picture apart

    if refinement is None:
        course = np.column_stack([h, mean])
    else:  # through all that is known, so that the optimum is on the line
        known = dict(refinement.trace) | {refinement.bandwidth: refinement.mean_log_density}
        new = np.array([(x, y) for x, y in known.items() if x not in h]).reshape(-1, 2)
        course = np.concatenate([np.column_stack([h, mean]), new])
        course = course[np.argsort(course[:, 0])]
        looked = new[(floor <= new[:, 1]) & (new[:, 0] != refinement.bandwidth)]
        ax.plot(
            looked[:, 0], looked[:, 1], ".", color=SECOND, markersize=4, zorder=4, label="on the way to it"
        )
        x, y = refinement.bandwidth, refinement.mean_log_density
        told = f"optimum: σ = {x:.4g}, {nats(y, max(2, decimals))} nats"
        ax.plot(x, y, "*", color=SECOND, markersize=14, zorder=5, label=told)
    ax.plot(course[:, 0], course[:, 1], color=ACCENT, linewidth=1.4, zorder=3)
    bars: dict[str, Any] = {"color": ACCENT, "linestyle": "none", "marker": "o", "capsize": 3, "zorder": 3}
    seen = np.where(fallen, np.nan, mean)  # the bar of a point below the picture would end in the air
    ax.errorbar(h, seen, yerr=error, label="mean log density ± standard error", **bars)
    ring: dict[str, Any] = {"color": ACCENT, "markersize": 11, "fillstyle": "none", "zorder": 4}
    told = f"best of the list: σ = {short(h[best])}, {nats(mean[best], max(2, decimals))} nats"
    if refinement is None and h[0] < h[-1] and h[best] in (h[0], h[-1]):
        told += "\nat the edge: a better one may lie outside"
    ax.plot(h[best], mean[best], "o", label=told, **ring)
    for x, y in zip(h[fallen], mean[fallen], strict=True):
        ax.plot(x, floor, "v", color=ACCENT, markersize=7, zorder=5, clip_on=False)
        above: dict[str, Any] = {
            "xytext": (0, 9),
            "textcoords": "offset points",
            "ha": "center",
            "va": "bottom",
            "zorder": 5,
            "bbox": {
                "facecolor": ax.get_facecolor(),
                "edgecolor": "none",
                "pad": 1.0,
            },  # hides the line behind
        }
        ax.annotate(nats(y, decimals), (x, floor), rotation=90, fontsize=8, color=ACCENT, **above)
    places = h if refinement is None else np.append(h, refinement.bandwidth)
    margin = max(1.1, (places.max() / places.min()) ** 0.05)
    ax.set_xlim(places.min() / margin, places.max() * margin)
    ax.set_ylim(floor, top)
    ax.set_xscale("log")
    ax.set_xticks(h, [short(value) for value in h])
    ax.minorticks_off()
    ax.set_xlabel("bandwidth σ (log scale)")
    ax.set_ylabel("mean log density (nats)")
    ax.legend(loc="best", fontsize=9)


def _readable_limits(mean: FloatArray, error: FloatArray, optimum: float | None) -> tuple[float, float]:
    """Choose the range of nats to show: everything, whole error bars too, but narrow bandwidths that fall far below."""
    best = int(np.argmax(mean))
    top = float(mean.max()) if optimum is None else max(float(mean.max()), optimum)
    drops = top - mean[mean < top]
    if drops.size == 0:
        floor, ceiling = top - 1.0, top + 1.0
    else:
        left, right = (float((top - part).max()) for part in (mean[: best + 1], mean[best:]))
        shown = max(right, left if drops.size < 3 else min(left, 2.0 * float(np.median(drops))))
        floor, ceiling = top - 1.08 * shown, top + 0.12 * shown
    inside = mean >= floor
    lowest, highest = float((mean - error)[inside].min()), float((mean + error)[inside].max())
    room = 0.04 * (max(ceiling, highest) - min(floor, lowest))
    return min(floor, lowest - room), max(ceiling, highest + room)
