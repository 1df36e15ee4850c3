"""Choosing a bandwidth: published numbers, a million samples, and errors on the Marron-Wand densities."""

import math
import time
import warnings
from collections.abc import Callable
from statistics import median

import numpy as np

import parzen
from benchmarks.harness import Bar, Figure, Row
from benchmarks.marron_wand import DENSITIES, Mixture
from parzen.bandwidth.selection import METHODS
from parzen.bandwidth.spectrum import PairSums
from parzen.errors import ParzenError
from parzen.typing import FloatArray

#: Methods of parzen for densities in one dimension.
OURS = [name for name, row in METHODS.items() if "density" in row.targets and name != "normal-gradient"]

#: statsmodels' cross-validation takes a third of a second for 100 samples and minutes for 1000: at 100, so often.
_SLOW_REPETITIONS = 10

Chooser = Callable[[FloatArray], float]


def run(quick: bool) -> list[Row]:
    """Measure speed at a million samples, then the errors."""
    return [
        *_speed(10**5 if quick else 10**6),
        *_errors(100, 3 if quick else 100),
        *_errors(1000, 2 if quick else 100),
    ]


def _speed(n: int) -> list[Row]:
    """Time every plug-in and cross-validation in one dimension; the answers must hold what defines them."""
    rows = []
    x = DENSITIES[5].sample(n, np.random.default_rng(0))[:, None]
    best = _best_bandwidth(DENSITIES[5], n)
    for name in ("sheather-jones", "dpi", "isj", "lscv", "plugin"):
        if name not in METHODS:
            continue
        parzen.select_bandwidth(x[:1000], name)
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            h = float(parzen.select_bandwidth(x, name, kind="scalar"))
            seconds.append(time.perf_counter() - began)
        # LSCV itself converges like n^{-1/10}; the plug-ins faster
        if not abs(math.log(h / best)) < 0.2:
            raise AssertionError(f"{name} chose {h}, the best bandwidth is {best}")
        figures: dict[str, Figure] = {"s": median(seconds), "bandwidth": h, "best bandwidth": best}
        bars = (Bar("s", 3.0),) if name in ("sheather-jones", "lscv") and n == 10**6 else ()
        rows.append(Row(f"{name}, bimodal density, n = {n:,}".replace(",", " "), figures, bars, "speed"))
    return rows


def _best_bandwidth(density: Mixture, n: int) -> float:
    """Return the minimiser of the exact mean integrated squared error."""
    grid = np.exp(np.linspace(math.log(1e-3), math.log(2.0), 4000))

    def cross(h2: float) -> float:
        s = np.sqrt(density.deviations[:, None] ** 2 + density.deviations**2 + h2)
        u = (density.means[:, None] - density.means) / s
        return float(density.weights @ (np.exp(-0.5 * u * u) / s) @ density.weights) / math.sqrt(
            2.0 * math.pi
        )

    error = [
        1.0 / (2.0 * n * math.sqrt(math.pi) * h) + (1.0 - 1.0 / n) * cross(2.0 * h * h) - 2.0 * cross(h * h)
        for h in grid
    ]
    return float(grid[int(np.argmin(error))])


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
    if n <= 100:
        for rule in ("cv_ml", "cv_ls"):
            name = f"statsmodels {rule} ({_SLOW_REPETITIONS} repetitions)"
            peers[name] = lambda x, rule=rule: float(KDEMultivariate(x, "c", bw=rule).bw[0])
    return peers


def _errors(n: int, repetitions: int) -> list[Row]:
    """Mean integrated squared error of every choice over that of the best bandwidth for the density."""
    choosers: dict[str, Chooser] = {
        name: lambda x, name=name: float(
            parzen.select_bandwidth(x[:, None], name, kind="scalar", random_state=0)
        )
        for name in OURS
    }
    choosers |= _peers(n)
    table = f"errors-{n}"
    rows = []
    seconds: dict[str, list[float]] = {name: [] for name in choosers}
    ratios: dict[str, list[float]] = {name: [] for name in choosers}
    for number, density in enumerate(DENSITIES, 1):
        rng = np.random.default_rng(number)
        # squared errors of a choice, and of the best bandwidth for the same samples
        errors: dict[str, list[tuple[float, float]]] = {name: [] for name in choosers}
        least = []
        failed = dict.fromkeys(choosers, 0)
        best = _best_bandwidth(density, n)
        for repetition in range(repetitions):
            x = density.sample(n, rng)
            sums = PairSums(x[:, None])
            least.append(density.squared_error(x, sums, best))
            for name, chooser in choosers.items():
                if name.startswith("statsmodels") and repetition >= _SLOW_REPETITIONS:
                    continue
                began = time.perf_counter()
                h = _ask(chooser, x)
                seconds[name].append(time.perf_counter() - began)
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
            figures[name] = f"{ratio:.2f} ({failed[name]} failed)" if failed[name] else ratio
        rows.append(Row(f"{number}. {density.name}", figures, table=table))
    overall: dict[str, Figure] = {
        name: float(np.exp(np.mean(np.log(found)))) for name, found in ratios.items()
    }
    rows.append(Row("geometric mean", overall, table=table))
    times: dict[str, Figure] = {name: 1e3 * median(found) for name, found in seconds.items()}
    rows.append(Row("milliseconds a choice", times, table=table))
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
