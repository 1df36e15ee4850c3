"""Which sources may matter to a few queries: those that `compensated` has to sum again.

Exponents are made by plain arithmetic, whose error is known and added to the reach. Where the sources are sorted,
boxes of tiles leave most of them out at once.
"""

from collections.abc import Iterator

import numpy as np

from parzen.kernel_sums import accuracy
from parzen.kernel_sums.exp import BIT
from parzen.kernel_sums.loops import TILE
from parzen.kernel_sums.sources import Boxes, Sources
from parzen.kernel_sums.tree import FIRST, squares_between
from parzen.typing import BoolArray, FloatArray, IntArray

__all__ = ["within_reach"]

#: Sources that are whitened at a time.
_CHUNK = 8 * TILE


def within_reach(
    sources: Sources,
    boxes: Boxes | None,
    queries: FloatArray,
    own: IntArray,
    *,
    scale: float,
    order: int,
    cutoff: float,
    units: float,
) -> IntArray:
    """Return the rows of the sources that may matter to any of these queries, ascending.

    Exponents are made twice, a chunk at a time: to keep them would take 128 bytes for each source.

    Parameters
    ----------
    sources : Sources
        In the order of the leaves of a tree, if ``boxes`` are given.
    boxes : Boxes, optional
        Boxes of their tiles.
    queries : (rows, d)
        Whitened; close together, if ``boxes`` are to help.
    own : (rows,)
        The source that each query leaves out, or -1.
    scale : float
        1/h².
    order : int
        Highest derivative wanted.
    cutoff : float
        Nats below the largest term from which terms do not matter.
    units : float
        Error of a stored coordinate, as in `accuracy.product_error`.
    """
    norms = np.einsum("ia,ia->i", queries, queries)
    root = np.sqrt(scale) * sources.sharpest
    radius, farthest = root * np.sqrt(norms), root * sources.radius
    error = accuracy.product_error(sources.d, units, radius, farthest, radius + farthest)
    least = np.full(len(queries), np.inf)

    def exponents(rows: slice) -> FloatArray:
        x = sources.points.rows(rows)
        squares = norms[:, None] + np.einsum("ja,ja->j", x, x) - 2.0 * queries @ x.T
        t = 0.5 * scale * np.maximum(squares, 0.0)
        if sources.precisions is not None:
            t *= sources.precisions.high[rows]
        if sources.offsets is not None:
            t += sources.offsets.high[rows]
        here = np.flatnonzero((own >= rows.start) & (own < rows.start + len(x)))
        t[here, own[here] - rows.start] = np.inf
        return np.asarray(t)

    def look(chunks: list[slice]) -> FloatArray:
        for rows in chunks:
            np.fmin(least, exponents(rows).min(axis=1), out=least)
        return least + 2.0 * error + cutoff + 1.0

    def matter(t: FloatArray, limit: FloatArray | float) -> BoolArray:
        room = 0.5 * order * np.log(2.0 * t + 1.0) if order > 0 else 0.0
        return np.asarray(~(t - room > limit))  # written so that NaN matters

    tiles = np.arange(sources.n_tiles)
    if boxes is not None:
        of_tile = 0.5 * scale * boxes[3] * squares_between(boxes, queries.min(axis=0), queries.max(axis=0))
        of_tile += BIT * boxes[2]
        first = np.argpartition(of_tile, min(FIRST, len(of_tile)) - 1)[:FIRST]
        limit = look([slice(tile * TILE, (tile + 1) * TILE) for tile in first.tolist()])
        tiles = np.flatnonzero(matter(of_tile, limit.max()))
    chunks = list(_chunks(tiles))
    limit = look(chunks)[:, None]
    return np.concatenate(
        [rows.start + np.flatnonzero(matter(exponents(rows), limit).any(axis=0)) for rows in chunks]
    )


def _chunks(tiles: IntArray) -> Iterator[slice]:
    """Yield the rows of ascending tiles, a chunk of neighbours at a time."""
    for run in np.split(tiles, np.flatnonzero(np.diff(tiles) > 1) + 1):
        end = int(run[-1] + 1) * TILE
        for start in range(int(run[0]) * TILE, end, _CHUNK):
            yield slice(start, min(start + _CHUNK, end))
