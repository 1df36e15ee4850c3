"""Carry out the schemes of several axes in one pass over memory, in blocks, on several threads.

The array is cut into flat blocks that fit the second-level cache; for each block every axis writes its output
while the block's samples are at hand. Blocks are disjoint and each element is computed the same way whichever
thread takes it, so results do not depend on ``workers``.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from parzen.derivatives.arrays import loops
from parzen.derivatives.arrays.schemes import Scheme, interior_weights
from parzen.typing import FloatArray

__all__ = ["repair", "sweep"]

BLOCK = 1 << 16  # elements: 512 KiB of float64, a quarter of a second-level cache
TASK = 1 << 20  # elements a thread takes at a time: whole huge pages, so that two threads rarely touch one
_REPEATED = 16  # up to so many elements behind the axis, weights are repeated so that loops stay long


def sweep(
    f: Any, outs: Sequence[Any], inners: Sequence[int], schemes: Sequence[Scheme], workers: int
) -> None:
    """Fill the flat ``outs`` with the derivatives of the flat, C-contiguous floats ``f``.

    For each output, ``inners`` says how many elements lie behind one step along its axis.
    """
    axes = [_prepare(scheme, inner) for scheme, inner in zip(schemes, inners, strict=True)]
    size = f.size
    # several axes share what a block has brought to the cache; one even axis has nothing to share
    block = TASK if len(outs) == 1 and schemes[0].gaps is None else BLOCK

    def run(start: int) -> None:
        for begin in range(start, min(start + TASK, size), block):
            end = min(begin + block, size, start + TASK)
            for out, inner, scheme, weights in zip(outs, inners, schemes, axes, strict=True):
                _block(f, out, begin, end, inner, scheme, weights)

    tasks = range(0, size, TASK)
    workers = min(workers, len(tasks))
    waiting = iter(tasks)  # next() on it is atomic under the interpreter lock
    stopped = False

    def drain() -> None:
        for start in waiting:
            if stopped:
                return
            run(start)

    if workers <= 1:
        drain()
        return
    with ThreadPoolExecutor(workers - 1, thread_name_prefix="parzen") as pool:
        try:
            others = [pool.submit(drain) for _ in range(workers - 1)]
            drain()
            for other in others:
                other.result()
        finally:
            stopped = True  # after Ctrl-C the others end with the task at hand


def repair(f: Any, out: Any, inner: int, scheme: Scheme, position: FloatArray) -> None:
    """Redo what is NaN in the flat ``out`` from the samples of ``f`` that are not NaN."""
    spoilt = np.isnan(out.reshape(-1, scheme.n, inner)).any(axis=1)
    lines = np.flatnonzero(spoilt)
    if lines.size:
        around, at_end = scheme.samples_around_gaps
        loops.repair_lines(f, out, lines, scheme.n, inner, position, around, at_end, scheme.order)


def _prepare(scheme: Scheme, inner: int) -> FloatArray | None:
    """Return all weights of an uneven axis if they are few, so that they are made only once."""
    if scheme.gaps is None or scheme.n > BLOCK or scheme.low >= scheme.high:
        return None
    weights = interior_weights(scheme, scheme.low, scheme.high)
    return np.repeat(weights, inner, axis=1) if 1 < inner <= _REPEATED else weights


def _block(
    f: Any, out: Any, begin: int, end: int, inner: int, scheme: Scheme, weights: FloatArray | None
) -> None:
    """Differentiate the flat range [begin, end) along one axis."""
    n, low, high = scheme.n, scheme.low, scheme.high
    loops.edges(
        f,
        out,
        begin,
        end,
        n,
        inner,
        scheme.targets,
        scheme.indices,
        scheme.weights,
        scheme.divisors,
        not scheme.plain,
    )
    if low >= high:
        return
    if scheme.odd and scheme.pairs.size == 1:
        loops.central_interior(f, out, begin, end, n, inner, low, high, scheme.divisor)
        return
    if scheme.gaps is None:
        loops.uniform_interior(
            f, out, begin, end, n, inner, low, high, scheme.pairs, scheme.odd, scheme.divisor
        )
        return
    if weights is not None:
        first = low * inner if 1 < inner <= _REPEATED else low
        loops.uneven_interior(
            f,
            out,
            begin,
            end,
            n,
            inner,
            low,
            high,
            weights,
            first,
            scheme.left,
            scheme.plain,
            inner <= _REPEATED,
        )
        return
    if scheme.plain and inner == 1:
        loops.long_uneven_interior(f, out, begin, end, n, low, high, scheme.gaps)
        return
    for a, b, i, j in _segments(begin, end, n, inner, low, high):
        loops.uneven_interior(
            f,
            out,
            a,
            b,
            n,
            inner,
            low,
            high,
            interior_weights(scheme, i, j),
            i,
            scheme.left,
            scheme.plain,
            inner == 1,
        )


def _segments(
    begin: int, end: int, n: int, inner: int, low: int, high: int
) -> Iterator[tuple[int, int, int, int]]:
    """Cut a flat range at the ends of lines; with each part, the interior points that it covers."""
    line = n * inner
    while begin < end:
        base = begin // line * line
        stop = min(end, base + line)
        i = max(low, (begin - base) // inner)
        j = min(high, (stop - base + inner - 1) // inner)
        if i < j:
            yield begin, stop, i, j
        begin = stop
