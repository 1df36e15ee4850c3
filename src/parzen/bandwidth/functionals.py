"""Integrated derivatives of a density, ψ_α = ∫ f D^α f, |α| = s: all of one order at once, in multi-index form.

A symmetric tensor of order s in d dimensions has C(d+s-1, s) different entries instead of dˢ (3003 instead of 60
million at s = 10, d = 6). They are kept in a vector in the order of `multi_indices`, each standing for s!/α! entries.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np

from parzen.bandwidth.spectrum import MAX_DIMENSION, PairSums
from parzen.kernel_sums.threads import Step, run_tasks
from parzen.typing import FloatArray, IntArray, Progress

__all__ = [
    "at_zero", "contract", "functional_sums", "multi_indices", "multiplicities", "pays_over_pairs", "raised",
    "sums_over_frequencies", "sums_over_pairs",
]  # fmt: skip

#: Samples in the blocks whose pairs are handled together: their Hermite polynomials stay in the L2 cache.
_ROWS, _COLUMNS = 32, 128

#: What a frequency costs, and the start of a transform, in pairs: 0.5 to 1 µs and 1 ms against 0.1 to 0.3 µs.
_FREQUENCY, _START = 4.0, 4000.0

#: Squared distance beyond which even He₁₀(u) φ(u) is nothing beside φ(0).
_NEGLIGIBLE = 180.0


@lru_cache(maxsize=128)
def multi_indices(d: int, s: int) -> IntArray:
    """Return all α with |α| = s, (N, d)."""
    chosen = list(combinations_with_replacement(range(d), s))
    return np.array([[axes.count(a) for a in range(d)] for axes in chosen], dtype=np.int64).reshape(
        len(chosen), d
    )


@lru_cache(maxsize=128)
def _position(d: int, s: int) -> dict[tuple[int, ...], int]:
    """Return where each multi-index stands."""
    return {tuple(map(int, alpha)): i for i, alpha in enumerate(multi_indices(d, s))}


@lru_cache(maxsize=128)
def multiplicities(d: int, s: int) -> FloatArray:
    """Return s!/α!: how many entries of the tensor each multi-index stands for, (N,)."""
    return np.array([
        math.factorial(s) / math.prod(math.factorial(int(k)) for k in alpha) for alpha in multi_indices(d, s)
    ])  # fmt: skip


@lru_cache(maxsize=128)
def raised(d: int, s: int) -> IntArray:
    """Return where α + e_a + e_b stands among the multi-indices of order s + 2, (N, d, d)."""
    unit = np.eye(d, dtype=np.int64)
    position = _position(d, s + 2)
    alphas = multi_indices(d, s)[:, None, None, :] + unit[:, None, :] + unit[None, :, :]
    return np.array([position[tuple(map(int, a))] for a in alphas.reshape(-1, d)]).reshape(-1, d, d)


def contract(psi: FloatArray, s: int, G: FloatArray) -> FloatArray:
    """Return Σ_ab G_ab ψ_{α+e_a+e_b} for all |α| = s, from ψ of order s + 2."""
    return np.asarray(np.einsum("nab,ab->n", psi[raised(len(G), s)], G))


@lru_cache(maxsize=128)
def _recursion(d: int, s: int) -> tuple[IntArray, FloatArray, IntArray]:
    """Return, for each α of order s: its first axis a, the counts β_b of β = α - e_a, and where β - e_b stands."""
    alphas = multi_indices(d, s)
    axis = np.argmax(alphas > 0, axis=1)
    beta = alphas - np.eye(d, dtype=np.int64)[axis]
    position = _position(d, s - 2)
    lower = np.zeros(alphas.shape, dtype=np.int64)
    for i, row in enumerate(beta):
        for b in np.flatnonzero(row):
            less = [int(k) - (c == b) for c, k in enumerate(row)]
            lower[i, b] = position[tuple(less)]
    return axis, beta.astype(np.float64), lower


def at_zero(G: FloatArray, s: int) -> FloatArray:
    """Return D^α φ_G(0) for all |α| = s, s even: (-1)^{s/2} φ_G(0) E Z^α with Z ~ N(0, G⁻¹), by Isserlis' recursion."""
    d = len(G)
    A = np.linalg.inv(G)
    moments = np.ones(1)
    for order in range(2, s + 1, 2):
        axis, counts, lower = _recursion(d, order)
        moments = np.sum(A[axis] * counts * moments[lower], axis=1)
    density = math.exp(-0.5 * (d * math.log(2.0 * math.pi) + float(np.linalg.slogdet(G)[1])))
    return np.asarray((-1.0) ** (s // 2) * density * moments)


def functional_sums(
    y: FloatArray, weights: FloatArray, s: int, workers: int, progress: Progress | None
) -> FloatArray:
    """Return Σ_ij w_i w_j D^α φ(y_i - y_j) for all |α| = s, s even, φ standard normal, i = j included; Σw = 1.

    In up to three dimensions over frequencies, where these are fewer than the pairs; else over pairs: see
    `sums_over_frequencies` and `sums_over_pairs`, which agree in about 12 digits.
    """
    if y.shape[1] <= MAX_DIMENSION:
        sums = PairSums(y, weights)
        if pays_over_pairs(sums, 1.0, 1.0):
            return sums_over_frequencies(sums, s)
    return sums_over_pairs(y, weights, s, workers, progress)


def pays_over_pairs(sums: PairSums, smallest: float | FloatArray, largest: float | FloatArray) -> bool:
    """Whether a transform for these bandwidths costs less than one pass over all pairs."""
    return sums.fits(smallest, largest) and (
        _START + _FREQUENCY * sums.n_frequencies(smallest, largest) <= 0.5 * sums.n**2
    )


def sums_over_frequencies(sums: PairSums, s: int) -> FloatArray:
    """Return Σ_ij w_i w_j D^α φ(y_i - y_j) for all |α| = s ≤ 10 from one Fourier transform; Σw is made 1."""
    sums.prepare(1.0, 1.0, most=sums.n_frequencies(1.0, 1.0))
    return np.array([sums.pair_sum(1.0, tuple(map(int, alpha))) for alpha in multi_indices(sums.d, s)])


def sums_over_pairs(
    y: FloatArray, weights: FloatArray, s: int, workers: int, progress: Progress | None
) -> FloatArray:
    """Return the sums over n²/2 pairs, each for about C(d+s-1, s) multiplications through BLAS.

    D^α φ(u) = φ(u) Π_a He_{α_a}(u_a). The axes are split in two halves: all products of Hermite polynomials of the
    first half, times all of the second, summed over pairs, are matrix products.
    """
    n, d = y.shape
    half = (d + 1) // 2
    starts = range(0, n, _ROWS)
    results: list[list[FloatArray]] = [[] for _ in starts]

    def task(number: int, first: int) -> tuple[int, Callable[[Step], None]]:
        last = min(first + _ROWS, n)

        def work(step: Step) -> None:
            sums: list[FloatArray] = []
            for begin in range(first, n, _COLUMNS):
                end = min(begin + _COLUMNS, n)
                block = _block_sums(y, weights, (first, last), (begin, end), s, half)
                sums = [a + b for a, b in zip(sums, block, strict=True)] if sums else block
                step((last - first) * (end - begin))
            results[number] = sums

        return (last - first) * (n - first), work

    run_tasks([task(i, first) for i, first in enumerate(starts)], workers, progress, blas=True)
    totals = [np.sum([block[k] for block in results], axis=0) for k in range(s + 1)]
    values = np.empty(len(multi_indices(d, s)))
    for i, alpha in enumerate(multi_indices(d, s)):
        head, tail = tuple(map(int, alpha[:half])), tuple(map(int, alpha[half:]))
        k = sum(head)
        values[i] = totals[k][_position(half, k)[head], _position(d - half, s - k)[tail]]
    return values


def _block_sums(
    y: FloatArray, weights: FloatArray, rows: tuple[int, int], columns: tuple[int, int], s: int, half: int
) -> list[FloatArray]:
    """Return the sums over pairs i ≤ j of a block, for every order k of the first half: (N_k, N_{s-k}) each."""
    d = y.shape[1]
    i, j = np.arange(*rows), np.arange(*columns)
    u = (y[i][:, None] - y[j]).reshape(-1, d)
    factor = (weights[i][:, None] * weights[j] * ((i[:, None] < j) * 2.0 + (i[:, None] == j))).ravel()
    square = np.einsum("pa,pa->p", u, u)
    near = np.flatnonzero((factor > 0) & (square < _NEGLIGIBLE))
    u, factor = u[near].T, factor[near] * np.exp(-0.5 * square[near]) * (2.0 * math.pi) ** (-0.5 * d)
    hermite = np.empty((d, s + 1, len(near)))
    hermite[:, 0] = 1.0
    if s:
        hermite[:, 1] = u
    for k in range(2, s + 1):
        hermite[:, k] = u * hermite[:, k - 1] - (k - 1) * hermite[:, k - 2]
    first, second = _products(hermite[:half], s), _products(hermite[half:], s)
    return [(first[k] * factor) @ second[s - k].T for k in range(s + 1)]


def _products(hermite: FloatArray, s: int) -> list[FloatArray]:
    """Return Π_a He_{α_a} over some axes for all |α| = k, (N_k, pairs), for k = 0 … s."""
    d, _, pairs = hermite.shape
    if d == 0:
        return [np.ones((1 if k == 0 else 0, pairs)) for k in range(s + 1)]
    results = []
    for k in range(s + 1):
        alphas = multi_indices(d, k)
        product = hermite[0, alphas[:, 0]]
        for a in range(1, d):
            product *= hermite[a, alphas[:, a]]
        results.append(product)
    return results
