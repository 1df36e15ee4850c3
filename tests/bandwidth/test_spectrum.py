"""Pair sums from one transform against sums over pairs, one after the other."""

import re

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermeval

import parzen
from parzen.bandwidth import objectives, spectrum
from parzen.bandwidth.selector import Options
from parzen.bandwidth.spectrum import PairSums
from parzen.errors import MemoryLimitError


def over_pairs(samples, weights, s, orders):
    """Σ w_i w_j ∂^orders φ_s(x_i - x_j), pair by pair."""
    terms = np.ones((len(samples), len(samples)))
    for x, sigma, order in zip(samples.T, np.broadcast_to(s, samples.shape[1]), orders, strict=True):
        u = (x[:, None] - x[None, :]) / sigma
        terms *= (
            hermeval(u, [0] * order + [1]) * np.exp(-u * u / 2) / np.sqrt(2 * np.pi) * sigma ** (-1.0 - order)
        )
    return weights @ terms @ weights  # an even number of derivatives in all: no sign


def full_over_pairs(samples, weights, H):
    """Σ w_i w_j φ_H(x_i - x_j)."""
    apart = samples[:, None] - samples[None, :]
    exponent = np.einsum("ija,ab,ijb->ij", apart, np.linalg.inv(H), apart)
    return weights @ np.exp(-0.5 * exponent) @ weights / np.sqrt(np.linalg.det(2 * np.pi * H))


ORDERS = {
    1: [(0,), (2,), (4,), (6,), (8,), (10,)],
    2: [(0, 0), (2, 0), (1, 1), (3, 1), (4, 2)],
    3: [(0, 0, 0), (1, 0, 1), (2, 2, 2)],
}


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_derivatives_at_every_scale(d, weighted, rng):
    n = 150
    samples = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 1e3
    if d < 3:
        samples[:3] += [[1e7], [-50.0], [3.0]]  # outliers, one of them beyond all reach

    weights = rng.uniform(size=n) if weighted else None
    w = np.full(n, 1 / n) if weights is None else weights / weights.sum()
    sums = PairSums(samples, weights)
    # where the sum over pairs cancels, its own error is what is seen
    for s in (0.3, 1.0, np.geomspace(0.5, 2.0, d)) if d < 3 else (2.0,):
        for orders in ORDERS[d]:
            exact = over_pairs(samples, w, s, orders)
            assert sums.pair_sum(s, orders) == pytest.approx(exact, rel=1e-9), (s, orders)
    assert sums.pair_sum(1.0, (1,) + (0,) * (d - 1)) == 0.0


def test_only_self_pairs_are_left_at_tiny_scales(rng):
    x = np.arange(50.0)[:, None] * 1e3
    assert PairSums(x).pair_sum(1.0) == pytest.approx(1 / 50 / np.sqrt(2 * np.pi), rel=1e-12)
    assert PairSums(x).pair_sum(1.0, (4,)) == pytest.approx(3 / 50 / np.sqrt(2 * np.pi), rel=1e-12)
    assert PairSums(np.zeros((5, 1))).pair_sum(0.5) == pytest.approx(2 / np.sqrt(2 * np.pi), rel=1e-12)


@pytest.mark.parametrize("d", [1, 2])
def test_full_covariance_and_its_derivative(d, rng):
    samples = rng.normal(size=(80, d)) @ rng.normal(size=(d, d))
    weights = rng.uniform(size=80)
    w = weights / weights.sum()
    root = rng.normal(size=(d, d)) + 2 * np.eye(d)
    H = 0.3 * root @ root.T
    sums = PairSums(samples, weights)
    value, derivative = sums.pair_sum_full(H)
    assert value == pytest.approx(full_over_pairs(samples, w, H), rel=1e-11)
    direction = rng.normal(size=(d, d))
    direction += direction.T
    step = 1e-5
    difference = (
        full_over_pairs(samples, w, H + step * direction) - full_over_pairs(samples, w, H - step * direction)
    ) / (2 * step)
    assert np.sum(derivative * direction) == pytest.approx(difference, rel=1e-7)


@pytest.mark.parametrize("d", [1, 2])
def test_partners_and_slopes(d, rng):
    """Two sets of weights, as leaving one out needs them; the derivative by log s."""
    samples, weights, partners = rng.normal(size=(90, d)), rng.uniform(size=90), rng.uniform(size=90)
    w = weights / weights.sum()
    sums = PairSums(samples, weights, partners)
    apart = np.sum((samples[:, None] - samples[None, :]) ** 2, axis=2)
    s = 0.4
    value, slope = sums.with_slope(s)
    assert value == pytest.approx(
        w @ np.exp(-0.5 * apart / s**2) @ partners / (2 * np.pi * s * s) ** (d / 2), rel=1e-11
    )
    assert sums.self_weight == pytest.approx(w @ partners, rel=1e-14)
    step = 1e-5
    difference = (sums.pair_sum(s * np.exp(step)) - sums.pair_sum(s * np.exp(-step))) / (2 * step)
    assert slope == pytest.approx(difference, rel=1e-7)


@pytest.mark.parametrize("way", ["pairs", "frequencies"])
def test_published_minimum_of_lscv(faithful, way, monkeypatch):
    """Unbinned least-squares cross-validation of faithful$eruptions, tied pairs included, is least at .102626666."""
    monkeypatch.setattr(objectives, "_MANY", (1,) if way == "frequencies" else ())
    objective = objectives.LeastSquares(faithful, np.full(272, 1 / 272))
    assert objective.by_frequencies == (way == "frequencies")
    _, slopes = objective.on_line(np.array([0.1026266655, 0.1026266665]), Options())
    assert slopes[0] > 0 > slopes[1]


@pytest.mark.parametrize("d", [1, 2])
def test_lscv_over_frequencies_is_lscv_over_pairs(d, rng, monkeypatch):
    samples, weights = rng.normal(size=(200, d)), rng.uniform(size=200)
    objective = objectives.LeastSquares(samples, weights / weights.sum())
    h = np.array([0.05, 0.3, 1.0])
    expected = objective.on_line(h, Options())
    monkeypatch.setattr(objectives, "_MANY", (1, 1))
    for found, exact in zip(objective.on_line(h, Options()), expected, strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [2, 3])
def test_lscv_of_a_matrix_over_frequencies_is_that_over_pairs(d, weighted, rng, monkeypatch):
    samples = rng.normal(size=(200, d))
    weights = rng.uniform(size=200) if weighted else np.ones(200)
    objective = objectives.LeastSquares(samples, weights / weights.sum())
    wide, narrow = np.tril(0.2 * rng.normal(size=(d, d))) + np.eye(d), 1e-6 * np.eye(d)
    expected = [objective.at(L, Options()) for L in (wide, narrow)]
    monkeypatch.setattr(objectives, "_MANY", (1, 1, 1))
    assert objective.by_frequencies
    assert objective.thinned(50) is objective
    value, slope = objective.at(wide, Options())
    assert value == pytest.approx(expected[0][0], rel=1e-8)
    np.testing.assert_allclose(slope, expected[0][1], rtol=1e-7, atol=1e-9)
    value, slope = objective.at(narrow, Options())  # too many frequencies: over pairs
    assert value == expected[1][0]
    np.testing.assert_array_equal(slope, expected[1][1])


def test_scale_by_units_of_any_size(rng):
    x = rng.normal(size=(60, 1))
    expected = PairSums(x).pair_sum(0.5, (4,))
    for unit in (2.0**-60, 2.0**60):
        assert PairSums(x * unit).pair_sum(0.5 * unit, (4,)) == pytest.approx(expected / unit**5, rel=1e-14)


def test_too_many_frequencies_and_dimensions(rng):
    x = rng.normal(size=(20_000, 2))
    sums = PairSums(x)
    assert sums.fits(0.05, 0.2)
    assert not sums.fits(1e-5, 0.2)
    message = "`bandwidth` must be larger beside the extent of the samples; got 1e-05, at which 20000 samples in 2 dimensions"
    with pytest.raises(MemoryLimitError, match=re.escape(message)):
        sums.pair_sum(1e-5)


def test_lscv_looks_no_lower_than_transforms_reach(rng, monkeypatch):
    """In two dimensions the grid began where frequencies are too many, and large samples were refused."""
    x = rng.normal(size=(1000, 2))
    expected = parzen.select_bandwidth(x, "lscv").value
    monkeypatch.setattr(objectives, "_MANY", (1, 1))
    monkeypatch.setattr(spectrum, "_LIMIT", 2**20)
    assert not PairSums(x).fits(1e-2 * 1000**-0.2, 1.0)
    assert parzen.select_bandwidth(x, "lscv").value == pytest.approx(expected, rel=1e-4)
