"""Memory for large results: it begins where a huge page does, and dropped results serve the next call.

The system fills each new page with zeros, which takes longer than a first derivative. A program that differentiates
again and again drops one result and asks for the next of the same size, and so gets the same pages again. Meanwhile
they belong to the system, which takes them as soon as anything else wants memory (``MADV_FREE`` of Linux).
"""

import contextlib
import math
import mmap
import sys
import weakref
from typing import Any

import numpy as np

__all__ = ["PAGE", "new_output"]

PAGE = 1 << 21  # bytes of a huge page, which every result of this size gets
_MAPPED = (
    1 << 20
)  # bytes of a result from which it gets pages of its own; less is kept by other allocators too
_KEPT = 3  # dropped results that are kept: one for each axis of space

_dropped: list[mmap.mmap] = []  # pages of results that nobody holds any more, all of the size asked for last


def new_output(shape: tuple[int, ...], dtype: Any) -> tuple[Any, bool]:
    """Return an uninitialised array, and whether its pages are new: the system fills these with zeros."""
    count = math.prod(shape) * dtype.itemsize
    pages, new = _pages(count) if count >= _MAPPED else (None, True)
    if pages is None:
        return np.empty(shape, dtype), new
    room = np.frombuffer(pages, np.uint8)
    # every array on these pages holds on to ``room``
    weakref.finalize(room, _keep, pages).atexit = False
    first = _first_huge(pages, count)
    return room[first : first + count].view(dtype).reshape(shape), new


def _pages(count: int) -> tuple[mmap.mmap | None, bool]:
    """Return pages for so many bytes, or None where the system lends none; and whether they are new."""
    if not hasattr(mmap, "MADV_FREE") or sys.platform != "linux":
        return None, True
    size = count + PAGE if count >= PAGE else count
    while _dropped:
        try:
            pages = _dropped.pop()
        except IndexError:  # another thread was quicker
            break
        if len(pages) == size:
            return pages, False
    try:
        pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:
        return None, True
    if count >= PAGE:
        # what hangs over stays small, so that no result takes more memory than it needs
        with contextlib.suppress(OSError):  # a system without huge pages
            pages.madvise(mmap.MADV_HUGEPAGE, _first_huge(pages, count), count // PAGE * PAGE)
    return pages, True


def _first_huge(pages: mmap.mmap, count: int) -> int:
    """Return where in these pages the result begins: with the first huge one, if it has any."""
    return -np.frombuffer(pages, np.uint8, 1).ctypes.data % PAGE if count >= PAGE else 0


def _keep(pages: mmap.mmap) -> None:
    """Leave the pages of a dropped result to the system, until the next call wants them."""
    if len(_dropped) < _KEPT:
        pages.madvise(mmap.MADV_FREE)
        _dropped.append(pages)
