"""All entries of a gradient at once: the same kind of step for every variable, checked by moving all together.

The search of `search` looks at every variable by itself before it measures, because a narrow peak
in one of them may be hidden. Where the variables of a gradient have ordinary scales, that is a third of the
cost, and one look along a random direction sees as much: whatever f does in any variable at tiny steps shows
in the sum. Entries that do not settle here, or all of them where that look disagrees, are left to the search.
"""

import numpy as np

from parzen.derivatives.functions.lines import Lines, Room, sample
from parzen.derivatives.functions.look import EXPLAINED, Estimate, Look, bend_noise, estimate, look
from parzen.derivatives.functions.problem import Solution
from parzen.derivatives.functions.sampling import Sampler
from parzen.derivatives.functions.stencils import rule
from parzen.typing import FloatArray, IntArray

__all__ = ["settle_together"]

#: Fewer entries than this are not worth the evaluations of the check.
FEWEST = 4
#: From this tolerance on, two-point differences are tried first.
TWO_POINT = 1e-6
#: log2 of the steps over the size of a variable: two-point; the larger of two central steps; the check.
TWO_POINT_STEP, CENTRAL_STEP, TINY_STEP = -24, -16, -34
#: log2 of how much larger a central step may be made against rounding.
FARTHEST = 8


def settle_together(f: Sampler, x: FloatArray, chosen: IntArray, room: Room) -> tuple[Solution, str]:
    """Return what could be settled of the gradient, entry by entry, and a note on how."""
    nothing = Solution.unknown(chosen.size)
    if f.n_components != 1 or chosen.size < FEWEST or room.scale is not None or not np.isfinite(f.base).all():
        return nothing, ""
    if room.rtol >= TWO_POINT:
        found = _two_point(f, x, chosen, room)
        if found.converged.all():
            return found, " (two-point)"
    return _central(f, x, chosen, room), ""


def _two_point(f: Sampler, x: FloatArray, chosen: IntArray, room: Room) -> Solution:
    """Forward differences, one evaluation an entry."""
    found = Solution.unknown(chosen.size)
    size = np.maximum(np.abs(x[chosen]), 2.0**-10)
    step = np.exp2(np.frexp(size)[1] + TWO_POINT_STEP)
    step = np.where(x[chosen] + step <= room.upper[chosen], step, -step)
    if (x[chosen] + step < room.lower[chosen]).any():
        return found
    base = float(f.base[0, 0])
    change = sample(f, Lines(x, chosen), np.arange(chosen.size), step)[:, 0] - base
    noise = max(f.grain * abs(base), room.noise or 0.0)
    with np.errstate(all="ignore"):
        found.value = change / step
        # truncation: f changes by its own size over |f/f'|, or has its scale, or a singularity, within |x|
        truncation = np.abs(found.value) * 4 * (np.abs(step) / size + np.abs(change / base))
        found.error = truncation + 2 * noise / np.abs(step)
        good = found.error <= room.rtol * np.abs(found.value)
    found.step = np.abs(step)
    if good.all():
        gap = _gap_together(f, x, chosen, room, found, np.abs(step))
        found.converged[:] = gap <= float(found.error @ np.abs(step)) + EXPLAINED * noise
    return found


def _central(f: Sampler, x: FloatArray, chosen: IntArray, room: Room) -> Solution:
    """Central differences at two steps an entry, extrapolated; at three, better chosen, where that is needed."""
    found, nothing = Solution.unknown(chosen.size), Solution.unknown(chosen.size)
    size = np.maximum(np.abs(x[chosen]), 2.0**-10)
    top = (np.frexp(size)[1] + CENTRAL_STEP).astype(np.int64)
    free = np.minimum(x[chosen] - room.lower[chosen], room.upper[chosen] - x[chosen])
    central, lines, known = rule(1), Lines(x, chosen), room.noise or 0.0
    nodes, gap = np.array(central.nodes, dtype=np.float64), 0.0

    def look_at(who: IntArray, k: IntArray) -> Look:
        t = np.exp2(k)[:, None] * nodes
        values = sample(f, lines, np.repeat(who, nodes.size), t.ravel()).reshape(t.shape)
        return look(central, np.full(who.size, f.base[0, 0]), values, k, known, f.grain)

    def settle(who: IntArray, looks: list[Look]) -> Estimate:
        floor = np.full(who.size, max(known, gap))
        if room.noise is None:
            floor = np.maximum(floor, bend_noise(central, looks, top[who]))
        now = estimate(central, looks, top[who], floor, f.grain, room.rtol)
        found.value[who], found.error[who], found.step[who] = now.value, now.error, np.exp2(top[who])
        with np.errstate(invalid="ignore"):
            good = ~now.kinked & (now.tolerance > 0) & (now.error <= now.tolerance)
            found.converged[who] = np.logical_and.reduce([good, *(each.finite for each in looks)])
        return now

    members = np.flatnonzero(np.exp2(top) <= free)
    looks = [look_at(members, top[members]), look_at(members, top[members] - 1)]
    tables = [(members, looks)]
    first = settle(members, looks)
    # a third step, below or, where rounding is in the way, above; or three that are larger still
    with np.errstate(all="ignore"):
        larger = np.maximum(np.ceil(np.log2(4 * first.rounding / first.tolerance)), 0)
    rest = ~found.converged[members] & (np.abs(first.value) > first.error)
    rest &= np.exp2(top[members] + FARTHEST) <= free[members]
    below, above, wider = (
        rest & (larger == 0),
        rest & (larger == 1),
        rest & (larger > 1) & (larger <= FARTHEST),
    )
    if below.any():
        again = members[below]
        tables.append((again, [*(each.of(below) for each in looks), look_at(again, top[again] - 2)]))
    if above.any():
        again = members[above]
        top[again] += 1
        tables.append((again, [look_at(again, top[again]), *(each.of(above) for each in looks)]))
    if wider.any():
        again = members[wider]
        top[again] += larger[wider].astype(np.int64)
        tables.append((again, [look_at(again, top[again] - level) for level in range(3)]))
    for table in tables[1:]:
        settle(*table)
    if np.count_nonzero(found.converged) < FEWEST:
        return nothing
    noise = max(f.grain * float(np.max(looks[0].size)), known)
    tiny = np.where(found.converged, size * 2.0**TINY_STEP, 0.0)
    gap = max(_gap_together(f, x, chosen, room, found, tiny * scale) for scale in (1.0, 2.0**10))
    if not gap <= EXPLAINED * noise + float(np.where(tiny > 0, found.error, 0.0) @ tiny) * 2.0**10:
        return nothing
    if room.noise is None and gap > noise:  # what it disagrees by is noise
        for table in tables[::-1]:
            settled_before = found.converged[table[0]]
            settle(*table)
            found.converged[table[0]] &= settled_before
    return found


def _gap_together(
    f: Sampler, x: FloatArray, chosen: IntArray, room: Room, found: Solution, step: FloatArray
) -> float:
    """How far f at x ± a random direction is from what a gradient predicts; inf where that leaves the bounds.

    The lengths are random, so that no two variables move in a way that cancels.
    """
    rng = np.random.default_rng(20260101)
    way = np.zeros(x.size)
    way[chosen] = step * rng.choice([-1.0, 1.0], chosen.size) * rng.uniform(0.5, 1.0, chosen.size)
    ends = np.array([x + way, x - way])
    if (ends < room.lower).any() or (ends > room.upper).any():
        return np.inf
    seen = f.rows(ends)[:, 0]
    moved = (ends[0] - ends[1])[chosen]
    return float(np.abs(seen[0] - seen[1] - moved @ found.value)) / 2
