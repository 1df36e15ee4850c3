"""What an experiment ran on."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import parzen
from parzen.validation import as_workers, physical_memory

__all__ = ["machine", "versions"]

_PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "threadpoolctl", "matplotlib", "statsmodels", "KDEpy")


def versions() -> dict[str, str]:
    """Return the versions of parzen, Python and the installed packages that the numbers depend on."""
    found = {"parzen": parzen.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str | int | float]:
    """Return the processor, its cores, the memory and the system."""
    return {
        "cpu": _cpu_model(),
        "cores": as_workers(None),
        "memory_gib": round((physical_memory() or 0) / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
    }


def _cpu_model() -> str:
    """Read the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
