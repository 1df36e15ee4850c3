"""KernelDensity (walking skeleton)."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin

from parzen.kernel_sums import evaluate
from parzen.typing import FloatArray
from parzen.validation import as_matrix


@dataclass(frozen=True)
class DensityValues:
    """What `KernelDensity.evaluate` returns."""

    log_density: FloatArray
    gradient: FloatArray | None
    hessian: FloatArray | None
    method: str
    error_bound: float


class KernelDensity(DensityMixin, BaseEstimator):  # type: ignore[misc]
    """Gaussian kernel density."""

    def __init__(self, bandwidth: Any = 1.0, *, rtol: float = 1e-9, workers: int | None = None) -> None:
        self.bandwidth = bandwidth
        self.rtol = rtol
        self.workers = workers

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Keep the samples."""
        self._samples = as_matrix(X, "X")
        self.n_features_in_ = self._samples.shape[1]
        return self

    def evaluate(self, X: Any, *, order: int = 0) -> DensityValues:
        """Log density, gradient, Hessian."""
        queries = as_matrix(X, "X", n_features=self.n_features_in_)
        h = float(self.bandwidth)
        log_sums, gradient, hessian = evaluate(self._samples, None, queries, np.array([h**-2]), order)
        n, d = self._samples.shape
        log_density = log_sums[:, 0] - np.log(n) - d / 2 * np.log(2 * np.pi) - d * np.log(h)
        return DensityValues(log_density, gradient, hessian, "dense", 1e-12)

    def score_samples(self, X: Any) -> FloatArray:
        """Log density, shape (m,)."""
        return self.evaluate(X).log_density

    log_density = score_samples

    def grad_log_density(self, X: Any) -> FloatArray:
        """Gradient of the log density, shape (m, d)."""
        gradient = self.evaluate(X, order=1).gradient
        assert gradient is not None
        return gradient
