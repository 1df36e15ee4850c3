"""Plug-in matrices: functionals against symbolic derivatives and exact mixture formulas, and the error they lead to."""

import math
from functools import cache

import numpy as np
import pytest
import sympy
from numpy.polynomial import hermite_e
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

import parzen
from parzen.bandwidth import functionals
from parzen.bandwidth import plugin as room
from parzen.bandwidth.functionals import (
    at_zero,
    contract,
    functional_sums,
    multi_indices,
    multiplicities,
    sums_over_frequencies,
    sums_over_pairs,
)
from parzen.bandwidth.plugin import plugin, scv
from parzen.bandwidth.selector import Options
from parzen.bandwidth.spectrum import PairSums
from parzen.errors import InputError
from tolerances import covariance

KINDS = ("scalar", "diagonal", "full")
ORDERS = {"density": 0, "gradient": 1, "hessian": 2}


def options(kind="full", **changes):
    return Options(kind=kind, workers=2, **changes)


def symbolic_derivative(alpha, G):
    """Return D^α φ_G as a function of points, by SymPy."""
    x = sympy.symbols(f"x:{len(alpha)}")
    A = sympy.Matrix(np.linalg.inv(G))
    vector = sympy.Matrix(x)
    density = sympy.exp(-(vector.T * A * vector)[0] / 2) / sympy.sqrt(
        (2 * sympy.pi) ** len(x) * float(np.linalg.det(G))
    )
    for axis, order in zip(x, alpha, strict=True):
        density = sympy.diff(density, axis, int(order))
    return sympy.lambdify(x, density, "numpy")


@pytest.mark.parametrize(("d", "s"), [(1, 4), (1, 10), (2, 4), (2, 6), (3, 4)])
def test_functional_sums_are_their_definition(rng, d, s):
    y, w = rng.normal(size=(9, d)), rng.uniform(size=9)
    values = functional_sums(y, w, s, 1, None)
    chosen = range(len(values)) if len(values) < 12 else (0, 3, 7, len(values) - 1)
    for i in chosen:
        derivative = symbolic_derivative(multi_indices(d, s)[i], np.eye(d))
        expected = sum(w[a] * w[b] * derivative(*(y[a] - y[b])) for a in range(9) for b in range(9))
        assert values[i] == pytest.approx(expected, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize(("d", "s"), [(1, 6), (2, 4), (3, 2)])
def test_derivatives_at_zero(rng, d, s):
    B = rng.normal(size=(d, d))
    G = B @ B.T + np.eye(d)
    for value, alpha in zip(at_zero(G, s), multi_indices(d, s), strict=True):
        assert value == pytest.approx(
            float(symbolic_derivative(alpha, G)(*np.zeros(d))), rel=1e-10, abs=1e-14
        )


def test_heat_equation_and_multiplicities(rng):
    """Contracting with 2G: ½ (G : D²) D^s φ_G(0) = -½ (d + s) D^s φ_G(0)."""
    B = rng.normal(size=(3, 3))
    G = B @ B.T + np.eye(3)
    for s in (2, 4, 6):
        np.testing.assert_allclose(
            contract(at_zero(G, s + 2), s, G), -(3 + s) * at_zero(G, s), rtol=1e-10, atol=1e-15
        )
        assert multiplicities(3, s).sum() == pytest.approx(3.0**s)


def test_sums_do_not_depend_on_blocks_or_workers(rng):
    y, w = rng.normal(size=(300, 5)), np.full(300, 1 / 300)
    whole = functional_sums(y, w, 6, 1, None)
    np.testing.assert_array_equal(functional_sums(y, w, 6, 2, None), whole)
    order = rng.permutation(300)
    np.testing.assert_allclose(functional_sums(y[order], w, 6, 2, None), whole, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("d", "s"), [(1, 10), (2, 6), (3, 4)])
def test_sums_over_frequencies_are_those_over_pairs(rng, d, s, weighted):
    y = rng.normal(size=(200, d))
    y[0] = 40.0  # beyond all reach
    w = rng.uniform(size=200) if weighted else np.full(200, 1 / 200)
    pairs = sums_over_pairs(y, w, s, 1, None)
    frequencies = sums_over_frequencies(PairSums(y, w), s) * w.sum() ** 2
    np.testing.assert_allclose(frequencies, pairs, rtol=0, atol=1e-12 * np.abs(pairs).max())


@pytest.mark.parametrize(("kind", "d"), [("scalar", 1), ("diagonal", 2), ("full", 2)])
def test_frequencies_and_pairs_choose_the_same_bandwidth(rng, monkeypatch, kind, d):
    x = rng.normal(size=(400, d)) @ (np.eye(d) + 0.5 * np.tri(d, k=-1))
    x[::3] += 4.0
    weights = rng.uniform(0.5, 1.0, size=400)
    monkeypatch.setattr(functionals, "sums_over_pairs", lambda *_: pytest.fail("frequencies cost less"))
    quick = [select(x, weights, options(kind)).value for select in (plugin, scv)]
    monkeypatch.undo()
    for module in (room, functionals):
        monkeypatch.setattr(module, "pays_over_pairs", lambda *_: False)
    slow = [select(x, weights, options(kind)).value for select in (plugin, scv)]
    for one, other in zip(quick, slow, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


# a mixture of two round normals, whose functionals have a closed form (Wand & Jones 1995, section 2.6)
SHARES, MEANS, SIGMAS = np.array([0.6, 0.4]), np.array([[0.0, 0.0], [2.5, 1.0]]), np.array([1.0, 0.6])


def mixture(rng, n):
    which = rng.choice(2, size=n, p=SHARES)
    return MEANS[which] + SIGMAS[which, None] * rng.normal(size=(n, 2))


def round_derivative(alpha, x, variance):
    """D^α of a round normal density."""
    u, h = x / math.sqrt(variance), math.sqrt(variance)
    polynomials = math.prod(hermite_e.hermeval(c, np.eye(k + 1)[k]) for c, k in zip(u, alpha, strict=True))
    return (
        (-1.0 / h) ** sum(alpha)
        * polynomials
        * math.exp(-0.5 * u @ u)
        / (2 * math.pi * variance) ** (len(x) / 2)
    )


def test_functionals_of_a_mixture(rng):
    """The estimate's mean has a closed form: pilot bias and the diagonal included."""
    n, g, s = 1500, 0.5, 4
    estimates = [
        functional_sums(mixture(rng, n) / g, np.full(n, 1 / n), s, 2, None) / g ** (s + 2) for _ in range(4)
    ]
    for i, alpha in enumerate(multi_indices(2, s)):
        exact = sum(
            SHARES[k]
            * SHARES[m]
            * round_derivative(alpha, MEANS[k] - MEANS[m], SIGMAS[k] ** 2 + SIGMAS[m] ** 2 + g**2)
            for k in range(2)
            for m in range(2)
        )
        diagonal = round_derivative(alpha, np.zeros(2), g**2) / n
        mean, error = np.mean([e[i] for e in estimates]), np.std([e[i] for e in estimates], ddof=1)
        assert abs(mean - ((1 - 1 / n) * exact + diagonal)) < 4 * error + 1e-4
        assert error < 0.03


@pytest.mark.parametrize("target", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_normal_reference_from_exact_functionals(rng, monkeypatch, target, kind, d):
    """With the exact functionals of a normal density the answer is the published normal-scale bandwidth."""
    r, n = ORDERS[target], 200
    x = rng.normal(size=(n, d)) * np.linspace(1, 3, d)
    if kind != "full":
        x = np.linalg.qr(x - x.mean(axis=0))[0] * (2.0 if kind == "scalar" else np.linspace(1, 3, d))

    def exact(self, s, L):
        inverse = np.linalg.inv(L)
        return at_zero(2.0 * inverse @ inverse.T, s)

    monkeypatch.setattr(room._Problem, "_functionals", exact)
    H = covariance(plugin(x, None, options(kind, target=target)).value, d)
    factor = (4 / (n * (d + 2 * r + 2))) ** (2 / (d + 2 * r + 4))
    sigma = np.cov(x, rowvar=False, bias=True).reshape(d, d)
    np.testing.assert_allclose(H, factor * sigma, rtol=2e-5, atol=2e-5 * np.abs(H).max())


def test_one_dimension_is_the_direct_plugin(rng):
    """Two-stage direct plug-in with exact sums, diagonal included: Sheather & Jones (1991), Wand & Jones (1995)."""
    n = 250
    x = np.concatenate([rng.normal(size=150), 4 + 0.4 * rng.normal(size=100)])[:, None]
    difference = (x - x.T) / x.std()

    def functional(s, g):
        he = hermite_e.hermeval(difference / g, np.eye(s + 1)[s])
        return np.mean(he * np.exp(-0.5 * (difference / g) ** 2)) / math.sqrt(2 * math.pi) / g ** (s + 1)

    six = functional(6, math.sqrt(2) * (2 / (7 * n)) ** (1 / 9))
    four = functional(4, (-6 / math.sqrt(2 * math.pi) / (n * six)) ** (1 / 7))
    expected = (1 / (2 * math.sqrt(math.pi) * n * four)) ** 0.2 * x.std()
    for kind in KINDS:
        H = covariance(plugin(x, None, options(kind)).value, 1)
        assert math.sqrt(H[0, 0]) == pytest.approx(expected, rel=1e-6)


def exact_mise(H, n):
    """Mean integrated squared error at a fixed bandwidth: Wand & Jones (1993), theorem 1."""
    omega = []
    for a in (0, 1, 2):
        terms = [
            [multivariate_normal(np.zeros(2), a * H + (SIGMAS[k] ** 2 + SIGMAS[m] ** 2) * np.eye(2)).pdf(MEANS[k] - MEANS[m]) for m in range(2)]
            for k in range(2)
        ]  # fmt: skip
        omega.append(SHARES @ np.array(terms) @ SHARES)
    return (
        1 / (n * 4 * np.pi * math.sqrt(np.linalg.det(H))) + (1 - 1 / n) * omega[2] - 2 * omega[1] + omega[0]
    )


@cache
def least_mise(n):
    """The error of the best full matrix."""

    def matrix(p):
        L = np.array([[math.exp(p[0]), 0.0], [p[2], math.exp(p[1])]])
        return L @ L.T

    return minimize(lambda p: exact_mise(matrix(p), n), [-1.0, -1.0, 0.0], method="Nelder-Mead").fun


@pytest.mark.parametrize("select", [plugin, scv])
@pytest.mark.parametrize("kind", KINDS)
def test_error_on_a_mixture_is_near_the_least(rng, select, kind):
    n = 400
    least = least_mise(n)
    errors = [
        exact_mise(covariance(select(mixture(rng, n), None, options(kind)).value, 2), n) for _ in range(4)
    ]
    assert np.mean(errors) < 1.1 * least
    rule = exact_mise(n ** (-1 / 3) * np.cov(mixture(rng, 10**5), rowvar=False), n)
    assert rule > 1.3 * least  # the normal reference is far from it


@pytest.mark.parametrize(("select", "weighted"), [(plugin, False), (plugin, True), (scv, True)])
def test_equivariance(rng, select, weighted):
    x = mixture(rng, 80)
    w = rng.uniform(0.3, 1, size=80) if weighted else None
    maps = {
        "scalar": 2.5 * np.array([[0.6, -0.8], [0.8, 0.6]]),
        "diagonal": np.diag([1e-3, 50.0]),
        "full": np.array([[3.0, 1.0], [-20.0, 0.5]]),
    }
    for kind, A in maps.items():
        targets = ("density", "gradient") if select is plugin else ("density",)
        for target in targets:
            before = covariance(select(x, w, options(kind, target=target)).value, 2)
            after = covariance(select(x @ A.T + [3.0, -40.0], w, options(kind, target=target)).value, 2)
            expected = A @ before @ A.T
            scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
            np.testing.assert_allclose(after / scale, expected / scale, atol=2e-4)


@pytest.mark.parametrize("select", [plugin, scv])
def test_repetitions_are_ordinary_samples(rng, select):
    """Ties do no harm: the sums are those over all samples. Weights of a constant ratio change nothing."""
    x = mixture(rng, 40)
    twice = np.repeat(x, 2, axis=0)
    apart = twice + 1e-9 * rng.normal(size=twice.shape)
    np.testing.assert_allclose(
        select(twice, None, options()).value, select(apart, None, options()).value, rtol=1e-4
    )
    np.testing.assert_allclose(
        select(x, np.full(40, 7.0), options()).value, select(x, None, options()).value, rtol=1e-6
    )


def test_smoothed_error_and_its_gradient(rng):
    x = mixture(rng, 50)
    problem = room._Problem(x, None, options(), "scv")
    smoothed = room._SmoothedError(problem)
    z, G, H = problem.kind.points, problem.pilot, np.array([[0.3, 0.05], [0.05, 0.2]])
    difference = (z[:, None] - z).reshape(-1, 2)
    T = [multivariate_normal(np.zeros(2), a * H + G).pdf(difference).mean() for a in (2, 1, 0)]
    expected = 1 / (4 * np.pi * 50 * math.sqrt(np.linalg.det(H))) + T[0] - 2 * T[1] + T[2]
    L = np.linalg.cholesky(H)
    value, relative = smoothed.at(L)
    assert math.exp(-value) == pytest.approx(expected, rel=1e-9)
    for _ in range(3):
        E = np.tril(rng.normal(size=(2, 2)))

        def along(t, E=E):
            return smoothed.at(L @ (np.eye(2) + t * E))[0]

        near, far = (along(1e-3) - along(-1e-3)) / 2e-3, (along(2e-3) - along(-2e-3)) / 4e-3
        assert np.sum(E * relative) == pytest.approx((4 * near - far) / 3, rel=1e-7)


@pytest.mark.parametrize("select", [plugin, scv])
def test_degenerate_data(rng, select):
    name, x = select.__name__, mixture(rng, 30)
    with pytest.raises(InputError, match=r"does not do 7 dimensions \(at most 6\).* 'likelihood'"):
        parzen.select_bandwidth(rng.normal(size=(50, 7)), name)
    with pytest.raises(InputError, match="got 5, all equal"):
        parzen.select_bandwidth(np.ones((5, 2)), name)
    for kind in KINDS:
        with pytest.raises(InputError, match="column 2"):
            parzen.select_bandwidth(np.column_stack([x, np.zeros(30)]), name, kind=kind)
        with pytest.raises(InputError, match="linearly dependent"):
            parzen.select_bandwidth(np.column_stack([x, x[:, 0]]), name, kind=kind)


def test_smoothed_cross_validation_says_when_it_has_no_answer(rng):
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    x = rng.normal(size=(20, 6)) * np.geomspace(1, 1e-4, 6) @ rotation
    for kind in ("scalar", "diagonal"):
        with pytest.raises(InputError, match=rf"more samples for a {kind} .* Use kind='full', or 'plugin'"):
            scv(x, None, options(kind))
    assert np.all(np.isfinite(scv(x, None, options("full")).value))
    with pytest.raises(InputError, match="'scv', which does not do target='gradient'"):
        parzen.select_bandwidth(x, "scv", target="gradient")


@pytest.mark.parametrize("kind", ["scalar", "diagonal"])
@pytest.mark.parametrize("select", [plugin, scv])
def test_dependent_features_have_no_pilot_whatever_the_kind(rng, select, kind):
    """The advice was to use the kind that had been asked for."""
    x = rng.normal(size=(40, 1))
    with pytest.raises(
        InputError, match=r"dependent features for the pilot matrix of .*; got n = 40, .* use 'likelihood'"
    ):
        select(np.hstack([x, 2 * x]), None, options(kind))
    constant = np.hstack([x, np.ones((40, 1))])
    with pytest.raises(
        InputError, match=r"for the pilot matrix of .*; got 1 constant feature.* use 'likelihood'"
    ):
        select(constant, None, options(kind))


@pytest.mark.parametrize("select", [plugin, scv])
def test_one_number_for_features_of_very_different_scale(rng, select):
    x = rng.normal(size=(40, 2)) * [1e150, 1e-150]
    with pytest.raises(InputError, match=r"features of similar scale for a scalar bandwidth .* Use kind="):
        select(x, None, options("scalar"))
    expected = select(x / [1e150, 1e-150], None, options("diagonal")).value * [1e150, 1e-150]
    np.testing.assert_allclose(select(x, None, options("diagonal")).value, expected, rtol=1e-6)


def test_smallest_units(rng):
    """The error leaves float64, the bandwidth does not."""
    x = rng.normal(size=(60, 1))
    tiny = scv(x * 1e-310, None, options("scalar"))
    assert tiny.curve is None
    assert tiny.value == pytest.approx(1e-310 * scv(x, None, options("scalar")).value, rel=1e-6)


@pytest.mark.parametrize("frequencies", [True, False])
@pytest.mark.parametrize("d", [1, 2])
def test_the_gradient_of_scv_agrees_with_differences(rng, monkeypatch, d, frequencies):
    """To 1e-7, over frequencies and over pairs."""
    monkeypatch.setattr(room, "pays_over_pairs", lambda *_: frequencies)
    problem = room._Problem(rng.normal(size=(80, d)), rng.uniform(0.5, 1, size=80), options(), "scv")
    error = room._SmoothedError(problem)
    assert (error.spectrum is not None) == frequencies
    L, E, step = 0.4 * np.eye(d), np.tril(rng.normal(size=(d, d))), 1e-3
    near, far, farther = (
        (error.at(L + k * step * L @ E)[0] - error.at(L - k * step * L @ E)[0]) / (2 * k * step)
        for k in (1, 2, 3)
    )
    relative = error.at(L)[1]
    difference = 1.5 * near - 0.6 * far + 0.1 * farther
    assert np.sum(E * relative) == pytest.approx(difference, abs=1e-7 * np.abs(relative).max())
