"""Cross-validation: the time of each search, beside statsmodels and beside one matrix product."""

import time
import warnings
from statistics import median

import numpy as np

import parzen
from benchmarks.data import images
from benchmarks.harness import Bar, Row, interleave
from parzen.typing import FloatArray


def run(quick: bool) -> list[Row]:
    """Measure leave-one-out searches: images, a full matrix, and statsmodels' ``cv_ml``."""
    parzen.select_bandwidth(
        np.random.default_rng(0).normal(size=(50, 3)), "likelihood", kind="full"
    )  # compiles
    return [_images(quick), _full(quick), _against_statsmodels(quick)]


def _seconds(samples: FloatArray, kind: str) -> tuple[float, parzen.Bandwidth]:
    """Return the time of a search by leave-one-out likelihood, and its result."""
    began = time.perf_counter()
    bandwidth = parzen.select_bandwidth(samples, "likelihood", kind=kind)
    return time.perf_counter() - began, bandwidth


def _images(quick: bool) -> Row:
    """A scalar bandwidth for 10 000 images, in matrix products of the same shapes."""
    samples, queries, name = images()
    sizes = slice(500 if quick else 10_000)
    samples, queries = samples[sizes], queries[sizes]
    product = np.empty((len(queries), len(samples)))
    _seconds(samples[:200], "scalar")
    found: list[parzen.Bandwidth] = []
    timings = interleave(
        {
            "matmul": lambda: np.matmul(queries, samples.T, out=product),
            "search": lambda: found.append(_seconds(samples, "scalar")[1]),
        },
        rounds=3,
    )
    return Row(
        f"{name}, {len(samples)} × {samples.shape[1]}, scalar",
        {
            "parzen, s": timings.seconds("search"),
            "numpy.matmul, s": timings.seconds("matmul"),
            "in matrix products": timings.ratio("search", "matmul"),
            "bandwidth": float(found[0]),
        },
        (Bar("in matrix products", 6.0),),
    )


def _full(quick: bool) -> Row:
    """A full matrix for two correlated clusters in ten dimensions."""
    random = np.random.default_rng(0)
    samples = random.normal(size=(500 if quick else 5000, 10)) @ random.normal(size=(10, 10))
    samples[::2] += 3.0
    return Row(
        f"two clusters, {len(samples)} × 10, full",
        {"parzen, s": _seconds(samples, "full")[0]},
        (Bar("parzen, s", 20.0),),
    )


def _against_statsmodels(quick: bool) -> Row:
    """The same objective, statsmodels' own, at both answers."""
    import statsmodels.api as sm

    random = np.random.default_rng(0)
    samples = random.normal(size=(200 if quick else 2000, 2))
    samples[::3] = 0.3 * samples[::3] + 3.0
    _seconds(samples[:100], "diagonal")
    found: list[parzen.Bandwidth] = []
    peers: list[sm.nonparametric.KDEMultivariate] = []

    def theirs() -> None:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            peers.append(sm.nonparametric.KDEMultivariate(samples, "cc", bw="cv_ml"))

    # the minute that they take is not one moment: ours runs before and after
    contenders = {f"parzen {i}": lambda: found.append(_seconds(samples, "diagonal")[1]) for i in range(5)}
    timings = interleave({**contenders, "theirs": theirs}, rounds=1)
    after = interleave(contenders, rounds=1)
    wall, cpu = (
        median(
            run[0]
            for kept in (timings, after)
            for name, run in getattr(kept, kind).items()
            if name != "theirs"
        )
        for kind in ("wall", "cpu")
    )
    bandwidth, peer = found[0], peers[0]
    values = [
        -peer.loo_likelihood(np.asarray(h), func=np.log) / len(samples) for h in (bandwidth.value, peer.bw)
    ]
    assert values[0] >= values[1] - 1e-12, values
    return Row(
        f"two clusters, {len(samples)} × 2, diagonal",
        {
            "parzen, s": wall,
            "statsmodels cv_ml, s": timings.seconds("theirs"),
            "times faster": timings.seconds("theirs") / wall,
            "in CPU seconds": timings.cpu["theirs"][0] / cpu,
            "objective above theirs, nats a sample": values[0] - values[1],
        },
        (Bar("times faster", 100.0, at_least=True),),
    )
