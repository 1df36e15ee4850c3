"""Sweeps over bandwidths, and the refinement to the optimum."""

import csv

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

import parzen
from parzen.density.sweep import Refinement, refine
from parzen.errors import InputError
from reference.exact import exact_density
from reference_density import reference_density


@pytest.fixture
def data(rng):
    """Samples and held-out points in two dimensions."""
    return rng.normal(size=(300, 2)), rng.normal(size=(200, 2))


@pytest.mark.parametrize("d", [1, 3, 20])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_sweep_equals_separate_evaluations(rng, d, weighted):
    X, V = rng.normal(size=(700, d)), rng.normal(size=(90, d))
    weights = rng.uniform(size=700) ** 8 if weighted else None
    grid = [3.0, 0.01, 0.5, 0.5, 100.0]
    result = parzen.sweep(X, V, bandwidths=grid, sample_weight=weights)
    for h, mean, error in zip(grid, result.mean_log_density, result.standard_error, strict=True):
        values = reference_density(X, V, h, weights, order=0).log_density
        assert mean == pytest.approx(values.mean(), rel=1e-13, abs=1e-9)
        assert error == pytest.approx(values.std(ddof=1) / np.sqrt(90), rel=1e-7)
    np.testing.assert_array_equal(result.bandwidths, grid)
    assert (result.n_samples, result.n_queries) == (700, 90)
    assert result.seconds > 0
    assert result.mean_log_density[2] == result.mean_log_density[3]


@pytest.mark.parametrize(
    "bandwidths",
    [[0.1, 1.0], (0.1, 1), np.array([0.1, 1.0]), pd.Series([0.1, 1.0]), (h for h in (0.1, 1.0))],
    ids=lambda bandwidths: type(bandwidths).__name__,
)
def test_kinds_of_bandwidths(data, bandwidths):
    expected = parzen.sweep(*data, bandwidths=[0.1, 1.0]).mean_log_density
    np.testing.assert_array_equal(parzen.sweep(*data, bandwidths=bandwidths).mean_log_density, expected)


def test_workers_change_nothing(rng):
    X, V = rng.normal(size=(1500, 3)), rng.normal(size=(1300, 3))
    one, two = (parzen.sweep(X, V, bandwidths=[0.1, 1.0, 3.0], workers=workers) for workers in (1, 2))
    np.testing.assert_array_equal(one.mean_log_density, two.mean_log_density)
    np.testing.assert_array_equal(one.standard_error, two.standard_error)


@pytest.mark.parametrize(
    "grid",
    [
        [1e-10, 1e10],
        list(np.geomspace(1e-10, 1e10, 21)),
        [1e-60, 1.0, 1e60],
        [1e-100, 1.0, 1e60],
        [1e-120, 1e-20, 1e20],
        [1e-200, 1e200],
        [1.0, 1e300],
    ],
    ids=lambda grid: f"{len(grid)} from {grid[0]:g} to {grid[-1]:g}",
)
@pytest.mark.parametrize("d", [1, 20])
def test_wide_grids(grid, d):
    """Points on a scale of the smallest bandwidth, so that every value is finite."""
    X, V = np.zeros((3, d)), np.zeros((2, d))
    X[0, 0] = V[1, 0] = grid[0]
    result = parzen.sweep(X, V, bandwidths=grid)
    for h, mean in zip(grid, result.mean_log_density, strict=True):
        exact = exact_density(X, V, h, order=0).log_density.mean()
        assert mean == pytest.approx(exact, rel=1e-13, abs=2e-9)


def test_values_that_are_minus_infinity():
    """A log density below all floats makes the mean -inf, without a warning."""
    result = parzen.sweep([[0.0]], [[0.0], [1e200]], bandwidths=[1.0, 1e100])
    assert result.mean_log_density[0] == -np.inf
    assert np.isnan(result.standard_error[0]) or result.standard_error[0] == np.inf
    assert result.best == 1e100


def test_sums_beyond_float64():
    """Every value is finite, and so is the mean; the sum on the way to it is not."""
    result = parzen.sweep([[0.0]], [[1.5e154]] * 4, bandwidths=[1.0, 2.0])
    np.testing.assert_allclose(result.mean_log_density, [-1.125e308, -2.8125e307], rtol=1e-14)


def test_one_point_has_no_standard_error():
    result = parzen.sweep([[0.0]], [[1.0]], bandwidths=[1.0])
    assert np.isnan(result.standard_error[0])
    assert result.mean_log_density[0] == pytest.approx(-0.5 - 0.5 * np.log(2 * np.pi))


def test_best_and_csv(data, tmp_path):
    result = parzen.sweep(*data, bandwidths=[0.01, 0.4, 10.0])
    assert result.best == 0.4
    result.to_csv(tmp_path / "sweep.csv")
    with open(tmp_path / "sweep.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["bandwidth", "mean_log_density", "standard_error"]
    np.testing.assert_array_equal([float(row["bandwidth"]) for row in rows], result.bandwidths)
    np.testing.assert_array_equal([float(row["mean_log_density"]) for row in rows], result.mean_log_density)
    np.testing.assert_array_equal([float(row["standard_error"]) for row in rows], result.standard_error)


@pytest.mark.parametrize(
    ("grid", "at_the_edge"),
    [
        ([0.4], False),
        ([0.4, 0.4], False),
        ([10.0, 0.4], True),
        ([0.4, 0.01], True),
        ([10.0, 0.4, 0.01], False),
    ],
    ids=str,
)
def test_a_best_at_the_edge_is_told(data, grid, at_the_edge):
    result = parzen.sweep(*data, bandwidths=grid)
    assert result.best == 0.4
    assert result.best_is_at_the_edge == at_the_edge
    assert ("at the edge of the list: a better one may lie outside" in repr(result)) == at_the_edge
    legend = result.plot().get_legend().get_texts()
    assert (
        any("at the edge: a better one may lie outside" in text.get_text() for text in legend) == at_the_edge
    )


def test_progress(data):
    calls = []
    parzen.sweep(*data, bandwidths=[0.1, 1.0], progress=lambda *call: calls.append(call))
    assert calls[-1][0] == calls[-1][1] > 0
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def mean_log_density(X, V, h):
    """The function that refinement maximises."""
    return reference_density(X, V, h, order=0).log_density.mean()


def assert_optimum(X, V, found):
    """Nothing nearby is better, and the value is the one at the bandwidth."""
    assert isinstance(found, Refinement)
    best = mean_log_density(X, V, found.bandwidth)
    assert found.mean_log_density == pytest.approx(best, rel=1e-12, abs=1e-9)
    for step in (1e-3, 1e-2):
        assert mean_log_density(X, V, found.bandwidth * (1 + step)) < best
        assert mean_log_density(X, V, found.bandwidth * (1 - step)) < best
    bandwidths = [h for h, _ in found.trace]
    assert bandwidths == sorted(set(bandwidths))
    assert found.bandwidth in bandwidths


@pytest.mark.parametrize(
    "grid",
    [
        [0.1, 0.3, 1.0],
        [5.0, 0.05, 0.5],
        [0.4],
        [1e-4],
        [1e4],
        [0.01, 0.02],
        [100.0, 200.0],
        [0.3, 0.3, 0.3],
        [1e-3, 1e3],
    ],
    ids=str,
)
def test_refinement_finds_the_optimum_from_anywhere(data, grid):
    """Inside the grid, at its edges, beyond them, from one bandwidth, from repeated ones."""
    found = refine(*data, parzen.sweep(*data, bandwidths=grid), progress=False)
    assert_optimum(*data, found)
    assert found.bandwidth == pytest.approx(
        refine(*data, parzen.sweep(*data, bandwidths=[0.4])).bandwidth, rel=2e-6
    )


@pytest.mark.parametrize("start", [1e-30, 1e-6, 1.0, 1e6, 1e30])
@pytest.mark.parametrize("d", [1, 3])
def test_refinement_of_one_sample_by_hand(rng, start, d):
    """One sample at 0: h² = mean ‖v‖² / d."""
    V = rng.normal(size=(7, d))
    sweep = parzen.sweep(np.zeros((1, d)), V, bandwidths=[start])
    found = refine(np.zeros((1, d)), V, sweep)
    assert found.bandwidth == pytest.approx(np.sqrt((V**2).sum() / (7 * d)), rel=2e-6)


@pytest.mark.parametrize("scale", [1e-60, 1e-3, 1e3, 1e60])
def test_refinement_in_other_units(data, scale):
    X, V = data
    expected = refine(X, V, parzen.sweep(X, V, bandwidths=[0.1, 0.5])).bandwidth
    found = refine(
        X * scale, V * scale, parzen.sweep(X * scale, V * scale, bandwidths=[0.1 * scale, 0.5 * scale])
    )
    assert found.bandwidth == pytest.approx(expected * scale, rel=2e-6)


def test_refinement_at_its_optimum_already():
    sweep = parzen.sweep([[0.0]], [[1.0]], bandwidths=[0.5, 1.0, 2.0])
    assert refine([[0.0]], [[1.0]], sweep).bandwidth == 1.0


def test_refinement_with_weights(rng):
    X, V, weights = rng.normal(size=(100, 1)), rng.normal(size=(50, 1)), rng.integers(0, 4, size=100)
    repeated = np.repeat(X, weights, axis=0)
    found = refine(X, V, parzen.sweep(X, V, bandwidths=[0.3], sample_weight=weights), sample_weight=weights)
    expected = refine(repeated, V, parzen.sweep(repeated, V, bandwidths=[0.3]))
    assert found.bandwidth == pytest.approx(expected.bandwidth, rel=2e-6)


@given(seed=st.integers(0, 2**32 - 1), start=st.floats(-3, 3), m=st.integers(1, 6), n=st.integers(1, 6))
def test_refinement_ends_at_a_local_optimum(seed, start, m, n):
    """Few points, several optima: never a crash, never worse than the start."""
    rng = np.random.default_rng(seed)
    X, V = rng.normal(size=(n, 1)), rng.normal(size=(m, 1))
    sweep = parzen.sweep(X, V, bandwidths=[10.0**start, 10.0**start * 2])
    found = refine(X, V, sweep)
    best = mean_log_density(X, V, found.bandwidth)
    assert found.mean_log_density == pytest.approx(best, rel=1e-12, abs=1e-9)
    assert best >= sweep.mean_log_density.max() - 1e-9
    for factor in (1 - 1e-3, 1 + 1e-3):
        assert mean_log_density(X, V, found.bandwidth * factor) <= best + 1e-9


def test_refinement_takes_the_optimum_beside_the_best():
    """At the best the likelihood falls, and at its lower neighbour too: the optimum is between them, not beyond."""
    rng = np.random.default_rng(39)
    X, V = rng.normal(size=(12, 1)), rng.normal(size=(6, 1))
    start = parzen.sweep(X, V, bandwidths=[0.1, 0.32, 1.35])
    found = refine(X, V, start)
    assert found.bandwidth == pytest.approx(1.2592, rel=1e-3)
    assert_optimum(X, V, found)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_in_another_order_are_refused(data, frame):
    """Once the names were not looked at, and the numbers were of exchanged columns."""
    X, V = (frame(dict(zip("ab", table.T, strict=True))) for table in data)
    result = parzen.sweep(X, V, bandwidths=[0.3, 1.0])
    swapped = V[["b", "a"]]
    words = r"`V` must have the columns of `X` in the same order; got 'b' where `X` has 'a', in column 0\. Pass V\[X.col"
    with pytest.raises(InputError, match=words):
        parzen.sweep(X, swapped, bandwidths=[0.3, 1.0])
    with pytest.raises(InputError, match=words):
        refine(X, swapped, result)
    assert parzen.sweep(X, swapped[list(X.columns)], bandwidths=[0.3, 1.0]).best == result.best
    for unnamed in (data[1], pd.DataFrame(data[1])):  # nothing to compare
        again = parzen.sweep(X, unnamed, bandwidths=[0.3, 1.0])
        np.testing.assert_array_equal(again.mean_log_density, result.mean_log_density)


def test_refinement_on_digits():
    digits = load_digits().data / 16
    X, V = digits[:300], digits[300:500]
    found = refine(X, V, parzen.sweep(X, V, bandwidths=[0.05, 0.2, 0.5, 1.0]))
    assert_optimum(X, V, found)


@pytest.mark.mnist
def test_refinement_on_mnist(mnist_folder):
    mnist = parzen.datasets.load("mnist", data_dir=mnist_folder)
    X, V = mnist.train[:2000], mnist.validation[:300]
    found = refine(X, V, parzen.sweep(X, V, bandwidths=[0.1, 0.2, 0.5]))
    slightly = parzen.sweep(X, V, bandwidths=found.bandwidth * np.array([0.99, 1.0, 1.01]))
    assert slightly.best == found.bandwidth


def test_the_text_of_a_refinement_is_short(rng):
    """It was the whole trace."""
    x, v = rng.normal(size=(200, 1)), rng.normal(size=(200, 1))
    best = parzen.refine(x, v, parzen.sweep(x, v, bandwidths=[0.1, 0.3, 1.0]))
    assert repr(best) == (
        f"Refinement(bandwidth={best.bandwidth:.6g}, mean_log_density={best.mean_log_density:.6g}, "
        f"standard_error={best.standard_error:.3g}, {len(best.trace)} bandwidths looked at)"
    )
