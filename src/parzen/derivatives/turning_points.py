"""The old place of `parzen.derivatives.arrays.turning_points`, until ``parzen/__init__.py`` names the new one."""

from parzen.derivatives.arrays.turning_points import TurningPoints, turning_points

__all__ = ["TurningPoints", "turning_points"]
