"""The old place of `parzen.derivatives.arrays.gradient`, until ``parzen/__init__.py`` names the new one."""

from parzen.derivatives.arrays.gradient import gradient

__all__ = ["gradient"]
