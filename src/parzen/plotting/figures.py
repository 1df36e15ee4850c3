"""Sheets to draw on, parzen's style, and the files that pictures end in.

Figures are made without ``pyplot``: no window, no display and no global state are needed, and nothing has to be
closed. Functions of this room return Matplotlib's own `Axes` or `Figure`, so a caller can go on drawing.
"""

from __future__ import annotations  # `help` shows names instead of what they stand for

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from parzen.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "ACCENT",
    "FORMATS",
    "INK",
    "SECOND",
    "SOFT",
    "axes_or_new",
    "house_style",
    "nats",
    "new_figure",
    "plain_log_axis",
    "png",
    "save",
    "short",
]

INK, SOFT, ACCENT, SECOND = "#1f2430", "#8a8f9c", "#1b6ca8", "#c2410c"
_STYLE: Any = {  # Any: Matplotlib types the keys of this dict as literals from 3.11 on
    "figure.dpi": 160,
    "savefig.dpi": 160,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "font.size": 10,
    "legend.frameon": False,
}
#: What `save` can write, and how a file of it says nothing of version or date: the same numbers, the same bytes.
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None},
}
#: The endings that `save` takes.
FORMATS = tuple(_METADATA)


def house_style() -> AbstractContextManager[None]:
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


@contextmanager
def axes_or_new(ax: Axes | None, width: float, height: float, *, grid: bool = False) -> Iterator[Axes]:
    """Give the caller's axes as they are, or those of a new figure, in inches, in parzen's style."""
    if ax is not None:
        yield ax
        return
    with house_style():
        ax = new_figure(width, height, "constrained").add_subplot()
        if grid:
            ax.grid(color="#e6e8ee", linewidth=0.8)
        yield ax


def png(drawing: Axes | Figure) -> bytes:
    """Render a figure, or the figure that axes belong to, as the bytes of a PNG file.

    Examples
    --------
    >>> from parzen.plotting import image_grid
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
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    ax.minorticks_off()


def nats(value: float, digits: int = 1) -> str:
    """Write a log density with a real minus sign, as the axes do."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def short(value: float) -> str:
    """Write a bandwidth as a person would."""
    return f"{value:.6g}"
