"""Scott's and Silverman's rules: their formulas, SciPy's numbers, and the scale of the data."""

import numpy as np
import pytest
from scipy.stats import gaussian_kde

import parzen
from parzen.bandwidth.rules import RULES, effective_sample_size, rule_of_thumb


@pytest.fixture(params=[1, 2, 5], ids=lambda d: f"d = {d}")
def samples(request, rng):
    """Correlated samples."""
    d = request.param
    return rng.normal(size=(200, d)) @ rng.normal(size=(d, d)) + 3.0


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("weighted", [False, True])
def test_formula_and_scipy(samples, rng, rule, weighted):
    n, d = samples.shape
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


@pytest.mark.parametrize("rule", RULES)
def test_scale_and_translation(samples, rule):
    """The rules follow the units of the data, unlike scikit-learn's."""
    H = rule_of_thumb(rule, samples, None)
    unit = 10.0 ** np.linspace(-120, 120, samples.shape[1])
    np.testing.assert_allclose(
        rule_of_thumb(rule, samples * unit, None), H * np.outer(unit, unit), rtol=1e-12
    )
    np.testing.assert_array_equal(rule_of_thumb(rule, samples * 2.0**400, None), H * 2.0**800)
    moved = np.round(samples * 2**20) / 2**20
    np.testing.assert_allclose(
        rule_of_thumb(rule, moved + 2.0**30, None), rule_of_thumb(rule, moved, None), rtol=1e-12
    )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("factor", [1e-305, 1e-10, 1e10, 1e305])
def test_only_ratios_of_weights_count(samples, rng, rule, factor):
    weights = rng.uniform(0.1, 1, size=len(samples))
    expected = rule_of_thumb(rule, samples, weights)
    np.testing.assert_allclose(rule_of_thumb(rule, samples, weights * factor), expected, rtol=1e-11)


@pytest.mark.parametrize("rule", RULES)
def test_samples_of_zero_weight_do_not_count(samples, rng, rule):
    """Not even one that is far away, and first."""
    weights = rng.uniform(0.1, 1, size=len(samples))
    stray = np.full((1, samples.shape[1]), 1e14)
    with_stray = rule_of_thumb(rule, np.vstack([stray, samples]), np.concatenate([[0.0], weights]))
    np.testing.assert_allclose(with_stray, rule_of_thumb(rule, samples, weights), rtol=1e-10)


def test_repetitions_are_not_weights_here(samples):
    """n counts in the factor: integer weights change n_eff as Kish's formula says, not as repetition would."""
    assert effective_sample_size(np.array([2.0, 2.0, 2.0]), 3) == pytest.approx(3)
    assert effective_sample_size(np.array([1.0, 0.0, 0.0]), 3) == 1.0
    assert effective_sample_size(np.array([1e300, 1e300]), 2) == 2.0
    assert effective_sample_size(None, 7) == 7.0
