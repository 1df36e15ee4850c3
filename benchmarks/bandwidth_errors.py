"""Errors of every choice of bandwidth on the densities of Marron & Wand, against other packages."""

import math
import warnings
from collections.abc import Callable

import numpy as np

import parzen
from benchmarks.harness import Figure, Row
from benchmarks.marron_wand import DENSITIES
from parzen.bandwidth.selection import METHODS
from parzen.bandwidth.spectrum import PairSums
from parzen.errors import ParzenError
from parzen.typing import FloatArray

#: Samples that statsmodels is asked about from this n on, where it takes seconds to minutes a choice.
_SLOW_FROM, _SLOW_REPETITIONS = 1000, 10

Chooser = Callable[[FloatArray], float]


def run(quick: bool) -> list[Row]:
    """Measure the errors for small and middling n."""
    return [*_errors(100, 2 if quick else 100), *_errors(1000, 1 if quick else 100)]


def _peers(n: int) -> dict[str, Chooser]:
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
    slow = n >= _SLOW_FROM and name.startswith("statsmodels")
    return min(repetitions, _SLOW_REPETITIONS) if slow else repetitions


def _errors(n: int, repetitions: int) -> list[Row]:
    """Mean integrated squared error of every choice over that of the best bandwidth for the density."""
    choosers: dict[str, Chooser] = {
        name: lambda x, name=name: float(
            parzen.select_bandwidth(x[:, None], name, kind="scalar", random_state=0)
        )
        for name in METHODS
    }
    choosers |= _peers(n)
    often = {name: _repetitions(name, n, repetitions) for name in choosers}
    headings = {
        name: name if count == repetitions else f"{name} ({count} samples)" for name, count in often.items()
    }
    table = str(n)
    rows = []
    ratios: dict[str, list[float]] = {name: [] for name in choosers}
    for number, density in enumerate(DENSITIES, 1):
        rng = np.random.default_rng(number)
        # squared errors of a choice, and of the best bandwidth for the same samples
        errors: dict[str, list[tuple[float, float]]] = {name: [] for name in choosers}
        least = []
        failed = dict.fromkeys(choosers, 0)
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
        figures: dict[str, Figure] = {"least error": float(np.mean(least))}
        for name, found in errors.items():
            ratio = math.inf
            if found:
                mine, ideal = np.mean(found, axis=0)
                ratio = float(mine / ideal)
            ratios[name].append(ratio)
            figures[headings[name]] = f"{ratio:.2f} ({failed[name]} failed)" if failed[name] else ratio
        rows.append(Row(f"{number}. {density.name}", figures, table=table))
    overall: dict[str, Figure] = {
        headings[name]: float(np.exp(np.mean(np.log(found)))) for name, found in ratios.items()
    }
    rows.append(Row("geometric mean", overall, table=table))
    return rows


def _ask(chooser: Chooser, x: FloatArray) -> float | None:
    """Choose; None where the package refuses or gives what is no bandwidth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            h = chooser(x)
        except (ParzenError, ValueError, ArithmeticError, RuntimeError):
            return None
    return h if math.isfinite(h) and h > 0 else None
