"""The old place of `parzen.derivatives.arrays.stencils`, until ``parzen/__init__.py`` names the new one."""

from parzen.derivatives.arrays.stencils import stencil, weights

__all__ = ["stencil", "weights"]
