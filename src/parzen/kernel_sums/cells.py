"""Where space is cut for the spectral method: cells that deserve a transform each; the rest is the tree's.

A transform needs so many modes as its box has bandwidths. Outliers, heavy tails and clusters far apart would make one
box too large, so it is cut where that is cheaper; what holds few samples is left to the tree.
"""

import math
from dataclasses import dataclass

import numpy as np

from parzen.typing import BoolArray, FloatArray

__all__ = ["GRID_SECONDS", "SPREAD_SECONDS", "Layout"]

#: Seconds for a point of a transform in 1, 2, 3 dimensions, for a point of its fine grid, and for a pair in the tree.
SPREAD_SECONDS = (0.0, 8e-8, 3e-7, 3e-6)
GRID_SECONDS = 1.5e-8
_PAIR = 0.6e-9

#: Quantiles at which a cell may be cut.
_CUTS = (1e-4, 1e-3, 1e-2, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)

#: Samples around which the tree's work is estimated, and boxes that are looked at before the rest is left to the tree.
_CENTRES, _MOST_CELLS = 16, 60
#: Seconds that are not worth a cut.
_CHEAP = 0.02

#: Samples that the cells are laid out by, and outermost ones at both ends of each axis.
_FEW = 10_000
_ENDS = 200


class Layout:
    """Where to cut space, and how many modes a piece needs; decided on some of the samples and on the outermost."""

    def __init__(
        self, points: FloatArray, widest: float, narrowest: float, tolerance: float, memory_limit: int, n: int
    ) -> None:
        self.d = points.shape[1]
        self.most_modes = 0.5 * memory_limit / (16.0 * (2.0**self.d + 4.0))
        #: Samples farther away add less than the tolerance, all together.
        self.reach = widest * math.sqrt(2.0 * math.log(n / tolerance))
        self.margin = widest * math.sqrt(2.0 * math.log(4.0 * self.d * 3.0**self.d / tolerance))
        self.band = math.sqrt(0.5 * math.log(self.d * 4.0 ** (self.d + 1) / tolerance)) / (
            math.pi * narrowest
        )
        given = len(points)
        few = np.zeros(given, dtype=bool)
        few[:: -(-given // _FEW)] = True
        counts = np.where(few, n / np.count_nonzero(few), 1.0)
        for axis in range(self.d):
            ends = np.argpartition(points[:, axis], [min(_ENDS, given - 1), max(given - _ENDS, 0)])
            few[ends[:_ENDS]] = few[ends[-_ENDS:]] = True
        self.points, self.counts = points[few], counts[few]
        self.visited = self._visited()

    def _visited(self) -> float:
        """Return about how many samples the tree visits for a query: twice those within 3/4 of the reach."""
        radius = 0.75 * self.reach
        centres = self.points[:: -(-len(self.points) // _CENTRES)]
        within = [
            self.counts[np.einsum("ja,ja->j", self.points - c, self.points - c) < radius**2].sum()
            for c in centres
        ]
        return min(2.0 * float(np.mean(within)), float(self.counts.sum()))

    def near(self, points: FloatArray, low: FloatArray, high: FloatArray) -> BoolArray:
        """Return which points are in reach of a box, (n,)."""
        if np.all(np.isinf(low)) and np.all(np.isinf(high)):
            return np.ones(len(points), dtype=bool)
        return np.asarray(np.all((points >= low - self.reach) & (points <= high + self.reach), axis=1))

    def modes(self, near: FloatArray) -> tuple[FloatArray, FloatArray, tuple[int, ...]]:
        """Return the centre of the modes' box, their spacing and their number along each axis."""
        low, high = near.min(axis=0), near.max(axis=0)
        # a query is at most `reach` beyond the samples
        spacing = 1.0 / ((high - low) + self.reach + self.margin)
        half = np.ceil(self.band / spacing)
        return 0.5 * (low + high), spacing, tuple(int(2 * m + 1) for m in np.minimum(half, 2**30))

    def fits(self, modes: tuple[int, ...]) -> bool:
        """Whether the grids of a transform stay under the limit."""
        return bool(math.prod(map(float, modes)) <= self.most_modes)

    def cells(self) -> list[tuple[FloatArray, FloatArray]]:
        """Return the boxes (low, high) that deserve a transform; what lies outside is left to the tree.

        A box is cut where that promises to be cheaper, if every part that does not fit yet will fit in the end. What
        comes of it is compared with the tree alone.
        """
        everything = np.full(self.d, -np.inf), np.full(self.d, np.inf)
        waiting, found = [everything], []
        total = 0.0
        for _ in range(_MOST_CELLS):
            if not waiting:
                break
            low, high = waiting.pop()
            piece = self._cost(low, high)
            transform = piece.transform if piece.fits else math.inf
            price, left, right = math.inf, low, high
            if min(piece.direct, transform) > _CHEAP and not (
                transform < piece.direct and piece.grid_share < 0.5
            ):
                price, left, right = self._best_cut(low, high, piece.inside)
            if price < 0.9 * min(piece.direct, transform):
                waiting += [(low, left), (right, high)]
                continue
            total += min(piece.direct, transform)
            if transform < piece.direct:
                found.append((low, high))
        if waiting or total >= self._cost(*everything).direct:
            return []
        return found

    def _best_cut(
        self, low: FloatArray, high: FloatArray, inside: FloatArray
    ) -> tuple[float, FloatArray, FloatArray]:
        """Return the price of the cheapest cut, the end of its left part and the start of its right part."""
        axis = int(np.argmax(np.ptp(inside, axis=0)))
        best, best_key = (math.inf, low, high), math.inf
        least, largest = inside[:, axis].min(), inside[:, axis].max()
        for cut in np.unique(np.quantile(inside[:, axis], _CUTS)):
            if least < cut < largest:
                left, right = high.copy(), low.copy()
                left[axis] = right[axis] = cut
                parts = self._cost(low, left), self._cost(right, high)
                price = sum(part.price for part in parts)
                # of equals, the one that brings the grids nearest to fitting
                key = price * (1.0 + 0.2 * math.log10(1.0 + sum(part.grid for part in parts if part.pays)))
                if key < best_key:
                    best, best_key = (price, left, right), key
        return best

    def _cost(self, low: FloatArray, high: FloatArray) -> "_Piece":
        """Predict what a box costs."""
        near = self.near(self.points, low, high)
        inside = near & np.all((self.points >= low) & (self.points < high), axis=1)
        if not inside.any():
            return _Piece(self.points[inside], 0.0, math.inf, 0.0, math.inf)
        n_near, n_inside = float(self.counts[near].sum()), float(self.counts[inside].sum())
        modes = self.modes(self.points[near])[2]
        grid = 2.0 * 2.0**self.d * math.prod(map(float, modes)) * GRID_SECONDS
        spread = SPREAD_SECONDS[self.d] * (n_near + n_inside)
        direct = n_inside * min(n_near, self.visited) * _PAIR
        return _Piece(
            self.points[inside], direct, spread, grid, 2.0 * 2.0**self.d * self.most_modes * GRID_SECONDS
        )


@dataclass(frozen=True, eq=False)
class _Piece:
    """What a box costs, in seconds."""

    inside: FloatArray  # samples in it
    direct: float  # by the tree
    spread: float  # of a transform: its points
    grid: float  # and its grid
    largest_grid: float  # that fits into memory

    @property
    def fits(self) -> bool:
        """Whether the grid does."""
        return self.grid <= self.largest_grid

    @property
    def transform(self) -> float:
        """Seconds of a transform."""
        return self.spread + self.grid

    @property
    def grid_share(self) -> float:
        """The share of them for the grid, which cutting may lessen."""
        return self.grid / self.transform if self.grid < math.inf else 1.0

    @property
    def pays(self) -> bool:
        """Whether a transform can be cheaper, if not of the box as it is, then of its parts."""
        return self.spread < self.direct

    @property
    def price(self) -> float:
        """Seconds of the cheaper way; of the points and one full grid where the box has to be cut again."""
        return min(self.direct, self.spread + min(self.grid, self.largest_grid))
