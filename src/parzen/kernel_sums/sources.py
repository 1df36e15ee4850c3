"""The sources of the kernel sums, in the memory layouts that the loops read."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np

from parzen.kernel_sums.double_double import DoubleDouble
from parzen.kernel_sums.loops import FAR, MAX_UNROLLED, STRIDE, TILE
from parzen.typing import FloatArray, IntArray

__all__ = ["Points", "Sources"]


class Points(Protocol):
    """Points in whitened coordinates, made on demand so that no full copy is needed."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of points and dimension."""
        ...

    @property
    def coordinate_error(self) -> float:
        """Error of a row, relative to its norm, in units of half an ulp."""
        ...

    @property
    def exact_error(self) -> float:
        """The same of an exact row, as a plain number."""
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


@dataclass(frozen=True)
class Sources:
    """Whitened samples with positive weights.

    ``offsets`` = log(w_max / w_j) ≥ 0 of shape (n,), to more digits than a double; None for equal
    weights. Layouts are made once, on first use, and kept. Padding in the last tile adds exactly nothing.
    """

    points: Points
    offsets: DoubleDouble | None

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
        if self.d > MAX_UNROLLED:
            return float(np.sqrt(2.0 * self.half_norms[: self.n].max()))
        y = self.points.rows(slice(None))
        return float(np.sqrt(np.einsum("ja,ja->j", y, y).max()))

    @cached_property
    def tiles(self) -> FloatArray:
        """Coordinates tile by tile, axis by axis, (tiles, d · STRIDE), padded far away: for the dense loop."""
        padded = np.full((self.n_tiles * TILE, self.d), FAR)
        padded[: self.n] = self.points.rows(slice(None))
        tiles = np.full((self.n_tiles, self.d, STRIDE), FAR)
        tiles[:, :, :TILE] = padded.reshape(-1, TILE, self.d).transpose(0, 2, 1)
        return tiles.reshape(self.n_tiles, -1)

    @cached_property
    def exact_tiles(self) -> DoubleDouble:
        """Both parts tile by tile, axis by axis, (tiles, d, TILE) each, padded with zeros."""
        exact = self.points.exact_rows(slice(None))

        def tiled(part: FloatArray) -> FloatArray:
            padded = np.zeros((self.n_tiles * TILE, self.d))
            padded[: self.n] = part
            return np.ascontiguousarray(padded.reshape(-1, TILE, self.d).transpose(0, 2, 1))

        return DoubleDouble(tiled(exact.high), tiled(exact.low))

    @cached_property
    def tile_offsets(self) -> FloatArray | None:
        """Offsets tile by tile, (tiles, TILE), zero in the padding; None for equal weights."""
        return None if self.offsets is None else self._tiled(self.offsets.high, 0.0)

    @cached_property
    def exact_offsets(self) -> DoubleDouble:
        """Offsets tile by tile, (tiles, TILE) each, infinite in the padding."""
        offsets = self.offsets or DoubleDouble.of(np.zeros(self.n))
        return DoubleDouble(self._tiled(offsets.high, np.inf), self._tiled(offsets.low, 0.0))

    def _tiled(self, values: FloatArray, padding: float) -> FloatArray:
        """Lay one value a source out in tiles."""
        padded = np.full(self.n_tiles * TILE, padding)
        padded[: self.n] = values
        return padded.reshape(self.n_tiles, TILE)
