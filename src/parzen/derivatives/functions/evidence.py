"""What was seen of one problem at several steps, and what that says: noise, stairs, a kink, a narrower feature."""

from collections.abc import Generator

import numpy as np

from parzen.derivatives.functions.look import (
    EXPLAINED,
    Estimate,
    Look,
    bend_noise,
    disagreement,
    estimate,
    slope_part,
)
from parzen.derivatives.functions.problem import Problems
from parzen.derivatives.functions.stencils import Rule

__all__ = ["Evidence"]

#: A staircase with steps higher than this (relative) is not rounding: float32 has 2⁻²⁴.
COARSEST_ROUNDING = 2.0**-22


class Evidence:
    """The looks at one problem, by log2 of their step, and the noise of f that they showed so far."""

    def __init__(
        self, rule: Rule, problems: Problems, member: int, trail: dict[int, Look], rtol: float
    ) -> None:
        self.rule, self.trail, self.rtol = rule, trail, rtol
        self.grain, self.noise_known = problems.grain, problems.noise_known
        self.floor = problems.noise  # what is known of f's absolute error
        self.least, self.most = int(problems.least[member]), int(problems.most[member])
        self.origin = int(problems.origin[member])
        self.too_large = self.most + 1

    def look(self, k: int) -> Generator[int, Look, Look]:
        """See f at one step, asking for it if it is new."""
        if k not in self.trail:
            self.trail[k] = yield k
        return self.trail[k]

    def estimate(self, looks: list[Look], top: int) -> Estimate:
        """Extrapolate with the noise known so far."""
        return estimate(self.rule, looks, np.asarray(top), np.asarray(self.floor), self.grain, self.rtol)

    def rounding(self, bottom: int) -> float:
        """The error that the noise known so far causes in a table that ends at a step."""
        return 2 * self.rule.gain * self.floor * 2.0 ** (-self.rule.order * bottom)

    def raise_floor(self, noise: float) -> None:
        """Note that f is noisier than thought; a limit that was set in ignorance of that no longer holds."""
        # noise shows at the smallest steps no less: what shows only at larger ones is f
        small = [seen for _, seen in sorted(self.trail.items()) if seen.finite][:2]
        most = max(float(max(seen.change, seen.noise)) for seen in small)
        noise = min(noise, max(EXPLAINED * most, self.staircase()))
        if noise > self.floor:
            if noise > 2 * self.floor:
                self.too_large = self.most + 1
            self.floor = noise

    def hidden_noise(self, looks: list[Look], top: int) -> float:
        """The noise that the second differences of a table show, where it would matter; else 0."""
        if self.rule.order > 1 or self.rule.side != 0 or self.noise_known:
            return 0.0
        noise = float(bend_noise(self.rule, looks, np.asarray(top)))
        now = estimate(self.rule, looks, np.asarray(top), np.asarray(noise), self.grain, self.rtol)
        return noise if noise > self.floor and now.error > now.tolerance else 0.0

    def kink(self, top: int) -> float:
        """Half the jump of the slope, where second differences shrink like h, not like h²; else 0."""
        if self.rule.order > 1 or self.rule.side != 0:
            return 0.0
        bends = [
            (k, abs(float(seen.even)) * 2.0 ** -(k + 1))
            for k, seen in sorted(self.trail.items())
            if k <= top and seen.finite and abs(seen.even) > EXPLAINED * self.grain * seen.size
        ]
        # at three steps, five octaves apart: noise is not so steady, and a smooth function bends like h
        return max((bend for _, bend in bends if _steady(bends, bend)), default=0.0)

    def staircase(self) -> float:
        """The height of f's stairs, if f is exactly constant over steps that should change it; else 0."""
        looks = sorted((k, seen) for k, seen in self.trail.items() if seen.finite)
        still = [(k, seen) for k, seen in looks if seen.still]
        if not still or self.noise_known:
            return 0.0
        k, seen = still[-1]
        # at least as much as near a stationary point, where f changes like h²
        expected = max((float(other.change) * 4.0 ** (k - at) for at, other in looks if at > k), default=0.0)
        if expected <= EXPLAINED * self.grain * seen.size:
            return 0.0
        return min(float(other.stair) for _, other in looks)

    def stairs_too_high(self) -> bool:
        """Tell whether f is a staircase, not a smooth function in low precision."""
        height = self.staircase()
        return height > 0 and height > COARSEST_ROUNDING * min(
            float(seen.size) for seen in self.trail.values() if seen.still
        )

    def jitter(self, looks: list[Look], bottom: int) -> Generator[int, Look, float]:
        """Estimate noise from second differences that do not shrink with the step; 0 where they do."""
        k = max(bottom - 6, self.least)
        if k > bottom - 4:
            k = min(bottom + 6, self.most)
        yield from self.look(k)
        top = max(k, bottom)
        large = abs(float(self.trail[top].even))

        def below(k: int) -> float:
            return max(
                (abs(float(s.even)) for at, s in self.trail.items() if at <= k and s.finite), default=0.0
            )

        if below(top - 12) <= large / 16 and top - 12 >= self.least:
            yield from self.look(top - 12)
        # over six halvings a kink shrinks by 64, a smooth function by 4096
        size = max(below(top - 6), large) / 1.5
        steady = below(top - 6) > large / 16 and (below(top - 12) > large / 16 or top - 12 < self.least)
        return size if steady and size < 2.0**-6 * looks[-1].size else 0.0

    def doubt(self, now: Estimate, looks: list[Look], top: int) -> Generator[int, Look, int | None]:
        """Compare with smaller steps: note the noise seen; return the step of a narrower feature."""
        if self.rule.order > 1 or self.noise_known:
            return None
        bottom = top - len(looks) + 1
        if abs(now.value) <= now.error and self.least + 4 < self.origin < bottom:
            # a zero found at steps beyond |x| may be f'(0): see whether f has a slope within |x|
            near = yield from self.look(self.origin - 2)
            if abs(near.odd) > EXPLAINED * self.grain * near.size:
                return self.origin - 10
        smaller = [k for k in self.trail if k <= bottom - 6 and self.trail[k].finite]
        if not smaller:
            k = max(bottom - 14, self.least)
            if k > bottom - 3:
                return None
            if not (yield from self.look(k)).finite:
                return k
            smaller = [k]

        def gap(k: int) -> float:
            small = self.trail[k]
            return float(disagreement(self.rule, small, np.asarray(k), looks, np.asarray(top), now.value))

        def slope(k: int) -> float:
            return float(slope_part(self.rule, self.trail[k])) * 2.0 ** -(k + 1)

        allowed = EXPLAINED * max(self.grain * float(looks[-1].size), self.floor)
        doubtful = [k for k in smaller if not gap(k) <= allowed]
        if not doubtful:
            self.raise_floor(max(map(gap, smaller)))
            return None
        lowest = max(doubtful)
        between = {lowest + (bottom - lowest) * step // 5 for step in range(1, 5)}
        beside = {k for k in (min(smaller) + 4, min(smaller) + 8) if k < bottom - 3}
        for k in sorted((between | beside) - {lowest, bottom}):
            yield from self.look(k)
        if lowest - 4 >= self.least:
            yield from self.look(lowest - 4)
        # noise: the slope grows like 1/h; a feature: three smaller steps, far apart, agree on another slope
        steps = sorted(k for k in self.trail if k < bottom and self.trail[k].finite)
        for two in steps:
            lower = [k for k in steps if two - 24 <= k <= two - 3]
            chain = [k for k in lower if k <= two - 6][-1:] + lower[-1:]
            if len(set(chain)) == 2 and gap(two) > allowed and gap(lower[-1]) > allowed / 8:
                close = 0.2 * abs(slope(two) - float(now.value))
                if all(abs(slope(k) - slope(two)) <= close for k in chain):
                    return two
        self.raise_floor(max(gap(k) for k in steps if k >= lowest - 4))
        return None


def _steady(bends: list[tuple[int, float]], bend: float) -> bool:
    """Tell whether three bends, over five octaves of steps, are within a factor of 2 below one of them."""
    same = [k for k, other in bends if bend / 2 <= other <= bend]
    if len(same) < 3 or same[-1] - same[0] < 5:
        return False
    return all(other <= bend for k, other in bends if same[0] <= k <= same[-1])
