"""The climb over matrices: known maxima, few looks, edges, and curvature that is handed on."""

import numpy as np
import pytest
from scipy.linalg import expm

from parzen.bandwidth.matrix_search import Curvature, maximise_over_matrices


class Normal:
    """The mean log density of normal differences of covariance C under H = L Lᵀ, which is highest at H = C."""

    def __init__(self, C):
        self.C, self.looks = C, 0

    def __call__(self, L):
        self.looks += 1
        inverse = np.linalg.inv(L)
        M = inverse @ self.C @ inverse.T
        return -np.sum(np.log(np.diag(L))) - 0.5 * np.trace(M), np.tril(M - np.eye(len(L)))


def covariance(rng, d):
    B = rng.normal(size=(d, d)) / np.sqrt(d)
    return 0.02 * (B @ B.T + 0.2 * np.eye(d))


@pytest.mark.parametrize("d", [1, 2, 6])
def test_full_maximum(rng, d):
    objective = Normal(covariance(rng, d))
    found = maximise_over_matrices(objective, 0.5 * np.eye(d), full=True)
    np.testing.assert_allclose(found.L @ found.L.T, objective.C, atol=1e-6 * objective.C.max())
    assert not found.at_edge
    assert found.value == pytest.approx(objective(found.L)[0], rel=1e-14)
    assert objective.looks < 12 + 10 * d


@pytest.mark.parametrize("d", [1, 4])
def test_diagonal_maximum(rng, d):
    objective = Normal(covariance(rng, d))
    found = maximise_over_matrices(objective, 0.5 * np.eye(d), full=False)
    np.testing.assert_allclose(found.L, np.diag(np.sqrt(np.diag(objective.C))), rtol=1e-5, atol=0)


def test_the_slope_along_a_step_is_what_the_search_takes_it_for(rng):
    """d/dt of the objective at L exp(tE) is ⟨relative derivative, E⟩ for every t, not only for t = 0."""
    objective, L, E = Normal(covariance(rng, 3)), 0.3 * np.eye(3), np.tril(rng.normal(size=(3, 3)))
    values = [objective(L @ expm((0.7 + t) * E))[0] for t in (-2e-4, -1e-4, 1e-4, 2e-4)]
    slope = (8 * (values[2] - values[1]) - (values[3] - values[0])) / 12e-4
    assert np.sum(objective(L @ expm(0.7 * E))[1] * E) == pytest.approx(slope, rel=1e-7)


def test_curvature_is_handed_on():
    """What a search has learnt saves looks to the next one, on a bowl a hundred times as long as it is wide."""
    curved, looks = np.geomspace(0.01, 1, 5), []

    def at(L):
        looks.append(L)
        t = np.log(np.diag(L)) + 2
        return 1 - 0.5 * curved @ t**2, np.diag(-curved * t)

    curvature = Curvature()
    maximise_over_matrices(at, np.eye(5), full=False, curvature=curvature)
    start, counts = np.diag(np.exp([-1.9, -2.1, -2.05, -1.8, -2.2])), []
    for known in (curvature, Curvature()):
        looks.clear()
        found = maximise_over_matrices(at, start, full=False, curvature=known)
        assert found.value == pytest.approx(1, abs=1e-9)
        counts.append(len(looks))
    assert counts[0] < counts[1] - 1


@pytest.mark.parametrize("full", [True, False])
def test_no_maximum(full):
    """Narrower is always better in one direction."""

    def at(L):
        return -np.log(L[0, 0]) - (np.log(L[1, 1]) + 1) ** 2, np.diag([-1.0, -2 * (np.log(L[1, 1]) + 1)])

    assert maximise_over_matrices(at, 0.5 * np.eye(2), full=full).at_edge


def test_wider_without_end_stops(rng):
    found = maximise_over_matrices(lambda L: (np.log(L[0, 0]), np.ones((1, 1))), np.eye(1), full=True)
    assert not found.at_edge
    assert 10 < found.L[0, 0] <= 100


def test_a_hole_is_stepped_around():
    """A value that is no number is not taken for a gain."""

    def at(L):
        t = np.log(L[0, 0])
        if t < -1.5:
            return np.nan, np.full((1, 1), np.nan)
        return -((t + 1) ** 2), np.array([[-2 * (t + 1)]])

    assert np.log(maximise_over_matrices(at, np.eye(1), full=False).L[0, 0]) == pytest.approx(-1, abs=1e-5)
