"""Modes: every start goes uphill to a point where the gradient vanishes and the density is highest around."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
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
    assume(abs(np.linalg.det(A)) > 0.1)
    covariance = 0.4 * np.eye(d)
    plain = parzen.KernelDensity(covariance).fit(X).modes()
    mapped = parzen.KernelDensity(A @ covariance @ A.T).fit(X @ A.T + offset).modes()
    assert len(plain) == len(mapped)
    order = np.lexsort((plain.points @ A.T).T)
    again = np.lexsort((mapped.points - offset).T)
    np.testing.assert_allclose((plain.points @ A.T)[order], (mapped.points - offset)[again], atol=1e-4)


def test_a_sample_that_stands_on_a_saddle_leaves_it():
    X = [[-2.0, 0.0], [2.0, 0.0], [0.0, 0.0]]
    kde = parzen.KernelDensity(1.3).fit(X, sample_weight=[1.0, 1.0, 0.05])
    found = kde.modes()
    assert len(found) == 2
    assert np.all(np.abs(found.points[:, 0]) > 1.0)


EVEN = {
    "line": np.linspace(0.0, 1.0, 400)[:, None],
    "grid": np.stack(np.meshgrid(np.arange(15.0), np.arange(15.0)), axis=-1).reshape(-1, 2),
    "hours": np.repeat(np.arange(24.0), 10)[:, None],
    "ring": 10.0 * np.column_stack([f(np.arange(200) * np.pi / 100) for f in (np.cos, np.sin)]),
}


@pytest.mark.parametrize(("shape", "h"), [("line", 0.01), ("grid", 1.5), ("hours", 1.2), ("ring", 1.0)])
def test_a_plateau_is_one_mode(shape, h):
    """Its points are level to the last digit: each start ended at a mode of its own, or nowhere."""
    found = parzen.KernelDensity(h).fit(EVEN[shape]).modes()
    assert len(found) == 1
    assert np.all(found.labels == 0)


@pytest.mark.parametrize(
    ("offset", "h", "d"), [(1e9, 0.8, 1), (1e9, 0.8, 2), (1.7e9, 5.0, 1), (1e9, 2.8, 17)]
)
def test_offsets_leave_fewer_digits_and_the_same_modes(rng, offset, h, d):
    X = np.round(clusters(rng, 40, [np.zeros(d), np.full(d, 12.0)]), 3)
    near, far = (parzen.KernelDensity(h).fit(X + shift).modes() for shift in (0.0, offset))
    assert len(near) == len(far)
    assert np.array_equal(np.bincount(near.labels), np.bincount(far.labels))


def test_bandwidth_factors_make_distances_local():
    assert len(parzen.KernelDensity(1.0, adaptive=[1e-3] * 3).fit([[0.0], [0.006], [0.012]]).modes()) == 3
    X = 3.0 + 1e-6 * np.random.default_rng(0).standard_normal((30, 1))
    assert len(parzen.KernelDensity(1.0, adaptive=[1e-6] * 30).fit(X).modes()) == 1


@pytest.mark.parametrize("h", [0.9999, 0.99995, 0.99999, 0.999999])
def test_modes_nearer_to_the_saddle_than_its_push(h):
    found = parzen.KernelDensity(h).fit([[-1.0], [1.0]]).modes([[0.0], [0.5], [-0.5]])
    assert np.all(found.labels >= 0)
    assert len(found) == (2 if h < 0.99998 else 1)  # then within a hundredth of a bandwidth


def test_a_saddle_in_many_dimensions_is_left():
    X = np.zeros((2, 17))
    X[:, 0] = -3.0, 3.0
    found = parzen.KernelDensity(1.0).fit(X).modes(np.zeros((1, 17)))
    assert abs(abs(found.points[0, 0]) - 3.0) < 1e-3


def test_starts_at_the_ends_of_float64_and_on_a_lattice():
    kde = parzen.KernelDensity(1.0, method="lattice").fit([[0.0], [1.0], [3.0]])
    found = kde.modes()
    assert len(found) == 1
    far = parzen.KernelDensity(1.0).fit([[0.0], [1.0], [3.0]]).modes([[1e155], [-1e8], [1e300]])
    np.testing.assert_allclose(far.points, found.points, atol=1e-7)
    assert np.all(far.labels == 0)


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
    with pytest.raises(InputError, match="`starts` must have 1 columns"):
        kde.modes([[0.0, 1.0]])
    with pytest.raises(Exception, match="fitted"):
        parzen.KernelDensity(0.5).modes()
