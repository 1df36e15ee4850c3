"""The state that every method accumulates, one per query and bandwidth: a commutative monoid.

With u_j = y_j - y_q in whitened coordinates, a = scale = 1/h², precision c_j = 1/λ_j² (1 for a sample without a
bandwidth factor λ_j of its own) and exponents t_j = a c_j ½‖u_j‖² + offset_j:

    lowest = min t_j            total = Σ e_j                e_j = exp(lowest - t_j)
    spread = Σ e_j c_j ½‖u_j‖²  precision = Σ e_j c_j
    first = Σ e_j c_j u_j       second = Σ e_j c_j² u_j u_jᵀ   (lower triangle)

The *pull* c_j u_j is, up to a factor a, the gradient of a term's logarithm: so ∇ log S = a · mean and the Hessian is
a² · covariance - a · mean precision, of the pulls, whatever the λ_j. Two states merge by rescaling both to the smaller
``lowest`` and adding; the identity is (inf, 0, 0, 0, 0, 0).
So blocks, threads, files and machines could be combined in any order; here blocks of sources are added one after the
other, and tests hold that merged shards are the whole.
"""

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Self

import numpy as np

from parzen.typing import FloatArray, IntArray


@cache
def _upper(d: int) -> tuple[IntArray, IntArray]:
    """Return the indices above the diagonal."""
    return np.triu_indices(d, 1)


@dataclass(frozen=True, eq=False)
class State:
    """Accumulators for m queries at k bandwidths; the arrays are written in place by the loops."""

    lowest: FloatArray  # (m, k), in nats
    total: FloatArray  # (m, k)
    spread: FloatArray  # (m, k)
    first: FloatArray  # (m, k, d), or (m, k, 0) where order < 1
    second: FloatArray  # (m, k, d, d), or (m, k, 0, 0) where order < 2
    precision: FloatArray  # (m, k); where order < 1 it stays 0

    @classmethod
    def identity(cls, m: int, k: int, d: int, order: int) -> Self:
        """Return the state of no sources at all."""
        d1, d2 = d if order > 0 else 0, d if order > 1 else 0
        return cls(
            np.full((m, k), np.inf), np.zeros((m, k)), np.zeros((m, k)), np.zeros((m, k, d1)),
            np.zeros((m, k, d2, d2)), np.zeros((m, k)),
        )  # fmt: skip

    def merge(self, other: Self) -> Self:
        """Return the state of both sets of sources together."""
        lowest = np.minimum(self.lowest, other.lowest)
        with np.errstate(invalid="ignore"):
            mine = np.where(np.isinf(self.lowest), 0.0, np.exp(lowest - self.lowest))
            theirs = np.where(np.isinf(other.lowest), 0.0, np.exp(lowest - other.lowest))

        def add(a: FloatArray, b: FloatArray) -> FloatArray:
            shape = mine.shape + (1,) * (a.ndim - 2)
            return mine.reshape(shape) * a + theirs.reshape(shape) * b

        return type(self)(
            lowest,
            add(self.total, other.total),
            add(self.spread, other.spread),
            add(self.first, other.first),
            add(self.second, other.second),
            add(self.precision, other.precision),
        )


@dataclass(frozen=True, eq=False)
class KernelSums:
    """Finished sums: log S and the moments of the pulls c_j u_j under the weights p_j = e_j / Σ e."""

    log_sum: FloatArray  # (m, k)  log Σ exp(-t_j)
    mean_square: (
        FloatArray  # (m, k)  Σ p_j c_j ‖u_j‖², where derivatives (not on a mesh) or ``radial`` were asked for
    )
    mean: FloatArray  # (m, k, d)  Σ p_j c_j u_j
    covariance: FloatArray  # (m, k, d, d)  Σ p_j (c_j u_j - mean)(c_j u_j - mean)ᵀ
    mean_precision: FloatArray  # (m, k)  Σ p_j c_j, where derivatives were asked for: 1 without factors
    log_sum_low: (
        FloatArray  # (m, k)  what log_sum lost when it was rounded, where the method knows it, else 0
    )

    @classmethod
    def empty(cls, m: int, k: int, d: int, order: int) -> Self:
        """Return arrays to be filled by rows: uninitialised, but for the precision, which is 1, and ``log_sum_low``."""
        d1, d2 = d if order > 0 else 0, d if order > 1 else 0
        return cls(
            np.empty((m, k)), np.empty((m, k)), np.empty((m, k, d1)), np.empty((m, k, d2, d2)), np.ones((m, k)),
            np.zeros((m, k)),
        )  # fmt: skip

    def rows(self, index: slice | IntArray) -> Self:
        """Return a copy of some rows."""
        return type(self)(
            self.log_sum[index], self.mean_square[index], self.mean[index], self.covariance[index],
            self.mean_precision[index], self.log_sum_low[index],
        )  # fmt: skip

    def fill(self, rows: slice | IntArray, state: State) -> None:
        """Finish a state into these rows."""
        total = state.total
        self.log_sum[rows] = np.log(total) - state.lowest
        self.mean_square[rows] = 2.0 * state.spread / total
        mean = state.first / total[..., None]
        self.mean[rows] = mean
        if mean.shape[-1]:
            self.mean_precision[rows] = state.precision / total
        if self.covariance.shape[-1]:
            second = state.second / total[..., None, None]
            second -= mean[..., :, None] * mean[..., None, :]
            upper = _upper(second.shape[-1])
            second[..., upper[0], upper[1]] = second[..., upper[1], upper[0]]
            self.covariance[rows] = second

    def put(self, rows: IntArray, columns: slice | IntArray, part: "KernelSums") -> None:
        """Copy finished sums into these rows, at these bandwidths."""
        k = self.log_sum.shape[1]
        at: Any = (
            rows if k == 1 else (rows[:, None], np.arange(k)[columns])
        )  # one index array takes half the time
        for field in fields(self):
            values = getattr(part, field.name)
            if values.size:
                getattr(self, field.name)[at] = values
