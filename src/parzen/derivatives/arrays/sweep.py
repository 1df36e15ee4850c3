"""Carry out the schemes of several axes in one pass over memory, in blocks, on several threads.

The array is cut into flat blocks that fit the second-level cache; for each block every axis writes its output
while the block's samples are at hand. Blocks are disjoint and each element is computed the same way whichever
thread takes it, so results do not depend on ``workers``.
"""

from _thread import LockType, allocate_lock, start_new_thread
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np

from parzen.derivatives.arrays import loops
from parzen.derivatives.arrays.pages import PAGE
from parzen.derivatives.arrays.schemes import Scheme, interior_weights
from parzen.derivatives.arrays.spacing import Spacing
from parzen.typing import FloatArray

__all__ = ["Axis", "repair", "sweep"]

_REPEATED = 16  # up to so many elements behind the axis, weights are repeated so that loops stay long
_FEW_WEIGHTS = 1 << 16  # up to so many points of an uneven axis, weights are made once
_REPAIRED = 1 << 20  # elements whose lines one compiled call repairs, well under 0.1 s
_STREAMED = 1 << 25  # bytes of results from which they bypass the caches: a large third-level one

_Step = Callable[[int, int], None]  # works on the flat range from its first argument to its second


@dataclass(frozen=True, eq=False)
class Axis:
    """What is wanted along one axis of flat samples."""

    scheme: Scheme
    inner: int  # elements behind one step
    out: Any  # flat
    new: bool  # whether the pages of ``out`` were never written to

    @property
    def central(self) -> bool:
        """Whether the interior is a difference of two neighbours."""
        return self.scheme.odd and self.scheme.pairs.size == 1

    @property
    def three_point(self) -> bool:
        """Whether the interior is NumPy's for coordinates, with weights that are made once."""
        return self.scheme.plain and self.weights is not None

    @cached_property
    def weights(self) -> FloatArray | None:
        """All weights of an uneven axis, if they are few."""
        scheme = self.scheme
        if scheme.gaps is None or scheme.n > _FEW_WEIGHTS or scheme.low >= scheme.high:
            return None
        weights = interior_weights(scheme, scheme.low, scheme.high)
        return np.repeat(weights, self.inner, axis=1) if 1 < self.inner <= _REPEATED else weights

    @property
    def line(self) -> tuple[int, int, int, int, int]:
        """Length, inner, first and last of the interior, and whether weights are for single elements."""
        scheme = self.scheme
        return scheme.n, self.inner, scheme.low, scheme.high, self.inner <= _REPEATED


def sweep(f: Any, axes: Sequence[Axis], workers: int) -> None:
    """Fill the outputs of all axes with the derivatives of the flat, C-contiguous floats ``f``.

    A thread takes a huge page of each output at a time. The system fills a page with zeros when it is first written to,
    and as many bytes as caches hold are written over before those zeros reach the memory.
    """
    size = f.size
    steps = _steps(f, axes)

    def run(begin: int, end: int) -> None:
        for axis in axes:
            s = axis.scheme
            loops.edges(
                f,
                axis.out,
                begin,
                end,
                s.n,
                axis.inner,
                s.targets,
                s.indices,
                s.weights,
                s.divisors,
                not s.plain,
            )
        # several steps share what a block has brought to the cache
        block = loops.BLOCK if len(steps) > 1 else end - begin
        for start in range(begin, end, block):
            for step in steps:
                step(start, min(start + block, end))

    task = PAGE // axes[0].out.itemsize
    # pages of the first output; those made by `new_output` all begin alike
    first = task - axes[0].out.ctypes.data % PAGE // axes[0].out.itemsize
    tasks = list(pairwise([0, *range(first, size, task), size]))
    waiting = iter(tasks)  # next() on it is atomic under the interpreter lock
    stopped = False
    errors: list[BaseException] = []

    def drain() -> None:
        for begin, end in waiting:
            if stopped:
                return
            run(begin, end)

    def help_out(ending: LockType) -> None:
        try:
            drain()
        except BaseException as error:
            errors.append(error)
        finally:
            ending.release()

    # a pool of threads takes a twentieth of the time of ten million values to begin and to end; and Ctrl-C inside
    # `threading.Thread.start` leaves threads that nobody joins
    endings: list[LockType] = []  # each is held until its thread ends

    def wait() -> None:
        for ending in endings:
            with ending:  # it has a task at hand still
                pass

    try:
        for _ in range(min(workers, len(tasks)) - 1):
            ending = allocate_lock()
            ending.acquire()
            try:
                start_new_thread(help_out, (ending,))
            except RuntimeError:  # no more threads to be had: this one does it all
                break
            endings.append(ending)
        drain()
        wait()
    finally:
        stopped = True  # after Ctrl-C the others end with that task
        wait()
    if errors:
        raise errors[0]


def repair(f: Any, axis: Axis, spacing: Spacing) -> None:
    """Redo what is NaN in the output of an axis from the samples of ``f`` that are not NaN."""
    scheme = axis.scheme
    high, low, step = np.arange(scheme.n, dtype=np.float64), np.zeros(scheme.n), float(spacing.step or 0.0)
    if spacing.gaps is not None:
        loops.running_sums(spacing.gaps, high, low)
        step = 1.0
    spoilt = np.isnan(axis.out.reshape(-1, scheme.n, axis.inner)).any(axis=1)
    lines = np.flatnonzero(spoilt)
    around, at_end = scheme.samples_around_gaps
    some = max(1, _REPAIRED // scheme.n)
    for start in range(0, lines.size, some):  # Ctrl-C is heard between two calls
        few = lines[start : start + some]
        loops.repair_lines(
            f, axis.out, few, scheme.n, axis.inner, high, low, step, around, at_end, scheme.order
        )


def _steps(f: Any, axes: Sequence[Axis]) -> list[_Step]:
    """Return what differentiates the interior points of a flat range, one axis after the other or all in one call."""
    all_of_them = _compiled(f, axes)
    if all_of_them is not None:
        return [all_of_them]
    return [_compiled(f, [axis]) or partial(_interior, f, axis) for axis in axes]


def _compiled(f: Any, axes: Sequence[Axis]) -> _Step | None:
    """Return one compiled call for the interiors along these axes, if there is such."""
    outs = tuple(axis.out for axis in axes)
    lines = np.array([axis.line for axis in axes])
    if all(axis.central for axis in axes):
        divisors = np.array([axis.scheme.divisor for axis in axes])
        streamed = not any(axis.new for axis in axes) and sum(out.nbytes for out in outs) >= _STREAMED
        return lambda begin, end: loops.central_interiors(f, outs, begin, end, lines, divisors, streamed)
    if all(axis.three_point for axis in axes):
        weights = tuple(axis.weights for axis in axes)
        return lambda begin, end: loops.three_point_interiors(f, outs, begin, end, lines, weights)
    return None


def _interior(f: Any, axis: Axis, begin: int, end: int) -> None:
    """Differentiate the interior points in the flat range [begin, end) along one axis."""
    scheme, out, inner = axis.scheme, axis.out, axis.inner
    n, low, high = scheme.n, scheme.low, scheme.high
    if low >= high:
        return
    if scheme.gaps is None:
        loops.uniform_interior(
            f, out, begin, end, n, inner, low, high, scheme.pairs, scheme.odd, scheme.divisor
        )
    elif axis.weights is not None:
        first = low * inner if 1 < inner <= _REPEATED else low
        loops.uneven_interior(
            f, out, begin, end, n, inner, low, high, axis.weights, first, scheme.left, inner <= _REPEATED
        )
    elif scheme.plain and inner == 1:
        loops.long_uneven_interior(f, out, begin, end, n, low, high, scheme.gaps)
    else:
        for a, b, i, j in _segments(begin, end, n, inner, low, high):
            weights = interior_weights(scheme, i, j)
            if scheme.plain:
                lines = np.array([(n, inner, i, j, False)])
                loops.three_point_interiors(f, (out,), a, b, lines, (weights,))
            else:
                loops.uneven_interior(f, out, a, b, n, inner, low, high, weights, i, scheme.left, inner == 1)


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
