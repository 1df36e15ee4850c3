"""Errors of every choice of bandwidth on the densities of Marron & Wand, against other packages."""

import math
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

import parzen
from benchmarks.harness import Figure, Row
from benchmarks.marron_wand import DENSITIES
from parzen.bandwidth.selection import METHODS
from parzen.bandwidth.spectrum import PairSums
from parzen.errors import ParzenError
from parzen.typing import FloatArray

#: Samples of size 1000 that statsmodels is asked about: it takes seconds a choice, which is hours for 100 of each.
_SLOW_REPETITIONS = 10

Chooser = Callable[[FloatArray], float]


def run(quick: bool) -> Iterator[Row]:
    """Measure the errors for small and middling n; densities in parallel, since no time is measured."""
    sizes = {100: 2 if quick else 100, 1000: 1 if quick else 100}
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        numbers = range(1, len(DENSITIES) + 1)
        # the large ones first: they take longest
        found = {
            n: [pool.submit(_errors, i, n, sizes[n]) for i in numbers] for n in sorted(sizes, reverse=True)
        }
        for n in sizes:
            ratios: dict[str, list[float]] = {}
            for number, future in zip(numbers, found[n], strict=True):
                least, errors = future.result()
                figures: dict[str, Figure] = {"least error": least}
                for heading, (ratio, failed) in errors.items():
                    figures[heading] = f"{ratio:.2f} ({failed} failed)" if failed else ratio
                    ratios.setdefault(heading, []).append(ratio)
                yield Row(f"{number}. {DENSITIES[number - 1].name}", figures, table=str(n))
            overall: dict[str, Figure] = {
                heading: float(np.exp(np.mean(np.log(each)))) for heading, each in ratios.items()
            }
            yield Row("geometric mean", overall, table=str(n))


def _peers() -> dict[str, Chooser]:
    """Return what other packages offer for one dimension."""
    from KDEpy.bw_selection import improved_sheather_jones
    from scipy.stats import gaussian_kde
    from statsmodels.nonparametric.kernel_density import KDEMultivariate

    peers: dict[str, Chooser] = {
        "SciPy scott": lambda x: gaussian_kde(x, "scott").factor * x.std(ddof=1),
        "SciPy silverman": lambda x: gaussian_kde(x, "silverman").factor * x.std(ddof=1),
        "KDEpy ISJ": lambda x: float(improved_sheather_jones(x[:, None])),
    }
    for rule in ("cv_ml", "cv_ls"):
        peers[f"statsmodels {rule}"] = lambda x, rule=rule: float(KDEMultivariate(x, "c", bw=rule).bw[0])
    return peers


def _repetitions(name: str, n: int, repetitions: int) -> int:
    """Return how many samples a method is asked about."""
    slow = name.startswith("statsmodels") and n >= 1000
    return min(repetitions, _SLOW_REPETITIONS) if slow else repetitions


def _errors(number: int, n: int, repetitions: int) -> tuple[float, dict[str, tuple[float, int]]]:
    """Return the least mean integrated squared error for a density, and of every choice its ratio and failures."""
    choosers: dict[str, Chooser] = {
        name: lambda x, name=name: float(
            parzen.select_bandwidth(x[:, None], name, kind="scalar", random_state=0, workers=1)
        )
        for name in METHODS
    }
    choosers |= _peers()
    density, rng = DENSITIES[number - 1], np.random.default_rng(number)
    # squared errors of a choice, and of the best bandwidth for the same samples
    errors: dict[str, list[tuple[float, float]]] = {name: [] for name in choosers}
    least = []
    failed = dict.fromkeys(choosers, 0)
    often = {name: _repetitions(name, n, repetitions) for name in choosers}
    best = density.best_bandwidth(n)
    for repetition in range(repetitions):
        x = density.sample(n, rng)
        sums = PairSums(x[:, None])
        least.append(density.squared_error(x, sums, best))
        for name, chooser in choosers.items():
            if repetition >= often[name]:
                continue
            h = _ask(chooser, x)
            if h is None:
                failed[name] += 1
            else:
                errors[name].append((density.squared_error(x, sums, h), least[-1]))
    results = {}
    for name, found in errors.items():
        heading = name if often[name] == repetitions else f"{name} ({often[name]} samples)"
        mine, ideal = np.mean(found, axis=0) if found else (math.inf, 1.0)
        results[heading] = float(mine / ideal), failed[name]
    return float(np.mean(least)), results


def _ask(chooser: Chooser, x: FloatArray) -> float | None:
    """Choose; None where the package refuses or gives what is no bandwidth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            h = chooser(x)
        except (ParzenError, ValueError, ArithmeticError, RuntimeError):
            return None
    return h if math.isfinite(h) and h > 0 else None
