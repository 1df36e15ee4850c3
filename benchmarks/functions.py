"""Derivatives of functions: accuracy, honesty and cost of parzen and its peers on the same cases, in one run.

Run as ``python -m benchmarks.functions [out.json]``. Peers that are not installed are left out. The tables on
docs/derivatives-of-functions.md between the "benchmark" marks are rewritten.
"""

import json
import math
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats
from scipy.differentiate import derivative as scipy_derivative
from scipy.optimize import approx_fprime
from scipy.stats._distr_params import distcont

from parzen.derivatives.functions import differentiate

PAGE = Path(__file__).parent.parent / "docs" / "derivatives-of-functions.md"
RTOL = 1e-8


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
        if name in ("levy_stable", "studentized_range"):
            continue  # minutes a value
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


def measure(cases: list[Case], tool: Callable[[Counted, float], Answer]) -> dict[str, float] | None:
    """Run one tool on one group of cases."""
    answers = []
    for case in cases:
        try:
            answers.append(tool(Counted(case.f), case.x))
        except ImportError:
            return None
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
        "cases": len(cases),
        "right": float(np.mean(right)),
        "said converged and wrong": int(np.sum(said & ~right)),
        "said not converged": int(np.sum(~said)),
        "true error within 3 reported": float(np.mean(inside)),
        "median evaluations": float(np.median([a.evaluations for a in answers])),
        "most evaluations": int(max(a.evaluations for a in answers)),
    }


def valley() -> dict[str, Any]:
    """Rosenbrock in 2 to 100 dimensions: every entry of the gradient."""
    out = {}
    for n in (2, 3, 5, 10, 20, 50, 100):
        x = np.linspace(-1.2, 1.7, n)
        true = rosenbrock_gradient(x)
        row = {}
        for method in ("finite-difference", "auto"):
            found = differentiate(rosenbrock, x, "gradient", method=method)
            off = np.abs(found.value - true)
            row[method] = {
                "converged": found.converged,
                "worst relative error": float(np.max(off / np.abs(true))),
                "within 3 reported": float(np.mean(off <= 3 * found.error)),
                "evaluations an entry": found.n_evaluations / n,
            }
        try:
            import numdifftools

            count = 0

            def counted(z: Any) -> Any:
                nonlocal count
                count += 1
                return rosenbrock(z)

            value = numdifftools.Gradient(counted)(x)
            row["numdifftools"] = {
                "worst relative error": float(np.max(np.abs(value - true) / np.abs(true))),
                "evaluations an entry": count / n,
            }
        except ImportError:
            pass
        out[str(n)] = row
    return out


def quickest(call: Callable[[], Any], repeats: int = 15) -> float:
    """The least of several times, in seconds."""
    call()
    least = math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - start)
    return least


def speed() -> dict[str, Any]:
    """A cheap function of 100 parameters."""
    x = np.linspace(0.5, 1.5, 100)
    true = rosenbrock_gradient(x)

    def plain(z: Any) -> float:  # refuses complex numbers: differences are all there is
        return float(rosenbrock(z))

    def off(value: Any) -> float:
        return float(np.max(np.abs(value - true) / np.abs(true)))

    calls: dict[str, Callable[[], Any]] = {
        "approx_fprime (2-point)": lambda: approx_fprime(x, plain),
        "parzen, differences, rtol=1e-4 (2-point)": lambda: (
            differentiate(plain, x, "gradient", method="finite-difference", rtol=1e-4).value
        ),
        "parzen, differences, rtol=1e-8": lambda: (
            differentiate(plain, x, "gradient", method="finite-difference").value
        ),
        "parzen, auto (complex step)": lambda: differentiate(rosenbrock, x, "gradient").value,
    }
    try:
        import numdifftools

        calls["numdifftools.Gradient"] = lambda: numdifftools.Gradient(plain)(x)
    except ImportError:
        pass
    return {
        name: {"milliseconds": 1e3 * quickest(call), "worst error": off(call())}
        for name, call in calls.items()
    }


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "| cases | tool | right to 1e-8 | wrong, said converged | said not converged | error within 3× "
        "| median f evaluations |",
        "|---|---|---|---|---|---|---|",
    ]
    for group, tools in results["univariate"].items():
        for tool, row in tools.items():
            lines.append(
                f"| {group} ({row['cases']}) | {tool} | {row['right']:.1%} | "
                f"{row['said converged and wrong']} | "
                f"{row['said not converged']} | {row['true error within 3 reported']:.1%} | "
                f"{row['median evaluations']:.0f} |"
            )
    lines += [
        "",
        "| Rosenbrock, n = | tool | worst relative error | f evaluations an entry |",
        "|---|---|---|---|",
    ]
    for n, tools in results["rosenbrock"].items():
        for tool, row in tools.items():
            name = tool if tool == "numdifftools" else f"parzen, {tool}"
            lines.append(
                f"| {n} | {name} | {row['worst relative error']:.1e} | {row['evaluations an entry']:.1f} |"
            )
    lines += ["", "| gradient of Rosenbrock, n = 100 | time, ms | worst relative error |", "|---|---|---|"]
    for name, row in results["speed"].items():
        lines.append(f"| {name} | {row['milliseconds']:.2f} | {row['worst error']:.1e} |")
    return "\n".join(lines)


def main() -> None:
    """Measure everything, check the promise, write JSON and the table."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    cases = [*examples(), *distributions(), *gaussians()]
    groups = dict.fromkeys(case.group for case in cases)
    univariate = {}
    for group in groups:
        members = [case for case in cases if case.group == group]
        rows = {name: measure(members, tool) for name, tool in TOOLS.items()}
        univariate[group] = {name: row for name, row in rows.items() if row is not None}
    everything = {name: measure(cases, tool) for name, tool in TOOLS.items()}
    univariate["all"] = {name: row for name, row in everything.items() if row is not None}
    results = {"univariate": univariate, "rosenbrock": valley(), "speed": speed()}
    ours = univariate["all"]["parzen, differences"]
    if ours["said converged and wrong"] or ours["true error within 3 reported"] < 0.99:
        raise SystemExit(f"the promise is broken: {ours}")
    text = json.dumps(results, indent=1, ensure_ascii=False)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text + "\n", encoding="utf-8")
    shown = table(results)
    print(shown)
    page = PAGE.read_text(encoding="utf-8")
    marks = r"(<!-- benchmark -->\n).*?(<!-- end of benchmark -->)"
    PAGE.write_text(re.sub(marks, lambda m: m[1] + shown + "\n" + m[2], page, flags=re.S), encoding="utf-8")


if __name__ == "__main__":
    main()
