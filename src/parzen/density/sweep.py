"""Many bandwidths in one pass: held-out likelihood as a function of the bandwidth, and its optimum."""

from __future__ import annotations  # `help` shows names instead of what they stand for

import csv
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from parzen.bandwidth.line_search import SLOPES_ONLY, Line, narrow
from parzen.bandwidth.matrix import Scale
from parzen.density.model import Model
from parzen.errors import InputError, InputTypeError
from parzen.kernel_sums import MEMORY_LIMIT, Request
from parzen.progress import reporting
from parzen.typing import ArrayLike, FloatArray, Progress
from parzen.validation import (
    as_matrix,
    as_memory_limit,
    as_positive_float,
    as_tolerance,
    as_vector,
    as_weights,
    as_workers,
    describe,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Refinement", "Sweep", "refine", "sweep"]


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """Mean log density of held-out points at each of k bandwidths.

    Attributes
    ----------
    bandwidths : ndarray of shape (k,)
        As given.
    mean_log_density : ndarray of shape (k,)
        Mean of log f̂ over the held-out points, in nats: minus the estimated cross-entropy.
    standard_error : ndarray of shape (k,)
        Standard deviation over the points / √m; nan for a single point.
    n_samples, n_queries : int
        n and m.
    seconds : float
        Time of the pass.
    """

    bandwidths: FloatArray
    mean_log_density: FloatArray
    standard_error: FloatArray
    n_samples: int
    n_queries: int
    seconds: float

    @property
    def best(self) -> float:
        """The bandwidth with the largest mean log density."""
        return float(self.bandwidths[int(np.argmax(self.mean_log_density))])

    @property
    def best_is_at_the_edge(self) -> bool:
        """Whether the best is the smallest or largest of several, so that a better one may lie outside."""
        least, largest = self.bandwidths.min(), self.bandwidths.max()
        return bool(least < largest) and self.best in (least, largest)

    def __repr__(self) -> str:
        """Say the best, and warn where it is at the edge."""
        doubt = ", at the edge of the list: a better one may lie outside" if self.best_is_at_the_edge else ""
        return (
            f"Sweep(best={self.best:g}{doubt}; mean_log_density={self.mean_log_density.max():.6g}, "
            f"{len(self.bandwidths)} bandwidths from {self.bandwidths.min():g} to {self.bandwidths.max():g}, "
            f"n_samples={self.n_samples}, n_queries={self.n_queries})"
        )

    def to_csv(self, path: str | Path) -> None:
        """Write one row per bandwidth: bandwidth, mean_log_density, standard_error."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["bandwidth", "mean_log_density", "standard_error"])
            for row in zip(self.bandwidths, self.mean_log_density, self.standard_error, strict=True):
                writer.writerow([repr(float(value)) for value in row])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curve with its standard errors; return the matplotlib axes."""
        from importlib import import_module

        # by name, since the plotting room stands above this one
        axes: Axes = import_module("parzen.plotting").bandwidth_curve(self, ax=ax)
        return axes


def sweep(
    X: Any,
    V: Any,
    *,
    bandwidths: ArrayLike | Iterator[float],
    sample_weight: Any = None,
    rtol: float = 1e-9,
    workers: int | None = None,
    memory_limit: int = MEMORY_LIMIT,
    progress: bool | Progress = True,
) -> Sweep:
    """Mean log density of held-out points under the samples' density, at every bandwidth in one pass.

    The squared distances are shared, only the exponentials differ: eight bandwidths cost little more than
    one, and give the same numbers as eight separate evaluations.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Samples.
    V : array-like of shape (m, d)
        Held-out points.
    bandwidths : array-like of shape (k,)
        Positive numbers, in the units of the samples.
    sample_weight : array-like of shape (n,), optional
        Weights of the samples.
    rtol, workers, memory_limit
        As in `KernelDensity`.
    progress : bool or callable, default True
        A bar on a terminal when it takes over two seconds; or ``progress(done, total)`` in pairs.

    Returns
    -------
    Sweep

    Raises
    ------
    InputError, InputTypeError
        Data or bandwidths that cannot be used; frames whose columns differ in name or order.
    AccuracyError
        Samples so many bandwidths apart that squared distances leave the range of float64.
    MemoryLimitError
        One query at a time would need more than ``memory_limit``.

    Notes
    -----
    Cost: less than two matrix products of the same shapes for images and k = 8; docs/performance.md has what
    was measured.

    Examples
    --------
    >>> import numpy as np, parzen
    >>> rng = np.random.default_rng(0)
    >>> result = parzen.sweep(rng.normal(size=(500, 1)), rng.normal(size=(500, 1)), bandwidths=[0.03, 0.3, 3])
    >>> result.best
    0.3
    >>> result
    Sweep(best=0.3; mean_log_density=-1.37325, 3 bandwidths from 0.03 to 3, n_samples=500, n_queries=500)
    """
    task = _Task.of(X, V, sample_weight, rtol, workers, memory_limit)
    if isinstance(bandwidths, Iterator):
        bandwidths = list(bandwidths)
    if np.ndim(bandwidths) == 0:
        raise InputTypeError(
            f"`bandwidths` must be a list of positive numbers; got {describe(bandwidths)}. Pass a list, as in [0.1]."
        )
    h = as_vector(bandwidths, "bandwidths")
    for value in h:
        as_positive_float(value, "bandwidths")
    return task.sweep(h, progress)[0]


@dataclass(frozen=True, eq=False)
class _Task:
    """Checked samples and held-out points, to be swept once or, when refining, several times."""

    samples: FloatArray
    weights: FloatArray | None
    queries: FloatArray
    request: Request

    @classmethod
    def of(
        cls, X: Any, V: Any, sample_weight: Any, rtol: object, workers: object, memory_limit: object
    ) -> Self:
        """Check the input."""
        samples = as_matrix(X, "X")
        weights = as_weights(sample_weight, len(samples))
        queries = as_matrix(V, "V")
        if queries.shape[1] != samples.shape[1]:
            raise InputError(
                f"`V` must have {samples.shape[1]} columns like `X`; got shape {queries.shape}. Choose the same "
                "columns for both."
            )
        _require_same_names(X, V)
        return cls(
            samples,
            weights,
            queries,
            Request(
                scales=np.empty(0),
                rtol=as_tolerance(rtol, "rtol"),
                workers=as_workers(workers),
                memory_limit=as_memory_limit(memory_limit),
            ),
        )

    def repeats_samples(self) -> bool:
        """Whether every held-out point is also a sample, so that the likelihood has no optimum."""
        samples = {row.tobytes() for row in self.samples + 0.0}  # + 0.0: -0.0 is 0.0
        return all(row.tobytes() in samples for row in self.queries + 0.0)

    def sweep(
        self, h: FloatArray, progress: bool | Progress, *, slopes: bool = False
    ) -> tuple[Sweep, FloatArray]:
        """Return the sweep and, where ``slopes``, the derivatives of its mean by log bandwidth."""
        start = time.perf_counter()
        m, d = self.queries.shape
        values, squares = np.empty((m, len(h))), np.empty((m, len(h)))
        rest = np.argsort(h)
        while rest.size:
            # squared distances are shared by bandwidths that are not worlds apart
            smallest = float(h[rest[0]])
            group = rest[h[rest] / _WIDEST_GROUP <= smallest]
            rest = rest[len(group) :]
            model = Model.of(self.samples, self.weights, Scale(smallest, d))
            scales = (model.scale.unit / h[group]) ** 2
            with reporting(progress, f"sweeping {len(group)} bandwidths") as report:
                request = self.request.replace(scales=scales, radial=slopes, progress=report)
                result = model.evaluate(self.queries, request, name="V")
            normaliser = model.log_normaliser(np.log(h[group] / smallest))
            values[:, group] = result.sums.log_sum - normaliser.astype(np.float64)
            with np.errstate(over="ignore"):
                squares[:, group] = scales * result.sums.mean_square
        with np.errstate(invalid="ignore", over="ignore"):  # a log density can be -inf, below all floats
            mean = np.array([_mean(column) for column in values.T])
            error = np.full(len(h), np.nan)
            if m > 1:
                size = np.maximum(np.max(np.abs(values), axis=0), 1e-300)
                error = (values / size).std(axis=0, ddof=1) * (size / math.sqrt(m))
            slope = np.mean(squares, axis=0) - d
        return Sweep(h, mean, error, len(self.samples), m, time.perf_counter() - start), slope


def _require_same_names(X: Any, V: Any) -> None:
    """Refuse frames whose columns have other names or another order, as `KernelDensity` does."""
    known, given = _column_names(X), _column_names(V)
    if known and given and known != given:
        at = next(i for i, name in enumerate(known) if given[i] != name)
        raise InputError(
            f"`V` must have the columns of `X` in the same order; got {given[at]!r} where `X` has {known[at]!r}, in "
            f"column {at}. Pass V[X.columns], or arrays where the names mean nothing."
        )


def _column_names(table: Any) -> list[str]:
    """Return the names of the columns of a frame; none where they are not strings, as in scikit-learn."""
    names = list(table.columns) if hasattr(table, "to_numpy") and hasattr(table, "columns") else []
    return names if all(isinstance(name, str) for name in names) else []


#: Ratio of the largest to the smallest bandwidth of one pass.
_WIDEST_GROUP = 1e30


#: Width in log h of what is left between two slopes of opposite sign; the better end of it is the answer.
_LAST_BRACKET = 2.1e-6


def _mean(values: FloatArray) -> float:
    """Return the mean, in terms that cannot overflow; -inf where it is below all floats."""
    return math.fsum(values / len(values))


@dataclass(frozen=True, repr=False)
class Refinement:
    """The bandwidth that maximises the held-out likelihood near the best of a sweep.

    Attributes
    ----------
    bandwidth, mean_log_density, standard_error : float
        The optimum and its value.
    trace : tuple of (float, float)
        Every (bandwidth, mean log density) that was evaluated, in order of bandwidth.
    seconds : float
        Time of all passes.
    """

    bandwidth: float
    mean_log_density: float
    standard_error: float
    trace: tuple[tuple[float, float], ...]
    seconds: float

    def __repr__(self) -> str:
        """Say the optimum, and how many bandwidths were looked at."""
        return (
            f"Refinement(bandwidth={self.bandwidth:.6g}, mean_log_density={self.mean_log_density:.6g}, "
            f"standard_error={self.standard_error:.3g}, {len(self.trace)} bandwidths looked at)"
        )


def refine(
    X: Any,
    V: Any,
    start: Sweep,
    *,
    sample_weight: Any = None,
    rtol: float = 1e-9,
    workers: int | None = None,
    memory_limit: int = MEMORY_LIMIT,
    progress: bool | Progress = True,
) -> Refinement:
    """Go on from the best bandwidth of a sweep to the optimum of the held-out likelihood.

    The derivative of the mean log density by log h is exact, mean(Σ p ‖u‖²/h²) - d, so that each pass
    brackets the optimum between two slopes of opposite sign and puts four new bandwidths around the root of
    the polynomial through the nearest values and slopes. Stops when log h is known to 1e-6.

    Parameters
    ----------
    X, V, sample_weight, rtol, workers, memory_limit, progress
        As in `sweep`.
    start : Sweep
        A sweep of the same data.

    Returns
    -------
    Refinement

    Raises
    ------
    InputError
        The likelihood keeps rising towards h = 0 (held-out points that coincide with samples), or has no
        optimum at all.
    AccuracyError, InputError, InputTypeError, MemoryLimitError
        As in `sweep`.

    Examples
    --------
    >>> import numpy as np, parzen
    >>> rng = np.random.default_rng(0)
    >>> X, V = rng.normal(size=(500, 1)), rng.normal(size=(500, 1))
    >>> parzen.refine(X, V, parzen.sweep(X, V, bandwidths=[0.03, 0.3, 3]))
    Refinement(bandwidth=..., mean_log_density=-1.37..., standard_error=0.0..., ... bandwidths looked at)
    """
    began = time.perf_counter()
    if not isinstance(start, Sweep):
        raise InputTypeError(f"`start` must be what `sweep` returned; got {describe(start)}. Pass a Sweep.")
    task = _Task.of(X, V, sample_weight, rtol, workers, memory_limit)
    errors: dict[float, float] = {}

    def look(h: FloatArray) -> tuple[FloatArray, FloatArray]:
        result, slopes = task.sweep(h, progress, slopes=True)
        errors.update(zip(h.tolist(), result.standard_error.tolist(), strict=True))
        return result.mean_log_density, slopes

    order = np.sort(start.bandwidths)
    at = int(np.searchsorted(order, start.best))
    line = Line(*(np.empty(0),) * 3).with_look(look, np.unique(order[max(at - 1, 0) : at + 2]))
    stride = 2.0
    while line.slopes[best := int(np.argmax(line.values))] != 0:
        step = 1 if line.slopes[best] > 0 else -1
        at, beyond = _uphill(line, best, step)
        if not 0 <= beyond < len(line.h):
            if step < 0 and task.repeats_samples():
                raise InputError(
                    "`V` must not repeat samples of `X` exactly; got held-out points whose likelihood grows "
                    "without bound as the bandwidth goes to 0. Remove the duplicates."
                )
            more = line.h[[at]] * stride**step
            if not (1e-300 < more[0] < 1e300):
                raise InputError(
                    f"`start` must have an optimum; got none between {line.h[0]:g} and {line.h[-1]:g}. Widen it."
                )
            stride = min(stride**2, 1e20)
        elif min(at, beyond) not in line.brackets():  # more happens between neighbours than is seen
            more = np.geomspace(line.h[at], line.h[beyond], 6)[1:-1]
        else:
            line, low = narrow(look, line, min(at, beyond), _LAST_BRACKET)
            best = low + int(np.argmax(line.values[low : low + 2]))
            break
        line = line.with_look(look, more)
    h = float(line.h[best])
    trace = tuple(zip(line.h.tolist(), line.values.tolist(), strict=True))
    return Refinement(h, float(line.values[best]), errors[h], trace, time.perf_counter() - began)


def _uphill(line: Line, at: int, step: int) -> tuple[int, int]:
    """Walk from a bandwidth to where the function must turn: between what is returned, or beyond the last.

    It must turn before a neighbour at which it falls, or that is lower, unless that is too near to tell.
    """
    brackets = line.brackets()
    for beyond in range(at + step, len(line.h) if step > 0 else -1, step):
        far = abs(np.log(line.h[beyond] / line.h[at])) > SLOPES_ONLY
        if min(at, beyond) in brackets or (far and line.values[beyond] < line.values[at]):
            return at, beyond
        at = beyond
    return at, at + step
