"""The sources of the kernel sums, in the memory layouts that the loops read."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np

from parzen.errors import AccuracyError
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.kernel_sums.exp import BIT
from parzen.kernel_sums.gridding import GriddedSources
from parzen.kernel_sums.loops import FAR, STRIDE, TILE
from parzen.kernel_sums.mesh import Mesh
from parzen.kernel_sums.partition import partition
from parzen.kernel_sums.request import Request
from parzen.typing import FloatArray, IntArray

__all__ = ["LARGEST_CODE", "Boxes", "Lattice", "Points", "SortedSources", "Sources"]

#: Largest size of a code of a `Lattice`: 8 bits, and 256 of digits / 16 in steps of 1/256.
LARGEST_CODE = 128

#: Numbers that stay in the cache.
_CACHED = 50_000

#: Of each tile: the least and largest coordinates, (tiles, d) each; the least offset in bits and precision, (tiles,).
Boxes = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


class Points(Protocol):
    """Points in whitened coordinates, made on demand so that no full copy is needed."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of points and dimension."""
        ...

    @property
    def unshifted(self) -> tuple[FloatArray, FloatArray, float] | None:
        """(raw, centre, unit) where the points are (raw - centre) / unit, up to rounding; None where they are not."""
        ...

    @property
    def coordinate_error(self) -> float:
        """Error of a row, relative to its norm, in units of half an ulp."""
        ...

    @property
    def exact_error(self) -> float:
        """The same of an exact row, as a plain number."""
        ...

    def take(self, index: IntArray) -> Self:
        """Some of the points."""
        ...

    def around(self, other: Self, index: int) -> Self:
        """The same points, with a point of ``other`` as origin."""
        ...

    def rows(self, index: slice | IntArray) -> FloatArray:
        """Whitened coordinates of some points, correctly rounded up to a few ulps: shape (rows, d)."""
        ...

    def exact_rows(self, index: slice | IntArray) -> DoubleDouble:
        """The same to about 30 digits."""
        ...


@dataclass(frozen=True, eq=False)
class Sources:
    """Whitened samples with positive weights.

    ``offsets`` = log(w_max / w_j) ≥ 0 of shape (n,), to more digits than a double; None for equal
    weights. ``precisions`` = 1/λ_j², (n,), likewise, where sources have bandwidth factors λ_j of their own; then
    offsets are there too, and hold d log λ_j. Layouts are made once, on first use, and kept. Padding in the last tile
    adds exactly nothing.
    """

    points: Points
    offsets: DoubleDouble | None
    precisions: DoubleDouble | None = None

    def take(self, index: IntArray) -> Self:
        """Return some of the sources."""
        offsets = None if self.offsets is None else self.offsets.at(index)
        precisions = None if self.precisions is None else self.precisions.at(index)
        return type(self)(self.points.take(index), offsets, precisions)

    @property
    def n(self) -> int:
        """Number of sources."""
        return self.points.shape[0]

    @property
    def d(self) -> int:
        """Dimension."""
        return self.points.shape[1]

    @property
    def n_tiles(self) -> int:
        """Number of tiles, the last one padded."""
        return -(-self.n // TILE)

    @cached_property
    def coordinates(self) -> FloatArray:
        """Coordinates row by row, (tiles · TILE, d), padded with zeros: for matrix products."""
        padded = np.zeros((self.n_tiles * TILE, self.d))
        padded[: self.n] = self.points.rows(slice(None))
        return padded

    @cached_property
    def half_norms(self) -> FloatArray:
        """½‖y_j‖², (tiles · TILE,), padded so that the padding is far away."""
        norms = np.full(self.n_tiles * TILE, FAR * FAR)
        y = self.coordinates[: self.n]
        norms[: self.n] = 0.5 * np.einsum("ja,ja->j", y, y)
        return norms

    @cached_property
    def radius(self) -> float:
        """Largest norm of a source."""
        largest, size = 0.0, max(1, _CACHED // self.d)
        for start in range(0, self.n, size):
            y = self.points.rows(slice(start, start + size))
            largest = max(largest, float(np.einsum("ja,ja->j", y, y).max()))
        return math.sqrt(largest)

    @cached_property
    def sharpest(self) -> float:
        """The largest 1/λ_j: how many bandwidths of the narrowest source one bandwidth is. 1 without factors."""
        return 1.0 if self.precisions is None else math.sqrt(self.precisions.high.max())

    @property
    def diameter(self) -> float:
        """Bound on the distance between the pulls of two sources; infinite where they differ by more than position."""
        return 2.0 * self.radius if self.precisions is None else math.inf

    @cached_property
    def tiles(self) -> FloatArray:
        """Coordinates tile by tile, axis by axis, (tiles, d · STRIDE), padded far away: for the dense loop."""
        padded = np.full((self.n_tiles * TILE, self.d), FAR)
        padded[: self.n] = self.points.rows(slice(None))
        tiles = np.full((self.n_tiles, self.d, STRIDE), FAR)
        tiles[:, :, :TILE] = padded.reshape(-1, TILE, self.d).transpose(0, 2, 1)
        return tiles.reshape(self.n_tiles, -1)

    @cached_property
    def weights(self) -> FloatArray | None:
        """w_j / w_max, (n,); None for equal weights."""
        return None if self.offsets is None else np.asarray(np.exp(-self.offsets.high))

    @cached_property
    def _gridded(self) -> list[GriddedSources]:
        """The sources on meshes, for the bandwidths of the last request."""
        return []

    def gridded(self, scale: float, request: Request) -> GriddedSources:
        """Return the sources on a mesh for one bandwidth of a request, those that are kept where they serve."""
        mesh = Mesh.of(self.d, request.moments, request.rtol)
        for known in list(self._gridded):
            if known.serves(scale, mesh):
                return known
        made = GriddedSources(self.points.rows(slice(None)), self.weights, scale, mesh)
        wanted = set(request.scales.tolist())
        self._gridded[:] = [
            known for known in self._gridded if known.mesh == mesh and known.scale in wanted
        ] + [made]
        return made

    @cached_property
    def lattice(self) -> "Lattice | None":
        """The sources as small integers, where they are that."""
        return Lattice.of(self)

    @cached_property
    def sorted(self) -> "SortedSources":
        """The sources in an order in which each tile is a leaf of a k-d tree, and its box."""
        return SortedSources.of(self)

    @cached_property
    def exact_tiles(self) -> DoubleDouble:
        """Both parts tile by tile, axis by axis, (tiles, d, TILE) each, padded with zeros."""
        exact = self.points.exact_rows(slice(None))
        if not (np.all(np.isfinite(exact.high)) and np.all(np.isfinite(exact.low))):
            raise AccuracyError(
                "`bandwidth` must suit the range of float64; got one with which samples cannot be whitened to 30 "
                "digits. Rescale the data first."
            )

        def tiled(part: FloatArray) -> FloatArray:
            padded = np.zeros((self.n_tiles * TILE, self.d))
            padded[: self.n] = part
            return np.ascontiguousarray(padded.reshape(-1, TILE, self.d).transpose(0, 2, 1))

        return DoubleDouble(tiled(exact.high), tiled(exact.low))

    @cached_property
    def tile_offsets(self) -> FloatArray | None:
        """Offsets in bits, tile by tile, (tiles, TILE), zero in the padding; None for equal weights."""
        return None if self.offsets is None else self._tiled(self.offsets.high / BIT, 0.0)

    @cached_property
    def exact_offsets(self) -> DoubleDouble:
        """Offsets tile by tile, (tiles, TILE) each, infinite in the padding."""
        offsets = self.offsets or DoubleDouble.of(np.zeros(self.n))
        return DoubleDouble(self._tiled(offsets.high, np.inf), self._tiled(offsets.low, 0.0))

    @cached_property
    def tile_precisions(self) -> FloatArray | None:
        """Precisions tile by tile, (tiles, TILE), 1 in the padding; None without factors."""
        return None if self.precisions is None else self._tiled(self.precisions.high, 1.0)

    @cached_property
    def exact_precisions(self) -> DoubleDouble | None:
        """The same to about 30 digits."""
        if self.precisions is None:
            return None
        return DoubleDouble(self._tiled(self.precisions.high, 1.0), self._tiled(self.precisions.low, 0.0))

    def _tiled(self, values: FloatArray, padding: float) -> FloatArray:
        """Lay one value a source out in tiles."""
        padded = np.full(self.n_tiles * TILE, padding)
        padded[: self.n] = values
        return padded.reshape(self.n_tiles, TILE)


@dataclass(frozen=True, eq=False)
class Lattice:
    """Sources as small integers: y = unit · code + shift, |code| ≤ 128."""

    step: float  # a power of two, in raw units
    origin: float  # of code 0, in raw units
    unit: float  # the step in whitened units
    shift: FloatArray  # (d,), of code 0
    codes: Any  # (tiles · TILE, d) float32, padded with zeros
    half_norms: FloatArray  # ½‖code‖², padded far away

    @classmethod
    def of(cls, sources: Sources) -> Self | None:
        """Find step and origin; None where values are not such integers."""
        if sources.points.unshifted is None:
            return None
        raw, centre, unit = sources.points.unshifted
        low, high = float(raw.min()), float(raw.max())
        if (
            high - low < 2.0**-900 or not 2.0**-100 < (high - low) / unit < 2.0**100
        ):  # padding must stay far away
            return None
        step = 2.0 ** math.ceil(math.log2((high - low) / (2 * LARGEST_CODE)))
        origin = low + LARGEST_CODE * step
        codes = np.zeros((sources.n_tiles * TILE, sources.d), dtype=np.float32)
        half_norms = np.full(len(codes), FAR * FAR)
        lattice = cls(step, origin, step / unit, (origin - centre) / unit, codes, half_norms)
        for rows, part in lattice._parts(raw):
            if part is None:
                return None
            codes[rows] = part
            half_norms[rows] = 0.5 * np.einsum("ja,ja->j", part, part)
        return lattice

    def holds(self, points: Points) -> bool:
        """Whether every value is a code, exactly."""
        if points.unshifted is None:
            return False
        return all(part is not None for _, part in self._parts(points.unshifted[0]))

    def _parts(self, raw: FloatArray) -> Iterator[tuple[slice, FloatArray | None]]:
        """Yield the codes of some rows at a time, which stay in the cache; None where there are none."""
        size = max(1, _CACHED // raw.shape[1])
        for start in range(0, len(raw), size):
            rows = slice(start, min(start + size, len(raw)))
            codes = np.rint((raw[rows] - self.origin) / self.step)
            exact = np.array_equal(self.origin + codes * self.step, raw[rows])
            yield rows, codes if exact and np.abs(codes).max() <= LARGEST_CODE else None

    def codes_of(self, whitened: FloatArray) -> Any:
        """Return the codes of whitened points of the lattice, (rows, d) float32."""
        return np.rint((whitened - self.shift) / self.unit).astype(np.float32)


@dataclass(frozen=True, eq=False)
class SortedSources:
    """Sources in the order of the leaves of a k-d tree."""

    sources: Sources
    rank: IntArray  # (n,) where each of the original sources stands
    boxes: Boxes

    @classmethod
    def of(cls, sources: Sources) -> Self:
        """Sort; cost: n log n."""
        y = sources.points.rows(slice(None))
        order = partition(y, TILE)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        y = y[order]
        starts = np.arange(0, len(y), TILE)
        sorted_sources = sources.take(order)
        offsets = sorted_sources.tile_offsets
        least = np.zeros(len(starts)) if offsets is None else offsets.min(axis=1)
        precisions = sorted_sources.precisions
        widest = np.ones(len(starts)) if precisions is None else np.minimum.reduceat(precisions.high, starts)
        boxes = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts), least, widest
        return cls(sorted_sources, rank, boxes)

    def rows(self, original: IntArray) -> IntArray:
        """Return where some of the original sources stand; -1 stays."""
        return np.where(original >= 0, self.rank[original], -1)
