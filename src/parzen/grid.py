"""Derivatives of sampled arrays: one name for everything that `parzen.gradient` is the front of.

`parzen.gradient` is the drop-in for `numpy.gradient`. The second derivatives of *arrays* live here because
their names are taken at the top by those of *functions*: ``parzen.hessian(f, x)`` differentiates a callable
at a point, ``parzen.grid.hessian(z, dy, dx)`` an array of samples.
"""

from parzen.derivatives.arrays.calculus import curl, divergence, hessian, laplacian
from parzen.derivatives.arrays.gradient import gradient
from parzen.derivatives.arrays.level_points import LevelPoints, level_points
from parzen.derivatives.arrays.smooth import SmoothGradient, smooth_gradient
from parzen.derivatives.arrays.stencils import stencil, weights
from parzen.derivatives.arrays.times import elapsed
from parzen.derivatives.arrays.turning_points import TurningPoints, turning_points

__all__ = [
    "LevelPoints",
    "SmoothGradient",
    "TurningPoints",
    "curl",
    "divergence",
    "elapsed",
    "gradient",
    "hessian",
    "laplacian",
    "level_points",
    "smooth_gradient",
    "stencil",
    "turning_points",
    "weights",
]
