"""Compiled inner loops of the dense and matrix-product methods: one tile of sources against queries.

All of them work on *half squared distances* ½‖y_j - y_q‖² of whitened points. The exponent of a term is
t_j = scale · ½‖y_j - y_q‖² + offset_j ≥ 0, where offset_j = log(w_max / w_j). What is accumulated for each
query and bandwidth is the state of `parzen.kernel_sums.state`. Exponents, offsets and ``cutoff`` are in bits,
not nats: ``scale`` holds a factor log₂ e, and a term is a power of two. ``limit`` (queries, bandwidths) is the
exponent from which on terms do not matter any more.

Where sources have bandwidths of their own, ``precisions`` = 1/λ_j² multiply the half squares as soon as these are made,
and the terms before moments are taken; else it is None, and none of that is compiled.

Nearly everything stands in one file because Numba's disk cache watches only the file of the outermost function: after a
change of `exp.py` the caches of the loops (``__pycache__``) have to be removed.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"

import numpy as np

from parzen.kernel_sums.exp import BIT, compiled, compiled_inline, compiled_sum, exp2_term, wide_vectors

#: Sources in a tile: their coordinates (d ≤ 8) stay in the L1 cache while a block of queries passes by.
TILE = 512
#: Distance between the axes of a tile. Not a multiple of 4096 bytes: the axes of a sample would all fall into
#: one set of the L1 cache, and stores would wait for loads of the same page offset (measured: 1.5 times slower).
STRIDE = TILE + 8
#: Coordinate of the padding in the last tile. Its terms are exactly zero, its moments finite.
FAR = 1e150
#: Largest dimension for which the distance loop is compiled with the dimension as a constant.
MAX_UNROLLED = 16

LARGEST = np.int64(0x7FEFFFFFFFFFFFFF)  # bits of the largest double


@compiled
def _offset_exponents(half, scale, offsets, exponents):
    """Write t = scale · half + offset; return the least."""
    wide_vectors()
    least = LARGEST
    for j in range(TILE):
        t = scale * half[j] + offsets[j]
        exponents[j] = t
        # non-negative doubles order as integers, and an integer minimum vectorises where a float one does not
        bits = np.float64(t).view(np.int64)
        least = bits if bits < least else least
    return np.int64(least).view(np.float64)


@compiled
def least_of(half):
    """Return the least entry."""
    wide_vectors()
    least = LARGEST
    for j in range(TILE):
        bits = np.float64(half[j]).view(np.int64)
        least = bits if bits < least else least
    return np.int64(least).view(np.float64)


@compiled
def _multiply(values, factors):
    """Multiply one value a source in place."""
    wide_vectors()
    for j in range(TILE):
        values[j] *= factors[j]


@compiled_sum
def _weigh(terms, precisions):
    """Multiply the terms by c_j in place; return their sum."""
    wide_vectors()
    total = 0.0
    for j in range(TILE):
        terms[j] *= precisions[j]
        total += terms[j]
    return total


@compiled_sum
def _sum_terms(exponents, scale, lowest, polynomial):
    """Σ 2**(lowest - scale · t_j)."""
    wide_vectors()
    total = 0.0
    for j in range(TILE):
        total += exp2_term(lowest - scale * exponents[j], polynomial)
    return total


@compiled_sum
def _store_terms(exponents, scale, half, lowest, polynomial, terms):
    """Write the terms 2**(lowest - scale · t_j); return their sum and Σ term · half."""
    wide_vectors()
    total = 0.0
    radial = 0.0
    for j in range(TILE):
        term = exp2_term(lowest - scale * exponents[j], polynomial)
        terms[j] = term
        total += term
        radial += term * half[j]
    return total, radial


@compiled_sum
def _first_moment(terms, x, q):
    """Σ term_j · (x_j - q)."""
    wide_vectors()
    total = 0.0
    for j in range(TILE):
        total += terms[j] * (x[j] - q)
    return total


@compiled_sum
def _second_moment(terms, x, q, y, r):
    """Σ term_j · (x_j - q) · (y_j - r)."""
    wide_vectors()
    total = 0.0
    for j in range(TILE):
        total += terms[j] * (x[j] - q) * (y[j] - r)
    return total


@compiled
def negligible(least, limit, order):
    """Whether a tile whose least exponent is ``least`` adds nothing that the promise would notice.

    ``limit`` is where terms stop to matter for the sum; in bits.
    """
    if least < limit:
        return False
    if order == 0:
        return True
    # a term's part of the moment of that order is at most 2**-t (2t ln 2)**(order/2), falling in t
    return least - 0.5 * order * np.log2(2.0 * BIT * least + 1.0) >= limit


@compiled_inline
def _update_limit(query, k, cutoff, lowest, total, limit):
    """Terms matter up to ``cutoff`` bits below the sum so far, of which only the binary exponent is taken."""
    exponent = (np.float64(total[query, k]).view(np.int64) >> 52) - 1023
    limit[query, k] = lowest[query, k] + cutoff - exponent


@compiled_inline
def _lower(least, query, k, lowest, total):
    """Make ``lowest`` a whole number ≤ ``least`` and rescale the sum; return the factor.

    A whole number of bits makes the factor exact: thousands of tiles, each a little nearer than the one before,
    would otherwise add up the errors of as many short polynomials (once 1.4e-4 at rtol=1e-4).
    """
    whole = np.floor(least)
    drop = whole - lowest[query, k]
    shrink = np.int64((np.int64(drop) + 1023) << 52).view(np.float64) if drop > -1022.0 else 0.0
    total[query, k] *= shrink
    lowest[query, k] = whole
    return shrink


@compiled
def _shrink_moments(precision, first, second, query, k, shrink):
    """Rescale the moments of one query to a smaller lowest exponent."""
    precision[query, k] *= shrink
    for a in range(first.shape[2]):
        first[query, k, a] *= shrink
    for a in range(second.shape[2]):
        for b in range(second.shape[3]):
            second[query, k, a, b] *= shrink


@compiled_inline
def _absorb_values(half, least_half, query, k, scale, cutoff, polynomial, lowest, total, limit):
    """The common case of `_absorb`, values for equal weights, without its 0.2 µs of arguments and branches."""
    least = scale * least_half
    if least < limit[query, k]:
        if least < lowest[query, k]:
            _lower(least, query, k, lowest, total)
        total[query, k] += _sum_terms(half, scale, lowest[query, k], polynomial)
        _update_limit(query, k, cutoff, lowest, total, limit)


@compiled_inline
def _absorb(
    half, least_half, tile, query, k, x, q, scale, offsets, precisions, cutoff, polynomial, order, radial, work,
    lowest, total, limit, spread, precision, first, second,
):  # fmt: skip
    """Add one tile to the state of one query at one bandwidth."""
    if offsets is None:
        exponents = half
        factor = scale
        least = scale * least_half
    else:
        exponents = work[0]
        factor = 1.0
        least = _offset_exponents(half, scale, offsets[tile], exponents)
    if negligible(least, limit[query, k], order):
        return
    if least < lowest[query, k]:
        shrink = _lower(least, query, k, lowest, total)
        spread[query, k] *= shrink
        _shrink_moments(precision, first, second, query, k, shrink)
    if not radial and order == 0:
        total[query, k] += _sum_terms(exponents, factor, lowest[query, k], polynomial)
        _update_limit(query, k, cutoff, lowest, total, limit)
        return
    terms = work[1]
    added, added_spread = _store_terms(exponents, factor, half, lowest[query, k], polynomial, terms)
    total[query, k] += added
    spread[query, k] += added_spread
    _update_limit(query, k, cutoff, lowest, total, limit)
    if order > 0:
        d = q.shape[0]
        precision[query, k] += added if precisions is None else _weigh(terms, precisions[tile])
        for a in range(d):
            xa = x[a * STRIDE : a * STRIDE + TILE]
            first[query, k, a] += _first_moment(terms, xa, q[a])
        if order > 1:
            if precisions is not None:
                _multiply(terms, precisions[tile])
            for a in range(d):
                xa = x[a * STRIDE : a * STRIDE + TILE]
                for b in range(a + 1):
                    xb = x[b * STRIDE : b * STRIDE + TILE]
                    second[query, k, a, b] += _second_moment(terms, xa, q[a], xb, q[b])


@compiled
def _squares(x, q, axes, squares):
    """Write ‖x_j - q‖² for one tile; return the least."""
    wide_vectors()
    least = LARGEST
    for j in range(TILE):
        u = x[j] - q[0]
        square = u * u
        for a in range(1, len(axes)):
            u = x[a * STRIDE + j] - q[a]
            square += u * u
        squares[j] = square
        bits = np.float64(square).view(np.int64)
        least = bits if bits < least else least
    return np.int64(least).view(np.float64)


@compiled
def _square_to_box(q, low, high):
    """Least squared distance from a query to a box."""
    square = 0.0
    for a in range(q.shape[0]):
        gap = max(low[a] - q[a], q[a] - high[a], 0.0)
        square += gap * gap
    return square


@compiled_inline
def _out_of_reach(square, offset, query, scales, limit, order):
    """Whether a tile in a box at this squared distance adds nothing at any bandwidth."""
    for k in range(scales.shape[0]):  # noqa: SIM110
        if not negligible(scales[k] * square + offset, limit[query, k], order):
            return False
    return True


@compiled
def add_tiles(
    tiles, offsets, precisions, boxes, queries, axes, own, scales, cutoff, polynomial, order, radial, visits,
    lowest, total, limit, spread, precision, first, second,
):  # fmt: skip
    """Add the tiles ``visits`` to the state of every query, by direct differences.

    Works on whole squared distances: ``scales`` are half of 1/h², and ``spread`` comes out twice as large.
    With ``boxes`` = (low, high, least offset, least precision) of every tile, those out of a query's reach are left
    out.

    ``axes`` is a tuple of length d: a loop over it has a length that is known when it is compiled, so that
    it is unrolled. (A closure over d would do the same, but Numba cannot cache it on disk.)
    """
    half = np.empty(TILE)
    work = np.empty((2, TILE))
    for tile in visits:
        x = tiles[tile]
        for query in range(queries.shape[0]):
            q = queries[query]
            if boxes is not None:
                square = boxes[3][tile] * _square_to_box(q, boxes[0][tile], boxes[1][tile])
                if _out_of_reach(square, boxes[2][tile], query, scales, limit, order):
                    continue
            least_half = _squares(x, q, axes, half)
            if precisions is not None:
                _multiply(half, precisions[tile])
            if own[query] // TILE == tile:  # leave-one-out: this query's own sample is in this tile
                half[own[query] % TILE] = FAR * FAR
                least_half = least_of(half)
            for k in range(scales.shape[0]):
                if order == 0 and not radial and offsets is None:
                    _absorb_values(
                        half, least_half, query, k, scales[k], cutoff, polynomial, lowest, total, limit
                    )
                else:
                    _absorb(half, least_half, tile, query, k, x, q, scales[k], offsets, precisions, cutoff,
                            polynomial, order, radial, work, lowest, total, limit, spread, precision, first,
                            second)  # fmt: skip


@compiled
def _half_squares_from_products(products, norms, query_norm, half):
    """Turn y_j · y_q into ½‖y_j‖² + ½‖y_q‖² - y_j · y_q; return the least."""
    wide_vectors()
    least = LARGEST
    for j in range(TILE):
        square = norms[j] + (query_norm - products[j])
        square = square if square > 0.0 else 0.0  # rounding can make a coincident pair negative
        half[j] = square
        bits = np.float64(square).view(np.int64)
        least = bits if bits < least else least
    return np.int64(least).view(np.float64)


@compiled
def _half_squares_row(products, norms, query_norm, own_column, precisions, start, half, leasts):
    """Convert one row of a block of products to half squared distances, tile by tile."""
    for c in range(leasts.shape[0]):
        part = slice(c * TILE, (c + 1) * TILE)
        leasts[c] = _half_squares_from_products(products[part], norms[part], query_norm, half[part])
        if precisions is not None:
            _multiply(half[part], precisions[start + c])
        if own_column // TILE == c:
            half[own_column] = FAR * FAR
            leasts[c] = least_of(half[part])


@compiled
def add_products(
    products, query_norms, norms, offsets, precisions, own, scales, cutoff, polynomial, radial, start, lowest, total,
    limit, spread, precision, first, second,
):  # fmt: skip
    """Add a block of products (queries, sources start * TILE …) to the state; values only."""
    tiles = products.shape[1] // TILE
    leasts = np.empty(tiles)
    work = np.empty((2, TILE))
    nothing = np.empty(0)
    row = np.empty(products.shape[1])
    for query in range(products.shape[0]):
        own_column = own[query] - start * TILE
        _half_squares_row(
            products[query], norms, query_norms[query], own_column, precisions, start, row, leasts
        )
        for c in range(tiles):
            half = row[c * TILE : (c + 1) * TILE]
            for k in range(scales.shape[0]):
                if not radial and offsets is None:
                    _absorb_values(
                        half, leasts[c], query, k, scales[k], cutoff, polynomial, lowest, total, limit
                    )
                else:
                    _absorb(half, leasts[c], start + c, query, k, nothing, nothing, scales[k], offsets, precisions,
                            cutoff, polynomial, 0, radial, work, lowest, total, limit, spread, precision, first,
                            second)  # fmt: skip


@compiled
def add_products_keeping_terms(
    products, query_norms, norms, offsets, precisions, own, scales, cutoff, polynomial, order, start, lowest, total,
    limit, spread, precision, first, second, terms,
):  # fmt: skip
    """As `add_products`, and leave the terms, times c_j, in ``terms`` (k, queries, sources); say which k have any.

    The moments of the state are shrunk here; adding the block's own moments is left to BLAS.
    """
    wide_vectors()
    tiles = products.shape[1] // TILE
    leasts = np.empty(tiles)
    exponents = np.empty((tiles, TILE))
    kept = np.zeros(scales.shape[0], dtype=np.bool_)
    row = np.empty(products.shape[1])
    for query in range(products.shape[0]):
        own_column = own[query] - start * TILE
        _half_squares_row(
            products[query], norms, query_norms[query], own_column, precisions, start, row, leasts
        )
        for k in range(scales.shape[0]):
            factor = scales[k]
            row_least = np.inf
            for c in range(tiles):
                if offsets is None:
                    row_least = min(row_least, factor * leasts[c])
                else:
                    half = row[c * TILE : (c + 1) * TILE]
                    row_least = min(
                        row_least, _offset_exponents(half, factor, offsets[start + c], exponents[c])
                    )
            if row_least < lowest[query, k]:
                shrink = _lower(row_least, query, k, lowest, total)
                spread[query, k] *= shrink
                _shrink_moments(precision, first, second, query, k, shrink)
                limit[query, k] = row_least + cutoff
            for c in range(tiles):
                half = row[c * TILE : (c + 1) * TILE]
                out = terms[k, query, c * TILE : (c + 1) * TILE]
                least = factor * leasts[c] if offsets is None else least_of(exponents[c])
                if negligible(least, limit[query, k], order):
                    for j in range(TILE):
                        out[j] = 0.0
                    continue
                kept[k] = True
                if offsets is None:
                    added, added_spread = _store_terms(half, factor, half, lowest[query, k], polynomial, out)
                else:
                    added, added_spread = _store_terms(
                        exponents[c], 1.0, half, lowest[query, k], polynomial, out
                    )
                total[query, k] += added
                spread[query, k] += added_spread
                precision[query, k] += added if precisions is None else _weigh(out, precisions[start + c])
                _update_limit(query, k, cutoff, lowest, total, limit)
    return kept
