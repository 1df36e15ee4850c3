"""Compiled loops of the grid room: plain loops over flat arrays that write into ``out``.

Every array arrives flat and C-contiguous. An axis of length ``n`` with ``inner`` elements behind it makes
lines of ``n * inner`` elements, and its neighbours lie ``± j * inner`` elements away, so one loop serves
every axis. A call works on the flat range ``[begin, end)`` only: blocks stay in cache while all axes use
them, and threads never share a block. Arithmetic is float64 whatever is stored.

No fast-math flag is set: without contraction and reordering the second-order results are NumPy's to the bit.
``wide_vectors`` must be called in each function that holds a loop, because a callee is optimised before it
is linked into its caller.
"""

from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.extending import intrinsic

__all__ = [
    "edges",
    "fornberg_windows",
    "numpy_weights",
    "repair_lines",
    "uneven_interior",
    "uniform_interior",
]

CHUNK = 512  # accumulators of one pass: 4 KiB, so they stay in the first-level cache


@intrinsic  # type: ignore[untyped-decorator]
def wide_vectors(typingctx: Any) -> Any:
    """Let LLVM use 512-bit vectors in the function that calls this."""
    signature = types.void()

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return signature, codegen


@njit(nogil=True, cache=True)
def _one_pair(f, out, begin, end, step, divisor):  # type: ignore[no-untyped-def]
    """Write (f[q + step] - f[q - step]) / divisor."""
    wide_vectors()
    for q in range(begin, end):
        out[q] = (np.float64(f[q + step]) - np.float64(f[q - step])) / divisor


@njit(nogil=True, cache=True)
def _many_pairs(f, out, begin, end, inner, pairs, odd, divisor, acc):  # type: ignore[no-untyped-def]
    """Write Σ_j pairs[j-1] (f[q + j inner] ∓ f[q - j inner]) / divisor, two pairs a sweep."""
    wide_vectors()
    n_pairs = pairs.size
    for start in range(begin, end, CHUNK):
        size = min(CHUNK, end - start)
        for c in range(size):
            acc[c] = 0.0
        for j in range(0, n_pairs, 2):
            s1 = (j + 1) * inner
            w1 = pairs[j]
            if j + 1 == n_pairs:
                if odd:
                    for c in range(size):
                        q = start + c
                        acc[c] += w1 * (np.float64(f[q + s1]) - np.float64(f[q - s1]))
                else:
                    for c in range(size):
                        q = start + c
                        here = np.float64(f[q])
                        acc[c] += w1 * ((f[q + s1] - here) + (f[q - s1] - here))
                continue
            s2 = s1 + inner
            w2 = pairs[j + 1]
            if odd:
                for c in range(size):
                    q = start + c
                    acc[c] += w1 * (np.float64(f[q + s1]) - np.float64(f[q - s1])) + w2 * (
                        np.float64(f[q + s2]) - np.float64(f[q - s2])
                    )
            else:
                for c in range(size):
                    q = start + c
                    here = np.float64(f[q])
                    acc[c] += w1 * ((f[q + s1] - here) + (f[q - s1] - here)) + w2 * (
                        (f[q + s2] - here) + (f[q - s2] - here)
                    )
        for c in range(size):
            out[start + c] = acc[c] / divisor


@njit(nogil=True, cache=True)
def uniform_interior(f, out, begin, end, n, inner, low, high, pairs, odd, divisor):  # type: ignore[no-untyped-def]
    """Differentiate the points low ≤ i < high of every line with one symmetric stencil."""
    line = n * inner
    acc = np.empty(CHUNK)
    for o in range(begin // line, (end - 1) // line + 1):
        a = max(begin, o * line + low * inner)
        b = min(end, o * line + high * inner)
        if a < b:
            if odd and pairs.size == 1 and pairs[0] == 1.0:
                _one_pair(f, out, a, b, inner, divisor)
            else:
                _many_pairs(f, out, a, b, inner, pairs, odd, divisor, acc)


@njit(nogil=True, cache=True)
def _three_varying(f, out, begin, end, inner, a, b, c, shift):  # type: ignore[no-untyped-def]
    """Write a f[q - inner] + b f[q] + c f[q + inner] with weights that change with q."""
    wide_vectors()
    for q in range(begin, end):
        p = q - shift
        out[q] = a[p] * f[q - inner] + b[p] * f[q] + c[p] * f[q + inner]


@njit(nogil=True, cache=True)
def _three_constant(f, out, begin, end, inner, a, b, c):  # type: ignore[no-untyped-def]
    """Write a f[q - inner] + b f[q] + c f[q + inner] with the same weights throughout."""
    wide_vectors()
    for q in range(begin, end):
        out[q] = a * f[q - inner] + b * f[q] + c * f[q + inner]


@njit(nogil=True, cache=True)
def _many_varying(f, out, begin, end, inner, left, weights, shift, acc):  # type: ignore[no-untyped-def]
    """Write Σ_k weights[k, q - shift] (f[q + (k - left) inner] - f[q])."""
    wide_vectors()
    for start in range(begin, end, CHUNK):
        size = min(CHUNK, end - start)
        for c in range(size):
            acc[c] = 0.0
        for k in range(weights.shape[0]):
            if k == left:
                continue
            step = (k - left) * inner
            row = weights[k]
            for c in range(size):
                q = start + c
                acc[c] += row[q - shift] * (np.float64(f[q + step]) - np.float64(f[q]))
        for c in range(size):
            out[start + c] = acc[c]


@njit(nogil=True, cache=True)
def _many_constant(f, out, begin, end, inner, left, weights, column, acc):  # type: ignore[no-untyped-def]
    """Write Σ_k weights[k, column] (f[q + (k - left) inner] - f[q])."""
    wide_vectors()
    for start in range(begin, end, CHUNK):
        size = min(CHUNK, end - start)
        for c in range(size):
            acc[c] = 0.0
        for k in range(weights.shape[0]):
            if k == left:
                continue
            step = (k - left) * inner
            w = weights[k, column]
            for c in range(size):
                q = start + c
                acc[c] += w * (np.float64(f[q + step]) - np.float64(f[q]))
        for c in range(size):
            out[start + c] = acc[c]


@njit(nogil=True, cache=True)
def uneven_interior(f, out, begin, end, n, inner, low, high, weights, first, left, plain, varying):  # type: ignore[no-untyped-def]
    """Differentiate the points low ≤ i < high of every line with weights that change along the axis.

    Column p of ``weights`` belongs to position ``first + p`` of a line: positions count single elements if
    ``varying`` (``inner`` is 1, or the weights were repeated ``inner`` times), else steps of the axis.
    """
    line = n * inner
    acc = np.empty(CHUNK)
    for o in range(begin // line, (end - 1) // line + 1):
        a = max(begin, o * line + low * inner)
        b = min(end, o * line + high * inner)
        if a >= b:
            continue
        if varying:
            shift = o * line + first
            if plain:
                _three_varying(f, out, a, b, inner, weights[0], weights[1], weights[2], shift)
            else:
                _many_varying(f, out, a, b, inner, left, weights, shift, acc)
            continue
        for i in range((a - o * line) // inner, (b - 1 - o * line) // inner + 1):
            start = max(a, o * line + i * inner)
            stop = min(b, o * line + (i + 1) * inner)
            p = i - first
            if plain:
                _three_constant(f, out, start, stop, inner, weights[0, p], weights[1, p], weights[2, p])
            else:
                _many_constant(f, out, start, stop, inner, left, weights, p, acc)


@njit(nogil=True, cache=True)
def edges(f, out, begin, end, n, inner, targets, indices, weights, divisors, relative):  # type: ignore[no-untyped-def]
    """Differentiate single points of every line: Σ_k weights[e, k] f[indices[e, k]] / divisors[e]."""
    wide_vectors()
    line = n * inner
    for o in range(begin // line, (end - 1) // line + 1):
        base = o * line
        for e in range(targets.size):
            a = max(begin, base + targets[e] * inner)
            b = min(end, base + (targets[e] + 1) * inner)
            for q in range(a, b):
                column = q - targets[e] * inner
                here = np.float64(f[q]) if relative else 0.0
                total = weights[e, 0] * (f[column + indices[e, 0] * inner] - here)
                for k in range(1, weights.shape[1]):
                    total += weights[e, k] * (f[column + indices[e, k] * inner] - here)
                out[q] = total / divisors[e]


@njit(nogil=True, cache=True)
def fornberg(offsets, order, table, weights):  # type: ignore[no-untyped-def]
    """Fill ``weights`` (k,) with those of the ``order``-th derivative at 0; ``table`` is (k, "
    "order+1) scratch."""
    k = offsets.size
    scale = 0.0
    for j in range(k):
        scale = max(scale, abs(offsets[j]))
    for j in range(k):
        for s in range(order + 1):
            table[j, s] = 0.0
    table[0, 0] = 1.0
    c1 = 1.0
    c4 = offsets[0] / scale
    for i in range(1, k):
        c2 = 1.0
        c5 = c4
        c4 = offsets[i] / scale
        for j in range(i):
            c3 = (offsets[i] - offsets[j]) / scale
            c2 *= c3
            if j == i - 1:
                for s in range(min(i, order), 0, -1):
                    table[i, s] = c1 * (s * table[i - 1, s - 1] - c5 * table[i - 1, s]) / c2
                table[i, 0] = -c1 * c5 * table[i - 1, 0] / c2
            for s in range(min(i, order), 0, -1):
                table[j, s] = (c4 * table[j, s] - s * table[j, s - 1]) / c3
            table[j, 0] = c4 * table[j, 0] / c3
        c1 = c2
    for j in range(k):
        w = table[j, order]
        for _ in range(order):
            w /= scale
        weights[j] = w


@njit(nogil=True, cache=True)
def fornberg_windows(gaps, low, high, left, order, weights):  # type: ignore[no-untyped-def]
    """Fill column i - low of ``weights`` (k, high - low): the window of k points that starts at i - left."""
    k = weights.shape[0]
    offsets = np.empty(k)
    table = np.empty((k, order + 1))
    row = np.empty(k)
    for i in range(low, high):
        offsets[left] = 0.0
        for j in range(left - 1, -1, -1):
            offsets[j] = offsets[j + 1] - gaps[i - left + j]
        for j in range(left + 1, k):
            offsets[j] = offsets[j - 1] + gaps[i - left + j - 1]
        fornberg(offsets, order, table, row)
        for j in range(k):
            weights[j, i - low] = row[j]


@njit(nogil=True, cache=True)
def numpy_weights(gaps, low, high, weights):  # type: ignore[no-untyped-def]
    """Fill ``weights`` (3, high - low) with NumPy's three-point weights, in NumPy's order of operations."""
    wide_vectors()
    for i in range(low, high):
        d1 = gaps[i - 1]
        d2 = gaps[i]
        p = i - low
        weights[0, p] = -d2 / (d1 * (d1 + d2))
        weights[1, p] = (d2 - d1) / (d1 * d2)
        weights[2, p] = d1 / (d2 * (d1 + d2))


@njit(nogil=True, cache=True)
def repair_lines(f, out, lines, n, inner, position, width, end_width, order):  # type: ignore[no-untyped-def]
    """Redo the NaN of ``out`` on the given lines from the nearest samples that are there.

    ``position`` (n,) are the coordinates of the axis. ``width`` samples are taken around a point, and
    ``end_width`` where that many do not lie around it. A missing sample outside the others stays NaN.
    """
    valid = np.empty(n, np.int64)
    table = np.empty((width, order + 1))
    weights = np.empty(width)
    offsets = np.empty(width)
    for number in lines:
        base = (number // inner) * n * inner + number % inner
        count = 0
        for i in range(n):
            if not np.isnan(f[base + i * inner]):
                valid[count] = i
                count += 1
        after = 0  # how many valid samples lie before i
        for i in range(n):
            while after < count and valid[after] < i:
                after += 1
            q = base + i * inner
            if not np.isnan(out[q]):
                continue
            there = after < count and valid[after] == i
            if not there and (after == 0 or after == count):
                continue
            k = width
            start = after - width // 2
            if start < 0 or start + k > count:
                k = end_width
                start = min(max(after - end_width // 2, 0), count - k)
            if start < 0:
                continue
            for j in range(k):
                offsets[j] = position[valid[start + j]] - position[i]
            fornberg(offsets[:k], order, table, weights)
            reference = np.float64(f[base + valid[after if there else start] * inner])
            total = 0.0
            for j in range(k):
                total += weights[j] * (f[base + valid[start + j] * inner] - reference)
            out[q] = total


@njit(cache=True)
def inverse_bands(factor):  # type: ignore[no-untyped-def]
    """Return the three lower bands of (L Lᵀ)⁻¹ from the bands (3, m) of L (Hutchinson and de Hoog, 1985)."""
    m = factor.shape[1]
    out = np.zeros((3, m))
    for i in range(m - 1, -1, -1):
        d = factor[0, i]
        l1 = factor[1, i] / d if i + 1 < m else 0.0
        l2 = factor[2, i] / d if i + 2 < m else 0.0
        b11 = out[0, i + 1] if i + 1 < m else 0.0
        b21 = out[1, i + 1] if i + 2 < m else 0.0
        b22 = out[0, i + 2] if i + 2 < m else 0.0
        out[1, i] = -l1 * b11 - l2 * b21
        out[2, i] = -l1 * b21 - l2 * b22
        out[0, i] = 1.0 / (d * d) - l1 * out[1, i] - l2 * out[2, i]
    return out
