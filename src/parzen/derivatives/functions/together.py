"""All entries of a gradient at once: the same kind of step for every variable, checked by moving all together.

The search of `search` looks at every variable by itself before it measures, because a narrow peak
in one of them may be hidden. Where the variables of a gradient have ordinary scales, that is a third of the
cost, and one look along a random direction sees as much: whatever f does in any variable at tiny steps shows
in the sum. Entries that do not settle here, or all of them where that look disagrees, are left to the search.
"""

from collections.abc import Sequence
from functools import lru_cache

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
#: … and how many times it may be halved.
LOWEST = 2
RULE = rule(1)
NODES = np.array(RULE.nodes, dtype=np.float64)


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
        gap = _gap_together(f, x, chosen, room, found, (np.abs(step),))
        found.converged[:] = gap <= float(found.error @ np.abs(step)) + EXPLAINED * noise
    return found


def _central(f: Sampler, x: FloatArray, chosen: IntArray, room: Room) -> Solution:
    """Central differences at two steps an entry, the second chosen by the first; at three where that is needed."""
    found, nothing = Solution.unknown(chosen.size), Solution.unknown(chosen.size)
    table = _Table(f, x, chosen, room)
    known = room.noise or 0.0
    free = np.minimum(x[chosen] - room.lower[chosen], room.upper[chosen] - x[chosen])
    top = np.zeros(chosen.size, dtype=np.int64)  # log2 of the largest step over the one tried first
    levels = np.full(chosen.size, 2)

    def settle(who: IntArray, seen_together: float = 0.0) -> Estimate:
        looks = table.looks(who, top[who], int(levels[who[0]]))
        largest = table.first[who] + top[who]
        floor = np.full(who.size, max(known, seen_together))
        if room.noise is None:
            floor = np.maximum(floor, bend_noise(RULE, looks, largest))
        now = estimate(RULE, looks, largest, floor, f.grain, room.rtol)
        found.value[who], found.error[who], found.step[who] = now.value, now.error, np.exp2(largest)
        with np.errstate(invalid="ignore"):
            good = ~now.kinked & (now.tolerance > 0) & (now.error <= now.tolerance)
            found.converged[who] = np.logical_and.reduce([good, *(each.finite for each in looks)])
        return now

    members = np.flatnonzero(np.exp2(table.first) <= free)
    roomy = np.exp2(table.first + FARTHEST) <= free
    if members.size < FEWEST:
        return nothing
    first = table.at(members, top[members, None])[:, 0]
    size = np.maximum(np.max(np.abs(first), axis=1), abs(float(f.base[0, 0])))
    noise = np.maximum(f.grain * size, known)
    with np.errstate(all="ignore"):
        # the rounding error of the table (0, -1), in units of half of what is allowed
        rounding = 8 * RULE.gain * noise / (room.rtol * np.abs(first @ RULE.weights))
        up = np.ceil(np.log2(rounding)).clip(0, FARTHEST)
        top[members] = np.where(roomy[members] & np.isfinite(up), up, 0)  # f = 0 has no rounding
    now = settle(members)
    # a third step, below or, where rounding is in the way, above; or three that are larger still
    with np.errstate(all="ignore"):
        larger = np.maximum(np.ceil(np.log2(4 * now.rounding / now.tolerance)), 0)
    more = ~found.converged[members] & (np.abs(now.value) > now.error) & roomy[members]
    more &= top[members] + larger <= FARTHEST
    if more.any():
        again = members[more]
        top[again] += larger[more].astype(np.int64)
        levels[again] = 3
        settle(again)
    if np.count_nonzero(found.converged) < FEWEST:
        return nothing
    least_noise = float(np.max(noise))
    tiny = np.where(found.converged, np.exp2(table.first + (TINY_STEP - CENTRAL_STEP)), 0.0)
    gap = _gap_together(f, x, chosen, room, found, (tiny, tiny * 2.0**10))
    if not gap <= EXPLAINED * least_noise + float(np.where(tiny > 0, found.error, 0.0) @ tiny) * 2.0**10:
        return nothing
    if room.noise is None and gap > least_noise:  # what it disagrees by is noise
        for count in (2, 3):
            settled = np.flatnonzero(found.converged & (levels == count))
            if settled.size:
                settle(settled, gap)
    return found


class _Table:
    """What is known of f along each variable at steps 2^(first + offset), every one taken once."""

    def __init__(self, f: Sampler, x: FloatArray, chosen: IntArray, room: Room) -> None:
        self.f, self.lines, self.known = f, Lines(x, chosen), room.noise or 0.0
        size = np.maximum(np.abs(x[chosen]), 2.0**-10)
        self.first = (np.frexp(size)[1] + CENTRAL_STEP).astype(np.int64)
        self.seen = np.zeros((chosen.size, LOWEST + FARTHEST + 1), dtype=np.bool_)
        self.values = np.empty((*self.seen.shape, NODES.size))

    def at(self, who: IntArray, offsets: IntArray) -> FloatArray:
        """Return f at x ± 2^(first + offset), the offsets of one variable a row; what is new, in one call."""
        columns = offsets + LOWEST
        row, level = np.nonzero(~self.seen[who[:, None], columns])
        line, column = who[row], columns[row, level]
        if line.size:
            t = np.exp2(self.first[line] + (column - LOWEST))[:, None] * NODES
            values = sample(self.f, self.lines, np.repeat(line, NODES.size), t.ravel())
            self.values[line, column], self.seen[line, column] = values.reshape(t.shape), True
        return self.values[who[:, None], columns]

    def looks(self, who: IntArray, top: IntArray, levels: int) -> list[Look]:
        """Look at ever halved steps from 2^(first + top)."""
        values = self.at(who, top[:, None] - np.arange(levels))
        base = np.full(who.size * levels, self.f.base[0, 0])
        # all levels at once: the cost is that of the calls of NumPy
        every = look(RULE, base, values.swapaxes(0, 1).reshape(base.size, -1), self.known, self.f.grain)
        return [every.of(slice(start, start + who.size)) for start in range(0, base.size, who.size)]


def _gap_together(
    f: Sampler, x: FloatArray, chosen: IntArray, room: Room, found: Solution, steps: Sequence[FloatArray]
) -> float:
    """How far f at x ± a random direction is from what a gradient predicts; inf where that leaves the bounds.

    The lengths are random, so that no two variables move in a way that cancels. One direction for each of
    ``steps``, the lengths of the variables' moves.
    """
    way = np.array(steps) * _direction(chosen.size)
    ends = np.repeat(x[None, :], 2 * len(steps), axis=0)
    ends[::2, chosen] += way
    ends[1::2, chosen] -= way
    if (ends < room.lower).any() or (ends > room.upper).any():
        return np.inf
    seen = f.rows(ends)[:, 0]
    moved = ends[::2, chosen] - ends[1::2, chosen]
    return float(np.max(np.abs(seen[::2] - seen[1::2] - moved @ found.value))) / 2


@lru_cache(maxsize=8)
def _direction(count: int) -> FloatArray:
    """Lengths between 1/2 and 1 of either sign, the same in every call."""
    way = np.random.default_rng(20260101).uniform(-1, 1, count)
    found: FloatArray = np.copysign(0.5, way) + way / 2
    found.flags.writeable = False
    return found
