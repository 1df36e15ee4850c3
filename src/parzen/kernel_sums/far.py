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
    sources: Sources, x: DoubleDouble, q: DoubleDouble, own: int, row: int, request: Request
) -> tuple[KernelSums, FloatArray] | None:
    """Return the sums of one query and a bound, (k,), on the error of log S.

    None where the query is far from the centre, but not from the sources. Time and memory: O(n d).

    Parameters
    ----------
    sources, request :
        What is summed, and what is asked.
    x : (n, d)
        The sources' points, whitened; rounded to float64 they would not be told apart from where the query is.
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
    d = len(q.high)
    sums, bound = KernelSums.empty(1, len(request.scales), d, order), np.zeros(len(request.scales))
    if not np.all(np.isfinite(q.high)):
        if order > 0:
            raise AccuracyError(
                "`X` must lie closer for gradients; got queries whose gradient leaves the range of float64. "
                "Leave them out, or ask for the log density only."
            )
        sums.log_sum[:], sums.mean_square[:] = -np.inf, np.inf
        return sums, bound
    others = np.arange(len(x.high)) != own
    x = x.at(others)
    if sources.precisions is not None:
        return _with_factors(sources, x, q, others, row, request)
    offsets = sources.offsets.high[others] if sources.offsets else np.zeros(len(x.high))
    nearest, farther, doubt = _nearest(x, q)
    u = x.at(nearest).minus(q).high
    size = np.max(np.abs(u))
    distance = size * np.sqrt(np.sum((u / size) ** 2)) if size > 0 else 0.0
    if distance < FAR_AWAY:
        return None
    steps = x.minus(_repeated(x.at(nearest), len(x.high))).high
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
            middle = (shares / total) @ steps
            sums.mean[0, k] = u + middle
        if order > 1:
            apart = steps - middle
            sums.covariance[0, k] = (shares / total * apart.T) @ apart
    return sums, bound


def _with_factors(
    sources: Sources, x: DoubleDouble, q: DoubleDouble, others: BoolArray, row: int, request: Request
) -> tuple[KernelSums, FloatArray]:
    """Return the sums where sources have bandwidth factors: the least exponent is all, derivatives are refused."""
    assert sources.precisions is not None  # who calls this has looked
    assert sources.offsets is not None
    u = x.minus(_repeated(q, len(x.high))).high
    size = np.max(np.abs(u), axis=1)
    distance = size * np.sqrt(np.sum((u / size[:, None]) ** 2, axis=1))
    if request.order > 0 or not np.min(distance) > _DISTINCT * np.max(np.abs(q.high)):
        raise accuracy.cannot_tell([row], request.rtol)
    roots, offsets = np.sqrt(0.5 * sources.precisions.high[others]), sources.offsets.high[others]
    scales = request.scales[:, None]
    least = np.min((np.sqrt(scales) * roots * distance) ** 2 + offsets, axis=1)
    sums = KernelSums.empty(1, len(scales), len(q.high), 0)
    sums.log_sum[0] = -least
    sums.mean_square[0] = 2.0 * (least / request.scales)
    return sums, 8.0 * accuracy.UNIT * np.minimum(least, _LARGEST_BOUND)


def _nearest(x: DoubleDouble, q: DoubleDouble) -> tuple[int, FloatArray, FloatArray]:
    """Return a near row of ``x``, ½‖x_j - q‖² of every row above that of this one, and a bound on its error.

    (x_j - b)·½(x_j + b) - (x_j - b)·q in double-double arithmetic, b the row, each factor in units of its own, which
    keeps the digits that the squares would lose, and what overflows or underflows there. Where the second product is 0,
    as by symmetry, the first one is all that counts, however much smaller it is than q.
    """
    own, theirs = float(_unit(x.high)), float(_unit(q.high))
    unit = min(own, theirs)
    points, query = x.scaled(own), q.scaled(theirs)
    best = 0
    while True:
        row = points.at(best)
        step = points.minus(_repeated(row, len(x.high)))
        reach = _unit(step.high, axis=1)
        step = DoubleDouble(step.high * reach[:, None], step.low * reach[:, None])
        middle = points.plus(_repeated(row, len(x.high))).scaled(0.5)
        first, first_size = _dot(step, middle)
        first_size[first.high == 0.0] = 0.0  # symmetric to the last digit
        second, second_size = _dot(step, _repeated(query, len(x.high)))
        symmetric = second.high == 0.0
        both = first.scaled(unit / own).minus(second.scaled(unit / theirs)).high
        both_doubt = _DOUBT * (first_size * (unit / own) + second_size * (unit / theirs))
        level = np.where(symmetric, first.high * (unit / own), both) / reach
        doubt = np.where(symmetric, _DOUBT * first_size * (unit / own), both_doubt) / reach
        candidate = int(np.argmin(level))
        if level[candidate] < -doubt[candidate]:
            best = candidate
            continue
        farther = np.where(symmetric, first.high / reach / own / own, both / reach / own / unit)
        error = np.where(symmetric, _DOUBT * first_size / reach / own / own, both_doubt / reach / own / unit)
        return best, farther, error


def _dot(a: DoubleDouble, b: DoubleDouble) -> tuple[DoubleDouble, FloatArray]:
    """Return the products of rows, (n,), and the sum of the sizes of their terms."""
    products = a.times(b)
    total, size = DoubleDouble.of(np.zeros(len(a.high))), np.zeros(len(a.high))
    for k in range(a.high.shape[1]):
        total = total.plus(products.at((slice(None), k)))
        size += np.abs(products.high[:, k])
    return total, size


def _unit(values: FloatArray, axis: int | None = None) -> FloatArray:
    """Return powers of two by which the largest numbers become ½ to 1; 1 for 0."""
    largest = np.max(np.abs(values), axis=axis)
    return np.asarray(2.0 ** -np.clip(np.frexp(largest)[1], -1000, 1020).astype(np.float64))


def _repeated(row: DoubleDouble, n: int) -> DoubleDouble:
    """Return a row n times."""
    shape = (n, len(row.high))
    return DoubleDouble(np.broadcast_to(row.high, shape), np.broadcast_to(row.low, shape))
