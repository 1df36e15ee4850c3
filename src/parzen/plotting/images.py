"""Pictures of images: a grid of them, and what a density finds likely."""

from __future__ import annotations  # `help` shows names instead of what they stand for

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from parzen.errors import InputError, InputTypeError
from parzen.plotting.figures import house_style, nats, new_figure
from parzen.typing import ArrayLike, FloatArray
from parzen.validation import as_matrix, as_positive_float, as_positive_int, as_vector, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["density_gallery", "image_grid"]


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
    (7, 10)
    """
    table = as_matrix(images, "images")
    shape = _image_shape(image_shape, table.shape[1])
    columns = math.ceil(math.sqrt(len(table))) if columns is None else as_positive_int(columns, "columns")
    rows = math.ceil(len(table) / columns)
    height, width = shape[:2]
    gap = max(1, height // 12)
    mosaic = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, *shape[2:]), _paper(shape))
    for i, image in enumerate(table):
        top, left = gap + (i // columns) * (height + gap), gap + (i % columns) * (width + gap)
        mosaic[top : top + height, left : left + width] = image.reshape(shape)
    with house_style() if ax is None else nullcontext():
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

    with house_style():
        figure = new_figure(8.6, 6.6)
        halves: Any = figure.subfigures(2, 1, height_ratios=(1.0, 1.05))
        strips = halves[0].subfigures(2, 1)
        for strip, which_end, shown in zip(
            strips, ("most", "least"), (ranking[::-1][:columns], ranking[:columns]), strict=True
        ):
            _strip(
                strip,
                f"The {_count(columns, f'{which_end} likely')}, log f in nats",
                table,
                values,
                shown,
                shape,
            )
        _draw_pull(halves[1], table[which], values[which], slope, sigma, shape)
    return figure


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
    panels[0].set_title(f"x, log f(x) = {nats(value)} nats", fontsize=9, fontweight="normal", loc="center")
    seen = slope.reshape(shape) if len(shape) == 2 else slope.reshape(shape).mean(axis=2)
    limit = float(np.abs(seen).max()) or 1.0
    drawn = panels[1].imshow(seen, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    _frame(panels[1])
    colours = "" if len(shape) == 2 else ", mean of the 3 colours"
    panels[1].set_title(
        f"∇ log f(x), nats per pixel unit{colours}", fontsize=9, fontweight="normal", loc="center"
    )
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
            0.5, -0.05, nats(values[row]), transform=panel.transAxes, ha="center", va="top", fontsize=9
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
