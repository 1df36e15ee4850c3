"""Right to 1e-8 or "not converged": the promise of the finite differences, on friends and enemies."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from parzen.derivatives.functions.differentiate import differentiate

#: name → (f, derivative, points): the example functions of numdifftools
EXAMPLES = {
    "cos": (np.cos, lambda x: -np.sin(x), (0.1, 1.7, 30.0)),
    "sin": (np.sin, np.cos, (0.1, 1.7, 30.0)),
    "tan": (np.tan, lambda x: 1 / np.cos(x) ** 2, (0.1, 1.5)),
    "cosh": (np.cosh, np.sinh, (0.1, 1.7, 30.0)),
    "sinh": (np.sinh, np.cosh, (0.1, 1.7, 30.0)),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2, (0.1, 1.7)),
    "arcsinh": (np.arcsinh, lambda x: 1 / np.sqrt(1 + x * x), (0.1, 1.7, 1e4)),
    "exp": (np.exp, np.exp, (0.1, 1.7, -30.0, 300.0)),
    "expm1": (np.expm1, np.exp, (0.1, 1e-6, 1.7)),
    "exp2": (np.exp2, lambda x: math.log(2) * np.exp2(x), (0.1, 1.7, 30.0)),
    "square": (np.square, lambda x: 2 * x, (0.1, -1.7, 1e4, 1e-150)),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x), (0.1, 1e-12, 1e4)),
    "log": (np.log, lambda x: 1 / x, (0.1, 1e-12, 1e4, 1.0)),
    "log1p": (np.log1p, lambda x: 1 / (1 + x), (0.1, 1e-6, -0.999)),
    "log10": (np.log10, lambda x: 1 / (x * math.log(10)), (0.1, 1e-12, 1e4)),
    "log2": (np.log2, lambda x: 1 / (x * math.log(2)), (0.1, 1e-12, 1e4)),
    "arccos": (np.arccos, lambda x: -1 / np.sqrt(1 - x * x), (0.1, 0.999)),
    "arcsin": (np.arcsin, lambda x: 1 / np.sqrt(1 - x * x), (0.1, 0.999)),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x), (0.1, 1.7, 1e4)),
}


def holds(found, true):
    """The promise for one case."""
    assert abs(found.value - true) <= 3 * found.error
    if found.converged:
        assert abs(found.value - true) <= 1e-8 * abs(true)
        assert found.error > 0


@pytest.mark.parametrize("method", ["auto", "finite-difference"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name, method):
    f, slope, points = EXAMPLES[name]
    for x in points:
        found = differentiate(f, x, method=method)
        holds(found, slope(x))
        assert found.converged


@pytest.mark.parametrize("exponent", range(-3, 7))
def test_narrow_gaussians(exponent):
    evaluations, inside = [], []
    for width in range(9):
        mu, sigma = 10.0**exponent, 10.0**-width
        for z in (-8, -3, -1.5, -0.1, 0.5, 1, 3):
            x = mu + z * sigma

            def pdf(t):
                return math.exp(-0.5 * ((t - mu) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))  # noqa: B023

            found = differentiate(pdf, x, method="finite-difference")
            true = -(x - mu) / sigma**2 * pdf(x)
            inside.append(abs(found.value - true) <= 3 * found.error)
            assert found.converged or abs(z) > 5
            assert not found.converged or abs(found.value - true) <= 1e-8 * abs(true)
            evaluations.append(found.n_evaluations)
    assert np.mean(inside) >= 0.98  # one of 63: at 8 sigma all rounding errors may agree
    assert np.median(evaluations) <= 11  # what scipy.differentiate takes


@pytest.mark.parametrize(("mu", "sigma", "x"), [(1000, 0.1, 1000.05), (0, 1e-4, 5e-5)])
def test_the_failures_of_the_peers(mu, sigma, x):
    # jacobi: 0 ± 0; scipy.differentiate: 0, success; numdifftools: 0
    pdf = stats.norm(mu, sigma).pdf
    for method in ("auto", "finite-difference"):
        found = differentiate(pdf, x, method=method)
        assert found.converged
        assert found.value == pytest.approx(-(x - mu) / sigma**2 * pdf(x), rel=1e-8)
    assert abs(found.value - {1000: -17.603, 0: -17603266.3}[mu]) <= 1e-3 * (1 if mu else 1e3)


@pytest.mark.parametrize(
    "name",
    [
        "norm",
        "gamma",
        "beta",
        "t",
        "lognorm",
        "weibull_min",
        "expon",
        "cauchy",
        "logistic",
        "chi2",
        "f",
        "pareto",
    ],
)
def test_distributions(name):
    from scipy.stats._distr_params import distcont

    parameters = next(p for n, p in distcont if n == name)
    law = getattr(stats, name)(*parameters)
    for p in (0.01, 0.3, 0.5, 0.9, 0.999):
        found = differentiate(law.cdf, law.ppf(p))
        holds(found, law.pdf(law.ppf(p)))


def narrow_on_slope(t):
    return math.sin(t) + 1e-3 * math.exp(-(((t - 1) / 1e-5) ** 2) / 2)


SMOOTH = [
    (lambda t: math.sin(1 / t), 0.01, -1e4 * math.cos(100)),
    (lambda t: math.sin(1e6 * t), 0.3, 1e6 * math.cos(3e5)),
    (lambda t: 1e10 + t * t, 0.3, 0.6),
    (lambda t: 1e6 + math.sin(t), 1.0, math.cos(1)),
    (lambda t: math.sin(t) + 1e-8 * math.sin(1e6 * t), 1.0, math.cos(1) + 1e-2 * math.cos(1e6)),
    (
        narrow_on_slope,
        1 + 1e-5,
        math.cos(1 + 1e-5) - 100 * math.exp(-(((1 + 1e-5 - 1) / 1e-5) ** 2) / 2) * ((1 + 1e-5 - 1) / 1e-5),
    ),
    (lambda t: t * t - 2, math.sqrt(2), 2 * math.sqrt(2)),
    (lambda t: t * t - 1, 1.0, 2.0),
    (lambda t: t, 1e300, 1.0),
    (lambda t: t * t, 1e150, 2e150),
    (lambda t: 2 * t, 5e-324, 2.0),
    (math.exp, 1e-300, 1.0),
    (lambda t: 1e200 * math.sin(t), 1.0, 1e200 * math.cos(1)),
    (lambda t: 1e-200 * math.sin(t), 1.0, 1e-200 * math.cos(1)),
    (lambda t: abs(t - 1e-9), 0.0, -1.0),
    (lambda t: t + (1e-3 if t > 1 + 1e-6 else 0), 1.0, 1.0),
    (lambda t: 1 / t, 1e-5, -1e10),
]


@pytest.mark.parametrize("case", range(len(SMOOTH)))
def test_hard_but_smooth(case):
    f, x, true = SMOOTH[case]
    found = differentiate(f, x, method="finite-difference")
    assert found.converged
    holds(found, true)


@pytest.mark.parametrize(
    "f",
    [
        lambda t: t * t,
        lambda t: t**3,
        lambda t: t**4 + 1,
        lambda t: t * t + 5,
        lambda t: math.exp(-t * t),
        math.cos,
    ],
)
def test_a_stationary_point_is_a_zero_with_an_error(f):
    found = differentiate(f, 0.0, method="finite-difference")
    assert found.converged
    assert 0 < found.error < 1e-8
    assert abs(found.value) <= found.error


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (abs, 0.0),
        (lambda t: abs(t) + 1, 0.0),
        (lambda t: max(t, 0.0), 0.0),
        (lambda t: float(t >= 0), 0.0),
        (lambda t: float(t >= 0), 0.5),
        (math.floor, 0.5),
        (lambda t: math.floor(t * 1e6) / 1e6, 0.3),
        (lambda t: round(math.sin(t), 3), 1.0),
        (math.sqrt, 0.0),
        (lambda t: math.copysign(abs(t) ** (1 / 3), t), 0.0),
        (lambda t: t * math.sin(1 / t) if t else 0.0, 0.0),
        (lambda t: 3.0, 1.0),
        (lambda t: math.exp(-((t / 1e-4) ** 2)), 1.0),
        (lambda t: t + (1e-3 if t > 1 else 0), 1.0),
        (lambda t: math.nan, 1.0),
        (lambda t: 1.0 if t == 1 else math.nan, 1.0),
    ],
)
def test_what_has_no_derivative_is_not_converged(f, x):
    found = differentiate(f, x, method="finite-difference")
    assert not found.converged
    assert found.error != 0
    assert "Not converged: " in found.reason


def test_constant_is_zero_with_infinite_error():
    found = differentiate(lambda t: 3.0, 1.0)
    assert found.value == 0
    assert found.error == math.inf
    assert "flat" in found.reason


@pytest.mark.parametrize("level", [1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4])
def test_the_error_holds_for_noisy_functions(level):
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = rng.uniform(0.3, 1.2)
        found = differentiate(
            lambda t, rng=rng: math.exp(t) + level * rng.standard_normal(),
            x,
            method="finite-difference",
        )
        inside += abs(found.value - math.exp(x)) <= 3 * found.error
    assert inside >= 59


@settings(max_examples=150, deadline=None)
@given(
    location=st.floats(-1e6, 1e6),
    log_width=st.floats(-4, 4),
    z=st.floats(-5, 5).filter(lambda z: abs(z) > 1e-2),
    log_height=st.floats(-50, 50),
    offset=st.sampled_from([0.0, 1.0]),
)
def test_the_promise_for_any_gaussian(location, log_width, z, log_height, offset):
    width, height = 10.0**log_width, 10.0**log_height
    x = location + z * width

    def f(t):
        return height * (offset + math.exp(-0.5 * ((t - location) / width) ** 2))

    u = (x - location) / width
    holds(differentiate(f, x, method="finite-difference"), -u / width * height * math.exp(-0.5 * u * u))


def test_cheap_where_it_can_be():
    counts = [
        differentiate(f, x, method="finite-difference").n_evaluations
        for f, _, points in EXAMPLES.values()
        for x in points
    ]
    assert np.median(counts) == 7
