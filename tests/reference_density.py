"""A Gaussian kernel density on one screen of NumPy: the second oracle, for tasks too large for 50 digits."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from tolerances import factor


@dataclass(frozen=True)
class ReferenceValues:
    """The fields of parzen's `DensityValues` that can be compared."""

    log_density: np.ndarray  # (m,)
    gradient: np.ndarray  # (m, d)
    hessian: np.ndarray  # (m, d, d)


def reference_density(
    samples, queries, bandwidth, weights=None, *, leave_one_out=False, order=2, factors=None
):
    """Evaluate query by query with direct differences and scipy's logsumexp."""
    samples, queries = np.asarray(samples, dtype=float), np.asarray(queries, dtype=float)
    (n, d), m = samples.shape, len(queries)
    L = factor(bandwidth, d)
    inverse = solve_triangular(L, np.eye(d), lower=True)
    weights = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    factors = np.ones(n) if factors is None else np.asarray(factors, dtype=float)
    log_density = np.empty(m)
    gradient = np.empty((m, d if order > 0 else 0))
    hessian = np.empty((m, d, d) if order > 1 else (m, 0, 0))
    for i, query in enumerate(queries):
        w = weights.copy()
        if leave_one_out:
            w[i] = 0.0
        x, f, w = samples[w > 0], factors[w > 0], w[w > 0] / w.max()
        u = (x - query) @ inverse.T if np.ndim(bandwidth) == 2 else (x - query) / bandwidth
        u /= f[:, None]
        t = np.log(w) - d * np.log(f) - 0.5 * np.sum(u * u, axis=1)
        total = logsumexp(t)
        log_density[i] = total - np.log(np.sum(w)) - d / 2 * np.log(2 * np.pi) - np.sum(np.log(np.diag(L)))
        p = np.exp(t - total)
        u /= f[:, None]
        mean = p @ u
        if order > 0:
            gradient[i] = mean @ inverse
        if order > 1:
            covariance = (p[:, None] * (u - mean)).T @ (u - mean)
            hessian[i] = inverse.T @ (covariance - (p @ f**-2) * np.eye(d)) @ inverse
    return ReferenceValues(log_density, gradient, hessian)
