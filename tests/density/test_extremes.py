"""The ends of float64: far queries, outliers, tiny and huge bandwidths and weights. Each was once wrong or crashed."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import parzen
from parzen.errors import AccuracyError, InputError, ParzenError
from reference.exact import exact_density
from tolerances import assert_promise

METHODS = ["dense", "tree", "gridding", "matmul", "compensated"]


def check(
    samples, queries, bandwidth, *, method="auto", weights=None, rtol=1e-9, order=2, leave_one_out=False
):
    """Compare with 700 digits, enough for the sum of any two doubles to be exact."""
    samples, queries = np.asarray(samples, dtype=float), np.asarray(queries, dtype=float)
    kde = parzen.KernelDensity(bandwidth, method=method, rtol=rtol).fit(samples, sample_weight=weights)
    own = np.arange(len(samples)) if leave_one_out else None
    exact = exact_density(samples, samples if leave_one_out else queries, bandwidth, weights, own, order, 700)
    for highest in range(order + 1):
        values = kde.leave_one_out(order=highest) if leave_one_out else kde.evaluate(queries, order=highest)
        assert_promise(values, exact, bandwidth, rtol)


NEAR_ORIGIN = [[0.0, 0.3], [0.0, -0.4], [0.1, 0.2]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("distance", [1e8, 1e9, 1e10, 1e12, 1e20, 1e50, 1e80, 1e100, 1e139, 1e140, 1e145])
def test_far_queries(method, distance):
    """Log density and gradient hang on the nearest samples alone, at any distance."""
    check(NEAR_ORIGIN, [[distance, 0.1], [distance * 0.7, distance * 0.3]], 1.0, method=method, order=1)


@pytest.mark.parametrize(("method", "rtol"), [*((method, 1e-9) for method in METHODS), ("auto", 0.0)])
@pytest.mark.parametrize(
    "distance", [1e8, 1e9, 1e10, 1e12, 1e15, 1e20, 1e50, 1e80, 1e100, 1e139, 1e140, 1e145]
)
def test_hessians_of_far_queries(method, rtol, distance):
    """They need differences of exponents far below their last digit: right, or an AccuracyError."""
    queries = [[distance, 0.1]]
    exact = exact_density(NEAR_ORIGIN, queries, 1.0, digits=700)
    try:
        kde = parzen.KernelDensity(method=method, rtol=rtol).fit(NEAR_ORIGIN)
        values = kde.evaluate(queries, order=2)
    except AccuracyError:
        assert distance > 1e9
        return
    assert_promise(values, exact, 1.0, rtol)


@pytest.mark.parametrize(("method", "rtol"), [*((method, 1e-9) for method in METHODS), ("auto", 0.0)])
@pytest.mark.parametrize("distance", [1e5, 1e7, 1e8, 1e9, 1e12, 1e15])
@pytest.mark.parametrize("tilt", [0.0, 1e-9, 1e-3])
def test_gradients_that_cancel(method, rtol, distance, tilt):
    """Half way between samples the gradient is a difference of huge terms: right, or an AccuracyError.

    ``rtol=0`` promises a few ulps of those terms, and must not be silent where the default speaks up.
    """
    samples, weights = [[-distance], [distance], [distance]], [1.0, 0.5 + tilt, 0.5]
    exact = exact_density(samples, [[0.0]], 1.0, weights, order=1, digits=100)
    try:
        kde = parzen.KernelDensity(method=method, rtol=rtol).fit(samples, sample_weight=weights)
        values = kde.evaluate([[0.0]], order=1)
    except AccuracyError:
        assert distance > 1e5
        return
    assert_promise(values, exact, 1.0, rtol, terms=np.array([distance]))


@pytest.mark.parametrize("rtol", [1e-9, 0.0])
def test_shares_of_samples_that_are_as_far_as_each_other(rtol):
    """Two samples 6e12 and 12e12 bandwidths away: their shares hang on the 32nd digit of the squared distances."""
    samples = np.array([[1e6], [2190772083913.8977], [-2190770083913.8977]])
    weights = [0.3925708175716617, 0.8400892693073195, 0.38639672902781574]
    exact = exact_density(samples, samples, 0.6, weights, np.arange(3), order=1, digits=100)
    try:
        values = (
            parzen.KernelDensity(0.6, rtol=rtol).fit(samples, sample_weight=weights).leave_one_out(order=1)
        )
    except AccuracyError:
        return
    assert_promise(values, exact, 0.6, rtol, terms=np.full(3, 8e12))


def test_far_queries_with_rtol_0():
    for distance in (1e9, 1e12, 1e80):
        check(NEAR_ORIGIN, [[distance, 0.1], [distance * 0.7, distance * 0.3]], 1.0, rtol=0.0, order=1)


@pytest.mark.parametrize("method", ["matmul", "compensated"])
def test_clusters_far_apart_in_many_dimensions(method):
    """The matrix product's half squared distances are off by -1e5 and less: no exponential of that, please."""
    rng = np.random.default_rng(1)
    for distance in (1e6, 1e8, 1e10):
        samples = np.vstack([rng.normal(size=(3, 20)) + distance, rng.normal(size=(3, 20)) - distance])
        check(
            samples, [np.full(20, distance), np.full(20, -distance), samples[0]], 1.0, method=method, order=1
        )


@pytest.mark.parametrize(
    "bandwidth", [0.3, [0.3, 0.7], [[2.0, 1.0], [1.0, 2.0]]], ids=["scalar", "diagonal", "full"]
)
@pytest.mark.parametrize("outlier", [1e12, 1e20, 9.969209968386869e36, 1e60, 1e120])
@pytest.mark.parametrize("rtol", [1e-9, 0.0])
def test_one_outlier(bandwidth, outlier, rtol):
    """A stray fill value (netCDF's is 9.97e36) must not take digits from the density of the others."""
    samples = np.array([[0.1, -0.3], [0.7, 0.2], [-1.1, 0.4], [0.3, 0.9], [outlier, 0.0]])
    check(samples, [[0.0, 0.0], [0.5, 0.5], [outlier, 1.0]], bandwidth, rtol=rtol)


def test_a_bandwidth_is_not_written_to():
    """The 30-digit Cholesky factor was made in place, in the caller's covariance."""
    H = np.array([[1.0, 1 - 1e-14], [1 - 1e-14, 1.0]])
    kept = H.copy()
    kde = parzen.KernelDensity(H).fit([[0.0, 0.0], [1.0, 2.0]])
    first = kde.log_density([[0.5, 0.5]])
    np.testing.assert_array_equal(H, kept)
    np.testing.assert_array_equal(kde.bandwidth_, kept)
    np.testing.assert_array_equal(
        parzen.KernelDensity(H).fit([[0.0, 0.0], [1.0, 2.0]]).log_density([[0.5, 0.5]]), first
    )


@pytest.mark.parametrize("bandwidth", [np.array([1.0, 2.0]), np.array([[1.0, 0.3], [0.3, 2.0]])])
def test_the_callers_bandwidth_may_change_after_fit(bandwidth):
    kde = parzen.KernelDensity(bandwidth).fit([[0.0, 0.0], [1.0, 2.0]])
    first = kde.evaluate([[0.5, 0.5]], order=2)
    kde = parzen.KernelDensity(bandwidth).fit([[0.0, 0.0], [1.0, 2.0]])
    bandwidth *= 7
    second = kde.evaluate([[0.5, 0.5]], order=2)
    np.testing.assert_array_equal(second.log_density, first.log_density)
    np.testing.assert_array_equal(second.gradient, first.gradient)
    np.testing.assert_array_equal(second.hessian, first.hessian)


@pytest.mark.parametrize("h", [1e-150, 1e-60, 1e60, 1e150])
def test_tiny_and_huge_bandwidths(h):
    check([[0.0], [0.7 * h]], [[0.3 * h], [0.0], [4 * h]], h)
    check([[0.0], [0.7 * h]], [[0.3 * h], [0.0], [4 * h]], [h])


@pytest.mark.parametrize("h", [5e-324, 1e-310, 2e-308, 1e-200, 1e200, 8.9e307, 9e307, 1.7e308])
def test_bandwidths_at_the_ends_of_float64(h):
    """Right, or a ParzenError: never a traceback of something else, never nan."""
    expected = exact_density([[0.0], [h]], [[0.0], [h]], h, order=0)
    try:
        log_density = parzen.KernelDensity(h).fit([[0.0], [h]]).log_density([[0.0], [h]])
    except ParzenError:
        return
    np.testing.assert_allclose(log_density, expected.log_density, rtol=1e-14, atol=1e-9)


@pytest.mark.parametrize("bandwidth", [1e-200, 1e200, [1e-200], [1e200], 2e-160, 1e160])
def test_hessians_that_leave_float64(bandwidth):
    """1/h² over- or underflows: an AccuracyError, or the right number."""
    kde = parzen.KernelDensity(bandwidth).fit([[0.0]])
    try:
        hessian = kde.hess_log_density([[0.0]])
    except AccuracyError:
        return
    np.testing.assert_allclose(
        hessian, exact_density([[0.0]], [[0.0]], bandwidth).hessian, rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("scale", [1e308, 1e-308, 1e200, 1e-200])
def test_covariances_of_extreme_size(scale):
    root = np.sqrt(scale)
    samples, queries = np.array([[0.0, 0.0], [1.0, 0.5]]) * root, np.array([[0.3, 0.4]]) * root
    H = np.array([[1.0, 0.3], [0.3, 1.0]]) * scale
    exact = exact_density(samples, queries, H, order=1)
    values = parzen.KernelDensity(H).fit(samples).evaluate(queries, order=1)
    np.testing.assert_allclose(values.log_density, exact.log_density, rtol=1e-14, atol=1e-9)
    np.testing.assert_allclose(values.gradient, exact.gradient, rtol=1e-9)


@pytest.mark.parametrize("rtol", [5e-324, 1e-320, 1e-310, 1e-300, 1e-17, 1e-15])
def test_promises_below_rounding(rtol):
    """As good as ``rtol=0``, and no division by zero on the way."""
    check([[0.0], [0.7]], [[0.3], [40.0]], 1.0, rtol=rtol)


@pytest.mark.parametrize(
    "weights",
    [
        [1e300, 1e-300, 2e-300],
        [3.0, 5e-324, 1e-323],
        [1.7e308, 1.7e308, 1.7e308],
        [1e308, 1e307, 1.0],
        [5e-324, 1e-323, 2e-323],
    ],
    ids=str,
)
@pytest.mark.parametrize("rtol", [1e-9, 0.0])
def test_extreme_weights(weights, rtol):
    samples = [[0.0], [1.0], [2.5]]
    check(samples, [[0.2], [2.5], [30.0]], 1.0, weights=weights, rtol=rtol)
    # a log of a ratio of weights is up to 1400 nats, and its ulps remain where it cancels
    check(samples, samples, 1.0, weights=weights, rtol=max(rtol, 2e-12), leave_one_out=True)


@pytest.mark.parametrize("rtol", [1e-9, 0.0])
def test_log_density_below_all_floats(rtol):
    """-½·1e400 is -inf in float64; that is the only way to get -inf."""
    kde = parzen.KernelDensity(rtol=rtol).fit([[0.0]])
    np.testing.assert_array_equal(kde.log_density([[1e200], [-1e300]]), [-np.inf, -np.inf])
    log_density = kde.log_density([[1e153]])
    np.testing.assert_allclose(log_density, [-5e305], rtol=1e-14)
    assert kde.score([[1.5e154]] * 4) == -np.inf  # each is finite, their sum is not
    assert kde.density([[1e200]])[0] == 0.0


@pytest.mark.parametrize("bandwidth", [1.0, 1e307, [1e307]])
@pytest.mark.parametrize("method", METHODS)
def test_distances_beyond_float64_are_refused(method, bandwidth):
    """1e308 - -1e308 overflows before it is divided by a bandwidth that would make it 20: once a silent -inf."""
    samples, queries = [[-1e308], [-0.9e308]], [[0.0], [1e308], [-1e308]]
    kde = parzen.KernelDensity(bandwidth, method=method).fit(samples)
    message = (
        r"must lie within the range of float64 from every sample; got a row, 1, with values up to 1e\+308"
    )
    with pytest.raises(InputError, match=f"`X` {message}"):
        kde.log_density(queries)
    with pytest.raises(InputError, match=f"`V` {message}"):
        parzen.sweep(samples, queries, bandwidths=[1e307])


@pytest.mark.parametrize("bandwidth", [1e307, [1e307], 3e306, 1.7e308])
@pytest.mark.parametrize("method", METHODS)
def test_distances_just_inside_float64(method, bandwidth):
    """Products of double-doubles overflowed on the way: once a silent -inf from the compensated method."""
    samples, queries = np.array([[-0.8e308], [0.1e308]]), np.array([[0.9e308], [-0.8e308], [0.0]])
    values = parzen.KernelDensity(bandwidth, method=method).fit(samples).evaluate(queries, order=1)
    exact = exact_density(samples, queries, bandwidth, order=1, digits=700)
    np.testing.assert_allclose(values.log_density, exact.log_density, rtol=0, atol=1e-9)
    np.testing.assert_allclose(values.gradient * 1e307, exact.gradient * 1e307, rtol=0, atol=1e-9)


def test_far_queries_choose_the_nearest_sample():
    """Beyond the range of squares only the nearest counts, and ties share."""
    samples = np.array([[9e139, 0.0], [-9e139, 0.0], [0.0, 3.5e139]])
    queries = np.array([[1e145, 0.0], [0.0, -1.1e140]])
    gradient = parzen.KernelDensity(1.0).fit(samples).grad_log_density(queries)
    size = np.max(np.abs(queries), axis=1, keepdims=True)
    np.testing.assert_allclose(gradient / size, [[-1.0 + 9e-6, 0.0], [0.0, 1.0]], rtol=0, atol=1e-9)


def test_subnormal_samples():
    samples = np.array([[5e-324], [0.0], [1e-310]])
    check(samples, samples, 1.0)
    check(samples, samples, [1.0])
    check(samples, samples, 1e-150)


def test_identical_samples():
    """Any number of copies is one sample."""
    queries = [[0.5, 0.5], [9.0, -9.0]]
    one = parzen.KernelDensity(0.3).fit([[0.1, 0.2]]).evaluate(queries, order=2)
    many = parzen.KernelDensity(0.3).fit([[0.1, 0.2]] * 1025).evaluate(queries, order=2)
    assert_promise(many, one, 0.3, 1e-9)


def test_integers_beyond_2_to_53():
    """Nanoseconds since 1970: 1.7e18 is not exact in float64, and silently rounding by 128 ns is no answer."""
    start = 1_763_000_000_000_000_001
    samples, queries = np.array([[start], [start + 40]]), np.array([[start + 11]])
    near = parzen.KernelDensity(20.0).fit(samples - start).log_density(queries - start)
    try:
        far = parzen.KernelDensity(20.0).fit(samples).log_density(queries)
    except ParzenError:
        return
    np.testing.assert_allclose(far, near, rtol=1e-9)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.7000000001])
def test_rounding_errors_of_one_sign(value):
    """Constant rows make the errors of a dot product add up; the bound must hold for them too."""
    d = 4096
    samples = np.vstack([np.full((1, d), value), np.full((1, d), -value)]) * 1000
    queries = samples[:1] + 1e-3
    for rtol in (1e-4, 1e-6, 1e-9):
        kde = parzen.KernelDensity(1.0, method="matmul", rtol=rtol).fit(samples)
        exact = exact_density(samples, queries, 1.0, order=0)
        values = kde.evaluate(queries)
        error = abs(values.log_density - exact.log_density)[0]
        assert error <= rtol + 1e-11
        assert error <= values.error_bound + 1e-11


@pytest.mark.parametrize("weights", [None, [1.0, 1.0, 0.5, 1e-3, 2.0]])
@pytest.mark.parametrize("outlier", [1e50, 1e59, 1e61, 1e70, 1e100])
def test_samples_beside_a_far_outlier(outlier, weights):
    """Far from the centre is not far from the samples; leave-one-out leaves out there too."""
    samples = [[0.0], [0.3], [0.7], [outlier], [outlier]]
    check(samples, [[outlier], [0.1]], 1.0, weights=weights)
    check(samples, samples, 1.0, weights=weights, leave_one_out=True)
    check(samples[:4], samples, 1.0, weights=weights[:4] if weights else None, leave_one_out=True, order=0)


@pytest.mark.parametrize("distance", [1e3, 1e20, 1e59, 1e61, 1e70, 1e100])
def test_hessians_across_a_shared_far_axis(distance):
    """The far axis says nothing, the other everything: no digits are lost, whatever the distance."""
    samples, queries = [[0.0, 0.0], [0.0, 1.0]], [[distance, 0.3]]
    exact = exact_density(samples, queries, 1.0, digits=700)
    try:
        values = parzen.KernelDensity(1.0).fit(samples).evaluate(queries, order=2)
    except AccuracyError:
        assert 1e9 < distance < 1e60
        return
    assert_promise(values, exact, 1.0, 1e-9)


def test_a_failed_fit_leaves_nothing_behind():
    kde = parzen.KernelDensity(-1.0)
    with pytest.raises(ParzenError):
        kde.fit([[0.0]])
    with pytest.raises(NotFittedError):
        kde.log_density([[0.0]])


def test_the_bandwidth_in_use_is_read_only():
    for bandwidth in ([1.0, 2.0], np.eye(2)):
        kde = parzen.KernelDensity(bandwidth).fit(np.zeros((3, 2)))
        with pytest.raises(ValueError, match="read-only"):
            kde.bandwidth_[0] = 100.0


def test_leaving_out_a_sample_that_outweighs_all_others():
    """Sum and weights relative to the heaviest cancelled from 501 nats to 2."""
    X, w = np.array([[-3.41778677], [-0.71185288]]), np.array([1.85239659e-292, 1.13222464e-74])
    h = 3.1622776601683795
    got = parzen.KernelDensity(h, rtol=0).fit(X, sample_weight=w).leave_one_out().log_density
    exact = -0.5 * ((X[0, 0] - X[1, 0]) / h) ** 2 - np.log(h) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(got, exact, rtol=4e-15)
