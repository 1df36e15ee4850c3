"""Arrays of about 32 digits: unevaluated sums ``high + low`` of two float64 arrays.

Only what whitening needs. Error-free transformations of Knuth and Dekker; see Hida, Li & Bailey (2001),
"Algorithms for quad-double precision floating point arithmetic".
"""

from typing import Any, NamedTuple, Self

import numpy as np

from parzen.typing import FloatArray

_SPLITTER = 134217729.0  # 2**27 + 1


def _two_sum(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the rounded sum and its error."""
    s = a + b
    part = s - a
    return s, (a - (s - part)) + (b - part)


def _two_product(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the rounded product and its error (Dekker; for |a|, |b| < 1e290)."""
    p = a * b
    wide = _SPLITTER * a
    a_high = wide - (wide - a)
    a_low = a - a_high
    wide = _SPLITTER * b
    b_high = wide - (wide - b)
    b_low = b - b_high
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


def _renormalise(high: FloatArray, low: FloatArray) -> "DoubleDouble":
    """Make |low| at most half an ulp of high."""
    s = high + low
    return DoubleDouble(s, low - (s - high))


class DoubleDouble(NamedTuple):
    """An array of unevaluated sums; immutable."""

    high: FloatArray
    low: FloatArray

    @classmethod
    def of(cls, value: FloatArray) -> Self:
        """Wrap exact doubles."""
        value = np.asarray(value, dtype=np.float64)
        return cls(value, np.zeros_like(value))

    def plus(self, other: "DoubleDouble") -> "DoubleDouble":
        """Return self + other."""
        s, error = _two_sum(self.high, other.high)
        return _renormalise(s, error + (self.low + other.low))

    def minus(self, other: "DoubleDouble") -> "DoubleDouble":
        """Return self - other."""
        return self.plus(DoubleDouble(-other.high, -other.low))

    def times(self, other: "DoubleDouble") -> "DoubleDouble":
        """Return self * other."""
        p, error = _two_product(self.high, other.high)
        return _renormalise(p, error + (self.high * other.low + self.low * other.high))

    def over(self, other: "DoubleDouble") -> "DoubleDouble":
        """Return self / other: a double quotient and one correction."""
        q = self.high / other.high
        remainder = self.minus(DoubleDouble.of(q).times(other))
        return _renormalise(q, (remainder.high + remainder.low) / other.high)

    def square_root(self) -> "DoubleDouble":
        """Return the square root: a double root and one Newton step."""
        root = np.sqrt(self.high)
        remainder = self.minus(DoubleDouble.of(root).times(DoubleDouble.of(root)))
        return _renormalise(root, (remainder.high + remainder.low) / (2 * root))

    def scaled(self, power_of_two: float) -> "DoubleDouble":
        """Return self times an exact power of two."""
        return DoubleDouble(self.high * power_of_two, self.low * power_of_two)

    def at(self, index: Any) -> "DoubleDouble":
        """Index both parts."""
        return DoubleDouble(self.high[index], self.low[index])


def cholesky(matrix: FloatArray) -> DoubleDouble | None:
    """Return the lower Cholesky factor, or None where a pivot is not positive. Cost d³/3 in d vector steps."""
    d = len(matrix)
    rest = DoubleDouble.of(np.array(matrix))  # a copy: it is worked on in place
    high, low = np.zeros((d, d)), np.zeros((d, d))
    for i in range(d):
        pivot = rest.at((i, i))
        if not float(pivot.high) > 0:
            return None
        root = pivot.square_root()
        column = rest.at((slice(i, None), i)).over(root)
        high[i:, i], low[i:, i] = column.high, column.low
        below = column.at(slice(1, None))
        outer = DoubleDouble(below.high[:, None], below.low[:, None]).times(
            DoubleDouble(below.high[None, :], below.low[None, :])
        )
        tail = (slice(i + 1, None), slice(i + 1, None))
        updated = rest.at(tail).minus(outer)
        rest.high[tail], rest.low[tail] = updated.high, updated.low
    return DoubleDouble(high, low)


def solve_lower(factor: DoubleDouble, rows: DoubleDouble) -> DoubleDouble:
    """Return y with factor · yᵢ = rowsᵢ for each row, by forward substitution. Cost n d² vector operations."""
    d = len(factor.high)
    high, low = rows.high.copy(), rows.low.copy()
    for i in range(d):
        y = DoubleDouble(high[:, i], low[:, i]).over(factor.at((i, i)))
        high[:, i], low[:, i] = y.high, y.low
        if i + 1 < d:
            column = factor.at((slice(i + 1, None), i))
            product = DoubleDouble(y.high[:, None], y.low[:, None]).times(
                DoubleDouble(column.high[None, :], column.low[None, :])
            )
            rest = DoubleDouble(high[:, i + 1 :], low[:, i + 1 :]).minus(product)
            high[:, i + 1 :], low[:, i + 1 :] = rest.high, rest.low
    return DoubleDouble(high, low)


def solve_lower_transposed(factor: DoubleDouble, rows: DoubleDouble) -> DoubleDouble:
    """Return y with factorᵀ · yᵢ = rowsᵢ for each row, by back substitution."""
    flip = (slice(None, None, -1), slice(None, None, -1))
    # the transposed factor, read backwards, is lower triangular
    turned = DoubleDouble(factor.high.T[flip], factor.low.T[flip])
    backwards = (slice(None), slice(None, None, -1))
    return solve_lower(turned, rows.at(backwards)).at(backwards)
