"""parzen: densities from samples, gradients of anything, exact and fast.

The names below are the whole public surface. They are imported on first use, so that ``import parzen``
costs only what NumPy costs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parzen import datasets as datasets
    from parzen import errors as errors
    from parzen import plotting as plotting
    from parzen.density.estimator import DensityValues as DensityValues
    from parzen.density.estimator import KernelDensity as KernelDensity
    from parzen.density.sweep import Sweep as Sweep
    from parzen.density.sweep import sweep as sweep

__version__ = "0.1.0"

# public name -> module that defines it; None: the name is itself a module of parzen
_PUBLIC = {
    "DensityValues": "parzen.density.estimator",
    "KernelDensity": "parzen.density.estimator",
    "Sweep": "parzen.density.sweep",
    "datasets": None,
    "errors": None,
    "plotting": None,
    "sweep": "parzen.density.sweep",
}

__all__ = [
    "DensityValues",
    "KernelDensity",
    "Sweep",
    "__version__",
    "datasets",
    "errors",
    "plotting",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'parzen' has no attribute {name!r}")
    module = _PUBLIC[name]
    value = import_module(f"parzen.{name}") if module is None else getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
