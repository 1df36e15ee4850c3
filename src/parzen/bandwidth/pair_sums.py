"""What cross-validation needs of the kernel sums: values, exact derivatives by log h, second moments over pairs.

With P_ij = R_i p_ij ≥ 0 over queries y_i and sources x_j (p_ij: the shares of the sources in the density of
a query, Σ_j p_ij = 1), the derivative of every objective by the bandwidth is a second moment

    M = Σ_ij P_ij (x_j - y_i)(x_j - y_i)ᵀ = -Σ_i R_i y_i m_iᵀ + Σ_j C_j x_j n_jᵀ,

where m_i = Σ_j p_ij (x_j - y_i) is the mean that comes with the gradient, C_j = Σ_i P_ij, and n_j the mean of
x_j - y_i under P_ij / C_j: a second pass with queries and sources exchanged and the sources weighted by R_i / S_i.
So M costs two passes of order 1, O((n + m) d) memory, at any d. A pass of order 2 has every query's own second moment,
for n m d² operations and m d² numbers: that is less in few dimensions.
"""

from dataclasses import dataclass, replace

import numpy as np

from parzen.bandwidth.matrix import Scale, Whitened
from parzen.bandwidth.selector import Options
from parzen.kernel_sums import Request, Sources, evaluate
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.progress import reporting
from parzen.typing import FloatArray, IntArray

__all__ = ["Pairs"]

#: Dimensions up to which one pass of order 2 is faster than two of order 1.
_SECOND_ORDER = 4


@dataclass(frozen=True, eq=False)
class QuerySums:
    """Sums over the sources for each of m queries at k bandwidths."""

    log_sum: FloatArray  # (m, k)  log Σ_j w_j exp(-½‖x_j - y_i‖²/h²)
    mean_square: FloatArray  # (m, k)  Σ_j p_ij ‖x_j - y_i‖²/h²
    mean: FloatArray  # (m, k, d)  Σ_j p_ij (x_j - y_i), from order 1 on
    covariance: FloatArray  # (m, k, d, d)  Σ_j p_ij (x_j - y_i)(x_j - y_i)ᵀ less that of the mean, of order 2


@dataclass(frozen=True, eq=False)
class Pairs:
    """Queries and weighted sources, in any coordinates."""

    queries: FloatArray  # (m, d)
    sources: FloatArray  # (n, d)
    log_weights: FloatArray  # (n,) of the sources
    own: IntArray | None  # (m,) source that each query is, and that is left out

    def of_queries(self, some: IntArray) -> "Pairs":
        """Return the pairs of some of the queries."""
        return replace(self, queries=self.queries[some], own=None if self.own is None else self.own[some])

    def sums(self, h: FloatArray, options: Options, *, order: int = 0) -> QuerySums:
        """Return the sums at bandwidths ``h``, (k,), in one pass."""
        d = self.sources.shape[1]
        scale = Scale(float(np.min(h)), d)
        origin = np.zeros(d)
        top = float(self.log_weights.max())
        offsets = None if np.ptp(self.log_weights) == 0 else DoubleDouble.of(top - self.log_weights)
        with reporting(options.progress, f"trying {len(h)} bandwidth{'s' if len(h) > 1 else ''}") as report:
            request = Request(
                scales=(scale.unit / h) ** 2,
                order=order,
                radial=True,
                own=self.own,
                workers=options.workers,
                progress=report,
            )
            result = evaluate(
                Sources(Whitened(self.sources, origin, scale), offsets),
                Whitened(self.queries, origin, scale),
                request,
            ).sums
        return QuerySums(
            result.log_sum + top,
            result.mean_square * request.scales,
            result.mean * scale.unit,
            result.covariance * scale.unit**2,
        )

    def sums_for_moment(self, options: Options) -> QuerySums:
        """Return the sums at h = 1 that `second_moment` wants."""
        return self.sums(np.ones(1), options, order=2 if self.sources.shape[1] <= _SECOND_ORDER else 1)

    def second_moment(
        self, R: FloatArray, first: QuerySums, options: Options, *, symmetric: bool
    ) -> FloatArray:
        """Return M, (d, d), for row sums ``R``, (m,), and what `sums_for_moment` gave.

        ``symmetric`` says that P_ij = P_ji, so that no second pass is needed.
        """
        if first.covariance.size:
            mean = first.mean[:, 0]
            return np.asarray(np.tensordot(R, first.covariance[:, 0], axes=1) + (R * mean.T) @ mean)
        M = -(R * self.queries.T) @ first.mean[:, 0]
        if symmetric:
            return np.asarray(M + M.T)
        with np.errstate(divide="ignore"):
            log_rows = np.log(R) - first.log_sum[:, 0]
        keep = np.isfinite(log_rows)
        own = None
        if self.own is not None:
            own = np.full(len(self.sources), -1)
            own[self.own[keep]] = np.arange(np.count_nonzero(keep))
        back = Pairs(self.sources, self.queries[keep], log_rows[keep], own).sums(np.ones(1), options, order=1)
        C = np.exp(self.log_weights + back.log_sum[:, 0])
        M -= (C * self.sources.T) @ back.mean[:, 0]
        return np.asarray(0.5 * (M + M.T))
