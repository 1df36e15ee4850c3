"""The gridding method: near-linear, and right in every tail because what it cannot promise goes to the tree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import parzen
from parzen.bandwidth.matrix import as_scale
from parzen.density.model import Model
from parzen.errors import InputError
from parzen.kernel_sums import Request, gridding
from parzen.kernel_sums.gridding import GriddedSources
from parzen.kernel_sums.mesh import Mesh


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


def share_on_the_mesh(values):
    """Return which percentage of the queries the plan's outcome tells of."""
    return float(values.plan.outcome.split("; ")[1].split("%")[0])


def agree(got, want, h, rtol):
    """Check the promise between two results."""
    assert np.all(np.abs(got.log_density - want.log_density) <= rtol + 2e-15 * np.abs(want.log_density))
    if got.gradient is not None:
        off = h * np.linalg.norm(got.gradient - want.gradient, axis=1)
        assert np.all(off <= rtol * (1 + h * np.linalg.norm(want.gradient, axis=1)))
    if got.hessian is not None:
        off = h**2 * np.linalg.norm(got.hessian - want.hessian, axis=(1, 2))
        assert np.all(off <= rtol * (1 + h**2 * np.linalg.norm(want.hessian, axis=(1, 2))))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_keeps_the_promise(rng, d, shape):
    n = 5000
    h = {1: 0.05, 2: 0.3, 3: 1.5}[d]
    X = SHAPES[shape](rng, n, d)
    near = SHAPES[shape](rng, 400, d)
    Q = np.vstack([near, near[:50] + rng.standard_normal((50, d)) * 6 * h, X[:20], near[:5] + 1e3])
    want = parzen.KernelDensity(h, method="dense", rtol=1e-11).fit(X).evaluate(Q, order=2)
    for rtol in (1e-4, 1e-6, 1e-9):
        kde = parzen.KernelDensity(h, method="gridding", rtol=rtol).fit(X)
        for order in (0, 1, 2):
            got = kde.evaluate(Q, order=order)
            agree(got, want, h, rtol)
            assert got.error_bound <= rtol + 1e-14 * np.abs(want.log_density).max()
            if shape in ("blobs", "ties"):
                assert "100.00% of the queries on the mesh" not in got.plan.outcome  # some lie far out
                assert share_on_the_mesh(got) > 30


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("bandwidth", ["scalar", "diagonal", "full"])
def test_weights_and_shapes_of_bandwidths(rng, d, bandwidth):
    X, Q = rng.standard_normal((20_000, d)), rng.standard_normal((300, d)) * 1.5
    w = rng.random(20_000) ** 6
    w[::7] = 0.0
    h = {"scalar": 0.1, "diagonal": np.linspace(0.1, 0.2, d), "full": 0.01 * np.eye(d) + 0.003}[bandwidth]
    got = parzen.KernelDensity(h, method="gridding").fit(X, sample_weight=w).evaluate(Q, order=2)
    want = parzen.KernelDensity(h, method="dense", rtol=1e-11).fit(X, sample_weight=w).evaluate(Q, order=2)
    agree(got, want, 0.1, 1e-9)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_leave_one_out_is_refused_to_isolated_samples_and_right_everywhere(rng, order):
    """Taking the own term away cancels for the isolated ones; their error bound must say so."""
    X = np.vstack([rng.standard_normal((20_000, 1)), [[8.0], [9.0], [1e4]]])
    got = parzen.KernelDensity(0.05, method="gridding").fit(X).leave_one_out(order=order)
    want = parzen.KernelDensity(0.05, method="dense", rtol=1e-11).fit(X).leave_one_out(order=order)
    agree(got, want, 0.05, 1e-9)
    assert 90 < share_on_the_mesh(got) < 100


def test_several_bandwidths_in_one_pass(rng):
    X = blobs(rng, 20_000, 2)
    V = X[:3000] + 0.1 * rng.standard_normal((3000, 2))
    hs = np.array([0.1, 0.15, 0.3, 1.0])
    model = Model.of(X, None, as_scale(hs[0], 2))
    request = Request(scales=(model.scale.unit / hs) ** 2, method="gridding", radial=True)
    got = model.evaluate(V, request)
    assert share_on_the_mesh(got) > 90
    for k, h in enumerate(hs):
        one = Model.of(X, None, as_scale(h, 2))
        want = one.evaluate(
            V, Request(scales=np.array([one.scale.kernel_scale]), method="dense", radial=True)
        )
        np.testing.assert_allclose(got.sums.log_sum[:, k], want.sums.log_sum[:, 0], rtol=0, atol=2e-9)
        square = got.sums.mean_square[:, k] * request.scales[k]
        np.testing.assert_allclose(
            square, want.sums.mean_square[:, 0] * one.scale.kernel_scale, rtol=2e-9, atol=2e-9
        )


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("rtol", [1e-2, 1e-4, 1e-6, 1e-9, 1e-10])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_pair_loses_no_more_than_the_mesh_says(rng, d, rtol, order):
    """The trapezoidal rule is off by `aliasing` of each pair at any distance, the windows cut off `cut_off`."""
    mesh = Mesh.of(d, order, rtol)
    x, q = rng.uniform(-20, 20, (60, d)), rng.uniform(-20, 20, (200, d))
    if d > 1:  # near each other along the other axes
        x[:, 1:], q[:, 1:] = rng.uniform(0, 1, (60, d - 1)), rng.uniform(0, 1, (200, d - 1))
    for source in x:
        sources = GriddedSources(source[None], None, 1.0, mesh)
        found = np.empty((len(gridding.powers(d, order)), len(q)))

        def take(part, found=found):
            found[:, part.rows] = part.values
            assert np.all(part.weight == part.number)

        def run(tasks, begin, end):
            for _, work in tasks:
                work(lambda done: None)

        sources.evaluate(q, order, 2**30, run, take)
        u = source - q
        size = np.exp(-0.5 * np.sum(u**2, axis=1))
        for power, value in zip(gridding.powers(d, order), found, strict=True):
            exact = size * np.prod([[u[:, a], np.ones(len(q))][p == 0] if p < 2 else u[:, a] ** 2 + 1 for a, p in enumerate(power)], axis=0)  # fmt: skip
            moment = (np.linalg.norm(u, axis=1) + mesh.slope) ** sum(power)
            allowed = (mesh.aliasing + 1e-13 * d) * moment * size + mesh.cut_off[sum(power)]
            assert np.all(np.abs(value - exact) <= allowed)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_what_is_beyond_the_blocks_around_is_in_the_bound(rng, order):
    """Heavy samples two blocks away may outweigh tiny ones nearby: such queries must not be accepted."""
    X = np.vstack([rng.uniform(0, 10, (300, 1)), rng.uniform(45, 60, (300, 1))])
    w = np.where(X[:, 0] < 20, 1e-290, 1.0)
    Q = np.linspace(-5, 70, 2000)[:, None]
    got = parzen.KernelDensity(0.4, method="gridding").fit(X, sample_weight=w).evaluate(Q, order=order)
    want = (
        parzen.KernelDensity(0.4, method="dense", rtol=1e-11).fit(X, sample_weight=w).evaluate(Q, order=order)
    )
    agree(got, want, 0.4, 1e-9)


def test_points_too_far_out_for_the_blocks_of_a_mesh(rng):
    X = np.vstack([rng.standard_normal((3000, 2)), [[1e12, 0.0], [0.0, -1e12], [3e7, 3e7]]])
    Q = np.vstack([rng.standard_normal((500, 2)), X[-3:], X[-3:] + 0.1, X[-3:] * 1.00001])
    got = parzen.KernelDensity(0.2, method="gridding").fit(X).evaluate(Q, order=1)
    want = parzen.KernelDensity(0.2, method="compensated", rtol=1e-11).fit(X).evaluate(Q, order=1)
    agree(got, want, 0.2, 1e-9)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_blocks_that_do_not_fit_into_memory_come_in_batches(rng, d):
    X, Q = blobs(rng, 4000, d) * 4, blobs(rng, 2000, d) * 4
    small = {1: 2**20, 2: 2**20, 3: 2**23}[d]
    h = {1: 0.0005, 2: 0.1, 3: 0.6}[d]
    whole, parts = (
        parzen.KernelDensity(h, method="gridding", memory_limit=limit).fit(X) for limit in (2**30, small)
    )
    np.testing.assert_array_equal(whole.score_samples(Q), parts.score_samples(Q))
    assert share_on_the_mesh(parts.evaluate(X)) > 90
    assert whole._model.sources._gridded[0]._nodes is not None
    assert parts._model.sources._gridded[0]._nodes is None


def test_a_batch_that_happens_to_read_all_blocks_does_not_stand_for_the_next(rng):
    """Its nodes were kept for all, while the next batch counted its own blocks: 377 nats too much."""
    X = np.full((1, 3), 0.33)
    Q = X + rng.normal(size=(600, 3)) * 0.02
    got = parzen.KernelDensity(0.001, method="gridding", rtol=1e-3, memory_limit=2**20).fit(X).evaluate(Q)
    want = parzen.KernelDensity(0.001, method="dense").fit(X).evaluate(Q)
    agree(got, want, 0.001, 1e-3)


def test_a_second_call_pays_no_set_up(rng, monkeypatch):
    X, Q = rng.standard_normal((20_000, 2)), rng.standard_normal((500, 2))
    kde = parzen.KernelDensity(0.1, method="gridding").fit(X)
    first = kde.score_samples(Q)

    def never(*_):
        raise AssertionError("the samples were spread again")

    monkeypatch.setattr(gridding, "spread", never)
    np.testing.assert_array_equal(kde.score_samples(Q), first)


def test_a_wrong_mesh_is_found_out(rng, monkeypatch):
    """What no proof sees, as a miscompiled loop, is seen by direct sums: it costs time, not digits."""
    X, Q = rng.standard_normal((20_000, 2)), rng.standard_normal((500, 2))
    true = gridding.interpolate

    def wrong(*arguments):
        true(*arguments)
        arguments[-1][...] *= 1.0 + 1e-6

    monkeypatch.setattr(gridding, "interpolate", wrong)
    got = parzen.KernelDensity(0.1, method="gridding").fit(X).evaluate(Q, order=1)
    agree(got, parzen.KernelDensity(0.1, method="dense").fit(X).evaluate(Q, order=1), 0.1, 1e-9)
    assert got.plan.outcome.split("; ")[1].startswith("0.00% of the queries on the mesh")


def test_a_query_has_the_same_sum_wherever_it_stands(rng):
    X, Q = blobs(rng, 20_000, 2), blobs(rng, 3000, 2)
    kde = parzen.KernelDensity(0.3, method="gridding").fit(X)
    order = rng.permutation(len(Q))
    np.testing.assert_array_equal(kde.score_samples(Q)[order], kde.score_samples(Q[order]))


def test_refusals(rng):
    with pytest.raises(InputError, match="needs at most 3 dimensions"):
        parzen.KernelDensity(method="gridding").fit(np.zeros((5, 4))).score_samples(np.zeros((1, 4)))
    with pytest.raises(InputError, match="too large for rtol < 1e-10"):
        parzen.KernelDensity(method="gridding", rtol=1e-12).fit(np.zeros((5, 1))).score_samples([[0.0]])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_workers_change_nothing(rng, d):
    X, Q = blobs(rng, 20_000, d), blobs(rng, 5000, d)
    one, two = (
        parzen.KernelDensity(0.2, method="gridding", workers=w).fit(X).score_samples(Q) for w in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_temporaries_keep_to_the_memory_limit(rng):
    """Queries come in pieces; once all of them were summed together, whatever the limit."""
    import tracemalloc

    X, Q = rng.standard_normal((3000, 1)), rng.standard_normal((200_000, 1))
    kde = parzen.KernelDensity(0.3, method="gridding", memory_limit=2**23, workers=1).fit(X)
    kde.evaluate(Q[:100], order=2)
    tracemalloc.start()
    try:
        kde.evaluate(Q, order=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    results = 8 * len(Q) * (3 + 4 + 1 + 1)  # what is returned, and the moments it is made of
    assert peak < results + 2**23


def test_equal_samples_round_in_one_direction_and_the_bound_knows(rng):
    """A million roundings of one sign: the error was three times its bound, which counted on chance."""
    X = np.repeat([[0.3], [1.234]], [1_000_000, 3], axis=0)
    Q = np.linspace(-3, 3, 100)[:, None]
    kde = parzen.KernelDensity(1.0, method="gridding", rtol=1e-10).fit(X)
    got = kde._model.evaluate(Q, kde._request(0))
    exact = np.log(np.exp(-0.5 * (Q - [[0.3, 1.234]]) ** 2) @ [1e6, 3.0])
    assert "100.00% of the queries on the mesh" in got.plan.outcome
    assert np.all(np.abs(got.sums.log_sum[:, 0] - exact) <= got.error_bound[:, 0])


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("rtol", [0.1, 0.9])
def test_the_bound_holds_where_errors_are_large(d, rtol):
    """A relative error of s is one of -log(1 - s) of the logarithm; midpoints on nodes and between them have it."""
    mesh = Mesh.of(d, 0, rtol)
    Q = np.repeat(np.linspace(-2, 2, 401)[:, None] * mesh.spacing, d, axis=1)
    kde = parzen.KernelDensity(1.0, method="gridding", rtol=rtol).fit(np.zeros((1, d)))
    got = kde._model.evaluate(Q, kde._request(0))
    off = np.abs(got.sums.log_sum[:, 0] + 0.5 * np.sum(Q**2, axis=1))
    assert off.max() > mesh.aliasing
    assert np.all(off <= got.error_bound[:, 0])


@pytest.mark.parametrize("left", [0, 1000])
def test_progress_grows_to_the_total(rng, left):
    """Once it began again for the queries that the mesh leaves."""
    X = np.vstack([rng.standard_normal((4000, 2)), rng.uniform(1e3, 1e4, (500, 2))])
    Q = np.vstack([rng.standard_normal((4000, 2)), rng.uniform(1e3, 1e4, (left, 2))])
    calls = []
    kde = parzen.KernelDensity(0.3, method="gridding").fit(X)
    request = kde._request(0, progress=lambda *call: calls.append(call)).replace(scales=np.array([1.0, 0.5]))
    kde._model.evaluate(Q, request)
    done, total = np.array(calls).T
    assert np.all(np.diff(done) >= 0)
    assert np.all(total == total[0])
    assert done[-1] == total[0]


def peak(function):
    """Return the most memory that a call takes at a time."""
    import tracemalloc

    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_queries_in_blocks_of_their_own_keep_to_the_memory_limit(rng):
    """The keys of their 27 neighbours were made for all of them together."""
    X, Q = rng.uniform(size=(100, 3)), rng.uniform(size=(30_000, 3))
    kde = parzen.KernelDensity(1e-4, method="gridding", memory_limit=2**24, workers=1).fit(X)
    kde.score_samples(Q[:100])
    assert peak(lambda: kde.score_samples(Q)) < 8 * len(Q) * (3 + 1 + 1) + 2**24


def test_meshes_of_several_bandwidths_keep_to_the_memory_limit_together(rng):
    X = rng.uniform(size=(2000, 2))
    kde = parzen.KernelDensity(0.003, method="gridding", memory_limit=2**25, workers=1).fit(X)
    request = kde._request(0).replace(scales=np.linspace(0.8, 1.0, 8))
    assert peak(lambda: kde._model.evaluate(X, request)) < 2**25


def test_blocks_that_the_first_queries_read_are_not_the_whole_mesh(rng):
    """They once stood for it in later calls: errors of 0.8 under a bound of 2e-10, or a crash."""
    X = rng.uniform(0, 33_000, (100_000, 1))
    kde = parzen.KernelDensity(1.0, method="gridding", memory_limit=2**20).fit(X)
    first = rng.uniform(0, 22_000, (20_000, 1))
    kde.evaluate(
        first[(first < 5000) | (first > 5300)][:, None]
    )  # fits into the memory; not so all of the mesh
    Q = rng.permutation(np.concatenate([rng.uniform(0, 4500, 20_000), rng.uniform(8000, 20_000, 20)]))[
        :, None
    ]
    exact = parzen.KernelDensity(1.0, method="tree").fit(X).evaluate(Q).log_density
    np.testing.assert_allclose(kde.evaluate(Q).log_density, exact, rtol=0, atol=2e-9)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    d=st.integers(1, 2),
    limit=st.sampled_from([2**20, 2**22]),
    pieces=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(1, 300)), min_size=2, max_size=4),
)
def test_answers_do_not_depend_on_what_was_asked_before(seed, d, limit, pieces):
    """Whatever part of the space each call looks at, and whether its mesh fits into the memory."""
    rng = np.random.default_rng(seed)
    extent = 40_000.0 if d == 1 else 900.0
    X = rng.uniform(0, extent, (20_000, d))
    kde = parzen.KernelDensity(1.0, method="gridding", memory_limit=limit).fit(X)
    for start, width, m in pieces:
        Q = extent * (start + width * rng.random((m, d)))
        fresh = parzen.KernelDensity(1.0, method="gridding", memory_limit=limit).fit(X)
        np.testing.assert_array_equal(kde.evaluate(Q).log_density, fresh.evaluate(Q).log_density)
