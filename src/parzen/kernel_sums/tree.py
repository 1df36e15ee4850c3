"""Tree method: direct differences, but only of the tiles that lie within a query's reach.

Sources and queries are sorted into leaves of a k-d tree, so that a tile and a block of queries have small
bounding boxes. The tiles are visited by their distance from the block, nearest first. A tile is left out where
its box lies so far from a query that all n sources at that distance would stay below the promise *relative to the
query's own sum so far*: that holds in every tail.
"""

import numpy as np

from parzen.kernel_sums import accuracy, dense
from parzen.kernel_sums.loops import TILE
from parzen.kernel_sums.partition import partition
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.sources import Boxes, Points, Sources
from parzen.kernel_sums.state import State
from parzen.kernel_sums.threads import Step
from parzen.typing import FloatArray, IntArray

#: Tiles that are visited before the reach of each query is known well enough to leave out all others at once.
FIRST = 4

#: Sources and queries that predictions are made from, and the number of pairs that are not worth one.
_SOURCES, _QUERIES = 4096, 16
_SMALL = 30_000_000
#: Sources in a leaf that predictions are made from: fewer would take longer to sort than they are worth.
_LEAST_LEAF = 4

exponent_error = accuracy.direct_error
scratch_bytes = dense.scratch_bytes


def prepare(sources: Sources) -> None:
    """Make the layouts that threads will share."""
    inner = sources.sorted.sources
    _ = inner.tiles, inner.tile_offsets, inner.tile_precisions


def accumulate(
    sources: Sources, queries: FloatArray, own: IntArray, request: Request, cutoff: float, step: Step
) -> State:
    """Return the state of a block of whitened queries, shape (rows, d), that lie close together."""
    tree = sources.sorted
    sums = dense.TileSums(tree.sources, queries, tree.rows(own), request, cutoff)
    distances = tree.boxes[3] * squares_between(tree.boxes, queries.min(axis=0), queries.max(axis=0))
    n_first = min(FIRST, len(distances))
    order = np.argpartition(distances, n_first - 1)
    first = order[:n_first]
    sums.add(first[np.argsort(distances[first])], tree.boxes, step)
    # in bits, for the block as a whole, and with room for the moments, which each query knows better
    least = distances[:, None] * sums.scales + tree.boxes[2][:, None]
    room = 0.0 if request.order == 0 else 0.5 * request.order * np.log2(2.0 * least + 1.0)
    near = np.any(least - room < sums.limit.max(axis=0), axis=1)
    near[first] = False
    rest = np.flatnonzero(near)
    sums.add(rest[np.argsort(distances[rest])], tree.boxes, step)
    step(len(queries) * TILE * (len(distances) - n_first - len(rest)))
    return sums.finish()


def visited_share(sources: Sources, queries: Points, request: Request) -> float:
    """Estimate the share of all pairs that are summed, from a few queries and a tree of some of the sources."""
    n, m = sources.n, queries.shape[0]
    if sources.n_tiles <= FIRST or n * m < _SMALL:
        return 1.0
    step, stride = -(-n // _SOURCES), -(-m // _QUERIES)
    few = np.arange(0, n, step)
    x, q = sources.points.rows(few), queries.rows(np.arange(0, m, stride))
    x, q = np.nan_to_num(x), np.nan_to_num(q)
    leaf = max(_LEAST_LEAF, TILE // step)
    order = partition(x, leaf)
    starts = np.arange(0, len(few), leaf)
    low, high = np.minimum.reduceat(x[order], starts), np.maximum.reduceat(x[order], starts)
    scale = request.scales.min()
    offsets = np.zeros(len(few)) if sources.offsets is None else sources.offsets.high[few]
    precisions = np.ones(len(few)) if sources.precisions is None else sources.precisions.high[few]
    widest = np.minimum.reduceat(precisions[order], starts)
    visited = 0
    for query in q:
        t = 0.5 * scale * precisions * np.einsum("ja,ja->j", x - query, x - query) + offsets
        gaps = np.maximum(np.maximum(low - query, query - high), 0.0)
        reach = accuracy.cutoff(n, request.rtol) + t.min() - np.log(np.sum(np.exp(t.min() - t)) * step)
        visited += int(
            np.count_nonzero(0.5 * scale * widest * np.einsum("ta,ta->t", gaps, gaps) < max(reach, t.min()))
        )
    return min(1.0, max(visited / (len(q) * len(starts)), FIRST / sources.n_tiles))


def squares_between(boxes: Boxes, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the least squared distance of each tile's box from one box."""
    gaps = np.maximum(np.maximum(boxes[0] - high, low - boxes[1]), 0.0)
    return np.asarray(np.einsum("ta,ta->t", gaps, gaps))
