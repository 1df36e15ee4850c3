"""Difference quotients of a function along a line, and their extrapolation to step zero.

A `Rule` is the quotient Q(h) = h⁻ⁿ Σⱼ wⱼ f(x + j h) whose error is c₁h^p₁ + c₂h^p₂ + …: even powers for a
central rule, every power from two on for a one-sided one. Halving h and cancelling one power after the
other is Richardson's extrapolation (`extrapolate`).
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import numpy as np

from parzen.typing import FloatArray

__all__ = ["MOST_LEVELS", "Rule", "extrapolate", "rule"]

#: No table has more levels than this: the seventh gains less than rounding takes away.
MOST_LEVELS = 6


@dataclass(frozen=True)
class Rule:
    """The quotient for a derivative of one order, central (side 0) or one-sided (side ±1)."""

    order: int
    side: int
    nodes: tuple[int, ...]  # multiples of h, without 0
    weights: tuple[float, ...]
    weight0: float
    powers: tuple[int, ...]
    gain: float  # Σ|w|: how much the error of one value of f is amplified, times hⁿ

    @property
    def reach(self) -> int:
        """The largest multiple of h at which f is evaluated."""
        return max(abs(node) for node in self.nodes)


@lru_cache
def rule(order: int, side: int = 0) -> Rule:
    """Return the smallest second-order rule, its weights found in exact arithmetic."""
    half = (order + 1) // 2
    nodes = list(range(-half, half + 1)) if side == 0 else [side * j for j in range(order + 2)]
    # Solve Σ wⱼ jⁱ = i! [i = n] by Gauss-Jordan elimination on fractions.
    size = len(nodes)
    table = [
        [Fraction(node) ** i for node in nodes] + [Fraction(math.factorial(order) if i == order else 0)]
        for i in range(size)
    ]
    for column in range(size):
        pivot = next(row for row in range(column, size) if table[row][column])
        table[column], table[pivot] = table[pivot], table[column]
        table[column] = [entry / table[column][column] for entry in table[column]]
        for row in range(size):
            if row != column:
                factor = table[row][column]
                table[row] = [a - factor * b for a, b in zip(table[row], table[column], strict=True)]
    solution = dict(zip(nodes, (float(row[-1]) for row in table), strict=True))
    weight0 = solution.pop(0)
    powers = tuple(range(2, 2 * MOST_LEVELS + 1, 2)) if side == 0 else tuple(range(2, MOST_LEVELS + 2))
    return Rule(
        order=order,
        side=side,
        nodes=tuple(solution),
        weights=tuple(solution.values()),
        weight0=weight0,
        powers=powers,
        gain=sum(map(abs, solution.values())) + abs(weight0),
    )


def extrapolate(
    quotients: list[FloatArray], powers: tuple[int, ...]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Extrapolate Q(h), Q(h/2), Q(h/4), … to h = 0.

    Returned are the value and its distances from its finer and its coarser parent in the table.
    """
    column = list(quotients)
    parents = column[-1:] * 2
    for level in range(len(quotients) - 1):
        parents = column[-2:]
        factor = 2.0 ** powers[level]
        column = [fine + (fine - coarse) / (factor - 1) for coarse, fine in pairwise(column)]
    return column[0], np.abs(column[0] - parents[1]), np.abs(column[0] - parents[0])
