"""Peak memory beyond the arrays that the caller holds.

Each case runs in its own process: the arrays are made, the loops compiled on a small case, and then the growth
of the resident set up to its peak is taken. It includes the result and parzen's own copy of the samples.
"""

import json
import sys

import numpy as np

import parzen
from benchmarks.data import plain_log_density
from benchmarks.harness import Bar, Row, forget_peak, peak_memory, python
from parzen.experiment.settings import BANDWIDTHS

_MB = 1e6
_CASES = {
    "sweep": ("sweep over 8 bandwidths", (10_000, 10_000, 784), 600.0),
    "gradient": ("gradient at 1 bandwidth", (10_000, 10_000, 784), None),
    "values": ("log density", (100_000, 100_000, 16), 2**30 / _MB),
}


def run(quick: bool) -> list[Row]:
    """Measure each case in a process of its own."""
    rows = []
    for case, (what, (n, m, d), limit) in _CASES.items():
        if quick:
            n, m = n // 10, m // 10
        growth, seconds = json.loads(python(["-m", "benchmarks.memory", case, str(n), str(m), str(d)]))
        rows.append(
            Row(
                f"{what}, {n} × {m} × {d}",
                {"samples and queries, MB": (n + m) * d * 8 / _MB, "extra at the peak, MB": growth / _MB,
                 "seconds": seconds},
                () if limit is None else (Bar("extra at the peak, MB", round(limit)),),
            )
        )  # fmt: skip
    return rows


def _measure(case: str, n: int, m: int, d: int) -> tuple[int, float]:
    """Return the growth in bytes and the seconds of one case."""
    import time

    random = np.random.default_rng(0)
    samples, queries = random.random((n, d)), random.random((m, d))

    def work(n: int, m: int) -> float:
        """Run the case; return its first log density at bandwidth 1 (or a mean of one)."""
        if case == "sweep":
            result = parzen.sweep(samples[:n], queries[:m], bandwidths=BANDWIDTHS, progress=False)
            return float(result.mean_log_density[BANDWIDTHS.index(1.0)])
        kde = parzen.KernelDensity(1.0).fit(samples[:n])
        return float(kde.evaluate(queries[:m], order=int(case == "gradient")).log_density[0])

    truth = plain_log_density(samples[:50], queries[:1], [1.0])[0, 0]
    assert abs(work(50, 1) - truth) < 2e-9
    before = forget_peak()
    began = time.perf_counter()
    work(n, m)
    return peak_memory() - before, time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], *map(int, sys.argv[2:]))))
