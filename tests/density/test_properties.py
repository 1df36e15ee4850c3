"""What must hold for any data: hypothesis looks for the data where it does not."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from scipy.integrate import trapezoid

import parzen
from reference.exact import Metric, exact_density, one_query
from tolerances import assert_promise, log_density_tolerance

RTOL = 1e-9


@st.composite
def tasks(draw, d=None, kinds=("scalar", "diagonal", "full")):
    """Samples, queries, weights, bandwidth, method: awkward but ordinary in size."""
    d = draw(st.sampled_from([1, 2, 3])) if d is None else d
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    h = 2.0 ** draw(st.integers(-8, 8)) * draw(st.sampled_from([1.0, 0.7, 1.3]))
    spread = h * 10.0 ** draw(st.integers(-2, 3))
    samples, queries = rng.normal(size=(n, d)) * spread, rng.normal(size=(m, d)) * spread
    if draw(st.booleans()):
        samples = np.round(samples / h) * h  # ties
    if draw(st.booleans()):
        queries = samples[rng.integers(n, size=m)] + draw(st.sampled_from([0.0, 0.5, 300.0])) * h
    weights = None
    if draw(st.booleans()):
        weights = 10.0 ** rng.uniform(-draw(st.sampled_from([1, 12, 200])), 0, size=n)
        weights[rng.uniform(size=n) < 0.2] = 0.0
        assume(weights.any())
    kind = draw(st.sampled_from(kinds))
    bandwidth = h
    if kind == "diagonal":
        bandwidth = h * 10.0 ** rng.uniform(-2, 2, size=d)
    elif kind == "full":
        A = rng.normal(size=(d, d))
        bandwidth = h**2 * (A @ A.T + 10.0 ** rng.uniform(-6, 0) * np.eye(d))
        bandwidth = 0.5 * (bandwidth + bandwidth.T)
    method = draw(st.sampled_from(["dense", "tree", "gridding", "matmul", "compensated", "auto"]))
    return samples, queries, weights, bandwidth, method


def fitted(samples, weights, bandwidth, method="auto", **parameters):
    """Fit with one thread."""
    parameters = {"rtol": RTOL, "workers": 1, **parameters}
    return parzen.KernelDensity(bandwidth, method=method, **parameters).fit(samples, sample_weight=weights)


def assert_close(actual, expected, bandwidth):
    """Two results that each keep the promise differ by twice as much at most."""
    assert_promise(actual, expected, bandwidth, 2 * RTOL)


@given(tasks(), st.sampled_from([1e-3, 1e-6, 1e-9, 1e-12]))
def test_against_50_digits(task, rtol):
    samples, queries, weights, bandwidth, method = task
    assume(method != "gridding" or rtol >= 1e-10)
    values = fitted(samples, weights, bandwidth, method, rtol=rtol).evaluate(queries, order=2)
    exact = exact_density(samples, queries, bandwidth, weights)
    assert_promise(values, exact, bandwidth, rtol)
    error = np.abs(values.log_density - exact.log_density)
    assert np.all(error <= values.error_bound + log_density_tolerance(exact.log_density, 0.0))


@given(tasks())
def test_rtol_0_against_50_digits(task):
    samples, queries, weights, bandwidth, _ = task
    values = fitted(samples, weights, bandwidth, rtol=0.0).evaluate(queries, order=2)
    assert_promise(values, exact_density(samples, queries, bandwidth, weights), bandwidth, 0.0)


@given(tasks())
def test_leave_one_out_against_50_digits(task):
    samples, _, weights, bandwidth, method = task
    assume(len(samples) > 1 and (weights is None or np.count_nonzero(weights) > 1))
    values = fitted(samples, weights, bandwidth, method).leave_one_out(order=2)
    exact = exact_density(samples, samples, bandwidth, weights, np.arange(len(samples)))
    assert_promise(values, exact, bandwidth, RTOL)


@given(tasks(), st.randoms(use_true_random=False))
def test_order_of_samples(task, random):
    samples, queries, weights, bandwidth, method = task
    order = random.sample(range(len(samples)), len(samples))
    here = fitted(samples, weights, bandwidth, method).evaluate(queries, order=2)
    there = fitted(samples[order], None if weights is None else weights[order], bandwidth, method)
    assert_close(there.evaluate(queries, order=2), here, bandwidth)


@given(tasks(), st.randoms(use_true_random=False))
def test_order_of_queries(task, random):
    samples, queries, weights, bandwidth, method = task
    order = random.sample(range(len(queries)), len(queries))
    kde = fitted(samples, weights, bandwidth, method)
    here, there = kde.evaluate(queries, order=1), kde.evaluate(queries[order], order=1)
    np.testing.assert_allclose(there.log_density, here.log_density[order], rtol=1e-14, atol=2 * RTOL)
    assert_close(kde.evaluate(queries[order][np.argsort(order)], order=1), here, bandwidth)


@given(tasks(), st.integers(-3, 20))
def test_translation(task, exponent):
    """Shifts that are exact in float64."""
    samples, queries, weights, bandwidth, method = task
    shift = 2.0**exponent
    grain = 2.0 ** (exponent - 40)
    samples, queries = (np.round(points / grain) * grain for points in (samples, queries))
    assume(np.all(samples + shift - shift == samples) and np.all(queries + shift - shift == queries))
    here = fitted(samples, weights, bandwidth, method).evaluate(queries, order=2)
    there = fitted(samples + shift, weights, bandwidth, method).evaluate(queries + shift, order=2)
    assert_close(there, here, bandwidth)


@given(tasks(kinds=("scalar", "diagonal")), st.integers(-300, 300))
def test_scaling_by_a_power_of_two(task, exponent):
    """log f(s·q; s·x, s·h) = log f(q; x, h) - d log s, gradients by 1/s."""
    samples, queries, weights, bandwidth, method = task
    s = 2.0**exponent
    here = fitted(samples, weights, bandwidth, method).evaluate(queries, order=1)
    there = fitted(samples * s, weights, np.asarray(bandwidth) * s, method).evaluate(queries * s, order=1)
    expected = here.log_density - samples.shape[1] * exponent * np.log(2.0)
    np.testing.assert_allclose(there.log_density, expected, rtol=4e-15, atol=2 * RTOL)
    size = 1 + np.max(np.abs(here.gradient * bandwidth), axis=1, keepdims=True)
    np.testing.assert_allclose(
        there.gradient * s * bandwidth / size, here.gradient * bandwidth / size, atol=4 * RTOL
    )


@given(tasks(), st.data())
def test_integer_weights_are_repetitions(task, data):
    samples, queries, _, bandwidth, method = task
    counts = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(samples), max_size=len(samples))))
    assume(counts.any())
    weighted = fitted(samples, counts, bandwidth, method).evaluate(queries, order=2)
    repeated = fitted(np.repeat(samples, counts, axis=0), None, bandwidth, method).evaluate(queries, order=2)
    assert_close(weighted, repeated, bandwidth)


@given(tasks(), st.floats(1e-200, 1e200))
def test_only_ratios_of_weights_count(task, factor):
    samples, queries, weights, bandwidth, method = task
    assume(
        weights is not None
        and weights[weights > 0].min() * factor > 1e-290
        and weights.max() * factor < 1e290
    )
    here = fitted(samples, weights, bandwidth, method).evaluate(queries, order=1)
    there = fitted(samples, weights * factor, bandwidth, method).evaluate(queries, order=1)
    assert_close(there, here, bandwidth)


@given(tasks())
def test_zero_weight_is_absence(task):
    samples, queries, weights, bandwidth, method = task
    assume(weights is not None)
    kept = weights > 0
    here = fitted(samples, weights, bandwidth, method).evaluate(queries, order=2)
    there = fitted(samples[kept], weights[kept], bandwidth, method).evaluate(queries, order=2)
    np.testing.assert_array_equal(here.log_density, there.log_density)
    np.testing.assert_array_equal(here.gradient, there.gradient)
    np.testing.assert_array_equal(here.hessian, there.hessian)


@given(tasks())
def test_lower_orders_are_the_same_numbers(task):
    samples, queries, weights, bandwidth, method = task
    kde = fitted(samples, weights, bandwidth, method)
    zero, one, two = (kde.evaluate(queries, order=order) for order in (0, 1, 2))
    tolerance = 2 * log_density_tolerance(two.log_density, RTOL)
    assert np.all(np.abs(zero.log_density - two.log_density) <= tolerance)
    assert_close(one, two, bandwidth)
    np.testing.assert_array_equal(two.hessian, two.hessian.transpose(0, 2, 1))


@given(tasks(kinds=("scalar",)), st.lists(st.floats(0.01, 100), min_size=1, max_size=4))
def test_a_sweep_is_many_evaluations(task, factors):
    samples, queries, weights, bandwidth, _ = task
    grid = bandwidth * np.array(factors)
    result = parzen.sweep(samples, queries, bandwidths=grid, sample_weight=weights)
    separate = [fitted(samples, weights, h).score_samples(queries) for h in grid]
    expected = np.mean(separate, axis=1)
    np.testing.assert_allclose(result.mean_log_density, expected, rtol=1e-14, atol=2 * RTOL)


@given(tasks(d=1, kinds=("scalar",)))
@settings(max_examples=15)
def test_density_integrates_to_one(task):
    samples, _, weights, h, method = task
    kde = fitted(samples, weights, h, method)
    centres = np.unique(samples)
    # a trapezoidal rule of step h/4 is exact to e**-300 for each Gaussian on its own
    grid = np.unique(
        np.round(np.concatenate([c + h * np.arange(-36, 36.25, 0.25) for c in centres]) / (h / 4))
    ) * (h / 4)
    gaps = np.flatnonzero(np.diff(grid) > 0.3 * h)
    pieces = np.split(grid, gaps + 1)
    total = sum(trapezoid(kde.density(piece[:, None]), piece) for piece in pieces)
    assert total == pytest.approx(1, abs=1e-8)


@given(tasks())
@settings(max_examples=15)
def test_the_oracle_differentiates_right(task):
    """Central differences of its log density in 80 digits."""
    samples, queries, weights, bandwidth, _ = task
    with mp.workdps(80):
        x, (q, *_) = ([[mpf(float(v)) for v in row] for row in points] for points in (samples, queries))
        w = [mpf(float(v)) for v in (np.ones(len(x)) if weights is None else weights)]
        ones = [mpf(1)] * len(x)  # factors
        metric = Metric(bandwidth, len(q))
        _, gradient, hessian = one_query(x, q, w, ones, metric, -1, 2)
        step = mpf(10) ** -15 / mp.sqrt(max(metric.entry(a, a) for a in range(len(q))))
        for a in range(len(q)):
            up, down = ([v + sign * step * (b == a) for b, v in enumerate(q)] for sign in (1, -1))
            above, below = (
                one_query(x, up, w, ones, metric, -1, 1),
                one_query(x, down, w, ones, metric, -1, 1),
            )
            slope = (above[0] - below[0]) / (2 * step)
            assert abs(slope - gradient[a]) <= mpf("1e-12") * (abs(gradient[a]) + 1 / step * mpf("1e-15"))
            for b in range(len(q)):
                slope = (above[1][b] - below[1][b]) / (2 * step)
                assert abs(slope - hessian[a][b]) <= mpf("1e-10") * max(
                    abs(v) for line in hessian for v in line
                )
