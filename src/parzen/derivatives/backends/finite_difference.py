"""Adaptive finite differences: for every function, with an error that can be believed."""

import numpy as np

from parzen.derivatives.backends.interface import Found, Job
from parzen.derivatives.functions_lines import Lines, along
from parzen.derivatives.functions_look import EXPLAINED
from parzen.derivatives.functions_problem import FLAT
from parzen.derivatives.functions_sampling import NotVectorized, Sampler
from parzen.errors import InputError

__all__ = ["applies", "differentiate"]

#: From this tolerance on, a gradient is first tried by two-point differences.
TWO_POINT = 1e-6
#: Fewer entries than this are not worth the two evaluations of the check.
FEWEST = 4


def applies(job: Job) -> str | None:
    """Every function can be differenced."""
    return "adaptive finite differences work for every function"


def _sampler(job: Job, vectorized: object = None) -> Sampler:
    """Return what calls f."""
    return Sampler(
        job.target,
        job.kind == "derivative",
        job.vectorized if vectorized is None else vectorized,
        job.workers,
    )


def differentiate(job: Job) -> Found:
    """Differentiate with steps that are searched for."""
    calls = 0
    for vectorized in dict.fromkeys((job.vectorized, False)):
        try:
            f = _sampler(job, vectorized)
            found = _hessian(job, f) if job.kind == "hessian" else _first(job, f)
        except NotVectorized as error:
            if job.vectorized is True:
                raise InputError(
                    f'`vectorized` must be False for this function; {error}. Leave it at "auto".'
                ) from None
            calls += error.n_evaluations
            continue
        return found._replace(n_evaluations=found.n_evaluations + calls)
    raise AssertionError("without vectorized calls there is nothing to retry")


def _first(job: Job, f: Sampler) -> Found:
    """Derivatives along the axes."""
    target = job.target
    elementwise = job.kind == "derivative"
    if job.kind == "gradient" and job.room.rtol >= TWO_POINT:
        quick = _two_point(job, f)
        if quick is not None:
            return quick
    solution, one_sided = along(
        f, Lines(target.x, target.chosen, elementwise=elementwise), job.room, job.order
    )
    lines, width = len(target.chosen), f.n_components
    value, error, step = (
        getattr(solution, name).reshape(lines, width) for name in ("value", "error", "step")
    )
    entry_error, entry_value = error, value
    if f.is_complex:
        entry_value = np.ascontiguousarray(value).view(np.complex128)
        entry_error = np.hypot(error[:, ::2], error[:, 1::2])
        step = step[:, ::2]
    lead = f.shape
    if elementwise:  # (point, component) is already the order of the result
        shape = (*target.chosen_shape, *lead)
        entry_value, entry_error, step = (each.reshape(shape) for each in (entry_value, entry_error, step))
    else:
        shape = (*lead, *target.chosen_shape)
        entry_value, entry_error, step = (each.T.reshape(shape) for each in (entry_value, entry_error, step))
    why = next((each for each, done in zip(solution.why, solution.converged, strict=True) if not done), "")
    note = f"; {one_sided} one-sided" if one_sided else ""
    if f.trouble and why:
        why += f" (f raised {f.trouble})"
    return Found(
        entry_value, entry_error, step, bool(solution.converged.all()), f.n_evaluations, note, why, f.base
    )


def _two_point(job: Job, f: Sampler) -> Found | None:
    """Forward differences, one evaluation an entry, checked along one direction; None where not enough."""
    target, room, p = job.target, job.room, job.target.chosen
    size = np.maximum(np.abs(target.x[p]), 2.0**-10)
    step = np.exp2(np.frexp(size)[1] - 24)
    step = np.where(target.x[p] + step <= room.upper[p], step, -step)
    if f.n_components != 1 or p.size < FEWEST or (target.x[p] + step < room.lower[p]).any():
        return None
    points = np.repeat(target.x[None, :], p.size, axis=0)
    points[np.arange(p.size), p] += step
    base = f.base[0, 0]
    change = f.rows(points)[:, 0] - base
    value = change / step
    noise = max(f.grain * abs(base), room.noise or 0.0)
    # truncation: f changes by its own size over |f/f'|, or has its scale, or a singularity, within |x|
    with np.errstate(all="ignore"):
        error = np.abs(value) * 4 * (np.abs(step) / size + np.abs(change / base)) + 2 * noise / np.abs(step)
    if not (error <= room.rtol * np.abs(value)).all():
        return None
    signs = np.random.default_rng(20260101).choice([-1.0, 1.0], p.size)
    way = np.zeros(target.x.size)
    way[p] = signs * np.abs(step)
    ends = np.array([target.x + way, target.x - way])
    if (ends < room.lower).any() or (ends > room.upper).any():
        return None
    seen = f.rows(ends)[:, 0]
    gap = abs((seen[0] - seen[1]) / 2 - value @ way[p])
    if not gap <= float(error @ np.abs(way[p])) + EXPLAINED * noise:
        return None
    shape = target.chosen_shape
    note = " (two-point)"
    return Found(
        value.reshape((*f.shape, *shape)), error.reshape((*f.shape, *shape)),
        np.abs(step).reshape((*f.shape, *shape)), True, f.n_evaluations, note, "", f.base,
    )  # fmt: skip


def _hessian(job: Job, f: Sampler) -> Found:
    """Second differences along the axes, then along sᵢeᵢ + sⱼeⱼ for the mixed entries."""
    target, room = job.target, job.room
    if f.n_components != 1:
        raise InputError(f"`f` must return one real number for a Hessian; got shape {f.shape}. Use jacobian.")
    p = target.chosen.size
    axis, one_sided = along(f, Lines(target.x, target.chosen), room, 2)
    value, error, step = np.diag(axis.value), np.diag(axis.error), np.diag(axis.step)
    converged = axis.converged.copy()
    flat = np.array([reason == FLAT for reason in axis.why])
    if converged.any():  # f does not depend on these variables
        np.fill_diagonal(error, np.where(flat, f.grain * np.abs(f.base[0]), axis.error))
        converged |= flat
    fallback = np.exp2(np.round(np.log2(np.maximum(np.abs(target.x[target.chosen]), 2.0**-3))) - 3)
    scale = np.where(axis.step > 0, axis.step, fallback)
    why = [axis.why[i] for i in np.flatnonzero(~converged)]
    if p > 1:
        # a flat or linear axis has no scale and no curvature of its own
        linear = np.isinf(axis.error)
        rows, columns = np.triu_indices(p, 1)
        directions = np.zeros((rows.size, target.x.size))
        line = np.arange(rows.size)
        directions[line, target.chosen[rows]] = scale[rows]
        directions[line, target.chosen[columns]] = scale[columns]
        mixed, more = along(f, Lines(target.x, None, directions, own_scale=8.0), room, 2)
        one_sided += more
        own, own_error = np.where(linear, 0.0, axis.value), np.where(linear, 0.0, axis.error)
        area = 2 * scale[rows] * scale[columns]
        entries = (mixed.value - own[rows] * scale[rows] ** 2 - own[columns] * scale[columns] ** 2) / area
        errors = (
            mixed.error + own_error[rows] * scale[rows] ** 2 + own_error[columns] * scale[columns] ** 2
        ) / area
        # the curvature along an axis, or what f's size and scale there would allow
        bend = np.maximum(np.abs(own), 2.0**-6 * np.abs(f.base[0]) / scale**2)
        natural = np.sqrt(bend[rows] * bend[columns])
        good = errors <= room.rtol * np.maximum(np.abs(entries), natural)
        value[rows, columns] = value[columns, rows] = entries
        error[rows, columns] = error[columns, rows] = errors
        step[rows, columns] = step[columns, rows] = mixed.step
        why += [mixed.why[i] or "rounding of the mixed second difference" for i in np.flatnonzero(~good)]
        converged = np.concatenate([converged, good])
    shape = (*target.chosen_shape, *target.chosen_shape)
    value, error, step = (each.reshape(shape) for each in (value, error, step))
    note = f"; {one_sided} one-sided" if one_sided else ""
    return Found(
        value, error, step, bool(converged.all()), f.n_evaluations, note, next(iter(why), ""), f.base
    )
