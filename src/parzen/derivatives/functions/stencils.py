"""Difference quotients of a function along a line, and their extrapolation to step zero.

A `Rule` is the quotient Q(h) = h⁻ⁿ Σⱼ wⱼ f(x + j h) whose error is c₁h^p₁ + c₂h^p₂ + …: even powers for a
central rule, every power from two on for a one-sided one. Halving h and cancelling one power after the
other is Richardson's extrapolation (`extrapolate`).
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from parzen.derivatives.arrays.stencils import stencil
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
    def beyond(self) -> "Companion":
        """Weights on the same nodes for the next derivative, or, central of even order, the one before."""
        return companion(self.order, self.side)

    @property
    def reach(self) -> int:
        """The largest multiple of h at which f is evaluated."""
        return max(abs(node) for node in self.nodes)


class Companion(NamedTuple):
    """Weights of another derivative on the nodes of a rule."""

    weights: tuple[float, ...]
    weight0: float


@lru_cache
def companion(order: int, side: int) -> Companion:
    """Return the weights for the highest derivative that the nodes of a rule give, other than its own."""
    even = side == 0 and order % 2 == 0
    weights = _weights(_nodes(order, side), order - 1 if even else order + 1)
    weight0 = weights.pop(0)
    return Companion(tuple(weights.values()), weight0)


def _nodes(order: int, side: int) -> list[int]:
    """The nodes of a rule, with 0."""
    half = (order + 1) // 2
    return list(range(-half, half + 1)) if side == 0 else [side * j for j in range(order + 2)]


def _weights(nodes: list[int], order: int) -> dict[int, float]:
    """Return the weight of each node, rounded once."""
    return dict(zip(nodes, map(float, stencil(nodes, order, exact=True)), strict=True))


@lru_cache
def rule(order: int, side: int = 0) -> Rule:
    """Return the smallest second-order rule, its weights found in exact arithmetic."""
    nodes = _nodes(order, side)
    solution = _weights(nodes, order)
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
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Extrapolate Q(h), Q(h/2), Q(h/4), … to h = 0.

    Returned are the value, its distances from its finer and its coarser parent in the table, and the
    distance of the finer parent from its own (0 where it has none).
    """
    column = list(quotients)
    parents = column[-1:] * 2
    finest = column[-1]
    earlier = np.zeros_like(finest)
    for level in range(len(quotients) - 1):
        parents = column[-2:]
        earlier, finest = np.abs(column[-1] - finest), column[-1]
        factor = 2.0 ** powers[level]
        column = [fine + (fine - coarse) / (factor - 1) for coarse, fine in pairwise(column)]
    return column[0], np.abs(column[0] - parents[1]), np.abs(column[0] - parents[0]), earlier
