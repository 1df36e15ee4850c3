"""How far rounding and skipping can move a result: the bounds behind the promise.

A term's exponent t_j carries a rounding error δt_j; log S then moves by at most max δt_j over the terms
that matter, and the mean of u by at most max δt_j times the root mean square of u about its mean. Terms
matter up to ``cutoff`` nats above the lowest exponent. Queries whose bound exceeds the promise are summed
again in double-double arithmetic, where δt_j is of the order of u·|t_j - lowest|.

Where sources have bandwidth factors λ_j of their own, exponents are those of points seen from bandwidths as narrow as
the narrowest: norms are multiplied by the largest 1/λ_j, while ‖u_j‖ is in the term's own bandwidths, h λ_j.
"""

import math

import numpy as np

from parzen.errors import AccuracyError
from parzen.kernel_sums.state import KernelSums
from parzen.typing import BoolArray, FloatArray

UNIT = 2.0**-53  # unit roundoff of float64

#: The share of rtol that skipped terms may use; rounding may use the other half.
SKIPPED_SHARE = 0.5


def cutoff(n_sources: int, rtol: float) -> float:
    """Nats below the largest term at which all n terms together stay under their share of rtol."""
    return math.inf if rtol == 0 else math.log(n_sources / SKIPPED_SHARE) - math.log(rtol)


def direct_error(
    d: int, units: float, query_radius: FloatArray, source_radius: FloatArray, distance: FloatArray
) -> FloatArray:
    """Bound δt for direct differences of stored points, at ‖y_q‖, ‖y_j‖ and ‖u‖ in bandwidths.

    Each stored point is off by ``units`` half ulps of its size: ‖δu‖ ≤ u·units·(‖y_j‖ + ‖y_q‖) + u‖u‖; the
    sum of d squares adds (d/2 + 2) u t.
    """
    stored = units * (query_radius + source_radius) + distance
    return UNIT * (distance * stored + (0.5 * d + 2.0) * 0.5 * distance**2)


def product_error(
    d: int, units: float, query_radius: FloatArray, source_radius: FloatArray, distance: FloatArray
) -> FloatArray:
    """Bound δt for ½‖y_q‖² + ½‖y_j‖² - y_q·y_j through a matrix product.

    The worst case of each of the three sums is d·u times its size. Rounding errors are not all of one sign,
    so that the error grows like √d (Higham & Mary, 2019): its root mean square is at most √(d/3)·u, reached
    when all terms of the sum are equal. √d is used.
    """
    stored = units * (query_radius + source_radius) + distance
    sums = (math.sqrt(d) + 4.0) * 0.5 * (query_radius + source_radius) ** 2
    return UNIT * (distance * stored + sums)


def mesh_error(d: int, additions: FloatArray) -> FloatArray:
    """Bound the relative error of sums on a mesh, of so many additions to a node: windows, powers, and additions.

    A weight of a window is a product of up to 32 factors, and there are two windows an axis. Errors of additions count
    in full: where samples are equal, they may all have one sign.
    """
    return UNIT * (500.0 * d + additions)


def compensated_error(error: float, radius: FloatArray, distance: FloatArray) -> FloatArray:
    """Bound δt relative to the lowest exponent in double-double arithmetic.

    The coordinates are off by ``error`` of their size ``radius``, the exponents by 2⁻¹⁰⁰ of theirs. The
    difference from the lowest exponent, x ≤ 0, is rounded to u|x|, which the weight e^x keeps below u/e.
    """
    return 2.0 * UNIT + 2.0 * error * distance * radius + 2.0**-100 * distance**2


def broken_promises(
    sums: KernelSums,
    exponent_error: FloatArray,
    scales: FloatArray,
    diameter: float,
    rtol: float,
    order: int,
    *,
    sharpest: float = 1.0,
    central: bool = False,
) -> tuple[FloatArray, BoolArray]:
    """Return the bound on log S and which promises are broken, both (m, k).

    Parameters
    ----------
    sums : KernelSums
        Finished sums in whitened units.
    exponent_error : (m, k)
        Bound on δt over the terms that matter.
    scales : (k,)
        1/h² of each bandwidth.
    diameter : float
        Bound on the distance between the pulls of two sources, whitened: no mean can be off by more.
    rtol : float
        The promise; half of it is for rounding.
    order : int
        Highest derivative wanted.
    sharpest : float
        The largest 1/λ_j.
    central : bool
        Whether second moments were summed about the mean.

    Notes
    -----
    With w_j = √a c_j u_j, δg ≤ Σ p_j δt_j ‖w_j - g‖ + Σ p_j √a c_j ‖δu_j‖. The mean deviation of w is at most the
    standard deviation, which is known from the Hessian's moments, or bounded by c_j ≤ sharpest²; and it is at most
    2 Σ p_j ‖w_j‖, which by Cauchy & Schwarz is within 2 √(mean precision · mean square). So a narrow source that does
    not count at this query costs nothing here.
    """
    allowed = (1.0 - SKIPPED_SHARE) * rtol
    magnitude = np.abs(sums.log_sum)
    bound = exponent_error + UNIT * (8.0 + magnitude)
    # comparisons are written so that NaN and inf count as broken
    broken = ~(bound <= allowed + 8.0 * UNIT * magnitude)
    if order > 0:
        root = np.sqrt(scales)
        precision = sums.mean_precision
        slope = root * np.linalg.norm(sums.mean, axis=-1)
        distance = np.sqrt(np.maximum(scales * sums.mean_square, 0.0))
        pull = np.sqrt(precision) * distance
        if order > 1:
            variance = np.maximum(scales * np.trace(sums.covariance, axis1=-2, axis2=-1), 0.0)
            deviation = np.sqrt(variance)
            pull = np.maximum(pull, np.hypot(deviation, slope))
        else:
            variance = np.maximum(sharpest**2 * distance**2 - slope**2, 0.0)
            deviation = np.minimum(np.sqrt(variance), 2.0 * pull)
        # the stored points' own rounding moves the mean directly; it is δt/‖u‖ at most, less what `compensated_error`
        # has for the exponential
        stored = exponent_error - (2.0 * UNIT if central else 0.0)
        own = np.sqrt(precision) * stored / np.maximum(distance, 1.0) + 4.0 * UNIT * pull
        gradient_error = np.minimum(2.0 * exponent_error * deviation, root * diameter) + own
        broken |= ~(gradient_error <= allowed * (1.0 + slope))
        if order > 1:
            # forming Σ p w wᵀ - mean meanᵀ cancels down from ‖w‖²
            cancelled = 8.0 * UNIT * (variance if central else pull**2)
            # the mean precision moves by δt times its mean deviation, which is 0 where all are equal
            spread = 2.0 * np.minimum(precision, np.maximum(sharpest**2 - precision, 0.0))
            hessian_error = exponent_error * (4.0 * variance + spread) + 2.0 * own * deviation + cancelled
            hessian_error += 4.0 * UNIT * precision
            hessian_size = scales * np.linalg.norm(sums.covariance, axis=(-2, -1))
            d = sums.covariance.shape[-1]
            broken |= ~(hessian_error <= allowed * (1.0 + np.abs(hessian_size - math.sqrt(d) * precision)))
    return bound, broken


def cannot_tell(rows: list[int], rtol: float) -> AccuracyError:
    """Say which derivatives cannot be had."""
    return AccuracyError(
        f"`X` must lie where float64 can tell the samples apart; got {len(rows)} queries, the first in row {rows[0]}, "
        f"whose derivatives cancel to more digits than there are. Use a larger bandwidth or rtol (it is {rtol:g}), or "
        "ask for the log density only."
    )
