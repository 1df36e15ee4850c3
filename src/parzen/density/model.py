"""A fitted density: samples, weights and a bandwidth, ready for the kernel sums. Immutable."""

import math
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from parzen.bandwidth.matrix import Scale, Whitened
from parzen.errors import InputError
from parzen.kernel_sums import Evaluation, Plan, Points, Request, Sources, evaluate, make_plan, prepare
from parzen.kernel_sums.dense import MAX_DIMENSION
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.typing import FloatArray, IntArray
from parzen.validation import require_range

__all__ = ["Model"]

_LOG_2PI = np.log(np.longdouble("6.28318530717958647692528676655900577"))

#: Samples that a centre is made from.
_CENTRE_SAMPLES = 255

#: Spreads of the middle half of the samples within which 0 will do as their centre; binary digits of a spread that
#: another centre has.
_NEAR, _CENTRE_DIGITS = 1.25, 4

#: Nats by which a sample outweighs all others so that digits would be lost.
_OUTWEIGHS = 16.0

#: Differences of values below this cannot overflow.
_NO_OVERFLOW = 0.5 * np.finfo(np.float64).max


def _centre(samples: FloatArray) -> FloatArray:
    """Return a point near most samples: the mean of the middle half of a few of them, along each axis.

    Any point gives the same density; near ones cost fewer digits. A mean would be dragged away by one outlier. In few
    dimensions, where differences are taken directly, it is 0 if that is as near, or else has so few digits that
    samples around it are shifted without any rounding.
    """
    n, d = samples.shape
    few = np.sort(samples[:: -(-n // _CENTRE_SAMPLES)], axis=0)
    quarter = len(few) // 4
    middle = few[quarter : len(few) - quarter]
    mean = np.asarray(np.mean(middle / len(middle), axis=0) * len(middle))
    if d > MAX_DIMENSION:
        return mean
    spread = middle[-1] - middle[0]
    step = np.ldexp(1.0, np.maximum(np.frexp(spread)[1] - _CENTRE_DIGITS, -1000))
    with np.errstate(over="ignore"):
        rounded = step * np.rint(mean / step)
    fits = (spread > 0.0) & np.isfinite(rounded)
    return np.where(np.abs(mean) / _NEAR <= spread, 0.0, np.where(fits, rounded, mean))


@dataclass(frozen=True, eq=False)
class Model:
    """Samples with positive weights, and the bandwidth that whitens them."""

    given: FloatArray  # (n_given, d)
    samples: FloatArray  # (n, d), those with weight > 0
    weights: FloatArray | None  # (n,), or None for equal
    index: IntArray | None  # (n_given,) row in `samples` of each sample given, -1 where its weight is zero
    scale: Scale
    centre: FloatArray  # (d,)
    factors: FloatArray | None = None  # (n,) by which the bandwidth of each sample is multiplied, None for 1

    @classmethod
    def of(cls, samples: FloatArray, weights: FloatArray | None, scale: Scale) -> Self:
        """Drop samples without weight and choose the centre."""
        given, index = samples, None
        if weights is not None:
            keep = weights > 0
            if not keep.all():
                index = np.where(keep, np.cumsum(keep) - 1, -1)
                samples, weights = samples[keep], weights[keep]
            if np.ptp(weights) == 0:
                weights = None
        require_range(samples)
        return cls(given, samples, weights, index, scale, _centre(samples))

    @cached_property
    def _corners(self) -> tuple[FloatArray, FloatArray]:
        """The least and the largest value of each feature, (d,) each."""
        return self.samples.min(axis=0), self.samples.max(axis=0)

    def _require_reach(self, queries: FloatArray, name: str) -> None:
        """Refuse queries whose distance from some sample overflows before it is divided by the bandwidth."""
        low, high = self._corners
        if max(-queries.min(), queries.max(), -low.min(), high.max()) < _NO_OVERFLOW:
            return
        with np.errstate(over="ignore"):
            fits = np.isfinite(np.maximum(queries, high) - np.minimum(queries, low)).all(axis=1)
        if not fits.all():
            row = int(np.argmin(fits))
            raise InputError(
                f"`{name}` must lie within the range of float64 from every sample; got a row, {row}, with "
                f"values up to {np.abs(queries[row]).max():.3g}. Rescale the data first."
            )

    @property
    def given_factors(self) -> FloatArray | None:
        """The factors of the samples given, (n_given,); nan for those without weight. None without factors."""
        if self.factors is None or self.index is None:
            return self.factors
        return np.asarray(np.where(self.index >= 0, self.factors[self.index], np.nan))

    def __getstate__(self) -> dict[str, object]:
        """Pickle what defines the density, not the layouts made from it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def d(self) -> int:
        """Dimension."""
        return int(self.samples.shape[1])

    @cached_property
    def sources(self) -> Sources:
        """The samples as sources of kernel sums."""
        offsets = precisions = None
        if self._log_heights is not None:
            exact = self._log_heights.max() - self._log_heights
            high = exact.astype(np.float64)
            offsets = DoubleDouble(high, (exact - high).astype(np.float64))
        if self.factors is not None:
            factors = DoubleDouble.of(self.factors)
            precisions = DoubleDouble.of(np.ones(len(self.factors))).over(factors.times(factors))
        return Sources(Whitened(self.samples, self.centre, self.scale), offsets, precisions)

    @cached_property
    def _log_heights(self) -> Any:
        """Log of w_j / (w_max λ_jᵈ), up to a constant how high each sample's kernel is, in extended precision.

        A log of 700 has 1e-13 as its last digit. None where all are 0.
        """
        if self.weights is None and self.factors is None:
            return None
        weights = np.ones(len(self.samples)) if self.weights is None else self.weights
        logs = np.log(weights.astype(np.longdouble))
        logs -= logs.max()
        if self.factors is not None:
            logs -= self.d * np.log(self.factors.astype(np.longdouble))
        return logs

    @cached_property
    def log_total_weight(self) -> float:
        """Log Σw, relative to the largest weight."""
        if self.weights is None:
            return math.log(len(self.samples))
        return math.log(math.fsum(self.weights / self.weights.max()))

    def points(self, queries: FloatArray) -> Points:
        """See queries through the same whitening."""
        return Whitened(queries, self.centre, self.scale)

    def plan(self, queries: FloatArray, request: Request) -> Plan:
        """Return what `evaluate` would do."""
        self._require_reach(queries, "X")
        return make_plan(self.sources, self.points(queries), request)

    def prepare(self, queries: FloatArray, request: Request) -> Plan:
        """Return the plan, and make what it keeps with the samples."""
        plan = self.plan(queries, request)
        prepare(self.sources, plan, request)
        return plan

    def evaluate(self, queries: FloatArray, request: Request, name: str = "X") -> Evaluation:
        """Evaluate the kernel sums at raw queries, (m, d), which messages call ``name``."""
        self._require_reach(queries, name)
        return evaluate(self.sources, self.points(queries), request)

    def log_normaliser(self, log_h: FloatArray | float = 0.0) -> Any:
        """Return what is subtracted from log S for a bandwidth ``exp(log_h)`` times this one, in extended precision.

        With narrow bandwidths or many dimensions it may cancel all but a few digits of log S.
        """
        highest = 0.0 if self.factors is None else self._log_heights.max()
        return self.log_total_weight - highest + 0.5 * self.d * _LOG_2PI + self.scale.log_det + self.d * log_h

    def without_the_heaviest(self) -> "tuple[int, Model] | None":
        """Return which of the samples given outweighs all others by 16 nats, and the model of the others; else None.

        Sums and weights that are told relative to the heaviest would cancel where it is left out.
        """
        if self.weights is None or len(self.samples) < 2:
            return None
        heaviest = int(np.argmax(self.weights))
        others = np.arange(len(self.samples)) != heaviest
        rest = self.weights[others]
        if not np.log(self.weights[heaviest]) - np.log(rest.max()) > _OUTWEIGHS:
            return None
        model = type(self).of(self.samples[others], rest, self.scale)
        if self.factors is not None:
            model = replace(model, factors=self.factors[others])
        row = heaviest if self.index is None else int(np.flatnonzero(self.index == heaviest)[0])
        return row, model

    def leave_one_out_log_total(self) -> FloatArray:
        """Log (Σw - w_i) relative to the largest weight, for each sample given, without cancellation."""
        n = len(self.samples)
        if self.weights is None:
            rest = np.full(n, float(n - 1))
        else:
            heaviest = int(np.argmax(self.weights))
            w = self.weights / self.weights[heaviest]
            before = np.concatenate([[0.0], np.cumsum(w)[:-1]])
            after = np.concatenate([np.cumsum(w[::-1])[::-1][1:], [0.0]])
            rest = before + after
        logs = np.log(rest, out=np.full(n, -np.inf), where=rest > 0)
        if self.weights is not None:
            # without the heaviest, the others are summed on their own scale
            others = np.delete(self.weights, heaviest)
            ratio = np.longdouble(others.max()) / np.longdouble(self.weights[heaviest])
            logs[heaviest] = math.log(math.fsum(others / others.max())) + float(np.log(ratio))
        if self.index is None:
            return np.asarray(logs)
        return np.asarray(np.where(self.index >= 0, logs[self.index], self.log_total_weight))
