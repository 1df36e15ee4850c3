"""Mean integrated squared error with and without bandwidth factors: python -m benchmarks.adaptive

Each rule at its own best bandwidth of a grid, 20 samples of 400 from each density: the table of
docs/choosing-a-bandwidth.md.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.integrate import trapezoid
from scipy.stats import lognorm, norm, t

import parzen

_REPETITIONS, _SAMPLES = 20, 400
_BANDWIDTHS = np.geomspace(0.1, 3.2, 16)

#: Name, draw(rng, n), density, and where the error is integrated.
_DENSITIES: tuple[tuple[str, Callable[[Any, int], Any], Callable[[Any], Any], Any], ...] = (
    ("Cauchy", lambda rng, n: rng.standard_t(1, n), t(1).pdf, np.linspace(-30, 30, 3001)),
    ("Student, 2 degrees", lambda rng, n: rng.standard_t(2, n), t(2).pdf, np.linspace(-30, 30, 3001)),
    ("Student, 4 degrees", lambda rng, n: rng.standard_t(4, n), t(4).pdf, np.linspace(-30, 30, 3001)),
    ("normal", lambda rng, n: rng.normal(size=n), norm.pdf, np.linspace(-8, 8, 1501)),
    (
        "bimodal",
        lambda rng, n: np.where(rng.random(n) < 0.5, -1, 1) + rng.normal(size=n) * 2 / 3,
        lambda q: 0.5 * norm.pdf(q, -1, 2 / 3) + 0.5 * norm.pdf(q, 1, 2 / 3),
        np.linspace(-8, 8, 1501),
    ),
    ("lognormal", lambda rng, n: np.exp(rng.normal(size=n)), lognorm(1).pdf, np.linspace(-3, 40, 6001)),
)


def error(draw: Any, density: Any, q: Any, rule: str | None, h: float) -> float:
    """Return the mean integrated squared error."""
    total = 0.0
    for seed in range(_REPETITIONS):
        x = draw(np.random.default_rng(seed), _SAMPLES)[:, None]
        estimate = parzen.KernelDensity(h, adaptive=rule).fit(x).density(q[:, None])
        total += float(trapezoid((estimate - density(q)) ** 2, q))
    return total / _REPETITIONS


if __name__ == "__main__":
    for name, draw, density, q in _DENSITIES:
        print(f"{name:20s}", end="")
        for rule in (None, "abramson", "knn"):
            errors = [error(draw, density, q, rule, h) for h in _BANDWIDTHS]
            best = int(np.argmin(errors))
            print(f"  {rule or 'fixed'}: {1e3 * errors[best]:.2f}e-3 at h = {_BANDWIDTHS[best]:.2f}", end="")
        print(flush=True)
