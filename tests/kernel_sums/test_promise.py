"""Hypothesis looks for a task on which a method breaks the promise of docs/architecture.md.

About a minute as it stands. A longer hunt, with other examples each time: ``PARZEN_HUNT=20000 pytest <this file>``.
"""

import os
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from parzen.bandwidth.matrix import as_scale
from parzen.density.model import Model
from parzen.errors import AccuracyError
from parzen.kernel_sums import Request, compensated
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.kernel_sums.plan import METHODS
from reference.exact import exact_density
from tolerances import DERIVATIVE_FLOOR, assert_promise, log_density_tolerance

HUNT = int(os.environ.get("PARZEN_HUNT", "0"))

hunting = settings(
    max_examples=HUNT or 400,
    derandomize=not HUNT,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)


@dataclass(frozen=True, eq=False)
class Task:
    """Everything that an evaluation is made of."""

    samples: np.ndarray
    queries: np.ndarray
    weights: np.ndarray | None
    bandwidth: object
    factors: np.ndarray  # further bandwidths, as multiples
    leave_one_out: bool
    order: int
    radial: bool
    rtol: float
    method: str
    memory_limit: int
    workers: int
    own_factors: np.ndarray | None = None  # of each sample's bandwidth

    def evaluate(self, **changes):
        """Evaluate, with some of the request changed."""
        scale = as_scale(self.bandwidth, self.samples.shape[1])
        model = Model.of(self.samples, self.weights, scale)
        if self.own_factors is not None:
            kept = slice(None) if model.index is None else model.index >= 0
            model = replace(model, factors=self.own_factors[kept])
        own = None
        if self.leave_one_out:
            own = np.arange(len(self.samples)) if model.index is None else model.index
            own = own[: len(self.queries)]
        request = Request(
            scales=scale.kernel_scale / self.factors**2,
            order=self.order,
            radial=self.radial,
            rtol=self.rtol,
            own=own,
            workers=self.workers,
            memory_limit=self.memory_limit,
            method=self.method,
        ).replace(**changes)
        if request.method != "auto":
            assume(not METHODS[request.method].refuses(model.sources, model.points(self.queries), request))
        return model.evaluate(self.queries, request)

    @property
    def scales(self):
        """1/h² of each bandwidth, whitened."""
        return as_scale(self.bandwidth, self.samples.shape[1]).kernel_scale / self.factors**2


def make_samples(rng, shape, n, d):
    """Return samples whose features are about 1 in size."""
    normal = rng.standard_normal((n, d))
    if shape == "blobs":
        centres = rng.uniform(-1, 1, size=(5, d)) * 10.0 ** rng.integers(0, 4)
        return centres[rng.integers(0, 5, size=n)] + normal
    if shape == "lattice":
        return rng.integers(-128, 129, size=(n, d)) * 2.0 ** rng.integers(-8, 2)
    if shape == "few values":
        return rng.integers(0, 4, size=(n, d)).astype(float)
    if shape == "heavy tails":
        return rng.standard_t(rng.choice([1.0, 2.0, 4.0]), size=(n, d))
    if shape == "outliers":
        normal[: max(1, n // 500)] *= 10.0 ** rng.uniform(2, 8)
        return normal
    if shape == "ridge":
        return normal * ([1.0] + [10.0 ** -rng.integers(1, 9)] * (d - 1))
    if shape == "constant feature":
        normal[:, rng.integers(d)] = 0.1
        return normal
    if shape == "far clusters":
        return normal + 10.0 ** rng.integers(1, 9) * rng.integers(0, 3, size=(n, 1))
    if shape == "sorted":
        return np.sort(normal, axis=0)
    if shape == "uniform":
        return rng.uniform(-1, 1, size=(n, d))
    raise ValueError(shape)


SHAPES = (
    "blobs", "lattice", "few values", "heavy tails", "outliers", "ridge", "constant feature", "far clusters",
    "sorted", "uniform",
)  # fmt: skip


def make_weights(rng, kind, samples):
    """Return weights, some of them in space."""
    n = len(samples)
    if kind == "none":
        return None
    if kind == "in space":  # one side counts for nothing beside the other
        weights = np.where(samples[:, 0] > np.median(samples[:, 0]), 1.0, 10.0 ** -rng.uniform(1, 30))
    elif kind == "tiny":
        weights = 10.0 ** rng.uniform(-300, 0, size=n)
    else:
        weights = rng.random(n) ** rng.integers(1, 20)
    if kind == "zeros":
        weights[rng.random(n) < 0.4] = 0.0
    return weights


def make_queries(rng, kinds, m, samples, h):
    """Return queries of several kinds, in any order."""
    n, d = samples.shape
    parts = []
    for kind in kinds:
        base = samples[rng.integers(n, size=m)]
        step = rng.standard_normal((m, d))
        step /= np.linalg.norm(step, axis=1, keepdims=True)
        if kind == "near":
            base = base + h * rng.standard_normal((m, d))
        elif kind == "tail":
            base = base + h * step * rng.uniform(2, 40, size=(m, 1))
        elif kind == "far":
            base = base + h * step * 10.0 ** rng.uniform(1, 8, size=(m, 1))
        elif kind == "between":
            base = base + rng.random((m, 1)) * (samples[rng.integers(n, size=m)] - base)
        elif kind == "edge":
            base = np.where(rng.random((m, d)) < 0.5, samples.min(axis=0), samples.max(axis=0)) + h * step * 8
        elif kind == "equal":
            base = np.repeat(base[:1], m, axis=0)
        parts.append(base)
    queries = np.vstack(parts)
    return queries[rng.permutation(len(queries))]


def make_factors(rng, kind, samples):
    """Return factors of the samples' bandwidths, some of them in space."""
    n = len(samples)
    if kind == "in space":
        return np.where(samples[:, 0] > np.median(samples[:, 0]), 1.0, 10.0 ** rng.uniform(-3, 3))
    if kind == "one odd":
        factors = np.ones(n)
        factors[rng.integers(n)] = 10.0 ** rng.uniform(-6, 6)
        return factors
    return 10.0 ** (rng.uniform(-1, 1, size=n) * rng.choice([0.01, 0.3, 1.0, 3.0]))


@st.composite
def tasks(
    draw, largest=3000, rtols=(1e-3, 1e-4, 1e-6, 1e-9, 1e-10, 1e-13), dimensions=(1, 2, 3, 4), adaptive=False
):
    """A task; arrays come from a seed, everything that can be named is drawn."""
    d = draw(st.sampled_from(dimensions))
    n = draw(st.one_of(st.integers(1, min(40, largest)), st.integers(1, largest)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples = make_samples(rng, draw(st.sampled_from(SHAPES)), n, d)
    h = 10.0 ** draw(st.sampled_from([-3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 3]))
    weights = make_weights(
        rng, draw(st.sampled_from(["none", "none", "powers", "zeros", "tiny", "in space"])), samples
    )
    assume(weights is None or weights.any())
    leave_one_out = draw(st.sampled_from([False, False, True]))
    kinds = draw(
        st.lists(
            st.sampled_from(["at", "near", "tail", "far", "between", "edge", "equal"]), min_size=1, max_size=4
        )
    )
    m = draw(st.sampled_from([1, 3, 20, 150]))
    queries = make_queries(rng, kinds, m, samples, h)
    unit = 10.0 ** draw(st.sampled_from([0, 0, -12, 12]))
    offset = draw(st.sampled_from([0.0, 0.0, 1.0, 1e4, 1e9]))
    kind = draw(st.sampled_from(["scalar", "scalar", "diagonal", "full"]))
    bandwidth = h * unit
    if kind == "diagonal":
        bandwidth = h * unit * 10.0 ** rng.uniform(-1, 1, size=d)
    elif kind == "full":
        A = rng.normal(size=(d, d))
        bandwidth = (h * unit) ** 2 * (A @ A.T + 10.0 ** rng.uniform(-6, 0) * np.eye(d))
        bandwidth = 0.5 * (bandwidth + bandwidth.T)
    samples, queries = (samples + offset) * unit, (queries + offset) * unit
    if leave_one_out:
        assume(n > 1 and (weights is None or np.count_nonzero(weights) > 1))
        queries = samples[:300]
    own_factors, methods = None, ["auto", "gridding", "gridding", *METHODS]
    if adaptive:
        own_factors = make_factors(
            rng, draw(st.sampled_from(["powers", "powers", "in space", "one odd"])), samples
        )
        methods = [name for name in ("auto", *METHODS) if name != "gridding"]
    factors = draw(st.sampled_from([(1.0,), (1.0,), (1.0, 3.0), (1.0, 1.1, 30.0), (1.0, 1e6)]))
    return Task(
        samples, queries, weights, bandwidth, np.array(factors), leave_one_out,
        draw(st.sampled_from([0, 0, 1, 2])), draw(st.sampled_from([False, False, True])),
        draw(st.sampled_from(rtols)), draw(st.sampled_from(methods)), draw(st.sampled_from([2**20, 2**30])),
        draw(st.sampled_from([1, 2])), own_factors,
    )  # fmt: skip


def check(task):
    """Compare with double-double arithmetic, in bandwidths."""
    try:
        want = task.evaluate(method="compensated", rtol=0.0, memory_limit=2**30)
    except AccuracyError:
        assume(False)
    try:
        got = task.evaluate()
    except AccuracyError:
        return  # a clear error is no broken promise
    compare(got, want, task)


def compare(got, want, task):
    """Check values, gradients and Hessians of every query at every bandwidth, and the bound that came with them."""
    error = np.abs(got.sums.log_sum - want.sums.log_sum)
    rounding = log_density_tolerance(want.sums.log_sum, 0.0)
    with np.errstate(invalid="ignore"):
        error = np.where(got.sums.log_sum == want.sums.log_sum, 0.0, error)
        worst = np.unravel_index(
            np.argmax(np.nan_to_num(error / (task.rtol + rounding), nan=np.inf)), error.shape
        )
    told = f"{got.plan.method}, query {worst}: {got.sums.log_sum[worst]!r} for {want.sums.log_sum[worst]!r}"
    assert np.all(error <= task.rtol + rounding), f"log density off by {error[worst]:.3g}; {told}"
    assert np.all(error <= got.error_bound + rounding), (
        f"error bound {got.error_bound[worst]:.3g} for {error[worst]:.3g}; {told}"
    )
    # derivatives of a double-double oracle are as good as the floor says
    allowed = max(task.rtol, 10.0 * DERIVATIVE_FLOOR)
    root = np.sqrt(task.scales)
    if task.order > 0:
        exact = root[:, None] * want.sums.mean
        size = np.linalg.norm(exact, axis=2)
        off = np.linalg.norm(root[:, None] * got.sums.mean - exact, axis=2) / (1.0 + size)
        assert np.all(off <= allowed), (
            f"gradient off by {off.max():.3g} at {np.argmax(off)}; {got.plan.method}"
        )
    if task.order > 1:
        eye = np.eye(task.samples.shape[1])

        def hessian(sums):
            return task.scales[:, None, None] * sums.covariance - sums.mean_precision[..., None, None] * eye

        exact = hessian(want.sums)
        size = np.linalg.norm(exact, axis=(2, 3))
        off = np.linalg.norm(hessian(got.sums) - exact, axis=(2, 3)) / (1.0 + size)
        assert np.all(off <= allowed), (
            f"Hessian off by {off.max():.3g} at {np.argmax(off)}; {got.plan.method}"
        )


@given(tasks())
@hunting
def test_every_method_keeps_the_promise(task):
    check(task)


@given(tasks(dimensions=(1, 2), rtols=(1e-3, 1e-9), adaptive=True))
@settings(hunting, max_examples=HUNT or 150)
def test_every_method_keeps_the_promise_with_bandwidth_factors(task):
    """Few dimensions and promises: each is compiled."""
    check(task)


@given(tasks(largest=30, rtols=(0.0,)))
@settings(hunting, max_examples=HUNT // 4 or 60)
def test_double_double_against_mpmath(task):
    check_against_mpmath(task)


@given(tasks(largest=30, rtols=(0.0,), adaptive=True))
@settings(hunting, max_examples=HUNT // 4 or 60)
def test_double_double_against_mpmath_with_bandwidth_factors(task):
    check_against_mpmath(task)


def check_against_mpmath(task):
    """Compare three queries, or the samples: 60 digits take their time."""
    import parzen

    samples, queries = task.samples, task.samples if task.leave_one_out else task.queries[:3]
    kde = parzen.KernelDensity(task.bandwidth, adaptive=task.own_factors, rtol=0.0, workers=1)
    kde.fit(samples, sample_weight=task.weights)
    try:
        values = kde.leave_one_out(order=2) if task.leave_one_out else kde.evaluate(queries, order=2)
    except AccuracyError:
        return
    own = np.arange(len(samples)) if task.leave_one_out else None
    exact = exact_density(samples, queries, task.bandwidth, task.weights, own, 2, 100, task.own_factors)
    L = np.linalg.cholesky(task.bandwidth) if np.ndim(task.bandwidth) == 2 else np.diag(np.broadcast_to(task.bandwidth, samples.shape[1]))  # fmt: skip
    distances = np.linalg.norm((queries[:, None] - samples) @ np.linalg.inv(L).T, axis=-1)
    assert_promise(values, exact, task.bandwidth, 0.0, np.sqrt(distances.max(axis=1) ** 2 + 80.0))


@pytest.mark.parametrize("method", ["dense", "matmul"])
@pytest.mark.parametrize("order", [0, 1])
def test_tiles_that_come_ever_nearer(method, order):
    """Each makes the sum so far shrink; with a short polynomial thousands of them were off by 1.4e-4 at 1e-4."""
    import parzen

    x = 5.0 - 0.02 * np.arange(512 * 4000)[:, None] / (512 * 4000)
    exact = np.log(np.mean(np.exp(-0.5 * x**2 + 12.0))) - 12.0 - 0.5 * np.log(2.0 * np.pi)
    got = parzen.KernelDensity(method=method, rtol=1e-4).fit(x).evaluate([[0.0]], order=order)
    error = abs(got.log_density[0] - exact)
    assert error <= 1e-6
    assert error <= got.error_bound


@pytest.mark.parametrize("d", [1, 2])
def test_a_query_in_the_void(d):
    """Few among many queries, in empty space: once they got an image of the samples, 1e5 nats too much."""
    import parzen

    rng = np.random.default_rng(1)
    X = np.vstack([rng.standard_normal((3000, d)), np.full((1, d), 1e6)])
    Q = rng.standard_normal((1001, d))
    Q[77], Q[78] = 30.0, 25.0  # no spots
    got = parzen.KernelDensity(0.05, method="gridding").fit(X).score_samples(Q)
    want = parzen.KernelDensity(0.05, method="dense").fit(X).score_samples(Q)
    np.testing.assert_allclose(got, want, rtol=4e-15, atol=2e-9)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_a_number_is_never_minus_infinity(order, bad):
    """The compiled loops pass over it: a log density of -inf would look like a far tail."""
    model = Model.of(np.array([[0.0], [1.0]]), None, as_scale(1.0, 1))
    request = Request(scales=np.array([1.0]), order=order, rtol=0.0)
    queries = DoubleDouble(np.array([[0.5], [bad]]), np.array([[0.0], [bad]]))
    with np.errstate(all="ignore"):  # as in a run
        sums = compensated.accumulate(
            model.sources, queries, np.array([-1, -1]), request, np.inf, lambda done: None
        )
    assert np.isfinite(sums.log_sum[0, 0])
    assert np.isnan(sums.log_sum[1, 0])


def test_what_the_normaliser_leaves_of_log_s_is_exact_too():
    """Found by a hunt: log S = -58 and log h² = -60, whose own last digits are those of a log density of 0.3."""
    cells = [
        *((1, 1), (1, 0), (0, 0), (3, 0), (1, 0), (2, 0), (3, 3), (0, 2), (2, 2)),
        *((3, 0), (3, 2), (2, 1), (2, 3), (2, 1), (3, 3)),
    ]
    samples = 1e-12 * np.array(cells, dtype=float)
    weights = np.zeros(15)
    weights[:9] = (
        *(6.79873910e-02, 4.49367957e-10, 2.24398815e-03, 1.04814849e-04, 9.00126472e-12, 3.83056208e-05),
        *(1.61001757e-01, 1.63061554e-04, 8.66189813e-03),
    )
    import parzen

    kde = parzen.KernelDensity(1e-13, rtol=0.0).fit(samples, sample_weight=weights)
    exact = exact_density(samples, samples, 1e-13, weights, np.arange(15), 0, 60).log_density
    for order in (0, 2):
        error = np.abs(kde.leave_one_out(order=order).log_density - exact)
        assert np.all(error <= 2.0 * np.spacing(np.abs(exact)) + 1e-15)


@pytest.mark.parametrize("method", ["auto", "dense", "tree"])
def test_exponents_beyond_whole_nats_are_never_plus_infinity(method):
    """The exponential of a positive rounding error of 1e17 nats was inf, and so was the log density."""
    import parzen

    kde = parzen.KernelDensity(1.0, method=method).fit([[0.0], [1.0]])
    found = kde.evaluate([[6.969657402938803e16]])
    assert found.n_repaired == 1
    np.testing.assert_allclose(found.log_density, -2.42880622e33, rtol=1e-8)


@pytest.mark.parametrize("rtol", [1e-9, 0.0])
@pytest.mark.parametrize(
    ("X", "q", "gradient"),
    [
        ([[0.0], [1.0], [3e76]], [1e61], [-1e61]),
        ([[0.0], [1.0], [3e77]], [1e61], [-1e61]),
        ([[0.0, 1.0], [0.0, 3.0]], [1e162, 0.0], [-1e162, 1.0 + 2.0 / (1.0 + np.exp(4.0))]),
    ],
)
def test_far_queries_see_samples_unrounded(X, q, gradient, rtol):
    """About the samples' centre, or as squares of small coordinates, they were not what they are."""
    import parzen

    found = parzen.KernelDensity(1.0, rtol=rtol).fit(X).evaluate([q], order=1)
    np.testing.assert_allclose(found.gradient[0], gradient, rtol=1e-9)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(found.log_density[0], -0.5 * np.square(q[0]), rtol=1e-9)


def test_derivatives_are_right_or_refused_far_out():
    """Once (-3e100, -2e100): two samples are equally far, and rounding chose one of them."""
    import parzen

    X, q = [[0.0, 1e100], [1e100, 0.0], [0.3e100, 0.1e100]], [[3e100, 3e100]]
    found = parzen.KernelDensity(1.0).fit(X).evaluate(q, order=1)
    np.testing.assert_allclose(found.gradient, [[-2.5e100, -2.5e100]], rtol=1e-9)
    # most samples elsewhere: seen from there, the digits that tell the two apart are lost
    crowd = 1e101 * np.linspace(1.0, 1.1, 9)[:, None] * np.array([1.0, 1.01])
    with pytest.raises(AccuracyError, match="tell the samples apart"):
        parzen.KernelDensity(1.0).fit(np.vstack([X, crowd])).evaluate(q, order=1)
