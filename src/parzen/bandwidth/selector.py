"""What every bandwidth selector takes and gives: ``select(samples, weights, options) -> Selected``.

``samples`` are (n, d) float64, finite, n ≥ 1; ``weights`` are (n,), non-negative with a positive sum, or None for
equal. A selector is a function in one of the files of this room and one row of the table in selection.py.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from parzen.typing import FloatArray, Progress

__all__ = ["ADVICE", "DERIVATIVES", "Kind", "Options", "Selected", "Selector", "Target"]

#: What helps where nothing can be chosen; the command line has its own words for it.
ADVICE = (
    "Or give KernelDensity a positive number (try `parzen.sweep` to choose it), or positive standard deviations, shape "
    "(d,)."
)

Kind = Literal["scalar", "diagonal", "full"]
Target = Literal["density", "gradient", "hessian"]

#: The order of the derivative that the bandwidth should be best for.
DERIVATIVES: dict[Target, int] = {"density": 0, "gradient": 1, "hessian": 2}


@dataclass(frozen=True, eq=False)
class Options:
    """How a bandwidth is to be chosen."""

    kind: Kind = "scalar"  # one h for all features, one per feature, or a covariance
    target: Target = "density"  # what the bandwidth should be best for
    random_state: np.random.Generator | np.random.RandomState = field(  # for the splits of cross-validation
        default_factory=lambda: np.random.RandomState(0)
    )
    workers: int = 1  # threads; the answer does not depend on it
    progress: bool | Progress = False


@dataclass(frozen=True, eq=False)
class Selected:
    """What a selector found."""

    value: float | FloatArray  # h; (d,) standard deviations; (d, d) covariance
    curve: tuple[FloatArray, FloatArray] | None = (
        None  # bandwidths (k,) increasing, and the objective at each
    )
    warnings: tuple[str, ...] = ()  # sentences for the user: local minima, duplicates that were left out, …


class Selector(Protocol):
    """A function that chooses a bandwidth."""

    def __call__(self, samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
        """Return the bandwidth for these samples, or raise `InputError` with one sentence."""
        ...
