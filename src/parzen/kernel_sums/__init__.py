"""Gaussian kernel sums on plain whitened arrays (first version: NumPy only)."""

import numpy as np

from parzen.typing import FloatArray


def evaluate(
    sources: FloatArray, log_weights: FloatArray | None, queries: FloatArray, scales: FloatArray, order: int = 0
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Placeholder of the walking skeleton: log sums (m, k), gradients (m, d), Hessians (m, d, d)."""
    m, d = queries.shape
    log_sums = np.empty((m, len(scales)))
    gradient = np.empty((m, d if order else 0))
    hessian = np.empty((m, d, d) if order > 1 else (m, 0, 0))
    for i in range(m):
        u = sources - queries[i]
        half = 0.5 * np.einsum("ja,ja->j", u, u)
        for k, scale in enumerate(scales):
            a = -scale * half
            if log_weights is not None:
                a = a + log_weights
            top = a.max()
            e = np.exp(a - top)
            s = e.sum()
            log_sums[i, k] = top + np.log(s)
        if order:
            p = e / s
            g = scale * (p @ u)
            gradient[i] = g
            if order > 1:
                hessian[i] = scale**2 * (u.T * p) @ u - np.outer(g, g) - scale * np.eye(d)
    return log_sums, gradient, hessian
