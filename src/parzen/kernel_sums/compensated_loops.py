"""Compiled loops in double-double arithmetic: slower, and right where plain differences are not.

Points come as unevaluated sums high + low of two doubles (about 32 digits), so that neither whitening nor
offsets nor far tails cost accuracy. Used for the queries whose rounding bound breaks the promise, and for
everything when ``rtol=0``. Error-free transformations: Dekker (1971), Ogita, Rump & Oishi (2005).
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"

import numpy as np
from numba import njit

from parzen.kernel_sums.exp import compiled_sum, exp_nonpositive, fma, wide_vectors
from parzen.kernel_sums.loops import TILE, _least, negligible

# No fast-math flag at all: every rounding error below is used.
_strict = njit(nogil=True, cache=True, error_model="numpy")

_LARGEST = np.int64(0x7FEFFFFFFFFFFFFF)


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
def _exponents(half_high, half_low, scale, offsets, t_high, t_low):
    """Write t = scale · half + offset as double-doubles; return the least high part."""
    wide_vectors()
    least = _LARGEST
    for j in range(TILE):
        p = scale * half_high[j]
        pl = fma(scale, half_high[j], -p) + scale * half_low[j]
        s = p + offsets[j]
        part = s - p
        err = (p - (s - part)) + (offsets[j] - part)
        t_high[j] = s
        t_low[j] = err + pl
        bits = np.float64(s).view(np.int64)
        least = bits if bits < least else least
    return np.int64(least).view(np.float64)


@_strict
def _terms(t_high, t_low, lowest, terms):
    """Write exp(lowest - t)."""
    wide_vectors()
    for j in range(TILE):
        terms[j] = exp_nonpositive((lowest - t_high[j]) - t_low[j])


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
def _differences(high, low, q_high, q_low, centre, out):
    """Write (x_j - q) - centre along one axis."""
    wide_vectors()
    for j in range(TILE):
        d = high[j] - q_high
        back = d - high[j]
        e = (high[j] - (d - back)) - (q_high + back)
        e = e + (low[j] - q_low)
        s = d - centre
        part = s - d
        err = (d - (s - part)) - (centre + part)
        out[j] = s + (err + e)


@_strict
def add_tiles(
    high, low, offsets, q_high, q_low, own, scales, cutoff, order, start, stop, lowest, total, spread, first
):  # fmt: skip
    """Add tiles start … stop-1 to the state of every query: sums and first moments."""
    d = q_high.shape[1]
    half_high, half_low = np.empty(TILE), np.empty(TILE)
    t_high, t_low = np.empty(TILE), np.empty(TILE)
    terms, u = np.empty(TILE), np.empty(TILE)
    for tile in range(start, stop):
        for query in range(q_high.shape[0]):
            _half_squares(high[tile], low[tile], q_high[query], q_low[query], half_high, half_low)
            for k in range(scales.shape[0]):
                least = _exponents(half_high, half_low, scales[k], offsets[tile], t_high, t_low)
                if own[query] // TILE == tile:
                    t_high[own[query] % TILE] = np.inf
                    least = _least(t_high)
                if least == np.inf or negligible(least, lowest[query, k], cutoff, order):
                    continue
                if least < lowest[query, k]:
                    shrink = exp_nonpositive(least - lowest[query, k])
                    lowest[query, k] = least
                    total[query, k] *= shrink
                    spread[query, k] *= shrink
                    for a in range(first.shape[2]):
                        first[query, k, a] *= shrink
                _terms(t_high, t_low, lowest[query, k], terms)
                added, added_spread = _sums(terms, half_high)
                total[query, k] += added
                spread[query, k] += added_spread
                if order > 0:
                    for a in range(d):
                        _differences(high[tile, a], low[tile, a], q_high[query, a], q_low[query, a], 0.0, u)
                        first[query, k, a] += _first_moment(terms, u)


@_strict
def add_central_moments(
    high, low, offsets, q_high, q_low, own, scales, cutoff, start, stop, lowest, mean, second
):  # fmt: skip
    """Second pass: Σ term (u - ū)(u - ū)ᵀ, with the final ``lowest`` and mean, free of cancellation."""
    d = q_high.shape[1]
    half_high, half_low = np.empty(TILE), np.empty(TILE)
    t_high, t_low = np.empty(TILE), np.empty(TILE)
    terms, u = np.empty(TILE), np.empty((d, TILE))
    for tile in range(start, stop):
        for query in range(q_high.shape[0]):
            _half_squares(high[tile], low[tile], q_high[query], q_low[query], half_high, half_low)
            for k in range(scales.shape[0]):
                least = _exponents(half_high, half_low, scales[k], offsets[tile], t_high, t_low)
                if own[query] // TILE == tile:
                    t_high[own[query] % TILE] = np.inf
                if negligible(least, lowest[query, k], cutoff, 2):
                    continue
                _terms(t_high, t_low, lowest[query, k], terms)
                for a in range(d):
                    _differences(
                        high[tile, a],
                        low[tile, a],
                        q_high[query, a],
                        q_low[query, a],
                        mean[query, k, a],
                        u[a],
                    )
                    for b in range(a + 1):
                        second[query, k, a, b] += _second_moment(terms, u[a], u[b])
