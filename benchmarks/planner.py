"""The planner: time of ``method="auto"`` over that of the best forced method, on a grid of cases.

The method that 'auto' takes runs as 'auto'; every other one that can do the case, and whose predicted time is
within five times the least, is forced. Cases predicted to take over three seconds are left out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import parzen
from benchmarks.harness import Bar, Row, Timings, interleave
from benchmarks.shapes import SHAPES, bandwidth, exact, power, promise, shape, warm
from parzen.typing import FloatArray

_SIZES = (1000, 10_000, 100_000)
_DIMENSIONS = (1, 2, 3, 5, 8, 16, 64)
#: Bandwidths in units of the one that suits blobs.
_FACTORS = (0.25, 1.0, 4.0)
_LONGEST = 3.0
_WORTH = 5.0
#: Cases shorter than this, in seconds, are timed again, in the best of five rounds.
_SHORT = 0.5


@dataclass(frozen=True)
class _Case:
    """What came of one case."""

    name: str
    chosen: str
    best: str
    seconds: float  # of 'auto'
    ratio: float
    planning: float  # share of those seconds


def run(quick: bool) -> Iterator[Row]:
    """Measure the grid by dimension and size, then list the worst."""
    found: list[_Case] = []
    for d in (1, 3, 16) if quick else _DIMENSIONS:
        warm(d, (0, 1))
        for n in _SIZES[:1] if quick else _SIZES:
            cases = list(_cases(d, n, quick))
            if not cases:
                continue
            found += cases
            worst = max(cases, key=lambda case: case.ratio)
            yield Row(
                f"{d}-D, {power(n)}",
                {
                    "cases": len(cases),
                    "not the best": sum(case.chosen != case.best for case in cases),
                    "largest ratio": worst.ratio,
                    "over 1.5": sum(case.ratio > 1.5 for case in cases),
                    "largest share of planning": max(case.planning for case in cases),
                },
                (Bar("largest ratio", 1.5),),
                table="grid",
            )
    for case in sorted(found, key=lambda case: -case.ratio)[:5]:
        yield Row(
            case.name,
            {"auto": case.chosen, "best": case.best, "auto, s": case.seconds, "ratio": case.ratio},
            (Bar("ratio", 1.5),),
            table="worst",
        )


def _cases(d: int, n: int, quick: bool) -> Iterator[_Case]:
    """Measure every shape, order and bandwidth that is not too long."""
    for name in SHAPES:
        if name == "ridge" and d == 1:
            continue
        samples, queries = shape(name, n, d)
        for order in (0, 1):
            for factor in (1.0,) if quick else _FACTORS:
                h = factor * bandwidth(n, d)
                what = f"{name}, {d}-D, {power(n)}, h = {h:.2g}" + (", gradient" if order else "")
                case = _measure(what, samples, queries, h, order)
                if case is not None:
                    yield case


def _measure(name: str, samples: FloatArray, queries: FloatArray, h: float, order: int) -> _Case | None:
    """Time one case; None where it is too long."""
    fitted = parzen.KernelDensity(h).fit(samples)
    plan = fitted.explain(queries, order=order)
    predicted = {c.name: c.seconds for c in plan.candidates if not c.refused}
    if min(predicted.values()) > _LONGEST:
        return None
    methods = [m for m, seconds in predicted.items() if seconds <= _WORTH * min(predicted.values())]
    log_densities: dict[str, FloatArray] = {}

    def work(method: str) -> Callable[[], None]:
        option = "auto" if method == plan.method else method

        def evaluate() -> None:
            kde = parzen.KernelDensity(h, method=option).fit(samples)
            log_densities[method] = kde.evaluate(queries, order=order, progress=False).log_density

        return evaluate

    contenders = {method: work(method) for method in methods}
    timings = interleave(contenders, rounds=1)
    chosen = np.linspace(0, len(queries) - 1, 8).astype(int)
    truth = exact(samples, queries[chosen], h).log_density
    for method, log_density in log_densities.items():
        assert (np.abs(log_density[chosen] - truth) <= promise(truth)).all(), (name, method)
    if sum(_least(timings, method) for method in methods) < _SHORT:
        timings = interleave(contenders, rounds=5, budget=4 * _SHORT)
    planning = interleave({"explain": lambda: fitted.explain(queries, order=order)}, rounds=2)
    seconds = {method: _least(timings, method) for method in methods}
    best = min(seconds, key=lambda method: seconds[method])
    return _Case(
        name, plan.method, best, seconds[plan.method], seconds[plan.method] / seconds[best],
        _least(planning, "explain") / seconds[plan.method],
    )  # fmt: skip


def _least(timings: Timings, name: str) -> float:
    """Return the least seconds: the choice is judged, not the noise of a round."""
    return min(timings.wall[name])
