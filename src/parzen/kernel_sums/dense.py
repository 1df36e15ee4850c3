"""Dense method: direct differences, every pair, compiled for each small dimension. The oracle of the others."""

import numpy as np

from parzen.kernel_sums import accuracy
from parzen.kernel_sums.exp import BIT, polynomial
from parzen.kernel_sums.loops import MAX_UNROLLED, TILE, add_tiles
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.sources import Boxes, Sources
from parzen.kernel_sums.state import State
from parzen.kernel_sums.threads import Step
from parzen.typing import FloatArray, IntArray

MAX_DIMENSION = MAX_UNROLLED

#: Pairs handled by one compiled call: about 0.1 s, so that Ctrl-C is heard.
PAIRS_PER_CALL = 50_000_000

exponent_error = accuracy.direct_error


def prepare(sources: Sources) -> None:
    """Make the layouts that threads will share."""
    _ = sources.tiles, sources.tile_offsets, sources.tile_precisions


def scratch_bytes(rows: int, d: int, k: int, order: int) -> int:
    """Return the temporaries of one block of queries, apart from its state."""
    return 8 * (rows * d + 4 * TILE)


def accumulate(
    sources: Sources, queries: FloatArray, own: IntArray, request: Request, cutoff: float, step: Step
) -> State:
    """Return the state of a block of whitened queries, shape (rows, d)."""
    sums = TileSums(sources, queries, own, request, cutoff)
    sums.add(np.arange(sources.n_tiles), None, step)
    return sums.finish()


class TileSums:
    """The state of a block of queries while tiles are added to it."""

    def __init__(
        self, sources: Sources, queries: FloatArray, own: IntArray, request: Request, cutoff: float
    ) -> None:
        rows, d = queries.shape
        self._sources, self._queries, self._own, self._request = sources, queries, own, request
        self._cutoff = cutoff / BIT
        self.scales = 0.5 / BIT * request.scales  # bits for each unit of squared distance
        self.limit = np.full((rows, len(request.scales)), np.inf)  # bits beyond which terms do not matter
        self._state = State.identity(rows, len(request.scales), d, request.order)

    def add(self, visits: IntArray, boxes: Boxes | None, step: Step) -> None:
        """Add some tiles, in this order; those whose boxes are out of a query's reach are left out."""
        sources, request, state = self._sources, self._request, self._state
        rows, d = self._queries.shape
        tiles_per_call = max(1, PAIRS_PER_CALL // (rows * TILE * len(request.scales)))
        for start in range(0, len(visits), tiles_per_call):
            few = visits[start : start + tiles_per_call]
            add_tiles(
                sources.tiles, sources.tile_offsets, sources.tile_precisions, boxes, self._queries, (0,) * d,
                self._own, self.scales, self._cutoff, polynomial(request.rtol)[1], request.order, request.radial,
                few, state.lowest, state.total, self.limit, state.spread, state.precision, state.first,
                state.second,
            )  # fmt: skip
            step(rows * len(few) * TILE)

    def finish(self) -> State:
        """Return the state, in nats and half squares."""
        self._state.lowest[:] *= BIT
        self._state.spread[:] *= 0.5
        return self._state
