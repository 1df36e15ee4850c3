"""Finite differences that find their own step: a quick pass for all problems, a careful search for the rest.

One *problem* is one real number: the n-th derivative at t = 0 of one component of f(x + t·direction).

How the step is found
---------------------
1. *Probe.* f is taken at a step near the smallest that x can resolve (2⁻³³ |x|). The relative change there
   tells the length L over which f changes by its own size. Starting small, not large, is what finds narrow
   peaks: from a large step a narrow peak and a flat line look the same.
2. *Measure.* Two central differences near 2⁻¹⁴ L and half of it, extrapolated. For a smooth function
   truncation is then near 1e-10 and rounding near 1e-11 of the value: seven evaluations in all.
3. *Believe it or not.* The reported error is the last change of the extrapolation table plus the rounding
   error ``gain · noise / hⁿ``. ``noise`` is the rounding of f's values or, where larger, what the probe and
   the measurement disagree by; where the probe is one of the two steps, a third stands in for it. The even
   part f(x+h) + f(x-h) - 2f(x) must shrink like h² (at a kink it shrinks like h).
4. *Careful search*, only where 1-3 did not settle: bracket the step between "too small, f does not change"
   and "too large, f is not smooth" by galloping over all of float64 and bisecting; keep what the least step
   that shows f says, as what no larger step may contradict; trade truncation against rounding by moving the
   step and by adding levels to the table (up to six); then compare with smaller steps, to tell noise (whose
   slope grows like 1/h) from a feature narrower than the step (whose slope is the same at two steps).

A value is *converged* when its error is at most ``rtol · |value|``; or when it cannot be told from zero and
its error is at most ``rtol`` times the change of f over the stencil (a stationary point). A function that is
flat at every step from one ulp of x to the end of the range is not converged: its value is 0 and its error
inf.

Tables from a large first step downwards, as in `scipy.differentiate`, were the alternative: measured on the
900 narrow Gaussians of benchmarks/functions.py, that gives 500 confident wrong answers; this gives none, and
needs fewer evaluations (median 9 there and 7 on ordinary functions, against 11).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from parzen.derivatives.functions.careful import Search, search_step
from parzen.derivatives.functions.look import (
    EXPLAINED,
    Look,
    bend_noise,
    disagreement,
    estimate,
    fallen_behind,
    length,
    look,
)
from parzen.derivatives.functions.problem import START, Problems, Solution, Verdict
from parzen.derivatives.functions.stencils import Rule
from parzen.typing import BoolArray, FloatArray, IntArray

__all__ = ["solve"]

#: ``sample(problems, steps) -> values`` of shape (len(problems), n_nodes): f at ``node * step``.
Sample = Callable[[IntArray, FloatArray], FloatArray]


def solve(rule: Rule, problems: Problems, sample: Sample, rtol: float) -> Solution:
    """Differentiate every problem; `sample` is called with as many problems at a time as possible."""
    count = problems.base.size
    levels, offset = START[rule.order]
    seen: list[tuple[IntArray, IntArray, Look]] = []

    def look_at(index: IntArray, k: IntArray) -> Look:
        values = sample(index, np.exp2(k))
        found = look(rule, problems.base[index], values, problems.noise, problems.grain)
        seen.append((index, k, found))
        return found

    usable = problems.most - problems.least >= levels - 1
    probed = np.zeros(count, dtype=np.int64)
    probe: Look | None = None
    scale = problems.scale
    if scale is None:
        probed = np.clip(problems.first, problems.least, problems.most)
        probe = look_at(np.arange(count), probed)
        usable &= probe.resolved & probe.local
        # the cap keeps the first table near x: many functions have a singularity within |x|
        scale = np.minimum(length(probe, probed), problems.first + 35.0)

    def look_again(index: IntArray, k: IntArray) -> Look:
        """See f where the probe may have been already."""
        old = np.zeros(index.size, dtype=np.bool_) if probe is None else k == probed[index]
        if probe is None or not old.any():
            return look_at(index, k)
        if old.all():
            return probe.of(index)
        fresh = look_at(index[~old], k[~old])
        return Look(*(_woven(old, *pair) for pair in zip(probe.of(index[old]), fresh, strict=True)))

    chosen = np.flatnonzero(usable)
    solution = Solution.unknown(count)
    if chosen.size:
        wanted = np.floor(scale[chosen]).astype(np.int64) + offset
        top = np.clip(wanted, problems.least[chosen] + levels - 1, problems.most[chosen])
        looks = [look_again(chosen, top - level) for level in range(levels)]
        while chosen.size:
            floor = np.full(chosen.size, problems.noise)
            sound = np.logical_and.reduce([each.finite for each in looks])
            if rule.order == 1 and not problems.noise_known:
                noise = np.maximum(problems.grain * looks[-1].size, problems.noise)
                value = estimate(rule, looks, top, floor, problems.grain, rtol).value
                if probe is not None:
                    gap = disagreement(rule, probe.of(chosen), probed[chosen], looks, top, value)
                    sound &= gap <= EXPLAINED * noise
                    floor = np.maximum(floor, gap)
                if rule.side == 0:
                    floor = np.maximum(floor, bend_noise(rule, looks, top))
            elif rule.order > 1 and probe is not None:
                sound &= ~fallen_behind(probe.of(chosen), probed[chosen], looks[0], top)
            found = estimate(rule, looks, top, floor, problems.grain, rtol)
            solution.value[chosen], solution.error[chosen] = found.value, found.error
            solution.step[chosen] = np.exp2(top)
            with np.errstate(invalid="ignore"):
                sound &= ~found.kinked & (found.tolerance > 0)
                good = sound & (found.error <= found.tolerance)
                # truncation alone is in the way, and one more level is likely to remove it
                settling = (found.drift < 1e-3 * np.abs(found.value)) & (2 * found.rounding < found.tolerance)
            if rule.order == 1 and probe is not None and not problems.noise_known and len(looks) == levels:
                # a probe that is part of the table is no second opinion: a third step is
                alone = (probed[chosen] > top - levels) & (probed[chosen] <= top)
                settling |= alone & good
                good &= ~alone
            solution.converged[chosen] = good
            more = sound & ~good & settling & (top - len(looks) >= problems.least[chosen])
            if len(looks) == levels + 2:
                break
            chosen, top, looks = chosen[more], top[more], [each.of(more) for each in looks]
            if chosen.size:
                looks.append(look_again(chosen, top - len(looks)))
    _search_rest(rule, problems, look_at, seen, rtol, solution)
    return solution


def _woven(first: BoolArray, ones: Any, others: Any) -> Any:
    """Put two arrays into one, the first where a mask says so."""
    woven = np.empty(first.size, dtype=ones.dtype)
    woven[first], woven[~first] = ones, others
    return woven


def _search_rest(
    rule: Rule,
    problems: Problems,
    look_at: Callable[[IntArray, IntArray], Look],
    seen: list[tuple[IntArray, IntArray, Look]],
    rtol: float,
    solution: Solution,
) -> None:
    """Search carefully wherever the quick pass did not settle, all problems in step; fill in the solution."""
    trails: dict[int, dict[int, Look]] = {int(member): {} for member in np.flatnonzero(~solution.converged)}
    for members, ks, found in seen:
        for row, member in enumerate(members):
            if int(member) in trails:
                trails[int(member)][int(ks[row])] = found.of(row)
    waiting: dict[int, Search] = {}
    asked: dict[int, int] = {}

    def advance(member: int, search: Search, answer: Look | None) -> None:
        try:
            asked[member] = search.send(answer)  # type: ignore[arg-type]
            waiting[member] = search
        except StopIteration as stop:
            verdict: Verdict = stop.value
            solution.value[member], solution.error[member] = verdict.value, verdict.error
            solution.step[member], solution.converged[member] = verdict.step, verdict.converged
            solution.why[member] = verdict.why

    for member, trail in trails.items():
        advance(member, search_step(rule, problems, member, trail, rtol), None)
    while waiting:
        members = np.fromiter(waiting, dtype=np.int64)
        ks = np.array([asked[int(member)] for member in members])
        found = look_at(members, ks)
        current, waiting = waiting, {}
        for row, (member, search) in enumerate(current.items()):
            advance(member, search, found.of(row))
