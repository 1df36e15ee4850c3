"""Matrix-product method: ‖q - x‖² = ‖q‖² + ‖x‖² - 2 q·x through BLAS, on centred whitened points.

Products are made in blocks that stay in the L2 cache and are reduced at once by a compiled loop. The error
grows with (‖q‖ + ‖x‖)²/h²; `accuracy.product_error` bounds it and the caller repairs what exceeds it.
"""

import numpy as np

from parzen.kernel_sums import accuracy
from parzen.kernel_sums.loops import TILE, add_products, add_products_keeping_terms
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.sources import Sources
from parzen.kernel_sums.state import State
from parzen.kernel_sums.threads import Step
from parzen.typing import FloatArray, IntArray

#: Tiles of sources in a block of products.
TILES_PER_BLOCK = 2

exponent_error = accuracy.product_error


def prepare(sources: Sources) -> None:
    """Make the layouts that threads will share."""
    _ = sources.coordinates, sources.half_norms, sources.tile_offsets


def scratch_bytes(rows: int, d: int, k: int, order: int) -> int:
    """Return the temporaries of one block of queries, apart from its state."""
    columns = TILES_PER_BLOCK * TILE
    terms = k * rows * columns + rows * d + (2 * columns * d if order > 1 else 0) if order > 0 else 0
    return 8 * (rows * d + rows * columns + terms)


def accumulate(
    sources: Sources, queries: FloatArray, own: IntArray, request: Request, cutoff: float, step: Step
) -> State:
    """Return the state of a block of whitened queries, shape (rows, d)."""
    rows, d = queries.shape
    k = len(request.scales)
    order = request.order
    columns = TILES_PER_BLOCK * TILE
    state = State.identity(rows, k, d, order)
    query_norms = 0.5 * np.einsum("ia,ia->i", queries, queries)
    products = np.empty(rows * columns)
    terms = np.empty((k, rows, columns) if order > 0 else (k, 0, 0))
    for start in range(0, sources.n_tiles, TILES_PER_BLOCK):
        stop = min(start + TILES_PER_BLOCK, sources.n_tiles)
        block = slice(start * TILE, stop * TILE)
        x = sources.coordinates[block]
        product = products[: rows * len(x)].reshape(rows, len(x))
        np.matmul(queries, x.T, out=product)
        common = (
            product,
            query_norms,
            sources.half_norms[block],
            sources.tile_offsets,
            own,
            request.scales,
            cutoff,
        )
        arrays = (state.lowest, state.total, state.spread, state.first, state.second)
        if order == 0:
            add_products(*common, request.radial, start, *arrays)
        else:
            kept = add_products_keeping_terms(*common, order, start, *arrays, terms)
            for i in np.flatnonzero(kept):
                _add_moments(state, int(i), terms[i, :, : len(x)], x, queries, order)
        step(rows * len(x))
    if order > 0:
        state.first[:] -= state.total[..., None] * queries[:, None, :]
    return state


def _add_moments(
    state: State, k: int, terms: FloatArray, x: FloatArray, queries: FloatArray, order: int
) -> None:
    """Add Σ e_j y_j (about the origin, moved to the query at the end) and Σ e_j u_j u_jᵀ."""
    state.first[:, k] += terms @ x
    if order > 1:
        for i, row in enumerate(terms):
            near = np.flatnonzero(row)
            if near.size:
                scaled = x[near]
                scaled -= queries[i]
                scaled *= np.sqrt(row[near])[:, None]
                state.second[i, k] += scaled.T @ scaled
