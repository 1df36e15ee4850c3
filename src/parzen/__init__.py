"""parzen: densities from samples, gradients of anything, exact and fast.

The names below are the whole public surface. They are imported on first use, so that ``import parzen``
costs only what NumPy costs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parzen import datasets as datasets
    from parzen import errors as errors
    from parzen import grid as grid
    from parzen import plotting as plotting
    from parzen.bandwidth.selection import Bandwidth as Bandwidth
    from parzen.bandwidth.selection import select_bandwidth as select_bandwidth
    from parzen.density.estimator import KernelDensity as KernelDensity
    from parzen.density.modes import Modes as Modes
    from parzen.density.sweep import Refinement as Refinement
    from parzen.density.sweep import Sweep as Sweep
    from parzen.density.sweep import refine as refine
    from parzen.density.sweep import sweep as sweep
    from parzen.density.values import DensityValues as DensityValues
    from parzen.derivatives.arrays.gradient import gradient as gradient
    from parzen.derivatives.arrays.smooth import SmoothGradient as SmoothGradient
    from parzen.derivatives.arrays.smooth import smooth_gradient as smooth_gradient
    from parzen.derivatives.arrays.stencils import stencil as stencil
    from parzen.derivatives.arrays.turning_points import TurningPoints as TurningPoints
    from parzen.derivatives.arrays.turning_points import turning_points as turning_points
    from parzen.derivatives.functions import symbolic as symbolic
    from parzen.derivatives.functions.check import GradientCheck as GradientCheck
    from parzen.derivatives.functions.check import check_gradient as check_gradient
    from parzen.derivatives.functions.descend import Path as Path
    from parzen.derivatives.functions.descend import ascend as ascend
    from parzen.derivatives.functions.descend import descend as descend
    from parzen.derivatives.functions.differentiate import Derivative as Derivative
    from parzen.derivatives.functions.differentiate import derivative as derivative
    from parzen.derivatives.functions.differentiate import differentiate as differentiate
    from parzen.derivatives.functions.differentiate import grad as grad
    from parzen.derivatives.functions.differentiate import hessian as hessian
    from parzen.derivatives.functions.differentiate import jacobian as jacobian
    from parzen.derivatives.functions.differentiate import value_and_grad as value_and_grad
    from parzen.derivatives.functions.sparse import hvp as hvp
    from parzen.derivatives.functions.sparse import jacobian_operator as jacobian_operator
    from parzen.derivatives.functions.sparse import sparse_jacobian as sparse_jacobian

__version__ = "0.1.0"

# public name -> module that it is loaded from
_NAMES = {
    "Bandwidth": "parzen.bandwidth.selection",
    "DensityValues": "parzen.density.values",
    "Derivative": "parzen.derivatives.functions.differentiate",
    "GradientCheck": "parzen.derivatives.functions.check",
    "KernelDensity": "parzen.density.estimator",
    "Modes": "parzen.density.modes",
    "Path": "parzen.derivatives.functions.descend",
    "Refinement": "parzen.density.sweep",
    "SmoothGradient": "parzen.derivatives.arrays.smooth",
    "Sweep": "parzen.density.sweep",
    "TurningPoints": "parzen.derivatives.arrays.turning_points",
    "ascend": "parzen.derivatives.functions.descend",
    "check_gradient": "parzen.derivatives.functions.check",
    "derivative": "parzen.derivatives.functions.differentiate",
    "descend": "parzen.derivatives.functions.descend",
    "differentiate": "parzen.derivatives.functions.differentiate",
    "grad": "parzen.derivatives.functions.differentiate",
    "gradient": "parzen.derivatives.arrays.gradient",
    "hessian": "parzen.derivatives.functions.differentiate",
    "hvp": "parzen.derivatives.functions.sparse",
    "jacobian": "parzen.derivatives.functions.differentiate",
    "jacobian_operator": "parzen.derivatives.functions.sparse",
    "refine": "parzen.density.sweep",
    "select_bandwidth": "parzen.bandwidth.selection",
    "smooth_gradient": "parzen.derivatives.arrays.smooth",
    "sparse_jacobian": "parzen.derivatives.functions.sparse",
    "stencil": "parzen.derivatives.arrays.stencils",
    "sweep": "parzen.density.sweep",
    "turning_points": "parzen.derivatives.arrays.turning_points",
    "value_and_grad": "parzen.derivatives.functions.differentiate",
}

# public modules
_MODULES = {
    "datasets": "parzen.datasets",
    "errors": "parzen.errors",
    "grid": "parzen.grid",
    "plotting": "parzen.plotting",
    "symbolic": "parzen.derivatives.functions.symbolic",
}

__all__ = [
    "Bandwidth",
    "DensityValues",
    "Derivative",
    "GradientCheck",
    "KernelDensity",
    "Modes",
    "Path",
    "Refinement",
    "SmoothGradient",
    "Sweep",
    "TurningPoints",
    "__version__",
    "ascend",
    "check_gradient",
    "datasets",
    "derivative",
    "descend",
    "differentiate",
    "errors",
    "grad",
    "gradient",
    "grid",
    "hessian",
    "hvp",
    "jacobian",
    "jacobian_operator",
    "plotting",
    "refine",
    "select_bandwidth",
    "smooth_gradient",
    "sparse_jacobian",
    "stencil",
    "sweep",
    "symbolic",
    "turning_points",
    "value_and_grad",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name in _MODULES:
        value = import_module(_MODULES[name])
    elif name in _NAMES:
        value = getattr(import_module(_NAMES[name]), name)
    else:
        raise AttributeError(f"module 'parzen' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
