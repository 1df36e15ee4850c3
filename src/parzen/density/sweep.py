"""Many bandwidths, one pass over the pairs (walking skeleton)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from parzen.kernel_sums import evaluate
from parzen.typing import FloatArray
from parzen.validation import as_matrix


@dataclass(frozen=True)
class Sweep:
    """Mean log density of held-out points at each bandwidth."""

    bandwidths: FloatArray  # (k,)
    mean_log_density: FloatArray  # (k,)
    standard_error: FloatArray  # (k,)
    seconds: float

    @property
    def best(self) -> float:
        """The bandwidth with the largest mean log density."""
        return float(self.bandwidths[int(np.argmax(self.mean_log_density))])


def sweep(
    X: Any, V: Any, *, bandwidths: Any, progress: bool | Callable[[int, int], None] = False
) -> Sweep:
    """Evaluate held-out points under the densities of `X` at several bandwidths."""
    start = time.perf_counter()
    X, V = as_matrix(X, "X"), as_matrix(V, "V")
    h = np.asarray(bandwidths, dtype=np.float64)
    log_sums, _, _ = evaluate(X, None, V, h**-2)
    d = X.shape[1]
    values = log_sums - np.log(len(X)) - d / 2 * np.log(2 * np.pi) - d * np.log(h)
    error = values.std(axis=0, ddof=1) / np.sqrt(len(V))
    return Sweep(h, values.mean(axis=0), error, time.perf_counter() - start)
