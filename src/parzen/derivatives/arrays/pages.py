"""Memory for large results: it begins where a huge page does, and dropped results serve the next call.

The system fills each new page with zeros, which takes longer than a first derivative. A program that differentiates
again and again drops one result and asks for the next of the same size, and so gets the same pages again. Meanwhile
they belong to the system, which takes them as soon as anything else wants memory (``MADV_FREE`` of Linux).

What happens when a result is dropped runs no Python: an exception there, as Ctrl-C raises it, would be printed and
lost. Nothing here takes a lock either: a garbage collection in the middle may run code that comes back here.
"""

import functools
import math
import mmap
import operator
import sys
import weakref
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

__all__ = ["PAGE", "making_room", "new_output", "release"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: Bytes of a huge page, which every result of this size gets.
PAGE = 1 << 21
#: Bytes of a result from which it gets pages of its own; less is kept by other allocators too.
_MAPPED = 1 << 20
#: Results whose pages are used again, two times three axes, and their bytes.
_MOST, _MOST_BYTES = 6, 1 << 30


class _Lent(weakref.ref[Any]):
    """Pages, and whether an array lives on them."""

    __slots__ = ("madvise", "pages")

    pages: mmap.mmap
    madvise: Any  # the method of ``pages``, which the callback finds here

    def idle(self) -> bool:
        """Whether nothing refers to the pages any more, no buffer of them either."""
        # this attribute, the method, and the argument of getrefcount
        return self() is None and sys.getrefcount(self.pages) == 3


_give_back = operator.methodcaller("madvise", getattr(mmap, "MADV_FREE", 0))
_lent: list[_Lent] = []  # the newest, all of the size that was asked for last


def new_output(shape: tuple[int, ...], dtype: Any) -> tuple[Any, bool]:
    """Return an uninitialised array, and whether its pages are new: the system fills these with zeros."""
    count = math.prod(shape) * dtype.itemsize
    if count < _MAPPED:
        return np.empty(shape, dtype), True
    slack = PAGE if count >= PAGE else 0
    room, new = _used_again(count + slack) if _can_lend(count) else (None, True)
    if room is None:
        room = np.empty(count + slack, np.uint8)
    first = -room.ctypes.data % PAGE if slack else 0
    return room[first : first + count].view(dtype).reshape(shape), new


def release() -> bool:
    """Forget the pages of dropped results; return whether there were any."""
    found = any(entry.idle() for entry in _lent)
    _lent.clear()
    return found


def making_room(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Call a function again, without the pages of dropped results, where memory runs out."""

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except MemoryError:
            if not release():
                raise
        return function(*args, **kwargs)

    return call


def _can_lend(count: int) -> bool:
    """Whether the system takes pages back lazily, and nobody counts addresses."""
    if sys.platform != "linux" or not hasattr(mmap, "MADV_FREE") or 2 * count > _MOST_BYTES:
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


def _used_again(size: int) -> tuple[Any, bool]:
    """Return pages of this size as bytes, those of a dropped result if there is one, and whether they are new."""
    pages = None
    for _ in range(len(_lent)):
        try:
            entry = _lent.pop(0)
        except IndexError:  # another thread looks at them
            break
        if len(entry.pages) == size:  # the others are freed with their arrays
            if pages is None and entry.idle():
                pages = entry.pages
            else:
                _lent.append(entry)
    new = pages is None
    if pages is None:
        try:
            pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            pages.madvise(mmap.MADV_FREE)  # refused here, if at all
        except OSError:
            return None, True
    room = np.frombuffer(pages, np.uint8)
    if new:
        _ask_for_huge(pages, room.ctypes.data, size)
    entry = _Lent(room, _give_back)
    entry.pages, entry.madvise = pages, pages.madvise
    del _lent[: 1 - min(_MOST, _MOST_BYTES // size)]
    _lent.append(entry)
    return room, new


def _ask_for_huge(pages: mmap.mmap, address: int, size: int) -> None:
    """Ask for huge pages where whole ones fit; what hangs over stays small, else results would take too much."""
    first = -address % PAGE
    whole = (size - PAGE) // PAGE * PAGE
    if whole > 0:
        try:
            pages.madvise(mmap.MADV_HUGEPAGE, first, whole)
        except OSError:  # a system without huge pages
            return
