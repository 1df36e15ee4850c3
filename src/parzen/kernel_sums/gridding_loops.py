"""Compiled loops of the gridding method: points into blocks, sources onto the mesh, the mesh to the queries.

Points are in units of the mesh. A point's *window* is the ``taps`` nodes along each axis that surround it. Space is
cut into blocks of ``block`` nodes a side, and a point belongs to the block in which its window begins, so that the
window reaches no farther than one block on. A block of the mesh has LANES more columns than nodes, for vectors that
hang over; their content means nothing.

Windows are added and read plane by plane, a few points at a time, so that a plane stays in the cache in 3-D. In 1-D and
2-D there is one plane (and in 1-D one row) with weight 1.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"

import numpy as np

from parzen.kernel_sums.exp import compiled, compiled_inline, compiled_sum, wide_vectors
from parzen.kernel_sums.lanes import LANES, add_rows, geometric, sum_rows

__all__ = [
    "CENTRE",
    "CHAIN",
    "FARTHEST",
    "KEY_BITS",
    "block_keys",
    "count",
    "gather",
    "interpolate",
    "place",
    "spread",
]

#: Points whose windows are made together.
_TOGETHER = 32

#: Windows that are added up in a row, before the block that they make is added to the mesh as a whole: as many rounding
#: errors are in a node, and not one for each point. They may all have one sign where samples are equal.
CHAIN = 512

#: A block's key has so many bits for each axis; the block with the origin is in the middle.
KEY_BITS = 21
CENTRE = 1 << (KEY_BITS - 1)
#: Blocks from the middle that points may lie in.
FARTHEST = CENTRE - 2


@compiled
def block_keys(points, factor, taps, block, farthest, keys, low, high):
    """Write the key of each point's block, -1 where it is too far out (or not a number), and the range of indices."""
    before = taps // 2 - 1
    for i in range(points.shape[0]):
        key = np.int64(0)
        for a in range(points.shape[1]):
            index = np.floor((np.rint(points[i, a] * factor) - before) / block)
            if not abs(index) <= farthest:
                key = np.int64(-1)
                break
            key = (key << KEY_BITS) | (np.int64(index) + CENTRE)
        keys[i] = key
        if key >= 0:
            for a in range(points.shape[1]):
                index_a = (key >> (KEY_BITS * (points.shape[1] - 1 - a))) & (2 * CENTRE - 1)
                low[a] = min(low[a], index_a)
                high[a] = max(high[a], index_a)


@compiled_inline
def _cell(key, low, extents):
    """Return where a key stands in a box of keys, row by row."""
    cell = np.int64(0)
    d = low.shape[0]
    for a in range(d):
        cell = cell * extents[a] + ((key >> (KEY_BITS * (d - 1 - a))) & (2 * CENTRE - 1)) - low[a]
    return cell


@compiled
def count(keys, low, extents, counts):
    """Count the points of each cell of a box of keys."""
    for key in keys:
        if key >= 0:
            counts[_cell(key, low, extents)] += 1


@compiled
def place(keys, low, extents, ends, order):
    """Write the points of each cell in a row; ``ends`` are where the rows begin, and where they end afterwards."""
    for i in range(keys.shape[0]):
        if keys[i] >= 0:
            cell = _cell(keys[i], low, extents)
            order[ends[cell]] = i
            ends[cell] += 1


@compiled
def gather(points, order, factor, out):
    """out[i] = factor · points[order[i]]."""
    for i in range(order.shape[0]):
        for a in range(points.shape[1]):
            out[i, a] = factor * points[order[i], a]


@compiled_inline
def _exp(x):
    """``e**x`` by Taylor: right to an ulp for |x| ≤ 0.35, to 2e-15 at -0.4, to 2e-11 at -0.8 (rtol ≥ 0.1)."""
    p = 1.0 / 479001600.0
    p = p * x + 1.0 / 39916800.0
    p = p * x + 1.0 / 3628800.0
    p = p * x + 1.0 / 362880.0
    p = p * x + 1.0 / 40320.0
    p = p * x + 1.0 / 5040.0
    p = p * x + 1.0 / 720.0
    p = p * x + 1.0 / 120.0
    p = p * x + 1.0 / 24.0
    p = p * x + 1.0 / 6.0
    p = p * x + 0.5
    p = p * x + 1.0
    return p * x + 1.0


@compiled_inline
def _window(f, square, table, out, taps):
    """Write e^{-(k - before - f)² δ²}, k = 0 …, for |f| ≤ ½; ``table`` has it at f = 0 and ``square`` = δ².

    e^{-(k-f)²δ²} = e^{-f²δ²} · (e^{2fδ²})ᵏ · e^{-k²δ²}: two exponentials a window (Greengard & Lee, 2004).
    """
    base = _exp(2.0 * f * square)
    back = 1.0 / base
    start = _exp(-f * f * square)
    for _ in range(len(taps) // 2 - 1):
        start *= back
    geometric(start, base, table, out, taps)


@compiled_inline
def _spans(d, width):
    """Return the first row of each plane of a window that is read, (width,); as many are left out at the end.

    In 3-D these are a disc's: its nodes outside are no nearer than those next to the window.
    """
    spans = np.zeros(width, dtype=np.int64)
    if d > 2:
        middle = 0.5 * (width - 1)
        for plane in range(width):
            across = max(abs(plane - middle) - 1.0, 0.0)
            while max(middle - spans[plane] - 1.0, 0.0) ** 2 + across**2 > middle**2:
                spans[plane] += 1
    return spans


@compiled
def spread(points, weights, entries, origins, mesh, block, square, table, axes, taps):
    """Add the windows of points to blocks of the mesh.

    An entry (block of the mesh, bits, home, start, stop) stands for those points of block ``home`` whose windows may
    reach the block that lies ahead of it along the axes whose bits are set. Those of `CHAIN` points make a block of
    their own first.
    """
    wide_vectors()
    d, width, before = len(axes), len(taps), len(taps) // 2 - 1
    windows = np.zeros((_TOGETHER, 3, width + LANES))
    windows[:, : 3 - d, 0] = 1.0
    starts = np.zeros((_TOGETHER, 3), dtype=np.int64)
    factors = np.ones(_TOGETHER)
    stride = block + LANES
    n_planes, thick = (block, width) if d > 2 else (1, 1)
    n_rows, high = (block, width) if d > 1 else (1, 1)
    spans = _spans(d, width)
    own = np.zeros(n_planes * n_rows * stride)
    for entry in range(entries.shape[0]):
        bits, home = entries[entry, 1], entries[entry, 2]
        start, stop = entries[entry, 3], entries[entry, 4]
        base = entries[entry, 0] * len(own)
        whole = stop - start >= CHAIN
        target, corner = (own, 0) if whole else (mesh, base)
        for first in range(start, stop, _TOGETHER):
            n = 0
            for s in range(first, min(first + _TOGETHER, stop)):
                reaches = True
                for a in range(d):
                    begin = np.int64(np.rint(points[s, a])) - before - origins[home, a]
                    if (bits >> a) & 1:
                        begin -= block
                    starts[n, 3 - d + a] = begin
                    reaches &= begin > -width
                if not reaches:
                    continue
                for a in range(d):
                    f = points[s, a] - np.rint(points[s, a])
                    _window(f, square, table, windows[n, 3 - d + a], taps)
                if weights is not None:
                    factors[n] = weights[s]
                n += 1
            for plane in range(n_planes):
                for i in range(n):
                    layer = plane - starts[i, 0]
                    if layer < 0 or layer >= thick:
                        continue
                    row, column, span = starts[i, 1], starts[i, 2], spans[layer]
                    begin = max(0, -column)
                    at = corner + (plane * n_rows + row) * stride + column + begin
                    groups = (min(width, block - column) - begin + LANES - 1) // LANES
                    add_rows(
                        target, at, stride, factors[i] * windows[i, 0, layer], windows[i, 1], max(span, -row),
                        min(high - span, n_rows - row), windows[i, 2], begin, groups,
                    )  # fmt: skip
        if whole:
            for k in range(len(own)):
                mesh[base + k] += own[k]
                own[k] = 0.0


@compiled_inline
def _assemble(near, mesh, block, d, width, local):
    """Copy a block and those ahead of it, as far as windows reach, into ``local``; say whether there was any."""
    if near.max() < 0:
        return False
    side = block + width
    local[:] = 0.0
    stride = block + LANES
    n_planes = block if d > 2 else 1
    n_rows = block if d > 1 else 1
    for bits in range(1 << d):
        if near[bits] < 0:
            continue
        base = near[bits] * n_planes * n_rows * stride
        # the last axis has the highest bit
        ahead = (bits >> (d - 1)) & 1
        ahead_rows = (bits >> (d - 2)) & 1 if d > 1 else 0
        ahead_planes = bits & 1 if d > 2 else 0
        columns = width if ahead else block
        rows = n_rows if not ahead_rows else width
        planes = n_planes if not ahead_planes else width
        for p in range(planes):
            for r in range(rows):
                source = base + (p * n_rows + r) * stride
                target = ((p + ahead_planes * block) * (side if d > 1 else 1) + r + ahead_rows * block) * side
                target += ahead * block
                for c in range(columns):
                    local[target + c] = mesh[source + c]
    return True


@compiled_sum
def interpolate(
    points, entries, near, origins, mesh, block, square, table, offsets, axes, moments, taps, values
):
    """Read the windows of points off the mesh: values[p, i] = Σ window · mesh · Π (2δ(k - before - f))ᵖ.

    An entry (block, start, stop) stands for points of a block; ``near`` are the blocks of the mesh at and ahead of it,
    by the bits of the axes, -1 where there is nothing. ``offsets`` = 2δ(k - before). The powers (a, b, c) by the three
    axes come in the order of `lanes.pairs`, then c.
    """
    wide_vectors()
    d, width, order, before = len(axes), len(taps), len(moments) - 1, len(taps) // 2 - 1
    unit = offsets[1] - offsets[0]
    side = block + width
    n_planes, thick = (side, width) if d > 2 else (1, 1)
    n_rows, high = (side, width) if d > 1 else (1, 1)
    spans = _spans(d, width)
    local = np.empty(n_planes * n_rows * side)
    windows = np.zeros((_TOGETHER, 3, order + 1, width))
    windows[:, : 3 - d, 0, 0] = 1.0
    starts = np.zeros((_TOGETHER, 3), dtype=np.int64)
    sums = np.empty((_TOGETHER, 6, width))
    for entry in range(entries.shape[0]):
        at, start, stop = entries[entry, 0], entries[entry, 1], entries[entry, 2]
        if not _assemble(near[at], mesh, block, d, width, local):
            values[:, start:stop] = 0.0
            continue
        for first in range(start, stop, _TOGETHER):
            n = min(_TOGETHER, stop - first)
            for i in range(n):
                for a in range(d):
                    x = points[first + i, a]
                    starts[i, 3 - d + a] = np.int64(np.rint(x)) - before - origins[at, a]
                    window = windows[i, 3 - d + a]
                    f = x - np.rint(x)
                    _window(f, square, table, window[0], taps)
                    for m in range(order):
                        for k in range(width):
                            window[m + 1, k] = window[m, k] * (offsets[k] - unit * f)
                sums[i] = 0.0
            for plane in range(n_planes):
                for i in range(n):
                    layer = plane - starts[i, 0]
                    if 0 <= layer < thick:
                        corner = (plane * n_rows + starts[i, 1]) * side + starts[i, 2]
                        sum_rows(local, corner, side, windows[i, 0], layer, windows[i, 1], spans[layer],
                                 high - spans[layer], sums[i], axes, moments, taps)  # fmt: skip
            for i in range(n):
                pair = 0
                function = 0
                for a in range(order + 1 if d > 2 else 1):
                    for b in range(order + 1 - a if d > 1 else 1):
                        for c in range(order + 1 - a - b):
                            total = 0.0
                            for k in range(len(taps)):
                                total += sums[i, pair, k] * windows[i, 2, c, k]
                            values[function, first + i] = total
                            function += 1
                        pair += 1
