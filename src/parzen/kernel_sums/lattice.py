"""Lattice method: the matrix-product method for data of few levels (8-bit images), exact in float32 at half the cost.

Samples whose values are integers k of at most 257 levels times a power of two, as in uint8 images or k/256, are
shifted to |k| ≤ 128. A product of two such integers is at most 2¹⁴, and a sum of up to 1024 of them at most 2²⁴:
every partial sum is an integer that float32 holds exactly, in any order, with or without fused multiply-add. So
squared distances come out exact.
"""

from parzen.kernel_sums import accuracy, matmul
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.sources import LARGEST_CODE, Points, Sources
from parzen.kernel_sums.state import State
from parzen.kernel_sums.threads import Step
from parzen.typing import FloatArray, IntArray

#: Columns whose products have exact sums in float32.
_COLUMNS = 2**24 // LARGEST_CODE**2


def exponent_error(
    d: int, units: float, query_radius: FloatArray, source_radius: FloatArray, distance: FloatArray
) -> FloatArray:
    """Bound δt: squares are exact, so their number adds nothing. First moments are made about the origin, though.

    That loses an ulp of the points' size, as if they were rounded, even where they are exact.
    """
    return accuracy.direct_error(0, max(units, 1.0), query_radius, source_radius, distance)


def prepare(sources: Sources) -> None:
    """Make the layouts that threads will share."""
    _ = sources.lattice, sources.tile_offsets, sources.tile_precisions


def scratch_bytes(rows: int, d: int, k: int, order: int) -> int:
    """Return the temporaries of one block of queries, apart from its state."""
    return matmul.scratch_bytes(rows, d, k, order)


def refuses(sources: Sources, queries: Points) -> str:
    """Return why these points cannot be summed so, or ""."""
    if sources.d > _COLUMNS:
        return f"sums are exact for at most {_COLUMNS} dimensions"
    if sources.lattice is None or not sources.lattice.holds(queries):
        return "needs at most 257 levels, a power of two apart"
    return ""


def accumulate(
    sources: Sources, queries: FloatArray, own: IntArray, request: Request, cutoff: float, step: Step
) -> State:
    """Return the state of a block of whitened queries, shape (rows, d)."""
    lattice = sources.lattice
    assert lattice is not None  # see `refuses`
    factors = lattice.codes_of(queries), lattice.codes, lattice.half_norms
    return matmul.accumulate_products(sources, queries, own, request, cutoff, step, factors, lattice.unit)
