"""Score debiasing: the mean integrated squared error against n on Gaussian mixtures, and the likelihood of images.

Both densities get the best bandwidth of a grid, by the error itself on the mixtures, by validation on the images, so
that nothing depends on a rule. Slopes are those of log error against log n; theory says -4/(d+4) and -8/(d+8).
"""

import math

import numpy as np

import parzen
from benchmarks.data import images
from benchmarks.harness import Bar, Row
from parzen.typing import FloatArray

#: Two clusters of different size and width; apart along every axis.
_SHARES, _CENTRES, _WIDTHS = (0.65, 0.35), (-0.8, 1.2), (1.0, 0.6)

_SIZES = (250, 1000, 4000)

#: Multiples of the normal reference that are tried: 2^(-1.4) … 2^0.4.
_MULTIPLES = 2.0 ** np.arange(-1.4, 0.5, 0.3)


def run(quick: bool) -> list[Row]:
    """Measure errors in d = 1, 2, 5, and likelihoods of digits and MNIST."""
    sizes = _SIZES[:2] if quick else _SIZES
    return [*(_rates(d, sizes, quick) for d in (1, 2, 5)), *_images(quick)]


def _draw(random: np.random.Generator, n: int, d: int) -> FloatArray:
    """Draw from the mixture."""
    which = random.choice(2, size=n, p=_SHARES)
    return np.array(_CENTRES)[which, None] + np.array(_WIDTHS)[which, None] * random.standard_normal((n, d))


def _density(x: FloatArray) -> FloatArray:
    """Evaluate the mixture."""
    d = x.shape[1]
    total = np.zeros(len(x))
    for share, centre, width in zip(_SHARES, _CENTRES, _WIDTHS, strict=True):
        square = np.square((x - centre) / width).sum(axis=1)
        total += share * np.exp(-0.5 * square) / (width * math.sqrt(2 * math.pi)) ** d
    return total


def _rates(d: int, sizes: tuple[int, ...], quick: bool) -> Row:
    """Return the errors of both densities at every n, each at its best bandwidth, and their slopes."""
    random = np.random.default_rng(d)
    queries = _draw(random, 500 if quick else 2000, d)
    truth = _density(queries)
    errors: dict[str, list[float]] = {"plain": [], "debiased": []}
    for n in sizes:
        repetitions = 3 if quick else max(4, min(40, 16_000 // n))
        h = _MULTIPLES * (4 / ((d + 2) * n)) ** (1 / (d + 4))
        found = {name: np.zeros(len(h)) for name in errors}
        for _ in range(repetitions):
            samples = _draw(random, n, d)
            for i, bandwidth in enumerate(h):
                for name, correction, factor in (("plain", None, 1.0), ("debiased", "score", 2.0**0.8)):
                    kde = parzen.KernelDensity(bandwidth * factor, bias_correction=correction, rtol=1e-6).fit(
                        samples
                    )
                    # ∫ (f̂ - f)² as a mean over draws from f itself
                    found[name][i] += np.mean((kde.density(queries) - truth) ** 2 / truth) / repetitions
        for name, values in found.items():
            errors[name].append(float(values.min()))
    slopes = {name: float(np.polyfit(np.log(sizes), np.log(values), 1)[0]) for name, values in errors.items()}
    return Row(
        f"mixture, d = {d}, n = {sizes[0]} … {sizes[-1]}",
        {
            "plain, slope": slopes["plain"],
            "theory": -4 / (d + 4),
            "debiased, slope": slopes["debiased"],
            "theory, debiased": -8 / (d + 8),
            "error at the smallest n, plain": errors["plain"][0],
            "debiased": errors["debiased"][0],
            "error at the largest n, plain": errors["plain"][-1],
            "debiased, largest": errors["debiased"][-1],
            "debiased / plain at the largest n": errors["debiased"][-1] / errors["plain"][-1],
        },
        (Bar("debiased / plain at the largest n", 1.0),),
        table="rates",
    )


def _images(quick: bool) -> list[Row]:
    """Return the mean log density of test images, each density at the bandwidth that is best for validation."""
    digits = parzen.datasets.load("digits", download=False)
    cases = [("digits", digits.train, digits.validation, digits.test)]
    samples, queries, name = images()
    n = 500 if quick else 3000
    cases.append((name, samples[:n], queries[: n // 2], queries[n // 2 : n]))
    rows = []
    for case, train, validation, test in cases:
        figures: dict[str, float | int | str] = {"n": len(train), "d": train.shape[1]}
        for label, correction in (("plain", None), ("debiased", "score")):
            best = max(
                (
                    parzen.KernelDensity(h, bias_correction=correction).fit(train)
                    for h in np.geomspace(0.1, 0.3, 9)
                ),
                key=lambda kde: float(np.mean(kde.log_density(validation))),
            )
            figures[f"{label}, best bandwidth"] = float(best.bandwidth_)
            figures[f"{label}, nats"] = float(np.mean(best.log_density(test)))
        figures["gain, nats"] = float(figures["debiased, nats"]) - float(figures["plain, nats"])
        rows.append(Row(f"{case}, mean log density of test images", figures, table="images"))
    return rows
