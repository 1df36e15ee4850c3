"""Compensated method: every pair in double-double arithmetic. Slow, right to a few ulps, any dimension."""

import numpy as np

from parzen.kernel_sums.compensated_loops import add_moments, add_tiles
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.kernel_sums.loops import TILE
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.sources import Sources
from parzen.kernel_sums.state import KernelSums, State
from parzen.kernel_sums.threads import Step
from parzen.typing import IntArray

#: Coordinates of pairs handled by one compiled call: about 0.1 s.
_WORK_PER_CALL = 30_000_000


def prepare(sources: Sources) -> None:
    """Make the layouts that threads will share."""
    _ = sources.exact_tiles, sources.exact_offsets, sources.exact_precisions


def scratch_bytes(rows: int, d: int, k: int, order: int) -> int:
    """Return the temporaries of one block of queries, apart from its state."""
    return 8 * (2 * rows * d + (8 + d) * TILE)


def accumulate(
    sources: Sources, queries: DoubleDouble, own: IntArray, request: Request, cutoff: float, step: Step
) -> KernelSums:
    """Return the finished sums of a block of queries.

    Two passes: the sums first; then moments about the pull of each query's nearest source, so that nothing cancels.
    """
    rows, d = queries.high.shape
    k, order = len(request.scales), request.order
    state = State.identity(rows, k, d, order)
    lowest_low = np.zeros((rows, k))  # the low part of the lowest exponent
    nearest = np.zeros((rows, k), dtype=np.int64)
    tiles, precisions = sources.exact_tiles, sources.exact_precisions
    q_high, q_low = np.ascontiguousarray(queries.high), np.ascontiguousarray(queries.low)
    common = (
        tiles.high, tiles.low, *sources.exact_offsets, None if precisions is None else tuple(precisions), q_high,
        q_low, own, request.scales, cutoff, order,
    )  # fmt: skip
    tiles_per_call = max(1, _WORK_PER_CALL // (rows * TILE * (d + 2 * k)))
    ranges = [
        (start, min(start + tiles_per_call, sources.n_tiles))
        for start in range(0, sources.n_tiles, tiles_per_call)
    ]
    for start, stop in ranges:
        add_tiles(*common, start, stop, state.lowest, lowest_low, nearest, state.total, state.spread)
        step(rows * (stop - start) * TILE)
    sums = KernelSums.empty(rows, k, d, order)
    if order > 0:
        for start, stop in ranges:
            add_moments(
                *common, start, stop, state.lowest, lowest_low, nearest, state.first, state.second, state.precision,
            )  # fmt: skip
            step(0)
        if precisions is None:
            state.precision[:] = state.total
        sums.fill(slice(None), state)  # moments about the nearest source's pull …
        tile, place = nearest // TILE, nearest % TILE
        at = tile, slice(None), place
        pull = (tiles.high[at] - q_high[:, None]) + (tiles.low[at] - q_low[:, None])
        if precisions is not None:
            pull *= precisions.high[tile, place][..., None]
        sums.mean[:] += pull  # … and 0
    sums.mean_square[:] = 2.0 * state.spread / state.total
    # from 2**53 nats on, the low part is below the last digit
    log_total = np.log(state.total) - lowest_low
    sums.log_sum[:] = log_total - state.lowest
    with np.errstate(invalid="ignore"):
        added = sums.log_sum + state.lowest
        lost = (log_total - added) - (state.lowest - (added - sums.log_sum))
    sums.log_sum_low[:] = np.where(np.isfinite(lost), lost, 0.0)
    # the loops' minima and exponentials pass over what is not a number: say so, for -inf would be believed
    sums.log_sum[~np.all(np.isfinite(q_high) & np.isfinite(q_low), axis=1)] = np.nan
    sums.log_sum[np.isinf(state.lowest)] = np.nan  # every query has a source
    return sums
