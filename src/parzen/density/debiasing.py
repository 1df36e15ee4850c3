r"""Score debiasing: samples are moved along the gradient of the log density before they are summed again.

Smoothing by a kernel of covariance H adds ½ ∇·H∇f to the density, to first order. Moving every sample by ½ H∇ log f
takes just that away, so that the bias falls from O(h²) to O(h⁴), and the density stays positive and of mass 1. The
gradient is that of the plain estimate at the same bandwidth, whose error is of higher order in what is left: with K the
Gaussian kernel, the result is to first order an estimate with the kernel K - ½ h² ΔK_{√2}, which is of order four.
H∇ log f̂ is the mean shift, so that each sample moves half-way to the mean of its neighbourhood.

Two details, both measured. The gradient at a sample leaves its own term out: each kernel says of its own centre that
it is a maximum, and in many dimensions, where it outweighs all others, nothing would move (on 1500 MNIST images
debiasing gains 0 nats with the own term and 40 without; in one dimension nothing changes). And no mean shift counts
for more than √d bandwidths, the length of a draw from the kernel: farther out the gradient is that of the kernel's
tail, not of the density (with heavy tails outliers would jump half-way to the nearest sample).

Choi & Hall (1999), "Data sharpening as a prelude to density estimation", Biometrika 86, 941-947.
"""

import math
from dataclasses import replace

import numpy as np

from parzen.density.model import Model
from parzen.kernel_sums import Request

__all__ = ["debiased", "matching_factor"]


def debiased(model: Model, request: Request) -> Model:
    """Return the model with every sample moved by ½ H∇ log f̂, and the same bandwidth; one evaluation at all samples."""
    n = len(model.samples)
    if n == 1:
        return model
    mean = model.evaluate(model.samples, request.replace(order=1, own=np.arange(n))).sums.mean[:, 0]
    shift = mean * math.sqrt(model.scale.kernel_scale)  # in bandwidths
    length = np.linalg.norm(shift, axis=1, keepdims=True)
    limit = math.sqrt(model.d)
    shift *= limit / np.maximum(length, limit)
    return replace(model, samples=model.samples + 0.5 * model.scale.colour(shift))


def matching_factor(n_eff: float, d: int) -> float:
    r"""Return by how much a bandwidth that is good for the plain density is to be multiplied.

    The ratio of the two normal references. For a standard normal density, moved samples and kernel together have
    the variance 1 + 5h⁴/4 + O(h⁶), so that the integrated squared bias is (25/64) h⁸ ∫(Δφ)²; the integrated variance is
    ρ / (n (4π)^{d/2} h^d) with ρ = 1 + (2/3)^{d/2} d/3 + 2^{-d/2} d(d+2)/64, from the square of the kernel above. Their
    sum is least at h^{d+8} = 1.28 ρ / ((d+2) n), against h^{d+4} = 4 / ((d+2) n) for the plain density.
    """
    rho = 1.0 + (2.0 / 3.0) ** (d / 2) * d / 3.0 + 2.0 ** (-d / 2) * d * (d + 2) / 64.0
    corrected = (1.28 * rho / ((d + 2) * n_eff)) ** (1.0 / (d + 8))
    return float(corrected / (4.0 / ((d + 2) * n_eff)) ** (1.0 / (d + 4)))
