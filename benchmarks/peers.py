"""The peers: seconds and largest error of every library for kernel densities, beside parzen, in one run.

As many queries as samples, the same Gaussian bandwidth for all (SciPy, which only scales the covariance of the
data, gets the truth for that). The error is the largest of log density at 200 queries, half of them the least
likely, against sums over all pairs; -inf are counted over all queries. A size that would take over 20 seconds
by the size before is not run.
"""

import importlib
import time
import warnings
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np

import parzen
from benchmarks.data import images, plain_log_density
from benchmarks.harness import Figure, Row
from benchmarks.shapes import bandwidth, checked, exact, power, promise, shape, warm
from parzen.typing import FloatArray

#: Seconds that a peer may take for one case.
_BUDGET = 20.0
#: A short case is timed so often, for the median, until it has taken so many seconds.
_REPEATS, _WORTH_REPEATING = 7, 0.5
#: Shape, dimension, sizes.
_CASES: tuple[tuple[str, int, tuple[int, ...]], ...] = (
    ("blobs", 1, (1000, 10_000, 100_000, 1_000_000)),
    ("blobs", 2, (1000, 10_000, 100_000, 1_000_000)),
    ("blobs", 3, (1000, 10_000, 100_000)),
    ("blobs", 5, (1000, 10_000)),
    ("blobs", 8, (1000, 10_000)),
    ("blobs", 16, (1000,)),
    ("blobs", 64, (1000,)),
    ("heavy tails", 2, (1000, 10_000)),
    ("ties", 2, (1000, 10_000)),
    ("outlier", 1, (1000, 10_000)),
    ("ridge", 3, (1000, 10_000)),
)
_QUICK = (("blobs", 1, (300, 1000)), ("outlier", 2, (1000,)))
#: Bandwidth of the images, which lie in the unit cube of 784 dimensions.
_IMAGES = 0.2
_CHECKED = 200


def _parzen(samples: FloatArray, queries: FloatArray, h: float) -> FloatArray:
    return parzen.KernelDensity(h).fit(samples).score_samples(queries)


def _scikit_learn(samples: FloatArray, queries: FloatArray, h: float) -> FloatArray:
    from sklearn.neighbors import KernelDensity

    return np.asarray(KernelDensity(bandwidth=h).fit(samples).score_samples(queries))


def _scikit_learn_rtol(samples: FloatArray, queries: FloatArray, h: float) -> FloatArray:
    from sklearn.neighbors import KernelDensity

    return np.asarray(KernelDensity(bandwidth=h, rtol=1e-4).fit(samples).score_samples(queries))


def _scipy(samples: FloatArray, queries: FloatArray, h: float) -> FloatArray:
    from scipy.stats import gaussian_kde

    return np.asarray(gaussian_kde(samples.T, bw_method=_scipy_factor(samples, h)).logpdf(queries.T))


def _scipy_factor(samples: FloatArray, h: float) -> float:
    """Return the factor of the data's covariance with which SciPy's kernel has about the same width."""
    return float(h / np.std(samples, axis=0, ddof=1).mean())


def _fft(samples: FloatArray, queries: FloatArray, h: float) -> FloatArray:
    """KDEpy evaluates on a grid; the queries are interpolated linearly, as its users do."""
    from KDEpy import FFTKDE
    from scipy.interpolate import RegularGridInterpolator

    d = samples.shape[1]
    points = {1: 2**14, 2: 2**9, 3: 2**7}[d]
    low = np.minimum(samples.min(axis=0), queries.min(axis=0)) - 3 * h
    high = np.maximum(samples.max(axis=0), queries.max(axis=0)) + 3 * h
    axes = [np.linspace(a, b, points) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
    values = FFTKDE(kernel="gaussian", bw=h).fit(samples).evaluate(grid)
    return np.log(RegularGridInterpolator(axes, values.reshape((points,) * d))(queries))


def _tree(samples: FloatArray, queries: FloatArray, h: float) -> FloatArray:
    from KDEpy import TreeKDE

    return np.log(TreeKDE(kernel="gaussian", bw=h).fit(samples).evaluate(queries))


def _mlpack(samples: FloatArray, queries: FloatArray, h: float) -> FloatArray:
    """Without copies, mlpack sorts the caller's arrays in place, and all that come after would see that."""
    from mlpack import kde

    found = kde(
        reference=samples, query=queries, bandwidth=h, kernel="gaussian", algorithm="dual-tree", tree="kd-tree",
        rel_error=1e-4, copy_all_inputs=True,
    )  # fmt: skip
    return np.log(found["predictions"])


def _statsmodels(samples: FloatArray, queries: FloatArray, h: float) -> FloatArray:
    from statsmodels.nonparametric.kernel_density import KDEMultivariate

    d = samples.shape[1]
    return np.log(KDEMultivariate(samples, var_type="c" * d, bw=[h] * d).pdf(queries))


def _numpy(samples: FloatArray, queries: FloatArray, h: float) -> FloatArray:
    parts = np.array_split(queries, -(-len(queries) // 500))  # so that the squares of a part fit into memory
    return np.concatenate([plain_log_density(samples, part, [h])[:, 0] for part in parts])


_Contender = Callable[[FloatArray, FloatArray, float], FloatArray]
#: Heading, module that it needs, function, and the power of n that its time is expected to grow with, set-up included.
_PEERS: tuple[tuple[str, str, _Contender, float], ...] = (
    ("parzen", "parzen", _parzen, 1.0),
    ("scikit-learn", "sklearn", _scikit_learn, 1.8),
    ("scikit-learn, rtol=1e-4", "sklearn", _scikit_learn_rtol, 1.7),
    ("SciPy", "scipy", _scipy, 1.8),
    ("KDEpy FFT", "KDEpy", _fft, 1.0),
    ("KDEpy tree", "KDEpy", _tree, 1.6),
    ("mlpack, 1e-4", "mlpack", _mlpack, 1.2),
    ("statsmodels", "statsmodels", _statsmodels, 1.8),
    ("NumPy", "numpy", _numpy, 1.8),
)


def run(quick: bool) -> Iterator[Row]:
    """Measure every case; two rows each: seconds, and errors."""
    installed = {name for name, module, _, _ in _PEERS if _is_there(module)}
    for d in sorted({d for _, d, _ in (_QUICK if quick else _CASES)}):
        warm(d)
        small = shape("blobs", 50, d)
        for name, _, contender, _ in _PEERS:  # imports, and what they compile
            if name in installed and not (name == "KDEpy FFT" and d > 3):
                _call(contender, *small, 1.0)
    for name, d, sizes in _QUICK if quick else _CASES:
        last: dict[str, tuple[int, float]] = {}  # of each peer: the size that was run, its seconds
        for n in sizes:
            samples, queries = shape(name, n, d)
            yield from _case(f"{name}, {d}-D, {power(n)}", samples, queries, bandwidth(n, d), installed, last)
    train, held_out, name = images()
    n = 100 if quick else 1000
    yield from _case(f"{name}, 784-D, {power(n)}", train[:n], held_out[:n], _IMAGES, installed, {})


def _is_there(module: str) -> bool:
    """Whether a peer can be imported."""
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _case(
    what: str,
    samples: FloatArray,
    queries: FloatArray,
    h: float,
    installed: set[str],
    last: dict[str, tuple[int, float]],
) -> Iterator[Row]:
    """Run one case through all peers; parzen first, whose answer is asserted."""
    n, d = samples.shape
    log_density = _parzen(samples, queries, h)
    chosen = checked(log_density, _CHECKED)
    truth = exact(samples, queries[chosen], h).log_density
    assert (np.abs(log_density[chosen] - truth) <= promise(truth)).all(), what
    seconds: dict[str, Figure] = {}
    errors: dict[str, Figure] = {}
    for name, _, contender, exponent in _PEERS:
        reason = ""
        size, before = last.get(name, (n, 0.0))
        if name not in installed:
            reason = "not installed"
        elif name == "KDEpy FFT" and d > 3:
            reason = "no grid"
        elif before * (n / size) ** exponent > _BUDGET:
            reason = "over 20 s"
        if reason:
            seconds[name] = reason
            errors[name] = ""
            continue
        expected = _scipy_truth(samples, queries[chosen], h) if name == "SciPy" else truth
        times: list[float] = []
        while not times or (len(times) < _REPEATS and sum(times) < _WORTH_REPEATING):
            began = time.perf_counter()
            found = _call(contender, samples, queries, h)
            times.append(time.perf_counter() - began)
        took = median(times)
        if isinstance(found, str):
            seconds[name] = errors[name] = found
            continue
        last[name] = (n, took)
        seconds[name] = took
        errors[name] = _error(found, chosen, expected)
    yield Row(what, seconds, table="seconds")
    yield Row(what, errors, table="errors")


def _call(contender: _Contender, samples: FloatArray, queries: FloatArray, h: float) -> FloatArray | str:
    """Return a peer's answer, or how it fails."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return contender(samples, queries, h)
    except Exception as error:  # whatever a peer raises is a result
        return f"{type(error).__name__}"


def _scipy_truth(samples: FloatArray, queries: FloatArray, h: float) -> FloatArray:
    """Return the log density for the covariance that SciPy takes; NaN where it is singular, which SciPy refuses."""
    covariance = _scipy_factor(samples, h) ** 2 * np.atleast_2d(np.cov(samples.T))
    try:
        return exact(samples, queries, covariance).log_density
    except parzen.errors.ParzenError:
        return np.full(len(queries), np.nan)


def _error(found: FloatArray, chosen: FloatArray, truth: FloatArray) -> str:
    """Say the largest error where the answer is finite, and how many answers are -inf or NaN."""
    error = np.abs(found[chosen] - truth)
    finite = np.isfinite(error)
    words = [f"{error[finite].max():.1e}" if finite.any() else "none finite"]
    for what, count in (("-inf", np.isneginf(found).sum()), ("NaN", np.isnan(found).sum())):
        if count:
            words.append(f"{count} {what}")
    return "; ".join(words)
