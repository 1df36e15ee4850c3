"""Type names shared by every room."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ArrayLike", "BoolArray", "FloatArray", "IntArray", "Progress"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Called as ``progress(done, total)`` from the main thread; units are the caller's own.
Progress = Callable[[int, int], None]
