"""One evaluation: blocks of queries on threads, each checked against the promise and repaired where needed."""

from dataclasses import dataclass, replace

import numpy as np

from parzen.errors import AccuracyError
from parzen.kernel_sums import accuracy, compensated
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.kernel_sums.loops import TILE
from parzen.kernel_sums.plan import METHODS, Plan, make_plan
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.sources import Points, Sources
from parzen.kernel_sums.state import KernelSums
from parzen.kernel_sums.threads import Step, Task, run_tasks
from parzen.typing import BoolArray, FloatArray, IntArray

__all__ = ["Evaluation", "evaluate"]

#: Queries that are summed again are taken in groups of this size.
_REPAIR_ROWS = 16

#: Below this, ``rtol`` asks for a few ulps of the terms, as far as they go; from this on, for a number.
_FEW_ULPS = 1e-12

#: What is promised at any rtol below, or else refused: the default rtol.
_LEAST_PROMISE = 1e-9

#: Exponents, in nats, that plain arithmetic is trusted with.
_LARGEST_EXPONENT = 2.0**50

#: Whitened norm, and distance from the nearest source, beyond which exponents are taken relative to the nearest.
_FAR_AWAY = 1e60

#: Whitened norm beyond which squares leave the range of float64, with room for sums and products.
_OUT_OF_RANGE = 1e140


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` returns."""

    sums: KernelSums
    error_bound: FloatArray  # (m, k) bound on the error of log_sum: skipped terms and rounding
    plan: Plan
    repaired: BoolArray  # (m,) True where a query was summed again in double-double arithmetic


def evaluate(sources: Sources, queries: Points, request: Request) -> Evaluation:
    """Evaluate the kernel sums at every query, keeping the promise or raising.

    Cost: n · m pairs; see `parzen.kernel_sums.plan` for the methods. Memory: the result, plus
    ``plan.temporary_bytes``.

    Raises
    ------
    AccuracyError
        Samples so many bandwidths apart that squared distances leave the range of float64.
    """
    run = _Run(sources, queries, request)
    m = queries.shape[0]
    tasks = []
    for start in range(0, m, run.plan.rows):
        rows = slice(start, min(start + run.plan.rows, m))
        tasks.append(((rows.stop - start) * sources.n_tiles * TILE, run.task(rows)))
    run_tasks(tasks, run.plan.workers, request.progress, blas=run.plan.method == "matmul")
    lost = np.flatnonzero(np.isnan(run.sums.log_sum).any(axis=1))
    if lost.size:
        raise _cannot_tell(lost.tolist(), request.rtol)
    return Evaluation(run.sums, run.bound, run.plan, run.repaired)


class _Run:
    """What the threads of one evaluation share; each writes its own rows."""

    def __init__(self, sources: Sources, queries: Points, request: Request) -> None:
        m, d = queries.shape
        k = len(request.scales)
        self.sources, self.queries, self.request = sources, queries, request
        self.plan = make_plan(sources, m, request)
        self.method = METHODS[self.plan.method].module
        self.cutoff = accuracy.cutoff(sources.n, request.rtol)
        self.own = np.full(m, -1) if request.own is None else request.own
        self.sums = KernelSums.empty(m, k, d, request.order)
        self.bound = np.full((m, k), request.rtol * accuracy.SKIPPED_SHARE)
        self.repaired = np.zeros(m, dtype=bool)
        self.units = max(sources.points.coordinate_error, queries.coordinate_error)
        self.method.prepare(sources)
        if not sources.radius < _OUT_OF_RANGE:
            raise AccuracyError(
                f"`bandwidth` must be larger for these samples; got one that they spread over {sources.radius:.1g} "
                "times. Squared distances leave the range of float64: use a larger bandwidth."
            )

    def task(self, rows: slice) -> Task:
        """Return the work of one block of queries."""
        everything = self.plan.method == "compensated"

        def work(step: Step) -> None:
            # values out of range are met by `accuracy.broken_promises`
            with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
                indices = np.arange(rows.start, rows.stop)
                y = np.ascontiguousarray(self.queries.rows(rows))
                norms = np.sqrt(np.einsum("ia,ia->i", y, y))
                near = norms < _FAR_AWAY
                if not near.all():
                    self._sum_far(indices[~near], y[~near])
                    indices, y, norms = indices[near], y[near], norms[near]
                if len(indices):
                    broken = indices if everything else self._sum(indices, y, norms, step)
                    self.repaired[broken] = not everything
                    for start in range(0, len(broken), _REPAIR_ROWS):
                        self._compensate(broken[start : start + _REPAIR_ROWS], step, counts=everything)

        return work

    def _sum(self, indices: IntArray, y: FloatArray, norms: FloatArray, step: Step) -> IntArray:
        """Sum a block by the chosen method; return the queries whose promise rounding may have broken."""
        request, sources = self.request, self.sources
        state = self.method.accumulate(sources, y, self.own[indices], request, self.cutoff, step)
        self.sums.fill(indices, state)
        root = np.sqrt(request.scales)
        radius = norms[:, None] * root
        distance = np.sqrt(2.0 * (np.maximum(state.lowest, 0.0) + self.cutoff))
        farthest = np.minimum(radius + distance, sources.radius * root)
        error = self.method.exponent_error(sources.d, self.units, radius, farthest, distance)
        rounding, broken = accuracy.broken_promises(
            self.sums.rows(indices), error, request.scales, 2.0 * sources.radius, request.rtol, request.order
        )
        # beyond, an exponent's own rounding is whole nats, and the loops' exponentials of x ≤ 0 may meet x > 0
        broken |= np.any(state.lowest > _LARGEST_EXPONENT, axis=1)
        self.bound[indices] += rounding
        return indices[broken]

    def _compensate(self, indices: IntArray, step: Step, *, counts: bool) -> None:
        """Sum some queries in double-double arithmetic; ``counts`` says whether progress counts these pairs."""

        def heard(amount: int) -> None:
            step(amount if counts else 0)

        broken, _ = self._sum_exactly(self.sources, self.queries.exact_rows(indices), indices, heard)
        # an outlier can take even those digits: see the sources from each such query
        stubborn = [int(i) for i in indices[broken] if self._sum_around(int(i), heard)]
        if stubborn:
            raise _cannot_tell(stubborn, self.request.rtol)

    def _sum_around(self, i: int, step: Step) -> bool:
        """Sum one query with itself as the origin; return whether it has to be refused all the same."""
        sources = replace(self.sources, points=self.sources.points.around(self.queries, i))
        origin = DoubleDouble.of(np.zeros((1, sources.d)))
        return bool(self._sum_exactly(sources, origin, np.array([i]), step)[1][0])

    def _sum_exactly(
        self, sources: Sources, exact: DoubleDouble, indices: IntArray, step: Step
    ) -> tuple[BoolArray, BoolArray]:
        """Sum by the compensated method; return which promises are broken, and which of them to refuse.

        A few ulps may be more than a sum that cancels has: ``rtol=0`` refuses what the default would.
        """
        request = self.request
        sums, lowest = compensated.accumulate(sources, exact, self.own[indices], request, self.cutoff, step)
        self.sums.put(indices, sums)
        reach = self.cutoff if np.isfinite(self.cutoff) else 800.0  # beyond, terms are 0 in float64
        distance = np.sqrt(2.0 * (np.maximum(lowest, 0.0) + reach))
        radius = np.sqrt(np.einsum("ia,ia->i", exact.high, exact.high))[:, None] * np.sqrt(request.scales)
        error = accuracy.compensated_error(sources.points.exact_error, radius + distance, distance)

        def judge(rtol: float) -> tuple[FloatArray, BoolArray]:
            return accuracy.broken_promises(
                sums,
                error,
                request.scales,
                2.0 * self.sources.radius,
                2.0 * rtol,
                request.order,
                central=True,
            )

        rounding, broken = judge(max(request.rtol, _FEW_ULPS))
        self.bound[indices] = request.rtol * accuracy.SKIPPED_SHARE + rounding
        return broken, broken if request.rtol >= _FEW_ULPS else judge(_LEAST_PROMISE)[1]

    def _sum_far(self, indices: IntArray, y: FloatArray) -> None:
        """Queries so far out that squares lose everything: exponents relative to the nearest source instead."""
        order, scales = self.request.order, self.request.scales
        if order > 0 and not np.all(np.isfinite(y)):
            raise AccuracyError(
                "`X` must lie closer for gradients; got queries whose gradient leaves the range of float64. "
                "Leave them out, or ask for the log density only."
            )
        x = self.sources.points.rows(slice(None))
        offsets = self.sources.offsets.high if self.sources.offsets else np.zeros(len(x))
        for i, q in zip(indices, y, strict=True):
            if not np.all(np.isfinite(q)):
                self.sums.log_sum[i], self.sums.mean_square[i] = -np.inf, np.inf
                continue
            others = np.arange(len(x)) != self.own[i]
            nearest, farther, doubt = _nearest(x[others], q)
            u = x[others][nearest] - q
            size = np.max(np.abs(u))
            distance = size * np.sqrt(np.sum((u / size) ** 2)) if size > 0 else 0.0
            if distance < _FAR_AWAY:  # far from the centre, but not from the samples
                if self._sum_around(int(i), lambda done: None):
                    raise _cannot_tell([int(i)], self.request.rtol)
                continue
            for k, scale in enumerate(scales):
                above = scale * farther + (offsets[others] - offsets[others][nearest])
                least = np.min(above)
                shares = np.exp(least - above)
                uncertain = (scale * doubt > 1e-10) & (above - least < 50.0 + 2.0 * scale * doubt)
                if order > 0 and np.count_nonzero(uncertain):
                    raise _cannot_tell([int(i)], self.request.rtol)
                total = np.sum(shares)
                exponent = (np.sqrt(0.5 * scale) * distance) ** 2
                self.sums.log_sum[i, k] = np.log(total) - offsets[others][nearest] - least - exponent
                self.sums.mean_square[i, k] = distance**2
                self.bound[i, k] += 8.0 * accuracy.UNIT * np.minimum(exponent, 1e300)
                if order > 0:
                    middle = (shares / total) @ x[others]
                    self.sums.mean[i, k] = middle - q
                if order > 1:
                    apart = x[others] - middle
                    self.sums.covariance[i, k] = (shares / total * apart.T) @ apart


def _cannot_tell(rows: list[int], rtol: float) -> AccuracyError:
    """Say which derivatives cannot be had."""
    return AccuracyError(
        f"`X` must lie where float64 can tell the samples apart; got {len(rows)} queries, the first in row {rows[0]}, "
        f"whose derivatives cancel to more digits than there are. Use a larger bandwidth or rtol (it is {rtol:g}), or "
        "ask for the log density only."
    )


def _nearest(x: FloatArray, q: FloatArray) -> tuple[int, FloatArray, FloatArray]:
    """Return the nearest row of ``x``, ½‖x_j - q‖² of every row above that of the nearest, and a bound on its error.

    Computed as (x_j - x_best)·(½(x_j + x_best) - q) in double-double arithmetic, which keeps its digits where
    the squares would lose all of them or overflow.
    """
    best = 0
    size = max(float(np.max(np.abs(q))), float(np.max(np.abs(x))))
    unit = 2.0 ** -np.frexp(size)[1]
    points, query = DoubleDouble.of(x * unit), DoubleDouble.of(np.broadcast_to(q * unit, x.shape))
    while True:
        chosen = DoubleDouble.of(np.broadcast_to(x[best] * unit, x.shape))
        step = points.minus(chosen)
        products = step.times(points.plus(chosen).scaled(0.5).minus(query))
        farther, doubt = DoubleDouble.of(np.zeros(len(x))), np.zeros(len(x))
        for a in range(len(q)):
            farther = farther.plus(products.at((slice(None), a)))
            doubt += 2.0**-96 * np.abs(products.high[:, a])
        candidate = int(np.argmin(farther.high))
        if not farther.high[candidate] < -doubt[candidate]:
            exact = farther.high == 0.0  # symmetric to the last digit
            return best, farther.high / unit / unit, np.where(exact, 0.0, doubt / unit / unit)
        best = candidate
