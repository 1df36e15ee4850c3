"""Queries so far out that squared distances lose everything: exponents relative to the nearest source instead."""

import numpy as np

from parzen.errors import AccuracyError
from parzen.kernel_sums import accuracy
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.sources import Sources
from parzen.kernel_sums.state import KernelSums
from parzen.typing import BoolArray, FloatArray

__all__ = ["FAR_AWAY", "sum_far"]

#: Whitened norm, and distance from the nearest source, beyond which a query is summed here, if there are no bandwidth
#: factors; with them see `evaluate`.
FAR_AWAY = 1e60

#: Error of an exponent, in nats, beyond which a term's share is uncertain; nats below the largest where none counts.
_UNCERTAIN, _NEGLIGIBLE = 1e-10, 50.0

#: Bounds stay numbers.
_LARGEST_BOUND = 1e300

#: Distance from the nearest source, over the query's size, that rounding leaves digits of.
_DISTINCT = 1e-3

#: Relative error of a product of three double-double numbers and of its sums, with room.
_DOUBT = 2.0**-96


def sum_far(
    sources: Sources, x: FloatArray, q: FloatArray, own: int, row: int, request: Request
) -> tuple[KernelSums, FloatArray] | None:
    """Return the sums of one query and a bound, (k,), on the error of log S.

    None where the query is far from the centre, but not from the sources. Time and memory: O(n d).

    Parameters
    ----------
    sources, request :
        What is summed, and what is asked.
    x : (n, d)
        The sources' points, whitened.
    q : (d,)
        The query, whitened.
    own : int
        The source that is left out, or -1.
    row : int
        The query's number in messages.

    Raises
    ------
    AccuracyError
        Derivatives that cannot be told.
    """
    order = request.order
    sums, bound = KernelSums.empty(1, len(request.scales), len(q), order), np.zeros(len(request.scales))
    if not np.all(np.isfinite(q)):
        if order > 0:
            raise AccuracyError(
                "`X` must lie closer for gradients; got queries whose gradient leaves the range of float64. "
                "Leave them out, or ask for the log density only."
            )
        sums.log_sum[:], sums.mean_square[:] = -np.inf, np.inf
        return sums, bound
    others = np.arange(len(x)) != own
    if sources.precisions is not None:
        return _with_factors(sources, x[others], q, others, row, request)
    x = x[others]
    offsets = sources.offsets.high[others] if sources.offsets else np.zeros(len(x))
    nearest, farther, doubt = _nearest(x, q)
    u = x[nearest] - q
    size = np.max(np.abs(u))
    distance = size * np.sqrt(np.sum((u / size) ** 2)) if size > 0 else 0.0
    if distance < FAR_AWAY:
        return None
    for k, scale in enumerate(request.scales):
        above = scale * farther + (offsets - offsets[nearest])
        least = np.min(above)
        shares = np.exp(least - above)
        uncertain = (scale * doubt > _UNCERTAIN) & (above - least < _NEGLIGIBLE + 2.0 * scale * doubt)
        if order > 0 and np.count_nonzero(uncertain):
            raise accuracy.cannot_tell([row], request.rtol)
        total = np.sum(shares)
        exponent = (np.sqrt(0.5 * scale) * distance) ** 2
        sums.log_sum[0, k] = np.log(total) - offsets[nearest] - least - exponent
        sums.mean_square[0, k] = distance**2
        bound[k] = 8.0 * accuracy.UNIT * np.minimum(exponent, _LARGEST_BOUND)
        if order > 0:
            middle = (shares / total) @ x
            sums.mean[0, k] = middle - q
        if order > 1:
            apart = x - middle
            sums.covariance[0, k] = (shares / total * apart.T) @ apart
    return sums, bound


def _with_factors(
    sources: Sources, x: FloatArray, q: FloatArray, others: BoolArray, row: int, request: Request
) -> tuple[KernelSums, FloatArray]:
    """Return the sums where sources have bandwidth factors: the least exponent is all, derivatives are refused."""
    assert sources.precisions is not None  # who calls this has looked
    assert sources.offsets is not None
    u = x - q
    size = np.max(np.abs(u), axis=1)
    distance = size * np.sqrt(np.sum((u / size[:, None]) ** 2, axis=1))
    if request.order > 0 or not np.min(distance) > _DISTINCT * np.max(np.abs(q)):
        raise accuracy.cannot_tell([row], request.rtol)
    roots, offsets = np.sqrt(0.5 * sources.precisions.high[others]), sources.offsets.high[others]
    scales = request.scales[:, None]
    least = np.min((np.sqrt(scales) * roots * distance) ** 2 + offsets, axis=1)
    sums = KernelSums.empty(1, len(scales), len(q), 0)
    sums.log_sum[0] = -least
    sums.mean_square[0] = 2.0 * (least / request.scales)
    return sums, 8.0 * accuracy.UNIT * np.minimum(least, _LARGEST_BOUND)


def _nearest(x: FloatArray, q: FloatArray) -> tuple[int, FloatArray, FloatArray]:
    """Return the nearest row of ``x``, ½‖x_j - q‖² of every row above that of the nearest, and a bound on its error.

    Computed as (x_j - x_best)·(½(x_j + x_best) - q) in double-double arithmetic, which keeps its digits where
    the squares would lose all of them or overflow.
    """
    best = 0
    size = max(float(np.max(np.abs(q))), float(np.max(np.abs(x))))
    unit = 2.0 ** -np.frexp(size)[1]
    points, query = DoubleDouble.of(x * unit), DoubleDouble.of(np.broadcast_to(q * unit, x.shape))
    while True:
        chosen = DoubleDouble.of(np.broadcast_to(x[best] * unit, x.shape))
        step = points.minus(chosen)
        products = step.times(points.plus(chosen).scaled(0.5).minus(query))
        farther, doubt = DoubleDouble.of(np.zeros(len(x))), np.zeros(len(x))
        for a in range(len(q)):
            farther = farther.plus(products.at((slice(None), a)))
            doubt += _DOUBT * np.abs(products.high[:, a])
        candidate = int(np.argmin(farther.high))
        if not farther.high[candidate] < -doubt[candidate]:
            exact = farther.high == 0.0  # symmetric to the last digit
            return best, farther.high / unit / unit, np.where(exact, 0.0, doubt / unit / unit)
        best = candidate
