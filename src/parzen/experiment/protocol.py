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
from parzen.density.estimator import DensityValues
from parzen.density.sweep import Refinement, Sweep, refine
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
    gradient: FloatArray  # (d,), ∇ log f there, nats a unit of pixel


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
        More rows are asked for than there are.

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
    bandwidth = sweep.best if refinement is None else refinement.bandwidth

    rows = _validation_rows(settings, sweep, refinement, len(train), len(valid))
    validation = rows[-1] if refinement is not None else rows[int(np.argmax(sweep.mean_log_density))]

    def row(split: str, sigma: float, n_samples: int, values: FloatArray, seconds: float) -> Row:
        error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        return Row(
            settings.dataset, split, sigma, n_samples, len(values), float(values.mean()), error, seconds
        )

    times: list[float] = []
    with clock.step("test", "Evaluating the test images") as progress:
        passes = settings.repeats + (refinement is not None)
        if refinement is not None:  # beside the chosen bandwidth, the best of the list
            at_best, seconds = _timed(train, test, sweep.best, _nth(progress, 0, passes))
            rows.append(row("test", sweep.best, len(train), at_best.log_density, seconds))
        for i in range(passes - settings.repeats, passes):
            tests, seconds = _timed(train, test, bandwidth, _nth(progress, i, passes))
            times.append(seconds)
    rows.append(row("test", bandwidth, len(train), tests.log_density, float(np.median(times))))
    logger.info("σ = %.6g: mean log density of test %.4f", bandwidth, rows[-1].mean_log_density)
    tested = rows[-1]

    with clock.step("turn", "The other way round: training images under the validation density") as progress:
        turned, seconds = _timed(valid, train, bandwidth, progress)
    rows.append(row("train-given-validation", bandwidth, len(valid), turned.log_density, seconds))
    logger.info(
        "σ = %.6g: mean log density of train given validation %.4f", bandwidth, rows[-1].mean_log_density
    )

    with clock.step("look", "Looking at the density"):
        least = int(np.argmin(tests.log_density))
        kde = parzen.KernelDensity(bandwidth=bandwidth).fit(train)
        looked = kde.evaluate(test[least : least + 1], order=1, progress=False)
        assert looked.gradient is not None  # since order=1
        plan = str(kde.explain(test))

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
        validation=validation,
        test=tested,
        turned=rows[-1],
        rows=tuple(rows),
        test_log_density=tests.log_density,
        test_seconds=tuple(times),
        pull=Pull(least, looked.gradient[0]),
        plan=plan,
        method=tests.method,
        error_bound=tests.error_bound,
        peers=tuple(checks),
        seconds=clock.seconds | {"total": sum(clock.seconds.values())},
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
        if wanted is not None and wanted > len(rows):
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
