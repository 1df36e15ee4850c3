"""Points in the order of the leaves of a k-d tree, so that neighbours in the order are neighbours in space."""

import numpy as np

from parzen.typing import FloatArray, IntArray

__all__ = ["partition"]

#: Points by which the axis of a split is chosen.
_FEW = 1000


def partition(points: FloatArray, leaf: int) -> IntArray:
    """Return an order of the points, (n,), of which every ``leaf`` in a row lie close together.

    Halves are split at a multiple of ``leaf``, along the axis on which a few of their points are widest. Cost:
    n log(n / leaf).
    """
    n = len(points)
    order = np.arange(n)
    if points.shape[1] == 1:
        return np.argsort(points[:, 0], kind="stable")
    columns = np.ascontiguousarray(points.T)
    waiting = [(0, n)]
    while waiting:
        start, stop = waiting.pop()
        leaves = -(-(stop - start) // leaf)
        if leaves < 2:
            continue
        part = order[start:stop]
        few = points[part[:: -(-len(part) // _FEW)]]
        axis = int(np.argmax(0.5 * np.max(few, axis=0) - 0.5 * np.min(few, axis=0)))  # cannot overflow
        middle = leaves // 2 * leaf
        order[start:stop] = part[np.argpartition(columns[axis][part], middle)]
        waiting += [(start, start + middle), (start + middle, stop)]
    return order
