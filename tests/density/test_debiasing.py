"""Score debiasing: what is moved where, the matching bandwidth, and the error it saves."""

import math
import pickle

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gaussian_kde, norm
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

import parzen
from parzen.density.debiasing import matching_factor
from parzen.errors import InputError
from reference_density import reference_density


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["scalar", "diagonal", "full"])
@pytest.mark.parametrize("d", [1, 3])
def test_samples_move_by_half_the_covariance_times_the_gradient(rng, d, kind, weighted):
    x, queries = rng.normal(size=(60, d)), rng.normal(size=(15, d))
    weights = rng.uniform(0.1, 1, size=60) if weighted else None
    B = rng.normal(size=(d, d))
    bandwidth = {
        "scalar": 0.37,
        "diagonal": np.linspace(0.3, 0.6, d),
        "full": 0.1 * B @ B.T + 0.2 * np.eye(d),
    }[kind]
    H = bandwidth if kind == "full" else np.diag(np.broadcast_to(bandwidth, (d,)) ** 2)
    x[0] += 20.0  # an outlier, which must not jump
    others = reference_density(x, x, bandwidth, weights, leave_one_out=True, order=1)
    L = np.linalg.cholesky(H)
    shift = others.gradient @ L
    length = np.linalg.norm(shift, axis=1, keepdims=True)
    assert length[0] > math.sqrt(d)
    moved = x + 0.5 * (shift * np.minimum(1, math.sqrt(d) / length)) @ L.T
    expected = reference_density(moved, queries, bandwidth, weights, order=2)
    values = (
        parzen.KernelDensity(bandwidth, bias_correction="score")
        .fit(x, sample_weight=weights)
        .evaluate(queries, order=2)
    )
    np.testing.assert_allclose(values.log_density, expected.log_density, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(values.gradient, expected.gradient, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(values.hessian, expected.hessian, rtol=1e-6, atol=1e-6)


def test_zero_weights_do_not_count(rng):
    x, queries = rng.normal(size=(40, 2)), rng.normal(size=(5, 2))
    stray = np.vstack([x[:20], [[0.0, 0.0]], x[20:]])
    weights = np.insert(np.ones(40), 20, 0.0)
    with_stray = parzen.KernelDensity(0.4, bias_correction="score").fit(stray, sample_weight=weights)
    expected = parzen.KernelDensity(0.4, bias_correction="score").fit(x).log_density(queries)
    np.testing.assert_allclose(with_stray.log_density(queries), expected, rtol=1e-9)


def test_still_a_density_and_sampled(rng):
    kde = parzen.KernelDensity(0.5, bias_correction="score").fit(rng.normal(size=(50, 1)))
    assert quad(lambda q: kde.density([[q]])[0], -8, 8, limit=200)[0] == pytest.approx(1, abs=1e-8)
    draws = kde.sample(20_000, random_state=0)
    grid = np.linspace(-2, 2, 9)
    np.testing.assert_allclose(gaussian_kde(draws.T, 0.1)(grid), kde.density(grid[:, None]), atol=0.03)


@pytest.mark.parametrize("kind", ["full", "1-D"])
def test_bandwidths_by_name_are_enlarged_and_numbers_are_not(rng, kind):
    x = rng.normal(size=(300, 1 if kind == "1-D" else 3))
    plain = np.asarray(parzen.KernelDensity("silverman").fit(x).bandwidth_)
    corrected = np.asarray(parzen.KernelDensity("silverman", bias_correction="score").fit(x).bandwidth_)
    factor = matching_factor(300, x.shape[1])
    np.testing.assert_allclose(corrected, plain * factor ** max(1, plain.ndim), rtol=1e-14)
    assert factor > 1.2
    assert parzen.KernelDensity(0.3, bias_correction="score").fit(x).bandwidth_ == 0.3


def test_matching_factor_is_the_ratio_of_normal_references():
    """The constants by numerical integration in one dimension: the kernel's square, and the remaining bias."""
    second = lambda u: (u * u / 2 - 1) / 2 * norm.pdf(u, scale=math.sqrt(2))  # noqa: E731
    rho = quad(lambda u: (norm.pdf(u) - 0.5 * second(u)) ** 2, -12, 12)[0] * math.sqrt(4 * math.pi)
    curvature = quad(lambda u: ((u * u - 1) * norm.pdf(u)) ** 2, -12, 12)[0]
    for n in (100, 10_000):
        corrected = (rho / math.sqrt(4 * math.pi) / (8 * 25 / 64 * curvature * n)) ** (1 / 9)
        assert matching_factor(n, 1) == pytest.approx(corrected / (4 / (3 * n)) ** 0.2, rel=1e-9)
    # (25/64) h⁸: the variance that is left, 1 + 5h⁴/4, from the population's own mean shift
    h = 0.1
    moved = 1 - 0.5 * h**2 / (1 + h**2)
    assert moved**2 + h**2 == pytest.approx(1 + 1.25 * h**4, abs=3 * h**6)


@pytest.mark.parametrize("d", [1, 2])
def test_less_error_than_the_plain_density(rng, d):
    """Mean integrated squared error on a normal density, each with its normal reference."""
    n = 1500
    q = 1.3 * rng.normal(size=(1500, d))
    f = norm.pdf(q).prod(axis=1)
    importance = 1 / norm.pdf(q, scale=1.3).prod(axis=1)
    errors = np.zeros(2)
    for _ in range(6):
        x = rng.normal(size=(n, d))
        for i, correction in enumerate((None, "score")):
            h = (4 / ((d + 2) * n)) ** (1 / (d + 4)) * (matching_factor(n, d) if correction else 1)
            kde = parzen.KernelDensity(h, bias_correction=correction).fit(x)
            errors[i] += np.mean(importance * (kde.density(q) - f) ** 2)
    assert errors[1] < 0.8 * errors[0]


def test_contract(rng):
    kde = parzen.KernelDensity("scott", bias_correction="score")
    assert clone(kde).bias_correction == "score"
    check_estimator(parzen.KernelDensity(bias_correction="score"), on_skip=None)
    x = rng.normal(size=(30, 2))
    kde.fit(x)
    copy = pickle.loads(pickle.dumps(kde))
    np.testing.assert_array_equal(copy.log_density(x), kde.log_density(x))
    with pytest.raises(InputError, match=r"`bias_correction` must be None to leave one out.* Hold out"):
        kde.leave_one_out()
    for wrong in ("scores", True, 1):
        with pytest.raises(InputError, match=r"`bias_correction` must be None or 'score'; got"):
            parzen.KernelDensity(bias_correction=wrong).fit(x)


def test_images_gain_since_their_own_kernel_is_left_out():
    digits = parzen.datasets.load("digits", download=False)
    scores = [
        np.mean(
            parzen.KernelDensity(0.145, bias_correction=correction).fit(digits.train).log_density(digits.test)
        )
        for correction in (None, "score")
    ]
    assert scores[1] > scores[0] + 1.5


def test_one_sample_stays():
    kde = parzen.KernelDensity(0.5, bias_correction="score").fit([[1.0, 2.0]])
    plain = parzen.KernelDensity(0.5).fit([[1.0, 2.0]])
    np.testing.assert_allclose(kde.log_density([[0.0, 0.0]]), plain.log_density([[0.0, 0.0]]), rtol=1e-12)
