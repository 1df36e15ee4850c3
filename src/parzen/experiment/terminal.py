"""What the terminal shows: bars and log lines on stderr while it works, tables on stdout at the end."""

import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

import parzen.typing
from parzen.errors import InputError
from parzen.experiment.protocol import Outcome
from parzen.experiment.wording import by_bandwidth, duration, sigma, speed, timing

__all__ = ["Bars", "logging_to", "show"]

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Bars:
    """A `Watch` that draws a progress bar for the step at hand; a line of the log where stderr is no terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, title: str) -> Iterator[parzen.typing.Progress]:
        """Draw one step; its bar goes away when the step is done."""
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        disable = not self.console.is_terminal
        if disable:
            logging.getLogger("parzen.experiment").info("%s …", title)
        with Progress(*columns, console=self.console, transient=True, disable=disable) as bars:
            task = bars.add_task(title, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def logging_to(console: Console) -> Iterator[None]:
    """Send parzen's log to a console, at the level that the environment variable LOGLEVEL names.

    Raises
    ------
    InputError
        LOGLEVEL is not the name of a level.
    """
    level = os.environ.get("LOGLEVEL", "").strip().upper() or "INFO"
    if level not in _LEVELS:
        raise InputError(
            f"`LOGLEVEL` must be one of {', '.join(_LEVELS)}; got {os.environ['LOGLEVEL']!r}. "
            "Unset the environment variable for INFO."
        )
    handler = RichHandler(console=console, show_path=False, log_time_format="[%X]", keywords=[])
    logger = logging.getLogger("parzen")
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def show(outcome: Outcome, console: Console) -> None:
    """Print the tables: other packages, then the results."""
    if outcome.peers:
        console.print(_peer_table(outcome))
    if outcome.sweep.best_is_at_the_edge and outcome.refinement is None:
        console.print(
            f"The best bandwidth, {outcome.sweep.best:g}, is at the edge of the list: "
            "try --refine, or more --bandwidths."
        )
    console.print(_result_table(outcome))


def _result_table(outcome: Outcome) -> Table:
    """Make the summary: every row of results.csv, by bandwidth within a split, then the run times."""
    times = timing(outcome.test_seconds)
    table = Table(
        title=f"parzen experiment {outcome.data.name}: how likely are unseen images?",
        caption=(
            f"test split, {len(outcome.test_seconds)} ×: min {duration(times['min'])}, median "
            f"{duration(times['median'])}, mean {duration(times['mean'])};\n"
            f"everything {duration(outcome.seconds['total'])};\n* the chosen σ"
        ),
        box=SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("split", no_wrap=True)
    table.add_column("σ", justify="right", no_wrap=True)
    table.add_column("n × images", justify="right", no_wrap=True)
    table.add_column("mean log\ndensity", justify="right", no_wrap=True)
    table.add_column("standard\nerror", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in by_bandwidth(outcome.rows):
        chosen = row is outcome.validation or row is outcome.test or row is outcome.turned
        table.add_row(
            row.split,
            sigma(row.bandwidth, outcome.settings.bandwidths),
            f"{row.n_train} × {row.n_queries}",
            f"{row.mean_log_density:.4f}",
            "" if math.isnan(row.standard_error) else f"{row.standard_error:.4f}",
            "*" if row is outcome.validation else "",
            style="bold" if chosen else None,
        )
    return table


def _peer_table(outcome: Outcome) -> Table:
    """Make the table of other packages; what one has to say goes beneath its numbers."""
    own, given = outcome.peers[0], outcome.settings.bandwidths
    table = Table(
        title=(
            f"The same numbers from other packages "
            f"({own.n_train} × {own.n_queries} images or fewer, σ = {sigma(own.bandwidth, given)})"
        ),
        box=SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("package")
    table.add_column("its mean", justify="right", no_wrap=True)
    table.add_column("truth", justify="right", no_wrap=True)
    table.add_column("its time", justify="right", no_wrap=True)
    table.add_column("note", ratio=1)
    for peer in outcome.peers:
        table.add_row(
            Text(peer.peer),  # Text: no [word] of a name or a message is markup
            "" if peer.mean_log_density is None else f"{peer.mean_log_density:.3f}",
            "" if peer.truth is None else f"{peer.truth:.3f}",
            "" if peer.seconds is None else duration(peer.seconds),
            Text("; ".join(filter(None, (peer.note, speed(peer))))),
        )
    return table
