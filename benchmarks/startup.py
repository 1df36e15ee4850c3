"""Start-up: the import, and the first call with and without a compile cache.

Every figure is from fresh interpreters; the median of several, but for the cold calls, which are one each. The
imports behind ``parzen.KernelDensity`` (scikit-learn, SciPy, Numba) and ``parzen.sweep`` (SciPy, Numba) happen
when the name is first touched, and stand in a column of their own.
"""

import json
import sys
import tempfile
from statistics import median

from benchmarks.harness import Bar, Row, python

#: What is called first, see `_first_call`.
_CASES = {
    "values": "KernelDensity.fit and score_samples, d = 2",
    "gradient": "the same with the gradient",
    "sweep": "sweep over 8 bandwidths, d = 784",
}

_IMPORT = "import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"


def run(quick: bool) -> list[Row]:
    """Measure imports and first calls."""
    repeats = 3 if quick else 10
    rows = []
    for name, what, bars in (
        ("parzen", "import parzen", (Bar("seconds", 0.3),)),
        ("numpy", "import numpy", ()),
        ("parzen.density.estimator", "import parzen, and touch parzen.KernelDensity", ()),
        ("sklearn.neighbors", "import sklearn.neighbors", ()),
    ):
        seconds = median(float(python(["-c", _IMPORT.format(name=name)])) for _ in range(repeats))
        rows.append(Row(what, {"seconds": seconds}, bars, table="import"))
    for case, what in _CASES.items():
        with tempfile.TemporaryDirectory() as cache:
            calls = [
                json.loads(python(["-m", "benchmarks.startup", case], NUMBA_CACHE_DIR=cache))
                for _ in range(1 + min(repeats, 5))
            ]
        cold, warm = calls[0], [median(column) for column in zip(*calls[1:], strict=True)]
        rows.append(
            Row(
                what,
                {
                    "imports, s": warm[0],
                    "first call, cold cache, s": cold[1],
                    "first call, warm cache, s": warm[1],
                    "second call, s": warm[2],
                },
                (Bar("first call, cold cache, s", 10.0), Bar("first call, warm cache, s", 0.6)),
                table="first_call",
            )
        )
    return rows


def _first_call(case: str) -> tuple[float, float, float]:
    """Return the seconds of the imports behind the public name, of the first call, and of the second."""
    import time

    import numpy as np

    import parzen

    random = np.random.default_rng(0)
    d = 784 if case == "sweep" else 2
    samples, queries = random.random((200, d)), random.random((100, d))
    bandwidths = (0.05, 0.08, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0)
    began = time.perf_counter()
    _ = parzen.sweep if case == "sweep" else parzen.KernelDensity
    imports = time.perf_counter() - began

    def call() -> float:
        began = time.perf_counter()
        if case == "sweep":
            values = parzen.sweep(samples, queries, bandwidths=bandwidths, progress=False).mean_log_density
        else:
            kde = parzen.KernelDensity(0.5).fit(samples)
            values = kde.score_samples(queries) if case == "values" else kde.grad_log_density(queries)
        seconds = time.perf_counter() - began
        assert np.isfinite(values).all()
        return seconds

    return imports, call(), call()


if __name__ == "__main__":
    print(json.dumps(_first_call(sys.argv[1])))
