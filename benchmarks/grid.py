"""Gradients of arrays against `numpy.gradient` and findiff: ratios within one run, accuracy asserted first.

python -m benchmarks.grid --json grid.json     measure
python -m benchmarks.grid --table grid*.json   print the table of docs/gradients-of-data.md
"""

import argparse
import json
import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from parzen.derivatives.grid import gradient


def best(functions: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Least seconds of each function, taken in turns so that a slow moment hits them all."""
    times = [float("inf")] * len(functions)
    for _ in range(rounds):
        for k, function in enumerate(functions):
            start = time.perf_counter()
            result = function()
            times[k] = min(times[k], time.perf_counter() - start)
            del result
    return times


def ours(f: Any, arguments: Any, out: Any, **options: Any) -> list[Callable[[], Any]]:
    """Our calls: as it is, into given memory, on one thread; and a copy, the floor of all."""
    return [
        partial(gradient, f, *arguments, **options),
        partial(gradient, f, *arguments, out=out, **options),
        partial(gradient, f, *arguments, workers=1, **options),
        f.copy,
    ]


def as_tuple(result: Any) -> tuple[Any, ...]:
    """Treat one array and several alike."""
    return result if isinstance(result, tuple) else (result,)


def against_numpy(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Compare with `numpy.gradient`: results must be equal to the bit."""
    rows = []
    cases = [
        ("4096 × 4096, uniform", (4096, 4096), False, 4.0),
        ("4096 × 4096, coordinates", (4096, 4096), True, 8.0),
        ("256 × 256 × 256, uniform", (256, 256, 256), False, 3.5),
        ("10⁷, uniform", (10**7,), False, 3.0),
        ("10⁷, coordinates", (10**7,), True, None),
    ]
    for name, shape, uneven, bar in cases:
        f = rng.standard_normal(shape)
        arguments = [np.cumsum(rng.random(n) + 0.5) for n in shape] if uneven else []
        expected = as_tuple(np.gradient(f, *arguments))
        outs = tuple(np.empty(shape) for _ in shape)
        out = outs if len(shape) > 1 else outs[0]
        for got in (as_tuple(gradient(f, *arguments)), as_tuple(gradient(f, *arguments, out=out))):
            assert all(np.array_equal(a, b) for a, b in zip(got, expected, strict=True)), name
        del expected, got
        rounds = 7 if len(shape) > 1 else 25
        seconds = best([partial(np.gradient, f, *arguments), *ours(f, arguments, out)], rounds)
        rows.append({"case": name, "peer": "numpy.gradient", "bar": bar, "seconds": seconds})
    return rows


def against_findiff(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Compare with findiff on both axes of an even grid; both must find the derivative of a smooth field."""
    try:
        import findiff
    except ImportError:
        return []
    rows = []
    n = 2048
    x = np.linspace(0, 3, n)
    h = float(x[1] - x[0])
    f = np.sin(x[:, None] + 0.3) * np.cos(2 * x)
    truth = np.cos(x[:, None] + 0.3) * np.cos(2 * x)
    for accuracy in (4, 8):
        operators = [findiff.Diff(axis, h, acc=accuracy) for axis in (0, 1)]
        assert np.abs(operators[0](f) - truth).max() < 1e-8
        assert np.abs(gradient(f, h, accuracy=accuracy)[0] - truth).max() < 1e-8
        out = (np.empty_like(f), np.empty_like(f))
        peer = partial(lambda ops: [op(f) for op in ops], operators)
        seconds = best([peer, *ours(f, [h], out, accuracy=accuracy)], 7)
        name = f"{n} × {n}, accuracy {accuracy}"
        rows.append({"case": name, "peer": f"findiff {findiff.__version__}", "bar": 4.0, "seconds": seconds})
    return rows


def small_arrays(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Overhead on 100 values, in microseconds over NumPy."""
    rows = []
    f = rng.standard_normal(100)
    x = np.cumsum(rng.random(100) + 0.5)
    for name, arguments in [
        ("100 values", ()),
        ("100 values, step", (0.5,)),
        ("100 values, coordinates", (x,)),
    ]:
        repeats = 2000

        def many(function: Any, arguments: Any = arguments, repeats: int = repeats) -> None:
            for _ in range(repeats):
                function(f, *arguments)

        theirs, ours = (
            t / repeats for t in best([lambda m=many: m(np.gradient), lambda m=many: m(gradient)], 5)
        )
        rows.append({"case": name, "numpy": theirs * 1e6, "parzen": ours * 1e6, "bar": 20.0})
    return rows


def peak_memory(rng: np.random.Generator) -> dict[str, float]:
    """Most memory in use during a call beyond its outputs, in MB."""
    f = rng.standard_normal((4096, 4096))
    gradient(f)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    result = gradient(f)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"extra": (peak - before - sum(r.nbytes for r in result)) / 1e6}


def measure() -> dict[str, Any]:
    """Run everything."""
    rng = np.random.default_rng(0)
    return {
        "machine": {"processors": os.cpu_count(), "architecture": platform.machine()},
        "numpy": np.__version__,
        "large": against_numpy(rng) + against_findiff(rng),
        "small": small_arrays(rng),
        "memory": peak_memory(rng),
    }


def spread(values: list[float], unit: str = " ×") -> str:
    """Write the median of several runs, and their range if there is one."""
    middle = f"**{median(values):.1f}{unit}**"
    return middle if len(values) == 1 else f"{middle} ({min(values):.1f} to {max(values):.1f})"


def table(runs: list[dict[str, Any]]) -> str:
    """Return one or several runs as Markdown: medians and ranges, no run left out."""
    lines = ["| case | ratio | with `out=` | one thread | bar |", "|---|---|---|---|---|"]
    for rows in zip(*(run["large"] for run in runs), strict=True):
        peer, ours, out, one, _ = zip(*(row["seconds"] for row in rows), strict=True)
        ratios = [[p / t for p, t in zip(peer, times, strict=True)] for times in (ours, out, one)]
        bar = "" if rows[0]["bar"] is None else f"{rows[0]['bar']:g} ×"
        cells = " | ".join(map(spread, ratios))
        lines.append(f"| {rows[0]['case']} ({rows[0]['peer']}) | {cells} | {bar} |")
    lines += ["", "| small arrays | µs more than NumPy | bar |", "|---|---|---|"]
    for rows in zip(*(run["small"] for run in runs), strict=True):
        more = [row["parzen"] - row["numpy"] for row in rows]
        lines.append(f"| {rows[0]['case']} | {spread(more, '')} | {rows[0]['bar']:g} |")
    extra = max(run["memory"]["extra"] for run in runs)
    return "\n".join([*lines, "", f"Peak memory beyond the outputs, 4096²: {extra:.1f} MB (bar: 10)."])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", help="write the measurements here")
    parser.add_argument("--table", nargs="+", help="print the table of earlier runs")
    arguments = parser.parse_args()
    if arguments.table:
        print(table([json.loads(Path(name).read_text(encoding="utf-8")) for name in arguments.table]))
    else:
        results = measure()
        if arguments.json:
            Path(arguments.json).write_text(json.dumps(results, indent=1), encoding="utf-8")
        print(table([results]))
