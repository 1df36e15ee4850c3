"""Gradients of arrays, against `numpy.gradient` and findiff.

Results must equal NumPy's to the bit, and findiff's and the true derivative to rounding, before anything is
timed. Each result is dropped before the next call, so that ours finds the pages of the last one again. "New pages"
forgets those first: the system then fills the pages with zeros, which is timed alone too (on one thread), and which
NumPy needs for its results and temporaries at every call. ``out=`` writes into memory that exists. A second thread
helps only while no other work holds its core, so that rounds count only if other work took less than a fifth of a
core, where there are three such rounds.
"""

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.harness import Bar, Row, Timings, forget_peak, interleave, peak_memory, python
from parzen.derivatives.arrays import pages
from parzen.grid import gradient

#: name, shape, whether with coordinates, bars on "times faster" and "with out="
_LARGE: tuple[tuple[str, tuple[int, ...], bool, float | None, float | None], ...] = (
    ("4096 × 4096, uniform", (4096, 4096), False, 4.0, 6.0),
    ("4096 × 4096, coordinates", (4096, 4096), True, 8.0, None),
    ("256 × 256 × 256, uniform", (256, 256, 256), False, 3.5, None),
    ("10⁷, uniform", (10**7,), False, 3.0, None),
    ("10⁷, coordinates", (10**7,), True, None, None),
)

_ROUNDS = 21  # the time to provide new pages varies by half
_QUIET = 0.2  # cores that other work may take in a round that counts
_BUDGET = 25.0  # seconds for a case

_FIRST_CALL = """
import time, numpy as np
from parzen.grid import gradient
f, x = np.random.default_rng(0).random((200, 200)), np.cumsum(np.ones(200) + np.arange(200) % 2)
began, cpu = time.perf_counter(), time.process_time()
{call}
print(time.perf_counter() - began, time.process_time() - cpu)
"""
_EVERY_KIND = (
    "[gradient(f.astype(t), *c, accuracy=a, order=o, nan=n) for t in ('f8', 'f4') for c in ((), (x, x)) "
    "for a in (2, 4) for o in (1, 2) for n in ('propagate', 'skip')]"
)


def run(quick: bool) -> list[Row]:
    """Measure large arrays, small arrays, memory, and first calls."""
    random = np.random.default_rng(0)
    rows = [_against_numpy(random, *case, quick=quick) for case in _LARGE]
    rows += _against_findiff(256 if quick else 2048)
    rows += _small_arrays(random, quick)
    rows.append(_memory(random, 512 if quick else 4096))
    return [*rows, *_first_calls(1 if quick else 3)]


def _against_numpy(
    random: np.random.Generator,
    name: str,
    shape: tuple[int, ...],
    uneven: bool,
    bar: float | None,
    bar_out: float | None,
    *,
    quick: bool,
) -> Row:
    """Compare all axes of an array with `numpy.gradient`."""
    if quick:
        shape = tuple(max(n // 16, 40) for n in shape)
    f = random.standard_normal(shape)
    arguments = [np.cumsum(random.random(n) + 0.5) for n in shape] if uneven else []
    out = tuple(np.empty(shape) for _ in shape)
    peer = partial(np.gradient, f, *arguments)
    expected = _as_tuple(peer())
    for got in (gradient(f, *arguments), gradient(f, *arguments, out=out)):
        assert all(np.array_equal(a, b) for a, b in zip(_as_tuple(got), expected, strict=True)), name
    del expected, got
    figures = _compare("numpy", peer, f, arguments, out, {})
    return _row(name, figures, bar, bar_out, "numpy")


def _against_findiff(n: int) -> list[Row]:
    """Compare both axes of an even grid with findiff, where it is installed."""
    try:
        import findiff
    except ImportError:
        return []
    rows = []
    x = np.linspace(0, 3, n)
    h = float(x[1] - x[0])
    f = np.sin(x[:, None] + 0.3) * np.cos(2 * x)
    truth = np.cos(x[:, None] + 0.3) * np.cos(2 * x)
    for accuracy in (4, 8):
        operators = [findiff.Diff(axis, h, acc=accuracy) for axis in (0, 1)]
        limit = 1e-8 + (2 * h) ** accuracy
        assert np.abs(operators[0](f) - truth).max() < limit
        assert np.abs(gradient(f, h, accuracy=accuracy)[0] - truth).max() < limit
        out = (np.empty_like(f), np.empty_like(f))
        figures = _compare("findiff", partial(_apply_all, operators, f), f, [h], out, {"accuracy": accuracy})
        rows.append(_row(f"{n} × {n}, accuracy {accuracy}", figures, 4.0, None, "findiff"))
    return rows


def _apply_all(operators: list[Any], f: Any) -> list[Any]:
    """Apply findiff's operators."""
    return [operator(f) for operator in operators]


def _compare(
    peer: str, theirs: Callable[[], Any], f: Any, arguments: list[Any], out: Any, options: dict[str, Any]
) -> dict[str, float]:
    """Time a peer and our ways of calling, in turns."""
    contenders = {
        "peer": theirs,
        "parzen": partial(gradient, f, *arguments, **options),
        "new": partial(_on_new_pages, partial(gradient, f, *arguments, **options)),
        "out": partial(gradient, f, *arguments, out=out, **options),
        "one": partial(gradient, f, *arguments, workers=1, **options),
        "copy": partial(np.copyto, out[0], f),
        "pages": partial(_new_pages, f.shape, len(out)),
    }
    timings, others, quiet = _quiet_rounds(contenders)
    return {
        f"{peer}, s": timings.seconds("peer"),
        "parzen, s": timings.seconds("parzen"),
        "times faster": timings.ratio("peer", "parzen"),
        "on new pages": timings.ratio("peer", "new"),
        "with `out=`": timings.ratio("peer", "out"),
        "one thread": timings.ratio("peer", "one"),
        "one thread, CPU time": timings.cpu_ratio("peer", "one"),
        "`out=` over one copy of the array": timings.ratio("out", "copy"),
        "pages of the results alone, s": timings.seconds("pages"),
        "quiet rounds": quiet,
        "cores taken by other work": others,
    }


def _on_new_pages(call: Callable[[], Any]) -> None:
    """Call without the pages of dropped results."""
    pages.release()
    call()


def _new_pages(shape: tuple[int, ...], number: int) -> None:
    """Write to each page of some new arrays."""
    for array in [np.empty(shape) for _ in range(number)]:
        array.reshape(-1)[::512] = 0.0


def _quiet_rounds(contenders: dict[str, Callable[[], Any]]) -> tuple[Timings, float, str]:
    """Run rounds until enough of them were quiet; use all where fewer than three were.

    Return the timings, the cores that other work took meanwhile, and how many rounds were quiet.
    """
    rounds: list[tuple[float, Timings]] = []
    began = time.perf_counter()
    while sum(others < _QUIET for others, _ in rounds) < _ROUNDS and time.perf_counter() - began < _BUDGET:
        start, busy, own = time.perf_counter(), _busy_seconds(), time.process_time()
        timings = interleave(contenders, rounds=1)
        others = _busy_seconds() - busy - (time.process_time() - own)
        rounds.append((max(0.0, others) / (time.perf_counter() - start), timings))
    quiet = [entry for entry in rounds if entry[0] < _QUIET]
    used = quiet if len(quiet) >= 3 else rounds
    wall, cpu = (
        {
            name: [value for _, timings in used for value in getattr(timings, kind)[name]]
            for name in contenders
        }
        for kind in ("wall", "cpu")
    )
    return Timings(wall, cpu), median(others for others, _ in used), f"{len(quiet)} of {len(rounds)}"


def _busy_seconds() -> float:
    """Return the seconds that all cores have worked, or were taken away, since the start of the machine (Linux)."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split()
    idle = int(fields[4]) + int(fields[5])
    return (sum(map(int, fields[1:9])) - idle) / os.sysconf("SC_CLK_TCK")


def _row(name: str, figures: dict[str, Any], bar: float | None, bar_out: float | None, table: str) -> Row:
    """Return a row with bars on its ratios."""
    limits = (("times faster", bar), ("with `out=`", bar_out))
    bars = tuple(Bar(figure, limit, at_least=True) for figure, limit in limits if limit is not None)
    return Row(name, figures, bars, table=table)


def _small_arrays(random: np.random.Generator, quick: bool) -> list[Row]:
    """Overhead on 100 values, in microseconds over NumPy."""
    f, x = random.standard_normal(100), np.cumsum(random.random(100) + 0.5)
    rows = []
    cases: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("100 values", ()),
        ("100 values, step", (0.5,)),
        ("100 values, coordinates", (x,)),
    )
    for name, arguments in cases:
        repeats = 100 if quick else 2000
        contenders: dict[str, Callable[[], object]] = {
            "numpy": partial(_repeat, np.gradient, (f, *arguments), repeats),
            "parzen": partial(_repeat, gradient, (f, *arguments), repeats),
        }
        timings = interleave(contenders, rounds=9)
        theirs, ours = (1e6 * timings.seconds(key) / repeats for key in contenders)
        figures = {"numpy, µs": theirs, "parzen, µs": ours, "µs more": ours - theirs}
        rows.append(Row(name, figures, (Bar("µs more", 20.0),), table="small"))
    return rows


def _repeat(function: Callable[..., Any], arguments: tuple[Any, ...], repeats: int) -> None:
    """Call a function many times."""
    for _ in range(repeats):
        function(*arguments)


def _memory(random: np.random.Generator, n: int) -> Row:
    """Measure resident memory beyond the outputs while they are made."""
    f = random.standard_normal((n, n))
    out = (np.ones_like(f), np.ones_like(f))
    figures = {}
    for name, arguments in (("uniform", ()), ("coordinates", (np.cumsum(random.random(n) + 0.5),) * 2)):
        for into, given in (("new results", None), ("`out=`", out)):
            gradient(f, *arguments, out=given)
            pages.release()
            before = forget_peak()
            made = gradient(f, *arguments, out=given)
            new = 0 if given else sum(array.nbytes for array in made)
            figures[f"{name}, {into}, MB"] = max(0.0, (peak_memory() - before - new) / 1e6)
            del made
    bars = tuple(Bar(figure, 10.0) for figure in figures)
    return Row(f"{n} × {n}: most memory beyond the outputs", figures, bars, table="memory")


def _first_calls(repeats: int) -> list[Row]:
    """Time the first call of a process, with an empty and with a filled cache of compiled loops."""
    rows = []
    for name, call in (
        ("gradient(f)", "gradient(f)"),
        ("gradient(f, x, x)", "gradient(f, x, x)"),
        ("gradient(f, accuracy=4)", "gradient(f, accuracy=4)"),
        ("gradient(f[:40, :40], accuracy=4)", "gradient(f[:40, :40], accuracy=4)"),
        ("64 kinds of calls, float64 and float32", _EVERY_KIND),
    ):
        with tempfile.TemporaryDirectory() as cache:
            calls = [_seconds(call, cache) for _ in range(1 + repeats)]
        wall, cpu = ([entry[k] for entry in calls[1:]] for k in (0, 1))
        rows.append(
            Row(
                name,
                {
                    "nothing compiled yet, s": calls[0][0],
                    "its CPU time, s": calls[0][1],
                    "compiled before, s": median(wall),
                    "CPU time, s": median(cpu),
                },
                table="first-call",
            )
        )
    return rows


def _seconds(call: str, cache: str) -> tuple[float, float]:
    """Return wall and CPU seconds of a call in a fresh interpreter."""
    wall, cpu = python(["-c", _FIRST_CALL.format(call=call)], NUMBA_CACHE_DIR=cache).split()
    return float(wall), float(cpu)


def _as_tuple(result: Any) -> tuple[Any, ...]:
    """Treat one array and several alike."""
    return result if isinstance(result, tuple) else (result,)
