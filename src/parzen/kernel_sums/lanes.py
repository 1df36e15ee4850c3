"""Eight numbers at a time: what LLVM's vectoriser does not find in the loops of the gridding method.

A row of a mesh may overlap the weights that are added to it, for all that LLVM knows, so that it unrolls such loops
and leaves them scalar (measured: a quarter of the speed). Here the vectors are written out. They are eight doubles
whatever the processor: LLVM splits them where registers are shorter.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["LANES", "MOST_VECTORS", "add_rows", "geometric", "sum_rows"]

LANES = 8
#: Vectors in the longest row that is added.
MOST_VECTORS = 5

#: Vectors of sums that stay in registers while rows pass by: twelve of AVX2's sixteen.
_SUMS = 6

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_FLAGS = ("contract", "nsz")


def _int(k: int) -> Any:
    return ir.Constant(ir.IntType(64), k)


def _vector(values: list[float]) -> Any:
    return ir.Constant(_VECTOR, values)


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Return the pointer to the first number of an array."""
    return context.make_array(kind)(context, builder, array).data


def _at(builder: Any, pointer: Any, index: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [index]), _VECTOR.as_pointer())


def _load(builder: Any, pointer: Any, index: Any) -> Any:
    return builder.load(_at(builder, pointer, index), align=8)


def _store(builder: Any, vector: Any, pointer: Any, index: Any) -> None:
    builder.store(vector, _at(builder, pointer, index), align=8)


def _number(builder: Any, pointer: Any, index: Any) -> Any:
    return builder.load(builder.gep(pointer, [index]))


def _splat(builder: Any, number: Any) -> Any:
    """Return a vector of one number."""
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, undefined, zeros)


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return builder.fadd(builder.fmul(a, b, flags=_FLAGS), c, flags=_FLAGS)


@intrinsic
def geometric(typing_context: Any, first: Any, base: Any, table: Any, out: Any, taps: Any) -> Any:
    """out[k] = first · baseᵏ · table[k] for as many k as the tuple ``taps`` is long."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start, b, table_array, out_array, _ = arguments
        source = _data(context, builder, signature.args[2], table_array)
        target = _data(context, builder, signature.args[3], out_array)
        ones = _vector([1.0] * LANES)

        def where(bit: int, number: Any) -> Any:
            mask = ir.Constant(ir.VectorType(ir.IntType(1), LANES), [bool(k & bit) for k in range(LANES)])
            return builder.select(mask, _splat(builder, number), ones)

        b2 = builder.fmul(b, b)
        b4 = builder.fmul(b2, b2)
        low = builder.fmul(where(1, b), where(2, b2))
        vector = builder.fmul(low, builder.fmul(where(4, b4), _splat(builder, start)))
        step = _splat(builder, builder.fmul(b4, b4))
        for k in range(0, len(taps), LANES):
            if k > 0:
                vector = builder.fmul(vector, step)
            _store(builder, builder.fmul(vector, _load(builder, source, _int(k))), target, _int(k))
        return context.get_dummy_value()

    return types.void(first, base, table, out, taps), generate


@intrinsic
def add_rows(
    typing_context: Any, mesh: Any, at: Any, stride: Any, factor: Any, rows: Any, first: Any, last: Any,
    columns: Any, column: Any, groups: Any,
) -> Any:  # fmt: skip
    """mesh[at + j · stride + k] += factor · rows[j] · columns[column + k], first ≤ j < last, k < LANES · groups.

    There are at most MOST_VECTORS groups.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        mesh_array, start, step, scale, rows_array, low, high, columns_array, offset, count = arguments
        target = _data(context, builder, signature.args[0], mesh_array)
        row_weights = _data(context, builder, signature.args[4], rows_array)
        column_weights = _data(context, builder, signature.args[7], columns_array)
        done = builder.append_basic_block("rows.done")
        switch = builder.switch(count, done)
        for size in range(1, MOST_VECTORS + 1):
            block = builder.append_basic_block(f"rows.{size}")
            switch.add_case(_int(size), block)
            builder.position_at_end(block)
            kept = [_load(builder, column_weights, builder.add(offset, _int(LANES * v))) for v in range(size)]
            with cgutils.for_range_slice(builder, low, high, _int(1)) as (j, _):
                weight = _splat(builder, builder.fmul(scale, _number(builder, row_weights, j)))
                row = builder.add(start, builder.mul(j, step))
                for v in range(size):
                    index = builder.add(row, _int(LANES * v))
                    total = _multiply_add(builder, weight, kept[v], _load(builder, target, index))
                    _store(builder, total, target, index)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    i = types.int64
    return types.void(mesh, i, i, factor, rows, i, i, columns, i, i), generate


@intrinsic
def sum_rows(
    typing_context: Any, mesh: Any, at: Any, stride: Any, planes: Any, plane: Any, rows: Any, first: Any, last: Any,
    sums: Any, axes: Any, moments: Any, taps: Any,
) -> Any:  # fmt: skip
    """sums[p, k] += planes[a, plane] · Σ_j rows[b, j] · mesh[at + j · stride + k], first ≤ j < last, k in ``taps``.

    Pair p = (a, b) is that of `pairs`; the rows of ``planes``, ``rows`` and ``sums`` are as long as ``taps``.
    """
    width, order = len(taps), len(moments) - 1
    wanted = pairs(len(axes), order)
    used = sorted({b for _, b in wanted})
    size = max(1, _SUMS // len(used))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        mesh_array, start, step, planes_array, i, rows_array, low, high, sums_array, *_ = arguments
        source = _data(context, builder, signature.args[0], mesh_array)
        plane_weights = _data(context, builder, signature.args[3], planes_array)
        row_weights = _data(context, builder, signature.args[5], rows_array)
        target = _data(context, builder, signature.args[8], sums_array)
        vectors = list(range(0, width, LANES))
        for group in (vectors[first : first + size] for first in range(0, len(vectors), size)):
            kept = {(b, k): cgutils.alloca_once(builder, _VECTOR) for b in used for k in group}
            for register in kept.values():
                builder.store(_vector([0.0] * LANES), register)
            with cgutils.for_range_slice(builder, low, high, _int(1)) as (j, _):
                row = builder.add(start, builder.mul(j, step))
                weights = [
                    _splat(builder, _number(builder, row_weights, builder.add(j, _int(b * width))))
                    for b in used
                ]
                for k in group:
                    values = _load(builder, source, builder.add(row, _int(k)))
                    for b in used:
                        total = _multiply_add(builder, weights[b], values, builder.load(kept[b, k]))
                        builder.store(total, kept[b, k])
            for p, (a, b) in enumerate(wanted):
                weight = _splat(builder, _number(builder, plane_weights, builder.add(i, _int(a * width))))
                for k in group:
                    index = _int(p * width + k)
                    total = _multiply_add(
                        builder, weight, builder.load(kept[b, k]), _load(builder, target, index)
                    )
                    _store(builder, total, target, index)
        return context.get_dummy_value()

    i = types.int64
    return types.void(mesh, i, i, planes, i, rows, i, i, sums, axes, moments, taps), generate


def pairs(d: int, order: int) -> list[tuple[int, int]]:
    """Return the moments by the axes before the last that are wanted: powers (a, b) of the offsets along them."""
    if d == 1:
        return [(0, 0)]
    if d == 2:
        return [(0, b) for b in range(order + 1)]
    return [(a, b) for a in range(order + 1) for b in range(order + 1 - a)]
