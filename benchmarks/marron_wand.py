"""The fifteen test densities of Marron & Wand (1992), and the exact integrated squared error of a kernel density.

Marron & Wand, "Exact mean integrated squared error", Ann. Statist. 20 (1992), table 1: normal mixtures.
"""

import math
from dataclasses import dataclass

import numpy as np

from parzen.bandwidth.spectrum import PairSums
from parzen.typing import FloatArray

__all__ = ["DENSITIES", "Mixture"]


@dataclass(frozen=True)
class Mixture:
    """Σ_l w_l N(μ_l, σ_l²)."""

    name: str
    parts: tuple[tuple[float, float, float], ...]  # (w, μ, σ)

    @property
    def weights(self) -> FloatArray:
        """w, (k,)."""
        return np.array([part[0] for part in self.parts])

    @property
    def means(self) -> FloatArray:
        """μ, (k,)."""
        return np.array([part[1] for part in self.parts])

    @property
    def deviations(self) -> FloatArray:
        """σ, (k,)."""
        return np.array([part[2] for part in self.parts])

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw n samples, (n,)."""
        which = rng.choice(len(self.parts), size=n, p=self.weights)
        return self.means[which] + self.deviations[which] * rng.normal(size=n)

    def density(self, x: FloatArray, h: float = 0.0) -> FloatArray:
        """The density, smoothed by h, at x."""
        s = np.sqrt(self.deviations**2 + h * h)
        u = (x[:, None] - self.means) / s
        return np.asarray(np.exp(-0.5 * u * u) @ (self.weights / s)) / math.sqrt(2.0 * math.pi)

    def squared(self) -> float:
        """∫ f²."""
        s = np.sqrt(self.deviations[:, None] ** 2 + self.deviations**2)
        u = (self.means[:, None] - self.means) / s
        return float(self.weights @ (np.exp(-0.5 * u * u) / s) @ self.weights) / math.sqrt(2.0 * math.pi)

    def squared_error(self, x: FloatArray, sums: PairSums, h: float) -> float:
        """∫ (f̂_h - f)² for the kernel density of samples x, in closed form."""
        return sums.pair_sum(math.sqrt(2.0) * h) - 2.0 * float(self.density(x, h).mean()) + self.squared()

    def best_bandwidth(self, n: int) -> float:
        """Return the minimiser of the exact mean integrated squared error."""
        grid = np.exp(np.linspace(math.log(1e-3), math.log(2.0), 4000))

        def cross(h2: float) -> float:
            s = np.sqrt(self.deviations[:, None] ** 2 + self.deviations**2 + h2)
            u = (self.means[:, None] - self.means) / s
            return float(self.weights @ (np.exp(-0.5 * u * u) / s) @ self.weights) / math.sqrt(2.0 * math.pi)

        error = [
            1.0 / (2.0 * n * math.sqrt(math.pi) * h)
            + (1.0 - 1.0 / n) * cross(2.0 * h * h)
            - 2.0 * cross(h * h)
            for h in grid
        ]
        return float(grid[int(np.argmin(error))])


def _comb() -> tuple[tuple[float, float, float], ...]:
    """The teeth of the smooth comb."""
    return tuple((2.0 ** (5 - i) / 63, (65 - 96 * 0.5**i) / 21, 32 / 63 / 2.0**i) for i in range(6))


DENSITIES = (
    Mixture("Gaussian", ((1, 0, 1),)),
    Mixture("skewed unimodal", ((1 / 5, 0, 1), (1 / 5, 1 / 2, 2 / 3), (3 / 5, 13 / 12, 5 / 9))),
    Mixture("strongly skewed", tuple((1 / 8, 3 * ((2 / 3) ** i - 1), (2 / 3) ** i) for i in range(8))),
    Mixture("kurtotic unimodal", ((2 / 3, 0, 1), (1 / 3, 0, 1 / 10))),
    Mixture("outlier", ((1 / 10, 0, 1), (9 / 10, 0, 1 / 10))),
    Mixture("bimodal", ((1 / 2, -1, 2 / 3), (1 / 2, 1, 2 / 3))),
    Mixture("separated bimodal", ((1 / 2, -3 / 2, 1 / 2), (1 / 2, 3 / 2, 1 / 2))),
    Mixture("skewed bimodal", ((3 / 4, 0, 1), (1 / 4, 3 / 2, 1 / 3))),
    Mixture("trimodal", ((9 / 20, -6 / 5, 3 / 5), (9 / 20, 6 / 5, 3 / 5), (1 / 10, 0, 1 / 4))),
    Mixture("claw", ((1 / 2, 0, 1), *((1 / 10, i / 2 - 1, 1 / 10) for i in range(5)))),
    Mixture(
        "double claw",
        (
            (49 / 100, -1, 2 / 3),
            (49 / 100, 1, 2 / 3),
            *((1 / 350, (i - 3) / 2, 1 / 100) for i in range(7)),
        ),
    ),
    Mixture(
        "asymmetric claw",
        ((1 / 2, 0, 1), *((2.0 ** (1 - i) / 31, i + 1 / 2, 2.0**-i / 10) for i in range(-2, 3))),
    ),
    Mixture(
        "asymmetric double claw",
        (
            (46 / 100, -1, 2 / 3),
            (46 / 100, 1, 2 / 3),
            *((1 / 300, -i / 2, 1 / 100) for i in range(1, 4)),
            *((7 / 300, i / 2, 7 / 100) for i in range(1, 4)),
        ),
    ),
    Mixture("smooth comb", _comb()),
    Mixture(
        "discrete comb",
        (
            *((2 / 7, (12 * i - 15) / 7, 2 / 7) for i in range(3)),
            *((1 / 21, 2 * i / 7, 1 / 21) for i in range(8, 11)),
        ),
    ),
)
