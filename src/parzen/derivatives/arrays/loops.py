"""Compiled loops of the grid room: plain loops over flat arrays that write into ``out``.

Every array arrives flat and C-contiguous. An axis of length ``n`` with ``inner`` elements behind it makes
lines of ``n * inner`` elements, and its neighbours lie ``± j * inner`` elements away, so one loop serves
every axis. A call works on the flat range ``[begin, end)`` only: blocks stay in cache while all axes use
them, and threads never share a block. Arithmetic is float64 whatever is stored.

``error_model="numpy"`` divides by zero as NumPy does, and lets division vectorise. No other liberty is
taken: without contraction and reordering the second-order results are NumPy's to the bit.
``wide_vectors`` must be called in each function that holds a loop, because a callee is optimised before it
is linked into its caller.
"""

from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.extending import intrinsic

__all__ = [
    "central_interior",
    "edges",
    "inverse_bands",
    "long_uneven_interior",
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


@njit(nogil=True, cache=True, error_model="numpy")
def _difference(after, before, out, divisor):  # type: ignore[no-untyped-def]
    """Write (after - before) / divisor."""
    wide_vectors()
    for c in range(out.size):
        out[c] = (np.float64(after[c]) - np.float64(before[c])) / divisor


@njit(nogil=True, cache=True, error_model="numpy")
def _add_odd(acc, w1, after1, before1, w2, after2, before2):  # type: ignore[no-untyped-def]
    """Add two weighted pairs of an odd derivative."""
    wide_vectors()
    for c in range(after1.size):
        acc[c] += w1 * (np.float64(after1[c]) - np.float64(before1[c])) + w2 * (
            np.float64(after2[c]) - np.float64(before2[c])
        )


@njit(nogil=True, cache=True, error_model="numpy")
def _add_even(acc, here, w1, after1, before1, w2, after2, before2):  # type: ignore[no-untyped-def]
    """Add two weighted pairs of an even derivative."""
    wide_vectors()
    for c in range(here.size):
        f = np.float64(here[c])
        acc[c] += w1 * ((after1[c] - f) + (before1[c] - f)) + w2 * ((after2[c] - f) + (before2[c] - f))


@njit(nogil=True, cache=True, error_model="numpy")
def _add_one(acc, here, w, there):  # type: ignore[no-untyped-def]
    """Add one weighted difference from the sample itself."""
    wide_vectors()
    for c in range(here.size):
        acc[c] += w * (np.float64(there[c]) - np.float64(here[c]))


@njit(nogil=True, cache=True, error_model="numpy")
def _add_varying(acc, here, w, there):  # type: ignore[no-untyped-def]
    """Add one difference from the sample itself, with weights that change from sample to sample."""
    wide_vectors()
    for c in range(here.size):
        acc[c] += w[c] * (np.float64(there[c]) - np.float64(here[c]))


@njit(nogil=True, cache=True, error_model="numpy")
def _three(out, a, f0, b, f1, c, f2):  # type: ignore[no-untyped-def]
    """Write a f0 + b f1 + c f2, in NumPy's order."""
    wide_vectors()
    for k in range(out.size):
        out[k] = a * f0[k] + b * f1[k] + c * f2[k]


@njit(nogil=True, cache=True, error_model="numpy")
def _three_varying(out, a, f0, b, f1, c, f2):  # type: ignore[no-untyped-def]
    """Write a f0 + b f1 + c f2 with weights that change from sample to sample."""
    wide_vectors()
    for k in range(out.size):
        out[k] = a[k] * f0[k] + b[k] * f1[k] + c[k] * f2[k]


@njit(nogil=True, cache=True, error_model="numpy")
def _write(acc, out, divisor):  # type: ignore[no-untyped-def]
    """Write acc / divisor and clear acc."""
    wide_vectors()
    for c in range(out.size):
        out[c] = acc[c] / divisor
        acc[c] = 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def central_interior(f, out, begin, end, n, inner, low, high, divisor):  # type: ignore[no-untyped-def]
    """Differentiate the points low ≤ i < high of every line by (f[i+1] - f[i-1]) / divisor.

    The common case of `uniform_interior`, apart because it is quicker to run and to compile.
    """
    line = n * inner
    for o in range(begin // line, (end - 1) // line + 1):
        a = max(begin, o * line + low * inner)
        b = min(end, o * line + high * inner)
        if a < b:
            _difference(f[a + inner : b + inner], f[a - inner : b - inner], out[a:b], divisor)


@njit(nogil=True, cache=True, error_model="numpy")
def uniform_interior(f, out, begin, end, n, inner, low, high, pairs, odd, divisor):  # type: ignore[no-untyped-def]
    """Differentiate the points low ≤ i < high of every line with one symmetric stencil."""
    line = n * inner
    acc = np.zeros(CHUNK)
    for o in range(begin // line, (end - 1) // line + 1):
        a = max(begin, o * line + low * inner)
        b = min(end, o * line + high * inner)
        for p in range(a, b, CHUNK):
            q = min(p + CHUNK, b)
            for j in range(0, pairs.size, 2):
                # an odd pair out is added with weight zero to itself
                s1 = (j + 1) * inner
                s2 = s1 + inner if j + 1 < pairs.size else s1
                w2 = pairs[j + 1] if j + 1 < pairs.size else 0.0
                after1, before1, after2, before2 = (
                    f[p + s1 : q + s1],
                    f[p - s1 : q - s1],
                    f[p + s2 : q + s2],
                    f[p - s2 : q - s2],
                )
                if odd:
                    _add_odd(acc, pairs[j], after1, before1, w2, after2, before2)
                else:
                    _add_even(acc, f[p:q], pairs[j], after1, before1, w2, after2, before2)
            _write(acc, out[p:q], divisor)


@njit(nogil=True, cache=True, error_model="numpy")
def _three_from_gaps(out, f0, f1, f2, before, after):  # type: ignore[no-untyped-def]
    """Write NumPy's three-point derivative, weights and all, in NumPy's order."""
    wide_vectors()
    for k in range(out.size):
        d1 = before[k]
        d2 = after[k]
        a = -d2 / (d1 * (d1 + d2))
        b = (d2 - d1) / (d1 * d2)
        c = d1 / (d2 * (d1 + d2))
        out[k] = a * f0[k] + b * f1[k] + c * f2[k]


@njit(nogil=True, cache=True, error_model="numpy")
def long_uneven_interior(f, out, begin, end, n, low, high, gaps):  # type: ignore[no-untyped-def]
    """Differentiate the points low ≤ i < high of contiguous lines, too long to keep their weights."""
    for o in range(begin // n, (end - 1) // n + 1):
        a = max(begin, o * n + low)
        b = min(end, o * n + high)
        if a < b:
            i, j = a - o * n, b - o * n
            _three_from_gaps(
                out[a:b], f[a - 1 : b - 1], f[a:b], f[a + 1 : b + 1], gaps[i - 1 : j - 1], gaps[i:j]
            )


@njit(nogil=True, cache=True, error_model="numpy")
def uneven_interior(f, out, begin, end, n, inner, low, high, weights, first, left, plain, varying):  # type: ignore[no-untyped-def]
    """Differentiate the points low ≤ i < high of every line with weights that change along the axis.

    Column p of ``weights`` belongs to position ``first + p`` of a line: positions count single elements if
    ``varying`` (``inner`` is 1, or the weights were repeated ``inner`` times), else steps of the axis.
    """
    line = n * inner
    acc = np.zeros(CHUNK)
    for o in range(begin // line, (end - 1) // line + 1):
        a = max(begin, o * line + low * inner)
        b = min(end, o * line + high * inner)
        while a < b:
            position = a - o * line
            stop = b if varying else min(b, o * line + (position // inner + 1) * inner)
            p = (position if varying else position // inner) - first
            if plain:
                f0, f1, f2 = f[a - inner : stop - inner], f[a:stop], f[a + inner : stop + inner]
                if varying:
                    e = p + stop - a
                    _three_varying(out[a:stop], weights[0, p:e], f0, weights[1, p:e], f1, weights[2, p:e], f2)
                else:
                    _three(out[a:stop], weights[0, p], f0, weights[1, p], f1, weights[2, p], f2)
                a = stop
                continue
            stop = min(stop, a + CHUNK)
            for k in range(weights.shape[0]):
                step = (k - left) * inner
                there = f[a + step : stop + step]
                if varying:
                    _add_varying(acc, f[a:stop], weights[k, p : p + stop - a], there)
                else:
                    _add_one(acc, f[a:stop], weights[k, p], there)
            _write(acc, out[a:stop], 1.0)
            a = stop


@njit(nogil=True, cache=True, error_model="numpy")
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


@njit(nogil=True, cache=True, error_model="numpy")
def fornberg(points, here, order, table, weights):  # type: ignore[no-untyped-def]
    """Fill ``weights`` (k,) with those of the ``order``-th derivative at ``here``.

    ``table`` (k, order+1) is scratch. The same recursion as `stencils.float_weights`, for one point in a loop.
    """
    k = points.size
    scale = 0.0
    for j in range(k):
        scale = max(scale, abs(points[j] - here))
    for j in range(k):
        for s in range(order + 1):
            table[j, s] = 0.0
    table[0, 0] = 1.0
    c1 = 1.0
    c4 = (points[0] - here) / scale
    for i in range(1, k):
        c2 = 1.0
        c5 = c4
        c4 = (points[i] - here) / scale
        for j in range(i):
            c3 = (points[i] - points[j]) / scale
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


@njit(nogil=True, cache=True, error_model="numpy")
def repair_lines(f, out, lines, n, inner, position, width, end_width, order):  # type: ignore[no-untyped-def]
    """Redo the NaN of ``out`` on the given lines from the nearest samples that are there.

    ``position`` (n,) are the coordinates of the axis. ``width`` samples are taken around a point, and
    ``end_width`` where that many do not lie around it. A missing sample outside the others stays NaN.
    """
    valid = np.empty(n, np.int64)
    table = np.empty((width, order + 1))
    weights = np.empty(width)
    points = np.empty(width)
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
                points[j] = position[valid[start + j]]
            fornberg(points[:k], position[i], order, table, weights)
            reference = np.float64(f[base + valid[after if there else start] * inner])
            total = 0.0
            for j in range(k):
                total += weights[j] * (f[base + valid[start + j] * inner] - reference)
            out[q] = total


@njit(nogil=True, cache=True, error_model="numpy")
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
