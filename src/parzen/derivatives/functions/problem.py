"""What the search for a step is asked and what it answers: plain data."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from parzen.typing import BoolArray, FloatArray, IntArray

__all__ = [
    "FLAT",
    "FLAT_HERE",
    "NOISY",
    "NOT_FINITE",
    "OUTSIDE",
    "REMEDIES",
    "ROUGH",
    "STAIRS",
    "START",
    "UNSETTLED",
    "Problems",
    "Solution",
    "Verdict",
]

#: order of the derivative → (levels of the first table, log2 of its largest step over the scale L)
START = {1: (2, -14), 2: (4, -3), 3: (4, -1), 4: (5, 0), 5: (4, 1), 6: (4, 1)}
# why a derivative was not found
FLAT = "f is flat at every step size from the smallest that x resolves to the largest allowed"
FLAT_HERE = "f is flat around x and changes only at steps over which it is not smooth"
ROUGH = "f is not smooth at any step size: a jump, a kink or a pole at or next to x"
STAIRS = "f is constant over small steps, like a staircase"
NOISY = (
    "f is too noisy, or its derivative too small beside f, for this tolerance: give `noise=`, raise `rtol=`"
)
UNSETTLED = "no step size brought the error under the tolerance"
OUTSIDE = "f is not finite, or not defined, around x"
NOT_FINITE = "f is not finite at x"
#: what helps where no tolerance does, by the beginning of the reason
REMEDIES = {
    FLAT: "move x to where f changes",
    FLAT_HERE: "move x to where f changes",
    ROUGH: "move x, or take the derivative to one side with `bounds=(x, None)` or `bounds=(None, x)`",
    STAIRS: "give the height of the stairs as `noise=`",
    OUTSIDE: "move x to where f is smooth and defined on one side at least, and give its domain as `bounds=`",
    NOT_FINITE: "move x to where f is finite",
    "rounding": "raise `rtol`",
    NOISY: "move x off any kink of f, or give the error of f's values as `noise=`",
}


@dataclass(frozen=True, eq=False)
class Problems:
    """What the search needs to know, one entry a problem."""

    base: FloatArray  # f(x)
    grain: float  # relative rounding of f's values
    noise: float  # absolute error of f's values; 0 if not known
    noise_known: bool
    first: IntArray  # log2 of the probing step
    least: IntArray  # log2 of the smallest step that x resolves
    most: IntArray  # log2 of the largest step inside the bounds and float64
    origin: IntArray  # log2 |x|, far below `least` at x = 0
    scale: FloatArray | None  # log2 of the caller's length scale


@dataclass(eq=False)
class Solution:
    """What the search found, one entry a problem."""

    value: FloatArray
    error: FloatArray
    step: FloatArray
    converged: BoolArray
    why: list[str]  # the reason, where not converged

    @classmethod
    def unknown(cls, count: int) -> "Solution":
        """Return the state of complete ignorance."""
        return cls(
            np.zeros(count),
            np.full(count, np.inf),
            np.zeros(count),
            np.zeros(count, dtype=np.bool_),
            [""] * count,
        )

    def rows(self, index: IntArray) -> "Solution":
        """Return the answers to some of the problems."""
        why = [self.why[at] for at in index]
        return Solution(self.value[index], self.error[index], self.step[index], self.converged[index], why)

    def put(self, other: "Solution", place: IntArray) -> None:
        """Write the answers to some of the problems, given in the order of ``place``."""
        for name in ("value", "error", "step", "converged"):
            getattr(self, name)[place] = getattr(other, name)
        for at, why in zip(place, other.why, strict=True):
            self.why[at] = why


class Verdict(NamedTuple):
    """The outcome of one search."""

    value: float
    error: float
    step: float
    converged: bool
    why: str
