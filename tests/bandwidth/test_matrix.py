"""Bandwidths as linear maps: whitening, its inverse, determinants, and how exact they say they are."""

import numpy as np
import pytest
from mpmath import mp, mpf

from parzen.bandwidth.matrix import Whitened, as_scale
from parzen.kernel_sums.double_double import DoubleDouble


def covariance(rng, d, condition):
    """A random covariance of this condition."""
    basis = np.linalg.qr(rng.normal(size=(d, d)))[0]
    H = (basis * np.geomspace(1, 1 / condition, d)) @ basis.T
    return 0.5 * (H + H.T)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (0.3, "scalar"),
        (np.float32(0.5), "scalar"),
        (np.array(2), "scalar"),
        ([1.0, 2.0], "diagonal"),
        (np.eye(2), "full"),
    ],
)
def test_kinds(value, kind):
    assert as_scale(value, 2).kind == kind


@pytest.mark.parametrize("h", [1e-300, 0.3, 0.5, 1.0, 1.5, 1e300])
def test_a_scalar_divides_by_a_power_of_two(h):
    scale = as_scale(h, 3)
    assert np.frexp(scale.unit)[0] == 0.5
    assert 1.0 <= scale.kernel_scale <= 4.0
    assert scale.log_det == pytest.approx(3 * np.log(h), rel=1e-15)


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e8, 1e13])
@pytest.mark.parametrize("d", [1, 2, 6])
def test_log_determinant(rng, d, condition):
    H = covariance(rng, d, condition)
    with mp.workdps(40):
        exact = float(mp.log(mp.det(mp.matrix(H.tolist()))) / 2)
    assert as_scale(H, d).log_det == pytest.approx(exact, rel=1e-14, abs=1e-13)


@pytest.mark.parametrize("condition", [1.0, 1e2, 1e4, 1e8, 1e13])
@pytest.mark.parametrize("d", [2, 6])
def test_whitened_rows_are_as_exact_as_they_say(rng, d, condition):
    H = covariance(rng, d, condition)
    scale = as_scale(H, d)
    points = rng.normal(size=(20, d))
    whitened = Whitened(points, np.zeros(d), scale)
    rows, exact_rows = whitened.rows(slice(None)), whitened.exact_rows(slice(None))
    with mp.workdps(50):
        L = mp.cholesky(mp.matrix(H.tolist()))
        for row, high, low, point in zip(rows, exact_rows.high, exact_rows.low, points, strict=True):
            y = mp.lu_solve(L, mp.matrix(point.tolist()))
            size = mp.sqrt(mp.fsum(v * v for v in y))
            error = mp.sqrt(mp.fsum((mpf(float(a)) - b) ** 2 for a, b in zip(row, y, strict=True)))
            assert error <= whitened.coordinate_error * mpf(2) ** -53 * size
            error = max(abs(mpf(float(a)) + mpf(float(b)) - c) for a, b, c in zip(high, low, y, strict=True))
            assert error <= mpf(10) ** -28 * condition * size


@pytest.mark.parametrize("condition", [1.0, 1e4, 1e8, 1e13])
@pytest.mark.parametrize("d", [2, 6])
def test_gradients_and_hessians_come_back_exactly(rng, d, condition):
    """L⁻ᵀ g and L⁻ᵀ A L⁻¹, whatever the condition: the last rounding, and what plain whitening says of itself."""
    H = covariance(rng, d, condition)
    scale = as_scale(H, d)
    g = rng.normal(size=(3, d))
    A = rng.normal(size=(3, d, d))
    A = A + A.transpose(0, 2, 1)
    plain = mpf(scale.coordinate_error) * mpf(2) ** -53
    gradients, hessians = scale.gradient_to_data(g), scale.hessian_to_data(A)
    with mp.workdps(60):
        L = mp.cholesky(mp.matrix(H.tolist()))
        for i in range(3):
            stored = mp.matrix(gradients[i].tolist())
            error = mp.norm(L.T * stored - mp.matrix(g[i].tolist()), 2)
            allowed = mp.norm(abs_matrix(L).T * abs_matrix(stored), 2)
            assert error <= 8 * mpf(2) ** -53 * allowed + plain * mp.norm(mp.matrix(g[i].tolist()), 2)
            stored = mp.matrix(hessians[i].tolist())
            error = mp.mnorm(L.T * stored * L - mp.matrix(A[i].tolist()), "f")
            allowed = mp.mnorm(abs_matrix(L).T * abs_matrix(stored) * abs_matrix(L), "f")
            assert error <= 16 * mpf(2) ** -53 * allowed + 2 * plain * mp.mnorm(mp.matrix(A[i].tolist()), "f")


def abs_matrix(matrix):
    """Absolute values of the entries."""
    return matrix.apply(abs)


@pytest.mark.parametrize("value", [0.3, [0.3, 2.0], [[1.0, 0.4], [0.4, 0.5]]])
def test_colour_gives_noise_the_bandwidth(rng, value):
    noise = rng.normal(size=(50_000, 2))
    H = np.asarray(value) if np.ndim(value) == 2 else np.diag(np.broadcast_to(value, 2) ** 2)
    np.testing.assert_allclose(np.cov(as_scale(value, 2).colour(noise), rowvar=False), H, atol=0.03 * H.max())


def test_a_slight_asymmetry_is_averaged_out():
    scale = as_scale([[1.0, 0.3 + 1e-12], [0.3, 1.0]], 2)
    np.testing.assert_array_equal(scale.value, np.transpose(scale.value))


def test_the_callers_array_is_copied():
    for value in (np.array([1.0, 2.0]), np.array([[1.0, 0.3], [0.3, 2.0]])):
        scale = as_scale(value, 2)
        kept = np.array(scale.value)
        value *= 2
        np.testing.assert_array_equal(scale.value, kept)


def test_whitening_centres_exactly():
    """A common offset of 1e12 costs nothing; the remainders are multiples of 2**-13."""
    scale = as_scale(0.25, 1)
    raw = np.array([[1e12 + 0.5], [1e12 - 0.25]])
    np.testing.assert_array_equal(Whitened(raw, np.array([1e12]), scale).rows(slice(None)), [[1.0], [-0.5]])
    exact = Whitened(raw, np.array([1e12]), scale).exact_rows(slice(None))
    assert isinstance(exact, DoubleDouble)
    np.testing.assert_array_equal(exact.high, [[1.0], [-0.5]])
