"""Finite-difference weights as exact fractions (Fornberg's recursion).

Σ_k w_k f(x_k) is the derivative at x0 of the polynomial through the points (x_k, f(x_k)): exact for
polynomials of degree < number of points. Integers, fractions and floats are all rational numbers, so the
recursion is run in exact arithmetic and each weight is rounded once, or not at all with ``exact=True``.
"""

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Any, Literal, overload

import numpy as np

from parzen.errors import InputError, InputTypeError
from parzen.typing import FloatArray
from parzen.validation import as_positive_int, describe

__all__ = ["stencil", "weights"]


@overload
def stencil(offsets: Iterable[Any], order: int = 1, exact: Literal[False] = False) -> FloatArray: ...
@overload
def stencil(offsets: Iterable[Any], order: int = 1, *, exact: Literal[True]) -> tuple[Fraction, ...]: ...
@overload
def stencil(offsets: Iterable[Any], order: int, exact: Literal[True]) -> tuple[Fraction, ...]: ...


def stencil(offsets: Iterable[Any], order: int = 1, exact: bool = False) -> FloatArray | tuple[Fraction, ...]:
    """Weights of a finite difference for samples at ``offsets`` steps from the point.

    f⁽ᵐ⁾(x) ≈ h⁻ᵐ Σ_k w_k f(x + h·offsets[k]), exact for polynomials of degree < len(offsets).

    Parameters
    ----------
    offsets : sequence of int, Fraction or float, shape (k,)
        Where the samples lie, in steps h; all different, in any order. More of them than ``order``.
    order : int, default 1
        Order m of the derivative; 0 interpolates.
    exact : bool, default False
        Return exact fractions instead of floats.

    Returns
    -------
    ndarray of float64, shape (k,), or tuple of Fraction
        One weight an offset, in the order of the offsets. Floats are the exact weights rounded once.

    Raises
    ------
    InputError, InputTypeError
        Repeated, too few, non-finite or non-numeric offsets, or a negative order.

    Notes
    -----
    Exact rational arithmetic: O(k² m) operations, meant for tens of points.

    References
    ----------
    B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids", Mathematics of
    Computation 51 (1988) 699-706.

    Examples
    --------
    >>> from parzen.grid import stencil
    >>> stencil([-1, 0, 1], order=2)
    array([ 1., -2.,  1.])
    >>> print(*stencil([-2, -1, 0, 1, 2], exact=True))
    1/12 -2/3 0 2/3 -1/12
    """
    points = _as_fractions(offsets, "offsets")
    row = _solve(points, _as_order(order, len(points), "offsets"))
    return row if exact else _rounded(row)


def weights(x: Iterable[Any], x0: Any, order: int = 1) -> FloatArray:
    """Weights of the ``order``-th derivative at ``x0`` for samples at the points ``x``.

    f⁽ᵐ⁾(x0) ≈ Σ_k w_k f(x[k]), exact for polynomials of degree < len(x).

    Parameters
    ----------
    x : array-like of shape (k,)
        Coordinates of the samples; all different, evenly spaced or not, in any order.
    x0 : float
        Where the derivative is wanted; it need not be one of the samples.
    order : int, default 1
        Order m of the derivative; 0 interpolates.

    Returns
    -------
    ndarray of float64, shape (k,)
        In units of x⁻ᵐ. Each weight is the exact one rounded once.

    Raises
    ------
    InputError, InputTypeError
        Repeated, too few, non-finite or non-numeric coordinates, or a negative order.

    Examples
    --------
    >>> from parzen.grid import weights
    >>> weights([0.0, 1.0, 3.0], 1.0)
    array([-0.66666667,  0.5       ,  0.16666667])
    """
    points = _as_fractions(x, "x")
    (here,) = _as_fractions([x0], "x0")
    return _rounded(_solve(tuple(p - here for p in points), _as_order(order, len(points), "x")))


def _as_fractions(values: Iterable[Any], name: str) -> tuple[Fraction, ...]:
    """Turn distinct numbers into exact fractions."""
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes)):
        raise InputTypeError(f"`{name}` must be a sequence of numbers; got {describe(values)}. Pass a list.")
    items = list(values)
    if not items:
        raise InputError(
            f"`{name}` must not be empty; got {describe(values)}. Give more points than `order`."
        )
    try:
        points = tuple(Fraction(v.item() if isinstance(v, np.generic) else v) for v in items)
    except (OverflowError, ValueError):
        raise InputError(
            f"`{name}` must be finite numbers; got {describe(values)}. Remove NaN and infinities."
        ) from None
    except TypeError:
        raise InputTypeError(
            f"`{name}` must be a flat sequence of real numbers; got {describe(values)}. Pass ints, floats "
            "or Fractions."
        ) from None
    if len(set(points)) < len(points):
        raise InputError(
            f"`{name}` must be all different; got {describe(values)}. Drop the repeated points: two "
            "samples at one place do not determine a slope."
        )
    return points


def _as_order(order: int, n_points: int, name: str) -> int:
    """Check that ``n_points`` samples determine a derivative of this order."""
    order = as_positive_int(order, "order", minimum=0)
    if n_points <= order:
        raise InputError(
            f"`{name}` must have more points than `order`; got {n_points} for order {order}. Give at least "
            f"{order + 1}."
        )
    return order


def _rounded(row: tuple[Fraction, ...]) -> FloatArray:
    """Round exact weights to float64, once each."""
    try:
        return np.array([float(w) for w in row])
    except OverflowError:
        raise InputError(
            "`x` must be far enough apart for float64 weights; got weights beyond 1e308. Rescale the "
            "coordinates."
        ) from None


@lru_cache(maxsize=1024)
def _solve(points: tuple[Fraction, ...], order: int) -> tuple[Fraction, ...]:
    """Fornberg's recursion for the derivative at 0."""
    k = len(points)
    table = [[Fraction(0)] * (order + 1) for _ in range(k)]
    table[0][0] = Fraction(1)
    c1, c4 = Fraction(1), points[0]
    for i in range(1, k):
        c2, c5, c4 = Fraction(1), c4, points[i]
        for j in range(i):
            c3 = points[i] - points[j]
            c2 *= c3
            if j == i - 1:
                for s in range(min(i, order), 0, -1):
                    table[i][s] = c1 * (s * table[i - 1][s - 1] - c5 * table[i - 1][s]) / c2
                table[i][0] = -c1 * c5 * table[i - 1][0] / c2
            for s in range(min(i, order), 0, -1):
                table[j][s] = (c4 * table[j][s] - s * table[j][s - 1]) / c3
            table[j][0] = c4 * table[j][0] / c3
        c1 = c2
    return tuple(row[order] for row in table)


def float_weights(gaps: FloatArray, left: int, order: int) -> FloatArray:
    """Weights (k, m) of the ``order``-th derivative at sample ``left`` of k samples with these gaps (k-1, m).

    Fornberg's recursion on all columns at once, scaled to unit extent so that no step over- or underflows.
    Distances are sums of gaps of one sign, never differences of positions: samples that crowd together far from
    the point keep theirs. O(k² order) operations a column.
    """
    x = np.zeros((len(gaps) + 1, gaps.shape[1]))
    for j in range(left - 1, -1, -1):
        x[j] = x[j + 1] - gaps[j]
    for j in range(left + 1, len(x)):
        x[j] = x[j - 1] + gaps[j - 1]
    _, exponent = np.frexp(np.abs(x).max(axis=0))
    x, gaps = np.ldexp(x, -exponent), np.ldexp(gaps, -exponent)
    table = np.zeros((order + 1, *x.shape))
    table[0, 0] = 1.0
    product = np.ones(x.shape[1])
    distance, work = np.zeros_like(x), np.empty_like(x)
    for i in range(1, len(x)):
        distance[:i] += gaps[i - 1]  # from the samples before i to i
        last, product = product, distance[:i].prod(axis=0)
        ratio = last / product
        for s in range(order, 0, -1):
            table[s, i] = ratio * (s * table[s - 1, i - 1] - x[i - 1] * table[s, i - 1])
        table[0, i] = -ratio * x[i - 1] * table[0, i - 1]
        inverse = np.divide(1.0, distance[:i], out=work[:i])
        for s in range(order, -1, -1):
            row = table[s, :i]
            row *= x[i]
            if s:
                row -= s * table[s - 1, :i]
            row *= inverse
    weights: FloatArray = np.ldexp(table[order], -order * exponent)
    return weights


@lru_cache(maxsize=1024)
def integer_stencil(first: int, last: int, order: int) -> tuple[FloatArray, float]:
    """Numerators and their common denominator for the offsets first … last.

    Whole numbers below 2⁵³ are exact in float64, so the only rounding left is in the sums and in one
    division. Where they would be larger the weights themselves are returned with the denominator 1.
    """
    row = _solve(tuple(Fraction(j) for j in range(first, last + 1)), order)
    denominator = lcm(*(w.denominator for w in row))
    numerators = [int(w * denominator) for w in row]
    if max(denominator, *map(abs, numerators)) >= 2**53:
        numbers, denominator = [float(w) for w in row], 1
    else:
        numbers = [float(v) for v in numerators]
    array = np.array(numbers)
    array.flags.writeable = False
    return array, float(denominator)
