"""One directional difference a call, to catch derivatives that are exact but of something else."""

from dataclasses import replace

import numpy as np

from parzen.derivatives.functions.backends.interface import Found, Job
from parzen.derivatives.functions.lines import Lines, along
from parzen.derivatives.functions.sampling import Sampler
from parzen.derivatives.functions.target import Target
from parzen.typing import FloatArray

__all__ = ["disagreement"]

#: relative difference that two right answers may have
TOLERANCE = 1e-5
#: what a smooth function may bend by over the step of the comparison, relative to its slope
BENT = 2.0**-6


def disagreement(job: Job, found: Found) -> tuple[str | None, int]:
    """Compare a derivative with a difference along one random direction.

    Returns what is wrong, or None, and the number of evaluations.
    """
    target = job.target
    rng = np.random.default_rng(20260101)
    if job.kind == "derivative":
        place = int(rng.integers(target.chosen.size))
        f = Sampler(_one(job, place), True, False, 1)
        claimed = np.ravel(np.asarray(found.value).reshape(target.chosen.size, -1)[place])
        claimed = (
            claimed
            if not f.is_complex
            else np.ascontiguousarray(claimed, dtype=np.complex128).view(np.float64)
        )
        lines = Lines(f.target.x, np.array([0]), elementwise=True)
        order, size = job.order, np.abs(claimed)
    else:
        f = Sampler(target, False, False, 1)
        p = target.chosen.size
        table = np.asarray(found.value)
        order = 2 if job.kind == "hessian" else 1
        table = table.reshape(p, p) if order == 2 else table.reshape(-1, p)
        importance = np.abs(table).max(axis=0)
        if order == 2:
            importance = np.sqrt(np.abs(np.diagonal(table)))
        chosen = _direction(target.x[target.chosen], importance, rng)
        full = np.zeros((1, target.x.size))
        full[0, target.chosen] = chosen
        if order == 2:
            claimed = np.array([chosen @ table @ chosen])
            size = np.array([np.abs(chosen) @ np.abs(table) @ np.abs(chosen)])
        else:
            claimed, size = table @ chosen, np.abs(table) @ np.abs(chosen)
            if np.iscomplexobj(claimed):
                claimed, size = np.ascontiguousarray(claimed).view(np.float64), np.repeat(size, 2)
        lines = Lines(target.x, None, full)
    if order == 1 and _pair_agrees(f, lines, job, claimed, size):
        return None, f.n_evaluations
    seen, _ = along(f, lines, job.room, order)
    clear = np.isfinite(seen.error) & (seen.error <= 1e-3 * np.maximum(size, np.abs(seen.value)))
    rough = ~seen.converged & ~clear
    gap = np.abs(seen.value - claimed)
    wrong = clear & (gap > 10 * seen.error + TOLERANCE * size)
    if wrong.any():
        worst = int(np.argmax(np.where(wrong, gap, 0)))
        return (
            f"along one direction it gives {claimed[worst]:.9g}, differences {seen.value[worst]:.9g}",
            f.n_evaluations,
        )
    if order == 1 and rough.all() and not _approached(f, lines, job, claimed):
        return f"differences do not settle along one direction ({seen.why[0]})", f.n_evaluations
    return None, f.n_evaluations


def _approached(f: Sampler, lines: Lines, job: Job, claimed: FloatArray) -> bool:
    """Tell a stationary point at rounding level, where differences fail, from a kink.

    The slopes to both sides of a smooth function tend to the derivative as the step shrinks.
    """
    down, up = lines.distances(job.room)
    t = np.array([2.0**-14, 2.0**-24])
    if t[0] > min(down[0], up[0]):
        return True  # no room to tell
    ends = f.rows(lines.points(np.zeros(4, dtype=np.int64), np.concatenate([t, -t])))
    with np.errstate(all="ignore"):
        slopes = (ends - f.base[0]) / np.concatenate([t, -t])[:, None]
        off = np.abs(slopes - claimed).max(axis=1).reshape(2, 2).max(axis=0)
        noise = 8 * f.grain * float(np.max(np.abs(f.base[0]))) / t[1]
    return bool(off[1] <= off[0] / 32 + noise)


def _pair_agrees(f: Sampler, lines: Lines, job: Job, claimed: FloatArray, size: FloatArray) -> bool:
    """Try one central difference, at a step that the claimed derivative suggests."""
    if not claimed.any():
        return False
    scale = np.max(np.abs(f.base[0])) / np.max(np.abs(claimed))
    down, up = lines.distances(job.room)
    if not np.isfinite(scale) or scale == 0:
        return False
    step = float(np.exp2(min(np.floor(np.log2(scale)) - 14, -10 if lines.axes is None else np.inf)))
    _, least, _, _ = lines.limits(1)
    if step * 2 > min(down[0], up[0]) or np.log2(step) < least[0] + 2:
        return False
    values = f.rows(lines.points(np.zeros(2, dtype=np.int64), np.array([step, -step])))
    slope = (values[0] - values[1]) / (2 * step)
    # at a kink the central difference is the mean of both slopes, as some libraries choose it
    bend = np.abs(values[0] + values[1] - 2 * f.base[0]) / (2 * step)
    return bool(np.all(np.abs(slope - claimed) <= TOLERANCE * size) and np.all(bend <= BENT * size))


def _direction(x: FloatArray, importance: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Random signs; each variable moved so far that f changes about equally."""
    length = np.maximum(np.abs(x), 2.0**-6)
    effect = importance * length
    present = effect[effect > 0]
    if present.size:
        # entries claimed to be zero or small must be able to show, beside the large ones
        least = present.min() if present.size == effect.size else 0.0
        target = max(least, 2.0**-20 * present.max())
        length = np.where(effect > target, length * target / np.where(effect > 0, effect, 1), length)
    # few bits, so that x + t v is exact; not only powers of two, so that no two variables cancel
    odd = 1 + rng.integers(0, 16, x.size) / 16
    length = np.where(np.isfinite(length) & (length > 0), length, np.maximum(np.abs(x), 2.0**-6))
    return rng.choice([-1.0, 1.0], x.size) * odd * np.exp2(np.round(np.log2(length)))


def _one(job: Job, place: int) -> Target:
    """The target at one point of many."""
    target = job.target
    point = target.x[target.chosen[place : place + 1]]
    return replace(target, x=point, shape=(), chosen=np.array([0]), chosen_shape=())
