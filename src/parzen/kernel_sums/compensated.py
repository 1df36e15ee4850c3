"""Compensated method: every pair in double-double arithmetic. Slow, right to a few ulps, any dimension."""

import numpy as np

from parzen.kernel_sums.compensated_loops import add_central_moments, add_tiles
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.kernel_sums.loops import TILE
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.sources import Sources
from parzen.kernel_sums.state import State
from parzen.kernel_sums.threads import Step
from parzen.typing import IntArray

#: Coordinates of pairs handled by one compiled call: about 0.1 s.
_WORK_PER_CALL = 30_000_000


def prepare(sources: Sources) -> None:
    """Make the layouts that threads will share."""
    _ = sources.exact_tiles, sources.exact_offsets


def accumulate(
    sources: Sources, queries: DoubleDouble, own: IntArray, request: Request, cutoff: float, step: Step
) -> State:
    """Return the state of a block of queries; its second moments are about the mean."""
    rows, d = queries.high.shape
    state = State.identity(rows, len(request.scales), d, request.order)
    tiles, offsets = sources.exact_tiles, sources.exact_offsets
    q_high, q_low = np.ascontiguousarray(queries.high), np.ascontiguousarray(queries.low)
    tiles_per_call = max(1, _WORK_PER_CALL // (rows * TILE * (d + 2 * len(request.scales))))
    ranges = [
        (start, min(start + tiles_per_call, sources.n_tiles))
        for start in range(0, sources.n_tiles, tiles_per_call)
    ]
    for start, stop in ranges:
        add_tiles(
            tiles.high, tiles.low, offsets, q_high, q_low, own, request.scales, cutoff, request.order, start,
            stop, state.lowest, state.total, state.spread, state.first,
        )  # fmt: skip
        step(rows * (stop - start) * TILE)
    if request.order > 1:
        mean = state.first / state.total[..., None]
        for start, stop in ranges:
            add_central_moments(
                tiles.high, tiles.low, offsets, q_high, q_low, own, request.scales, cutoff, start, stop,
                state.lowest, mean, state.second,
            )  # fmt: skip
            step(0)
    return state
