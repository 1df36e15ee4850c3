"""What all benchmarks share: a row of results, interleaved timings, peak memory, and the machine.

Times on a shared machine wander by tens of percent within a minute, so that only ratios of runs that stand
next to each other mean anything. `interleave` runs all contenders in turn, round by round, in one process;
`Timings.ratio` is the median over the rounds of the ratio within a round. CPU seconds (of all threads) are
kept beside the wall clock: they do not see other processes, only their cache traffic.
"""

import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

__all__ = [
    "Bar", "Figure", "Row", "Timings", "forget_peak", "interleave", "machine", "peak_memory", "python",
    "readable", "versions", "without_blas_variables",
]  # fmt: skip

Figure = float | int | str

#: Variables that make OpenBLAS choose another kernel or other blocks than it does for users.
BLAS_VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


@dataclass(frozen=True)
class Bar:
    """What a figure is meant to reach."""

    figure: str  # the name of the figure
    limit: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether a value reaches the bar."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True)
class Row:
    """One row of a table: a case, its figures by column heading (with the unit), and bars on some of them."""

    case: str
    figures: dict[str, Figure]
    bars: tuple[Bar, ...] = ()
    table: str = ""  # the part of the benchmark's tables to which it belongs, where there are several


@dataclass(frozen=True)
class Timings:
    """Wall and CPU seconds of each contender, one entry a round."""

    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def seconds(self, name: str) -> float:
        """Return the median wall time."""
        return median(self.wall[name])

    def ratio(self, name: str, to: str) -> float:
        """Return the median over the rounds of the ratio of wall times."""
        return _median_ratio(self.wall[name], self.wall[to])

    def cpu_ratio(self, name: str, to: str) -> float:
        """Return the median over the rounds of the ratio of CPU times."""
        return _median_ratio(self.cpu[name], self.cpu[to])


def _median_ratio(above: list[float], below: list[float]) -> float:
    """Return the median of the ratios of a round."""
    return median(a / b for a, b in zip(above, below, strict=True))


def interleave(contenders: dict[str, Callable[[], object]], rounds: int = 5, budget: float = 60.0) -> Timings:
    """Run every contender once a round; stop after ``rounds``, or when ``budget`` seconds are gone.

    Contenders must have been called before on a small case, so that nothing is compiled here. At least one
    round is run whole.
    """
    timings = Timings({name: [] for name in contenders}, {name: [] for name in contenders})
    began = time.perf_counter()
    for _ in range(rounds):
        for name, function in contenders.items():
            wall, cpu = time.perf_counter(), time.process_time()
            function()
            timings.wall[name].append(time.perf_counter() - wall)
            timings.cpu[name].append(time.process_time() - cpu)
        if time.perf_counter() - began > budget:
            break
    return timings


def forget_peak() -> int:
    """Forget this process's peak of memory and return what it holds now, in bytes (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def peak_memory() -> int:
    """Return the peak of this process's resident memory since `forget_peak`, in bytes (Linux)."""
    return _status("VmHWM")


def _status(key: str) -> int:
    """Return an entry of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{key}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"no {key} in /proc/self/status")


def without_blas_variables() -> dict[str, str]:
    """Return this process's environment as most users have it."""
    return {key: value for key, value in os.environ.items() if key not in BLAS_VARIABLES}


def python(arguments: Iterable[str], **environment: str) -> str:
    """Run a fresh interpreter and return what it printed; its errors go to stderr."""
    command = [sys.executable, *arguments]
    env = without_blas_variables() | environment
    return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


def machine() -> dict[str, str]:
    """Describe the machine by what bears on speed, and by nothing that identifies it."""
    from threadpoolctl import threadpool_info

    import parzen.density.estimator  # noqa: F401  (loads the BLAS that parzen uses)

    facts = {"processor": platform.machine(), "cores": str(len(os.sched_getaffinity(0)))}
    cpu = _first_processor()
    if "model name" in cpu:
        facts["processor"] = cpu["model name"]
        flags = cpu.get("flags", "").split()
        facts["vectors"] = next((f for f in ("avx512f", "avx2", "sse2") if f in flags), "unknown")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    facts["memory"] = f"{pages / 2**30:.0f} GiB"
    for level in (2, 3):
        size = Path(f"/sys/devices/system/cpu/cpu0/cache/index{level}/size")
        if size.exists():
            facts[f"L{level} cache"] = size.read_text(encoding="ascii").strip()
    for library in threadpool_info():
        if library["user_api"] == "blas" and "numpy" in library["filepath"]:
            facts["BLAS"] = f"{library['internal_api']} {library['version']}" + (
                f", kernels for {library['architecture']}" if "architecture" in library else ""
            )
    facts["system"] = f"{platform.system()} {platform.release().split('-')[0]}"
    return facts


def _first_processor() -> dict[str, str]:
    """Return the first entry of /proc/cpuinfo, or nothing where there is none."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    entry = path.read_text(encoding="utf-8").split("\n\n")[0]
    pairs = (line.split(":", 1) for line in entry.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def versions() -> dict[str, str]:
    """Return the versions of everything that is measured."""
    found = {"python": platform.python_version()}
    for name in ("parzen", "numpy", "scipy", "numba", "scikit-learn"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "from source"
    for name in ("finufft", "mlpack", "KDEpy", "statsmodels"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # a peer that is not there is not measured
    return found


def readable(value: Figure) -> str:
    """Write a figure: text as it is, whole numbers in groups of three, others to three digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ")
    if value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-3):
        return f"{value:.1e}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:#.3g}"
