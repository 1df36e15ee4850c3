"""What a density is at queries: kernel sums become log densities and their derivatives, in the units of the data."""

from __future__ import annotations  # `help` shows names instead of what they stand for

from dataclasses import dataclass

import numpy as np

from parzen.density.model import Model
from parzen.errors import AccuracyError, MemoryLimitError
from parzen.kernel_sums import Evaluation, Plan
from parzen.typing import FloatArray
from parzen.validation import physical_memory

__all__ = ["DensityValues", "density_values", "normalised", "require_room"]


@dataclass(frozen=True, eq=False, repr=False)
class DensityValues:
    """Log densities and their derivatives at m queries.

    Attributes
    ----------
    log_density : ndarray of shape (m,)
        log f̂, natural logarithm, in units of 1 / (data unit)ᵈ.
    gradient : ndarray of shape (m, d), or None where ``order`` < 1
        ∇ log f̂.
    hessian : ndarray of shape (m, d, d), or None where ``order`` < 2
        Second derivatives of log f̂; symmetric.
    plan : Plan
        How it was computed; ``print`` it to see the method, its candidates, and what came of it.
    error_bound : float
        Largest bound, over the queries, on the absolute error of ``log_density``: skipped terms, rounding, and what a
        mesh adds or cuts off.
    n_repaired : int
        Queries that were summed again in double-double arithmetic because rounding could have broken the promise.
    """

    log_density: FloatArray
    gradient: FloatArray | None
    hessian: FloatArray | None
    plan: Plan
    error_bound: float
    n_repaired: int

    def __repr__(self) -> str:
        """Say how many, between which values, and how they came about."""
        more = (
            "" if self.gradient is None else ", gradient" if self.hessian is None else ", gradient, hessian"
        )
        return (
            f"DensityValues(log_density of {len(self.log_density)} queries from {self.log_density.min():.6g} to "
            f"{self.log_density.max():.6g}{more}; method={self.method!r}, error_bound={self.error_bound:.2g}, "
            f"n_repaired={self.n_repaired})"
        )

    @property
    def method(self) -> str:
        """The method that was used; see `KernelDensity.explain`."""
        return self.plan.method


def density_values(found: Evaluation, model: Model, order: int) -> DensityValues:
    """Turn kernel sums at the only bandwidth into log densities, in the units of the data."""
    sums, scale = found.sums, model.scale.kernel_scale
    gradient = hessian = None
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if order > 0:
            gradient = model.scale.gradient_to_data(scale * sums.mean[:, 0])
            _require_range(gradient, "gradients", "gradient")
        if order > 1:
            second = scale**2 * sums.covariance[:, 0]
            second[:, range(model.d), range(model.d)] -= scale * sums.mean_precision
            hessian = model.scale.hessian_to_data(second)
            _require_range(hessian, "Hessians", "Hessian")
    return DensityValues(
        normalised(found, model),
        gradient,
        hessian,
        found.plan,
        float(found.error_bound.max()),
        int(found.repaired.sum()),
    )


def normalised(found: Evaluation, model: Model) -> FloatArray:
    """Return the log density at the only bandwidth, (m,).

    The normaliser may cancel all but a few digits of log S, where bandwidths are narrow or dimensions many: what
    rounding took from either of them then matters, and, where log S is exact to a few ulps, what it took from 1/h².
    """
    exact, sums = model.log_normaliser(), found.sums
    high = float(exact)
    log_density = sums.log_sum[:, 0] - high
    log_density += sums.log_sum_low[:, 0]
    log_density -= float(exact - high)
    exactly = found.repaired | (found.plan.method == "compensated")
    if exactly.any():
        near = exactly & np.isfinite(sums.mean_square[:, 0])
        log_density[near] -= 0.5 * model.scale.kernel_scale_low * sums.mean_square[near, 0]
    return np.asarray(log_density)


def _require_range(derivative: FloatArray, plural: str, singular: str) -> None:
    """Refuse derivatives that are larger than float64 can hold."""
    if not np.all(np.isfinite(derivative)):
        raise AccuracyError(
            f"`X` must lie closer for {plural}; got queries whose {singular} leaves the range of float64. "
            "Rescale the data, or ask for the log density only."
        )


def require_room(m: int, d: int, order: int) -> None:
    """Refuse results that cannot fit into this machine's memory."""
    n_bytes = 8 * m * sum(d**k for k in range(order + 1))
    room = physical_memory()
    if room is not None and n_bytes > room:
        raise MemoryLimitError(
            f"`X` must be small enough for its result; got {m} queries at order {order}, which need "
            f"{n_bytes / 2**30:.1f} GiB of {room / 2**30:.1f} GiB. Evaluate them in chunks."
        )
