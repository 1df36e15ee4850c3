"""Adaptive finite differences: for every function, with an error that can be believed."""

import numpy as np

from parzen.derivatives.functions.backends.interface import Found, Job
from parzen.derivatives.functions.lines import Lines, along
from parzen.derivatives.functions.problem import FLAT, Solution
from parzen.derivatives.functions.sampling import NotVectorized, Sampler
from parzen.derivatives.functions.together import settle_together
from parzen.errors import InputError

__all__ = ["applies", "differentiate"]

TINY = float(np.finfo(np.float64).tiny)


def applies(job: Job) -> str | None:
    """Every function can be differenced."""
    return "adaptive finite differences work for every function"


def differentiate(job: Job) -> Found:
    """Differentiate with steps that are searched for."""
    calls = 0
    for vectorized in dict.fromkeys((job.vectorized, False)):
        try:
            f = Sampler(job.target, job.kind == "derivative", vectorized, job.workers)
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
    lines, width = len(target.chosen), f.n_components
    solution, one_sided, note = Solution.unknown(lines * width), 0, ""
    if job.kind == "gradient" and width == 1:
        solution, note = settle_together(f, target.x, target.chosen, job.room)
    rest = np.flatnonzero(~solution.converged.reshape(lines, width).all(axis=1))
    if rest.size:
        more, one_sided = along(
            f, Lines(target.x, target.chosen[rest], elementwise=elementwise), job.room, job.order
        )
        solution.put(more, (rest[:, None] * width + np.arange(width)).ravel())
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
    if one_sided:
        note += f"; {one_sided} one-sided"
    if f.trouble and why:
        why += f" (f raised {f.trouble})"
    return Found(
        entry_value, entry_error, step, bool(solution.converged.all()), f.n_evaluations, note, why, f.base
    )


def _hessian(job: Job, f: Sampler) -> Found:
    """Second differences along the axes, then along sᵢeᵢ + sⱼeⱼ for the mixed entries."""
    target, room = job.target, job.room
    if f.n_components != 1:
        got = f"{'complex numbers of ' if f.is_complex else ''}shape {f.shape}"
        raise InputError(f"`f` must return one real number for a Hessian; got {got}. Use jacobian.")
    p = target.chosen.size
    axis, one_sided = along(f, Lines(target.x, target.chosen), room, 2)
    value, error, step = np.diag(axis.value), np.diag(axis.error), np.diag(axis.step)
    converged = axis.converged.copy()
    flat = np.array([reason == FLAT for reason in axis.why])
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
        if flat.any() and good.any():  # f changes, but not along these axes
            np.fill_diagonal(error, np.where(flat, f.grain * np.abs(f.base[0]) + TINY, axis.error))
            converged |= flat
            why = [axis.why[i] for i in np.flatnonzero(~converged)] + why[np.count_nonzero(~axis.converged) :]
        converged = np.concatenate([converged, good])
    shape = (*target.chosen_shape, *target.chosen_shape)
    value, error, step = (each.reshape(shape) for each in (value, error, step))
    note = f"; {one_sided} one-sided" if one_sided else ""
    return Found(
        value, error, step, bool(converged.all()), f.n_evaluations, note, next(iter(why), ""), f.base
    )
