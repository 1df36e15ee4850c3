"""Matrix-product method: ‖q - x‖² = ‖q‖² + ‖x‖² - 2 q·x through BLAS, on centred whitened points.

Products are made in blocks that stay in the L2 cache and are reduced at once by a compiled loop. The error
grows with (‖q‖ + ‖x‖)²/h²; `accuracy.product_error` bounds it and the caller repairs what exceeds it.
"""

from typing import Any

import numpy as np

from parzen.kernel_sums import accuracy
from parzen.kernel_sums.exp import BIT, polynomial
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
    _ = sources.coordinates, sources.half_norms, sources.tile_offsets, sources.tile_precisions


def scratch_bytes(rows: int, d: int, k: int, order: int) -> int:
    """Return the temporaries of one block of queries, apart from its state."""
    columns = TILES_PER_BLOCK * TILE
    terms = k * rows * columns + rows * d + (2 * columns * d if order > 1 else 0) if order > 0 else 0
    return 8 * (rows * d + rows * columns + terms)


def accumulate(
    sources: Sources, queries: FloatArray, own: IntArray, request: Request, cutoff: float, step: Step
) -> State:
    """Return the state of a block of whitened queries, shape (rows, d)."""
    factors = queries, sources.coordinates, sources.half_norms
    return accumulate_products(sources, queries, own, request, cutoff, step, factors)


def accumulate_products(
    sources: Sources,
    queries: FloatArray,
    own: IntArray,
    request: Request,
    cutoff: float,
    step: Step,
    factors: tuple[Any, Any, FloatArray],
    unit: float = 1.0,
) -> State:
    """Return the state of a block of whitened queries, by the products of ``factors``.

    They are the queries, the sources and ½‖source‖² in any coordinates that keep distances, up to a factor
    ``unit``; in float32 where sums of its products are exact.
    """
    left, right, half_norms = factors
    rows, d = queries.shape
    k = len(request.scales)
    order = request.order
    columns = TILES_PER_BLOCK * TILE
    state = State.identity(rows, k, d, order)
    limit = np.full((rows, k), np.inf)
    query_norms = 0.5 * np.einsum("ia,ia->i", left, left, dtype=np.float64)
    products = np.empty(rows * columns, dtype=left.dtype)
    terms = np.empty((k, rows, columns) if order > 0 else (k, 0, 0))
    for start in range(0, sources.n_tiles, TILES_PER_BLOCK):
        stop = min(start + TILES_PER_BLOCK, sources.n_tiles)
        block = slice(start * TILE, stop * TILE)
        product = products[: rows * (stop - start) * TILE].reshape(rows, -1)
        np.matmul(left, right[block].T, out=product)
        common = (
            product, query_norms, half_norms[block], sources.tile_offsets, sources.tile_precisions, own,
            request.scales * (unit**2 / BIT), cutoff / BIT, polynomial(request.rtol)[1],
        )  # fmt: skip
        arrays = (
            state.lowest, state.total, limit, state.spread, state.precision, state.first, state.second,
        )  # fmt: skip
        if order == 0:
            add_products(*common, request.radial, start, *arrays)
        else:
            kept = add_products_keeping_terms(*common, order, start, *arrays, terms)
            x = sources.coordinates[block]
            precisions = None
            if sources.tile_precisions is not None:
                precisions = sources.tile_precisions[start:stop].ravel()
            for i in np.flatnonzero(kept):
                _add_moments(state, int(i), terms[i, :, : len(x)], x, precisions, queries, order)
        step(product.size)
    state.lowest[:] *= BIT
    state.spread[:] *= unit**2
    if order > 0:
        state.first[:] -= state.precision[..., None] * queries[:, None, :]
    return state


def _add_moments(
    state: State,
    k: int,
    terms: FloatArray,
    x: FloatArray,
    precisions: FloatArray | None,
    queries: FloatArray,
    order: int,
) -> None:
    """Add Σ e_j c_j y_j (about the origin, moved to the query at the end) and Σ e_j c_j² u_j u_jᵀ, from e_j c_j."""
    state.first[:, k] += terms @ x
    if order > 1:
        for i, row in enumerate(terms):
            near = np.flatnonzero(row)
            if near.size:
                scaled = x[near]
                scaled -= queries[i]
                weights = row[near] if precisions is None else row[near] * precisions[near]
                scaled *= np.sqrt(weights)[:, None]
                state.second[i, k] += scaled.T @ scaled
