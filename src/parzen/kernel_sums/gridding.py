r"""Gridding method, d ≤ 3: every pair meets on a mesh, in time proportional to samples plus queries.

A Gaussian is a convolution of two narrower ones, and the trapezoidal rule on a mesh of spacing δ (in bandwidths) does
that convolution all but exactly:

.. math:: e^{-\frac12 |q - x|^2} = \Big(\delta \sqrt{2/\pi}\Big)^d \sum_g e^{-|x-g|^2} e^{-|g-q|^2} \cdot \theta,
          \quad |\theta - 1| \le d\alpha, \quad \alpha = 2 e^{-\pi^2 / 2\delta^2} + \dots

(θ is a theta function of the midpoint: Poisson's formula). So the samples are added to the mesh, each within a window
of `taps` nodes a side, and queries read their window. All terms are positive and the error of the rule is *relative to
each pair*, unlike that of a Fourier series, which is relative to the largest sum: nothing is lost in the tail but what
the windows cut off. That is at most 2^{1 + d/2} e^{-ρ²} for each unit of weight in the neighbourhood of the query,
where ρ, half a window, is chosen so that e^{-ρ²} lies far below the last digit. A query is accepted where its sum
exceeds that bound by 2/rtol, and left to the tree elsewhere: more than some six to nine bandwidths from all samples.
There is nothing to estimate in this bound; all the same, of each piece of the queries a few are summed directly and
compared.

Derivatives read the mesh with the offsets u = 2(g - q) in the sum: Σ u is the first moment exactly as Σ 1 is the sum,
and Σ u_a² the second one plus the sum (the variance ¼ of g about the midpoint, times 4).

Only blocks of the mesh that lie between samples and queries exist, so that outliers, clusters far apart and heavy tails
take no memory; if those do not fit into memory together, the queries come in batches.

References: Greengard & Lee, "Accelerating the nonuniform fast Fourier transform" (2004), who spread by Gaussians to
reach frequencies; here the sum over the mesh takes the place of the frequencies.
"""

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from parzen.kernel_sums import accuracy
from parzen.kernel_sums.gridding_loops import CHAIN, FARTHEST, interpolate, spread
from parzen.kernel_sums.mesh import Blocks, Mesh, find, neighbours
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.state import KernelSums
from parzen.kernel_sums.threads import Step, Task
from parzen.typing import BoolArray, FloatArray, IntArray

__all__ = [
    "LEAST_RTOL", "MAX_DIMENSION", "SPOTS", "GriddedSources", "Part", "accepted", "additions", "bytes_per_query",
    "finish", "powers",
]  # fmt: skip

MAX_DIMENSION = 3
LEAST_RTOL = 1e-10
#: Queries that are summed directly in every call, for comparison.
SPOTS = 16


#: Absolute error that sums always may have: denormal numbers have no digits.
_DENORMAL = 1e-300

#: Points that one compiled call handles, by dimension: well under 0.1 s.
_ENTRY = (0, 100_000, 20_000, 2000)
#: Blocks of queries whose neighbours are looked up at a time.
_PART = 10_000
#: Tasks that the points are divided into.
_TASKS = 64

#: Runs some tasks, from one share of the whole to another.
Run = Callable[[list[tuple[int, Task]], float, float], None]


def powers(d: int, order: int) -> list[tuple[int, ...]]:
    """Return the powers of the offsets along each axis that `interpolate` sums, in its order."""
    return [p for p in product(range(order + 1), repeat=d) if sum(p) <= order]


class Part(NamedTuple):
    """Some queries as they were read off the mesh."""

    rows: IntArray  # of the queries
    points: FloatArray  # (rows, d), in units of the mesh
    values: FloatArray  # (powers, rows)
    weight: FloatArray  # (rows,) of the sources near each
    number: FloatArray  # (rows,) of them


class GriddedSources:
    """Sources in the blocks of a mesh, for one bandwidth, and the mesh itself where it fits into memory."""

    def __init__(self, points: FloatArray, weights: FloatArray | None, scale: float, mesh: Mesh) -> None:
        self.mesh, self.scale = mesh, scale
        self.blocks = Blocks.of(points, scale, mesh, FARTHEST)
        self.weights = None if weights is None else weights[self.blocks.order]
        #: of all sources, those too far out included
        self.total_weight = float(len(points) if weights is None else weights.sum())
        self._ahead = neighbours(mesh.d, (0, 1))
        self._nodes: FloatArray | None = None  # of all blocks of the mesh, where they fit into memory

    def serves(self, scale: float, mesh: Mesh) -> bool:
        """Whether this was made for such a request."""
        return self.scale == scale and self.mesh == mesh

    @cached_property
    def _block_weights(self) -> tuple[FloatArray, FloatArray]:
        """Weight and number of the sources of each block, and 0 behind the last."""
        counts = np.append(np.diff(self.blocks.starts), 0).astype(np.float64)
        if self.weights is None:
            return counts, counts
        return np.append(np.add.reduceat(self.weights, self.blocks.starts[:-1]), 0.0), counts

    def _near(self, queries: Blocks) -> tuple[FloatArray, FloatArray]:
        """Return weight and number of the sources in each block of queries and those around it, (blocks,) each."""
        weights, counts = self._block_weights
        near = np.empty((2, len(queries.keys)))
        steps = neighbours(self.mesh.d, (-1, 0, 1))
        for start in range(0, len(queries.keys), _PART):
            some = slice(start, start + _PART)
            around = self.blocks.find(queries.keys[some, None] + steps)
            near[0, some], near[1, some] = weights[around].sum(axis=1), counts[around].sum(axis=1)
        return near[0], near[1]

    def evaluate(
        self, points: FloatArray, order: int, memory_limit: int, run: Run, take: Callable[[Part], None]
    ) -> None:
        """Sum at all queries, (m, d) whitened; ``take`` is called with some at a time, from threads."""
        # one block nearer than sources may lie, so that all blocks around have keys
        queries = Blocks.of(points, self.scale, self.mesh, FARTHEST - 1)
        if not len(queries.keys):
            return
        near = self._near(queries)
        wanted = find(self._node_keys, queries.keys[:, None] + self._ahead)
        batches = list(self._batches(wanted, memory_limit))
        for i, (blocks, chosen) in enumerate(batches):
            begin, middle, end = ((i + part) / len(batches) for part in (0.0, 0.5, 1.0))
            nodes = self._nodes
            if nodes is None:
                nodes = np.zeros((len(chosen), *self.mesh.block_shape))
                run(self._spreading(self._node_keys[chosen], nodes), begin, middle)
                if len(chosen) == len(self._node_keys):  # not what these queries alone read
                    self._nodes = nodes
            else:  # whichever batches these are: all nodes are there
                chosen = np.arange(len(self._node_keys))
            rank = np.full(len(self._node_keys) + 1, -1)
            rank[chosen] = np.arange(len(chosen))
            run(self._reading(queries, blocks, rank[wanted], nodes, near, order, take), middle, end)

    @cached_property
    def _node_keys(self) -> IntArray:
        """The keys of all blocks of the mesh that sources reach."""
        return np.unique(self.blocks.keys[:, None] + self._ahead)

    def _batches(self, wanted: IntArray, memory_limit: int) -> Iterator[tuple[slice, IntArray]]:
        """Yield blocks of queries, and the blocks of the mesh that they read; (query blocks, 2**d) ``wanted``."""
        most = max(1, memory_limit // 2 // (8 * math.prod(self.mesh.block_shape)))
        if self._nodes is not None or len(self._node_keys) <= most:
            yield slice(0, len(wanted)), np.arange(len(self._node_keys))
            return
        chosen: set[int] = set()
        first = 0
        for i, row in enumerate(wanted):
            reads = set(row[row >= 0].tolist())
            if chosen and len(chosen) + len(reads - chosen) > most:
                yield slice(first, i), np.array(sorted(chosen), dtype=np.int64)
                first, chosen = i, set()
            chosen |= reads
        yield slice(first, len(wanted)), np.array(sorted(chosen), dtype=np.int64)

    def _spreading(self, keys: IntArray, nodes: FloatArray) -> list[tuple[int, Task]]:
        """Return the tasks that add the sources to some blocks of the mesh; a block is one task's."""
        mesh = self.mesh
        if not len(keys):
            return []
        homes = self.blocks.find(keys[:, None] - self._ahead)
        block, bits = np.nonzero(homes >= 0)
        home = homes[block, bits]
        pieces, start, stop = _pieces(self.blocks.starts[home], self.blocks.starts[home + 1], CHAIN)
        entries = np.stack([block[pieces], bits[pieces], home[pieces], start, stop], axis=1)
        origins, (table, _) = self.blocks.origins(mesh), mesh.tables()

        def call(some: IntArray) -> None:
            spread(
                self.blocks.points, self.weights, some, origins, nodes.reshape(-1), mesh.block, mesh.spacing**2, table,
                (0,) * mesh.d, (0,) * mesh.taps,
            )  # fmt: skip

        cuts = np.unique(np.searchsorted(entries[:, 0], _cuts(np.bincount(entries[:, 0], stop - start))))
        return _tasks(entries, cuts, _ENTRY[mesh.d], call)

    def _reading(
        self,
        queries: Blocks,
        blocks: slice,
        wanted: IntArray,
        nodes: FloatArray,
        near: tuple[FloatArray, FloatArray],
        order: int,
        take: Callable[[Part], None],
    ) -> list[tuple[int, Task]]:
        """Return the tasks that read the mesh at the queries of some blocks."""
        mesh = self.mesh
        starts, stops = queries.starts[:-1][blocks], queries.starts[1:][blocks]
        pieces, start, stop = _pieces(starts, stops, _ENTRY[mesh.d])
        block = pieces + blocks.start
        entries = np.stack([block, start, stop], axis=1)
        origins, (table, offsets) = queries.origins(mesh), mesh.tables()
        n_values = len(powers(mesh.d, order))
        weights, counts = near

        def call(some: IntArray) -> None:
            begin, end = some[0, 1], some[-1, 2]
            points = queries.points[begin:end]
            each = np.repeat(some[:, 0], some[:, 2] - some[:, 1])
            values = np.empty((n_values, end - begin))
            interpolate(
                points, some - [0, begin, begin], wanted, origins, nodes.reshape(-1), mesh.block, mesh.spacing**2,
                table, offsets, (0,) * mesh.d, (0,) * (order + 1), (0,) * mesh.taps, values,
            )  # fmt: skip
            values *= (mesh.spacing * math.sqrt(2.0 / math.pi)) ** mesh.d
            take(Part(queries.order[begin:end], points, values, weights[each], counts[each]))

        return _tasks(entries, _cuts(stop - start), _ENTRY[mesh.d], call)


def _tasks(
    entries: IntArray, cuts: IntArray, most: int, call: Callable[[IntArray], None]
) -> list[tuple[int, Task]]:
    """Return the tasks between cuts; the last columns of entries are where their points begin and end."""
    sizes = entries[:, -1] - entries[:, -2]

    def task(first: int, last: int) -> Task:
        def work(step: Step) -> None:
            for part in _calls(sizes[first:last], most):
                call(entries[first:last][part])
                step(int(sizes[first:last][part].sum()))

        return work

    return [(int(sizes[a:b].sum()), task(a, b)) for a, b in pairwise(cuts)]


def _pieces(starts: IntArray, stops: IntArray, most: int) -> tuple[IntArray, IntArray, IntArray]:
    """Cut ranges into pieces of at most so many: the range that each belongs to, where it begins and ends."""
    number = -(-(stops - starts) // most)
    which = np.repeat(np.arange(len(starts)), number)
    within = np.arange(len(which)) - np.repeat(np.cumsum(number) - number, number)
    begin = starts[which] + within * most
    return which, begin, np.minimum(begin + most, stops[which])


def _cuts(sizes: IntArray) -> IntArray:
    """Return where to cut entries of some sizes into tasks."""
    before = np.concatenate([[0], np.cumsum(sizes + 1)])
    return np.unique(np.searchsorted(before, np.linspace(0, before[-1], _TASKS + 1)))


def _calls(sizes: IntArray, most: int) -> Iterator[slice]:
    """Yield entries in a row that have about ``most`` points together: one compiled call."""
    number = np.cumsum(sizes) // most
    edges = np.concatenate([[0], np.flatnonzero(np.diff(number)) + 1, [len(sizes)]])
    for first, last in pairwise(edges):
        yield slice(int(first), int(last))


def finish(
    values: FloatArray, left_out: FloatArray | None, scale: float, d: int, request: Request
) -> tuple[KernelSums, FloatArray]:
    """Turn values, (powers, m), into finished sums for one bandwidth, and the sums before ``left_out`` was taken away.

    ``left_out`` is the weight of each query's own source, (m,): at distance 0, so that no first or second moment has
    anything of it.
    """
    order = request.moments
    rows = {p: values[i] for i, p in enumerate(powers(d, order))}
    full = rows[(0,) * d]
    total = full if left_out is None else full - left_out
    sums = KernelSums.empty(len(full), 1, d, request.order)
    sums.log_sum[:, 0] = np.log(total)
    sums.mean_square[:] = 0.0
    root = math.sqrt(scale)
    unit = np.eye(d, dtype=int)
    if request.order > 0:
        for a in range(d):
            sums.mean[:, 0, a] = rows[tuple(unit[a])] / (root * total)
    if order > 1:
        for a in range(d):
            for b in range(a + 1):
                if request.order < 2 and a != b:
                    continue
                second = (rows[tuple(unit[a] + unit[b])] - (full if a == b else 0.0)) / (scale * total)
                if a == b:
                    sums.mean_square[:, 0] += second
                if request.order > 1:
                    second = second - sums.mean[:, 0, a] * sums.mean[:, 0, b]
                    sums.covariance[:, 0, a, b] = sums.covariance[:, 0, b, a] = second
    return sums, full


def additions(d: int, count: FloatArray) -> FloatArray:
    """Return how many additions, at most, made a node that has something of ``count`` sources.

    Of each of the 2**d blocks of points that reach it, there are fewer than `CHAIN` points that were added one by one.
    """
    return np.minimum(count, (2.0**d + 1.0) * CHAIN) + count / CHAIN


def accepted(
    sums: KernelSums,
    full: FloatArray,
    near: FloatArray,
    rounding: FloatArray,
    distance: FloatArray,
    gridded: GriddedSources,
    request: Request,
) -> tuple[FloatArray, BoolArray]:
    """Return the bound on the error of log S and which queries keep the promise with it, both (m,).

    Parameters
    ----------
    sums, full :
        What `finish` returned.
    near : (m,)
        Weight of the sources near each query.
    rounding : (m,)
        Bound on the relative rounding error of the terms that matter.
    distance : (m,)
        How far off, in bandwidths, terms matter.
    gridded, request :
        What the sums are from, and what was asked.
    """
    mesh, scale, d = gridded.mesh, gridded.scale, gridded.mesh.d
    allowed = (1.0 - accuracy.SKIPPED_SHARE) * request.rtol
    total = np.exp(sums.log_sum[:, 0])
    # terms' relative errors stay where the own term, which had most of them, is gone
    grown = full / total
    # sources that are not near are at least a block away, where terms and moments fall with the distance
    side = mesh.block * mesh.spacing
    beyond = gridded.total_weight * math.exp(-0.5 * side**2)
    lost = [
        (cut_off * near + beyond * side**power + _DENORMAL) / total
        for power, cut_off in enumerate(mesh.cut_off)
    ]
    relative = (mesh.aliasing + rounding) * grown
    # of (1 - share) S ≤ true S ≤ S / (1 - share); so are products of the axes' errors, (1 + α)ᵈ, covered
    share = relative + lost[0]
    bound = -np.log1p(-share) + accuracy.UNIT * (8.0 + np.abs(sums.log_sum[:, 0]))
    keeps = (total > 0.0) & (bound <= allowed)
    if request.order > 0:
        slope = math.sqrt(scale) * np.linalg.norm(sums.mean[:, 0], axis=1)
        moment = relative * (distance + mesh.slope) + math.sqrt(d) * lost[1]
        slope_error = moment + share * slope
        keeps &= slope_error <= allowed * (1.0 + slope)
    if request.moments > 1:
        moment = relative * (distance + mesh.slope) ** 2 + d * lost[2]
        square = scale * sums.mean_square[:, 0]
        second_error = moment + share * square
        if request.order > 1:
            hessian = np.abs(scale * np.linalg.norm(sums.covariance[:, 0], axis=(1, 2)) - 1.0)
            keeps &= second_error + 2.0 * slope * slope_error <= allowed * (1.0 + hessian)
        else:
            keeps &= second_error <= allowed * (1.0 + square)
    return bound, keeps


def bytes_per_query(d: int) -> int:
    """Return the temporaries for one query, apart from the mesh."""
    # points as they come, sorted and in rows; keys, order, rows; and of the part at hand values, sums and bounds
    return 8 * (3 * d + 8)
