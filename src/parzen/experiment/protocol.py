"""The experiment, step by step. It computes; it neither prints nor writes files.

choose     σ that makes the validation images most likely under the density of the training images
test       how likely the test images are with it, and how long that takes
turn       training images under the density of the validation images
look       which test images are most and least likely, and what the density wants to change
check      the same numbers from other packages
"""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

import parzen
from parzen.datasets import ImageDataset, load
from parzen.density.sweep import Refinement, Sweep, refine
from parzen.density.values import DensityValues
from parzen.errors import AccuracyError, InputError
from parzen.experiment.peers import PeerCheck, check, count
from parzen.experiment.settings import Settings
from parzen.experiment.wording import count_of
from parzen.typing import FloatArray, Progress

__all__ = ["Outcome", "Pull", "Row", "Silent", "Watch", "run"]

logger = logging.getLogger("parzen.experiment")


#: Images of each split for compiling.
_FEW = 20


class Watch(Protocol):
    """Somebody who watches: told of each step, and of how far it is."""

    def step(self, title: str) -> AbstractContextManager[Progress]:
        """Enter a step; what comes back is called with (done, total)."""
        ...


class Silent:
    """A `Watch` that shows nothing."""

    @contextmanager
    def step(self, title: str) -> Iterator[Progress]:
        """Do nothing."""
        yield lambda done, total: None


@dataclass(frozen=True)
class Row:
    """One row of ``results.csv``: how likely some images are under the density of others."""

    dataset: str
    split: str  # validation, test, or train-given-validation
    bandwidth: float
    n_train: int
    n_queries: int
    mean_log_density: float
    standard_error: float  # NaN for a single query
    seconds: float


@dataclass(frozen=True, eq=False)
class Pull:
    """What the density wants to change in one test image."""

    index: int  # row of the test split
    gradient: FloatArray  # (d,), ∇ log f there, nats per unit of pixel


@dataclass(frozen=True, eq=False)
class Outcome:
    """All that an experiment found."""

    settings: Settings
    data: ImageDataset  # the rows that were used
    started: datetime
    sweep: Sweep
    refinement: Refinement | None
    bandwidth: float  # the chosen one
    validation: Row  # at the chosen bandwidth
    test: Row
    turned: Row  # train given validation
    rows: tuple[Row, ...]  # all of them, in the order of results.csv
    test_log_density: FloatArray  # (n_test,), at the chosen bandwidth
    test_seconds: tuple[float, ...]  # one for each repeat
    pull: Pull
    plan: str
    method: str  # of the test evaluation
    error_bound: float  # nats, the largest over the test images
    peers: tuple[PeerCheck, ...]
    seconds: dict[str, float]  # for each step, and "total"


def run(settings: Settings, watch: Watch | None = None) -> Outcome:
    """Run the experiment.

    Parameters
    ----------
    settings : Settings
        What to do.
    watch : Watch, optional
        Is told of progress. Default: nobody.

    Returns
    -------
    Outcome

    Raises
    ------
    DataError
        The data set is missing or not what it claims to be.
    InputError
        More rows of one split are asked for than there are.

    Notes
    -----
    Takes one pass over the n_train × n_valid pairs for all bandwidths together, a few more with ``refine``,
    `repeats` passes over n_train × n_test, one over n_valid × n_train, and a few seconds for the peers.
    """
    clock = _Clock(watch or Silent())
    started = datetime.now(UTC)

    logger.info("Loading the images of %s …", settings.dataset)
    with clock.step("load"):  # has a bar of its own when it downloads
        data = _take(load(settings.dataset, data_dir=settings.data_dir, seed=settings.seed), settings)
    train, valid, test = data.train, data.validation, data.test

    with clock.step(
        "compile", "Loading compiled code, or compiling it the first time"
    ):  # so that no later step is timed with it
        _warm_up(settings, train, valid, test)

    sweep, refinement, validation = _choose(settings, train, valid, clock)
    chosen = validation[-1] if refinement is not None else validation[int(np.argmax(sweep.mean_log_density))]
    bandwidth = chosen.bandwidth

    # where it was refined, beside it the best of the list
    listed = [] if refinement is None else [sweep.best]
    values, times, tested = _test(settings, train, test, [*listed, bandwidth], clock)

    with clock.step("turn", "The other way round: training images under the validation density") as progress:
        back, seconds = _timed(valid, train, bandwidth, progress)
    turned = _row(settings, "train-given-validation", bandwidth, valid, back, seconds)
    logger.info(
        "σ = %.6g: mean log density of train given validation %.4f", bandwidth, turned.mean_log_density
    )

    with clock.step("look", "Looking at the density"):
        least = int(np.argmin(values.log_density))
        kde = parzen.KernelDensity(bandwidth=bandwidth).fit(train)
        gradient = kde.grad_log_density(test[least : least + 1])[0]

    checks: list[PeerCheck] = []
    if settings.check_against:
        with clock.step("peers", "Asking other packages") as progress:
            for found in check(train, valid, bandwidth, settings.check_against):
                checks.append(found)
                logger.info("%s: %s", found.peer, found.note)
                progress(len(checks), count(settings.check_against))

    return Outcome(
        settings=settings,
        data=data,
        started=started,
        sweep=sweep,
        refinement=refinement,
        bandwidth=bandwidth,
        validation=chosen,
        test=tested[-1],
        turned=turned,
        rows=(*validation, *tested, turned),
        test_log_density=values.log_density,
        test_seconds=tuple(times),
        pull=Pull(least, gradient),
        plan=str(values.plan),
        method=values.method,
        error_bound=values.error_bound,
        peers=tuple(checks),
        seconds=clock.seconds | {"total": sum(clock.seconds.values())},
    )


def _choose(
    settings: Settings, train: FloatArray, valid: FloatArray, clock: "_Clock"
) -> tuple[Sweep, Refinement | None, list[Row]]:
    """Try the bandwidths, and go on from the best of them if that is asked for; a row for each."""
    with clock.step("sweep", f"Trying {count_of(len(settings.bandwidths), 'bandwidth')}") as progress:
        try:
            sweep = parzen.sweep(train, valid, bandwidths=list(settings.bandwidths), progress=progress)
        except AccuracyError as error:  # it speaks of `bandwidth`, and of inf
            raise AccuracyError(
                f"`--bandwidths` must be larger for these images; got {min(settings.bandwidths):g}, where "
                "squared distances leave the range of float64. Pass larger ones."
            ) from error
    for bandwidth, mean in zip(sweep.bandwidths, sweep.mean_log_density, strict=True):
        logger.info("σ = %g: mean log density of validation %.4f", bandwidth, mean)

    refinement = None
    if settings.refine:
        with clock.step("refine", "Refining the bandwidth") as progress:
            refinement = refine(train, valid, sweep, progress=progress)
        logger.info(
            "σ = %.6g: mean log density of validation %.4f", refinement.bandwidth, refinement.mean_log_density
        )
    return sweep, refinement, _validation_rows(settings, sweep, refinement, len(train), len(valid))


def _test(
    settings: Settings, train: FloatArray, test: FloatArray, bandwidths: list[float], clock: "_Clock"
) -> tuple[DensityValues, list[float], list[Row]]:
    """Evaluate the test images at these bandwidths, and at the last of them so often as `repeats` says.

    Returns the values there, the seconds of each repeat, and a row for each bandwidth.
    """
    times, rows = [], []
    schedule = bandwidths[:-1] + settings.repeats * bandwidths[-1:]
    with clock.step("test", "Evaluating the test images") as progress:
        for i, bandwidth in enumerate(schedule):
            values, seconds = _timed(train, test, bandwidth, _nth(progress, i, len(schedule)))
            if i < len(bandwidths) - 1:
                rows.append(_row(settings, "test", bandwidth, train, values, seconds))
            else:
                times.append(seconds)
    rows.append(_row(settings, "test", bandwidth, train, values, float(np.median(times))))
    logger.info("σ = %.6g: mean log density of test %.4f", bandwidth, rows[-1].mean_log_density)
    return values, times, rows


def _row(
    settings: Settings,
    split: str,
    bandwidth: float,
    samples: FloatArray,
    values: DensityValues,
    seconds: float,
) -> Row:
    """Summarise log densities."""
    logs = values.log_density
    error = float(np.std(logs, ddof=1)) / math.sqrt(len(logs)) if len(logs) > 1 else math.nan
    return Row(
        settings.dataset, split, bandwidth, len(samples), len(logs), float(logs.mean()), error, seconds
    )


def _warm_up(settings: Settings, train: FloatArray, valid: FloatArray, test: FloatArray) -> None:
    """Do on a few images what the steps do, so that all they need is compiled.

    What many images and a few take need not be the same, and queries that rounding could spoil are summed again by
    yet another method: so methods are asked for by name. Pixels have few levels, hence `lattice`.
    """
    train, valid, test = train[:_FEW], valid[:_FEW], test[:_FEW]
    with suppress(AccuracyError):  # of bandwidths that are too small; the sweep itself will say so
        swept = parzen.sweep(train, valid, bandwidths=list(settings.bandwidths), progress=False)
        if settings.refine:
            with suppress(InputError):  # a few images need not have an optimum
                refine(train, valid, swept, progress=False)
    for method in ("lattice", "compensated"):
        kde = parzen.KernelDensity(method=method).fit(train)
        kde.evaluate(test, progress=False)
        kde.evaluate(test, order=1, progress=False)


class _Clock:
    """Times the steps, and passes them on to whoever watches."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, title: str | None = None) -> Iterator[Progress]:
        """Time one step under its short name; without a title nobody is told."""
        start = time.perf_counter()
        with Silent().step("") if title is None else self.watch.step(title) as progress:
            yield progress
        self.seconds[name] = time.perf_counter() - start


def _take(data: ImageDataset, settings: Settings) -> ImageDataset:
    """Keep the first rows of each split, as many as were asked for."""
    kept = {}
    for split, (option, wanted) in settings.rows_wanted().items():
        rows = getattr(data, split)
        if option == "--first" and wanted is not None and wanted > len(rows):
            logger.warning("%s has only %d %s images: all of them are used", data.name, len(rows), split)
        elif wanted is not None and wanted > len(rows):
            raise InputError(
                f"`{option}` must be at most {len(rows)}, the {split} images of {data.name}; got {wanted}. "
                "Ask for fewer, or leave it out to use all."
            )
        kept[split] = rows[:wanted]
    return replace(data, **kept)


def _nth(progress: Progress, i: int, passes: int) -> Progress:
    """Report the progress of pass i out of several as progress of them all."""
    return lambda done, total: progress(i * total + done, passes * total)


def _timed(
    samples: FloatArray, queries: FloatArray, bandwidth: float, progress: Progress
) -> tuple[DensityValues, float]:
    """Fit, evaluate, and take the time of both."""
    start = time.perf_counter()
    values = parzen.KernelDensity(bandwidth=bandwidth).fit(samples).evaluate(queries, progress=progress)
    return values, time.perf_counter() - start


def _validation_rows(
    settings: Settings, sweep: Sweep, refinement: Refinement | None, n_train: int, n_valid: int
) -> list[Row]:
    """Make the rows of the sweep, which share its one pass evenly, and of the refinement."""
    share = sweep.seconds / len(sweep.bandwidths)
    points = [
        (float(bandwidth), float(mean), float(error), share)
        for bandwidth, mean, error in zip(
            sweep.bandwidths, sweep.mean_log_density, sweep.standard_error, strict=True
        )
    ]
    if refinement is not None:
        points.append(
            (refinement.bandwidth, refinement.mean_log_density, refinement.standard_error, refinement.seconds)
        )
    return [
        Row(settings.dataset, "validation", bandwidth, n_train, n_valid, mean, error, seconds)
        for bandwidth, mean, error, seconds in points
    ]
