"""The images and the plain NumPy answers that several benchmarks use."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

import parzen
from parzen.typing import FloatArray

#: Where real MNIST may lie beside the repository.
_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

#: Mean log density of the MNIST validation images at full size, summed by plain NumPy.
MNIST_VALIDATION = (-3138.436, -607.855, -113.784, 234.828, -233.637, -740.827, -1051.087, -1272.934)


def images() -> tuple[FloatArray, FloatArray, str]:
    """Return train images, validation images (10 000 × 784 each) and their name; random where MNIST is absent."""
    try:
        folder = _SHARED if _SHARED.exists() and not os.environ.get("PARZEN_DATA") else None
        mnist = parzen.datasets.load("mnist", data_dir=folder, download=False)
    except parzen.errors.ParzenError:
        random = np.random.default_rng(0)
        return random.random((10_000, 784)), random.random((10_000, 784)), "random images"
    return mnist.train, mnist.validation, "MNIST"


def plain_log_density(samples: FloatArray, queries: FloatArray, bandwidths: Iterable[float]) -> FloatArray:
    """Log density by NumPy's differences and SciPy's logsumexp, shape (m, k): slow and simple."""
    n, d = samples.shape
    h = np.array(list(bandwidths))
    squares = np.array([np.square(samples - q).sum(axis=1) for q in queries])
    sums = [logsumexp(-squares / (2 * b * b), axis=1) for b in h]
    return np.stack(sums, axis=1) - np.log(n) - d * np.log(h * np.sqrt(2 * np.pi))
