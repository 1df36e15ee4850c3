"""The mesh of the gridding method: how fine it is, how wide windows are, and points sorted into its blocks."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from parzen.kernel_sums.gridding_loops import CENTRE, KEY_BITS, block_keys, count, gather, place
from parzen.kernel_sums.lanes import LANES
from parzen.typing import FloatArray, IntArray

__all__ = ["Blocks", "Mesh", "find", "neighbours"]

#: The error of the trapezoidal rule, as a share of rtol, by order of derivatives, which it grows with.
_ALIASING = (2e-2, 2e-3, 1e-4)
#: Sizes of windows: nodes along an axis; multiples of LANES, MOST_VECTORS · LANES at most.
_TAPS = (24, 32, 40)
#: What windows may cut off, relative to the weight near the query, as a share of rtol.
_CUT_OFF = 5e-8

#: Nodes along the side of a block, by dimension; at least as many as a window has.
_BLOCK = (0, 128, 96, 32)
#: Cells that points are counted in, at least.
_CELLS = 1 << 18


@dataclass(frozen=True)
class Mesh:
    """Nodes, in bandwidths, that serve a promise."""

    d: int
    spacing: float  # δ
    taps: int
    block: int  # nodes along the side of a block
    aliasing: float  # d α: relative error of each pair

    @classmethod
    def of(cls, d: int, order: int, rtol: float) -> Self:
        """Choose spacing and windows: the fewest nodes."""
        aliasing = _ALIASING[order] * rtol
        spacing = math.pi / math.sqrt(2.0 * math.log(2.0 * d / aliasing))
        meshes = [cls(d, spacing, taps, max(taps, _BLOCK[d]), aliasing) for taps in _TAPS]
        return next((mesh for mesh in meshes if mesh.cut_off[order] <= _CUT_OFF * rtol), meshes[-1])

    @property
    def reach(self) -> float:
        """ρ: a point's window has every node that is nearer than this, in bandwidths."""
        return (self.taps / 2 - 0.5) * self.spacing

    @property
    def cut_off(self) -> tuple[float, float, float]:
        """What windows cut off a moment of order 0, 1, 2, at most, for each unit of weight near a query.

        A node outside a window is ρ from its point at least: one factor is at most e^{-ρ²}, the other, summed over all
        nodes, (√π/δ)^d; times (δ √(2/π))^d that is 2^{d/2} e^{-ρ²}, once for each of the two windows. An offset
        2(g - q) is at most 2ρ where its window ends, and falls with the Gaussian beyond.
        """
        terms = 2.0 ** (1.0 + 0.5 * self.d) * math.exp(-(self.reach**2))
        factor = 2.0 * self.reach + 1.0
        return terms, terms * factor, terms * factor**2

    @property
    def slope(self) -> float:
        """π/δ: error of a pair's first moment, in bandwidths, for each unit of aliasing."""
        return math.pi / self.spacing

    @property
    def block_shape(self) -> tuple[int, ...]:
        """Shape of a block in memory, vectors' overhang included."""
        return (self.block,) * (self.d - 1) + (self.block + LANES,)

    def tables(self) -> tuple[FloatArray, FloatArray]:
        """Return e^{-k²δ²} and 2δk for the nodes k of a window about its middle."""
        k = np.arange(self.taps, dtype=np.float64) - (self.taps // 2 - 1)
        return np.exp(-((k * self.spacing) ** 2)), 2.0 * self.spacing * k


@dataclass(frozen=True, eq=False)
class Blocks:
    """Points sorted into the blocks of a mesh; those too far out are in none."""

    order: IntArray  # (n,) rows of the points that are in a block
    points: FloatArray  # (n, d), in units of the mesh
    keys: IntArray  # (blocks,), ascending
    starts: IntArray  # (blocks + 1,) where each block's points begin

    @classmethod
    def of(cls, points: FloatArray, scale: float, mesh: Mesh, farthest: int) -> Self:
        """Sort; cost: a few passes over the points."""
        n, d = points.shape
        factor = math.sqrt(scale) / mesh.spacing
        keys = np.empty(n, dtype=np.int64)
        low, high = np.full(d, 2 * CENTRE), np.full(d, -1)
        block_keys(points, factor, mesh.taps, mesh.block, farthest, keys, low, high)
        extents = high - low + 1
        cells = math.prod(map(int, extents))
        if high[0] >= 0 and cells <= max(4 * n, _CELLS):
            counts = np.zeros(cells, dtype=np.int64)
            count(keys, low, extents, counts)
            ends = np.cumsum(counts) - counts
            order = np.empty(int(counts.sum()), dtype=np.int64)
            place(keys, low, extents, ends, order)
            occupied = np.flatnonzero(counts)
            starts = np.append(ends[occupied] - counts[occupied], len(order))
            indices = np.unravel_index(occupied, extents)
            found = _keys(np.stack(indices, axis=1) + low)
        else:
            order = np.argsort(keys, kind="stable")[np.count_nonzero(keys < 0) :]
            found, first = np.unique(keys[order], return_index=True)
            starts = np.append(first, len(order))
        sorted_points = np.empty((len(order), d))
        gather(points, order, factor, sorted_points)
        return cls(order, sorted_points, found, starts)

    def origins(self, mesh: Mesh) -> FloatArray:
        """Return the first node of each block, (blocks, d)."""
        d = self.points.shape[1]
        shifts = KEY_BITS * np.arange(d - 1, -1, -1)
        return np.asarray((((self.keys[:, None] >> shifts) & (2 * CENTRE - 1)) - CENTRE) * mesh.block)

    def find(self, keys: IntArray) -> IntArray:
        """Return the blocks with these keys, -1 where there are none."""
        return find(self.keys, keys)


def _keys(indices: IntArray) -> IntArray:
    """Return the keys of blocks, from their indices along each axis."""
    d = indices.shape[-1]
    return np.asarray((indices << (KEY_BITS * np.arange(d - 1, -1, -1))).sum(axis=-1))


def find(sorted_keys: IntArray, keys: IntArray) -> IntArray:
    """Return where keys stand among sorted ones, -1 where they do not."""
    if not len(sorted_keys):
        return np.full(keys.shape, -1)
    at = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.where(sorted_keys[at] == keys, at, -1)


def neighbours(d: int, steps: tuple[int, ...]) -> IntArray:
    """Return what to add to a block's key for each block so many steps away; the first axis changes fastest."""
    grid = np.meshgrid(*[np.array(steps)] * d, indexing="ij")
    return _keys(np.stack([axis.ravel(order="F") for axis in grid], axis=1))
