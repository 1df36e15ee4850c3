"""The spectral method: near-linear, and right in every tail because what it cannot promise goes to the tree."""

import os
import sys

import numpy as np
import pytest

import parzen
from parzen.errors import InputError
from parzen.kernel_sums import cells, spectral


def blobs(rng, n, d):
    """Five Gaussians."""
    return rng.uniform(-6, 6, size=(5, d))[rng.integers(0, 5, size=n)] + rng.standard_normal((n, d))


SHAPES = {
    "blobs": blobs,
    "heavy tails": lambda rng, n, d: rng.standard_t(2, size=(n, d)),
    "ties": lambda rng, n, d: rng.integers(0, 6, size=(n, d)).astype(float),
    "outlier": lambda rng, n, d: np.vstack([rng.standard_normal((n - 1, d)), np.full((1, d), 1e6)]),
    "offset": lambda rng, n, d: rng.standard_normal((n, d)) + 1e9,
    "ridge": lambda rng, n, d: rng.standard_normal((n, d)) * ([1.0] + [1e-3] * (d - 1)),
    "two clusters far apart": lambda rng, n, d: (
        rng.standard_normal((n, d)) + 1e5 * rng.integers(0, 2, size=(n, 1))
    ),
}


def agree(got, want, h, rtol):
    """Check the promise between two results."""
    assert np.all(np.abs(got.log_density - want.log_density) <= rtol + 2e-15 * np.abs(want.log_density))
    if got.gradient is not None:
        off = h * np.linalg.norm(got.gradient - want.gradient, axis=1)
        assert np.all(off <= rtol * (1 + h * np.linalg.norm(want.gradient, axis=1)))
    if got.hessian is not None:
        off = h**2 * np.linalg.norm(got.hessian - want.hessian, axis=(1, 2))
        assert np.all(off <= rtol * (1 + h**2 * np.linalg.norm(want.hessian, axis=(1, 2))))


#: Seconds for a pair, by dimension: so dear that small tests have the cells of large ones, but no larger grids.
DEAR = {1: 1e-8, 2: 3e-8, 3: 3e-8}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_keeps_the_promise(rng, monkeypatch, d, shape):
    monkeypatch.setattr(cells, "_PAIR", DEAR[d])
    n = 5000
    h = {1: 0.05, 2: 0.3, 3: 1.5}[d]
    X = SHAPES[shape](rng, n, d)
    near = SHAPES[shape](rng, 400, d)
    Q = np.vstack([near, near[:50] + rng.standard_normal((50, d)) * 6 * h, X[:20], near[:5] + 1e3])
    want = parzen.KernelDensity(h, method="dense", rtol=1e-11).fit(X).evaluate(Q, order=2)
    for rtol in (1e-4, 1e-6, 1e-9):
        kde = parzen.KernelDensity(h, method="spectral", rtol=rtol).fit(X)
        for order in (0, 1, 2):
            got = kde.evaluate(Q, order=order)
            agree(got, want, h, rtol)
            assert got.error_bound <= rtol + 1e-14 * np.abs(want.log_density).max()
        assert shape not in ("blobs", "ties") or kde._model.sources._spectra[0].cells


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("bandwidth", ["scalar", "diagonal", "full"])
def test_weights_and_shapes_of_bandwidths(rng, d, bandwidth):
    X, Q = rng.standard_normal((20_000, d)), rng.standard_normal((300, d)) * 1.5
    w = rng.random(20_000) ** 6
    w[::7] = 0.0
    h = {"scalar": 0.1, "diagonal": np.linspace(0.1, 0.2, d), "full": 0.01 * np.eye(d) + 0.003}[bandwidth]
    got = parzen.KernelDensity(h, method="spectral").fit(X, sample_weight=w).evaluate(Q, order=2)
    want = parzen.KernelDensity(h, method="dense", rtol=1e-11).fit(X, sample_weight=w).evaluate(Q, order=2)
    agree(got, want, 0.1, 1e-9)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_leave_one_out_is_refused_to_isolated_samples_and_right_everywhere(rng, order):
    """Taking the own term away cancels for the isolated ones; their error bound must say so."""
    X = np.vstack([rng.standard_normal((20_000, 1)), [[8.0], [9.0], [1e4]]])
    got = parzen.KernelDensity(0.05, method="spectral").fit(X).leave_one_out(order=order)
    want = parzen.KernelDensity(0.05, method="dense", rtol=1e-11).fit(X).leave_one_out(order=order)
    agree(got, want, 0.05, 1e-9)


def test_several_bandwidths_in_one_pass(rng):
    X, V = blobs(rng, 20_000, 2), blobs(rng, 3000, 2)
    hs = [0.1, 0.15, 0.3, 1.0]
    swept = parzen.sweep(X, V, bandwidths=hs)
    for h, mean in zip(hs, swept.mean_log_density, strict=True):
        exact = parzen.KernelDensity(h, method="dense").fit(X).score_samples(V).mean()
        assert mean == pytest.approx(exact, abs=2e-9)


def test_a_wrong_transform_is_found_out(rng, monkeypatch):
    """The bound is checked against exact sums in each call: an error in a transform costs time, not digits."""
    X, Q = rng.standard_normal((20_000, 2)), rng.standard_normal((500, 2))
    true = spectral._type_2

    def wrong(cycles, series, eps, threads):
        return true(cycles, series, eps, threads) * (1.0 + 1e-6)

    monkeypatch.setattr(spectral, "_type_2", wrong)
    got = parzen.KernelDensity(0.1, method="spectral").fit(X).evaluate(Q, order=1)
    agree(got, parzen.KernelDensity(0.1, method="dense").fit(X).evaluate(Q, order=1), 0.1, 1e-9)


def test_a_second_call_pays_no_set_up(rng, monkeypatch):
    X, Q = rng.standard_normal((20_000, 2)), rng.standard_normal((500, 2))
    kde = parzen.KernelDensity(0.1, method="spectral").fit(X)
    first = kde.score_samples(Q)

    def never(*_):
        raise AssertionError("the transform of the samples was made again")

    monkeypatch.setattr(spectral, "_type_1", never)
    np.testing.assert_array_equal(kde.score_samples(Q), first)
    kde.grad_log_density(Q[:50])


def test_refusals(rng):
    with pytest.raises(InputError, match="needs at most 3 dimensions"):
        parzen.KernelDensity(method="spectral").fit(np.zeros((5, 4))).score_samples(np.zeros((1, 4)))
    with pytest.raises(InputError, match="too large for rtol < 1e-10"):
        parzen.KernelDensity(method="spectral", rtol=1e-12).fit(np.zeros((5, 1))).score_samples([[0.0]])


def test_workers_change_nothing_but_the_last_digits(rng):
    X, Q = blobs(rng, 20_000, 2), blobs(rng, 5000, 2)
    one, two = (
        parzen.KernelDensity(0.1, method="spectral", workers=w).fit(X).score_samples(Q) for w in (1, 2)
    )
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-9)


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_its_parents_threads(rng):
    X, Q = rng.standard_normal((20_000, 2)), rng.standard_normal((500, 2))
    kde = parzen.KernelDensity(0.1, method="spectral", workers=2).fit(X)
    expected = kde.score_samples(Q)
    child = os.fork()
    if not child:
        import signal

        signal.alarm(60)
        same = np.allclose(kde.score_samples(Q + 0.0), expected, rtol=0, atol=1e-9)
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_temporaries_keep_to_the_memory_limit(rng):
    """Queries come in pieces; once all of them were transformed together, whatever the limit."""
    import tracemalloc

    X, Q = rng.standard_normal((3000, 1)), rng.standard_normal((200_000, 1))
    kde = parzen.KernelDensity(0.3, method="spectral", memory_limit=2**23, workers=1).fit(X)
    kde.evaluate(Q[:100], order=2)
    tracemalloc.start()
    try:
        kde.evaluate(Q, order=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    results = 8 * len(Q) * (3 + 4 + 1 + 1)  # what is returned, and the moments it is made of
    assert peak < results + 2**23
