"""Points in the order of the leaves of a k-d tree, so that neighbours in the order are neighbours in space."""

import numpy as np

from parzen.typing import FloatArray, IntArray

__all__ = ["partition"]

#: Points by which the axis of a split is chosen.
_FEW = 500


def partition(points: FloatArray, leaf: int) -> IntArray:
    """Return an order of the points, (n,), of which every ``leaf`` in a row lie close together.

    Halves are split at a multiple of ``leaf``, along the axis on which a few of their points are widest. Cost:
    n log(n / leaf).
    """
    n, d = points.shape
    if d == 1:
        return np.argsort(points[:, 0])
    order = np.arange(n)
    # the points move along with their order, so that the small halves are read from the cache
    columns = np.array(points.T, order="C")
    waiting = [(0, n)]
    while waiting:
        start, stop = waiting.pop()
        leaves = -(-(stop - start) // leaf)
        if leaves < 2:
            continue
        parts = columns[:, start : stop : -(-(stop - start) // _FEW)]
        widths = 0.5 * parts.max(axis=1) - 0.5 * parts.min(axis=1)  # cannot overflow
        middle = leaves // 2 * leaf
        split = np.argpartition(columns[int(np.argmax(widths)), start:stop], middle)
        order[start:stop] = order[start:stop][split]
        for axis in range(d):
            columns[axis, start:stop] = columns[axis, start:stop][split]
        waiting += [(start, start + middle), (start + middle, stop)]
    return order
