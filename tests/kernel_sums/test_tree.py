"""The tree method leaves tiles out, and nothing else may tell it from the dense one."""

import numpy as np
import pytest

import parzen
from parzen.kernel_sums.partition import partition
from tolerances import assert_promise


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 7, 512, 513, 5000])
def test_partition_is_a_permutation_of_compact_leaves(rng, n, d):
    points = rng.standard_normal((n, d))
    order = partition(points, 512)
    assert np.array_equal(np.sort(order), np.arange(n))
    if n == 5000:
        sizes = [np.ptp(points[order[i : i + 512]], axis=0).prod() for i in range(0, n, 512)]
        assert np.median(sizes) < 0.5 * np.ptp(points, axis=0).prod()


def test_ties_do_not_stop_the_partition():
    assert np.array_equal(np.sort(partition(np.zeros((3000, 2)), 512)), np.arange(3000))


SHAPES = {
    "blobs": lambda rng, n, d: rng.standard_normal((n, d)) + 6.0 * rng.integers(0, 5, size=(n, 1)),
    "heavy tails": lambda rng, n, d: rng.standard_t(2, size=(n, d)),
    "ties": lambda rng, n, d: rng.integers(0, 6, size=(n, d)).astype(float),
    "outlier": lambda rng, n, d: np.vstack([rng.standard_normal((n - 1, d)), np.full((1, d), 1e5)]),
    "ridge": lambda rng, n, d: rng.standard_normal((n, d)) * ([1.0] + [1e-3] * (d - 1)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("d", [1, 2, 3, 8])
def test_agrees_with_double_double(rng, d, shape):
    h = 0.2
    X = SHAPES[shape](rng, 3000, d)
    Q = np.vstack([SHAPES[shape](rng, 30, d), 30.0 * rng.standard_normal((20, d)), X[:5]])
    for weights in (None, rng.random(3000) ** 8):
        want = parzen.KernelDensity(h, rtol=0).fit(X, sample_weight=weights).evaluate(Q, order=2)
        for rtol in (1e-4, 1e-6, 1e-9):
            kde = parzen.KernelDensity(h, method="tree", rtol=rtol).fit(X, sample_weight=weights)
            for order in (0, 1, 2):
                assert_promise(kde.evaluate(Q, order=order), want, h, rtol)


def test_leave_one_out_follows_the_order_of_the_leaves(rng):
    X = rng.standard_normal((2000, 2))
    X[::3] = X[0]
    got = parzen.KernelDensity(0.1, method="tree").fit(X).leave_one_out().log_density
    want = parzen.KernelDensity(0.1, rtol=0).fit(X).leave_one_out().log_density
    assert np.allclose(got, want, rtol=0, atol=1e-9)


def test_several_bandwidths_and_threads_give_the_same(rng):
    X = rng.standard_normal((3000, 2))
    one, two = (
        parzen.KernelDensity(0.05, method="tree", workers=w).fit(X).evaluate(X, order=1) for w in (1, 2)
    )
    assert np.array_equal(one.log_density, two.log_density)
    assert np.array_equal(one.gradient, two.gradient)


def test_queries_at_the_ends_of_float64_are_sorted_without_a_warning(rng):
    """Their range overflowed, and NumPy said so."""
    X, Q = rng.standard_normal((1100, 2)), rng.standard_normal((600, 2))
    Q[:300] = np.sign(Q[:300]) * 1e300
    got = parzen.KernelDensity(1e-100, method="tree").fit(X).score_samples(Q)
    assert np.all(np.isneginf(got[:300]))
    assert np.all(np.isfinite(got[300:]))
