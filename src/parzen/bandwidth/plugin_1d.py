"""Plug-in bandwidths in one dimension: Sheather & Jones (solve the equation), and the direct plug-in.

Both estimate ψ_r = ∫ f⁽ʳ⁾ f by sums over all pairs, exact and unbinned (spectrum.py), with R's constants. R itself
counts pairs in 1000 bins, and stops its search early, so that its ``bw.SJ`` agrees in three digits only.

Weighted, n becomes Kish's n_eff, and the pair sums are weighted.
"""

import math

import numpy as np
from scipy.optimize import brentq

from parzen.bandwidth.rules import effective_sample_size, robust_scale
from parzen.bandwidth.selector import DERIVATIVES, Options, Selected
from parzen.bandwidth.spectrum import PairSums
from parzen.typing import FloatArray

__all__ = ["dpi", "sheather_jones"]

#: The interquartile range of the standard normal, as R's bw.SJ has it.
_IQR_NORMAL = 1.349

#: Bandwidths at which the equation is tabulated, a factor of ten.
_PER_DECADE = 24


class _Problem:
    """What both need: scale, pilot bandwidths and ψ functionals of one sample."""

    def __init__(self, samples: FloatArray, weights: FloatArray | None) -> None:
        x = samples[:, 0]
        self.n = effective_sample_size(weights, len(x))
        scale, warning = robust_scale(x, weights, _IQR_NORMAL)
        # in units near the scale, so that no power over- or underflows
        self.unit = 2.0 ** math.frexp(scale)[1]
        self.scale = scale / self.unit
        self.warnings: tuple[str, ...] = (warning,) if warning else ()
        self.sums = PairSums((samples - np.median(x)) / self.unit, weights)
        self.c1 = 1.0 / (2.0 * math.sqrt(math.pi) * self.n)

    def psi(self, order: int, g: float) -> float:
        """Estimate ψ_order with pilot bandwidth g: all pairs, self pairs included, over n(n - 1)."""
        return self.sums.pair_sum(g, (order,)) / (1.0 - self.sums.self_weight)


def sheather_jones(samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
    """Solve h = [1 / (2√π n ψ̂₄(α h^{5/7}))]^{1/5}.

    References
    ----------
    Sheather & Jones (1991), J. R. Statist. Soc. B 53; constants as in R's ``bw.SJ(method = "ste")``.
    """
    problem = _Problem(samples, weights)
    n, scale = problem.n, problem.scale
    psi4 = problem.psi(4, 1.24 * scale * n ** (-1 / 7))
    psi6 = problem.psi(6, 1.23 * scale * n ** (-1 / 9))
    alpha = 1.357 * (psi4 / -psi6) ** (1 / 7)

    def excess(log_h: float) -> float:
        """Log of the equation's right side over h: positive below the root."""
        pilot = alpha * math.exp(5.0 / 7.0 * log_h)
        return 0.2 * math.log(problem.c1 / problem.psi(4, pilot)) - log_h

    largest = math.log(1.144 * scale * n ** (-1 / 5))
    grid = list(np.linspace(largest - math.log(10.0), largest, _PER_DECADE + 1))
    values = [excess(u) for u in grid]
    step = grid[1] - grid[0]
    # a root there is: ψ̂₄ ~ g⁻⁵ at both ends, so that the right side is ~ h^{5/7}, below h only for large h
    while values[-1] > 0:
        grid.append(grid[-1] + step)
        values.append(excess(grid[-1]))
    while values[0] <= 0:
        grid.insert(0, grid[0] - step)
        values.insert(0, excess(grid[0]))
    crossings = [i for i in range(len(grid) - 1) if values[i] > 0 >= values[i + 1]]
    at = crossings[-1]
    root = brentq(excess, grid[at], grid[at + 1], xtol=1e-13, rtol=1e-13)
    warnings = problem.warnings
    if len(crossings) > 1:
        warnings += (f"the equation has {len(crossings)} solutions; the largest was taken",)
    unit = problem.unit
    return Selected(unit * math.exp(root), (unit * np.exp(grid), np.array(values)), warnings)


def dpi(samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
    """Two-stage direct plug-in.

    For densities: R's ``bw.SJ(method = "dpi")``. For derivatives of order r the same idea: from ψ_{2r+8} of a normal
    density ψ̂_{2r+6}, from that ψ̂_{2r+4}, and from that h = [(2r + 1) R(φ⁽ʳ⁾) / (n |ψ̂_{2r+4}|)]^{1/(2r + 5)}.

    References
    ----------
    Wand & Jones (1995), "Kernel Smoothing", §3.6 and exercise 3.6; Sheather & Jones (1991).
    """
    problem = _Problem(samples, weights)
    n, scale = problem.n, problem.scale
    r = DERIVATIVES[options.target]
    if r == 0:
        psi6 = problem.psi(6, 1.23 * scale * n ** (-1 / 9))
        psi = problem.psi(4, (2.394 / (n * -psi6)) ** (1 / 7))
    else:
        psi = _normal_psi(2 * r + 8, scale)
        for order in (2 * r + 6, 2 * r + 4):
            psi = problem.psi(order, _pilot(order, psi, n))
    # R(φ⁽ʳ⁾) / n, and ¼ ∫ (f⁽ʳ⁺²⁾)²
    variance = math.prod(range(1, 2 * r, 2)) / 2.0**r * problem.c1
    bias, power = abs(psi) / 4.0, 2 * r + 1
    # the estimated error variance / h^power + bias h⁴ is least at
    h = (power * variance / (4.0 * bias)) ** (1.0 / (power + 4))
    grid = h * np.geomspace(0.4, 2.5, 4 * _PER_DECADE + 1)
    with np.errstate(over="ignore", under="ignore"):
        errors = (variance / grid**power + bias * grid**4) * np.float64(problem.unit) ** -float(power)
    # in the smallest units of float64 there is a bandwidth, but no error to show
    curve = (problem.unit * grid, errors) if np.all(np.isfinite(errors)) else None
    return Selected(problem.unit * h, curve, problem.warnings)


def _normal_psi(order: int, scale: float) -> float:
    """ψ_order of a normal density."""
    sign = -1.0 if (order // 2) % 2 else 1.0
    half = math.factorial(order) / math.factorial(order // 2)
    return sign * half / (math.sqrt(math.pi) * (2.0 * scale) ** (order + 1))


def _pilot(order: int, next_psi: float, n: float) -> float:
    """Return the best bandwidth for estimating ψ_order, given ψ_{order + 2}."""
    odd = math.prod(range(1, order, 2))
    at_zero = (-1.0 if (order // 2) % 2 else 1.0) * odd / math.sqrt(2.0 * math.pi)  # φ⁽ʳ⁾(0)
    return float((-2.0 * at_zero / (next_psi * n)) ** (1.0 / (order + 3)))
