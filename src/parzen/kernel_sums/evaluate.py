"""One evaluation: blocks of queries on threads, each checked against the promise and repaired where needed."""

import math
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parzen.errors import AccuracyError
from parzen.kernel_sums import accuracy, compensated, dense, far, gridding, tree
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.kernel_sums.exp import polynomial
from parzen.kernel_sums.loops import TILE
from parzen.kernel_sums.partition import partition
from parzen.kernel_sums.plan import METHODS, Plan, make_plan, pays_for_a_tree
from parzen.kernel_sums.reach import within_reach
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.sources import Points, Sources
from parzen.kernel_sums.state import KernelSums
from parzen.kernel_sums.threads import Step, Task, run_tasks
from parzen.typing import BoolArray, FloatArray, IntArray, Progress

__all__ = ["Evaluation", "evaluate", "prepare"]

#: Queries that are summed again are taken in groups of this size, and of larger ones where a group stays together.
_REPAIR_ROWS, _REPAIR_ROWS_1D = 16, 64

#: Below this, ``rtol`` asks for a few ulps of the terms, as far as they go; from this on, for a number.
_FEW_ULPS = 1e-12

#: What is promised at any rtol below, or else refused: the default rtol.
_LEAST_PROMISE = 1e-9

#: Half ulps of a coordinate that are lost on the way to the mesh.
_TO_MESH = 4.0

#: The share of the progress that is reported for a mesh; how many queries it leaves is known only afterwards.
_MESH_SHARE = 0.9

#: Exponents, in nats, that plain arithmetic is trusted with.
_LARGEST_EXPONENT = 2.0**50

#: Whitened norm beyond which squares leave the range of float64, with room for sums and products.
_OUT_OF_RANGE = 1e140


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` returns."""

    sums: KernelSums
    error_bound: FloatArray  # (m, k) bound on the error of log_sum: skipped terms, rounding, a mesh
    plan: Plan
    repaired: BoolArray  # (m,) True where a query was summed again in double-double arithmetic


def evaluate(sources: Sources, queries: Points, request: Request) -> Evaluation:
    """Evaluate the kernel sums at every query, keeping the promise or raising.

    Cost: n · m pairs, or n + m windows on a mesh; see `parzen.kernel_sums.plan`. Memory: the result, plus
    ``plan.temporary_bytes``, and for meshes up to half of the request's limit.

    Raises
    ------
    AccuracyError
        Samples so many bandwidths apart that squared distances leave the range of float64.
    """
    return _evaluate(sources, queries, request, make_plan(sources, queries, request))


def _evaluate(sources: Sources, queries: Points, request: Request, plan: Plan) -> Evaluation:
    """Evaluate by a plan."""
    began = time.perf_counter()
    run = _Run(sources, queries, request, plan)
    if METHODS[run.plan.method].gridded:
        run.grid()
    tasks = [(len(block) * sources.n_tiles * TILE, run.task(block)) for block in run.blocks()]
    progress = run.progress(_MESH_SHARE if METHODS[run.plan.method].gridded else 0.0, 1.0)
    run_tasks(tasks, run.plan.workers, progress, blas=METHODS[run.plan.method].blas)
    if progress is not None and not tasks:
        progress(1, 1)
    lost = np.flatnonzero(np.isnan(run.sums.log_sum).any(axis=1))
    if lost.size:
        raise accuracy.cannot_tell(lost.tolist(), request.rtol)
    plan = replace(run.plan, outcome=run.outcome(time.perf_counter() - began))
    return Evaluation(run.sums, run.bound, plan, run.repaired)


def prepare(sources: Sources, plan: Plan, request: Request) -> None:
    """Make what an evaluation by this plan keeps with the sources: layouts, tree, meshes."""
    if METHODS[plan.method].gridded:
        for scale in request.scales:
            sources.gridded(float(scale), request)
    else:
        METHODS[plan.method].module.prepare(sources)


class _Run:
    """What the threads of one evaluation share; each writes its own rows."""

    def __init__(self, sources: Sources, queries: Points, request: Request, plan: Plan) -> None:
        m, d = queries.shape
        k = len(request.scales)
        self.sources, self.queries, self.request = sources, queries, request
        self.plan = plan
        self.method: Any = METHODS[self.plan.method].module
        self.sharpest = max(1.0, sources.sharpest)
        # a term's pull, and twice in the Hessian, is up to 1/λ times as large as without its bandwidth factor
        self.cutoff = accuracy.cutoff(sources.n, request.rtol) + request.order * math.log(self.sharpest)
        self.own = np.full(m, -1) if request.own is None else request.own
        self.sums = KernelSums.empty(m, k, d, request.order)
        self.bound = np.full((m, k), request.rtol * accuracy.SKIPPED_SHARE)
        self.repaired = np.zeros(m, dtype=bool)
        self.left = np.ones(m, dtype=bool)  # queries that are not summed yet
        self.spot_error = 0.0
        self.units = max(sources.points.coordinate_error, queries.coordinate_error)
        self.exp_error, _ = polynomial(request.rtol)
        self.lock = threading.Lock()
        if not METHODS[self.plan.method].gridded:
            self.method.prepare(sources)
        spread = sources.radius * self.sharpest
        if not spread < _OUT_OF_RANGE:
            raise AccuracyError(
                f"`bandwidth` must be larger for these samples; got one that they spread over {min(spread, 1e308):.1g} "
                "times. Squared distances leave the range of float64: use a larger bandwidth."
            )

    def progress(self, begin: float, end: float) -> Progress | None:
        """Return what reports some of the work as a part of all pairs, from one share to another."""
        report = self.request.progress
        if report is None:
            return None
        pairs = len(self.own) * self.sources.n
        return lambda done, total: report(
            round(pairs * (begin + (end - begin) * done / max(total, 1))), pairs
        )

    def blocks(self) -> list[IntArray]:
        """Return the queries of each block; neighbours in space where the method gains by it."""
        order, rows = np.flatnonzero(self.left), self.plan.rows
        if self.method is tree and len(order) > rows:
            order = order[partition(np.nan_to_num(self.queries.rows(order)), rows)]
        return [order[start : start + rows] for start in range(0, len(order), rows)]

    def outcome(self, seconds: float) -> str:
        """Say what the evaluation took and found."""
        m = max(1, len(self.own))
        words = [f"{seconds:.3g} s"]
        if METHODS[self.plan.method].gridded:
            words.append(
                f"{np.count_nonzero(~self.left) / m:.2%} of the queries on the mesh, the rest directly"
            )
            words.append(f"largest error of log density seen at spot queries {self.spot_error:.2g}")
        words.append(f"{np.count_nonzero(self.repaired) / m:.2%} repaired in double-double arithmetic")
        return "; ".join(words)

    def grid(self) -> None:
        """Sum on a mesh what keeps the promise with it; leave the rest to the blocks."""
        m, d = self.queries.shape
        size = max(_REPAIR_ROWS, self.request.memory_limit // 4 // gridding.bytes_per_query(d))
        for start in range(0, m, size):
            y = self.queries.rows(slice(start, start + size))
            bound = np.empty((len(y), len(self.request.scales)))
            for k in range(bound.shape[1]):
                self._grid(y, start, k, bound[:, k])
            keeps = np.isfinite(bound[:, 0])
            for column in bound.T[1:]:
                keeps &= np.isfinite(column)
            if self._agrees(start, np.flatnonzero(keeps), bound):
                piece = slice(start, start + size)
                np.copyto(self.bound[piece], bound, where=keeps[:, None])
                self.left[piece] &= ~keeps
        left = int(np.count_nonzero(self.left))
        self.method = tree if pays_for_a_tree(d, left, self.request) else dense
        self.method.prepare(self.sources)

    def _grid(self, y: FloatArray, offset: int, k: int, bound: FloatArray) -> None:
        """Sum queries, whitened, from row ``offset`` on, at one bandwidth.

        ``bound``, (rows,), becomes the bound on the error of log S, infinite where the promise is not kept.
        """
        request, d, scale = self.request, self.sources.d, float(self.request.scales[k])
        gridded = self.sources.gridded(scale, request)
        weights = self.sources.weights
        bound[:] = np.inf

        def take(part: gridding.Part) -> None:
            left_out = None
            if request.own is not None:
                own = self.own[offset + part.rows]
                left_out = np.where(own >= 0, 1.0 if weights is None else weights[own], 0.0)
            with np.errstate(all="ignore"):  # what leaves the range of float64 is not accepted
                sums, full = gridding.finish(part.values, left_out, scale, d, request)
                distance = np.sqrt(2.0 * np.maximum(self.cutoff - np.log(full), 0.0))
                radius = gridded.mesh.spacing * np.sqrt(np.einsum("ia,ia->i", part.points, part.points))
                farthest = np.minimum(radius + distance, math.sqrt(scale) * self.sources.radius)
                rounding = accuracy.direct_error(d, self.units + _TO_MESH, radius, farthest, distance)
                rounding += accuracy.mesh_error(d, gridding.additions(d, part.number))
                error, keeps = gridding.accepted(
                    sums, full, part.weight, rounding, distance, gridded, request
                )
            self.sums.put(offset + part.rows, slice(k, k + 1), sums)
            bound[part.rows] = np.where(keeps, error, np.inf)

        first, count = offset / len(self.own), len(y) / len(self.own) / len(request.scales)

        def run(tasks: list[tuple[int, Task]], begin: float, end: float) -> None:
            begin, end = (_MESH_SHARE * (first + count * (k + part)) for part in (begin, end))
            run_tasks(tasks, self.plan.workers, self.progress(begin, end))

        # all bandwidths' meshes are kept
        gridded.evaluate(y, request.moments, request.memory_limit // len(request.scales), run, take)

    def _agrees(self, offset: int, rows: IntArray, bound: FloatArray) -> bool:
        """Whether sums on the mesh are within their ``bound`` of direct ones, at a few of the rows from ``offset`` on.

        The bounds have a proof; this is for what proofs do not see.
        """
        if not len(rows):
            return True
        few = rows[np.linspace(0, len(rows) - 1, min(len(rows), gridding.SPOTS), dtype=np.intp)]
        spots = offset + few
        rtol = min(self.request.rtol, _LEAST_PROMISE)
        own = None if self.request.own is None else self.own[spots]
        request = self.request.replace(order=0, rtol=rtol, own=own, progress=None)
        found = _evaluate(self.sources, self.queries.take(spots), request, replace(self.plan, method="dense"))
        error = np.abs(self.sums.log_sum[spots] - found.sums.log_sum)
        self.spot_error = max(self.spot_error, float(error.max()))
        return bool(np.all(error <= bound[few] + found.error_bound))

    def task(self, indices: IntArray) -> Task:
        """Return the work of one block of queries."""

        def work(step: Step) -> None:
            # values out of range are met by `accuracy.broken_promises`
            with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
                self._block(indices, step)

        return work

    def _block(self, indices: IntArray, step: Step) -> None:
        """Sum one block of queries, and again what rounding may have spoilt."""
        y = np.ascontiguousarray(self.queries.rows(indices))
        norms = np.sqrt(np.einsum("ia,ia->i", y, y))
        near = norms < (far.FAR_AWAY if self.sources.precisions is None else _OUT_OF_RANGE / self.sharpest)
        if not near.all():
            self._sum_far(indices[~near], y[~near])
            indices, y, norms = indices[near], y[near], norms[near]
        if not len(indices):
            return
        if self.plan.method == "compensated":
            self._compensate(self.sources, indices, slice(None), step)
            return
        broken = self._sum(indices, y, norms, step)
        self.repaired[indices] = broken.any(axis=1)
        for k in np.flatnonzero(broken.any(axis=0)):
            rows = np.flatnonzero(broken[:, k])
            size = max(_REPAIR_ROWS, _REPAIR_ROWS_1D // self.sources.d)
            for start in range(0, len(rows), size):
                few = rows[start : start + size]
                self._repair(indices[few], y[few], int(k), lambda done: step(0))

    def _sum(self, indices: IntArray, y: FloatArray, norms: FloatArray, step: Step) -> BoolArray:
        """Sum a block by the chosen method; return which promises rounding may have broken, (rows, k)."""
        request, sources = self.request, self.sources
        state = self.method.accumulate(sources, y, self.own[indices], request, self.cutoff, step)
        self.sums.fill(indices, state)
        sums = self.sums.rows(indices)
        root = np.sqrt(request.scales) * sources.sharpest
        radius = norms[:, None] * root
        # terms matter up to `cutoff` below the sum
        distance = np.sqrt(2.0 * np.maximum(self.cutoff - sums.log_sum, 0.0))
        farthest = np.minimum(radius + distance, sources.radius * root)
        error = self.method.exponent_error(sources.d, self.units, radius, farthest, distance) + self.exp_error
        if sources.precisions is not None:  # two more roundings: of c_j, and of its product with ½‖u_j‖²
            error += accuracy.UNIT * distance**2
        rounding, broken = accuracy.broken_promises(
            sums,
            error,
            request.scales,
            sources.diameter,
            request.rtol,
            request.order,
            sharpest=sources.sharpest,
        )
        # beyond, an exponent's own rounding is whole nats, and the loops' exponentials of x ≤ 0 may meet x > 0: the sum
        # may be anything then, more than that of n largest terms included
        most = math.log(sources.n) + 1.0
        broken |= ~((sums.log_sum > -_LARGEST_EXPONENT) & (sums.log_sum < most))
        self.bound[indices] += rounding
        return broken

    def _repair(self, indices: IntArray, y: FloatArray, k: int, step: Step) -> None:
        """Sum a few queries at one bandwidth again, over those sources that may matter, in double-double arithmetic."""
        sources, own, boxes = self.sources, self.own[indices], None
        if self.method is tree:
            sources, own, boxes = sources.sorted.sources, sources.sorted.rows(own), sources.sorted.boxes
        near = within_reach(
            sources,
            boxes,
            y,
            own,
            scale=float(self.request.scales[k]),
            order=self.request.order,
            cutoff=self.cutoff,
            units=self.units,
        )
        if len(near) < sources.n // 2:
            sources = sources.take(near)
            place = np.minimum(np.searchsorted(near, own), len(near) - 1)
            own = np.where(near[place] == own, place, -1)
        else:
            with self.lock:
                compensated.prepare(sources)
        self._compensate(sources, indices, slice(k, k + 1), step, own)

    def _compensate(
        self, sources: Sources, indices: IntArray, columns: slice, step: Step, own: IntArray | None = None
    ) -> None:
        """Sum some queries in double-double arithmetic; ``own`` are rows of ``sources`` to leave out."""
        own = self.own[indices] if own is None else own
        broken, _ = self._sum_exactly(sources, self.queries.exact_rows(indices), indices, columns, own, step)
        # an outlier can take even those digits: see the sources from each such query
        stubborn = [
            int(indices[i]) for i in np.flatnonzero(broken)
            if self._sum_around(sources, int(indices[i]), columns, own[[i]], step)
        ]  # fmt: skip
        if stubborn:
            raise accuracy.cannot_tell(stubborn, self.request.rtol)

    def _sum_around(self, sources: Sources, i: int, columns: slice, own: IntArray, step: Step) -> bool:
        """Sum one query with itself as the origin; return whether it has to be refused all the same."""
        sources = replace(sources, points=sources.points.around(self.queries, i))
        origin = DoubleDouble.of(np.zeros((1, sources.d)))
        quiet: Step = lambda done: step(0)  # noqa: E731
        return bool(self._sum_exactly(sources, origin, np.array([i]), columns, own, quiet)[1][0])

    def _sum_exactly(
        self,
        sources: Sources,
        exact: DoubleDouble,
        indices: IntArray,
        columns: slice,
        own: IntArray,
        step: Step,
    ) -> tuple[BoolArray, BoolArray]:
        """Sum by the compensated method; return which promises are broken, and which of them to refuse.

        A few ulps may be more than a sum that cancels has: ``rtol=0`` refuses what the default would.
        """
        request = self.request.replace(scales=self.request.scales[columns])
        sums = compensated.accumulate(sources, exact, own, request, self.cutoff, step)
        self.sums.put(indices, columns, sums)
        reach = self.cutoff if np.isfinite(self.cutoff) else 800.0  # beyond, terms are 0 in float64
        distance = np.sqrt(2.0 * np.maximum(reach - sums.log_sum, 0.0))
        root = np.sqrt(request.scales) * sources.sharpest
        radius = np.sqrt(np.einsum("ia,ia->i", exact.high, exact.high))[:, None] * root
        error = accuracy.compensated_error(sources.points.exact_error, radius + distance, distance)

        def judge(rtol: float) -> tuple[FloatArray, BoolArray]:
            bound, broken = accuracy.broken_promises(
                sums,
                error,
                request.scales,
                self.sources.diameter,
                2.0 * rtol,
                request.order,
                sharpest=sources.sharpest,
                central=True,
            )
            return bound, np.asarray(broken.any(axis=1))

        rounding, broken = judge(max(request.rtol, _FEW_ULPS))
        # the normaliser's and the last subtraction's roundings come on top
        rounding = rounding + 4.0 * accuracy.UNIT * np.abs(sums.log_sum)
        self.bound[indices, columns] = request.rtol * accuracy.SKIPPED_SHARE + rounding
        return broken, broken if request.rtol >= _FEW_ULPS else judge(_LEAST_PROMISE)[1]

    def _sum_far(self, indices: IntArray, y: FloatArray) -> None:
        """Sum queries so far out that squares lose everything."""
        x, queries = self.sources.points.exact_rows(slice(None)), self.queries.exact_rows(indices)
        for row, i in enumerate(indices.tolist()):
            q = queries.at(row)
            if not np.all(np.isfinite(q.high + q.low)):  # products of such numbers have no exact form
                q = DoubleDouble.of(y[row])
            found = far.sum_far(self.sources, x, q, int(self.own[i]), i, self.request)
            if found is not None:
                sums, bound = found
                self.sums.put(np.array([i]), slice(None), sums)
                self.bound[i] += bound
            elif self._sum_around(self.sources, i, slice(None), self.own[[i]], lambda done: None):
                raise accuracy.cannot_tell([i], self.request.rtol)
