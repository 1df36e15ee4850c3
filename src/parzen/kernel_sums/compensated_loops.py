"""Compiled loops in double-double arithmetic: slower, and right where plain differences are not.

Points come as unevaluated sums high + low of two doubles (about 32 digits), so that neither whitening nor
offsets nor far tails cost accuracy. Used for the queries whose rounding bound breaks the promise, and for
everything when ``rtol=0``. Error-free transformations: Dekker (1971), Ogita, Rump & Oishi (2005).
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"

import numpy as np
from numba import njit

from parzen.kernel_sums.exp import compiled_sum, exp_nonpositive, fma, wide_vectors
from parzen.kernel_sums.loops import LARGEST, TILE, least_of

# No fast-math flag at all: every rounding error below is used.
_strict = njit(nogil=True, cache=True, error_model="numpy")


@_strict
def _half_squares(high, low, q_high, q_low, half_high, half_low):
    """Write ½‖x_j - q‖² as double-doubles for one tile."""
    wide_vectors()
    for j in range(TILE):
        half_high[j] = 0.0
        half_low[j] = 0.0
    for a in range(q_high.shape[0]):
        qh = q_high[a]
        ql = q_low[a]
        xh = high[a]
        xl = low[a]
        for j in range(TILE):
            # two-difference of the high parts, then the low parts
            d = xh[j] - qh
            back = d - xh[j]
            e = (xh[j] - (d - back)) - (qh + back)
            e = e + (xl[j] - ql)
            uh = d + e
            ul = e - (uh - d)
            # ½ u², exactly to second order
            p = 0.5 * uh * uh
            pl = fma(0.5 * uh, uh, -p) + uh * ul
            # two-sum with the running square
            s = half_high[j] + p
            part = s - half_high[j]
            err = (half_high[j] - (s - part)) + (p - part)
            half_low[j] += err + pl
            half_high[j] = s
    for j in range(TILE):
        s = half_high[j] + half_low[j]
        half_low[j] = half_low[j] - (s - half_high[j])
        half_high[j] = s


@_strict
def _multiply(high, low, factors, factors_low):
    """Multiply double-doubles in place."""
    wide_vectors()
    for j in range(TILE):
        p = high[j] * factors[j]
        pl = fma(high[j], factors[j], -p) + (high[j] * factors_low[j] + low[j] * factors[j])
        high[j] = p + pl
        low[j] = pl - (high[j] - p)


@_strict
def _exponents(half_high, half_low, scale, offsets, offsets_low, t_high, t_low):
    """Write t = scale · half + offset as double-doubles; return the least high part."""
    wide_vectors()
    least = LARGEST
    for j in range(TILE):
        p = scale * half_high[j]
        pl = fma(scale, half_high[j], -p) + scale * half_low[j]
        s = p + offsets[j]
        part = s - p
        err = (p - (s - part)) + (offsets[j] - part)
        t_high[j] = s
        t_low[j] = err + (pl + offsets_low[j])
        bits = np.float64(s).view(np.int64)
        least = bits if bits < least else least
    return np.int64(least).view(np.float64)


@_strict
def _nearest(t_high, t_low, least):
    """Return the index of the least exponent, by both parts."""
    at = -1
    for j in range(TILE):
        if t_high[j] == least and (at < 0 or t_low[j] < t_low[at]):
            at = j
    return at


@_strict
def _terms(t_high, t_low, lowest, lowest_low, terms):
    """Write exp(lowest - t)."""
    wide_vectors()
    for j in range(TILE):
        terms[j] = exp_nonpositive((lowest - t_high[j]) + (lowest_low - t_low[j]))


@compiled_sum
def _sums(terms, half):
    """Σ term and Σ term · half."""
    wide_vectors()
    total = 0.0
    spread = 0.0
    for j in range(TILE):
        total += terms[j]
        spread += terms[j] * half[j]
    return total, spread


@compiled_sum
def _first_moment(terms, differences):
    """Σ term_j · difference_j."""
    wide_vectors()
    total = 0.0
    for j in range(TILE):
        total += terms[j] * differences[j]
    return total


@compiled_sum
def _second_moment(terms, u, v):
    """Σ term_j · u_j · v_j."""
    wide_vectors()
    total = 0.0
    for j in range(TILE):
        total += terms[j] * u[j] * v[j]
    return total


@_strict
def _differences(high, low, origin_high, origin_low, out):
    """Write x_j - origin along one axis, rounded once."""
    wide_vectors()
    for j in range(TILE):
        d = high[j] - origin_high
        back = d - high[j]
        e = (high[j] - (d - back)) - (origin_high + back)
        out[j] = d + (e + (low[j] - origin_low))


@_strict
def _pull_differences(u, precisions, precisions_low, near_precision, near_precision_low, near_u):
    """Turn x_j - x_n into c_j u_j - c_n u_n = c_j (x_j - x_n) + (c_j - c_n) u_n along one axis, in place.

    A difference of the products would lose the digits that u_n, far in the tail, has too many of.
    """
    wide_vectors()
    for j in range(TILE):
        c = (precisions[j] - near_precision) + (precisions_low[j] - near_precision_low)
        u[j] = precisions[j] * u[j] + c * near_u


@_strict
def _negligible(least, lowest, cutoff, order):
    """Whether a tile adds nothing, in nats; ``lowest`` may be so large that ``cutoff`` is below its last digit."""
    beyond = least - lowest
    if beyond < cutoff:
        return False
    # as in `loops.negligible`
    return order == 0 or beyond - 0.5 * order * np.log(2.0 * least + 1.0) >= cutoff


@_strict
def add_tiles(
    high, low, offsets, offsets_low, precisions, q_high, q_low, own, scales, cutoff, order, start, stop, lowest,
    lowest_low, nearest, total, spread,
):  # fmt: skip
    """First pass over tiles start … stop-1: the lowest exponent, where it is, and the sums."""
    half_high, half_low = np.empty(TILE), np.empty(TILE)
    t_high, t_low, terms = np.empty(TILE), np.empty(TILE), np.empty(TILE)
    for tile in range(start, stop):
        for query in range(q_high.shape[0]):
            _half_squares(high[tile], low[tile], q_high[query], q_low[query], half_high, half_low)
            if precisions is not None:
                _multiply(half_high, half_low, precisions[0][tile], precisions[1][tile])
            for k in range(scales.shape[0]):
                least = _exponents(
                    half_high, half_low, scales[k], offsets[tile], offsets_low[tile], t_high, t_low
                )
                if own[query] // TILE == tile:
                    t_high[own[query] % TILE] = np.inf
                    least = least_of(t_high)
                if _negligible(least, lowest[query, k], cutoff, order):
                    continue
                if least <= lowest[query, k]:
                    at = _nearest(t_high, t_low, least)
                    drop = (least - lowest[query, k]) + (t_low[at] - lowest_low[query, k])
                    if drop < 0.0:
                        shrink = exp_nonpositive(drop)
                        lowest[query, k] = least
                        lowest_low[query, k] = t_low[at]
                        nearest[query, k] = tile * TILE + at
                        total[query, k] *= shrink
                        spread[query, k] *= shrink
                _terms(t_high, t_low, lowest[query, k], lowest_low[query, k], terms)
                added, added_spread = _sums(terms, half_high)
                total[query, k] += added
                spread[query, k] += added_spread


@_strict
def add_moments(
    high, low, offsets, offsets_low, precisions, q_high, q_low, own, scales, cutoff, order, start, stop, lowest,
    lowest_low, nearest, first, second, precision,
):  # fmt: skip
    """Second pass: moments of the pulls, relative to the nearest source's, under the final terms: nothing cancels.

    ``precisions`` are (high, low), (tiles, TILE) each, or None: then a pull is x_j - q, and ``precision`` stays 0.
    """
    d = q_high.shape[1]
    half_high, half_low = np.empty(TILE), np.empty(TILE)
    t_high, t_low, terms = np.empty(TILE), np.empty(TILE), np.empty(TILE)
    u = np.empty((d, TILE))
    for tile in range(start, stop):
        for query in range(q_high.shape[0]):
            _half_squares(high[tile], low[tile], q_high[query], q_low[query], half_high, half_low)
            if precisions is not None:
                _multiply(half_high, half_low, precisions[0][tile], precisions[1][tile])
            for k in range(scales.shape[0]):
                least = _exponents(
                    half_high, half_low, scales[k], offsets[tile], offsets_low[tile], t_high, t_low
                )
                if _negligible(least, lowest[query, k], cutoff, order):
                    continue
                if own[query] // TILE == tile:
                    t_high[own[query] % TILE] = np.inf
                _terms(t_high, t_low, lowest[query, k], lowest_low[query, k], terms)
                if precisions is not None:
                    precision[query, k] += _first_moment(terms, precisions[0][tile])
                near_tile, near = nearest[query, k] // TILE, nearest[query, k] % TILE
                for a in range(d):
                    origin_high, origin_low = high[near_tile, a, near], low[near_tile, a, near]
                    _differences(high[tile, a], low[tile, a], origin_high, origin_low, u[a])
                    if precisions is not None:
                        near_u = (origin_high - q_high[query, a]) + (origin_low - q_low[query, a])
                        _pull_differences(u[a], precisions[0][tile], precisions[1][tile],
                                          precisions[0][near_tile, near], precisions[1][near_tile, near],
                                          near_u)  # fmt: skip
                    first[query, k, a] += _first_moment(terms, u[a])
                    if order > 1:
                        for b in range(a + 1):
                            second[query, k, a, b] += _second_moment(terms, u[a], u[b])
