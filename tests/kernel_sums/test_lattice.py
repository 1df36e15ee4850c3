"""Data of few levels: float32 products of its integers are exact."""

import numpy as np
import pytest

import parzen
from parzen.bandwidth.matrix import Scale, Whitened
from parzen.errors import InputError
from parzen.kernel_sums import Sources
from parzen.kernel_sums.sources import LARGEST_CODE


def lattice_of(raw):
    """The codes of raw samples, or None."""
    return Sources(Whitened(raw, np.median(raw, axis=0), Scale(0.3, raw.shape[1])), None).lattice


@pytest.mark.parametrize("d", [1, 784, 1024])
def test_float32_products_of_bytes_are_exact(rng, d):
    """The proof: the largest sum that can be is a float32 integer, and random bytes agree with integers."""
    assert d * LARGEST_CODE**2 <= 2**24
    raw = rng.integers(0, 256, size=(200, d)).astype(float)
    raw[0], raw[1] = 0.0, 255.0  # the largest sums, of both signs
    lattice = lattice_of(raw)
    codes = lattice.codes[:200]
    assert codes.dtype == np.float32
    integers = codes.astype(np.int64)
    assert np.array_equal(codes @ codes.T, integers @ integers.T)
    assert np.array_equal(lattice.step * integers + lattice.origin, raw)


@pytest.mark.parametrize(
    "make",
    [
        lambda k: k,
        lambda k: k / 256,
        lambda k: k.astype(np.uint8),
        lambda k: (k // 16) / 16,
        lambda k: k * 2.0**-90 + 2.0**-90,
        lambda k: k - 1e9,
    ],
)
def test_few_levels_are_found(rng, make):
    raw = np.asarray(make(rng.integers(0, 256, size=(50, 3))), dtype=float)
    assert lattice_of(raw) is not None


@pytest.mark.parametrize(
    "make",
    [
        lambda k: k / 255,
        lambda k: k + 0.1,
        lambda k: k * 3.0,
        lambda k: k**2,
        lambda k: np.where(k > 200, 1e300, k),
        lambda k: np.zeros(k.shape),
        lambda k: k * 2.0**-300,  # padding would not be far away
    ],
)
def test_other_data_are_left_alone(rng, make):
    assert lattice_of(make(rng.integers(0, 256, size=(50, 3)).astype(float))) is None


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_agrees_with_double_double(rng, order, weighted):
    X = rng.integers(0, 256, size=(700, 20)) / 256
    Q = rng.integers(0, 256, size=(60, 20)) / 256
    Q[:5] = X[:5]
    w = rng.random(700) ** 5 if weighted else None
    for h in (0.02, 0.3):
        got = parzen.KernelDensity(h, method="lattice").fit(X, sample_weight=w).evaluate(Q, order=order)
        want = parzen.KernelDensity(h, rtol=0).fit(X, sample_weight=w).evaluate(Q, order=order)
        assert np.allclose(got.log_density, want.log_density, rtol=4e-16, atol=1e-9)
        if order:
            size = h * np.linalg.norm(want.gradient, axis=1)
            assert np.all(h * np.linalg.norm(got.gradient - want.gradient, axis=1) <= 1e-9 * (1 + size))


def test_leave_one_out(rng):
    X = rng.integers(0, 256, size=(600, 20)) / 256
    got = parzen.KernelDensity(0.2, method="lattice").fit(X).leave_one_out().log_density
    want = parzen.KernelDensity(0.2, rtol=0).fit(X).leave_one_out().log_density
    assert np.allclose(got, want, rtol=0, atol=1e-9)


def test_queries_off_the_lattice_go_another_way(rng):
    X = rng.integers(0, 256, size=(600, 40)) / 256
    kde = parzen.KernelDensity(0.2).fit(X)
    assert "lattice refused (needs at most 257 levels" in str(kde.explain(X[:10] + 0.001))
    assert "lattice refused" in str(kde.explain(X[:10] + 1.0)), "on the lattice, but out of its range"
    with pytest.raises(InputError, match="needs at most 257 levels, a power of two apart"):
        parzen.KernelDensity(0.2, method="lattice").fit(X).score_samples(X[:10] + 0.001)
    with pytest.raises(InputError, match="at most 1024 dimensions"):
        parzen.KernelDensity(0.2, method="lattice").fit(np.eye(5, 1025)).score_samples(np.eye(5, 1025))


def test_gradients_of_ties_millions_of_bandwidths_out_are_repaired():
    """Moments about the origin lose digits of the points' size, also where the points themselves are exact."""
    rng = np.random.default_rng(0)
    X = 128.0 * rng.integers(-1, 2, size=(60, 20)) * (rng.random((60, 20)) < 0.2)
    X = np.repeat(X, 5, axis=0)
    h = 1e-7
    found = parzen.KernelDensity(h).fit(X, sample_weight=rng.random(300)).evaluate(X[::5], order=1)
    assert found.plan.method == "lattice"
    assert np.abs(h * found.gradient).max() <= 1e-9
