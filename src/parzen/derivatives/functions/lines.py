"""Derivatives along lines through x, with bounds and one-sided rules."""

import math
from dataclasses import dataclass, field

import numpy as np

from parzen.derivatives.functions.problem import FLAT, FLAT_HERE, OUTSIDE, Problems, Solution
from parzen.derivatives.functions.sampling import Sampler, step_limits
from parzen.derivatives.functions.search import solve
from parzen.derivatives.functions.stencils import Rule, rule
from parzen.typing import FloatArray, IntArray

__all__ = ["Lines", "Room", "along", "sample"]

#: Points are made in blocks of so many numbers: 32 MiB.
MOST_NUMBERS = 2**22


@dataclass(frozen=True, eq=False)
class Room:
    """How far each variable may move, and what the caller knows of f."""

    lower: FloatArray
    upper: FloatArray
    scale: FloatArray | None  # the caller's length scale, one a variable
    noise: float | None
    rtol: float


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines x + t v: one variable at a time (v = eᵢ), or any direction v (one a row)."""

    x: FloatArray  # (n,)
    axes: IntArray | None
    directions: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    elementwise: bool = False  # line i moves point i of a function of one number
    own_scale: float | None = None  # t that is a fair length along every direction

    def __len__(self) -> int:
        """How many lines."""
        return len(self.axes) if self.axes is not None else len(self.directions)

    def points(self, line: IntArray, t: FloatArray) -> FloatArray:
        """Return the points at distances t along lines, one a row."""
        if self.axes is not None:
            if self.elementwise:
                return (self.x[self.axes[line]] + t)[:, None]
            points = np.repeat(self.x[None, :], len(line), axis=0)
            points[np.arange(len(line)), self.axes[line]] += t
            return points
        return self.x[None, :] + t[:, None] * self.directions[line]

    def limits(self, reach: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Return log2 of the first, least, most steps and of the distance from 0."""
        if self.axes is not None:
            size = self.x[self.axes]
            first, least, most = step_limits(size, reach)
            return first, least, most, np.where(size != 0, np.frexp(size)[1], -2000).astype(np.int64)
        with np.errstate(divide="ignore"):
            speed = np.abs(self.directions)
            moving = speed > 0
            ulps = np.where(moving, np.spacing(np.abs(self.x)) / np.where(moving, speed, 1), 0)
            sizes = np.where(
                moving, np.maximum(np.abs(self.x), 2.0**-10) / np.where(moving, speed, 1), np.inf
            )
        least = np.frexp(ulps.max(axis=1))[1] + 1
        first = np.frexp(sizes.min(axis=1))[1] - 34
        count = len(self)
        return (
            np.maximum(first, least).astype(np.int64),
            least.astype(np.int64),
            np.full(count, 900),
            np.full(count, -2000),
        )

    def distances(self, room: Room) -> tuple[FloatArray, FloatArray]:
        """How far each line may go backwards and forwards."""
        if self.axes is not None:
            return (self.x - room.lower)[self.axes], (room.upper - self.x)[self.axes]
        with np.errstate(divide="ignore", invalid="ignore"):
            v = self.directions
            up = np.where(
                v > 0, (room.upper - self.x) / v, np.where(v < 0, (room.lower - self.x) / v, np.inf)
            )
            down = np.where(
                v > 0, (self.x - room.lower) / v, np.where(v < 0, (self.x - room.upper) / v, np.inf)
            )
        return down.min(axis=1), up.min(axis=1)


def sample(sampler: Sampler, lines: Lines, line: IntArray, t: FloatArray) -> FloatArray:
    """Return f at distances t along lines, so many points at a time that they take little memory."""
    block = max(1, MOST_NUMBERS // (1 if lines.elementwise else lines.x.size))
    if len(t) <= block:
        return sampler.rows(lines.points(line, t))
    parts = [slice(start, start + block) for start in range(0, len(t), block)]
    return np.concatenate([sampler.rows(lines.points(line[part], t[part])) for part in parts])


def along(sampler: Sampler, lines: Lines, room: Room, order: int) -> tuple[Solution, int]:
    """Differentiate every component of f along every line.

    Returns the solution, line-major (line, component), and the number of lines that needed a one-sided rule.
    """
    width = sampler.n_components
    count = len(lines) * width
    solution = Solution.unknown(count)
    down, up = lines.distances(room)
    side = np.zeros(len(lines), dtype=np.int64)
    first, _, _, _ = lines.limits(rule(order).reach)
    with np.errstate(divide="ignore"):
        tight = np.log2(np.minimum(down, up) / rule(order).reach) < first + 4
    side[tight] = np.where(up[tight] >= down[tight], 1, -1)
    for one in (0, 1, -1):
        _solve_side(sampler, lines, room, rule(order, one), np.flatnonzero(side == one), solution)
    # one-sided where the central rule failed for lack of room, or because f ends at x
    open_lines = np.flatnonzero(side == 0)
    failed = ~solution.converged.reshape(len(lines), width)
    outside = np.array([why == OUTSIDE for why in solution.why]).reshape(len(lines), width)
    flat = np.array([why in (FLAT, FLAT_HERE) for why in solution.why]).reshape(len(lines), width)
    bounded = np.isfinite(np.minimum(down, up))
    retry = [i for i in open_lines if (failed[i] & (outside[i] | (bounded[i] & ~flat[i]))).any()]
    n_one_sided = int(np.count_nonzero(side))
    if retry:
        again = np.array(retry)
        ends = outside[again].any(axis=1)
        forward = up[again] >= down[again]
        for one, members in ((1, again[forward | ends]), (-1, again[~forward | ends])):
            n_one_sided += _solve_side(sampler, lines, room, rule(order, one), members, solution)
    _accept_zeros(solution, sampler, len(lines))
    return solution, n_one_sided


def _solve_side(
    sampler: Sampler, lines: Lines, room: Room, chosen: Rule, members: IntArray, solution: Solution
) -> int:
    """Solve the problems of some lines with one rule; keep what is better than what is there."""
    if members.size == 0:
        return 0
    width = sampler.n_components
    owner = np.repeat(members, width)
    component = np.tile(np.arange(width), members.size)
    first, least, most, origin = (limit[owner] for limit in lines.limits(chosen.reach))
    down, up = (distance[owner] for distance in lines.distances(room))
    free = np.minimum(down, up) if chosen.side == 0 else (up if chosen.side > 0 else down)
    with np.errstate(divide="ignore"):
        most = np.minimum(
            most, np.floor(np.log2(free / chosen.reach) - 1e-9).clip(-2000, 2000).astype(np.int64)
        )
    scale = None
    if lines.own_scale is not None:
        scale = np.full(owner.size, math.log2(lines.own_scale))
    elif room.scale is not None and lines.axes is not None:
        scale = np.log2(room.scale[lines.axes[owner]])
    noise = 0.0 if room.noise is None else room.noise
    base = sampler.base[owner if lines.elementwise else np.zeros_like(owner), component]
    problems = Problems(base, sampler.grain, noise, room.noise is not None, first, least, most, origin, scale)
    cache: dict[tuple[int, float], FloatArray] = {}
    nodes = np.array(chosen.nodes, dtype=np.float64)

    def values(problem: IntArray, step: FloatArray) -> FloatArray:
        t = step[:, None] * nodes
        who = np.repeat(owner[problem], nodes.size)
        if width == 1:
            return sample(sampler, lines, who, t.ravel()).reshape(t.shape)
        keys = list(zip(who.tolist(), t.ravel().tolist(), strict=True))
        new = list(dict.fromkeys(key for key in keys if key not in cache))
        if new:
            found = sample(sampler, lines, np.array([i for i, _ in new]), np.array([s for _, s in new]))
            cache.update(zip(new, found, strict=True))
        which = np.repeat(component[problem], nodes.size)
        return np.array([cache[key][c] for key, c in zip(keys, which, strict=True)]).reshape(t.shape)

    found = solve(chosen, problems, values, room.rtol)
    place = owner * width + component
    better = (found.converged & ~solution.converged[place]) | (
        ~solution.converged[place] & ~(solution.error[place] <= found.error)
    )
    untouched = np.array([not solution.why[i] and not solution.converged[i] for i in place])
    rows = np.flatnonzero(better | untouched)
    solution.put(found.rows(rows), place[rows])
    return int(np.unique(owner[rows]).size)


def _accept_zeros(solution: Solution, sampler: Sampler, n_lines: int) -> None:
    """Take a component that is flat along a line for a true zero where another one found its scale."""
    width = sampler.n_components
    if width == 1:
        return
    converged = solution.converged.reshape(n_lines, width)
    step = solution.step.reshape(n_lines, width)
    for line in np.flatnonzero(converged.any(axis=1) & ~converged.all(axis=1)):
        scale = step[line][converged[line]].min()
        for component in np.flatnonzero(~converged[line]):
            place = line * width + component
            if solution.why[place] == FLAT:
                size = np.max(np.abs(sampler.base[line if len(sampler.base) == n_lines else 0]))
                solution.error[place] = (
                    2 * sampler.grain * max(size, float(np.finfo(np.float64).tiny)) / scale
                )
                solution.converged[place], solution.step[place], solution.why[place] = True, scale, ""
