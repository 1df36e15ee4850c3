"""Progress bars: shown by rich on a terminal, only when the work takes a while, never in files or pipes."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from parzen.errors import InputTypeError
from parzen.typing import Progress

__all__ = ["reporting"]

#: Seconds of work before a bar appears.
_PATIENCE = 2.0


@contextmanager
def reporting(progress: bool | Progress, description: str) -> Iterator[Progress | None]:
    """Give the loops something to call: the caller's function, a bar on stderr, or nothing.

    Parameters
    ----------
    progress : bool or callable
        True: a bar where stderr is a terminal and the work takes over two seconds. False: nothing.
        A function is called as ``progress(done, total)``, in pairs, about ten times a second.
    description : str
        Stands before the bar.

    Raises
    ------
    InputTypeError
        Neither a bool nor callable.
    """
    if callable(progress):
        yield progress
        return
    if not isinstance(progress, bool):
        raise InputTypeError(
            f"`progress` must be True, False or a function; got {progress!r}. Pass f(done, total) to be told."
        )
    if not progress or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    task = bar.add_task(description, total=None)
    began = time.monotonic()
    started = False

    def show(done: int, total: int) -> None:
        nonlocal started
        if not started and time.monotonic() - began > _PATIENCE:
            bar.start()
            started = True
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        if started:
            bar.stop()
