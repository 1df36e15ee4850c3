"""Rules of thumb: R's numbers in one dimension, the formulas and SciPy's numbers in more, the scale of the data."""

import numpy as np
import pytest
from scipy.stats import gaussian_kde

import parzen
from parzen.bandwidth.rules import effective_sample_size, robust_scale
from parzen.errors import InputError, ParzenWarning

RULES = ["scott", "silverman", "normal-gradient"]


@pytest.fixture(params=[1, 2, 5], ids=lambda d: f"d = {d}")
def samples(request, rng):
    """Correlated samples."""
    d = request.param
    return rng.normal(size=(200, d)) @ rng.normal(size=(d, d)) + 3.0


def full(rule, samples, weights=None):
    """The covariance that a rule chooses."""
    return parzen.select_bandwidth(samples, rule, kind="full", sample_weight=weights).value


def test_r_to_all_digits(faithful):
    """R: bw.nrd0(faithful$eruptions), bw.nrd(faithful$eruptions)."""
    assert parzen.select_bandwidth(faithful, "silverman").value == pytest.approx(0.33477703446394, abs=5e-15)
    assert parzen.select_bandwidth(faithful, "scott").value == pytest.approx(0.39429295170198, abs=5e-15)
    assert parzen.KernelDensity("silverman").fit(faithful).bandwidth_ == pytest.approx(
        0.33477703446394, abs=5e-15
    )


@pytest.mark.parametrize("rule", ["scott", "silverman"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [2, 5])
def test_formula_and_scipy(rng, rule, weighted, d):
    samples = rng.normal(size=(200, d)) @ rng.normal(size=(d, d)) + 3.0
    n = len(samples)
    weights = rng.uniform(size=n) if weighted else None
    n_eff = n if weights is None else weights.sum() ** 2 / (weights**2).sum()
    factor = {"scott": n_eff ** (-1 / (d + 4)), "silverman": (n_eff * (d + 2) / 4) ** (-1 / (d + 4))}[rule]
    H = parzen.KernelDensity(rule).fit(samples, sample_weight=weights).bandwidth_
    mean = np.average(samples, axis=0, weights=weights)
    w = np.full(n, 1 / n) if weights is None else weights / weights.sum()
    covariance = (w[:, None] * (samples - mean)).T @ (samples - mean) / (1 - (w**2).sum())
    np.testing.assert_allclose(H, factor**2 * covariance, rtol=1e-11, atol=1e-13 * np.abs(H).max())
    theirs = gaussian_kde(samples.T, rule, weights)
    assert theirs.factor == pytest.approx(factor, rel=1e-12)
    np.testing.assert_allclose(H, np.atleast_2d(theirs.covariance), rtol=1e-10, atol=1e-13 * np.abs(H).max())
    np.testing.assert_array_equal(H, H.T)


@pytest.mark.parametrize("d", [1, 2, 7])
def test_normal_gradient_is_best_for_gradients_of_a_normal(d):
    """Its factor minimises the asymptotic error of ∇f̂ for a standard normal, and exceeds Silverman's."""
    n = 10_000

    def error(h):
        """Variance R(K') / (n h^{d+2}) and squared bias h⁴/4 ∫‖∇Δφ‖², for φ in d dimensions."""
        variance = 0.5 * d * (4 * np.pi) ** (-d / 2) / (n * h ** (d + 2))
        # ∫ ‖ω‖⁶ |φ̂|² dω / (2π)^d with |φ̂|² = e^{-‖ω‖²}: E‖z‖⁶ for z of variance 1/2
        bias = 0.25 * h**4 * (4 * np.pi) ** (-d / 2) * d * (d + 2) * (d + 4) / 8
        return variance + bias

    grid = np.geomspace(0.1, 1, 100_001)
    best = grid[np.argmin(error(grid))]
    factor = (4 / (n * (d + 4))) ** (1 / (d + 6))
    assert factor == pytest.approx(best, rel=1e-4)
    assert factor > (4 / (n * (d + 2))) ** (1 / (d + 4))
    samples = np.random.default_rng(1).normal(size=(50, d))
    scales = np.array([robust_scale(x, None)[0] for x in samples.T])
    hessian = parzen.select_bandwidth(samples, "normal-gradient", kind="diagonal", target="hessian").value
    np.testing.assert_allclose(hessian, (4 / (50 * (d + 6))) ** (1 / (d + 8)) * scales, rtol=1e-13)
    h = parzen.select_bandwidth(samples, "normal-gradient", kind="diagonal").value
    expected = (4 / (50 * (d + 4))) ** (1 / (d + 6)) * scales
    np.testing.assert_allclose(h, expected, rtol=1e-13)


def test_scalar_and_diagonal_use_robust_scales(rng):
    samples = rng.normal(size=(400, 3)) * [1.0, 5.0, 0.2]
    samples[0] = 1e6  # one outlier
    scales = np.subtract(*np.quantile(samples, [0.75, 0.25], axis=0)) / 1.34
    factor = 400 ** (-1 / 7)
    diagonal = parzen.select_bandwidth(samples, "scott", kind="diagonal")
    np.testing.assert_allclose(diagonal.value, factor * scales, rtol=1e-12)
    scalar = parzen.select_bandwidth(samples, "scott", kind="scalar")
    assert scalar.value == pytest.approx(factor * np.sqrt(np.mean(scales**2)), rel=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_scale_and_translation(samples, rule):
    """The rules follow the units of the data, unlike scikit-learn's."""
    H = full(rule, samples)
    unit = 10.0 ** np.linspace(-120, 120, samples.shape[1])
    np.testing.assert_allclose(full(rule, samples * unit), H * np.outer(unit, unit), rtol=1e-12)
    np.testing.assert_array_equal(full(rule, samples * 2.0**400), H * 2.0**800)
    moved = np.round(samples * 2**20) / 2**20
    np.testing.assert_allclose(full(rule, moved + 2.0**30), full(rule, moved), rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_rotation(rng, rule):
    """A full bandwidth turns with the data."""
    samples = rng.normal(size=(100, 4)) @ rng.normal(size=(4, 4))
    Q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    np.testing.assert_allclose(full(rule, samples @ Q.T), Q @ full(rule, samples) @ Q.T, rtol=1e-10)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("factor", [1e-305, 1e-10, 1e10, 1e305])
def test_only_ratios_of_weights_count(samples, rng, rule, factor):
    weights = rng.uniform(0.1, 1, size=len(samples))
    expected = full(rule, samples, weights)
    np.testing.assert_allclose(full(rule, samples, weights * factor), expected, rtol=1e-11)


@pytest.mark.parametrize("rule", RULES)
def test_samples_of_zero_weight_do_not_count(samples, rng, rule):
    """Not even one that is far away, and first."""
    weights = rng.uniform(0.1, 1, size=len(samples))
    stray = np.full((1, samples.shape[1]), 1e14)
    with_stray = full(rule, np.vstack([stray, samples]), np.concatenate([[0.0], weights]))
    np.testing.assert_allclose(with_stray, full(rule, samples, weights), rtol=1e-10)


def test_weighted_scale_of_equal_weights_is_the_plain_one(rng):
    x = rng.normal(size=101)
    expected = robust_scale(x, None)[0]
    assert robust_scale(x, np.full(101, 3.0))[0] == pytest.approx(expected, rel=1e-13)
    x[:60] = 0.25  # the interquartile range is 0
    deviation, sentence = robust_scale(x, None)
    assert deviation == pytest.approx(x.std(ddof=1), rel=1e-13)
    assert "interquartile range is 0" in sentence


def test_interquartile_range_zero_is_said(rng):
    x = np.r_[np.zeros(60), rng.normal(size=40)][:, None]
    chosen = parzen.select_bandwidth(x, "silverman")
    assert chosen.value == pytest.approx(0.9 * x.std(ddof=1) * 100**-0.2, rel=1e-12)
    assert len(chosen.warnings) == 1
    with pytest.warns(ParzenWarning, match="`bandwidth` was chosen by 'silverman': more than half"):
        parzen.KernelDensity("silverman").fit(x)


def test_collinear_features_are_refused_for_a_full_bandwidth_only(rng):
    x = rng.normal(size=(50, 1)) * [1.0, 2.0]
    with pytest.raises(InputError, match=r"linearly dependent.*kind='scalar'"):
        parzen.select_bandwidth(x, "scott")
    assert parzen.select_bandwidth(x, "scott", kind="scalar").value > 0


def test_repetitions_are_not_weights_here():
    """n counts in the factor: integer weights change n_eff as Kish's formula says, not as repetition would."""
    assert effective_sample_size(np.array([2.0, 2.0, 2.0]), 3) == pytest.approx(3)
    assert effective_sample_size(np.array([1.0, 0.0, 0.0]), 3) == 1.0
    assert effective_sample_size(np.array([1e300, 1e300]), 2) == 2.0
    assert effective_sample_size(None, 7) == 7.0
