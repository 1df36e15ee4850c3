"""Smoothed gradients: against SciPy's parts, dense linear algebra, and known functions with added noise."""

import numpy as np
import pytest
from scipy.interpolate import make_smoothing_spline
from scipy.signal import savgol_filter

from parzen.derivatives.arrays.linear_smoothers import local_polynomial, smoothing_spline
from parzen.derivatives.arrays.smooth import METHODS, smooth_gradient
from parzen.errors import AccuracyError, InputError, InputTypeError

RNG = np.random.default_rng(0)


def noisy(n, uneven=False, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 6, n)) if uneven else np.linspace(0, 6, n)
    return x, np.sin(x) + rng.normal(scale=noise, size=n)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("uneven", [False, True])
def test_much_better_than_differences_and_honest_about_it(method, uneven):
    ratios, covered, noises = [], [], []
    for seed in range(4):
        x, y = noisy(150, uneven, seed=seed)
        result = smooth_gradient(y, x, method=method)
        error = result.gradient - np.cos(x)
        ratios.append(np.sqrt(np.mean((np.gradient(y, x) - np.cos(x)) ** 2) / np.mean(error**2)))
        covered.append(np.mean(np.abs(error) < 2 * result.standard_error))
        noises.append(result.noise)
        assert 4 < result.degrees_of_freedom < 40
    assert min(ratios) > 5
    assert 0.8 < np.mean(covered) < 0.995  # 0.95 without the bias of smoothing
    assert np.mean(noises) == pytest.approx(0.1, rel=0.08)


@pytest.mark.parametrize("method", METHODS)
def test_standard_errors_are_the_spread_over_repetitions(method):
    x = np.linspace(0, 6, 60)
    smoothing = {"savgol": 15, "spline": 0.02, "gaussian": 0.5}[method]
    runs = [smooth_gradient(noisy(60, seed=s)[1], x, method=method, smoothing=smoothing) for s in range(200)]
    spread = np.std([r.gradient for r in runs], axis=0)
    np.testing.assert_allclose(np.mean([r.standard_error for r in runs], axis=0), spread, rtol=0.25)


@pytest.mark.parametrize("window", [7, 21, 61])
def test_savgol_is_scipys(window):
    x, y = noisy(100)
    result = smooth_gradient(y, x, smoothing=window, degree=3)
    np.testing.assert_allclose(result.values, savgol_filter(y, window, 3), atol=1e-10)
    np.testing.assert_allclose(result.gradient, savgol_filter(y, window, 3, deriv=1, delta=x[1]), atol=1e-9)


@pytest.mark.parametrize("penalty", [1e-6, 1e-2, 10.0])
def test_spline_is_scipys(penalty):
    x, y = noisy(80, uneven=True)
    x = x + np.arange(80) * 0.01
    fit = smoothing_spline(x, y[:, None], penalty)
    theirs = make_smoothing_spline(x, y, lam=penalty)
    np.testing.assert_allclose(fit.fit[:, 0], theirs(x), atol=1e-6)
    np.testing.assert_allclose(fit.slope[:, 0], theirs.derivative()(x), atol=1e-4)


def test_spline_chooses_what_scipy_chooses():
    x, y = noisy(200)
    values = smooth_gradient(y, x, method="spline").values
    assert np.abs(values - make_smoothing_spline(x, y)(x)).max() < 0.01


@pytest.mark.parametrize("step", [None, "even"])
def test_trace_and_norms_are_those_of_the_matrices(step):
    x = np.linspace(0, 3, 60)
    even = x[1] if step else None
    eye = np.eye(60)
    for fit in (
        local_polynomial(x, eye, 11, 2, None, even),
        local_polynomial(x, eye, 31, 3, 0.3, even),
        smoothing_spline(x, eye, 1e-3),
    ):
        np.testing.assert_allclose(fit.trace, np.trace(fit.fit), rtol=1e-6)
        np.testing.assert_allclose(fit.fit_norm, np.linalg.norm(fit.fit, axis=1), rtol=1e-9)
        np.testing.assert_allclose(fit.slope_norm, np.linalg.norm(fit.slope, axis=1), rtol=1e-9)


def test_long_splines_estimate_their_errors():
    x = np.linspace(0, 10, 1500)
    fit = smoothing_spline(x, np.zeros((1500, 1)), 1e-4)
    middle = smoothing_spline(x[:1000], np.zeros((1000, 1)), 1e-4)  # exact; alike far from the ends
    assert np.mean(fit.slope_norm[300:700]) == pytest.approx(np.mean(middle.slope_norm[300:700]), rel=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_polynomials_pass_unchanged(method):
    x = np.cumsum(RNG.uniform(0.05, 0.15, 50))
    y = 3 - 2 * x  # a spline keeps straight lines, the others cubics
    slope = np.full(50, -2.0)
    if method != "spline":
        y, slope = y + 0.5 * x**3, slope + 1.5 * x**2
    result = smooth_gradient(
        y, x, method=method, smoothing={"savgol": 15, "spline": 1.0, "gaussian": 0.4}[method]
    )
    np.testing.assert_allclose(result.gradient, slope, atol=1e-7 * np.abs(slope).max())
    assert result.noise < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_two_dimensions(method):
    x, y = np.linspace(0, 3, 40), np.linspace(0, 4, 50)
    truth = np.sin(x[:, None] + y)
    z = truth + np.random.default_rng(1).normal(scale=0.1, size=truth.shape)
    result = smooth_gradient(z, x, y, method=method)
    slope = np.cos(x[:, None] + y)
    assert len(result.gradient) == len(result.standard_error) == len(result.smoothing) == 2
    for got, error in zip(result.gradient, result.standard_error, strict=True):
        assert got.shape == error.shape == z.shape
        assert np.sqrt(np.mean((got - slope) ** 2)) < 0.1  # plain differences: 0.9
    assert result.noise == pytest.approx(0.1, rel=0.05)
    assert np.sqrt(np.mean((result.values - truth) ** 2)) < 0.04


def test_noise_free_data_are_hardly_smoothed():
    x = np.linspace(0, 6, 100)
    for method in METHODS:
        result = smooth_gradient(np.sin(3 * x), x, method=method)
        inside = slice(5, -5) if method == "spline" else slice(None)  # natural: no curvature at the ends
        assert np.abs(result.gradient - 3 * np.cos(3 * x))[inside].max() < 0.01


def test_pure_noise_is_smoothed_flat():
    y = np.random.default_rng(3).normal(size=200)
    for method in METHODS:
        assert np.abs(smooth_gradient(y, method=method).gradient).mean() < 0.05


@pytest.mark.parametrize(
    ("args", "options", "error", "text"),
    [
        (([1.0, 2, 3],), {}, InputError, "at least degree"),
        ((np.array([1.0, np.nan] * 10),), {}, InputError, "finite"),
        ((np.arange(20.0), np.arange(20.0)[::-1]), {}, InputError, "increase strictly"),
        ((np.arange(20.0), np.arange(19.0)), {}, InputError, "length"),
        ((np.arange(20.0),), {"method": "magic"}, InputError, "`method`"),
        ((np.arange(20.0),), {"smoothing": -1}, InputError, "smoothing"),
        ((np.arange(20.0),), {"degree": 9}, InputError, "degree"),
        ((np.arange(20) * 1j,), {}, InputTypeError, "real"),
        ((3.0,), {}, InputTypeError, "array"),
        ((np.arange(5e4),), {"method": "spline", "smoothing": 1e20}, AccuracyError, "solvable"),
    ],
)
def test_errors(args, options, error, text):
    with pytest.raises(error, match=text):
        smooth_gradient(*args, **options)


def test_repr_is_short():
    x = np.linspace(0, 6, 300)
    found = smooth_gradient(np.sin(x), x, method="savgol", smoothing=11)
    assert repr(found).startswith("SmoothGradient(shape (300,), method='savgol', noise=")
    assert "smoothing=(11,), degrees_of_freedom=" in repr(found)
