"""Calls of f: at displaced points, one by one, in batches or in threads, counted, never outside the bounds."""

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np

from parzen.errors import InputTypeError
from parzen.typing import FloatArray, IntArray
from parzen.validation import as_positive_int, describe

__all__ = ["AxisSampler", "ElementSampler", "Sampler", "step_limits"]

#: Raised by f next to x, these mean "not defined here", as NaN does; at x itself they reach the caller.
UNDEFINED = (ArithmeticError, ValueError)


def step_limits(x: FloatArray, reach: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return log2 of the probing, the smallest and the largest step for coordinates x (no bounds)."""
    size = np.abs(x)
    least = np.where(size > 0, np.frexp(np.spacing(size))[1], -1000)
    first = np.frexp(np.maximum(size, 2.0**-10))[1] - 34
    most = np.full(x.shape, 1000 - reach)
    # stay a factor 4 below overflow
    most = np.where(size > 2.0**1020, np.frexp(size)[1] - 8, most)
    return first.astype(np.int64), np.maximum(least, -1000).astype(np.int64), most.astype(np.int64)


class Sampler(Protocol):
    """f along lines through x."""

    n_evaluations: int
    base: FloatArray  # (n_lines, n_components)

    def values(self, line: IntArray, t: FloatArray) -> FloatArray:
        """Return f at a distance t along a line, shape (len(line), n_components); NaN where not defined."""
        ...
