"""Gaussian kernel sums log Σ w_j exp(-½‖y_q - y_j‖²/h²) and their derivatives, on whitened points.

The picture of this room:

    Request ──► plan.py: which method ──► a block of queries at a time, on a pool of threads (threads.py)
                                            │
        dense.py  matmul.py  compensated.py │  accumulate() ──► State (state.py, a commutative monoid)
        loops.py  compensated_loops.py      │                     │ finish
        exp.py    double_double.py          ▼                     ▼
                                     accuracy.py: bound ──► KernelSums; broken promises are summed again
                                                            by compensated.py

`evaluate` is the only entrance.
"""

from dataclasses import dataclass

import numpy as np

from parzen.kernel_sums import accuracy, compensated
from parzen.kernel_sums.plan import METHODS, Plan, make_plan
from parzen.kernel_sums.request import MEMORY_LIMIT, Request
from parzen.kernel_sums.sources import Points, Sources
from parzen.kernel_sums.state import KernelSums, State
from parzen.kernel_sums.threads import Step, Task, run_tasks
from parzen.typing import FloatArray

__all__ = ["MEMORY_LIMIT", "Evaluation", "KernelSums", "Plan", "Points", "Request", "Sources", "State", "evaluate", "make_plan"]  # fmt: skip

#: Queries that were summed again are taken in groups of this size.
_REPAIR_ROWS = 16


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` returns: the sums, a bound on the error of log_sum (m, k), the plan, what it met."""

    sums: KernelSums
    error_bound: FloatArray
    plan: Plan
    n_repaired: int


def evaluate(sources: Sources, queries: Points, request: Request) -> Evaluation:
    """Evaluate the kernel sums at every query, keeping the promise or raising.

    Cost: n · m pairs; see `parzen.kernel_sums.plan` for the methods. Memory: the result, plus
    ``plan.temporary_bytes``.
    """
    m, d = queries.shape
    k = len(request.scales)
    plan = make_plan(sources, m, request)
    method = METHODS[plan.method]
    cutoff = accuracy.cutoff(sources.n, request.rtol)
    sums = KernelSums.empty(m, k, d, request.order)
    bound = np.empty((m, k))
    repaired = np.zeros(m, dtype=bool)
    own = np.full(m, -1) if request.own is None else request.own
    method.module.prepare(sources)
    units = max(sources.points.coordinate_error, queries.coordinate_error)

    def compensate(rows: slice | np.ndarray, step: Step) -> None:  # type: ignore[type-arg]
        exact = queries.exact_rows(rows)
        state = compensated.accumulate(sources, exact, own[rows], request, cutoff, step)
        sums.fill(rows, state, central=True)
        bound[rows] = accuracy.UNIT * (16.0 + np.abs(sums.log_sum[rows])) + request.rtol * accuracy.SKIPPED_SHARE

    def block_task(rows: slice) -> Task:
        def task(step: Step) -> None:
            if plan.method == "compensated":
                compensate(rows, step)
                return
            y = np.ascontiguousarray(queries.rows(rows))
            state = method.module.accumulate(sources, y, own[rows], request, cutoff, step)
            part = KernelSums.empty(len(y), k, d, request.order)
            part.fill(slice(None), state)
            sums.log_sum[rows], sums.mean_square[rows] = part.log_sum, part.mean_square
            sums.mean[rows], sums.covariance[rows] = part.mean, part.covariance
            root = np.sqrt(request.scales)
            radius = np.linalg.norm(y, axis=1)[:, None] * root
            distance = np.sqrt(2.0 * (np.maximum(state.lowest, 0.0) + cutoff))
            farthest = np.minimum(radius + distance, sources.radius * root)
            error = method.module.exponent_error(d, units, radius, farthest, distance)
            rounding, broken = accuracy.broken_promises(
                part, error, request.scales, request.rtol, request.order
            )
            bound[rows] = rounding + request.rtol * accuracy.SKIPPED_SHARE
            indices = np.flatnonzero(broken) + rows.start
            repaired[indices] = True
            for start in range(0, len(indices), _REPAIR_ROWS):
                compensate(indices[start : start + _REPAIR_ROWS], lambda done: step(0))

        return task

    size = sources.n_tiles
    tasks = [
        ((min(start + plan.rows, m) - start) * size * 512, block_task(slice(start, min(start + plan.rows, m))))
        for start in range(0, m, plan.rows)
    ]
    run_tasks(tasks, plan.workers, request.progress, blas=plan.method == "matmul")
    return Evaluation(sums, bound, plan, int(repaired.sum()))
