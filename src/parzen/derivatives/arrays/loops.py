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
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

__all__ = [
    "central_interiors",
    "edges",
    "inverse_bands",
    "long_uneven_interior",
    "repair_lines",
    "running_sums",
    "three_point_interiors",
    "uneven_interior",
    "uniform_interior",
]

BLOCK = (
    1 << 15
)  # elements that all axes go through before the next: 256 KiB of float64, for a second-level cache
LINE = 64  # bytes of a cache line
CHUNK = 512  # accumulators of one pass: 4 KiB, so they stay in the first-level cache


@intrinsic  # type: ignore[untyped-decorator]
def wide_vectors(typingctx: Any) -> Any:
    """Let LLVM use 512-bit vectors in the function that calls this."""
    signature = types.void()

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return signature, codegen


@intrinsic  # type: ignore[untyped-decorator]
def stream_difference(typingctx: Any, f: Any, a: Any, b: Any, out: Any, k: Any, divisor: Any) -> Any:
    """Write (f[a] - f[b]) / divisor to out[k] and so on, one cache line of results, without reading that line first.

    ``out[k]`` must begin a line.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        f_array, after, before, out_array, at, scale = args
        f_kind, out_kind = sig.args[0], sig.args[3]
        source = context.make_array(f_kind)(context, builder, f_array).data
        target = context.make_array(out_kind)(context, builder, out_array).data
        lanes = LINE // (out_kind.dtype.bitwidth // 8)
        wide = ir.VectorType(ir.DoubleType(), lanes)

        def vector(kind: Any) -> Any:
            return ir.VectorType(context.get_value_type(kind.dtype), lanes)

        def load(index: Any) -> Any:
            place = builder.bitcast(builder.gep(source, [index]), vector(f_kind).as_pointer())
            found = builder.load(place, align=f_kind.dtype.bitwidth // 8)
            return found if vector(f_kind) == wide else builder.fpext(found, wide)

        undefined = ir.Constant(wide, ir.Undefined)
        first = builder.insert_element(undefined, scale, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        divisors = builder.shuffle_vector(first, undefined, zeros)
        result = builder.fdiv(builder.fsub(load(after), load(before)), divisors)
        if vector(out_kind) != wide:
            result = builder.fptrunc(result, vector(out_kind))
        place = builder.bitcast(builder.gep(target, [at]), vector(out_kind).as_pointer())
        stored = builder.store(result, place, align=LINE)
        one = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        stored.set_metadata("nontemporal", one)
        return context.get_dummy_value()

    return types.void(f, a, b, out, k, divisor), codegen


@intrinsic  # type: ignore[untyped-decorator]
def wait_for_streams(typingctx: Any) -> Any:
    """Let other threads see what was streamed."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


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


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _difference_past_caches(f, step, out, begin, end, divisor):  # type: ignore[no-untyped-def]
    """Write (f[k + step] - f[k - step]) / divisor for begin ≤ k < end; whole cache lines go straight to memory."""
    lanes = LINE // out.itemsize
    head = min(end, begin + (-(out.ctypes.data // out.itemsize + begin)) % lanes)
    tail = head + (end - head) // lanes * lanes
    for k in range(begin, head):
        out[k] = (np.float64(f[k + step]) - np.float64(f[k - step])) / divisor
    for k in range(head, tail, lanes):
        stream_difference(f, k + step, k - step, out, k, divisor)
    for k in range(tail, end):
        out[k] = (np.float64(f[k + step]) - np.float64(f[k - step])) / divisor


@njit(nogil=True, cache=True, error_model="numpy")
def central_interiors(f, outs, begin, end, lines, divisors, streamed):  # type: ignore[no-untyped-def]
    """Differentiate along several axes the points low ≤ i < high of every line by (f[i+1] - f[i-1]) / divisor.

    Row k of ``lines`` (axes, 5) is n, inner, low, high, varying of the axis that ``outs[k]`` is for. The common case of
    `uniform_interior`, apart because it is quicker to run and to compile. Blocks of ``f`` are in the first caches
    while all axes use them. ``streamed`` results bypass the caches, which saves reading lines that will be
    overwritten; where the memory is new, its lines are in the caches already.
    """
    for start in range(begin, end, BLOCK):
        stop = min(start + BLOCK, end)
        for k in range(len(outs)):
            n, inner, low, high, _ = lines[k]
            line = n * inner
            for o in range(start // line, (stop - 1) // line + 1):
                a = max(start, o * line + low * inner)
                b = min(stop, o * line + high * inner)
                if a >= b:
                    continue
                if streamed:
                    _difference_past_caches(f, inner, outs[k], a, b, divisors[k])
                else:
                    _difference(f[a + inner : b + inner], f[a - inner : b - inner], outs[k][a:b], divisors[k])
    if streamed:
        wait_for_streams()


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
def three_point_interiors(f, outs, begin, end, lines, weights):  # type: ignore[no-untyped-def]
    """Differentiate along several axes the points low ≤ i < high of every line by NumPy's three-point formula.

    ``lines`` are as in `central_interiors`, and ``weights[k]`` as in `uneven_interior`, where ``first`` is low.
    """
    for start in range(begin, end, BLOCK):
        stop = min(start + BLOCK, end)
        for k in range(len(outs)):
            n, inner, low, high, varying = lines[k]
            line = n * inner
            out, w = outs[k], weights[k]
            for o in range(start // line, (stop - 1) // line + 1):
                base = o * line + low * inner
                a = max(start, base)
                b = min(stop, o * line + high * inner)
                while a < b:
                    p = (a - base) if varying else (a - base) // inner
                    c = b if varying else min(b, base + (p + 1) * inner)
                    f0, f1, f2 = f[a - inner : c - inner], f[a:c], f[a + inner : c + inner]
                    if varying:
                        e = p + c - a
                        _three_varying(out[a:c], w[0, p:e], f0, w[1, p:e], f1, w[2, p:e], f2)
                    else:
                        _three(out[a:c], w[0, p], f0, w[1, p], f1, w[2, p], f2)
                    a = c


@njit(nogil=True, cache=True, error_model="numpy")
def uneven_interior(f, out, begin, end, n, inner, low, high, weights, first, left, varying):  # type: ignore[no-untyped-def]
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
            stop = min(stop, a + CHUNK)
            p = (position if varying else position // inner) - first
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
def running_sums(gaps, high, low):  # type: ignore[no-untyped-def]
    """Write the sums of the first 0, 1, 2, … gaps as ``high`` + ``low``, (n,): differences of two lose no small gap."""
    high[0] = 0.0
    low[0] = 0.0
    for i in range(gaps.size):
        s = high[i] + gaps[i]
        part = s - high[i]
        rest = low[i] + ((high[i] - (s - part)) + (gaps[i] - part))
        high[i + 1] = s + rest
        low[i + 1] = rest - (high[i + 1] - s)


@njit(nogil=True, cache=True, error_model="numpy")
def fornberg(high, low, here, here_low, order, table, weights):  # type: ignore[no-untyped-def]
    """Fill ``weights`` (k,) with those of the ``order``-th derivative at ``here`` from samples at ``high`` + ``low``.

    ``table`` (k, order+1) is scratch. The same recursion as `stencils.float_weights`, for one point in a loop.
    """
    k = high.size
    scale = 0.0
    for j in range(k):
        scale = max(scale, abs((high[j] - here) + (low[j] - here_low)))
    for j in range(k):
        for s in range(order + 1):
            table[j, s] = 0.0
    table[0, 0] = 1.0
    c1 = 1.0
    c4 = ((high[0] - here) + (low[0] - here_low)) / scale
    for i in range(1, k):
        c2 = 1.0
        c5 = c4
        c4 = ((high[i] - here) + (low[i] - here_low)) / scale
        for j in range(i):
            c3 = ((high[i] - high[j]) + (low[i] - low[j])) / scale
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
def repair_lines(f, out, lines, n, inner, high, low, step, width, end_width, order):  # type: ignore[no-untyped-def]
    """Redo the NaN of ``out`` on the given lines from the nearest samples that are there.

    ``step`` times ``high`` + ``low`` (n,) are the coordinates of the axis. ``width`` samples are taken around a
    point, and ``end_width`` where that many do not lie around it. A missing sample outside the others stays NaN.
    """
    valid = np.empty(n, np.int64)
    table = np.empty((width, order + 1))
    weights = np.empty(width)
    near, near_low = np.empty(width), np.empty(width)
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
                near[j] = high[valid[start + j]]
                near_low[j] = low[valid[start + j]]
            fornberg(near[:k], near_low[:k], high[i], low[i], order, table, weights)
            reference = np.float64(f[base + valid[after if there else start] * inner])
            total = 0.0
            for j in range(k):
                total += weights[j] * (f[base + valid[start + j] * inner] - reference)
            for _ in range(order):
                total /= step
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
