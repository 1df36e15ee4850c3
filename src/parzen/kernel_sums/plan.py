"""Where the method is chosen: Request → Plan. A new method is one file and one row of `METHODS`.

The cost model's constants are nanoseconds on one core of the machine of docs/performance.md. Only their ratios
choose, and these hardly differ between machines; measuring them at run time would let noise decide which method
makes the last digits. For the same reason predictions are for two threads, whatever ``workers`` is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from parzen.errors import InputError, MemoryLimitError
from parzen.kernel_sums import accuracy, compensated, dense, gridding, lattice, matmul, tree
from parzen.kernel_sums.gridding_loops import FARTHEST
from parzen.kernel_sums.loops import TILE
from parzen.kernel_sums.mesh import Blocks, Mesh, neighbours
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.sources import Points, Sources
from parzen.typing import FloatArray

__all__ = ["METHODS", "Candidate", "Plan", "make_plan", "pays_for_a_tree"]


@dataclass(frozen=True, eq=False)
class _Task:
    """What predictions are made for."""

    sources: Sources
    queries: Points
    request: Request

    @property
    def padded(self) -> int:
        """Number of sources with the padding of the last tile, which is summed like them."""
        return self.sources.n_tiles * TILE

    @cached_property
    def squares(self) -> FloatArray:
        """Squared distances, whitened, of a few queries from some sources."""
        few = np.nan_to_num(_some(self.queries, _QUERIES))
        some = np.nan_to_num(_some(self.sources.points, _SOURCES))
        norms = np.einsum("ia,ia->i", few, few)[:, None] + np.einsum("ja,ja->j", some, some)
        return np.asarray(np.maximum(norms - 2.0 * few @ some.T, 0.0))

    @cached_property
    def busy_share(self) -> float:
        """The share of all tiles, of sources in any order, with a term that matters to a query, about."""
        halves = 0.5 * float(self.request.scales.min()) * self.squares
        reach = halves.min(axis=1) + accuracy.cutoff(self.sources.n, self.request.rtol)
        # less the nearest one itself, which says nothing about a source at random
        near = np.maximum(np.count_nonzero(halves <= reach[:, None], axis=1), 1)  # NaN is not near
        share = (near - 1) / halves.shape[1]
        return float(np.mean(1.0 - (1.0 - share) ** TILE))

    @cached_property
    def visited_share(self) -> float:
        """The share of all pairs that the tree would sum."""
        return tree.visited_share(self.sources, self.queries, self.request)


@dataclass(frozen=True)
class Method:
    """One row of the table of methods."""

    module: Any  # prepare, accumulate, scratch_bytes; and exponent_error, but for the last
    rows: int  # queries in a block
    refuses: Callable[[Sources, Points, Request], str]  # why it cannot be used, or ""
    seconds: Callable[
        [_Task, float], float
    ]  # as predicted; at least that, where it is more than the second argument
    gridded: bool = False  # whether a mesh comes first; the blocks are for what it leaves
    blas: bool = False  # whether blocks multiply matrices, so that BLAS has to keep to one thread each


def _dense_refuses(sources: Sources, queries: Points, request: Request) -> str:
    if request.rtol == 0:
        return "rtol=0 needs double-double arithmetic"
    if sources.d > dense.MAX_DIMENSION:
        return f"compiled for at most {dense.MAX_DIMENSION} dimensions"
    return ""


def _gridding_refuses(sources: Sources, queries: Points, request: Request) -> str:
    if sources.precisions is not None:
        return "a mesh has one bandwidth for all samples"
    if sources.d > gridding.MAX_DIMENSION:
        return f"needs at most {gridding.MAX_DIMENSION} dimensions"
    if request.rtol < gridding.LEAST_RTOL:
        return f"its errors are too large for rtol < {gridding.LEAST_RTOL:g}"
    return ""


def _matmul_refuses(sources: Sources, queries: Points, request: Request) -> str:
    return "rtol=0 needs double-double arithmetic" if request.rtol == 0 else ""


def _lattice_refuses(sources: Sources, queries: Points, request: Request) -> str:
    return _matmul_refuses(sources, queries, request) or lattice.refuses(sources, queries)


def _polynomial(d: int, request: Request, by_order: tuple[tuple[float, float, float], ...]) -> float:
    """Return c₀ + c₁ d + c₂ d² for the order that is wanted, and half a nanosecond for each further bandwidth."""
    c0, c1, c2 = by_order[request.order]
    return 1e-9 * (
        c0 + c1 * d + c2 * d**2 + (len(request.scales) - 1) * max(0.5, c0 + c1 * d + c2 * d**2 - 1.5)
    )


def _dense_seconds(task: _Task, best: float) -> float:
    """Distances are for all pairs, derivatives only where a term matters."""
    pairs, d = task.padded * task.queries.shape[0], task.sources.d
    everywhere = _dense_pair(d, task.request.replace(order=0))
    seconds = pairs * everywhere
    if task.request.order > 0:
        seconds += task.busy_share * pairs * (_dense_pair(d, task.request) - everywhere)
    return seconds / _THREADS


def _dense_pair(d: int, request: Request) -> float:
    return _polynomial(d, request, ((0.65, 0.066, 0.0), (1.2, 0.2, 0.0), (1.2, 0.3, 0.05)))


def _matmul_pair(d: int, request: Request) -> float:
    return _polynomial(d, request, ((1.3, 0.027, 0.0), (2.7, 0.057, 0.0), (30.0, 2.2, 0.035)))


def _lattice_pair(d: int, request: Request) -> float:
    return _polynomial(d, request, ((1.0, 0.018, 0.0), (2.2, 0.043, 0.0), (30.0, 2.2, 0.035)))


def _compensated_pair(d: int, request: Request) -> float:
    return _polynomial(d, request, ((6.0, 0.5, 0.0), (10.0, 1.75, 0.0), (15.0, 2.5, 0.15)))


def _all_pairs(
    seconds_per_pair: Callable[[int, Request], float], start: float = 0.0
) -> Callable[[_Task, float], float]:
    """Return the prediction for a method that goes through all pairs."""

    def seconds(task: _Task, best: float) -> float:
        pairs = task.padded * task.queries.shape[0]
        return start + pairs * seconds_per_pair(task.sources.d, task.request) / _THREADS

    return seconds


def _tree_seconds(task: _Task, best: float) -> float:
    n, m = task.sources.n, task.queries.shape[0]
    started = _START_TREE + _sort(task.sources.d) * (n + m) + _BOX * m * task.sources.n_tiles / _THREADS
    if started > best:
        return started
    pairs = task.visited_share * task.padded * m
    return started + pairs * _dense_pair(task.sources.d, task.request) / _THREADS


def _gridding_seconds(task: _Task, best: float) -> float:
    n, m, request = task.sources.n, task.queries.shape[0], task.request
    if best < _START_GRIDDING:
        return _START_GRIDDING
    on_mesh, left = _predict_mesh(task)
    started = _START_GRIDDING + on_mesh / _THREADS
    if started > best or left == 0:
        return started
    direct = left * m * n * task.visited_share * _dense_pair(task.sources.d, request)
    return started + _sort(task.sources.d) * (n + left * m) + direct / _THREADS


def _predict_mesh(task: _Task) -> tuple[float, float]:
    """Estimate the seconds on one thread, and the share of queries that are left to the tree."""
    sources, queries, request = task.sources, task.queries, task.request
    n, m, d = sources.n, queries.shape[0], sources.d
    order = request.moments
    mesh = Mesh.of(d, order, request.rtol)
    x, q = _some(sources.points, _FEW), _some(queries, _FEW)
    windows = (mesh.taps / 32.0) ** d
    seconds = 0.0
    for scale in request.scales:
        # also where a mesh is kept: the choice does not depend on what was asked before
        blocks = _number_of_blocks(Blocks.of(x, scale, mesh, FARTHEST), n / len(x))
        seconds += n * (_TO_BLOCK + windows * _SPREAD_SECONDS[d])
        seconds += blocks * 2**d * math.prod(mesh.block_shape) * _NODE_SECONDS
        blocks = _number_of_blocks(Blocks.of(q, scale, mesh, FARTHEST - 1), m / len(q))
        seconds += m * (_TO_BLOCK + windows * _READ_SECONDS[d] * (1.0 + 0.6 * order))
        seconds += blocks * (mesh.block + mesh.taps) ** d * _NODE_SECONDS
    nearest = task.squares.min(axis=1) * float(request.scales.max())
    # as `accepted`, for a query with one source near: its term exceeds what windows cut off
    allowed = (1.0 - accuracy.SKIPPED_SHARE) * request.rtol
    return seconds, float(np.mean(nearest > -2.0 * math.log(mesh.cut_off[order] / allowed)))


def _some(points: Points, most: int) -> FloatArray:
    """Return at most so many of the points, at even distances in their order."""
    return points.rows(np.arange(0, points.shape[0], -(-points.shape[0] // most)))


def _mesh_bytes(task: _Task) -> int:
    """Estimate the memory of the meshes of all bandwidths, which is at most half of the limit."""
    sources, request = task.sources, task.request
    mesh = Mesh.of(sources.d, request.moments, request.rtol)
    x = _some(sources.points, _FEW)
    number = 0.0
    for scale in request.scales:
        some = Blocks.of(x, scale, mesh, FARTHEST)
        reached = len(np.unique(some.keys[:, None] + neighbours(mesh.d, (0, 1))))
        number += _number_of_blocks(some, sources.n / len(x)) * reached / max(1, len(some.keys))
    return int(min(8 * number * math.prod(mesh.block_shape), request.memory_limit // 2))


def _number_of_blocks(some: Blocks, share: float) -> float:
    """Estimate how many blocks hold points, from those that one point in ``share`` lies in."""
    if not len(some.keys):
        return 0.0
    seen, alone = len(some.keys), np.count_nonzero(np.diff(some.starts) == 1)
    # the others may each lie in a block of their own, or in those that are seen
    return math.sqrt(seen * (seen + alone * (share - 1.0)))


def _sort(d: int) -> float:
    """Return the seconds to sort a point into the tree."""
    return _SORT[min(d, 2) - 1]


def pays_for_a_tree(d: int, n_queries: int, request: Request) -> bool:
    """Whether so many queries cost more without a tree than it takes to build one; n is in both."""
    return n_queries * _dense_pair(d, request) / _THREADS > _sort(d)


#: Seconds to sort a point into the tree in one dimension and in more, and to compare a query with a box.
_SORT = (1e-7, 4.5e-7)
_BOX = 4e-9
#: Seconds that these methods take before their first sum, more than the direct one.
_START_TREE, _START_GRIDDING, _START_PRODUCTS = 2e-3, 2e-3, 5e-4
#: Points that predictions are made from: for blocks, and for the share of queries that lie near sources.
_FEW, _SOURCES, _QUERIES = 4000, 1000, 64
#: Seconds on one thread: to sort a point into its block; by dimension, to spread and to read a window of 32 nodes a
#: side; and for a node of the mesh.
_TO_BLOCK = 6e-8
_SPREAD_SECONDS, _READ_SECONDS = (0.0, 3e-8, 2.5e-7, 6e-6), (0.0, 8e-8, 2.5e-7, 5e-6)
_NODE_SECONDS = 1e-9
#: Threads that predictions are made for, and the seconds that these take to start.
_THREADS, _THREADS_START = 2, 5e-4

#: Every method, in the order in which ties are decided.
METHODS = {
    "dense": Method(dense, 256, _dense_refuses, _dense_seconds),
    "gridding": Method(tree, 256, _gridding_refuses, _gridding_seconds, gridded=True),
    "tree": Method(tree, 256, _dense_refuses, _tree_seconds),
    "lattice": Method(lattice, 1024, _lattice_refuses, _all_pairs(_lattice_pair, _START_PRODUCTS), blas=True),
    "matmul": Method(matmul, 1024, _matmul_refuses, _all_pairs(_matmul_pair, _START_PRODUCTS), blas=True),
    "compensated": Method(
        compensated, 32, lambda sources, queries, request: "", _all_pairs(_compensated_pair)
    ),
}


@dataclass(frozen=True)
class Candidate:
    """A method that was considered."""

    name: str
    seconds: float  # predicted, at least that where another promised less; infinite where refused
    refused: str  # why, or ""


@dataclass(frozen=True)
class Plan:
    """What will be done for a request, and why; ``str(plan)`` says it in words.

    Attributes
    ----------
    method : str
        Name in the table of methods.
    reason : str
        Why this one.
    n_sources, n_queries, d, n_bandwidths, order : int
        The size of the task.
    rtol : float
        The promise.
    rows : int
        Queries in a block.
    workers : int
        Threads that will run; fewer than asked for where memory would not suffice.
    temporary_bytes, kept_bytes : int
        Memory of the blocks in flight, and of the samples in the method's own layout and an estimate of a mesh, which
        takes up to half of ``memory_limit``.
    candidates : tuple of Candidate
        What was considered, with predicted seconds.
    outcome : str
        What came of it, after an evaluation; else "".
    """

    method: str
    reason: str
    n_sources: int
    n_queries: int
    d: int
    n_bandwidths: int
    order: int
    rtol: float
    rows: int
    workers: int
    temporary_bytes: int
    kept_bytes: int
    candidates: tuple[Candidate, ...]
    outcome: str = ""

    @property
    def pairs(self) -> int:
        """Number of (query, sample) pairs."""
        return self.n_sources * self.n_queries

    def __str__(self) -> str:
        what = ("log density", "log density and gradient", "log density, gradient and Hessian")[self.order]
        promise = (
            f"|error of log density| ≤ {self.rtol:g}, or a few ulps of it (checked for each query, and repaired)"
            if self.rtol
            else "every term summed in double-double arithmetic, right to a few ulps"
        )
        lines = [
            f"{what} of {self.n_queries:,} queries under {self.n_sources:,} samples in {self.d} "
            + ("dimensions" if self.d > 1 else "dimension")
            + (f", {self.n_bandwidths} bandwidths in one pass" if self.n_bandwidths > 1 else ""),
            f"method       {self.method}: {self.reason}",
            f"pairs        {self.pairs:,}",
            f"memory       {_readable(self.temporary_bytes)} of temporaries, "
            f"{_readable(self.kept_bytes)} kept with the samples",
            f"threads      {self.workers}",
            f"error bound  {promise}",
            "candidates   "
            + "; ".join(
                f"{c.name} refused ({c.refused})" if c.refused else f"{c.name} about {c.seconds:.2g} s"
                for c in self.candidates
            ),
        ]
        if self.outcome:
            lines.append(f"outcome      {self.outcome}")
        return "\n".join(lines)


def _readable(n_bytes: int) -> str:
    """Return a size with a unit."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if n_bytes >= size:
            return f"{n_bytes / size:.3g} {unit}"
    return f"{n_bytes} bytes"


def make_plan(sources: Sources, queries: Points, request: Request) -> Plan:
    """Choose the method with the least predicted time among those that can keep the promise.

    Raises
    ------
    InputError
        A forced method that cannot do the job.
    MemoryLimitError
        One query at a time would still need more than the limit.
    """
    d, k, n_queries = sources.d, len(request.scales), queries.shape[0]
    task = _Task(sources, queries, request)
    candidates: list[Candidate] = []
    for name, method in METHODS.items():
        with np.errstate(all="ignore"):  # points out of range are met by the evaluation
            refused = method.refuses(sources, queries, request)
            best_yet = min((candidate.seconds for candidate in candidates), default=math.inf)
            seconds = math.inf if refused else method.seconds(task, best_yet)
        candidates.append(Candidate(name, seconds, refused))
    if request.method == "auto":
        best = min(candidates, key=lambda candidate: candidate.seconds)
        reason = "least predicted time" if request.rtol else "rtol=0 asks for every term"
    else:
        best = next(c for c in candidates if c.name == request.method)
        reason = "forced by `method`"
        if best.refused:
            raise InputError(
                f"`method` must suit the task; got {best.name!r}: {best.refused}. Use method='auto'."
            )
    method = METHODS[best.name]
    rows, block = _block(method, n_queries, d, k, request)
    if block > request.memory_limit:
        raise MemoryLimitError(
            f"`memory_limit` must be at least {block} bytes for one query at a time at order {request.order} in {d} "
            f"dimensions; got {request.memory_limit}. Raise it, or ask for a lower order."
        )
    workers = max(1, min(request.workers, request.memory_limit // block, -(-n_queries // rows)))
    if best.seconds < _THREADS_START:
        workers = 1
    numbers = d + 1 + (sources.precisions is not None)
    kept = 8 * sources.n_tiles * TILE * numbers * (2 if best.name == "compensated" else 1)
    if method.gridded:
        kept += _mesh_bytes(task)
    return Plan(
        best.name, reason, sources.n, n_queries, d, k, request.order, request.rtol, rows, workers,
        workers * block, kept, tuple(candidates),
    )  # fmt: skip


def _block(method: Method, m: int, d: int, k: int, request: Request) -> tuple[int, int]:
    """Return the queries in a block and the bytes it needs; halve it until one fits under the limit."""
    rows = min(method.rows, max(32, -(-m // 8)))  # a few blocks for each thread, where there are many queries
    while True:
        state = (
            8 * rows * k * (4 + (2 * d if request.order > 0 else 0) + (3 * d * d if request.order > 1 else 0))
        )
        scratch = method.module.scratch_bytes(rows, d, k, request.order)
        # the number of workers must not change the blocks, else it would change the last bits
        if rows == 1 or state + scratch <= request.memory_limit // 8:
            return rows, state + scratch
        rows //= 2
