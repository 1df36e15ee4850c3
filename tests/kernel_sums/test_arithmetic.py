"""The exponential and the double-double arithmetic, against 50 digits."""

import numpy as np
import pytest
from mpmath import mp, mpf
from numba import njit

from parzen.kernel_sums import double_double
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.kernel_sums.exp import _POLYNOMIALS, exp2_term, exp_nonpositive, fma, polynomial


@njit
def exponentials(x):
    """Apply the compiled exponential to an array."""
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = exp_nonpositive(x[i])
    return out


@njit
def fused(a, b, c):
    """One fused multiply-add."""
    return fma(a, b, c)


def test_exponential_is_right_to_1_3_ulps(rng):
    x = np.concatenate(
        [-rng.uniform(0, 708, size=3000), -(10.0 ** rng.uniform(-300, 2.8, size=2000)), [0.0, -0.0]]
    )
    near_ties = -np.log(2.0) * (np.arange(1000) + 0.5)
    x = np.concatenate(
        [x, near_ties, np.nextafter(near_ties, 0), np.nextafter(near_ties, -1e3), [1e-9, 0.5, 2.0]]
    )
    got = exponentials(x)
    with mp.workdps(40):
        worst = max(
            abs(mpf(float(g)) - mp.exp(mpf(float(v)))) / mpf(float(np.spacing(g)))
            for g, v in zip(got, x, strict=True)
            if v > -708
        )
    assert worst <= 1.3
    assert exponentials(np.array([0.0]))[0] == 1.0


def test_exponential_ends_at_zero():
    assert np.all(exponentials(np.array([-708.0, -709.0, -1e4, -1e300, -np.inf])) == 0.0)
    assert exponentials(np.array([-707.9]))[0] == pytest.approx(np.exp(-707.9), rel=1e-14)


@njit
def powers(y, coefficients):
    """Apply the compiled power of two to an array."""
    out = np.empty_like(y)
    for i in range(y.size):
        out[i] = exp2_term(y[i], coefficients)
    return out


@pytest.mark.parametrize("error", _POLYNOMIALS)
def test_powers_of_two_keep_their_error(rng, error):
    halves = np.arange(-999, 20) + 0.5
    y = np.concatenate(
        [-rng.uniform(0, 1000, size=2000), rng.uniform(-1, 300, size=500), halves,
         np.nextafter(halves, 1e3), np.nextafter(halves, -1e3), [0.0, -0.0, -1e-300]]
    )  # fmt: skip
    got = powers(y, _POLYNOMIALS[error])
    with mp.workdps(40):
        worst = max(abs(mpf(float(g)) / mp.power(2, mpf(float(v))) - 1) for g, v in zip(got, y, strict=True))
    assert worst <= error * 1.01 + 2.0**-52
    assert np.all(powers(np.array([-1000.0, -1001.0, -1e9, -1e300, -np.inf]), _POLYNOMIALS[error]) == 0.0)


def test_the_polynomial_suits_the_promise():
    degrees = [len(polynomial(rtol)[1]) - 1 for rtol in (1e-2, 1e-4, 1e-6, 1e-9, 1e-12, 0.0)]
    assert degrees == [5, 5, 8, 8, 11, 11]
    for rtol in (1e-2, 1e-4, 1e-6, 1e-9):
        assert polynomial(rtol)[0] <= 1e-3 * rtol


def test_fused_multiply_add():
    a = 1 + 2.0**-30
    assert fused(a, a, -a * a) == 2.0**-60  # the rounding error of a · a


def as_mp(value):
    """Exact values of a double-double array."""
    return [
        mpf(float(h)) + mpf(float(w)) for h, w in zip(np.ravel(value.high), np.ravel(value.low), strict=True)
    ]


def random_pairs(rng, size):
    """Double-doubles with low parts."""
    high = rng.normal(size=size) * 10.0 ** rng.uniform(-30, 30, size=size)
    return DoubleDouble(high, high * rng.uniform(-0.5, 0.5, size=size) * 2.0**-53)


@pytest.mark.parametrize(
    ("operation", "exact", "bits"),
    [
        ("plus", lambda a, b: a + b, 102),
        ("minus", lambda a, b: a - b, 102),
        ("times", lambda a, b: a * b, 102),
        ("over", lambda a, b: a / b, 101),
    ],
)
def test_double_double(rng, operation, exact, bits):
    with mp.workdps(60):
        a, b = random_pairs(rng, 500), random_pairs(rng, 500)
        got = as_mp(getattr(a, operation)(b))
        for g, x, y in zip(got, as_mp(a), as_mp(b), strict=True):
            size = abs(x) + abs(y) if operation in ("plus", "minus") else abs(exact(x, y))
            assert abs(g - exact(x, y)) <= mpf(2) ** -bits * size


def test_double_double_square_root(rng):
    with mp.workdps(60):
        a = random_pairs(rng, 300)
        a = DoubleDouble(np.abs(a.high), np.where(a.high < 0, -a.low, a.low))
        for g, x in zip(as_mp(a.square_root()), as_mp(a), strict=True):
            assert abs(g - mp.sqrt(x)) <= mpf(2) ** -100 * mp.sqrt(x)


@pytest.mark.parametrize("condition", [1.0, 1e6, 1e13])
def test_cholesky_and_substitution(rng, condition):
    d = 6
    basis = np.linalg.qr(rng.normal(size=(d, d)))[0]
    H = (basis * np.geomspace(1, 1 / condition, d)) @ basis.T
    H = 0.5 * (H + H.T)
    kept = H.copy()
    factor = double_double.cholesky(H)
    np.testing.assert_array_equal(H, kept)
    assert np.all(np.triu(factor.high, 1) == 0)
    rows = rng.normal(size=(3, d))
    solved = double_double.solve_lower(factor, DoubleDouble.of(rows))
    with mp.workdps(60):
        L = mp.matrix(d, d)
        for (i, j), value in zip(np.ndindex(d, d), as_mp(factor), strict=True):
            L[i, j] = value
        difference = L * L.T - mp.matrix(H.tolist())
        assert max(abs(v) for v in difference) < 1e-29
        exact_factor = mp.cholesky(mp.matrix(H.tolist()))
        for i, row in enumerate(rows):
            y = mp.lu_solve(exact_factor, mp.matrix(row.tolist()))
            got = [mpf(float(h)) + mpf(float(w)) for h, w in zip(solved.high[i], solved.low[i], strict=True)]
            assert max(abs(g - v) for g, v in zip(got, y, strict=True)) < 1e-28 * condition * max(
                abs(v) for v in y
            )


def test_cholesky_of_an_indefinite_matrix():
    assert double_double.cholesky(np.array([[1.0, 2.0], [2.0, 1.0]])) is None
    assert double_double.cholesky(np.zeros((2, 2))) is None
