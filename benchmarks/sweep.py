"""Images: 10 000 × 10 000 × 784, against one matrix product of the same shapes.

Nobody can evaluate all pairs through BLAS faster than the product itself; NumPy's own product on all cores is
the yardstick.
"""

import time

import numpy as np

import parzen
from benchmarks.data import MNIST_VALIDATION, images, plain_log_density
from benchmarks.harness import Bar, Row, interleave
from parzen.experiment.settings import BANDWIDTHS
from parzen.typing import FloatArray

#: Queries that plain NumPy checks.
_CHECKED = 20


def run(quick: bool) -> list[Row]:
    """Measure on MNIST, on random images, and beside scikit-learn."""
    samples, queries, name = images()
    sizes = slice(1000 if quick else 10_000)
    samples, queries = samples[sizes], queries[sizes]
    rows = _against_product(samples, queries, name, quick)
    if name == "MNIST":
        random = np.random.default_rng(0)
        # no pixel is the same in all of these, so that nothing can be left out of the product
        rows += _against_product(random.random(samples.shape), random.random(queries.shape), "random", quick)
    return [*rows, _against_scikit_learn(samples[:1000], queries[:1000], name)]


def _against_product(samples: FloatArray, queries: FloatArray, name: str, quick: bool) -> list[Row]:
    """Measure a sweep, one bandwidth, and one bandwidth with the gradient."""
    kde = parzen.KernelDensity(0.2).fit(samples)
    product = np.empty((len(queries), len(samples)))

    def matmul() -> None:
        np.matmul(queries, samples.T, out=product)

    def sweep() -> parzen.Sweep:
        return parzen.sweep(samples, queries, bandwidths=BANDWIDTHS, progress=False)

    def one() -> parzen.Sweep:
        return parzen.sweep(samples, queries, bandwidths=[0.2], progress=False)

    def gradient() -> parzen.DensityValues:
        return kde.evaluate(queries, order=1, progress=False)

    errors = _errors(samples, queries, sweep(), gradient(), name == "MNIST" and not quick)
    timings = interleave({"matmul": matmul, "sweep": sweep, "one": one, "gradient": gradient}, rounds=5)
    cases = (
        ("sweep", f"{name}, sweep over 8 bandwidths", (Bar("ratio", 1.4),)),
        ("one", f"{name}, 1 bandwidth", ()),
        ("gradient", f"{name}, 1 bandwidth, with the gradient", (Bar("ratio", 2.6),)),
    )
    return [
        Row(
            case,
            {
                "numpy.matmul, s": timings.seconds("matmul"),
                "parzen, s": timings.seconds(key),
                "ratio": timings.ratio(key, "matmul"),
                "ratio of CPU times": timings.cpu_ratio(key, "matmul"),
                "largest error found": errors[key],
            },
            bars,
            table="product",
        )
        for key, case, bars in cases
    ]


def _errors(
    samples: FloatArray, queries: FloatArray, sweep: parzen.Sweep, values: parzen.DensityValues, full: bool
) -> dict[str, float]:
    """Assert that everything to be timed is right; return the largest errors against plain NumPy."""
    if full:
        assert np.abs(sweep.mean_log_density - MNIST_VALIDATION).max() < 1e-3
    chosen = np.linspace(0, len(queries) - 1, _CHECKED).astype(int)
    some = queries[chosen]
    truth = plain_log_density(samples, some, BANDWIDTHS)
    swept = parzen.sweep(samples, some, bandwidths=BANDWIDTHS, progress=False).mean_log_density
    errors = {
        "sweep": float(np.abs(swept - truth.mean(axis=0)).max()),
        "one": float(np.abs(values.log_density[chosen] - truth[:, BANDWIDTHS.index(0.2)]).max()),
        "gradient": 0.0,
    }
    assert values.gradient is not None
    for query, gradient in zip(some, values.gradient[chosen], strict=True):
        u = (samples - query) / 0.2
        exponents = -0.5 * np.square(u).sum(axis=1)
        share = np.exp(exponents - exponents.max())
        error = np.linalg.norm(share @ u / share.sum() - 0.2 * gradient)
        errors["gradient"] = max(errors["gradient"], float(error / (1 + np.linalg.norm(0.2 * gradient))))
    assert max(errors.values()) < 2e-9, errors  # the promise is 1e-9; plain NumPy has errors too
    return errors


def _against_scikit_learn(samples: FloatArray, queries: FloatArray, name: str) -> Row:
    """Time 1000 × 1000 images at one bandwidth; scikit-learn's answer is off, and by how much is a figure."""
    from sklearn.neighbors import KernelDensity

    peer = KernelDensity(bandwidth=0.2).fit(samples)
    kde = parzen.KernelDensity(0.2).fit(samples)
    truth = plain_log_density(samples, queries, [0.2])[:, 0]
    ours = kde.score_samples(queries)
    assert np.abs(ours - truth).max() < 2e-9
    began = time.perf_counter()
    theirs = peer.score_samples(queries)
    seconds = time.perf_counter() - began
    timings = interleave({"parzen": lambda: kde.score_samples(queries)}, rounds=5)
    return Row(
        f"{name}, first {len(samples)} × {len(queries)}, bandwidth 0.2",
        {
            "parzen, s": timings.seconds("parzen"),
            "scikit-learn, s": seconds,
            "times faster": seconds / timings.seconds("parzen"),
            "parzen's largest error, nats": float(np.abs(ours - truth).max()),
            "scikit-learn's": float(np.abs(theirs - truth).max()),
        },
        table="scikit-learn",
    )
