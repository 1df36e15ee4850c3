"""Bandwidth factors of the samples: where they come from, and densities with them."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.spatial.distance import cdist
from scipy.stats import t as student
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

import parzen
from parzen.bandwidth.matrix import as_scale
from parzen.density import adaptive
from parzen.density.model import Model
from parzen.errors import AccuracyError, InputError, InputTypeError
from parzen.kernel_sums import Request
from reference_density import reference_density
from tolerances import assert_promise

RULES = ["abramson", "knn"]


def bandwidth_of(kind, d, rng):
    """A bandwidth of each kind, about 0.4 in size."""
    B = rng.normal(size=(d, d))
    return {
        "scalar": 0.37,
        "diagonal": np.linspace(0.3, 0.6, d),
        "full": 0.1 * B @ B.T + 0.2 * np.eye(d),
    }[kind]


def normalised(factors, weights=None):
    """Divide by the weighted geometric mean."""
    return factors / np.exp(np.average(np.log(factors), weights=weights))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["scalar", "diagonal", "full"])
def test_abramson_is_the_square_root_law(rng, kind, weighted):
    x = rng.standard_t(3, size=(80, 2))
    weights = rng.uniform(0.1, 1, size=80) if weighted else None
    bandwidth = bandwidth_of(kind, 2, rng)
    pilot = reference_density(x, x, bandwidth, weights, order=0).log_density
    kde = parzen.KernelDensity(bandwidth, adaptive="abramson").fit(x, sample_weight=weights)
    np.testing.assert_allclose(kde.bandwidth_factors_, normalised(np.exp(-0.5 * pilot), weights), rtol=1e-8)
    assert kde.bandwidth_factors_.max() / kde.bandwidth_factors_.min() > 2


@pytest.mark.parametrize("kind", ["scalar", "diagonal", "full"])
@pytest.mark.parametrize(("n", "d"), [(90, 2), (300, 20)], ids=["tree", "products"])
def test_knn_is_the_distance_from_the_kth_other_sample(rng, kind, n, d):
    x = rng.standard_t(3, size=(n, d))
    bandwidth = bandwidth_of(kind, d, rng)
    metric = np.linalg.inv(bandwidth if kind == "full" else np.diag(np.broadcast_to(bandwidth, (d,)) ** 2))
    distances = np.sort(cdist(x, x, "mahalanobis", VI=metric), axis=1)[:, math.ceil(math.sqrt(n))]
    kde = parzen.KernelDensity(bandwidth, adaptive="knn").fit(x)
    np.testing.assert_allclose(kde.bandwidth_factors_, normalised(distances), rtol=1e-10)


@settings(deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=2, max_size=30), st.data())
def test_neighbours_on_a_line(numbers, data):
    k = data.draw(st.integers(1, len(numbers) - 1))
    x = 0.1 * np.array(numbers)
    expected = np.sort(np.abs(x[:, None] - x), axis=1)[:, k]
    np.testing.assert_array_equal(adaptive._distances_on_a_line(x, k), expected)


@pytest.mark.parametrize("d", [1, 20])
def test_knn_looks_past_samples_that_coincide(rng, d):
    """Eight copies of the first sample, whose third nearest other one is at no distance."""
    x = rng.normal(size=(9, d))[[0] * 8 + list(range(9))]
    distances = np.sort(cdist(x, x), axis=1)
    expected = distances[:, 5].copy()  # ⌈√17⌉ = 5
    expected[x[:, 0] == x[0, 0]] = distances[0][distances[0] > 0].min()
    kde = parzen.KernelDensity(0.5, adaptive="knn").fit(x)
    np.testing.assert_allclose(kde.bandwidth_factors_, normalised(expected), rtol=1e-12)
    with pytest.raises(InputError, match=r"^`adaptive` must be None or an array where all samples coincide"):
        parzen.KernelDensity(0.5, adaptive="knn").fit(x[:3])


@pytest.mark.parametrize("rule", RULES)
def test_one_sample_has_the_bandwidth_itself(rule):
    kde = parzen.KernelDensity(0.5, adaptive=rule).fit([[3.0]])
    np.testing.assert_array_equal(kde.bandwidth_factors_, [1.0])
    assert kde.score([[3.7]]) == parzen.KernelDensity(0.5).fit([[3.0]]).score([[3.7]])


@given(
    st.integers(0, 2**32 - 1), st.sampled_from([1, 2]), st.sampled_from(["scalar", "diagonal", "full"]), st.booleans(),
    st.booleans(), st.sampled_from([0.01, 1.0, 3.0]), st.integers(0, 2),
)  # fmt: skip
def test_against_a_plain_logsumexp(seed, d, kind, weighted, leave_one_out, spread, order):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 700))
    x, queries = rng.normal(size=(n, d)), rng.normal(size=(5, d)) * rng.choice([1.0, 10.0, 300.0])
    weights = 10.0 ** rng.uniform(-5, 0, size=n) if weighted else None
    bandwidth = bandwidth_of(kind, d, rng)
    factors = 10.0 ** (spread * rng.uniform(-0.5, 0.5, size=n))
    kde = parzen.KernelDensity(bandwidth, adaptive=factors, workers=1).fit(x, sample_weight=weights)
    if leave_one_out:
        queries, values = x, kde.leave_one_out(order=order)
    else:
        values = kde.evaluate(queries, order=order)
    expected = reference_density(
        x, queries, bandwidth, weights, leave_one_out=leave_one_out, order=order, factors=factors
    )
    size = 1.0 + np.abs(expected.log_density).max()
    np.testing.assert_allclose(values.log_density, expected.log_density, rtol=1e-13, atol=2e-9)
    if order > 0:
        scale = 1.0 + np.abs(expected.gradient).max()
        np.testing.assert_allclose(values.gradient, expected.gradient, rtol=0, atol=1e-8 * scale)
    if order > 1:
        scale = np.abs(expected.hessian).max() + factors.min() ** -2.0 * size
        np.testing.assert_allclose(values.hessian, expected.hessian, rtol=0, atol=1e-8 * scale)


@given(
    st.integers(0, 2**32 - 1), st.sampled_from(RULES), st.sampled_from([1, 2]), st.sampled_from([1e-8, 0.3, 1e9]),
    st.sampled_from([0.0, 1.0, 1e3]),
)  # fmt: skip
def test_follows_the_units_and_the_origin(seed, rule, d, unit, offset):
    rng = np.random.default_rng(seed)
    x = rng.standard_t(2, size=(60, d))
    moved = (x + offset) * unit
    kde = parzen.KernelDensity(0.4, adaptive=rule).fit(x)
    other = parzen.KernelDensity(0.4 * unit, adaptive=rule).fit(moved)
    np.testing.assert_allclose(other.bandwidth_factors_, kde.bandwidth_factors_, rtol=1e-8)
    got, expected = other.evaluate(moved, order=1), kde.evaluate(x, order=1)
    np.testing.assert_allclose(got.log_density + d * math.log(unit), expected.log_density, atol=1e-7)
    np.testing.assert_allclose(got.gradient * unit, expected.gradient, atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_integrates_to_one(rng, rule):
    x = rng.standard_t(3, size=(200, 1))
    kde = parzen.KernelDensity(0.3, adaptive=rule).fit(x, sample_weight=rng.uniform(size=200))
    reach = 10 * 0.3 * kde.bandwidth_factors_.max()
    q = np.linspace(x.min() - reach, x.max() + reach, 400_001)
    assert trapezoid(kde.density(q[:, None]), q) == pytest.approx(1.0, abs=1e-9)


def test_factors_of_one_change_nothing(rng):
    x, queries = rng.normal(size=(700, 2)), rng.normal(size=(9, 2)) * 5
    plain = parzen.KernelDensity(0.3).fit(x)
    assert plain.bandwidth_factors_ is None
    ones = parzen.KernelDensity(0.3, adaptive=np.ones(700)).fit(x).evaluate(queries, order=2)
    assert_promise(ones, plain.evaluate(queries, order=2), 0.3, 1e-12)


def test_a_common_factor_is_a_larger_bandwidth(rng):
    x, queries = rng.normal(size=(700, 2)), rng.normal(size=(9, 2)) * 5
    twice = parzen.KernelDensity(0.3, adaptive=np.full(700, 2.0)).fit(x).evaluate(queries, order=2)
    assert_promise(twice, parzen.KernelDensity(0.6).fit(x).evaluate(queries, order=2), 0.6, 1e-12)


@pytest.mark.parametrize("method", ["dense", "tree", "matmul", "lattice", "compensated"])
def test_several_bandwidths_and_the_radial_moment_in_one_pass(rng, method):
    """The radial moment gives the derivative of log f by log h: Σ p_j ‖u_j‖²/(hλ_j)² - d."""
    x = rng.integers(-100, 100, size=(1300, 2)) / 64.0
    queries = rng.integers(-100, 100, size=(20, 2)) / 64.0
    factors = 10.0 ** rng.uniform(-0.5, 0.5, size=1300)
    h = np.array([0.1, 0.3, 2.0])
    scale = as_scale(0.1, 2)
    model = Model(x, x, None, None, scale, np.zeros(2), factors)
    scales = (scale.unit / h) ** 2
    sums = model.evaluate(queries, Request(scales=scales, radial=True, rtol=1e-9, method=method)).sums
    step = 1e-4
    for k, value in enumerate(h):
        middle, below, above = (
            reference_density(x, queries, value * math.exp(s), order=0, factors=factors).log_density
            for s in (0.0, -step, step)
        )
        got = sums.log_sum[:, k] - model.log_normaliser(math.log(value / 0.1))
        np.testing.assert_allclose(got, middle, rtol=1e-9, atol=1e-9)
        slope = scales[k] * sums.mean_square[:, k] - 2
        np.testing.assert_allclose(slope, (above - below) / (2 * step), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_exact_integer_products_carry_them_too(rng, order):
    x = rng.integers(0, 256, size=(600, 40)) / 256
    factors = rng.uniform(0.5, 2.0, size=600)
    got, expected = (
        parzen.KernelDensity(0.8, adaptive=factors, method=method).fit(x).evaluate(x[:7], order=order)
        for method in ("lattice", "compensated")
    )
    assert got.method == "lattice"
    assert got.n_repaired == 0
    assert_promise(got, expected, 0.8, 1e-9)


def test_gridding_says_why_it_cannot(rng):
    x = rng.normal(size=(100, 1))
    kde = parzen.KernelDensity(0.3, adaptive="knn").fit(x)
    assert "gridding refused (a mesh has one bandwidth for all samples)" in str(kde.explain(x))
    assert kde.explain(x).method == "dense"
    with pytest.raises(InputError, match="a mesh has one bandwidth for all samples"):
        kde.set_params(method="gridding").score_samples(x)


def test_the_tree_leaves_out_what_is_far_for_its_own_bandwidth(rng):
    """Tiles of narrow kernels far from a query are skipped, a wide kernel farther away is not."""
    x = np.sort(rng.uniform(0, 1000, size=(20_000, 1)), axis=0)
    factors = np.ones(20_000)
    factors[-1] = 3000.0
    queries = np.array([[-50.0], [-1.0], [500.0]])
    kde = parzen.KernelDensity(0.05, adaptive=factors, method="tree").fit(x)
    got, expected = kde.evaluate(queries, order=2), reference_density(x, queries, 0.05, factors=factors)
    assert got.n_repaired == 0
    assert_promise(got, expected, 0.05, 1e-9)


def test_leaving_one_out_keeps_the_factors(rng):
    x, factors = rng.normal(size=(30, 2)), rng.uniform(0.5, 2, size=30)
    weights = np.where(np.arange(30) == 7, 0.0, rng.uniform(0.1, 1, size=30))
    values = parzen.KernelDensity(0.4, adaptive=factors).fit(x, sample_weight=weights).leave_one_out(order=1)
    for i in (0, 7, 29):
        rest = np.delete(np.arange(30), i)
        one = parzen.KernelDensity(0.4, adaptive=factors[rest]).fit(x[rest], sample_weight=weights[rest])
        expected = one.evaluate(x[[i]], order=1)
        assert values.log_density[i] == pytest.approx(expected.log_density[0], abs=2e-9)
        np.testing.assert_allclose(values.gradient[i], expected.gradient[0], atol=1e-8)


@pytest.mark.parametrize("rule", RULES)
def test_samples_without_weight_do_not_count(rng, rule):
    x, queries = rng.normal(size=(40, 2)), rng.normal(size=(5, 2))
    stray = np.vstack([x[:20], [[0.0, 0.0]], x[20:]])
    with_stray = parzen.KernelDensity(0.4, adaptive=rule).fit(
        stray, sample_weight=np.insert(np.ones(40), 20, 0.0)
    )
    without = parzen.KernelDensity(0.4, adaptive=rule).fit(x)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(with_stray.bandwidth_factors_)), [20])
    np.testing.assert_array_equal(np.delete(with_stray.bandwidth_factors_, 20), without.bandwidth_factors_)
    np.testing.assert_array_equal(with_stray.log_density(queries), without.log_density(queries))


def test_draws_have_the_bandwidth_of_their_sample():
    kde = parzen.KernelDensity(0.5, adaptive=[1e-3, 4.0]).fit([[0.0], [1e4]])
    drawn = kde.sample(4000, random_state=0)[:, 0]
    near = np.abs(drawn) < 1
    assert 1800 < np.count_nonzero(near) < 2200
    assert drawn[near].std() == pytest.approx(0.5e-3, rel=0.1)
    assert drawn[~near].std() == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("d", "rtol"), [(1, 1e-9), (2, 0.0)])
def test_workers_change_nothing(rng, rule, d, rtol):
    x = rng.standard_t(2, size=(1200, d))
    one, two = (
        parzen.KernelDensity(
            0.3, adaptive=rule, workers=workers, rtol=rtol, method="dense" if rtol else "auto"
        )
        .fit(x)
        .evaluate(x[:50], order=1)
        for workers in (1, 2)
    )
    np.testing.assert_array_equal(one.log_density, two.log_density)
    np.testing.assert_array_equal(one.gradient, two.gradient)


def test_it_is_a_scikit_learn_estimator(rng):
    check_estimator(parzen.KernelDensity(adaptive="abramson"), on_skip=None)
    factors = rng.uniform(0.5, 2, size=60)
    x = rng.normal(size=(60, 2))
    kde = clone(parzen.KernelDensity(0.5, adaptive=factors)).fit(x)
    np.testing.assert_array_equal(kde.get_params()["adaptive"], factors)
    again = pickle.loads(pickle.dumps(kde))
    np.testing.assert_array_equal(again.log_density(x), kde.log_density(x))
    np.testing.assert_array_equal(again.bandwidth_factors_, factors)
    grid = {"bandwidth": [0.1, 0.5], "adaptive": [None, *RULES]}
    assert GridSearchCV(parzen.KernelDensity(), grid, cv=3).fit(x).best_score_ < 0


def test_the_callers_factors_may_change_after_fit(rng):
    x, factors = rng.normal(size=(50, 2)), rng.uniform(0.5, 2, size=50)
    kde = parzen.KernelDensity(0.5, adaptive=factors).fit(x)
    expected = kde.log_density(x)
    factors[:] = 1.0
    np.testing.assert_array_equal(kde.log_density(x), expected)
    assert not kde.bandwidth_factors_.flags.writeable


@pytest.mark.parametrize(
    ("adaptive", "error", "words"),
    [
        ("silverman", InputError, "must be None, 'abramson', 'knn' or an array"),
        ([1.0, 2.0], InputError, r"must be 1-D and not empty|must be of shape \(3,\)"),
        (2.0, InputError, r"must be of shape \(3,\)"),
        ([1.0, np.nan, 1.0], InputError, "must be finite"),
        ([1.0, 0.0, 1.0], InputError, "must give every sample a factor from 1e-50 to 1e\\+50; got 0 at sample 1"),
        ([1.0, 1.0, -2.0], InputError, "got -2 at sample 2"),
        ([1.0, 1e51, 1.0], InputError, "got 1e\\+51 at sample 1"),
        (["a", "b", "c"], InputTypeError, "must be numeric"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(adaptive, error, words):
    kde = parzen.KernelDensity(0.5, adaptive=adaptive)
    with pytest.raises(error, match=f"^`adaptive` .*({words})"):
        kde.fit([[0.0], [1.0], [2.0]])
    assert not hasattr(kde, "bandwidth_factors_")


def test_score_debiasing_is_refused():
    kde = parzen.KernelDensity(0.5, adaptive="abramson", bias_correction="score")
    with pytest.raises(InputError, match=r"^`bias_correction` must be None with `adaptive`; got 'score'"):
        kde.fit([[0.0], [1.0], [2.0]])


def test_a_weight_that_makes_its_factor_overflow_is_refused():
    kde = parzen.KernelDensity(0.5, adaptive="abramson")
    with pytest.raises(InputError, match=r"^`adaptive` must give every sample a factor .* negligible weight"):
        kde.fit([[0.0], [1e3], [2e3]], sample_weight=[1.0, 1e-300, 1.0])


@pytest.mark.parametrize("factors", [[1.0, 3.0, 2.0], [1e-6, 1.0, 1e6], [1e50, 1e-50, 1.0]])
@pytest.mark.parametrize("distance", [1e3, 1e20, 1e70, 1e120, 1e145, 1e160])
def test_queries_however_far_have_a_density(factors, distance):
    """Against 200 digits; a log density below all floats is -inf."""
    from mpmath import mp, mpf

    x, q = [[0.0], [1.0], [-1.0]], [[distance]]
    got = parzen.KernelDensity(0.5, adaptive=factors).fit(x).score_samples(q)[0]
    with mp.workdps(400):
        terms = [
            -(((mpf(distance) - mpf(v[0])) / (mpf(0.5) * mpf(f))) ** 2) / 2 - mp.log(mpf(0.5) * mpf(f))
            for v, f in zip(x, factors, strict=True)
        ]
        top = max(terms)
        exact = top + mp.log(mp.fsum(mp.exp(t - top) for t in terms)) - mp.log(3) - mp.log(2 * mp.pi) / 2
    assert got == pytest.approx(float(exact), rel=1e-14, abs=1e-9)


@pytest.mark.parametrize("factor", [1e-8, 1e-12])
def test_a_very_narrow_kernel_has_derivatives_at_its_centre(rng, factor):
    """There its gradient is 0, and 1e8 and more half a kernel's width away."""
    x = np.array([[0.0], [1.0], [-0.7]])
    kde = parzen.KernelDensity(1.0, adaptive=[factor, 1.0, 1.0]).fit(x)
    got = kde.evaluate([[0.0], [0.5 * factor]], order=2)
    np.testing.assert_allclose(got.gradient[:, 0] * factor, [0.0, -0.5], atol=1e-7)
    np.testing.assert_allclose(got.hessian[:, 0, 0] * factor**2, [-1.0, -1.0], atol=1e-7)


@pytest.mark.parametrize("x", [[0.0, 1e300, 1e200], [0.0, 1e-300]])
def test_distances_whose_squares_are_out_of_range_are_refused(x):
    with pytest.raises(InputError, match=r"^`adaptive` must give every sample a factor .* got nan"):
        parzen.KernelDensity(1.0, adaptive="knn").fit(np.column_stack([x, x]))


@pytest.mark.parametrize("x", [[0.0, 1e300, 1e200], [0.0, 1e-300]])
def test_distances_on_a_line_need_no_squares(x):
    kde = parzen.KernelDensity(1.0, adaptive="knn").fit(np.reshape(x, (-1, 1)))
    np.testing.assert_allclose(kde.bandwidth_factors_, 1.0, rtol=1e-13)


def test_derivatives_out_of_range_are_refused():
    kde = parzen.KernelDensity(0.5, adaptive=[1.0, 2.0]).fit([[0.0], [1.0]])
    with pytest.raises(AccuracyError, match=r"^`X` must lie where float64 can tell the samples apart"):
        kde.grad_log_density([[1e150]])


def test_heavy_tails_are_estimated_better():
    """Mean integrated squared error of ten samples of 400 from Cauchy's density, each rule at its best bandwidth."""
    q = np.linspace(-30, 30, 1501)
    truth = student(1).pdf(q)
    samples = [np.random.default_rng(seed).standard_t(1, size=(400, 1)) for seed in range(10)]

    def error(rule, h):
        densities = [parzen.KernelDensity(h, adaptive=rule).fit(x).density(q[:, None]) for x in samples]
        return np.mean([trapezoid((density - truth) ** 2, q) for density in densities])

    plain = [error(None, h) for h in (0.25, 0.3, 0.35, 0.4, 0.5)]
    assert 0 < int(np.argmin(plain)) < 4
    assert error("abramson", 0.7) < 0.7 * min(plain)
    assert error("knn", 2.0) < 0.95 * min(plain)


def test_outliers_are_likelier(rng):
    """Held-out points of heavy tails in three dimensions."""
    x, v = rng.standard_t(2, size=(2, 500, 3))
    plain = max(parzen.KernelDensity(h).fit(x).score(v) for h in (0.5, 1.0, 2.0))
    for rule in RULES:
        assert parzen.KernelDensity(0.5, adaptive=rule).fit(x).score(v) > plain + 100


def test_the_geometric_mean_of_factors_is_by_weight(rng):
    x, weights = rng.normal(size=(50, 1)), rng.uniform(0.1, 1, size=50)
    for rule in RULES:
        kde = parzen.KernelDensity(0.4, adaptive=rule).fit(x, sample_weight=weights)
        assert np.average(np.log(kde.bandwidth_factors_), weights=weights) == pytest.approx(0, abs=1e-12)


def test_neighbours_of_clusters_far_apart(rng):
    """Ranks of squares that had lost their digits were off by half."""
    x = rng.standard_normal((200, 16))
    x[100:] += 1e8
    distances = np.sort(cdist(x, x), axis=1)[:, math.ceil(math.sqrt(200))]
    kde = parzen.KernelDensity(1.0, adaptive="knn").fit(x)
    np.testing.assert_allclose(kde.bandwidth_factors_, normalised(distances), rtol=1e-7)


@pytest.mark.parametrize("d", [1, 2])
def test_neighbours_beyond_float64_are_refused(d):
    x = np.array([[1e200] * d, [0.0] * d, [-1e200] * d, [1.0] * d])
    with pytest.raises(
        InputError, match=r"`adaptive` must be None for samples that spread .* larger bandwidth"
    ):
        parzen.KernelDensity(1e-150, adaptive="knn").fit(x)
