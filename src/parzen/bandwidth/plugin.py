"""Plug-in and smoothed cross-validation matrices, d ≤ 6: scalar, diagonal and full, for densities and derivatives.

The asymptotic mean integrated squared error of D^{⊗r} f̂ (Chacón, Duong & Wand 2011),

    AMISE(H) = 2^{-(d+r)} π^{-d/2} ν_r(H⁻¹) / (n √det H) + ¼ (-1)^r Σ_abcd H_ab H_cd (Δ^r D_abcd ψ),

with ν_r(A) = E (ZᵀAZ)^r, Z standard normal, is minimised with the functionals ψ (of order 2r + 4) replaced by
estimates n⁻² Σ_ij D^α φ_G(x_i - x_j). Two stages (Chacón & Duong 2010): ψ of order 2r + 6 with the pilot G that would
be best for a normal density; from it the pilot matrix of order 2r + 4 that makes the estimate's bias smallest; then ψ
of order 2r + 4.

Pilots are chosen in coordinates in which the covariance of the samples is the identity, and derivatives are measured
in those (full), in standard deviations (diagonal), or in the data's units (scalar).
"""

import math

import numpy as np
from scipy.linalg import solve_triangular

from parzen.bandwidth.functionals import (
    at_zero,
    contract,
    functional_sums,
    multiplicities,
    pays_over_pairs,
    raised,
)
from parzen.bandwidth.line_search import maximise_on_line
from parzen.bandwidth.matrix_search import maximise_over_matrices
from parzen.bandwidth.pair_sums import Pairs
from parzen.bandwidth.selector import DERIVATIVES, Options, Selected
from parzen.bandwidth.spectrum import MAX_DIMENSION, PairSums
from parzen.bandwidth.standard import Standard, solve_lower
from parzen.errors import InputError
from parzen.progress import reporting
from parzen.typing import FloatArray

__all__ = ["plugin", "scv"]

#: Share of the error of an infinite bandwidth, which is that of no density at all, from which on nothing is chosen.
_USELESS = 0.95

#: Least width of the samples in any direction, in those of the kind: functionals go with its eighth power.
_SAME_SCALE = 1e-30


def plugin(samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
    r"""Two-stage plug-in bandwidth with an unconstrained pilot matrix.

    Parameters
    ----------
    samples : ndarray of shape (n, d)
        d ≤ 6: the number of functionals grows like d^(2r+6).
    weights : ndarray of shape (n,) or None
        Weights; n is replaced by (Σw)²/Σw².
    options : Options
        ``target`` 'density', 'gradient' or 'hessian': the derivative order r = 0, 1, 2.

    Returns
    -------
    Selected

    Raises
    ------
    InputError
        Linearly dependent features; features of scales too different for this kind.

    Notes
    -----
    Cost: two passes over n²/2 pairs with C(d+2r+5, 2r+6) and C(d+2r+3, 2r+4) products each; or, for d ≤ 3, two Fourier
    transforms and as many sums over their frequencies, where these are fewer than the pairs. Pilots follow the
    covariance, and so grow with far outliers.

    References
    ----------
    Wand & Jones (1994), Comput. Statist. 9, 97-116; Chacón & Duong (2010), TEST 19, 375-398; Chacón, Duong & Wand
    (2011), Statist. Sinica 21, 807-840.
    """
    problem = _Problem(samples, weights, options, "plugin")
    return Selected(problem.bandwidth(problem.minimise_amise()), None, ())


def scv(samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
    r"""Smoothed cross-validation: the integrated squared bias of the bandwidth for a pilot density, plus variance.

    .. math:: SCV(H) = \frac{(4\pi)^{-d/2}}{n \sqrt{\det H}}
              + n^{-2} \sum_{ij} (\varphi_{2H+G} - 2 \varphi_{H+G} + \varphi_G)(x_i - x_j)

    with the pilot G of `plugin`. Parameters, errors and cost are those of `plugin`, for ``target='density'``, plus two
    passes over all pairs, or sums over frequencies, a step.

    References
    ----------
    Hall, Marron & Park (1992), PTRF 92, 1-20; Duong & Hazelton (2005), Scand. J. Statist. 32, 485-506; Chacón & Duong
    (2011), J. Nonparametr. Stat. 23, 1-21.
    """
    problem = _Problem(samples, weights, options, "scv")
    smoothed = _SmoothedError(problem)
    d = problem.d
    start = problem.minimise_amise()
    curve = None
    if options.kind == "scalar":

        def look(candidates: FloatArray) -> tuple[FloatArray, FloatArray]:
            values, slopes = zip(*(smoothed.at(b * np.eye(d)) for b in candidates), strict=True)
            return np.array(values), np.array([np.trace(slope) for slope in slopes])

        found = maximise_on_line(look, start[0, 0] / 4.0, start[0, 0] * 4.0)
        L, value = (found[0] * np.eye(d), found[1]) if found else (start, -math.inf)
        if found:
            with np.errstate(over="ignore"):
                errors = np.exp(-found[2].values - problem.kind.log_det)
            # in the smallest units of float64 there is a bandwidth, but no error to show
            curve = (found[2].h * problem.kind.size, errors) if np.all(np.isfinite(errors)) else None
    else:
        climbed = maximise_over_matrices(smoothed.at, start, full=options.kind == "full")
        L, value = climbed.L, climbed.value
    if not value > -math.log(_USELESS * smoothed.bare):
        raise InputError(
            f"`X` must hold more samples for a {options.kind} bandwidth by 'scv'; got {len(samples)} in {d} "
            "dimensions, where hardly any density has less error than none at all. Use kind='full', or 'plugin'."
        )
    return Selected(problem.bandwidth(L), curve, ())


def _relative(L: FloatArray, by_H: FloatArray) -> FloatArray:
    """Turn a symmetric derivative by H = L Lᵀ into the relative one by the lower triangle of L."""
    return np.tril(2.0 * L.T @ by_H @ L)


class _Problem:
    """Samples in the two coordinates, the pilots, and the estimated functionals."""

    def __init__(self, samples: FloatArray, weights: FloatArray | None, options: Options, name: str) -> None:
        self.d = samples.shape[1]
        self.options = options
        self.r = DERIVATIVES[options.target]
        full_pilot = "" if options.kind == "full" else f"the pilot matrix of {name!r}"
        # ties are one sample of their weight
        self.sphered = Standard.of(samples, weights, "full", purpose=full_pilot)
        self.kind = Standard.of(samples, weights, options.kind)
        self.n_eff = self.sphered.n_eff
        # from sphered coordinates to those of the kind
        spread = np.asarray(self.kind.spread)
        full = np.asarray(self.sphered.spread)
        if options.kind == "full":
            self.to_kind = np.eye(self.d)
        else:
            self.to_kind = full / (spread[:, None] if spread.ndim else spread)
        smallest = float(np.diag(self.to_kind).min())
        if smallest < _SAME_SCALE:
            raise InputError(
                f"`X` must have features of similar scale for a {options.kind} bandwidth by {name!r}; got one that is "
                f"{smallest:.1g} times the others. Use kind='diagonal' or 'full'."
            )
        self.pilot = self._pilot()  # (d, d) covariance G in sphered coordinates, for ψ of order 2r + 4

    def bandwidth(self, L: FloatArray) -> float | FloatArray:
        """Return a factor, (d, d), as a bandwidth of the kind asked for, in the units of the data."""
        return self.kind.bandwidth(float(L[0, 0]) if self.options.kind == "scalar" else L)

    def _functionals(self, s: int, L: FloatArray) -> FloatArray:
        """Return ψ̂ of order s with the pilot L Lᵀ, in coordinates in which the pilot is the identity."""
        y = solve_lower(L, self.sphered.points)
        with reporting(self.options.progress, f"summing derivatives of order {s}") as report:
            return functional_sums(y, self.sphered.weights, s, self.options.workers, report)

    def _pilot(self) -> FloatArray:
        """Return the pilot that makes the bias of ψ̂ of order 2r + 4 smallest, by its estimate."""
        s, d, n = 2 * self.r + 4, self.d, self.n_eff
        unit = math.sqrt(2.0 * _normal_pilot(n, d, s + 2))
        psi = self._functionals(s + 2, unit * np.eye(d)) * unit ** -(s + 2.0 + d)
        multiplicity, up = multiplicities(d, s), raised(d, s)

        def at(L: FloatArray) -> tuple[float, FloatArray]:
            G = L @ L.T
            bias = at_zero(G, s) / n + 0.5 * contract(psi, s, G)
            # the derivative of φ_G by G is half its second derivative by x
            by_G = np.einsum("n,nab->ab", multiplicity * bias, (at_zero(G, s + 2) / n + psi)[up])
            return -float(multiplicity @ bias**2), -_relative(L, by_G)

        start = math.sqrt(2.0 * _normal_pilot(n, d, s)) * np.eye(d)
        L = maximise_over_matrices(at, start, full=True).L
        return np.asarray(L @ L.T)

    def curvature(self) -> FloatArray:
        """Return (-1)^r Δ^r D_abcd ψ̂, (d², d²), in the coordinates of the kind."""
        d, L = self.d, np.asarray(np.linalg.cholesky(self.pilot), dtype=np.float64)
        psi = self._functionals(2 * self.r + 4, L)
        B = self.to_kind @ L  # from the pilot's coordinates to the kind's; D_kind = B⁻ᵀ D_pilot
        inverse = solve_triangular(B, np.eye(d), lower=True)
        for order in range(2 * self.r + 2, 2, -2):
            psi = contract(psi, order, inverse @ inverse.T)
        pairs = raised(d, 2)  # the multi-indices of order 2 are pairs (c, d)
        both = psi[pairs][raised(d, 0)[0]]  # (d, d, d, d)
        mapped = np.einsum("ijkl,ia,jb,kc,ld->abcd", both, inverse, inverse, inverse, inverse, optimize=True)
        scale = (-1.0) ** self.r / float(np.prod(np.diag(B)))
        return np.asarray(scale * mapped.reshape(d * d, d * d))

    def minimise_amise(self) -> FloatArray:
        """Return the factor of the bandwidth, (d, d): a multiple of the identity, diagonal, or lower triangular."""
        d, r, n = self.d, self.r, self.n_eff
        curvature = self.curvature()
        constant = 2.0 ** -(d + r) * math.pi ** (-0.5 * d) / n

        def at(L: FloatArray) -> tuple[float, FloatArray]:
            H = L @ L.T
            A = np.asarray(np.linalg.inv(H), dtype=np.float64)
            nu, by_A = _nu(A, r)
            variance = constant / float(np.prod(np.diag(L)))
            bent = (curvature @ H.ravel()).reshape(d, d)
            amise = variance * nu + 0.25 * float(np.sum(bent * H))
            by_H = variance * (-0.5 * nu * A - A @ by_A @ A) + 0.25 * (bent + bent.T)
            return -math.log(amise), -_relative(L, by_H) / amise

        identity = np.eye(d).ravel()
        trace = float(identity @ curvature @ identity)
        h = ((d + 2 * r) * constant * _nu(np.eye(d), r)[0] / trace) ** (1.0 / (d + 2 * r + 4))
        if self.options.kind == "scalar":
            return np.asarray(h * np.eye(d))
        climbed = maximise_over_matrices(at, h * np.eye(d), full=self.options.kind == "full")
        return climbed.L


def _normal_pilot(n: float, d: int, s: int) -> float:
    """Return c for which G = 2c Σ makes ψ̂ of order s unbiased to first order for a normal density."""
    return float((2.0 / (n * (d + s))) ** (2.0 / (d + s + 2)))


def _nu(A: FloatArray, r: int) -> tuple[float, FloatArray]:
    """Return E (ZᵀAZ)^r for a standard normal Z, and its derivative by A."""
    if r == 0:
        return 1.0, np.zeros_like(A)
    trace = float(np.trace(A))
    if r == 1:
        return trace, np.eye(len(A))
    return trace**2 + 2.0 * float(np.sum(A * A)), 2.0 * trace * np.eye(len(A)) + 4.0 * A


class _SmoothedError:
    """-log SCV as an objective, in the coordinates of the kind."""

    def __init__(self, problem: _Problem) -> None:
        self.problem = problem
        points, weights = problem.kind.points, problem.kind.weights
        self.pairs = Pairs(points, points, np.log(weights), None)
        self.pilot = problem.to_kind @ problem.pilot @ problem.to_kind.T
        self.spectrum = self._transformed(points, weights)
        self.bare = self._sum(self.pilot)[0]

    def _transformed(self, points: FloatArray, weights: FloatArray) -> PairSums | None:
        """Return the samples for sums over frequencies, where these cost less than pairs at every H ≥ 0."""
        if self.problem.d > MAX_DIMENSION:
            return None
        sums = PairSums(points, weights)
        widest = 2.0 * np.sqrt(np.diag(self.pilot) + 1.0)  # that of H ~ 1, twice the spread of the samples
        narrowest = 1.0 / np.sqrt(np.diag(np.linalg.inv(self.pilot)))
        return sums if pays_over_pairs(sums, narrowest, widest) else None

    def _sum(self, K: FloatArray) -> tuple[float, FloatArray]:
        """Return Σ_ij w_i w_j φ_K(x_i - x_j) and its derivative by K."""
        if self.spectrum is not None:
            return self.spectrum.pair_sum_full(K)
        L, weights = np.asarray(np.linalg.cholesky(K), dtype=np.float64), self.problem.kind.weights
        y = solve_lower(L, self.pairs.sources)
        white = Pairs(y, y, self.pairs.log_weights, None)
        sums = white.sums_for_moment(self.problem.options)
        rows = weights * np.exp(sums.log_sum[:, 0])
        total = float(rows.sum())
        M = white.second_moment(rows / total, sums, self.problem.options, symmetric=True)
        d = len(K)
        value = total * math.exp(-0.5 * d * math.log(2.0 * math.pi) - float(np.sum(np.log(np.diag(L)))))
        inverse = solve_triangular(L, np.eye(d), lower=True)
        return value, 0.5 * value * inverse.T @ (M - np.eye(d)) @ inverse

    def at(self, L: FloatArray) -> tuple[float, FloatArray]:
        """Return -log SCV and its relative derivative."""
        H = L @ L.T
        d = len(L)
        variance = (4.0 * math.pi) ** (-0.5 * d) / (self.problem.n_eff * float(np.prod(np.diag(L))))
        twice, by_twice = self._sum(2.0 * H + self.pilot)
        once, by_once = self._sum(H + self.pilot)
        error = variance + twice - 2.0 * once + self.bare
        by_H = -0.5 * variance * np.linalg.inv(H) + 2.0 * by_twice - 2.0 * by_once
        return -math.log(error), -_relative(L, by_H) / error
