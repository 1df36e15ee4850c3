"""Modes: every start goes uphill to a point where the gradient vanishes and the density is highest around."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import parzen
from parzen.density import modes as modes_module
from parzen.errors import AccuracyWarning, InputError


def clusters(rng, n, centres):
    """Return n samples around each centre."""
    return np.concatenate([rng.normal(c, 1.0, size=(n, len(c))) for c in centres])


@pytest.mark.parametrize(("h", "number"), [(0.5, 2), (0.9, 2), (0.999, 2), (1.01, 1), (3.0, 1)])
def test_two_samples_merge_at_their_half_distance(h, number):
    """Equal normals at ±1 have two modes exactly where h < 1."""
    kde = parzen.KernelDensity(h).fit([[-1.0], [1.0]])
    found = kde.modes([[0.0], [0.3], [-0.3], [40.0], [-1e6]])
    assert len(found) == number
    assert np.all(found.labels >= 0)
    x = found.points.ravel()
    np.testing.assert_allclose(np.tanh(x / h**2), x, atol=1e-6)  # where the derivative of the sum vanishes
    assert {-1.0, 1.0} == set(np.sign(x)) if number == 2 else abs(x[0]) < 1e-6


SETTINGS = {
    "scalar": lambda d: {"bandwidth": 0.6},
    "diagonal": lambda d: {"bandwidth": np.linspace(0.5, 0.7, d)},
    "full": lambda d: {"bandwidth": 0.3 * np.eye(d) + 0.05},
    "abramson": lambda d: {"bandwidth": 0.5, "adaptive": "abramson"},
    "knn": lambda d: {"bandwidth": 0.5, "adaptive": "knn"},
    "score": lambda d: {"bandwidth": 0.8, "bias_correction": "score"},
    "loose": lambda d: {"bandwidth": 0.6, "rtol": 1e-3},
}


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("d", [1, 2, 5])
def test_ends_are_level_and_highest_around(rng, d, kind):
    centres = [np.zeros(d), 7.0 * np.eye(d)[0], -9.0 * np.eye(d)[-1]]
    X = clusters(rng, 150, centres)
    weights = rng.random(len(X)) if kind != "loose" else None
    kde = parzen.KernelDensity(**SETTINGS[kind](d)).fit(X, sample_weight=weights)
    starts = np.vstack([X, rng.uniform(-30, 30, size=(20, d))])
    found = kde.modes(starts)
    exact = parzen.KernelDensity(**SETTINGS[kind](d) | {"rtol": 1e-10}).fit(X, sample_weight=weights)
    at = exact.evaluate(found.points, order=2)
    assert np.abs(at.gradient).max() < 1e-6
    assert np.linalg.eigvalsh(at.hessian).max() < 0.0
    np.testing.assert_allclose(
        at.log_density, found.log_density, rtol=0, atol=1e-2 if kind == "loose" else 1e-8
    )
    assert np.all(np.diff(found.log_density) <= 1e-12)
    # no start went downhill
    assert np.all(found.log_density[found.labels] >= exact.log_density(starts) - 1e-6)
    assert len({int(found.labels[np.argmin(((X - c) ** 2).sum(axis=1))]) for c in centres}) == 3


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), d=st.sampled_from([1, 2, 3]), offset=st.sampled_from([0.0, 1e6]))
def test_modes_follow_linear_maps(seed, d, offset):
    rng = np.random.default_rng(seed)
    X = clusters(rng, 30, [np.zeros(d), np.full(d, 5.0)])
    A = np.eye(d) + 0.3 * rng.standard_normal((d, d))
    covariance = 0.4 * np.eye(d)
    plain = parzen.KernelDensity(covariance).fit(X).modes()
    mapped = parzen.KernelDensity(A @ covariance @ A.T).fit(X @ A.T + offset).modes()
    if abs(np.linalg.det(A)) < 0.1 or len(plain) != len(mapped):
        return  # nearly level: which ends count as one is a matter of rounding
    order = np.lexsort((plain.points @ A.T).T)
    again = np.lexsort((mapped.points - offset).T)
    np.testing.assert_allclose((plain.points @ A.T)[order], (mapped.points - offset)[again], atol=1e-4)


def test_a_sample_that_stands_on_a_saddle_leaves_it():
    X = [[-2.0, 0.0], [2.0, 0.0], [0.0, 0.0]]
    kde = parzen.KernelDensity(1.3).fit(X, sample_weight=[1.0, 1.0, 0.05])
    found = kde.modes()
    assert len(found) == 2
    assert np.all(np.abs(found.points[:, 0]) > 1.0)


def test_many_dimensions_go_by_mean_shift_alone(rng):
    X = clusters(rng, 60, [np.zeros(20), np.full(20, 4.0)])
    kde = parzen.KernelDensity(2.5).fit(X)
    found = kde.modes()
    assert len(found) == 2
    assert np.abs(kde.grad_log_density(found.points)).max() < 1e-7
    assert np.array_equal(np.bincount(found.labels), [60, 60])


def test_default_starts_and_progress(rng):
    X = rng.normal(size=(5000, 1))
    calls = []
    found = parzen.KernelDensity(0.3).fit(X).modes(progress=lambda done, total: calls.append((done, total)))
    assert len(found.labels) == 1667  # every third
    assert calls[-1] == (1667, 1667)
    assert "from 1667 starts" in repr(found)


def test_starts_that_do_not_arrive_are_told_apart(monkeypatch):
    monkeypatch.setattr(modes_module, "_MOST_STEPS", 1)
    kde = parzen.KernelDensity(0.5).fit([[0.0], [1.0], [5.0]])
    with pytest.warns(AccuracyWarning, match="has not arrived from 2 of 3 starts"):
        found = kde.modes()
    assert found.labels.tolist() == [-1, -1, 0]
    with pytest.warns(AccuracyWarning, match="3 of 3"):
        found = kde.modes([[0.1], [0.2], [4.0]])
    assert len(found) == 0
    assert "none" in repr(found)


def test_bad_starts_are_explained():
    kde = parzen.KernelDensity(0.5).fit([[0.0], [1.0]])
    with pytest.raises(InputError, match="features"):
        kde.modes([[0.0, 1.0]])
    with pytest.raises(Exception, match="fitted"):
        parzen.KernelDensity(0.5).modes()
