"""Pictures: a bandwidth curve, a grid of images, what a density finds likely.

Matplotlib is imported on use. Figures are made without ``pyplot``: no window,
no display and no global state are needed, and nothing has to be closed. Functions return Matplotlib's own
`Axes` or `Figure`, so a caller can go on drawing; ``axes.figure.savefig(path)`` keeps the picture.
"""

from __future__ import annotations  # `help` shows names instead of what they stand for

import io
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from parzen.errors import InputError, InputTypeError
from parzen.typing import ArrayLike, FloatArray
from parzen.validation import as_matrix, as_positive_float, as_positive_int, as_vector, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "FORMATS",
    "bandwidth_curve",
    "density_gallery",
    "image_grid",
    "new_figure",
    "plain_log_axis",
    "png",
    "save",
]

_INK, _SOFT, _ACCENT, _SECOND = "#1f2430", "#8a8f9c", "#1b6ca8", "#c2410c"
_STYLE: Any = {  # Any: Matplotlib types the keys of this dict as literals from 3.11 on
    "figure.dpi": 160,
    "savefig.dpi": 160,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": _SOFT,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.axisbelow": True,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "font.size": 10,
    "legend.frameon": False,
}


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


def bandwidth_curve(sweep: _Curve, refinement: _Optimum | None = None, ax: Axes | None = None) -> Axes:
    """Draw mean log density against bandwidth, with standard errors and the optimum.

    The bandwidth axis is logarithmic. Below the optimum the curve falls like -1/σ², so the lowest points are
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
    with _house_style() if ax is None else nullcontext():
        if ax is None:
            ax = new_figure(8.0, 4.2, layout="constrained").add_subplot()
            ax.grid(color="#e6e8ee", linewidth=0.8)
        _draw_curve(ax, h, mean, error, refinement)
    return ax


def image_grid(
    images: ArrayLike, image_shape: Sequence[int], *, columns: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw images side by side in a grid, as near to square as they fit.

    Parameters
    ----------
    images : array-like of shape (n, d)
        One image a row, pixels in [0, 1]. Grey images are drawn as ink on paper: 0 is white, 1 is black.
    image_shape : (height, width) or (height, width, 3)
        With height · width (· 3) = d.
    columns : int, optional
        Images in a row. Default: ⌈√n⌉.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError, InputTypeError
        `images` is not a finite table, or `image_shape` does not fit it.

    Examples
    --------
    >>> image_grid([[0.0, 0.5, 0.5, 1.0]] * 6, (2, 2), columns=3).get_images()[0].get_array().shape
    (5, 8)
    """
    table = as_matrix(images, "images")
    shape = _image_shape(image_shape, table.shape[1])
    columns = math.ceil(math.sqrt(len(table))) if columns is None else as_positive_int(columns, "columns")
    rows = math.ceil(len(table) / columns)
    height, width = shape[:2]
    gap = max(1, height // 12)
    mosaic = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *shape[2:]), _paper(shape))
    for i, image in enumerate(table):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        mosaic[top : top + height, left : left + width] = image.reshape(shape)
    with _house_style() if ax is None else nullcontext():
        if ax is None:
            side = 8.0
            ax = new_figure(side, side * mosaic.shape[0] / mosaic.shape[1]).add_axes((0, 0, 1, 1))
        _show(ax, mosaic)
    return ax


def density_gallery(
    images: ArrayLike,
    log_density: ArrayLike,
    image_shape: Sequence[int],
    *,
    bandwidth: float,
    gradient: ArrayLike,
    gradient_of: int,
    columns: int = 8,
) -> Figure:
    """Draw the most and the least likely images, and what the density wants to change in one of them.

    The last row shows an image x, ∇ log f(x) as an image, and the mean-shift step x + σ² ∇ log f(x): for a
    Gaussian kernel that is the average of the samples, weighted by their kernels at x.

    Parameters
    ----------
    images : array-like of shape (n, d)
        One image a row, pixels in [0, 1].
    log_density : array-like of shape (n,)
        Their log densities, in nats.
    image_shape : (height, width) or (height, width, 3)
        With height · width (· 3) = d.
    bandwidth : float
        σ of the density, in the units of the pixels.
    gradient : array-like of shape (d,)
        ∇ log f at ``images[gradient_of]``, in nats a unit of pixel.
    gradient_of : int
        The row of the image in the last row of the picture.
    columns : int, default 8
        How many images a row shows; fewer where n is small, so that no image stands in both rows.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError, InputTypeError
        The arrays are not finite numbers or their shapes do not fit together.

    Examples
    --------
    >>> figure = density_gallery(
    ...     [[0.0, 1.0], [1.0, 0.0]], [1.5, -2.0], (1, 2), bandwidth=0.5, gradient=[1.0, -1.0], gradient_of=1
    ... )
    >>> len(figure.axes)  # the most and the least likely image, and the three panels of the last row
    5
    """
    table = as_matrix(images, "images")
    shape = _image_shape(image_shape, table.shape[1])
    values = as_vector(log_density, "log_density", length=len(table))
    slope = as_vector(gradient, "gradient", length=table.shape[1])
    sigma = as_positive_float(bandwidth, "bandwidth")
    which = as_positive_int(gradient_of, "gradient_of", minimum=0)
    if which >= len(table):
        raise InputError(
            f"`gradient_of` must be a row of `images`, 0 to {len(table) - 1}; got {which}. Pass one."
        )
    ranking = np.argsort(values, kind="stable")
    columns = max(1, min(as_positive_int(columns, "columns"), len(table) // 2))

    with _house_style():
        figure = new_figure(8.6, 6.6)
        halves: Any = figure.subfigures(2, 1, height_ratios=(1.0, 1.05))
        strips = halves[0].subfigures(2, 1)
        _strip(
            strips[0], f"The {_count(columns, 'most likely')}", table, values, ranking[::-1][:columns], shape
        )
        _strip(strips[1], f"The {_count(columns, 'least likely')}", table, values, ranking[:columns], shape)
        _draw_pull(halves[1], table[which], values[which], slope, sigma, shape)
    return figure


#: What `save` can write, and how a file of it says nothing of version or date: the same numbers, the same bytes.
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None},
}
#: The endings that `save` takes.
FORMATS = tuple(_METADATA)


def png(drawing: Axes | Figure) -> bytes:
    """Render a figure, or the figure that axes belong to, as the bytes of a PNG file.

    Examples
    --------
    >>> png(image_grid([[0.0, 1.0]], (1, 2)))[1:4]
    b'PNG'
    """
    return _rendered(drawing, "png")


def save(drawing: Axes | Figure, path: str | Path) -> None:
    """Write a figure, or the figure that axes belong to, in the format that the name of the file ends in.

    Parameters
    ----------
    drawing : matplotlib.axes.Axes or matplotlib.figure.Figure
        What to write.
    path : str or Path
        A file that ends in .png, .pdf or .svg.

    Raises
    ------
    InputError
        Another ending.
    OSError
        The file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise InputError(
            f"`path` must end in .png, .pdf or .svg; got {str(path)!r}. Choose the format by the name of the file."
        )
    path.write_bytes(_rendered(drawing, kind))


def _rendered(drawing: Axes | Figure, kind: str) -> bytes:
    """Render in a format of `FORMATS`."""
    import matplotlib

    stream = io.BytesIO()
    figure: Any = drawing.figure  # of a Figure: itself
    with matplotlib.rc_context({"svg.hashsalt": "parzen"}):
        figure.savefig(stream, format=kind, metadata=_METADATA[kind])
    return stream.getvalue()


def plain_log_axis(ax: Axes, low: float, high: float) -> None:
    """Make the horizontal axis logarithmic, with numbers written as a person would, few enough not to touch."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    ax.set_xscale("log")
    between = (2.0, 5.0) if high < 1e3 * low else ()
    ax.xaxis.set_major_locator(MaxNLocator(6) if high < 10.0 * low else LogLocator(subs=(1.0, *between)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    ax.minorticks_off()


def _house_style() -> AbstractContextManager[None]:
    """Use parzen's colours and sizes for what is drawn inside."""
    import matplotlib

    return matplotlib.rc_context(_STYLE)


def new_figure(width: float, height: float, layout: Literal["constrained"] | None = None) -> Figure:
    """Make a figure, in inches, on a canvas that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _draw_curve(
    ax: Axes, h: FloatArray, mean: FloatArray, error: FloatArray, refinement: _Optimum | None
) -> None:
    """Draw the sorted curve of `bandwidth_curve`."""
    best = int(np.argmax(mean))
    floor, top = _readable_limits(mean, error, None if refinement is None else refinement.mean_log_density)
    fallen = mean < floor

    if refinement is None:
        course = np.column_stack([h, mean])
    else:  # through all that is known, so that the optimum is on the line
        known = dict(refinement.trace) | {refinement.bandwidth: refinement.mean_log_density}
        new = np.array([(x, y) for x, y in known.items() if x not in h]).reshape(-1, 2)
        course = np.concatenate([np.column_stack([h, mean]), new])
        course = course[np.argsort(course[:, 0])]
        looked = new[(floor <= new[:, 1]) & (new[:, 0] != refinement.bandwidth)]
        ax.plot(looked[:, 0], looked[:, 1], ".", color=_SECOND, markersize=4, zorder=4)
        x, y = refinement.bandwidth, refinement.mean_log_density
        told = f"optimum: {x:.4g} → {_nats(y, 2)}"
        ax.plot(x, y, "*", color=_SECOND, markersize=14, zorder=5, label=told)
    ax.plot(course[:, 0], course[:, 1], color=_ACCENT, linewidth=1.4, zorder=3)
    bars: dict[str, Any] = {"color": _ACCENT, "linestyle": "none", "marker": "o", "capsize": 3, "zorder": 3}
    seen = np.where(fallen, np.nan, mean)  # the bar of a point below the picture would end in the air
    ax.errorbar(h, seen, yerr=error, label="mean log density ± standard error", **bars)
    ring: dict[str, Any] = {"color": _ACCENT, "markersize": 11, "fillstyle": "none", "zorder": 4}
    told = f"best of the list: {_short(h[best])} → {_nats(mean[best], 2)}"
    if refinement is None and h[0] < h[-1] and h[best] in (h[0], h[-1]):
        told += "\nat the edge: a better one may lie outside"
    ax.plot(h[best], mean[best], "o", label=told, **ring)
    for x, y in zip(h[fallen], mean[fallen], strict=True):
        ax.plot(x, floor, "v", color=_ACCENT, markersize=7, zorder=5, clip_on=False)
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
        ax.annotate(_nats(y, 0), (x, floor), rotation=90, fontsize=8, color=_ACCENT, **above)
    places = h if refinement is None else np.append(h, refinement.bandwidth)
    margin = max(1.1, (places.max() / places.min()) ** 0.05)
    ax.set_xlim(places.min() / margin, places.max() * margin)
    ax.set_ylim(floor, top)
    ax.set_xscale("log")
    ax.set_xticks(h, [_short(value) for value in h])
    ax.minorticks_off()
    ax.set_xlabel("bandwidth σ (log scale)")
    ax.set_ylabel("mean log density (nats)")
    ax.legend(loc="best", fontsize=9)


def _readable_limits(mean: FloatArray, error: FloatArray, optimum: float | None) -> tuple[float, float]:
    """Choose the range of nats to show: everything, whole error bars too, but the points that fall far below."""
    top = float(mean.max()) if optimum is None else max(float(mean.max()), optimum)
    drops = top - mean[mean < top]
    if drops.size == 0:
        floor, ceiling = top - 1.0, top + 1.0
    else:
        deepest = float(drops.max())
        shown = deepest if drops.size < 3 else min(deepest, 2.0 * float(np.median(drops)))
        floor, ceiling = top - 1.08 * shown, top + 0.12 * shown
    inside = mean >= floor
    lowest, highest = float((mean - error)[inside].min()), float((mean + error)[inside].max())
    room = 0.04 * (max(ceiling, highest) - min(floor, lowest))
    return min(floor, lowest - room), max(ceiling, highest + room)


def _draw_pull(
    part: Any, query: FloatArray, value: float, slope: FloatArray, sigma: float, shape: tuple[int, ...]
) -> None:
    """Draw an image, the gradient of the log density there, and the mean-shift step."""
    part.suptitle("What the density wants to change", x=0.03, ha="left", fontsize=11, fontweight="bold")
    panels = part.subplots(
        1, 3, gridspec_kw={"left": 0.03, "right": 0.97, "top": 0.82, "bottom": 0.14, "wspace": 0.12}
    )
    _show(panels[0], query.reshape(shape))
    _frame(panels[0])
    panels[0].set_title(
        f"an image x, log f(x) = {_nats(value)}", fontsize=9, fontweight="normal", loc="center"
    )
    seen = slope.reshape(shape) if len(shape) == 2 else slope.reshape(shape).mean(axis=2)
    limit = float(np.abs(seen).max()) or 1.0
    drawn = panels[1].imshow(seen, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    _frame(panels[1])
    colours = "" if len(shape) == 2 else ", mean of the 3 colours"
    panels[1].set_title(f"∇ log f(x){colours}", fontsize=9, fontweight="normal", loc="center")
    scale = panels[1].inset_axes((0.0, -0.09, 1.0, 0.04))
    part.colorbar(drawn, cax=scale, orientation="horizontal", ticks=[-limit, 0, limit])
    scale.set_xticks([-limit, 0, limit], [f"\N{MINUS SIGN}{limit:.3g}", "0", f"{limit:.3g}"])
    scale.tick_params(labelsize=8, length=2)
    _show(panels[2], (query + sigma**2 * slope).reshape(shape))
    _frame(panels[2])
    panels[2].set_title("x + σ² ∇ log f(x), where it pulls", fontsize=9, fontweight="normal", loc="center")


def _strip(
    part: Any, title: str, table: FloatArray, values: FloatArray, rows: Any, shape: tuple[int, ...]
) -> None:
    """Draw one row of images with their log densities beneath."""
    part.suptitle(title, x=0.03, y=0.94, ha="left", fontsize=11, fontweight="bold")
    panels = part.subplots(
        1, len(rows), squeeze=False, gridspec_kw={"left": 0.03, "right": 0.97, "top": 0.82, "bottom": 0.16}
    )
    for panel, row in zip(panels[0], rows, strict=True):
        _show(panel, table[row].reshape(shape))
        _frame(panel)
        panel.text(
            0.5, -0.05, _nats(values[row]), transform=panel.transAxes, ha="center", va="top", fontsize=9
        )


def _show(ax: Any, pixels: FloatArray) -> None:
    """Draw one picture with sharp pixels and no frame."""
    ax.imshow(np.clip(pixels, 0.0, 1.0), cmap="gray_r", vmin=0.0, vmax=1.0, interpolation="nearest")
    ax.set_axis_off()


def _frame(ax: Any) -> None:
    """Put a thin line around a picture, and nothing else."""
    ax.set_axis_on()
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color="#d4d7df", linewidth=0.7)


def _paper(shape: tuple[int, ...]) -> float:
    """Return the pixel value that looks white."""
    return 1.0 if len(shape) == 3 else 0.0


def _image_shape(image_shape: Sequence[int], n_features: int) -> tuple[int, ...]:
    """Check that rows of `n_features` pixels can be seen as images of this shape."""
    try:
        shape = tuple(int(size) for size in image_shape)
    except (TypeError, ValueError):
        raise InputTypeError(
            f"`image_shape` must be (height, width) or (height, width, 3); got {describe(image_shape)}. "
            "Pass a tuple of integers."
        ) from None
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or math.prod(shape) != n_features:
        raise InputError(
            f"`image_shape` must be (height, width) or (height, width, 3) with {n_features} values in all; "
            f"got {shape}. Pass the shape that one row of `images` had before it was flattened."
        )
    return shape


def _count(number: int, what: str) -> str:
    """Say 'most likely image' or '8 most likely images'."""
    return f"{what} image" if number == 1 else f"{number} {what} images"


def _nats(value: float, digits: int = 1) -> str:
    """Write a log density with a real minus sign, as the axes do."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _short(value: float) -> str:
    """Write a bandwidth as a person would."""
    return f"{value:.6g}"
