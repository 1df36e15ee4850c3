"""Each method's rate, and how many queries of typical data have to be summed again."""

import numpy as np

import parzen
from benchmarks.data import images, plain_log_density
from benchmarks.harness import Row, interleave
from parzen.typing import FloatArray

_METHODS = {"dense": (1, 2, 3, 4, 8, 16), "matmul": (8, 16, 64, 784), "compensated": (1, 2, 3, 8, 64, 784)}
_ORDERS = ("log density", "and gradient", "and Hessian")
#: Multiply-adds that a case may cost, so that it takes seconds.
_WORK = {"dense": 2e9, "matmul": 6e9, "compensated": 4e8}


def run(quick: bool) -> list[Row]:
    """Measure rates, then repairs."""
    rows = [_rate(method, d, quick) for method, dimensions in _METHODS.items() for d in dimensions]
    return rows + _repairs(quick)


def _rate(method: str, d: int, quick: bool) -> Row:
    """Measure one method where no pair can be skipped; each order is checked first."""
    random = np.random.default_rng(d)
    figures: dict[str, float | int | str] = {}
    for order, what in enumerate(_ORDERS):
        if order == 2 and d > 64:
            continue
        work = _WORK[method] / (10 if quick else 1)
        n = int(np.sqrt(work / (4 + d + 2 * d**order)) // 512 + 1) * 512
        samples, queries = random.standard_normal((n, d)), random.standard_normal((n, d))
        kde = parzen.KernelDensity(np.sqrt(d), method=method, rtol=0 if method == "compensated" else 1e-9)
        kde.fit(samples)
        values = kde.evaluate(queries[:20], order=order).log_density
        assert np.abs(values - plain_log_density(samples, queries[:20], [np.sqrt(d)])[:, 0]).max() < 2e-9

        def evaluate(
            kde: parzen.KernelDensity = kde, queries: FloatArray = queries, order: int = order
        ) -> object:
            return kde.evaluate(queries, order=order, progress=False)

        seconds = interleave({"parzen": evaluate}, rounds=5, budget=5.0).seconds("parzen")
        figures[f"{what}, 10⁹ pairs / s"] = n * n / seconds / 1e9
    return Row(f"{method}, d = {d}", figures, table="rates")


def _repairs(quick: bool) -> list[Row]:
    """Count the queries that are summed again in double-double arithmetic."""
    train, held_out, name = images()
    digits = parzen.datasets.load("digits")
    random = np.random.default_rng(0)
    n = 500 if quick else 2000
    normal = {d: (random.standard_normal((n, d)), random.standard_normal((n, d))) for d in (1, 3, 16, 64)}
    cases = [
        ("digits", digits.train, digits.test, 0.2),
        *((name, train[:n], held_out[:n], h) for h in (0.05, 0.2, 1.0)),
        *((f"Gaussian, d = {d}", *pair, 0.5) for d, pair in normal.items()),
        ("Gaussian, d = 3", *normal[3], 1e-3),
        ("Gaussian, d = 64", *normal[64], 1e-2),
        *(
            (f"Gaussian + {shift:g}, d = 3", normal[3][0] + shift, normal[3][1] + shift, 0.5)
            for shift in (1e6, 1e12)
        ),
        ("Gaussian, 1000 standard deviations off, d = 3", normal[3][0], normal[3][1] + 1000, 0.5),
        ("Gaussian, queries = samples, d = 64", normal[64][0], normal[64][0], 0.5),
    ]
    rows = []
    for what, samples, queries, h in cases:
        kde = parzen.KernelDensity(h).fit(samples)
        for order in (0, 1):
            values = kde.evaluate(queries, order=order, progress=False)
            exact = parzen.KernelDensity(h, rtol=0).fit(samples).score_samples(queries[:50])
            error = float(np.abs(values.log_density[:50] - exact).max())
            assert error <= 1e-9 + 1e-15 * np.abs(exact).max()
            rows.append(
                Row(
                    f"{what}, h = {h:g}" + (", gradient" if order else ""),
                    {
                        "method": values.method,
                        "repaired, %": 100 * values.n_repaired / len(queries),
                        "promised bound": values.error_bound,
                        "largest error seen": error,
                    },
                    table="repairs",
                )
            )
    return rows
