"""Small dimensions, where no pair can be left out, against n · m vectorised exponentials alone.

Standard normals with bandwidth 1: every pair matters. The exponentials alone (no distances, no sums by query)
are what no exact method can beat, given the same exponential on the same number of threads.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import parzen
from benchmarks.data import plain_log_density
from benchmarks.harness import Bar, Row, interleave
from parzen.kernel_sums.exp import compiled_sum, exp_nonpositive, wide_vectors
from parzen.typing import FloatArray
from parzen.validation import as_workers

_BUFFER = 512
_BARS = {2: 1.5, 8: 2.2}


@compiled_sum
def _exponentials(exponents, repeats):  # type: ignore[no-untyped-def]
    """Σ exp over a buffer in the L1 cache, ``repeats`` times."""
    wide_vectors()
    total = 0.0
    for i in range(repeats):
        lowest = i * 1e-9  # so that no pass can be left out
        for j in range(_BUFFER):
            total += exp_nonpositive(lowest - exponents[j])
    return total


def exponentials(pairs: int) -> Callable[[], object]:
    """Return a function that computes so many exponentials on as many threads as parzen uses."""
    workers = as_workers(None)
    buffer = np.random.default_rng(0).uniform(0, 30, _BUFFER)
    _exponentials(buffer, 1)

    def work() -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda _: _exponentials(buffer, pairs // _BUFFER // workers), range(workers)))

    return work


def run(quick: bool) -> list[Row]:
    """Measure d = 1 … 16, and beside scikit-learn and SciPy."""
    n = 2000 if quick else 20_000
    rows = []
    for d in (1, 2, 3, 4, 8, 16):
        samples, queries, kde = _case(n, d)
        work = exponentials(n * n)
        direct = parzen.KernelDensity(1.0, method="dense").fit(samples)

        def evaluate(kde: parzen.KernelDensity = kde, queries: FloatArray = queries) -> FloatArray:
            return kde.score_samples(queries)

        def sum_directly(kde: parzen.KernelDensity = direct, queries: FloatArray = queries) -> FloatArray:
            return kde.score_samples(queries)

        contenders = {"exponentials": work, "parzen": evaluate, "direct": sum_directly}
        timings = interleave(contenders, rounds=9, budget=20.0)
        rows.append(
            Row(
                f"n = m = {n}, d = {d}",
                {
                    "exponentials alone, s": timings.seconds("exponentials"),
                    "parzen, s": timings.seconds("parzen"),
                    "ratio": timings.ratio("parzen", "exponentials"),
                    "direct sums, s": timings.seconds("direct"),
                    "their ratio": timings.ratio("direct", "exponentials"),
                    "ratio of CPU times": timings.cpu_ratio("direct", "exponentials"),
                    "10⁹ direct pairs / s": n * n / timings.seconds("direct") / 1e9,
                },
                (Bar("their ratio", _BARS[d]),) if d in _BARS else (),
                table="bound",
            )
        )
    return rows + [_peers(n, d) for d in (2, 8)]


def _case(n: int, d: int) -> tuple[FloatArray, FloatArray, parzen.KernelDensity]:
    """Return samples, queries and a density that was found to be right (and is compiled)."""
    random = np.random.default_rng(d)
    samples, queries = random.standard_normal((n, d)), random.standard_normal((n, d))
    kde = parzen.KernelDensity(1.0).fit(samples)
    some = queries[:100]
    assert np.abs(kde.score_samples(some) - plain_log_density(samples, some, [1.0])[:, 0]).max() < 2e-9
    return samples, queries, kde


def _peers(n: int, d: int) -> Row:
    """Time scikit-learn (defaults: exact) and SciPy, once each, in full, between two of parzen's runs."""
    from scipy.stats import gaussian_kde
    from sklearn.neighbors import KernelDensity

    samples, queries, kde = _case(n, d)
    truth = plain_log_density(samples, queries[:100], [1.0])[:, 0]
    ours = interleave({"parzen": lambda: kde.score_samples(queries)}, rounds=5).seconds("parzen")
    began = time.perf_counter()
    theirs = KernelDensity(bandwidth=1.0).fit(samples).score_samples(queries)
    scikit_learn = time.perf_counter() - began
    began = time.perf_counter()
    scipy = gaussian_kde(
        samples.T, bw_method="scott"
    )  # its bandwidth is full: another density, the same work
    scipy_values = scipy.logpdf(queries.T)
    scipy_seconds = time.perf_counter() - began
    full = parzen.KernelDensity(scipy.covariance).fit(samples)
    assert np.abs(full.score_samples(queries[:100]) - scipy_values[:100]).max() < 1e-8
    again = interleave({"parzen": lambda: kde.score_samples(queries)}, rounds=5).seconds("parzen")
    ours = 0.5 * (ours + again)
    return Row(
        f"n = m = {n}, d = {d}",
        {
            "parzen, s": ours,
            "scikit-learn, s": scikit_learn,
            "SciPy, s": scipy_seconds,
            "times faster than scikit-learn": scikit_learn / ours,
            "times faster than SciPy": scipy_seconds / ours,
            "scikit-learn's largest error": float(np.abs(theirs[:100] - truth).max()),
        },
        (Bar("times faster than scikit-learn", 20, at_least=True),),
        table="peers",
    )
