"""The estimator as scikit-learn's citizen, and as a neighbour to threads, signals, memory and the caller's arrays."""

import copy
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_info

import parzen
from parzen.kernel_sums.plan import METHODS
from reference_density import reference_density
from tolerances import assert_promise


def same(first, second):
    """Bit for bit."""
    np.testing.assert_array_equal(first.log_density, second.log_density)
    np.testing.assert_array_equal(first.gradient, second.gradient)
    np.testing.assert_array_equal(first.hessian, second.hessian)


def test_check_estimator():
    """No expected failures."""
    check_estimator(parzen.KernelDensity(), on_skip=None)  # one is skipped: it needs SCIPY_ARRAY_API


def test_parameters_survive_clone():
    kde = parzen.KernelDensity(0.3, rtol=1e-6, method="dense", workers=2, memory_limit=2**21)
    assert clone(kde).get_params() == kde.get_params()
    assert clone(parzen.KernelDensity("scott")).bandwidth == "scott"
    assert repr(parzen.KernelDensity(0.3)) == "KernelDensity(bandwidth=0.3)"


def test_grid_search(rng):
    samples = rng.normal(size=(200, 2))
    search = GridSearchCV(parzen.KernelDensity(), {"bandwidth": [0.01, 0.4, 10.0]}, cv=3).fit(samples)
    assert search.best_params_ == {"bandwidth": 0.4}
    fold = samples[:67], samples[67:]  # scikit-learn's first of three folds
    expected = parzen.KernelDensity(0.4).fit(fold[1]).score(fold[0])
    assert search.cv_results_["split0_test_score"][1] == pytest.approx(expected)


def test_pipeline(rng):
    samples = rng.normal(size=(100, 2)) * [1e3, 1e-3]
    pipeline = make_pipeline(StandardScaler(), parzen.KernelDensity(0.5)).fit(samples)
    scaled = StandardScaler().fit_transform(samples)
    expected = parzen.KernelDensity(0.5).fit(scaled).score_samples(scaled[:5])
    np.testing.assert_array_equal(pipeline.score_samples(samples[:5]), expected)


def test_score_is_the_total(rng):
    samples, queries = rng.normal(size=(50, 2)), rng.normal(size=(20, 2))
    kde = parzen.KernelDensity(0.5).fit(samples)
    assert kde.score(queries) == pytest.approx(kde.score_samples(queries).sum(), rel=1e-13)
    np.testing.assert_array_equal(kde.log_density(queries), kde.score_samples(queries))
    np.testing.assert_array_equal(kde.density(queries), np.exp(kde.log_density(queries)))


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda kde: pickle.loads(pickle.dumps(kde))])
def test_pickle_and_copies(rng, copier):
    samples, queries = rng.normal(size=(3000, 3)), rng.normal(size=(20, 3))
    kde = parzen.KernelDensity("scott").fit(samples, sample_weight=rng.uniform(size=3000))
    before = len(pickle.dumps(kde))
    values = kde.evaluate(queries, order=2)
    assert len(pickle.dumps(kde)) <= before + 100  # layouts made by evaluating stay out
    assert before < 2.2 * samples.nbytes + 3000 * 16
    same(copier(kde).evaluate(queries, order=2), values)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(rng, frame):
    samples, queries = rng.normal(size=(30, 2)), rng.normal(size=(5, 2))
    names = ["first", "second"]
    kde = parzen.KernelDensity(0.5).fit(frame(dict(zip(names, samples.T, strict=True))))
    assert list(kde.feature_names_in_) == names
    values = kde.evaluate(frame(dict(zip(names, queries.T, strict=True))), order=2)
    same(values, parzen.KernelDensity(0.5).fit(samples).evaluate(queries, order=2))
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        kde.log_density(frame(dict(zip(names[::-1], queries.T, strict=True))))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int32, np.uint8, bool])
def test_other_numbers_are_upcast(rng, dtype):
    samples, queries = (rng.integers(0, 2, size=(n, 3)).astype(dtype) for n in (20, 5))
    got = parzen.KernelDensity(0.5).fit(samples).evaluate(queries, order=2)
    same(got, parzen.KernelDensity(0.5).fit(samples.astype(float)).evaluate(queries.astype(float), order=2))
    assert got.log_density.dtype == np.float64


def test_memory_layouts_do_not_matter(rng):
    samples, queries = rng.normal(size=(50, 3)), rng.normal(size=(10, 3))
    expected = parzen.KernelDensity(0.5).fit(samples).evaluate(queries, order=2)
    strided = np.repeat(samples, 2, axis=0)[::2]
    same(
        parzen.KernelDensity(0.5).fit(np.asfortranarray(samples)).evaluate(queries[::-1][::-1], order=2),
        expected,
    )
    same(parzen.KernelDensity(0.5).fit(strided).evaluate(np.asfortranarray(queries), order=2), expected)


def test_the_callers_samples_may_change_after_fit(rng):
    samples, weights, queries = rng.normal(size=(50, 2)), rng.uniform(size=50), rng.normal(size=(10, 2))
    kde = parzen.KernelDensity(0.5).fit(samples, sample_weight=weights)
    expected = (
        parzen.KernelDensity(0.5).fit(samples.copy(), sample_weight=weights.copy()).evaluate(queries, order=2)
    )
    samples[:], weights[:] = 1e6, 1.0
    same(kde.evaluate(queries, order=2), expected)
    assert samples.flags.writeable


def test_results_belong_to_the_caller(rng):
    kde = parzen.KernelDensity(0.5).fit(rng.normal(size=(50, 2)))
    queries = rng.normal(size=(10, 2))
    values = kde.evaluate(queries, order=2)
    expected = kde.evaluate(queries, order=2)
    values.log_density[:] = values.gradient[:] = 0
    values.hessian[:] = 0
    same(kde.evaluate(queries, order=2), expected)


@pytest.mark.parametrize(("n", "m", "d"), [(3000, 1500, 2), (1500, 1200, 20)])
@pytest.mark.parametrize("rtol", [1e-4, 1e-9])
def test_workers_change_nothing(rng, n, m, d, rtol):
    samples, queries, weights = rng.normal(size=(n, d)), rng.normal(size=(m, d)), rng.uniform(size=n)
    values = [
        parzen.KernelDensity(0.5, workers=workers, rtol=rtol)
        .fit(samples, sample_weight=weights)
        .evaluate(queries, order=2 if d < 5 else 1)
        for workers in (1, 2, 3)
    ]
    for other in values[1:]:
        np.testing.assert_array_equal(other.log_density, values[0].log_density)
        np.testing.assert_array_equal(other.gradient, values[0].gradient)
        assert (other.error_bound, other.n_repaired) == (values[0].error_bound, values[0].n_repaired)


@pytest.mark.parametrize(
    ("n", "d", "bandwidth"), [(5000, 1, 0.05), (5000, 2, [0.1, 0.2]), (2000, 8, 0.5), (1500, 40, 2.0)]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_many_tiles_against_numpy(rng, n, d, bandwidth, weighted):
    samples = rng.normal(size=(n, d))
    queries = np.concatenate([rng.normal(size=(20, d)), samples[:5], 10 * rng.normal(size=(5, d))])
    weights = rng.uniform(size=n) ** 4 if weighted else None
    order = 2 if d < 5 else 1
    for method in ["dense", "matmul", "compensated"] if d <= 16 else ["matmul", "compensated"]:
        kde = parzen.KernelDensity(bandwidth, method=method).fit(samples, sample_weight=weights)
        exact = reference_density(samples, queries, bandwidth, weights, order=order)
        assert_promise(kde.evaluate(queries, order=order), exact, bandwidth, 1e-9)
    if n < 3000:
        exact = reference_density(samples, samples, bandwidth, weights, leave_one_out=True, order=1)
        kde = parzen.KernelDensity(bandwidth).fit(samples, sample_weight=weights)
        assert_promise(kde.leave_one_out(order=1), exact, bandwidth, 1e-9)


def test_two_threads_share_an_estimator(rng):
    samples, queries = rng.normal(size=(2000, 20)), rng.normal(size=(600, 20))
    kde = parzen.KernelDensity(2.0, workers=2).fit(samples)
    expected = parzen.KernelDensity(2.0).fit(samples).evaluate(queries, order=1)
    before = threadpool_info()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: kde.evaluate(queries, order=1), range(6)))
    for values in results:
        np.testing.assert_array_equal(values.log_density, expected.log_density)
        np.testing.assert_array_equal(values.gradient, expected.gradient)
    assert threadpool_info() == before


def test_blas_threads_are_given_back(rng):
    before = threadpool_info()
    kde = parzen.KernelDensity(2.0).fit(rng.normal(size=(600, 20)))
    kde.log_density(rng.normal(size=(50, 20)))
    assert threadpool_info() == before

    def fail(done, total):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        kde.evaluate(np.zeros((2000, 20)), progress=fail)
    assert threadpool_info() == before


@pytest.mark.parametrize(("d", "rtol"), [(2, 1e-9), (20, 1e-9), (2, 0.0)])
def test_progress_grows_to_the_total(rng, d, rtol):
    calls = []
    kde = parzen.KernelDensity(0.5, rtol=rtol).fit(rng.normal(size=(1500, d)))
    kde.evaluate(rng.normal(size=(900, d)), order=1, progress=lambda *call: calls.append(call))
    done, total = np.array(calls).T
    assert np.all(np.diff(done) >= 0)
    assert np.all(total == total[0])
    assert done[-1] == total[-1] >= 1500 * 900
    assert done[0] >= 0


def test_progress_counts_repairs_once(rng):
    """Queries summed again must not push the count over the total."""
    calls = []
    samples = rng.normal(size=(1200, 20)) + 1e6 * np.sign(rng.normal(size=(1200, 1)))
    kde = parzen.KernelDensity(1.0).fit(samples)
    values = kde.evaluate(samples[:700], progress=lambda *call: calls.append(call))
    assert values.n_repaired == 700
    assert all(0 <= done <= total for done, total in calls)


def test_progress_is_called_from_the_callers_thread(rng):
    threads = set()
    kde = parzen.KernelDensity(0.5).fit(rng.normal(size=(1000, 2)))
    kde.evaluate(rng.normal(size=(500, 2)), progress=lambda done, total: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


INTERRUPTED = """
import sys, time
import numpy as np
import parzen
from threadpoolctl import threadpool_info
rng = np.random.default_rng(0)
method, d, order = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rtol = 0.0 if method == "compensated" else 1e-9
kde = parzen.KernelDensity(0.5, rtol=rtol, method=method).fit(rng.normal(size=(20_000, d)))
kde.evaluate(rng.normal(size=(3, d)), order=order)
before = threadpool_info()
queries = rng.normal(size=(1_000_000, d))
print("ready", flush=True)
try:
    kde.evaluate(queries, order=order)
except KeyboardInterrupt:
    assert threadpool_info() == before
    print("stopped", flush=True)
else:
    print("finished", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("method", "d", "order"),
    [("dense", 2, 2), ("tree", 8, 1), ("matmul", 100, 1), ("compensated", 3, 1)],
)
def test_ctrl_c_is_heard(method, d, order):
    """Long before the end, which is minutes away. (Within a second, but a busy machine makes no promises.)"""
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, method, str(d), str(order)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert rest == "stopped\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("n", "m", "d", "order"), [(3000, 3000, 8, 2), (3000, 3000, 50, 1), (1000, 200, 50, 2)]
)
def test_temporaries_stay_under_the_limit(rng, n, m, d, order):
    limit = 8 * 2**20
    samples, queries = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    kde = parzen.KernelDensity(0.5 * np.sqrt(d), memory_limit=limit).fit(samples)
    kde.evaluate(queries[:3], order=order)  # compiles, and keeps the layouts
    plan = kde.explain(queries, order=order)
    assert plan.temporary_bytes <= limit
    tracemalloc.start()
    values = kde.evaluate(queries, order=order)
    result = sum(
        array.nbytes for array in (values.log_density, values.gradient, values.hessian) if array is not None
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= limit + 2.5 * result + 2 * queries.nbytes  # the raw sums, and their copy in data units


def test_a_limit_below_one_query_is_an_error():
    """Or else the cap is silently passed: one query's second moments take 3 · 8 · 784² bytes = 15 MB."""
    kde = parzen.KernelDensity(memory_limit=2**20).fit(np.zeros((3, 784)))
    with pytest.raises(parzen.errors.MemoryLimitError, match="`memory_limit` must be"):
        kde.hess_log_density(np.zeros((1, 784)))


def test_results_do_not_depend_on_the_limit(rng):
    samples, queries = rng.normal(size=(2000, 3)), rng.normal(size=(700, 3))
    few, many = (
        parzen.KernelDensity(0.5, memory_limit=limit).fit(samples).evaluate(queries, order=2)
        for limit in (2**20, 2**30)
    )
    assert_promise(few, many, 0.5, 2e-9)


def test_explain(rng):
    kde = parzen.KernelDensity(0.5, workers=2).fit(rng.normal(size=(700, 2)))
    plan = kde.explain(rng.normal(size=(30, 2)), order=1)
    assert (plan.n_sources, plan.n_queries, plan.d, plan.order, plan.pairs) == (700, 30, 2, 1, 21_000)
    text = str(plan)
    assert text.startswith("log density and gradient of 30 queries under 700 samples in 2 dimensions")
    assert f"method       {plan.method}" in text
    assert "|error of log density| ≤ 1e-09" in text
    assert kde.evaluate(rng.normal(size=(30, 2)), order=1).method == plan.method
    exact = parzen.KernelDensity(0.5, rtol=0).fit(rng.normal(size=(700, 2))).explain(rng.normal(size=(30, 2)))
    assert exact.method == "compensated"
    assert "every term summed in double-double arithmetic" in str(exact)
    assert "dense refused (rtol=0 needs double-double arithmetic)" in str(exact)


def test_samples_are_drawn_from_the_density(rng):
    centres, weights = np.array([[0.0, 0.0], [10.0, -5.0]]), [1.0, 3.0]
    H = np.array([[1.0, 0.6], [0.6, 0.5]])
    kde = parzen.KernelDensity(H).fit(centres, sample_weight=weights)
    draws = kde.sample(40_000, random_state=1)
    second = draws[:, 0] > 5
    assert second.mean() == pytest.approx(0.75, abs=0.01)
    np.testing.assert_allclose(np.cov(draws[second], rowvar=False), H, atol=0.03)
    np.testing.assert_allclose(draws[~second].mean(axis=0), centres[0], atol=0.03)
    np.testing.assert_array_equal(kde.sample(5, random_state=3), kde.sample(5, random_state=3))
    assert kde.sample().shape == (1, 2)
    assert not np.array_equal(kde.sample(5, random_state=3), kde.sample(5, random_state=4))


def test_sources_of_random_numbers(rng):
    kde = parzen.KernelDensity(1e-9).fit([[0.0], [1.0], [2.0], [3.0]])
    draws = kde.sample(4000, random_state=np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(np.rint(draws[:, 0]).astype(int)) / 4000, 0.25, atol=0.03)
    np.testing.assert_array_equal(kde.sample(4000, random_state=np.random.default_rng(0)), draws)
    legacy = [kde.sample(5, random_state=seed) for seed in (3, np.random.RandomState(3))]
    np.testing.assert_array_equal(*legacy)


def test_samples_of_zero_weight_are_never_drawn():
    kde = parzen.KernelDensity(1e-9).fit([[0.0], [1.0], [2.0], [3.0]], sample_weight=[0.0, 1.0, 0.0, 1e-3])
    draws = np.round(kde.sample(20_000, random_state=0)[:, 0])
    assert set(draws) == {1.0, 3.0}


def test_parameters_of_the_promise_may_change_after_fit(rng):
    kde = parzen.KernelDensity(0.5).fit(rng.normal(size=(40, 2)))
    queries = rng.normal(size=(5, 2))
    loose = kde.evaluate(queries)
    kde.set_params(rtol=0.0, workers=1)
    tight = kde.evaluate(queries)
    assert tight.method == "compensated"
    np.testing.assert_allclose(tight.log_density, loose.log_density, rtol=0, atol=1e-9)


def test_an_evaluation_says_what_came_of_it(rng):
    kde = parzen.KernelDensity(0.1, method="gridding").fit(rng.normal(size=(20_000, 2)))
    values = kde.evaluate(rng.normal(size=(1000, 2)))
    assert "outcome" not in str(kde.explain(np.zeros((1, 2))))
    assert re.search(
        r"outcome .* s; (9\d|100)\.\d+% of the queries on the mesh, the rest directly; largest error",
        str(values.plan),
    )


#: What each method makes of the samples and keeps. Planning looks for a lattice already.
LAYOUT = {
    "dense": "tiles",
    "tree": "sorted",
    "gridding": "_gridded",
    "matmul": "coordinates",
    "compensated": "exact_tiles",
}


@pytest.mark.parametrize("method", METHODS)
def test_prepare_makes_what_the_first_evaluation_would(rng, method):
    X = rng.integers(0, 256, size=(600, 2)) / 256
    kde = parzen.KernelDensity(0.1, method=method, rtol=0 if method == "compensated" else 1e-9).fit(X)
    explained, made = kde.explain(X[:50], order=1), vars(kde._model.sources)
    assert LAYOUT.get(method) not in made
    plan = kde.prepare(X[:50], order=1)
    assert LAYOUT.get(method, "lattice") in made
    assert plan == explained or plan.method == "gridding"  # whose blocks are there now
    kept = pickle.dumps(kde)
    assert len(kept) < X.nbytes * 2 + 5000
    again, before = pickle.loads(kept).score_samples(X[:50]), kde.score_samples(X[:50])
    np.testing.assert_array_equal(again, before)


def test_the_text_of_values_is_short():
    """It was the arrays and the whole plan."""
    values = parzen.KernelDensity(1.0).fit([[0.0], [1.0]]).evaluate([[0.0], [9.0]], order=1)
    low, high = values.log_density[1], values.log_density[0]
    assert repr(values).startswith(
        f"DensityValues(log_density of 2 queries from {low:.6g} to {high:.6g}, gradient; method='"
    )
    assert len(repr(values)) < 160


def test_names_of_columns_warn_only_where_the_user_left_them_out():
    """Arrays of our own, as in `modes`, are no queries without names; each call with an array warns as scikit-learn does."""
    frame = pd.DataFrame({"a": [0.0, 1.0, 3.0], "b": [1.0, 0.0, 2.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for parameters in (
            {},
            {"bandwidth": "scott"},
            {"adaptive": "abramson"},
            {"bias_correction": "score"},
        ):
            kde = parzen.KernelDensity(**parameters).fit(frame)
            for call in (kde.modes, kde.score, kde.explain, kde.hess_log_density):
                call(frame)
            kde.modes()
            kde.sample(2)
        parzen.KernelDensity().fit(frame).leave_one_out()
        parzen.plotting.draw_density(frame, 1.0)
    for call in (kde.grad_log_density, kde.score, kde.modes, kde.explain):
        with pytest.warns(UserWarning, match="valid feature names") as found:
            call(frame.to_numpy())
        assert len(found) == 1
