"""The splits and the pixel scale of the experiment that parzen repeats."""

import numpy as np

from parzen.datasets.files import ByteArray
from parzen.typing import FloatArray, IntArray

__all__ = ["SEED", "scaled", "shuffled"]

SEED = 1573368177


def shuffled(count: int, seed: int) -> IntArray:
    """Return the order in which ``numpy.random.RandomState(seed).shuffle(rows)`` leaves ``count`` rows.

    Shuffling the numbers draws the same random integers as shuffling the rows in place, which would move
    every image: 2 ms instead of 220 for 50 000 images, and no float32 copy of them all.

    Examples
    --------
    >>> rows = np.arange(10.0).reshape(5, 2)
    >>> order = shuffled(5, SEED)
    >>> expected = rows.copy()
    >>> np.random.RandomState(SEED).shuffle(expected)
    >>> bool((rows[order] == expected).all())
    True
    """
    order = np.arange(count)
    np.random.RandomState(seed).shuffle(order)
    return order


def scaled(pixels: ByteArray, levels: int) -> FloatArray:
    """Return k/levels in float64, rounded to float32 on the way as the original was."""
    return (pixels.astype(np.float32) / np.float32(levels)).astype(np.float64)
