"""Mean integrated squared error with and without bandwidth factors.

Each rule at its own best bandwidth of a grid, 20 samples of 400 from each density. Accuracy only: nothing is timed.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.integrate import trapezoid
from scipy.stats import lognorm, norm, t

import parzen
from benchmarks.harness import Row

_REPETITIONS, _SAMPLES = 20, 400
_BANDWIDTHS = np.geomspace(0.1, 3.2, 16)

#: Name, draw(rng, n), density, and where the error is integrated.
_DENSITIES: tuple[tuple[str, Callable[[Any, int], Any], Callable[[Any], Any], Any], ...] = (
    ("Cauchy", lambda rng, n: rng.standard_t(1, n), t(1).pdf, np.linspace(-30, 30, 3001)),
    (
        "Student, 2 degrees of freedom",
        lambda rng, n: rng.standard_t(2, n),
        t(2).pdf,
        np.linspace(-30, 30, 3001),
    ),
    (
        "Student, 4 degrees of freedom",
        lambda rng, n: rng.standard_t(4, n),
        t(4).pdf,
        np.linspace(-30, 30, 3001),
    ),
    ("normal", lambda rng, n: rng.normal(size=n), norm.pdf, np.linspace(-8, 8, 1501)),
    (
        "two normals",
        lambda rng, n: np.where(rng.random(n) < 0.5, -1, 1) + rng.normal(size=n) * 2 / 3,
        lambda q: 0.5 * norm.pdf(q, -1, 2 / 3) + 0.5 * norm.pdf(q, 1, 2 / 3),
        np.linspace(-8, 8, 1501),
    ),
    ("lognormal", lambda rng, n: np.exp(rng.normal(size=n)), lognorm(1).pdf, np.linspace(-3, 40, 6001)),
)


def run(quick: bool) -> list[Row]:
    """Measure every density with one bandwidth, and with each rule."""
    bandwidths, repetitions = (_BANDWIDTHS[::4], 2) if quick else (_BANDWIDTHS, _REPETITIONS)
    rows = []
    for name, draw, density, q in _DENSITIES:
        figures = {}
        for rule in (None, "abramson", "knn"):
            errors = [_error(draw, density, q, rule, h, repetitions) for h in bandwidths]
            best = int(np.argmin(errors))
            title = "one bandwidth" if rule is None else f"`{rule}`"
            figures[f"{title}, error × 1000"] = 1e3 * errors[best]
            figures[f"{title}, best h"] = float(bandwidths[best])
        rows.append(Row(name, figures))
    return rows


def _error(draw: Any, density: Any, q: Any, rule: str | None, h: float, repetitions: int) -> float:
    """Return the mean integrated squared error."""
    total = 0.0
    for seed in range(repetitions):
        x = draw(np.random.default_rng(seed), _SAMPLES)[:, None]
        estimate = parzen.KernelDensity(h, adaptive=rule).fit(x).density(q[:, None])
        total += float(trapezoid((estimate - density(q)) ** 2, q))
    return total / repetitions
