"""What one look at f says (change, size, bend), and what several looks say together (value, error)."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from parzen.derivatives.functions.stencils import Rule, extrapolate
from parzen.typing import BoolArray, FloatArray, IntArray

__all__ = [
    "EXPLAINED", "Estimate", "Look", "bend_noise", "disagreement", "estimate", "fallen_behind", "length",
    "look", "slope_part",
]  # fmt: skip

AnyArray = FloatArray | IntArray

#: What a step must change f by, in units of its noise, to tell anything about its scale.
RESOLVED = 64.0
#: Disagreement between two steps that rounding alone explains, in units of the noise.
EXPLAINED = 8.0
#: Successive quotients of a smooth function differ by a factor of 4; 64 where the first two powers vanish.
STRADDLED = 100.0
#: A relative change beyond which a step may have left the neighbourhood of x.
LOCAL = 2.0**-6


class Look(NamedTuple):
    """What f does at one step h: arrays, one entry a problem."""

    quotient: FloatArray  # hⁿ Q(h)
    change: FloatArray  # max |f(node) - f(x)|
    stair: FloatArray  # min |f(node) - f(x)| where it is not 0, else inf
    still: BoolArray  # some node has exactly the value f(x)
    size: FloatArray  # max |f|
    odd: FloatArray  # f(x+h) - f(x-h), or f(x+2h) - f(x) one-sided
    even: FloatArray  # second difference
    beyond: FloatArray  # hⁿ⁺¹ f⁽ⁿ⁺¹⁾, or for a central rule of even order n: hⁿ⁻¹ f⁽ⁿ⁻¹⁾ + O(hⁿ⁺¹)
    noise: FloatArray  # of f's values, at least
    finite: BoolArray
    resolved: BoolArray
    local: BoolArray

    def of(self, index: Any) -> "Look":
        """Return the look at some of the problems."""
        return Look(*(entry[index] for entry in self))


class Estimate(NamedTuple):
    """One extrapolated value and what is known of its error."""

    value: FloatArray
    drift: FloatArray  # the last change of the table: truncation
    rounding: FloatArray
    tolerance: FloatArray
    kinked: BoolArray

    @property
    def error(self) -> FloatArray:
        """The reported error."""
        return self.drift + self.rounding


def look(rule: Rule, base: FloatArray, values: FloatArray, floor: float, grain: float) -> Look:
    """Measure f at the nodes of one step."""
    with np.errstate(all="ignore"):
        column = dict(zip(rule.nodes, values.T, strict=True))
        quotient = sum(
            (w * column[j] for w, j in zip(rule.weights, rule.nodes, strict=True)), rule.weight0 * base
        )
        moves = np.abs(values - base[:, None])
        change = np.max(moves, axis=1)
        stair = np.min(np.where(moves > 0, moves, np.inf), axis=1)
        still = np.equal(np.min(moves, axis=1), 0)
        size = np.maximum(np.max(np.abs(values), axis=1), np.abs(base))
        if rule.side == 0:
            plus, minus = column[1] - base, column[-1] - base
            odd, even = plus - minus, plus + minus
        else:
            one, two = column[rule.side], column[2 * rule.side]
            odd, even = (two - base), (two - base) - 2 * (one - base)
        beyond = even  # the second derivative, on the nodes of the first
        if rule.order > 1:
            other = rule.beyond
            beyond = sum(
                (w * column[j] for w, j in zip(other.weights, rule.nodes, strict=True)), other.weight0 * base
            )
        noise = np.maximum(grain * size, floor)
        finite: BoolArray = np.logical_and.reduce(np.isfinite(values), axis=1)
        resolved: BoolArray = change > RESOLVED * noise
        local = np.logical_and(finite, ~(change / size > LOCAL) | (np.abs(even) / np.abs(odd) <= LOCAL))
    return Look(quotient, change, stair, still, size, odd, even, beyond, noise, finite, resolved, local)


def length(seen: Look, k: AnyArray) -> FloatArray:
    """Return log2 of the length over which f changes by its own size, as a step 2^k shows it; inf for none."""
    with np.errstate(all="ignore"):
        bend, growth = np.abs(seen.even) / np.abs(seen.odd), seen.change / seen.size
        curved = np.abs(seen.even) > RESOLVED * seen.noise
        by_size = np.where(growth < LOCAL, np.log2(growth), -np.inf)
        by_bend = np.where(curved, np.log2(bend), -np.inf)
        # where the even part dominates, x is near a stationary point: f - f(x) ~ (h/L)² f
        per_step = np.where(curved & (bend > 1), np.log2(growth) / 2, np.maximum(by_size, by_bend))
        found: FloatArray = np.asarray(k, dtype=np.float64) - np.minimum(per_step, 0.0)
    return found


def fallen_behind(small: Look, k: AnyArray | int, large: Look, top: AnyArray | int) -> Any:
    """Tell whether f changes so little over 2^top, by what it does over 2^k, that it has turned in between."""
    with np.errstate(all="ignore"):
        return 4 * large.change < small.change * np.exp2(np.subtract(top, k, dtype=np.float64))


def estimate(
    rule: Rule, looks: list[Look], top: AnyArray, floor: FloatArray, grain: float, rtol: float
) -> Estimate:
    """Extrapolate the looks at steps 2^top, 2^(top-1), …; floor is the noise of f in absolute terms."""
    with np.errstate(all="ignore"):
        n, levels = rule.order, len(looks)
        quotients = [look.quotient * np.exp2(-n * (top - level)) for level, look in enumerate(looks)]
        value, drift, coarse, earlier = extrapolate(quotients, rule.powers)
        last, largest = looks[-1], looks[0]
        # beyond the neighbourhood of x the finer parent may agree by chance
        drift = np.where(largest.local, drift, np.maximum(drift, coarse))
        noise = np.maximum(grain * last.size, floor)
        rounding = 2 * rule.gain * noise * np.exp2(-n * (top - levels + 1))
        if n == 1:
            natural = largest.change * np.exp2(-top)
            decay = [np.abs(each.even) for each in looks]
            shrinks = 0.4
            # a table shifted by one step that has not two digits in common shows no convergence yet
            drift = np.where(coarse > 2.0**-6 * np.abs(value), np.maximum(drift, coarse / 16), drift)
            if levels > 2:
                # quotients that close in like h, not like h², are as far away as they are from each other
                gaps = [np.abs(one - two) for one, two in pairwise(quotients[-3:])]
                slow = gaps[1] > 0.375 * gaps[0] + EXPLAINED * rounding
                drift = np.where(slow, np.maximum(drift, gaps[1]), drift)
        else:
            # what the next derivative makes of f⁽ⁿ⁾ over one step: this is what a zero is small beside
            decay = _beyond(rule, looks, top)
            natural = decay[0]
            shrinks = 0.75
            # a largest step at which the quotient means nothing yet does not make the others any better
            useless = np.abs(quotients[0] - value) > np.maximum(np.abs(value), natural) / 2
            drift = np.where(useless, np.maximum(drift, earlier), np.maximum(drift, earlier / 4))
        error = drift + rounding
        # noise that was seen, not known, may be three times as large
        share = np.where(floor > grain * last.size, 1 / 3, 1.0)
        tolerance = rtol * share * np.where(np.abs(value) <= error, natural, np.abs(value))
        kinked: BoolArray = np.zeros(np.shape(value), dtype=np.bool_)
        if rule.side == 0 and len(decay) > 1:
            allowed = EXPLAINED * noise * (1.0 if n == 1 else rule.gain * np.exp2(-n * (top - levels + 1)))
            kinked = decay[-1] > shrinks * decay[-2] + allowed
        if n == 1:
            # the least step is too large already: over ever larger ones a bounded f has quotients like 1/h
            off = np.abs(quotients[-1] - value)
            kinked = kinked | ((np.abs(value) > error) & (off > np.abs(value) / 8 + EXPLAINED * rounding))
        if levels > 2:
            # a jump, kink or pole within the largest step spoils its quotient, and only that one
            gaps = [np.abs(one - two) for one, two in pairwise(quotients)]
            kinked = kinked | (gaps[0] > STRADDLED * gaps[1] + EXPLAINED * rounding)
            # above a kink that is beside x the quotients drift apart as the step shrinks
            kinked = kinked | (gaps[-1] > 0.7 * gaps[-2] + EXPLAINED * rounding)
    return Estimate(value, drift, rounding, tolerance, kinked)


def _beyond(rule: Rule, looks: list[Look], top: AnyArray) -> list[FloatArray]:
    """h f⁽ⁿ⁺¹⁾ at each step, for n > 1; a central rule of even order needs two steps for one value."""
    n = rule.order
    if rule.side != 0 or n % 2 == 1:
        return [np.abs(each.beyond) * np.exp2(-n * (top - level)) for level, each in enumerate(looks)]
    slopes = [each.beyond * np.exp2(-(n - 1) * (top - level)) for level, each in enumerate(looks)]
    return [np.abs(one - two) * np.exp2(-(top - level)) for level, (one, two) in enumerate(pairwise(slopes))]


def bend_noise(rule: Rule, looks: list[Look], top: AnyArray) -> FloatArray:
    """The noise of f that its second differences show: their table does not settle as it should."""
    with np.errstate(all="ignore"):
        curvature = [each.even * np.exp2(-2 * (top - level)) for level, each in enumerate(looks)]
        _, drift, _, _ = extrapolate(curvature, rule.powers)
        # of two levels, |even(h) - 4 even(h/2)| / 8.4, a standard deviation of f's error
        noise: FloatArray = 3 * drift * np.exp2(2 * top) / 8.4
    return noise


def disagreement(
    rule: Rule, small: Look, k: AnyArray, looks: list[Look], top: AnyArray, value: FloatArray
) -> FloatArray:
    """How far f at a smaller step 2^k is from what a table predicts there, in units of f."""
    one_sided = rule.side != 0
    bottom = top - len(looks) + 1
    with np.errstate(all="ignore"):
        ratio = np.exp2(k - bottom)
        span = np.exp2(bottom)
        curvature, _, _, _ = extrapolate(
            [each.even * np.exp2(-2 * (top - level)) for level, each in enumerate(looks)],
            rule.powers if not one_sided else tuple(range(1, len(looks) + 1)),
        )
        odd = slope_part(rule, looks[-1])
        even = looks[-1].even
        linear, square = 2 * span * value, span**2 * curvature
        odd_there = linear * ratio + (odd - linear) * ratio**3
        even_there = square * ratio**2 + (even - square) * ratio ** (3 if one_sided else 4)
        gap: FloatArray = np.maximum(
            np.abs(slope_part(rule, small) - odd_there) / (6.0 if one_sided else 1.5),
            np.abs(small.even - even_there) / 2.5,
        )
    return gap


def slope_part(rule: Rule, seen: Look) -> FloatArray:
    """2 h f'(x) + O(h³)."""
    return seen.odd if rule.side == 0 else rule.side * (seen.odd - 2 * seen.even)
