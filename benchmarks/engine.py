"""The engine: large n in few dimensions, against bare transforms and mlpack, with tails, growth and memory.

Blobs of five Gaussians, h = 0.7 n^(-1/(d+4)), as many queries as samples, rtol = 1e-9; every timing of parzen
starts with a new estimator unless the table says otherwise. Answers are compared with sums over all pairs, at
queries half of which are the least likely ones. Rows come one by one, so that a late failure loses no early one.
"""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import parzen
from benchmarks.harness import Bar, Figure, Row, forget_peak, interleave, peak_memory, python
from benchmarks.shapes import bandwidth, blobs, exact_errors, power, shape, warm
from parzen.typing import FloatArray

_MB = 1e6
_MEMORY_LIMIT = 2**30  # parzen's default
#: Dimension, n, and parzen's time at 1e-9 over mlpack's at 1e-4.
_MLPACK = ((2, 100_000, 1 / 30), (3, 100_000, 1 / 2), (5, 50_000, 1 / 3))
_SIZES = (100_000, 1_000_000, 10_000_000)
#: Error of the bare transforms.
_EPS = 1e-14
_QUICK_SIZES = (10_000, 30_000, 100_000)


def run(quick: bool) -> Iterator[Row]:
    """Measure every bar but that of the planner, which is a benchmark of its own."""
    for d in (1, 2, 3, 5, 8):
        warm(d, (0, 1) if d <= 2 else (0,))
    for d in (1, 2):
        yield from _against_transforms(d, 10_000 if quick else 1_000_000)
    yield from _against_mlpack(quick)
    yield from _tails(20_000 if quick else 100_000)
    for d in (1, 2):
        yield _growth(d, _QUICK_SIZES if quick else _SIZES)
    yield _memory(100_000 if quick else 10_000_000)
    yield from _looser(quick)
    yield _three_dimensions(20_000 if quick else 1_000_000)  # the longest, last


def _evaluate(
    samples: FloatArray, queries: FloatArray, order: int = 0, **options: Any
) -> parzen.DensityValues:
    """Fit and evaluate with a new estimator."""
    kde = parzen.KernelDensity(options.pop("h", bandwidth(*samples.shape)), **options).fit(samples)
    return kde.evaluate(queries, order=order, progress=False)


def _against_transforms(d: int, n: int) -> Iterator[Row]:
    """Measure beside one type-1 and one type-2 transform, with the modes that a method of transforms needs."""
    samples, queries = shape("blobs", n, d)
    h = bandwidth(n, d)
    fitted = parzen.KernelDensity(h).fit(samples)
    values = fitted.evaluate(queries, order=1, progress=False)
    errors = exact_errors(samples, queries, values, h)
    plain = fitted.evaluate(queries, progress=False)
    log_error, _ = exact_errors(samples, queries, plain, h)
    pair, modes = _bare_pair(samples, queries, h)
    pair()
    timings = interleave(
        {
            "transforms": pair,
            "first": lambda: _evaluate(samples, queries),
            "second": lambda: fitted.evaluate(queries, progress=False),
            "gradient": lambda: _evaluate(samples, queries, order=1),
        }
    )
    cases: tuple[tuple[str, str, tuple[Bar, ...], str, float], ...] = (
        ("first", "log density", (Bar("ratio", 2.5),), plain.method, log_error),
        ("second", "log density, second call", (), plain.method, log_error),
        ("gradient", "log density and gradient", (Bar("ratio", 5),), values.method, max(errors)),
    )
    for key, what, bars, method, error in cases:
        yield Row(
            f"{d}-D, {power(n)}, {what}",
            {
                "method": method,
                "modes": modes,
                "transforms, s": timings.seconds("transforms"),
                "parzen, s": timings.seconds(key),
                "ratio": timings.ratio(key, "transforms"),
                "largest error": error,
            },
            bars,
            table="transforms",
        )


def _bare_pair(samples: FloatArray, queries: FloatArray, h: float) -> tuple[Callable[[], None], str]:
    """Return the bare calls of FINUFFT that a method of transforms would make, and their numbers of modes.

    Spacing and number of the frequencies are those of Greengard, Rachh & Barnett (2022) for one box, with absolute
    error 1e-14 for each sample: what is needed for 1e-9 relative to sums of 1e-5 of the largest.
    """
    import finufft

    d = samples.shape[1]
    low = np.minimum(samples.min(axis=0), queries.min(axis=0))
    high = np.maximum(samples.max(axis=0), queries.max(axis=0))
    spacing = 1.0 / (high - low + h * math.sqrt(2.0 * math.log(4.0 * d * 3.0**d / _EPS)))
    half = np.ceil(math.sqrt(0.5 * math.log(d * 4.0 ** (d + 1) / _EPS)) / (math.pi * h) / spacing)
    modes = tuple(int(2 * m + 1) for m in half)
    sources_at, queries_at = (
        [np.ascontiguousarray(2.0 * np.pi * spacing[a] * (p[:, a] - 0.5 * (low + high)[a])) for a in range(d)]
        for p in (samples, queries)
    )
    strengths = np.ones(len(samples), dtype=np.complex128)
    forth, back = getattr(finufft, f"nufft{d}d1"), getattr(finufft, f"nufft{d}d2")
    options = {"eps": _EPS, "nthreads": len(os.sched_getaffinity(0))}

    def pair() -> None:
        transform = forth(*sources_at, strengths, modes, isign=-1, **options)
        back(*queries_at, transform, isign=1, **options)

    return pair, "×".join(map(str, modes))


def _alone(n: int, d: int) -> dict[str, float]:
    """Measure fit and score in a process of its own."""
    found: dict[str, float] = json.loads(python(["-m", "benchmarks.engine", str(n), str(d)]))
    return found


def _measure(n: int, d: int) -> dict[str, Figure]:
    """Return seconds, method, largest error and peak memory of one evaluation; in this process, which is new."""
    warm(d)
    samples, queries = shape("blobs", n, d)
    before = forget_peak()
    began = time.perf_counter()
    values = _evaluate(samples, queries)
    seconds = time.perf_counter() - began
    peak = peak_memory()
    error, _ = exact_errors(samples, queries, values, bandwidth(n, d), count=200 if n > 1_000_000 else 1000)
    return {
        "method": values.method, "seconds": seconds, "largest error": error,
        "in all, MB": peak / _MB, "extra at the peak, MB": (peak - before) / _MB,
    }  # fmt: skip


def _three_dimensions(n: int) -> Row:
    """Measure time and memory in 3-D, once."""
    return Row(
        f"3-D, {power(n)}, log density",
        dict(_alone(n, 3)),
        (Bar("seconds", 40), Bar("extra at the peak, MB", round(_MEMORY_LIMIT / _MB))),
        table="memory",
    )


def _memory(n: int) -> Row:
    """Measure the memory of everything, interpreter and arrays included, in 1-D."""
    figures = dict(_alone(n, 1))
    return Row(f"1-D, {power(n)}, log density", figures, (Bar("in all, MB", 3000),), table="memory")


def _against_mlpack(quick: bool) -> Iterator[Row]:
    """Measure beside mlpack's dual trees at relative error 1e-4, where it is installed."""
    for d, n, limit in _MLPACK:
        n = n // 20 if quick else n
        samples, queries = shape("blobs", n, d)
        h = bandwidth(n, d)
        values = _evaluate(samples, queries)
        error, _ = exact_errors(samples, queries, values, h)
        case, ours = f"{d}-D, {power(n)}", {"method": values.method}
        try:
            from mlpack import kde as mlpack_kde
        except ImportError:
            seconds = interleave({"parzen": lambda s=samples, q=queries: _evaluate(s, q)}, 3).seconds(
                "parzen"
            )
            missing = {"mlpack, s": "not installed", "largest error": error}
            yield Row(case, ours | {"parzen, s": seconds} | missing, table="mlpack")
            continue
        kept: dict[str, FloatArray] = {}

        def theirs(
            samples: FloatArray = samples, queries: FloatArray = queries, h: float = h, kept: Any = kept
        ) -> None:
            kept["density"] = mlpack_kde(
                reference=samples, query=queries, bandwidth=h, kernel="gaussian", algorithm="dual-tree",
                tree="kd-tree", rel_error=1e-4, copy_all_inputs=True,
            )["predictions"]  # fmt: skip

        timings = interleave(
            {"parzen": lambda s=samples, q=queries: _evaluate(s, q), "mlpack": theirs}, rounds=3, budget=30.0
        )
        density = np.asarray(kept["density"])
        lost = density <= 0.0
        off = np.abs(np.log(density[~lost]) - values.log_density[~lost])
        yield Row(
            case,
            {
                **ours,
                "parzen, s": timings.seconds("parzen"),
                "mlpack, s": timings.seconds("mlpack"),
                "ratio": timings.ratio("parzen", "mlpack"),
                "largest error": error,
                "mlpack's, where finite": float(off.max()),
                "mlpack's -inf": int(np.count_nonzero(lost)),
            },
            (Bar("ratio", limit),),
            table="mlpack",
        )


def _tails(n: int) -> Iterator[Row]:
    """Measure heavy tails and a far outlier beside blobs of the same n."""
    for d in (1, 2):
        h = bandwidth(n, d)
        given = {name: shape(name, n, d) for name in ("blobs", "heavy tails", "outlier")}
        found = {name: _evaluate(*pair) for name, pair in given.items()}
        errors = {name: exact_errors(*given[name], found[name], h)[0] for name in given}
        timings = interleave({name: lambda pair=pair: _evaluate(*pair) for name, pair in given.items()})
        for name in ("heavy tails", "outlier"):
            yield Row(
                f"{d}-D, {power(n)}, {name}",
                {
                    "method": found[name].method,
                    "blobs, s": timings.seconds("blobs"),
                    "parzen, s": timings.seconds(name),
                    "ratio": timings.ratio(name, "blobs"),
                    "largest error": errors[name],
                },
                (Bar("ratio", 3),),
                table="tails",
            )


def _growth(d: int, sizes: tuple[int, ...]) -> Row:
    """Measure how time grows with n; the figures are named for the plot."""
    seconds: dict[int, float] = {}
    errors = []
    for n in sizes:
        samples, queries = shape("blobs", n, d)
        began = time.perf_counter()
        values = _evaluate(samples, queries)
        first = time.perf_counter() - began
        errors.append(exact_errors(samples, queries, values, bandwidth(n, d), count=200)[0])
        again = interleave({"parzen": lambda s=samples, q=queries: _evaluate(s, q)}, rounds=3, budget=3.0)
        seconds[n] = again.seconds("parzen") if first < 10.0 else first
    slope = math.log(seconds[sizes[-1]] / seconds[sizes[0]]) / math.log(sizes[-1] / sizes[0])
    figures: dict[str, Figure] = {f"{power(n)}, s": s for n, s in seconds.items()}
    return Row(
        f"{d}-D, log density",
        figures | {"slope": slope, "largest error": max(errors)},
        (Bar("slope", 1.15),),
        table="growth",
    )


def _looser(quick: bool) -> Iterator[Row]:
    """Measure what a promise of 1e-4 saves."""
    cases = (("dense", 8, 20_000), ("tree", 5, 50_000), ("gridding", 2, 1_000_000))
    for method, d, n in cases:
        n = n // 20 if quick else n
        random = np.random.default_rng(3)
        samples, queries = blobs(random, n, d), blobs(random, n, d)
        errors = {}
        for rtol in (1e-9, 1e-4):
            values = _evaluate(samples, queries, method=method, rtol=rtol)
            errors[rtol] = exact_errors(samples, queries, values, bandwidth(n, d), count=400, rtol=rtol)[0]
        timings = interleave(
            {
                str(rtol): lambda s=samples, q=queries, r=rtol, m=method: _evaluate(s, q, method=m, rtol=r)
                for rtol in errors
            },
            rounds=5,
            budget=20.0,
        )
        yield Row(
            f"{method}, {d}-D, {power(n)}",
            {
                "rtol = 1e-9, s": timings.seconds(str(1e-9)),
                "rtol = 1e-4, s": timings.seconds(str(1e-4)),
                "ratio": timings.ratio(str(1e-4), str(1e-9)),
                "error at 1e-9": errors[1e-9],
                "error at 1e-4": errors[1e-4],
            },
            (Bar("ratio", 1.0),),
            table="looser",
        )


if __name__ == "__main__":
    print(json.dumps(_measure(*map(int, sys.argv[1:]))))
