"""The maximum over diagonal or full bandwidths: L-BFGS on the group of lower triangular factors, with exact gradients.

A step multiplies: L becomes L exp(E), E lower triangular or diagonal, so that parameters are logarithms, of order 1
in every unit, and every factor on the way is a good one. The slope is the relative derivative, and along a step it is
⟨slope, E⟩ exactly. What is remembered of the curvature may be handed from one search to the next, from an objective
over some of the samples to that over all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import expm

from parzen.typing import FloatArray

__all__ = ["Curvature", "Found", "maximise_over_matrices", "shaped_start"]

#: Value and relative derivative, tril (d, d), at a factor: see `parzen.bandwidth.objectives`.
At = Callable[[FloatArray], tuple[float, FloatArray]]

#: Standard deviations of the kernel, in those of the data, between which it is looked for.
_SMALLEST, _LARGEST = 1e-5, 1e2

#: Stop where no parameter changes the objective by more than this, or a step gains less than this share of it.
_SLOPE, _GAIN = 1e-6, 1e-11

#: Steps at most, looks along each of them, and its largest entry.
_STEPS, _LOOKS, _LONGEST = 500, 20, 1.0

#: The least largest entry of a first step, which has to teach the curvature.
_FIRST = 0.1

#: Steps that are remembered.
_REMEMBERED = 20

#: A step must gain this share of what the slope promises; or, where gains drown in rounding, level the slope off.
_SUFFICIENT, _LEVEL = 1e-4, 0.8

#: Steps of `shaped_start`. Three saved nine of ten steps of the climb where the data has separate clusters, and
#: half of them where it has not; more of them save nothing.
_SHAPING = 3


@dataclass(frozen=True, eq=False)
class Found:
    """A local maximum."""

    L: FloatArray  # (d, d) lower triangular
    value: float
    at_edge: bool  # a kernel's width is the smallest that is looked for: there is no maximum


@dataclass(eq=False)
class Curvature:
    """What the last steps, as parameters (p,), have done to the slope."""

    steps: list[FloatArray] = field(default_factory=list)
    falls: list[FloatArray] = field(default_factory=list)  # of the slope

    def see(self, step: FloatArray, fall: FloatArray) -> None:
        """Remember a step, if the objective is concave along it."""
        if step @ fall > 1e-8 * np.linalg.norm(step) * np.linalg.norm(fall):
            self.steps, self.falls = [*self.steps, step][-_REMEMBERED:], [*self.falls, fall][-_REMEMBERED:]

    def ascent(self, slope: FloatArray) -> FloatArray:
        """Return the step to the maximum of the quadratic that the last steps suggest (Nocedal, 1980)."""
        step = slope.copy()
        shares = []
        for s, y in zip(reversed(self.steps), reversed(self.falls), strict=True):
            share = (s @ step) / (s @ y)
            shares.append(share)
            step -= share * y
        if self.steps:
            s, y = self.steps[-1], self.falls[-1]
            step *= (s @ y) / (y @ y)
        for s, y, share in zip(self.steps, self.falls, reversed(shares), strict=True):
            step += (share - (y @ step) / (s @ y)) * s
        return step


@dataclass(frozen=True, eq=False)
class _Point:
    """The objective at a factor, in units of about its size."""

    L: FloatArray
    value: float
    slope: FloatArray  # (p,)


def shaped_start(likelihood: At, start: FloatArray, *, full: bool) -> FloatArray:
    """Return a start of about the right shape: a few steps of expectation maximisation for the likelihood.

    At its maximum the second moment M of the whitened differences is the identity; replacing H by L M Lᵀ never
    lowers the likelihood (Dempster, Laird & Rubin, 1977).
    """
    for _ in range(_SHAPING):
        relative = likelihood(start)[1]
        M = relative + np.tril(relative, -1).T + np.eye(len(start))
        M = M if full else np.diag(np.diag(M))
        if not np.linalg.eigvalsh(M)[0] > _SMALLEST:
            break
        start = start @ np.linalg.cholesky(M)
    return start


def maximise_over_matrices(
    at: At,
    start: FloatArray,
    *,
    full: bool,
    curvature: Curvature | None = None,
    tolerance: float = _SLOPE,
) -> Found:
    """Climb from a start, (d, d) lower triangular or diagonal, to the next maximum.

    ``full`` says whether entries below the diagonal are free; ``curvature`` is what is known, and is added to.
    """
    d = len(start)
    entries = np.tril_indices(d) if full else np.diag_indices(d)
    seen = Curvature() if curvature is None else curvature
    value, relative = at(start)
    unit = max(abs(value), float(np.abs(relative).sum()))
    here = _Point(start, value / unit, relative[entries] / unit)

    def look(parameters: FloatArray) -> _Point:
        """Look at the point that a step leads to."""
        if full:
            E = np.zeros((d, d))
            E[entries] = parameters
            L = here.L @ expm(E)
        else:
            L = here.L * np.exp(parameters)
        value, relative = at(L)
        return _Point(L, value / unit, relative[entries] / unit)

    low, high = np.log(_SMALLEST), np.log(_LARGEST)
    on_diagonal = entries[0] == entries[1]
    for _ in range(_STEPS):
        if not np.abs(here.slope).max() > tolerance:
            break
        step = seen.ascent(here.slope)
        if not step @ here.slope > 0:  # rounding, or curvature of another place
            seen.steps, seen.falls = [], []
            step = here.slope.copy()
        if not seen.steps:
            step *= max(1.0, _FIRST / float(np.abs(step).max()))
        step *= min(1.0, _LONGEST / float(np.abs(step).max()))
        widths, growth = np.log(np.diag(here.L)), step[on_diagonal]
        if np.any(widths + growth < low):
            return Found(here.L, here.value * unit, True)
        if np.any(widths + growth > high):
            break
        there = _along(look, here, step)
        if there is None:
            break
        gain, here = there[1].value - here.value, there[1]
        seen.see(there[0], there[2])
        if abs(gain) <= _GAIN and np.abs(here.slope).max() <= 10.0 * tolerance:
            break
    return Found(here.L, here.value * unit, False)


def _along(
    look: Callable[[FloatArray], _Point], here: _Point, step: FloatArray
) -> tuple[FloatArray, _Point, FloatArray] | None:
    """Return how much of a step was taken, where it led, and the fall of the slope; None where nothing is higher."""
    rise = float(step @ here.slope)
    for _ in range(_LOOKS):
        there = look(step)
        promised, left = float(step @ here.slope), float(step @ there.slope)
        gain = there.value - here.value
        level = abs(left) <= _LEVEL * promised and gain >= -_GAIN
        if gain >= _SUFFICIENT * promised or level:
            return step, there, here.slope - there.slope
        share = promised / (promised - left) if left < 0.0 else 0.3
        step = step * min(max(share, 0.1), 0.7)
        if step @ here.slope < 1e-12 * rise:
            break
    return None
