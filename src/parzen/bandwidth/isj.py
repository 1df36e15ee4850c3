"""The improved Sheather-Jones bandwidth (Botev, Grotowski & Kroese, 2010): diffusion on an interval, unbinned.

The samples stand in the middle half of an interval of twice their range, R, as in Botev's own program. With
c_k = Σ w_j cos(πk u_j) for u in [0, 1], all norms ‖f⁽ˢ⁾‖² are sums over k. Botev bins the samples first; here the
c_k come from one non-uniform FFT, so that nothing depends on a grid, a unit or an offset.
"""

import math

import numpy as np
from scipy.optimize import brentq

from parzen.bandwidth.rules import effective_sample_size, robust_scale
from parzen.bandwidth.selector import Options, Selected
from parzen.errors import InputError, MemoryLimitError
from parzen.typing import FloatArray

__all__ = ["fixed_point", "isj"]

#: πk√t at the last coefficient that counts: e^{-v²} v¹⁴ is below 1e-17 of its largest value.
_HIGHEST = 8.5

#: Most coefficients.
_LIMIT = 2**23

#: Bandwidths at which the equation is tabulated, a factor of ten.
_PER_DECADE = 12


def fixed_point(t: float, n: float, squares: FloatArray, powers: FloatArray) -> float:
    """Return t - ξ γ⁽⁵⁾(t), whose root is the squared bandwidth over R².

    Parameters
    ----------
    t : float
        Squared bandwidth over R².
    n : float
        Number of different samples.
    squares : ndarray of shape (K,)
        k², increasing.
    powers : ndarray of shape (K,)
        (2 c_k)², Botev's squared cosine transform.
    """

    def norm(order: int, time: float) -> float:
        """‖f⁽ˢ⁾‖² after diffusion."""
        used = int(np.searchsorted(squares, (_HIGHEST / math.pi) ** 2 / time)) + 1
        k2 = squares[:used]
        return (
            0.5
            * math.pi ** (2 * order)
            * float(np.sum(k2**order * powers[:used] * np.exp(-k2 * math.pi**2 * time)))
        )

    f = norm(7, t)
    for s in range(6, 1, -1):
        if f <= 0.0:  # smoothed until nothing is left: below any root
            return -1.0
        odd = math.prod(range(1, 2 * s, 2)) / math.sqrt(2.0 * math.pi)
        f = norm(s, (2.0 * (1.0 + 0.5 ** (s + 0.5)) / 3.0 * odd / (n * f)) ** (2.0 / (3 + 2 * s)))
    return -1.0 if f <= 0.0 else float(t - (2.0 * n * math.sqrt(math.pi) * f) ** -0.4)


def isj(samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
    """Solve Botev's fixed-point equation; the smallest root, as he does.

    n counts different samples (ties say little about small scales), or is n_eff where that is less.

    References
    ----------
    Botev, Grotowski & Kroese (2010), "Kernel density estimation via diffusion", Ann. Statist. 38, algorithm 1.
    """
    import finufft

    x = samples[:, 0]
    scale, warning = robust_scale(x, weights)
    warnings: tuple[str, ...] = (warning,) if warning else ()
    n = min(effective_sample_size(weights, len(x)), float(len(np.unique(x))))
    reach = 2.0 * float(np.ptp(x))
    angles = math.pi * ((x - x.min()) / reach + 0.25)
    strengths = np.full(len(x), 1.0 / len(x)) if weights is None else weights / weights.sum()

    typical = scale / reach * n**-0.2
    low, high = math.log(0.25 * typical), math.log(0.3)
    squares = powers = np.empty(0)

    def excess(u: float) -> float:
        """Relative excess of t over ξγ⁽⁵⁾(t) at h = eᵘ R: negative below the root."""
        t = math.exp(2.0 * u)
        return fixed_point(t, n, squares, powers) / t

    while True:
        count = math.ceil(_HIGHEST / math.pi * math.exp(-low))
        if count > _LIMIT:
            raise MemoryLimitError(
                f"`X` must not reach so far out for 'isj'; got a range of {0.5 * reach / scale:.3g} times the scale "
                "of the bulk, or too many ties. Use 'sheather-jones', or remove outliers."
            )
        transformed = finufft.nufft1d1(angles, strengths + 0j, 2 * count + 1, eps=1e-14, nthreads=1)
        powers = (2.0 * transformed.real[count + 1 :]) ** 2
        squares = np.arange(1.0, count + 1) ** 2
        if excess(low) < 0:
            break
        low -= math.log(10.0)
    grid = np.linspace(low, high, max(2, math.ceil((high - low) / math.log(10.0) * _PER_DECADE)))
    values = np.array([excess(u) for u in grid])
    crossings = np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))
    if not crossings.size:
        raise InputError(
            f"`X` must hold more samples for 'isj'; got {len(x)} ({len(np.unique(x))} different, effectively {n:.3g}), "
            "for which its equation has no solution. Use 'sheather-jones' or 'silverman'."
        )
    at = int(crossings[0])
    root = brentq(excess, grid[at], grid[at + 1], xtol=1e-13, rtol=1e-13)
    if crossings.size > 1:
        warnings += (f"the equation has {crossings.size} solutions; the smallest was taken",)
    return Selected(math.exp(root) * reach, (np.exp(grid) * reach, values), warnings)
