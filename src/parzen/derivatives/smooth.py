"""The old place of `parzen.derivatives.arrays.smooth`, until ``parzen/__init__.py`` names the new one."""

from parzen.derivatives.arrays.smooth import SmoothGradient, smooth_gradient

__all__ = ["SmoothGradient", "smooth_gradient"]
