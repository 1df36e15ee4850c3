"""The careful search for one problem: bracket the step, trade truncation against rounding, believe or doubt.

Written as a coroutine on plain numbers: it yields log2 of the step it wants to see and receives a `Look`, so
that the searches of many problems advance together and share their calls of f.
"""

import math
from collections.abc import Generator

import numpy as np

from parzen.derivatives.functions.evidence import Evidence
from parzen.derivatives.functions.look import (
    EXPLAINED,
    Estimate,
    Look,
    fallen_behind,
    length,
)
from parzen.derivatives.functions.problem import (
    FLAT,
    FLAT_HERE,
    NOISY,
    NOT_FINITE,
    OUTSIDE,
    ROUGH,
    STAIRS,
    START,
    UNSETTLED,
    Problems,
    Verdict,
)
from parzen.derivatives.functions.stencils import MOST_LEVELS, Rule

__all__ = ["Search", "search_step"]

#: No problem is looked at more often than this.
MOST_LOOKS = 48
#: log2 of a step at which f is resolved over one at which it is not, from where the search may start: beside a
#: large constant every step seems local, and f may be another function over the larger one.
NEAR_ENOUGH = 4


Search = Generator[int, Look, Verdict]


def search_step(rule: Rule, problems: Problems, member: int, trail: dict[int, Look], rtol: float) -> Search:
    """Find the step for one problem; `trail` holds what was seen of it so far."""
    if not math.isfinite(problems.base[member]):
        return Verdict(math.nan, math.inf, 0.0, False, NOT_FINITE)
    if problems.most[member] - problems.least[member] < 1:
        return Verdict(math.nan, math.inf, 0.0, False, "the bounds leave no room for a step")
    return (yield from _Careful(rule, problems, member, trail, rtol).run())


class _Careful(Evidence):
    """The state of one search. Steps are powers of two and called by their exponent k."""

    def __init__(
        self, rule: Rule, problems: Problems, member: int, trail: dict[int, Look], rtol: float
    ) -> None:
        super().__init__(rule, problems, member, trail, rtol)
        self.first = min(max(int(problems.first[member]), self.least), self.most)
        self.scale = None if problems.scale is None else float(problems.scale[member])
        self.best: Estimate | None = None
        self.best_top = self.best_levels = 0
        self.at_zero_extremum = False
        self.start = self.first  # the least step found at which f shows

    def run(self) -> Search:
        """Bracket the step, then improve it."""
        start = yield from self.bracket()
        if isinstance(start, str):
            return Verdict(0.0 if start in (FLAT, FLAT_HERE) else math.nan, math.inf, 0.0, False, start)
        levels, offset = START[self.rule.order]
        scale = float(length(self.trail[start], np.asarray(start))) if self.scale is None else self.scale
        if not math.isfinite(scale):
            scale = start + 14.0
        if self.rule.order == 1 and start - 1 >= self.least and self.trail[start].local:
            # beside a large constant f's scale says nothing: what the smallest step shows must not be contradicted
            yield from self.look(start - 1)
            looks = [self.trail[start], self.trail[start - 1]]
            if looks[1].finite:
                self.remember(self.estimate(looks, start), start, 2)
        self.start = start
        top = yield from self.inside(start, math.floor(scale) + offset)
        return (yield from self.improve(top, levels))

    def inside(self, start: int, top: int) -> Generator[int, Look, int]:
        """Return `top`, or a smaller step, up to which f changes as it should by what `start` shows."""
        top = min(top, self.most)
        if self.rule.order == 1 or self.at_zero_extremum or top <= start:
            return top  # first derivatives at `start` itself are an anchor
        yield from self.look(top)
        if not self.behind(top):
            return top
        small, large = start, top
        while large - small > 1:
            k = (small + large) // 2
            yield from self.look(k)
            small, large = (small, k) if self.behind(k) else (k, large)
        self.too_large = min(self.too_large, large + 2)
        return small

    def behind(self, k: int) -> bool:
        """Tell whether f changes so little over a step that it has turned within it."""
        first, seen = self.trail[self.start], self.trail[k]
        return not seen.finite or fallen_behind(first, self.start, seen, k)

    def bracket(self) -> Generator[int, Look, int | str]:
        """Find a step at which f is resolved and local, or say why there is none."""
        small, large, stride = self.least - 1, self.most + 1, 12
        k = self.first if self.scale is None else min(max(math.floor(self.scale) - 14, self.least), self.most)
        any_finite = False
        tops: list[int] = []  # steps that were too large
        while True:
            seen = yield from self.look(k)
            any_finite |= bool(seen.finite)
            if seen.finite and not seen.resolved:
                small = max(small, k)
            else:
                large = min(large, k)
                if not seen.local:
                    tops = sorted([*tops, k])
                    if self.stationary(tops):
                        self.at_zero_extremum = True
                        return k
            if large in self.trail and self.trail[large].local:
                if small < self.least or large - small <= NEAR_ENOUGH:
                    return large
            elif large - small <= 1:
                break
            if small < self.least:
                k = max(k - stride, self.least)
            elif large > self.most:
                k = min(k + stride, self.most)
            else:
                k = (small + large) // 2
            stride *= 2
        if not any_finite:
            return OUTSIDE
        if tops and _growth(self.trail[large]) < 0.5:
            return large  # the lattice of x is as coarse as f: let the table judge
        return FLAT if not tops else ROUGH if small < self.least else FLAT_HERE

    def stationary(self, tops: list[int]) -> bool:
        """Tell whether f(x) = 0 is an extremum: the change of f falls faster than h."""
        if len(tops) < 2:
            return False
        one, two = (self.trail[k] for k in tops[:2])
        if not (one.finite and two.finite) or one.change == 0 or two.change == 0:
            return False
        return float(np.log2(two.change / one.change)) > 1.2 * (tops[1] - tops[0])

    def improve(self, top: int, levels: int) -> Search:
        """Move the table and add levels to it until the error is small enough, or nothing can be gained."""
        why = UNSETTLED
        visited: set[tuple[int, int, float]] = set()
        while len(self.trail) < MOST_LOOKS:
            top = min(max(top, self.least + levels - 1), self.most)
            if top - levels + 1 < self.least or (top, levels, self.floor) in visited:
                break
            visited.add((top, levels, self.floor))
            for k in range(top, top - levels, -1):
                yield from self.look(k)
            looks = [self.trail[k] for k in range(top, top - levels, -1)]
            if not all(each.finite for each in looks):
                self.too_large, top, why = min(self.too_large, top), top - 4, OUTSIDE
                continue
            if self.best is not None and top > self.best_top and _saturated(looks, self.floor):
                self.too_large, top = min(self.too_large, top), top - levels
                continue
            if self.far(looks, top) and top - levels + 1 > self.least:
                self.too_large, top = min(self.too_large, top), top - levels
                continue
            self.raise_floor(self.staircase())
            now = self.estimate(looks, top)
            if self.polynomial(now, looks, top):
                return Verdict(float(now.value), float(now.error), 2.0**top, True, "")
            if not now.kinked and now.error <= now.tolerance and now.tolerance > 0:
                noise = self.hidden_noise(looks, top)
                if noise and levels < 4 and top - levels >= self.least:
                    levels += 1  # it may be curvature that two or three steps do not resolve
                    continue
                if noise:
                    self.raise_floor(noise)
                    self.remember(self.estimate(looks, top), top, levels)
                    why = NOISY
                    continue
                narrower = yield from self.doubt(now, looks, top)
                if narrower is not None:
                    self.too_large, self.best = min(self.too_large, narrower), None
                    top, levels, why = narrower - 1, 3, ROUGH
                    continue
                now = self.estimate(looks, top)
                if now.error <= now.tolerance:
                    if self.stairs_too_high():
                        return Verdict(float(now.value), math.inf, 2.0**top, False, STAIRS)
                    return Verdict(float(now.value), float(now.error), 2.0**top, True, "")
            if self.contradicted(now, top):
                # noise may explain it; else f is another function over so large a step
                narrower = yield from self.doubt(now, looks, top)
                now = self.estimate(looks, top)
                if narrower is not None or self.contradicted(now, top):
                    self.too_large, top = min(self.too_large, top), (self.best_top + top) // 2
                    continue
            self.remember(now, top, levels)
            if now.kinked or now.drift > max(now.tolerance, now.rounding):
                if now.kinked or self.exhausted(now, top, levels):
                    jitter = yield from self.jitter(looks, top - levels + 1)
                    if jitter > 2 * self.floor:
                        self.raise_floor(jitter)
                        continue
                move = self.against_truncation(now, top, levels)
            else:
                why = NOISY
                if not looks[0].local:
                    self.too_large = min(self.too_large, top + 1)
                move = self.against_rounding(now, top, levels)
            if move is None:
                # levels that do not reduce the drift mean that it is noise
                noise = (
                    float(now.drift) * 2.0 ** (self.rule.order * (top - levels + 1)) / (2 * self.rule.gain)
                )
                if not noise > 2 * self.floor:
                    break
                self.raise_floor(noise)
                move = self.against_rounding(self.estimate(looks, top), top, levels)
                if move is None:
                    break
            top, levels = move
        if self.best is None:
            if any(seen.finite and seen.change == 0 for seen in self.trail.values()):
                return Verdict(0.0, math.inf, 0.0, False, FLAT_HERE)
            return Verdict(math.nan, math.inf, 0.0, False, ROUGH)
        return Verdict(float(self.best.value), self.honest_error(), 2.0**self.best_top, False, why)

    def far(self, looks: list[Look], top: int) -> bool:
        """Tell whether half of a table is beyond the neighbourhood of x."""
        if self.at_zero_extremum:
            return False
        beyond = [
            bool(seen.change > seen.size / 2 and abs(seen.even) > abs(seen.odd) / 2)
            or (self.rule.order > 1 and self.behind(top - level))
            for level, seen in enumerate(looks)
        ]
        return 2 * sum(beyond) >= len(looks)

    def polynomial(self, now: Estimate, looks: list[Look], top: int) -> bool:
        """Tell whether f, over a step comparable with x, is a polynomial of lower degree: a true zero."""
        n = self.rule.order
        if n == 1 or top < max(self.origin, 0) - 3 or abs(now.value) > now.error:
            return False
        natural = float(looks[0].change) * 2.0 ** (-n * top)
        nothing_beyond = now.tolerance <= self.rtol * now.error
        return bool(nothing_beyond and 0 < now.error <= self.rtol * natural)

    def remember(self, now: Estimate, top: int, levels: int) -> None:
        """Keep the estimate of least error; one from a larger step must not contradict it."""
        if now.kinked or (now.tolerance <= 0 and self.rule.order == 1) or not self.trail[top].resolved:
            return
        if self.best is not None:
            best = self.best = self.informed()
            against = _contradicts(best, now)
            if (against and top > self.best_top) or (not against and now.error >= best.error):
                return
        self.best, self.best_top, self.best_levels = now, top, levels

    def informed(self) -> Estimate:
        """The best estimate so far, with the noise that was found after it."""
        assert self.best is not None
        late = self.rounding(self.best_top - self.best_levels + 1)
        return self.best._replace(rounding=np.maximum(self.best.rounding, late))

    def contradicted(self, now: Estimate, top: int) -> bool:
        """Tell whether the best estimate so far excludes one from a larger step."""
        if self.best is None or top <= self.best_top:
            return False
        return _contradicts(now, self.informed())

    def honest_error(self) -> float:
        """The error of the best estimate, with the noise that was found after it."""
        if self.best is None or self.best.value == 0 or self.stairs_too_high():
            return math.inf  # a zero that did not converge is symmetry or flatness far from x
        return max(float(self.informed().error), self.kink(self.best_top))

    def margin(self, now: Estimate) -> float:
        """How many times the step may be halved before rounding reaches the tolerance."""
        if now.rounding <= 0:
            return 60.0
        if now.tolerance <= 0:
            return -1.0
        return math.log2(float(now.tolerance / now.rounding)) / self.rule.order

    def shrinkage(self, now: Estimate, levels: int) -> int:
        """How many times the step should be halved for truncation to reach the tolerance."""
        if now.kinked or now.tolerance <= 0:
            return 6
        return max(
            1, math.ceil((math.log2(float(now.drift / now.tolerance)) + 1) / self.rule.powers[levels - 2])
        )

    def exhausted(self, now: Estimate, top: int, levels: int) -> bool:
        """Tell whether neither smaller steps nor more levels are left."""
        at_bottom = top - levels + 1 <= self.least
        return bool(now.drift > 1e-3 * abs(now.value)) and (
            at_bottom or levels == MOST_LEVELS or self.shrinkage(now, levels) > self.margin(now)
        )

    def against_truncation(self, now: Estimate, top: int, levels: int) -> tuple[int, int] | None:
        """Choose the next table where truncation dominates."""
        margin, shrink = self.margin(now), self.shrinkage(now, levels)
        settling = now.drift < 1e-3 * abs(now.value) or abs(now.value) <= now.error
        room = top - levels >= self.least
        if not now.kinked and settling and levels < MOST_LEVELS and margin >= 1 and room:
            return top, levels + 1
        if (now.kinked or shrink <= margin) and room:
            self.too_large = min(self.too_large, top)
            return max(top - shrink, self.least + levels - 1), levels
        if levels < MOST_LEVELS:
            return (top, levels + 1) if margin >= 1 and room else (top + 1, levels + 1)
        return None

    def against_rounding(self, now: Estimate, top: int, levels: int) -> tuple[int, int] | None:
        """Choose the next table where rounding dominates: larger steps, more levels."""
        if levels == MOST_LEVELS and self.turns(now, top):
            self.too_large = min(self.too_large, top + 1)
        grow = min(max(1, math.ceil(-self.margin(now)) + 1), 10)
        more = min(levels + 2, max(levels, 4), MOST_LEVELS)
        wanted = top + grow + more - levels
        if wanted >= self.too_large:
            wanted = (top + more - levels + self.too_large) // 2
        if wanted < self.too_large and (wanted > top or more > levels):
            return wanted, more
        return (top + 1, levels + 1) if levels < MOST_LEVELS and top < self.most else None

    def turns(self, now: Estimate, top: int) -> bool:
        """Tell whether f' is another one at the largest step of a table."""
        quotient = float(self.trail[top].quotient) * 2.0 ** (-self.rule.order * top)
        return bool(abs(quotient - now.value) > abs(now.value) / 2 + now.error)


def _growth(seen: Look) -> float:
    """The relative change of f over one step."""
    return float(seen.change / seen.size) if seen.finite and seen.size > 0 else math.inf


def _saturated(looks: list[Look], noise: float) -> bool:
    """Tell whether f is flat again at all steps of a table: it changed on the way, and does not any more."""
    top, bottom = looks[0], looks[-1]
    bulge = abs(top.even) > abs(top.odd) / 2 and abs(bottom.even) > abs(top.even) / 2
    return bool(not top.resolved or (len(looks) > 2 and bulge and abs(top.even) > EXPLAINED * noise))


def _contradicts(one: Estimate, two: Estimate) -> bool:
    """Tell whether two estimates exclude each other."""
    return not abs(float(one.value) - float(two.value)) <= 3 * (float(one.error) + float(two.error))
