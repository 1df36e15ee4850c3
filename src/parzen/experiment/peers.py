"""The same log densities from other packages, and from the definition, on a subset.

Each peer is asked for what parzen computed: the density of the samples with Gaussian kernels of one
bandwidth, through its public interface and with its default accuracy. What it answers is held against
`plain_log_density`, the sum written down as it stands in the definition. Nobody is spared: a peer that is
right or faster shows as such, and so does parzen, whose own error and time stand in the first row.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

import parzen
from parzen.experiment.wording import power
from parzen.typing import FloatArray

__all__ = ["PEERS", "PeerCheck", "check", "count", "plain_log_density"]

#: Pairs times features that the plain sum does in about two seconds; it bounds the subset.
_PLAIN_BUDGET = 8e8
_MOST_SAMPLES = 1000
#: Two values "agree" when they differ by less than this, in nats.
_AGREES = 1e-6


@dataclass(frozen=True)
class PeerCheck:
    """One row of ``peers.csv``; None stands where there is no number, or the peer is not installed."""

    peer: str
    version: str | None
    bandwidth: float
    n_train: int
    n_queries: int
    mean_log_density: float | None
    truth: float | None
    worst_error: float | None
    seconds: float | None
    parzen_seconds: float | None
    note: str

    @property
    def agrees(self) -> bool:
        """Whether every value is right to a millionth of a nat."""
        return self.worst_error is not None and self.worst_error < _AGREES


@dataclass(frozen=True)
class _Peer:
    """How to ask one estimator: ``ask(X, Q, bandwidth)`` returns log densities, shape (m,)."""

    title: str
    package: str
    most_queries: int
    ask: Callable[[FloatArray, FloatArray, float], FloatArray]
    data_shaped: bool = False  # its kernels have the covariance of the data, times bandwidth²


def plain_log_density(samples: FloatArray, queries: FloatArray, bandwidth: float) -> FloatArray:
    """Sum the definition, one query at a time: log f(q) = log (1/n) Σⱼ N(q; xⱼ, σ² I).

    Parameters
    ----------
    samples, queries : ndarray of shape (n, d) and (m, d)
        Rows are points.
    bandwidth : float
        σ > 0, in the units of the data.

    Returns
    -------
    ndarray of shape (m,)
        Log densities, in nats.

    Examples
    --------
    >>> plain_log_density(np.zeros((1, 1)), np.zeros((1, 1)), 1.0)  # -½ log 2π
    array([-0.91893853])
    """
    n, d = samples.shape
    result = np.empty(len(queries))
    for i, query in enumerate(queries):
        exponents = -0.5 * np.sum(((query - samples) / bandwidth) ** 2, axis=1)
        largest = exponents.max()
        result[i] = largest + np.log(np.sum(np.exp(exponents - largest)))
    result -= math.log(n) + d * math.log(bandwidth) + d / 2 * math.log(2 * math.pi)
    return result


def check(
    samples: FloatArray, queries: FloatArray, bandwidth: float, names: tuple[str, ...]
) -> Iterator[PeerCheck]:
    """Ask parzen and the named peers for the log densities of a subset, one row after the other.

    Parameters
    ----------
    samples, queries : ndarray of shape (n, d) and (m, d)
        The first 1000 rows of each are used, fewer queries where d is so large that the plain sum would take
        more than about two seconds, and fewer still for peers that are slow.
    bandwidth : float
        σ > 0, in the units of the data.
    names : tuple of str
        Out of `PEERS`.

    Yields
    ------
    PeerCheck
        parzen's first, then one for each way that a peer offers.
    """
    samples = samples[:_MOST_SAMPLES]
    queries = queries[: max(1, min(_MOST_SAMPLES, int(_PLAIN_BUDGET / samples.size)))]
    truth = plain_log_density(samples, queries, bandwidth)
    yield _compare(_Peer("parzen", "parzen", len(queries), _ask_parzen), samples, queries, bandwidth, truth)
    for name in names:
        for peer in _PEERS[name]:
            some = queries[: peer.most_queries]
            yield _compare(peer, samples, some, bandwidth, truth[: len(some)])


def count(names: tuple[str, ...]) -> int:
    """Return how many rows `check` will yield."""
    return 1 + sum(len(_PEERS[name]) for name in names)


def _compare(
    peer: _Peer, samples: FloatArray, queries: FloatArray, bandwidth: float, truth: FloatArray
) -> PeerCheck:
    """Ask one peer and write down what it said, how wrong that is, and how long it took."""
    _, parzen_seconds = _timed(lambda: _ask_parzen(samples, queries, bandwidth))
    values, seconds, release = None, None, None
    try:
        release = parzen.__version__ if peer.package == "parzen" else version(peer.package)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            values, seconds = _timed(lambda: peer.ask(samples, queries, bandwidth))
    except ImportError:
        release = None
        note = f"not installed: pip install {peer.package}"
    except Exception as error:  # whatever a peer raises is its answer
        note = f"refuses ({type(error).__name__}): {_first_sentence(error)}"
    else:
        note = ""
        if peer.data_shaped:
            note = "its kernels have the shape of the data's covariance, and so has the truth beside it; "
            truth = _data_shaped_truth(samples, queries, bandwidth)
        note += _verdict(values, truth)
    if peer.package == "parzen":
        parzen_seconds = seconds or parzen_seconds  # one time for one thing
    return PeerCheck(
        peer=peer.title,
        version=release,
        bandwidth=bandwidth,
        n_train=len(samples),
        n_queries=len(queries),
        mean_log_density=None if values is None else _mean(values),
        truth=None if release is None else float(truth.mean()),
        worst_error=None if values is None else _worst(values, truth),
        seconds=seconds,
        parzen_seconds=None if release is None else parzen_seconds,
        note=note,
    )


def _timed(call: Callable[[], FloatArray]) -> tuple[FloatArray, float]:
    """Run a call up to three times while that takes less than a second; return its values and best time."""
    times: list[float] = []
    while len(times) < 3 and sum(times) < 1.0:
        start = time.perf_counter()
        values = np.asarray(call(), dtype=np.float64)
        times.append(time.perf_counter() - start)
    return values, min(times)


def _verdict(values: FloatArray, truth: FloatArray) -> str:
    """Say in words how good the values are."""
    lost = int(np.sum(~np.isfinite(values)))
    if lost:
        return f"{lost} of {len(values)} values are not finite"
    worst = _worst(values, truth)
    if worst < _AGREES:
        return f"agrees to {power(worst)} nats" if worst > 0 else "agrees exactly"
    return f"off by up to {power(worst)} nats"


def _worst(values: FloatArray, truth: FloatArray) -> float:
    """Return the largest error in nats; infinite where a value is not finite, or nothing is true."""
    with np.errstate(all="ignore"):
        return float(np.max(np.where(np.isfinite(values - truth), np.abs(values - truth), np.inf)))


def _mean(values: FloatArray) -> float:
    """Return the mean, NaN and infinities included, without a warning."""
    with np.errstate(all="ignore"):
        return float(np.mean(values))


def _first_sentence(error: Exception) -> str:
    """Return the first sentence of what an error says, on one line."""
    return " ".join(str(error).split()).split(". ")[0].rstrip(".") or "no message"


def _data_shaped_truth(samples: FloatArray, queries: FloatArray, factor: float) -> FloatArray:
    """Sum the definition with kernels of covariance factor² · cov(samples), by whitening."""
    variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(samples, rowvar=False)))
    if variances[0] <= 0:  # singular to rounding: there is no such density
        return np.full(len(queries), np.nan)
    centre, scale = samples.mean(axis=0), np.sqrt(variances)
    white_samples, white_queries = ((rows - centre) @ axes / scale for rows in (samples, queries))
    values = plain_log_density(white_samples, white_queries, factor)
    values -= math.fsum(np.log(scale))
    return values


def _ask_parzen(samples: FloatArray, queries: FloatArray, bandwidth: float) -> FloatArray:
    """Ask parzen, with its default settings."""
    return (
        parzen.KernelDensity(bandwidth=bandwidth).fit(samples).evaluate(queries, progress=False).log_density
    )


def _ask_sklearn(samples: FloatArray, queries: FloatArray, bandwidth: float) -> FloatArray:
    """Ask scikit-learn, with its default settings."""
    from sklearn.neighbors import KernelDensity

    return np.asarray(KernelDensity(bandwidth=bandwidth).fit(samples).score_samples(queries))


def _ask_scipy(samples: FloatArray, queries: FloatArray, bandwidth: float) -> FloatArray:
    """Ask SciPy: its bandwidth is a factor on the data's standard deviations."""
    from scipy.stats import gaussian_kde

    return np.asarray(gaussian_kde(samples.T, bw_method=bandwidth).logpdf(queries.T))


def _ask_statsmodels(samples: FloatArray, queries: FloatArray, bandwidth: float) -> FloatArray:
    """Ask statsmodels, which knows densities only: their logarithm is taken here."""
    from statsmodels.nonparametric.kernel_density import KDEMultivariate

    d = samples.shape[1]
    density = KDEMultivariate(samples, var_type="c" * d, bw=np.full(d, bandwidth)).pdf(queries)
    return np.asarray(np.log(density))


def _ask_kdepy_naive(samples: FloatArray, queries: FloatArray, bandwidth: float) -> FloatArray:
    """Ask KDEpy's exact estimator, which knows densities only."""
    from KDEpy import NaiveKDE

    return np.asarray(np.log(NaiveKDE(kernel="gaussian", bw=bandwidth).fit(samples).evaluate(queries)))


def _ask_kdepy_tree(samples: FloatArray, queries: FloatArray, bandwidth: float) -> FloatArray:
    """Ask KDEpy's tree estimator, which knows densities only."""
    from KDEpy import TreeKDE

    return np.asarray(np.log(TreeKDE(kernel="gaussian", bw=bandwidth).fit(samples).evaluate(queries)))


#: Name for ``--check-against`` -> the ways to ask that package. A new peer is a function above and a row here.
_PEERS = {
    "sklearn": (_Peer("scikit-learn", "scikit-learn", 1000, _ask_sklearn),),
    "scipy": (_Peer("SciPy", "scipy", 1000, _ask_scipy, data_shaped=True),),
    "statsmodels": (_Peer("statsmodels", "statsmodels", 100, _ask_statsmodels),),
    "kdepy": (
        _Peer("KDEpy NaiveKDE", "KDEpy", 100, _ask_kdepy_naive),
        _Peer("KDEpy TreeKDE", "KDEpy", 100, _ask_kdepy_tree),
    ),
}

#: The peers that `check` knows, by name.
PEERS = tuple(_PEERS)
