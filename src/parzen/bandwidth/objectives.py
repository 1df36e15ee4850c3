"""What cross-validation maximises, with exact derivatives: the log-likelihood of points left out, and minus LSCV.

Each objective is a function of a bandwidth in standard coordinates: along the line of scalar bandwidths h, many at
a time, and at a lower triangular factor L (H = L Lᵀ), one at a time. Derivatives by a factor are relative ones, by a
lower triangular E where L becomes L (I + E). For Σ_i R_i log f_i with Σ_i R_i = 1 that is tril(M - I), where M is
the second moment of `pair_sums` in coordinates whitened by L.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Self

import numpy as np

from parzen.bandwidth.pair_sums import Pairs
from parzen.bandwidth.selector import Options
from parzen.bandwidth.spectrum import PairSums
from parzen.bandwidth.standard import solve_lower
from parzen.typing import FloatArray, IntArray

__all__ = ["LeastSquares", "Likelihood", "Objective"]

_LOG_2PI = math.log(2.0 * math.pi)

#: Samples, by dimension, from which on LSCV is summed over frequencies.
_MANY = (300, 20_000, 100_000)


class Objective(Protocol):
    """A function of the bandwidth that is to be maximised."""

    def on_line(self, h: FloatArray, options: Options) -> tuple[FloatArray, FloatArray]:
        """Return the values and derivatives by log h at scalar bandwidths, (k,) each."""
        ...

    def at(self, L: FloatArray, options: Options) -> tuple[float, FloatArray]:
        """Return the value at a factor, and the relative derivative by its lower triangle, (d, d)."""
        ...

    def thinned(self, n: int) -> "Objective":
        """Return an estimate that leaves out about n points only, each under all the samples as before."""
        ...


def _log_rest(weights: FloatArray) -> FloatArray:
    """Log Σ_{j≠i} w_j for each i, without cancellation; Σw = 1, at least two positive weights."""
    heaviest = int(np.argmax(weights))
    rest = weights.sum() - weights  # no other weight is above half of the sum
    rest[heaviest] = math.fsum(np.delete(weights, heaviest))
    return np.asarray(np.log(rest))


def _some(n: int, m: int) -> IntArray:
    """Return m of n rows at random, always the same ones: a regular choice might follow the order of the samples."""
    return np.sort(np.random.default_rng(0).choice(n, min(n, m), replace=False))


def _log_total(log_terms: FloatArray) -> FloatArray:
    """Log Σ_i exp(t_i) along the first axis."""
    top = log_terms.max(axis=0)
    return np.asarray(top + np.log(np.sum(np.exp(log_terms - top), axis=0)))


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Mean log density of points under samples that they are not part of.

    Attributes
    ----------
    parts : sequence of (pairs, shares, log_total)
        Pairs of left-out points and samples; the points' shares in the mean, which add up to 1 over all parts; and
        the log of the total weight of the samples of each point.
    """

    parts: Sequence[tuple[Pairs, FloatArray, FloatArray | float]]

    @classmethod
    def leave_one_out(cls, points: FloatArray, weights: FloatArray) -> Self:
        """Each point under all others."""
        pairs = Pairs(points, points, np.log(weights), np.arange(len(points)))
        return cls([(pairs, weights / weights.sum(), _log_rest(weights))])

    @classmethod
    def of_folds(cls, points: FloatArray, weights: FloatArray, held_out: Sequence[IntArray]) -> Self:
        """The points of each fold under those outside of it; for one fold this is hold-out."""
        total = sum(float(weights[fold].sum()) for fold in held_out)
        parts = []
        for fold in held_out:
            rest = np.delete(np.arange(len(points)), fold)
            pairs = Pairs(points[fold], points[rest], np.log(weights[rest]), None)
            parts.append((pairs, weights[fold] / total, float(np.log(weights[rest].sum()))))
        return cls(parts)

    def on_line(self, h: FloatArray, options: Options) -> tuple[FloatArray, FloatArray]:
        """See `Objective`."""
        values, slopes = np.zeros(len(h)), np.zeros(len(h))
        for pairs, shares, log_total in self.parts:
            d = pairs.sources.shape[1]
            sums = pairs.sums(h, options)
            values += shares @ sums.log_sum - shares @ np.broadcast_to(log_total, shares.shape)
            values -= shares.sum() * d * (0.5 * _LOG_2PI + np.log(h))
            slopes += shares @ sums.mean_square - shares.sum() * d
        return values, slopes

    def at(self, L: FloatArray, options: Options) -> tuple[float, FloatArray]:
        """See `Objective`."""
        value, M = -0.5 * len(L) * _LOG_2PI - float(np.sum(np.log(np.diag(L)))), np.zeros_like(L)
        for pairs, shares, log_total in self.parts:
            white = _whitened(pairs, L)
            sums = white.sums_for_moment(options)
            value += float(shares @ (sums.log_sum[:, 0] - log_total))
            M += white.second_moment(shares, sums, options, symmetric=False)
        return value, np.tril(M - np.eye(len(L)))

    def thinned(self, n: int) -> "Likelihood":
        """See `Objective`."""
        share = n / sum(len(shares) for _, shares, _ in self.parts)
        parts: list[tuple[Pairs, FloatArray, FloatArray | float]] = []
        for pairs, shares, log_total in self.parts:
            some = _some(len(shares), math.ceil(share * len(shares)))
            parts.append(
                (pairs.of_queries(some), shares[some], np.broadcast_to(log_total, shares.shape)[some])
            )
        total = sum(float(shares.sum()) for _, shares, _ in parts)
        return Likelihood([(pairs, shares / total, log_total) for pairs, shares, log_total in parts])


def _whitened(pairs: Pairs, L: FloatArray) -> Pairs:
    """Return the same pairs in coordinates in which L is the identity."""
    sources = solve_lower(L, pairs.sources)
    queries = sources[pairs.own] if pairs.own is not None else solve_lower(L, pairs.queries)
    return Pairs(queries, sources, pairs.log_weights, pairs.own)


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """Minus the least-squares cross-validation, 2 Σ_i w_i f̂_{-i}(x_i) - ∫ f̂².

    With Σw = 1, f̂_{-i} divides by 1 - w_i, and ∫ f̂² = Σ_ij w_i w_j φ_{2H}(x_i - x_j), i = j included.
    """

    points: FloatArray  # (n, d)
    weights: FloatArray  # (n,), sum 1
    some: IntArray | None = None  # the points i that the sums go over, which are estimates then

    def _log_terms(self, log_sum: FloatArray, own: bool) -> FloatArray:
        """Log of each sample's share in one of the two sums, without the kernel's constant."""
        rows = self._rows
        log_row = np.log(self.weights[rows]) - math.log(float(self.weights[rows].sum()))
        return (log_row - _log_rest(self.weights)[rows] if own else log_row)[:, None] + log_sum

    @property
    def _rows(self) -> IntArray:
        """The points i."""
        return np.arange(len(self.points)) if self.some is None else self.some

    def on_line(self, h: FloatArray, options: Options) -> tuple[FloatArray, FloatArray]:
        """See `Objective`."""
        if self.by_frequencies:
            for spectrum in self._spectra:
                spectrum.prepare(float(h.min()), math.sqrt(2.0) * float(h.max()))
            looks = [self._at_frequencies(float(value)) for value in h]
            return np.array([value for value, _ in looks]), np.array([slope for _, slope in looks])
        d = self.points.shape[1]
        values, slopes = np.zeros(len(h)), np.zeros(len(h))
        for pairs, factor, width in self._two_sums():
            sums = pairs.sums(width * h, options)
            log_terms = self._log_terms(sums.log_sum, pairs.own is not None)
            log_total = _log_total(log_terms)
            R = np.exp(log_terms - log_total)
            total = factor * np.exp(log_total - d * (0.5 * _LOG_2PI + np.log(width * h)))
            values += total
            slopes += total * (np.sum(R * sums.mean_square, axis=0) - d)
        return values, slopes

    def at(self, L: FloatArray, options: Options) -> tuple[float, FloatArray]:
        """See `Objective`."""
        if self.by_frequencies and self._fits(L):
            return self._factor_at_frequencies(L)
        value, slope = 0.0, np.zeros_like(L)
        whole = self.some is None
        equal = np.ptp(self.weights) == 0
        for pairs, factor, width in self._two_sums():
            white = _whitened(pairs, width * L)
            sums = white.sums_for_moment(options)
            left_out = pairs.own is not None
            log_terms = self._log_terms(sums.log_sum, left_out)
            log_total = float(_log_total(log_terms)[0])
            R = np.exp(log_terms[:, 0] - log_total)
            log_det = float(np.sum(np.log(width * np.diag(L))))
            total = factor * math.exp(log_total - 0.5 * len(L) * _LOG_2PI - log_det)
            M = white.second_moment(R, sums, options, symmetric=whole and (equal or not left_out))
            value += total
            slope += total * np.tril(M - np.eye(len(L)))
        return value, slope

    def thinned(self, n: int) -> "LeastSquares":
        """See `Objective`."""
        if self.by_frequencies:
            return self
        return replace(self, some=_some(len(self.points), n))

    @property
    def by_frequencies(self) -> bool:
        """Whether bandwidths are looked at through one Fourier transform instead of n² pairs each."""
        n, d = self.points.shape
        return self.some is None and d <= len(_MANY) and bool(n >= _MANY[d - 1])

    def least_by_frequencies(self, h: float) -> float:
        """Return the least scalar bandwidth from h on, to a factor 1.5, at which a transform is not too large."""
        while not self._spectra[0].fits(h, h):
            h *= 1.5
        return h

    @cached_property
    def _spectra(self) -> tuple[PairSums, PairSums]:
        """All pairs with w_i w_j, and with w_i w_j / (1 - w_j) as the density without j has it; self pairs included."""
        everything = PairSums(self.points, self.weights)
        if np.ptp(self.weights) == 0:
            return everything, everything
        return everything, PairSums(self.points, self.weights, self.weights / np.exp(_log_rest(self.weights)))

    def _at_frequencies(self, h: float) -> tuple[float, float]:
        """Return the value and the derivative by log h at one bandwidth."""
        everything, others = self._spectra
        d = self.points.shape[1]
        wide, wide_slope = everything.with_slope(math.sqrt(2.0) * h)
        value, slope = others.with_slope(h)
        own = others.self_weight * math.exp(-d * (0.5 * _LOG_2PI + math.log(h)))
        factor = 2.0 / self._rest
        return factor * (value - own) - wide, factor * (slope + d * own) - wide_slope

    def _factor_at_frequencies(self, L: FloatArray) -> tuple[float, FloatArray]:
        """Return the value at a factor, and the relative derivative."""
        everything, others = self._spectra
        H = L @ L.T
        wide, by_wide = everything.pair_sum_full(2.0 * H)
        value, by_H = others.pair_sum_full(H)
        own = others.self_weight * math.exp(-0.5 * len(L) * _LOG_2PI - float(np.sum(np.log(np.diag(L)))))
        factor = 2.0 / self._rest
        slope = factor * (2.0 * L.T @ by_H @ L + own * np.eye(len(L))) - 4.0 * L.T @ by_wide @ L
        return factor * (value - own) - wide, np.tril(slope)

    @property
    def _rest(self) -> float:
        """What the sum over the other samples is still to be divided by."""
        everything, others = self._spectra
        return 1.0 - everything.self_weight if others is everything else 1.0

    def _fits(self, L: FloatArray) -> bool:
        """Whether a transform is not too large for a factor; a narrow one is summed over pairs."""
        H = L @ L.T
        narrowest = 1.0 / np.sqrt(np.diag(np.linalg.inv(H)))
        return self._spectra[0].fits(narrowest, np.sqrt(2.0 * np.diag(H)))

    def _two_sums(self) -> list[tuple[Pairs, float, float]]:
        """Return the pairs, the sign and factor, and the kernel's width in bandwidths, of both sums."""
        log_weights = np.log(self.weights)
        rows = self._rows
        everything = Pairs(self.points[rows], self.points, log_weights, None)
        others = replace(everything, own=rows)
        return [(others, 2.0, 1.0), (everything, -1.0, math.sqrt(2.0))]
