r"""Sums over all pairs of samples from one Fourier transform, d ≤ 3: Σ_ij w_i w_j φ_s(x_i - x_j), unbinned.

With F(ξ) = Σ_j w_j e^{-2πi ξ·x_j} and P = |F|², Parseval's identity turns a sum over n² pairs into one over
frequencies,

.. math:: \sum_{ij} w_i w_j\, \varphi_H(x_i - x_j) = \Delta^d \sum_k e^{-2\pi^2 \xi_k^T H \xi_k} P_k,
          \quad \xi_k = k\Delta,

and a derivative ∂_a multiplies by 2πi ξ_a. P costs one non-uniform FFT of the samples; every further bandwidth,
derivative or covariance costs a sum over the frequencies. All terms of a sum of even order have one sign, so that
nothing cancels, unlike in the sum over pairs.

The period 1/Δ must be longer than the data by the reach of the kernel. Empty stretches longer than that reach are
cut out first, axis by axis: no pair within reach changes, so that outliers cost nothing.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from parzen.errors import MemoryLimitError
from parzen.typing import FloatArray, IntArray

__all__ = ["MAX_DIMENSION", "PairSums"]

#: Beyond, frequencies are too many.
MAX_DIMENSION = 3

#: Relative accuracy asked of the transform.
_EPS = 1e-14

#: 2πsξ at the highest frequency: e^{-v²/2} vᵏ is below 1e-15 of its integral for k ≤ 10.
_HIGHEST = 10.5

#: Bytes of powers that one transform may keep; its temporaries stay under four times that.
_LIMIT = 2**27

#: How far beyond the bandwidth asked for a transform is made, so that the next ones find it: by dimension.
_MARGIN = {1: 6.0, 2: 2.0, 3: 1.5}


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """Powers P at the frequencies with k₁ ≥ 0, doubled where k₁ > 0; good for bandwidths from low to high."""

    low: FloatArray  # (d,)
    high: FloatArray  # (d,)
    frequencies: tuple[FloatArray, ...]  # of each axis: (K₁ + 1,), then (2K_a + 1,)
    powers: FloatArray  # (K₁ + 1, 2K₂ + 1, …), with the volume of a cell

    def covers(self, low: FloatArray, high: FloatArray) -> bool:
        """Whether sums for these bandwidths can be had."""
        return bool(np.all(self.low <= low) and np.all(high <= self.high))


class PairSums:
    """Sums over all pairs of samples, self pairs included; the weights are made to sum to 1.

    Parameters
    ----------
    samples : ndarray of shape (n, d)
        d ≤ 3.
    weights : ndarray of shape (n,), optional
        w, non-negative, with a positive sum.
    partners : ndarray of shape (n,), optional
        Other weights v for the second sample of each pair: Σ_ij w_i v_j φ_s(x_i - x_j). Default: the same ones.

    Notes
    -----
    Cost: a transform, O(n + K log K) with K = Π (about 1.7 · (extent/s + 180)) frequencies, for each stretch of
    bandwidths (a factor 36 in one dimension); after that O(K) a sum. Relative error about 1e-12. Memory: at most 1 GiB.
    """

    def __init__(
        self, samples: FloatArray, weights: FloatArray | None = None, partners: FloatArray | None = None
    ) -> None:
        n, d = samples.shape
        self.n, self.d = n, d
        self.weights = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
        self.partners = partners
        #: Σ w_i v_i: what the self pairs weigh; 1/n for equal weights
        self.self_weight = float(np.sum(self.weights * (self.weights if partners is None else partners)))
        # about a sample, and in units in which no square over- or underflows
        with np.errstate(over="ignore"):
            centred = samples - samples[n // 2]
        largest = float(np.max(np.abs(centred)))
        self.unit = 2.0 ** math.frexp(largest)[1] if largest > 0 else 1.0
        self._points = centred / self.unit
        self._gaps: list[tuple[IntArray, FloatArray]] | None = None
        self._spectra: list[_Spectrum] = []

    def fits(self, smallest: float | FloatArray, largest: float | FloatArray) -> bool:
        """Whether a transform for all bandwidths in this range, scalar or (d,), stays under the limit."""
        return 8.0 * self.n_frequencies(smallest, largest) <= _LIMIT

    def n_frequencies(self, smallest: float | FloatArray, largest: float | FloatArray) -> float:
        """Return how many frequencies a transform for all bandwidths in this range has, scalar or (d,)."""
        low = np.broadcast_to(np.asarray(smallest) / self.unit, self.d)
        high = np.broadcast_to(np.asarray(largest) / self.unit, self.d)
        shape = self._shape(low, [extent for _, extent in self._compacted(high)], high)
        return math.prod(map(float, shape))

    def prepare(self, smallest: float, largest: float, most: float = 0.0) -> None:
        """Make one transform for all bandwidths in this range, of at most ``most`` frequencies, or one per sample."""
        low, high = (np.full(self.d, s / self.unit) for s in (smallest, largest))
        if not any(spectrum.covers(low, high) for spectrum in self._spectra):
            made = self._transform(low, high, limit=8 * int(max(self.n, 2**14, most)))
            self._spectra += [] if made is None else [made]

    def pair_sum(self, s: float | FloatArray, orders: tuple[int, ...] | None = None) -> float:
        """Σ_ij w_i w_j ∂^orders φ_s(x_i - x_j).

        Parameters
        ----------
        s : float or ndarray of shape (d,)
            Standard deviations of the Gaussian φ_s.
        orders : tuple of d ints, default all 0
            How often to differentiate along each axis; the sum of the orders is at most 10. An odd sum gives 0.

        Raises
        ------
        MemoryLimitError
            ``s`` is so small beside the extent of the samples that the frequencies are too many.
        """
        orders = orders or (0,) * self.d
        if sum(orders) % 2:
            return 0.0
        scale = np.broadcast_to(np.asarray(s, dtype=np.float64) / self.unit, self.d)
        spectrum = self._spectrum(scale, scale)
        factors = []
        for xi, sigma, order in zip(spectrum.frequencies, scale, orders, strict=True):
            v = 2.0 * math.pi * sigma * xi
            factors.append(np.exp(-0.5 * v * v) * v**order)
        # the last axis first; not by BLAS, whose threads would wait for each other at this size
        total = spectrum.powers
        for factor in reversed(factors):
            total = np.einsum("...k,k->...", total, factor)
        sign = -1.0 if (sum(orders) // 2) % 2 else 1.0
        units = math.prod((float(h) * self.unit) ** order for h, order in zip(scale, orders, strict=True))
        return float(sign * float(total) / units / self.unit**self.d)

    def pair_sum_full(self, H: FloatArray) -> tuple[float, FloatArray]:
        """Σ_ij w_i w_j φ_H(x_i - x_j) for a covariance H, (d, d), and its derivative by H, (d, d), symmetric.

        The derivative is that by a matrix whose entries are free: dG = Σ_ab D_ab dH_ab.

        Raises
        ------
        MemoryLimitError
            As in `pair_sum`.
        """
        covariance = H / self.unit / self.unit
        low = 1.0 / np.sqrt(np.diag(np.linalg.inv(covariance)))
        spectrum = self._spectrum(low, np.sqrt(np.diag(covariance)))
        axes = np.meshgrid(*(2.0 * math.pi * xi for xi in spectrum.frequencies), indexing="ij", sparse=True)
        exponent = sum(
            (covariance[a, b] * axes[a] * axes[b] for a in range(self.d) for b in range(self.d)), np.zeros(())
        )
        terms = spectrum.powers * np.exp(-0.5 * exponent)
        derivative = np.empty((self.d, self.d))
        for a in range(self.d):
            for b in range(a + 1):
                derivative[a, b] = derivative[b, a] = -0.5 * float(np.sum(terms * (axes[a] * axes[b])))
        volume = self.unit**self.d
        return float(np.sum(terms)) / volume, derivative / volume / self.unit / self.unit

    def with_slope(self, s: float) -> tuple[float, float]:
        """Return Σ_ij w_i w_j φ_s(x_i - x_j) and its derivative by log s, since ∂φ_s/∂ log s = s² Δφ_s."""
        laplacian = sum(
            self.pair_sum(s, tuple(2 if a == b else 0 for b in range(self.d))) for a in range(self.d)
        )
        return self.pair_sum(s), s * s * laplacian

    def _spectrum(self, low: FloatArray, high: FloatArray) -> _Spectrum:
        """Return a transform for these bandwidths, in units of `unit`: one that is there, or a new one."""
        for spectrum in self._spectra:
            if spectrum.covers(low, high):
                return spectrum
        margin = _MARGIN[self.d]
        made = self._transform(low / margin, high * margin) or self._transform(low, high)
        if made is None:
            raise MemoryLimitError(
                f"`bandwidth` must be larger beside the extent of the samples; got {float(low.min()) * self.unit:.3g}, "
                f"at which {self.n} samples in {self.d} dimensions need more than {_LIMIT / 2**20:.0f} MiB of "
                "frequencies. Use fewer samples, or remove outliers."
            )
        kept = sum(spectrum.powers.nbytes for spectrum in self._spectra)
        if kept + made.powers.nbytes > _LIMIT:
            self._spectra.clear()
        self._spectra.append(made)
        return made

    def _compacted(self, high: FloatArray) -> list[tuple[FloatArray, float]]:
        """Return the coordinates of each axis without empty stretches longer than the reach, and their extent."""
        if self._gaps is None:
            orders = [np.argsort(x, kind="stable") for x in self._points.T]
            self._gaps = [(order, np.diff(x[order])) for x, order in zip(self._points.T, orders, strict=True)]
        compacted = []
        for x, (order, gaps), reach in zip(self._points.T, self._gaps, self._reach(high), strict=True):
            excess = np.maximum(gaps - reach, 0.0)
            shift = np.zeros(self.n)
            shift[order[1:]] = np.cumsum(excess)  # the same for near points, to the last bit
            short = x - shift
            short -= 0.5 * (short.min() + short.max())
            compacted.append((short, float(np.ptp(short))))
        return compacted

    def _reach(self, high: FloatArray) -> FloatArray:
        """Return the distance beyond which no pair counts: e^{-ρ²/2} below 1e-15 of a self pair's share."""
        return np.asarray(high * (math.sqrt(2.0 * (math.log(self.n) + 36.0)) + 1.5))

    def _shape(self, low: FloatArray, extents: list[float], high: FloatArray) -> tuple[int, ...]:
        """Return the number of frequencies of each axis."""
        periods = np.array(extents) + self._reach(high)
        highest = np.minimum(np.ceil(_HIGHEST / (2.0 * math.pi * low) * periods), 1e9)
        return (int(highest[0]) + 1, *(2 * int(k) + 1 for k in highest[1:]))

    def _transform(self, low: FloatArray, high: FloatArray, limit: int = _LIMIT) -> _Spectrum | None:
        """Transform the samples for a range of bandwidths; None where the powers would exceed ``limit`` bytes."""
        import finufft

        compacted = self._compacted(high)
        shape = self._shape(low, [extent for _, extent in compacted], high)
        if 8.0 * math.prod(shape) > min(limit, _LIMIT):
            return None
        steps = 1.0 / (np.array([extent for _, extent in compacted]) + self._reach(high))
        angles = [2.0 * math.pi * step * x for step, (x, _) in zip(steps, compacted, strict=True)]
        transform = {1: finufft.nufft1d1, 2: finufft.nufft2d1, 3: finufft.nufft3d1}[self.d]
        powers = np.empty(shape)
        # bands of the first axis: the complex values and their finer grid take up to 9 times the memory
        rows = max(1, min(shape[0], _LIMIT // (16 * 2 * math.prod(shape[1:]) * 2**self.d)))
        for start in range(0, shape[0], rows):
            stop = min(start + rows, shape[0])
            middle = start + (stop - start) // 2
            turned = np.exp(-1j * middle * angles[0])
            band = (stop - start, *shape[1:])

            def transformed(weights: FloatArray, turned: Any = turned, band: tuple[int, ...] = band) -> Any:
                # one thread: more would add in another order each time
                return transform(*angles, weights * turned, band, eps=_EPS, isign=-1, nthreads=1)

            values = transformed(self.weights)
            others = values if self.partners is None else transformed(self.partners)
            powers[start:stop] = values.real * others.real + values.imag * others.imag
        powers[1:] *= 2.0  # P(-k) = P(k)
        powers *= float(np.prod(steps))
        first = np.arange(shape[0]) * steps[0]
        rest = ((np.arange(m) - m // 2) * step for m, step in zip(shape[1:], steps[1:], strict=True))
        return _Spectrum(low, high, (first, *rest), powers)
