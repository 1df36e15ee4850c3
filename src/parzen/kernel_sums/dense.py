"""Dense method: direct differences, every pair, compiled for each small dimension. The oracle of the others."""

from parzen.kernel_sums import accuracy
from parzen.kernel_sums.loops import MAX_UNROLLED, TILE, add_tiles
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.sources import Sources
from parzen.kernel_sums.state import State
from parzen.kernel_sums.threads import Step
from parzen.typing import FloatArray, IntArray

MAX_DIMENSION = MAX_UNROLLED

#: Pairs handled by one compiled call: about 0.1 s, so that Ctrl-C is heard.
PAIRS_PER_CALL = 50_000_000

exponent_error = accuracy.direct_error


def prepare(sources: Sources) -> None:
    """Make the layouts that threads will share."""
    _ = sources.tiles, sources.tile_offsets


def scratch_bytes(rows: int, d: int, k: int, order: int) -> int:
    """Return the temporaries of one block of queries, apart from its state."""
    return 8 * (rows * d + 4 * TILE)


def accumulate(
    sources: Sources, queries: FloatArray, own: IntArray, request: Request, cutoff: float, step: Step
) -> State:
    """Return the state of a block of whitened queries, shape (rows, d)."""
    rows, d = queries.shape
    state = State.identity(rows, len(request.scales), d, request.order)
    axes = (0,) * d
    half_scales = 0.5 * request.scales
    tiles_per_call = max(1, PAIRS_PER_CALL // (rows * TILE * len(request.scales)))
    for start in range(0, sources.n_tiles, tiles_per_call):
        stop = min(start + tiles_per_call, sources.n_tiles)
        add_tiles(
            sources.tiles, sources.tile_offsets, queries, axes, own, half_scales, cutoff, request.order,
            request.radial, start, stop, state.lowest, state.total, state.spread, state.first, state.second,
        )  # fmt: skip
        step(rows * (stop - start) * TILE)
    state.spread[:] *= 0.5
    return state
