"""Stencils: exact fractions, against tables, moments and mpmath."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parzen.derivatives.arrays.stencils import float_weights, integer_stencil, stencil, weights
from parzen.errors import InputError, InputTypeError

F = Fraction


@pytest.mark.parametrize(
    ("offsets", "order", "expected"),
    [
        ([-1, 0, 1], 1, [F(-1, 2), 0, F(1, 2)]),
        ([-1, 0, 1], 2, [1, -2, 1]),
        ([-2, -1, 0, 1, 2], 1, [F(1, 12), F(-2, 3), 0, F(2, 3), F(-1, 12)]),
        ([-2, -1, 0, 1, 2], 2, [F(-1, 12), F(4, 3), F(-5, 2), F(4, 3), F(-1, 12)]),
        ([-2, -1, 0, 1, 2], 3, [F(-1, 2), 1, 0, -1, F(1, 2)]),
        ([-2, -1, 0, 1, 2], 4, [1, -4, 6, -4, 1]),
        ([0, 1, 2], 1, [F(-3, 2), 2, F(-1, 2)]),
        ([0, 1, 2, 3, 4], 1, [F(-25, 12), 4, -3, F(4, 3), F(-1, 4)]),
        ([-2, -1, 0], 2, [1, -2, 1]),
        ([F(-1, 2), F(1, 2)], 1, [-1, 1]),
        ([0.5], 0, [1]),
    ],
)
def test_published_tables(offsets, order, expected):
    exact = stencil(offsets, order, exact=True)
    assert exact == tuple(map(F, expected))
    assert all(isinstance(w, Fraction) for w in exact)
    np.testing.assert_array_equal(stencil(offsets, order), [float(w) for w in expected])


@settings(deadline=None, max_examples=60)
@given(st.sets(st.integers(-12, 12), min_size=2, max_size=10), st.data())
def test_moments_are_exact(offsets, data):
    order = data.draw(st.integers(0, len(offsets) - 1))
    points = data.draw(st.permutations(sorted(offsets)))
    row = stencil(points, order, exact=True)
    for power in range(len(points)):
        moment = sum(w * Fraction(p) ** power for w, p in zip(row, points, strict=True))
        assert moment == (mpmath.factorial(order) if power == order else 0)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(-(10**6), 10**6).map(lambda v: v / 977), min_size=3, max_size=7, unique=True),
    st.integers(-(10**6), 10**6).map(lambda v: v / 1013),
    st.integers(1, 2),
)
def test_uneven_weights_are_the_exact_ones_rounded_once(x, x0, order):
    with mpmath.workdps(200):
        matrix = mpmath.matrix(len(x), len(x))
        right = mpmath.matrix(len(x), 1)
        for power in range(len(x)):
            for k, value in enumerate(x):
                matrix[power, k] = (mpmath.mpf(value) - mpmath.mpf(x0)) ** power
            right[power] = mpmath.factorial(order) if power == order else 0
        truth = [float(v) for v in mpmath.lu_solve(matrix, right)]
    np.testing.assert_allclose(weights(x, x0, order), truth, rtol=1e-15, atol=1e-300)


@pytest.mark.parametrize("accuracy", range(2, 17, 2))
@pytest.mark.parametrize("order", range(1, 7))
def test_float_recursion_of_uneven_axes_is_close_to_exact(accuracy, order):
    rng = np.random.default_rng(accuracy * 10 + order)
    k = order + accuracy
    gaps = rng.uniform(0.2, 3, k - 1) * 1e-9
    x = np.concatenate([[0.0], np.cumsum(gaps)])
    left = int(rng.integers(0, k))
    got = float_weights(gaps[:, None], left, order)[:, 0]
    exact = weights(x, float(x[left]), order)
    assert np.abs(got - exact).max() <= 1e-12 * np.abs(exact).max()


def test_integer_numerators_are_exact():
    for accuracy in range(2, 17, 2):
        for order in range(1, 7):
            reach = (order + 1) // 2 - 1 + accuracy // 2
            for first, last in ((-reach, reach), (0, order + accuracy - 1)):
                numbers, denominator = integer_stencil(first, last, order)
                exact = stencil(range(first, last + 1), order, exact=True)
                if denominator > 1:
                    assert [F(int(v), int(denominator)) for v in numbers] == list(exact)
                else:
                    np.testing.assert_array_equal(numbers, [float(w) for w in exact])


def test_cached_numerators_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        integer_stencil(-1, 1, 1)[0][0] = 5


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: stencil([0, 1, 1]), InputError, "all different"),
        (lambda: stencil([0, 1], 2), InputError, "more points"),
        (lambda: stencil([]), InputError, "empty"),
        (lambda: stencil([0, float("nan")]), InputError, "finite"),
        (lambda: stencil([0, "a"]), InputError, "finite numbers"),
        (lambda: stencil(3), InputTypeError, "sequence"),
        (lambda: stencil([0, 1], -1), InputError, "at least 0"),
        (lambda: stencil([0, 1], 1.0), InputTypeError, "integer"),
        (lambda: weights([[0, 1], [2, 3]], 0), InputTypeError, "flat sequence"),
        (lambda: weights([0.0, 1.0], None), InputTypeError, "x0"),
        (lambda: weights([0.0, 5e-324, 1e-323], 0.0), InputError, "far enough apart"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()
