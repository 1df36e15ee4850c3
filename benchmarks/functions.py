"""Derivatives of functions: accuracy, honesty and cost beside the peers, on the same cases in one run.

The peers run with their defaults. "Wrong, said converged" counts confident answers that miss 1e-8; numdifftools
and jacobi have no verdict, so that for them every finite answer counts as one. Peers that are not installed have
a row that says so.
"""

import importlib.util
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import stats
from scipy.differentiate import derivative as scipy_derivative
from scipy.differentiate import jacobian as scipy_jacobian
from scipy.optimize import approx_fprime
from scipy.stats._distr_params import distcont

from benchmarks.harness import Bar, Figure, Row, interleave
from parzen import differentiate

RTOL = 1e-8
#: SciPy's distributions that take minutes a value
SLOW = ("levy_stable", "studentized_range")


class Case(NamedTuple):
    """One derivative to be found."""

    group: str
    f: Callable[[float], float]
    x: float
    true: float


class Answer(NamedTuple):
    """What a tool said."""

    value: float
    error: float
    converged: bool
    evaluations: int


def examples() -> Iterator[Case]:
    """The 19 example functions of numdifftools, at points over eleven decades."""
    log2, log10 = math.log(2), math.log(10)
    table: dict[str, tuple[Any, Any]] = {
        "cos": (np.cos, lambda x: -np.sin(x)),
        "sin": (np.sin, np.cos),
        "tan": (np.tan, lambda x: 1 / np.cos(x) ** 2),
        "cosh": (np.cosh, np.sinh),
        "sinh": (np.sinh, np.cosh),
        "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
        "arcsinh": (np.arcsinh, lambda x: 1 / np.sqrt(1 + x * x)),
        "exp": (np.exp, np.exp),
        "expm1": (np.expm1, np.exp),
        "exp2": (np.exp2, lambda x: log2 * np.exp2(x)),
        "square": (np.square, lambda x: 2 * x),
        "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
        "log": (np.log, lambda x: 1 / x),
        "log1p": (np.log1p, lambda x: 1 / (1 + x)),
        "log10": (np.log10, lambda x: 1 / (x * log10)),
        "log2": (np.log2, lambda x: 1 / (x * log2)),
        "arccos": (np.arccos, lambda x: -1 / np.sqrt((1 - x) * (1 + x))),
        "arcsin": (np.arcsin, lambda x: 1 / np.sqrt((1 - x) * (1 + x))),
        "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
    }
    for f, slope in table.values():
        for x in (1e-6, 0.1, 0.3, 0.5, 0.9, -0.4, 1.7, 30.0, 1e4):
            true = float(slope(x))
            if math.isfinite(true) and math.isfinite(float(f(x))):
                yield Case("19 numdifftools functions", f, x, true)


def distributions() -> Iterator[Case]:
    """The continuous distributions of SciPy: the density as the derivative of the distribution function."""
    for name, parameters in distcont:
        if name in SLOW:
            continue
        law = getattr(stats, name)(*parameters)
        x = float(law.median()) + 0.1
        yield Case("SciPy cdf → pdf", law.cdf, x, float(law.pdf(x)))


def gaussians() -> Iterator[Case]:
    """N(10^a, 10^-b) on its flanks."""
    for a in range(-3, 7):
        for b in range(9):
            mu, sigma = 10.0**a, 10.0**-b
            for z in (-3, -2, -1, -0.5, -0.1, 0.1, 0.5, 1, 2, 3):
                x = mu + z * sigma

                def pdf(t: float, mu: float = mu, sigma: float = sigma) -> float:
                    return math.exp(-0.5 * ((t - mu) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))

                yield Case("narrow Gaussians", pdf, x, -(x - mu) / sigma**2 * pdf(x))


def rosenbrock(x: Any) -> Any:
    """The valley."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x: Any) -> Any:
    """Its gradient."""
    slope = np.zeros_like(x)
    slope[:-1] = -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    slope[1:] += 200 * (x[1:] - x[:-1] ** 2)
    return slope


class Counted:
    """A function of one number, on arrays too, that counts the points."""

    def __init__(self, f: Callable[[float], float]) -> None:
        self.f, self.points = f, 0

    def __call__(self, x: Any) -> Any:
        """Evaluate."""
        self.points += np.size(x)
        if np.ndim(x) == 0:
            return float(self.f(float(x)))
        return np.array([float(self.f(float(t))) for t in np.ravel(x)]).reshape(np.shape(x))


def by_parzen(f: Counted, x: float) -> Answer:
    """Finite differences only."""
    found = differentiate(f, x, method="finite-difference")
    return Answer(float(found.value), float(found.error), found.converged, found.n_evaluations)


def by_parzen_auto(f: Counted, x: float) -> Answer:
    """Whatever parzen chooses."""
    found = differentiate(f.f, x)
    return Answer(float(found.value), float(found.error), found.converged, found.n_evaluations)


def by_scipy(f: Counted, x: float) -> Answer:
    """scipy.differentiate with its defaults."""
    found = scipy_derivative(f, x)
    return Answer(float(found.df), float(found.error), bool(found.success), int(found.nfev))


def by_numdifftools(f: Counted, x: float) -> Answer:
    """numdifftools with its defaults; it has no verdict of its own, so every finite answer is one."""
    import numdifftools

    found = numdifftools.Derivative(f, full_output=True)(x)
    return Answer(
        float(found.estimate), float(found.error_estimate), bool(np.isfinite(found.estimate)), f.points
    )


def by_jacobi(f: Counted, x: float) -> Answer:
    """The jacobi package with its defaults."""
    import jacobi

    value, error = jacobi.jacobi(f, x)
    return Answer(float(value), float(error), bool(np.isfinite(value)), f.points)


TOOLS: dict[str, Callable[[Counted, float], Answer]] = {
    "parzen, differences": by_parzen,
    "parzen, auto": by_parzen_auto,
    "scipy.differentiate": by_scipy,
    "numdifftools": by_numdifftools,
    "jacobi": by_jacobi,
}


#: tools of `TOOLS` and `valley` that are packages of their own
PEERS = ("numdifftools", "jacobi")


def missing(tool: str) -> bool:
    """Whether a tool is a package that is not installed."""
    return tool in PEERS and importlib.util.find_spec(tool) is None


def measure(cases: list[Case], tool: Callable[[Counted, float], Answer]) -> dict[str, Figure]:
    """Run one tool on one group of cases."""
    answers = []
    for case in cases:
        try:
            answers.append(tool(Counted(case.f), case.x))
        except Exception:
            answers.append(Answer(math.nan, math.inf, False, 0))
    off = np.array([abs(a.value - c.true) for a, c in zip(answers, cases, strict=True)])
    size = np.array([abs(c.true) for c in cases])
    said = np.array([a.converged for a in answers])
    error = np.array([a.error for a in answers])
    right = off <= RTOL * size
    # no answer at all, with an infinite error, claims nothing
    inside = (off <= 3 * error + 1e-15 * size) | (np.isinf(error) & ~said)
    return {
        "right to 1e-8, %": 100 * float(np.mean(right)),
        "wrong, said converged": int(np.sum(said & ~right)),
        "said not converged": int(np.sum(~said)),
        "error within 3 ×, %": 100 * float(np.mean(inside)),
        "median evaluations": float(np.median([a.evaluations for a in answers])),
    }


def run(quick: bool) -> list[Row]:
    """Measure derivatives of functions of one number, gradients of Rosenbrock's valley, and their times."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return [*_one_number(quick), *_valley(quick), *_speed(quick)]


def _one_number(quick: bool) -> list[Row]:
    """Every tool on every group of cases; parzen must never be wrong and sure of it."""
    cases = [*examples(), *distributions(), *gaussians()]
    cases = cases[:: 20 if quick else 1]
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    groups["all"] = cases
    rows = []
    for group, members in groups.items():
        for name, tool in TOOLS.items():
            title = f"{group} ({len(members)}): {name}"
            if missing(name):
                rows.append(Row(title, {"right to 1e-8, %": "not installed"}, table="cases"))
                continue
            figures = measure(members, tool)
            bars: tuple[Bar, ...] = ()
            if name.startswith("parzen"):
                assert figures["wrong, said converged"] == 0, (title, figures)
                assert float(figures["error within 3 ×, %"]) >= 99, (title, figures)
                # numdifftools takes 31 and scipy.differentiate 11
                bars = (Bar("median evaluations", 11),)
            rows.append(Row(title, figures, bars, table="cases"))
    return rows


def _valley(quick: bool) -> list[Row]:
    """Rosenbrock in 2 to 100 dimensions: every entry of the gradient."""
    rows = []
    for n in (2, 10) if quick else (2, 3, 5, 10, 20, 50, 100):
        x = np.linspace(-1.2, 1.7, n)
        true = rosenbrock_gradient(x)
        for method in ("finite-difference", "auto"):
            found = differentiate(rosenbrock, x, "gradient", method=method)
            off = np.abs(found.value - true)
            assert found.converged, (n, method)
            assert (off <= 3 * found.error + 1e-15 * np.abs(true)).all(), (n, method)
            figures = {
                "worst relative error": float(np.max(off / np.abs(true))),
                "evaluations an entry": found.n_evaluations / n,
            }
            bars = (Bar("worst relative error", RTOL), Bar("evaluations an entry", 11))
            rows.append(Row(f"n = {n}: parzen, {method}", figures, bars, table="rosenbrock"))
        rows.append(Row(f"n = {n}: scipy.differentiate", _valley_scipy(x, true), table="rosenbrock"))
        rows.append(Row(f"n = {n}: numdifftools", _valley_peer(x, true), table="rosenbrock"))
    return rows


def _valley_scipy(x: Any, true: Any) -> dict[str, Figure]:
    """The same by scipy.differentiate, which wants f of points in columns."""
    found = scipy_jacobian(lambda z: np.sum(100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2, axis=0), x)
    return {
        "worst relative error": float(np.max(np.abs(found.df - true) / np.abs(true))),
        "evaluations an entry": float(np.sum(found.nfev)) / x.size,
    }


def _valley_peer(x: Any, true: Any) -> dict[str, Figure]:
    """The same by numdifftools."""
    if missing("numdifftools"):
        return {"worst relative error": "not installed"}
    import numdifftools

    count = 0

    def counted(z: Any) -> Any:
        nonlocal count
        count += 1
        return rosenbrock(z)

    value = numdifftools.Gradient(counted)(x)
    return {
        "worst relative error": float(np.max(np.abs(value - true) / np.abs(true))),
        "evaluations an entry": count / x.size,
    }


def _speed(quick: bool) -> list[Row]:
    """The gradient of a cheap function of 100 parameters."""
    x = np.linspace(0.5, 1.5, 100)
    true = rosenbrock_gradient(x)

    def plain(z: Any) -> float:  # refuses complex numbers: differences are all there is
        return float(rosenbrock(z))

    two, four, auto, scipy_two, peer = (
        "parzen, differences, rtol=1e-4 (two-point)", "parzen, differences, rtol=1e-8",
        "parzen, auto (complex step)", "approx_fprime (two-point)", "numdifftools.Gradient",
    )  # fmt: skip
    calls: dict[str, Callable[[], Any]] = {
        scipy_two: lambda: approx_fprime(x, plain),
        two: lambda: differentiate(plain, x, "gradient", method="finite-difference", rtol=1e-4).value,
        four: lambda: differentiate(plain, x, "gradient", method="finite-difference").value,
        auto: lambda: differentiate(rosenbrock, x, "gradient").value,
    }
    if not missing("numdifftools"):
        import numdifftools

        calls[peer] = lambda: numdifftools.Gradient(plain)(x)
    worst = {name: float(np.max(np.abs(call() - true) / np.abs(true))) for name, call in calls.items()}
    assert worst[two] <= 1e-4
    assert max(worst[four], worst[auto]) <= RTOL
    timings = interleave(calls, rounds=5 if quick else 41)
    rows = []
    for name in calls:
        figures: dict[str, Figure] = {
            "time, ms": 1e3 * timings.seconds(name),
            "worst relative error": worst[name],
        }
        bars: tuple[Bar, ...] = ()
        if name == two:
            figures["time over approx_fprime's"] = timings.ratio(name, scipy_two)
            bars = (Bar("time over approx_fprime's", 1.5),)
        elif name in (four, auto) and peer in calls:
            figures["times faster than numdifftools"] = timings.ratio(peer, name)
            bars = (Bar("times faster than numdifftools", 5, at_least=True),)
        rows.append(Row(name, figures, bars, table="speed"))
    if peer not in calls:
        rows.append(Row(peer, {"time, ms": "not installed"}, table="speed"))
    return rows
