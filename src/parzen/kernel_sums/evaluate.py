"""One evaluation: blocks of queries on threads, each checked against the promise and repaired where needed."""

from dataclasses import dataclass

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

#: Whitened norm beyond which squares leave the range of float64, with room for sums and products.
_FAR_AWAY = 1e140


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
        if not sources.radius < _FAR_AWAY:
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
        self.bound[indices] += rounding
        return indices[broken]

    def _compensate(self, indices: IntArray, step: Step, *, counts: bool) -> None:
        """Sum some queries in double-double arithmetic; ``counts`` says whether progress counts these pairs."""

        def heard(amount: int) -> None:
            step(amount if counts else 0)

        exact = self.queries.exact_rows(indices)
        sums, lowest = compensated.accumulate(
            self.sources, exact, self.own[indices], self.request, self.cutoff, heard
        )
        self.sums.put(indices, sums)
        request = self.request
        rounding, broken = accuracy.broken_promises(
            sums, accuracy.compensated_error(lowest), request.scales,
            2.0 * self.sources.radius, 2.0 * max(request.rtol, 1e-12), request.order, central=True,
        )  # fmt: skip
        self.bound[indices] = request.rtol * accuracy.SKIPPED_SHARE + rounding
        if broken.any():
            raise AccuracyError(
                f"`X` must lie where float64 can tell the samples apart; got {int(broken.sum())} queries, the "
                f"first in row {int(indices[broken][0])}, whose derivatives cancel to more digits than there are. "
                f"Use a larger bandwidth or rtol (it is {request.rtol:g}), or ask for the log density only."
            )

    def _sum_far(self, indices: IntArray, y: FloatArray) -> None:
        """Queries whose squared distance overflows: only the nearest sample counts.

        The next one is farther by at least a rounding error of a double-double, which is 1e240 nats.
        """
        if self.request.order > 0 and not np.all(np.isfinite(y)):
            raise AccuracyError(
                "`X` must lie closer for gradients; got queries whose gradient leaves the range of float64. "
                "Leave them out, or ask for the log density only."
            )
        shrink = 2.0**-600
        exact = self.sources.points.exact_rows(slice(None)).scaled(shrink)
        x = self.sources.points.rows(slice(None))
        for i, q in zip(indices, y, strict=True):
            half = DoubleDouble.of(np.zeros(len(x)))
            for a in range(len(q)):
                u = exact.at((slice(None), a)).minus(DoubleDouble.of(np.full(len(x), q[a] * shrink)))
                half = half.plus(u.times(u).scaled(0.5))
            nearest = int(np.lexsort((half.low, half.high))[0])
            distance = np.sqrt(2.0 * half.high[nearest]) / shrink if np.isfinite(q).all() else np.inf
            exponent = 0.5 * (np.sqrt(self.request.scales) * distance) ** 2
            self.sums.log_sum[i] = -exponent
            self.sums.mean_square[i] = distance**2
            self.sums.mean[i] = x[nearest] - q if self.request.order > 0 else 0.0
            self.sums.covariance[i] = 0.0
            self.bound[i] += 8.0 * accuracy.UNIT * np.minimum(exponent, 1e300)
