"""Every picture; the only room that imports matplotlib, and only when it draws. No display is needed."""

from parzen.plotting.bandwidths import draw_density, objective_curve
from parzen.plotting.densities import bandwidth_curve, density_gallery, image_grid, png, save
from parzen.plotting.fields import gradient_field
from parzen.plotting.paths import draw_check, draw_path

__all__ = [
    "bandwidth_curve",
    "density_gallery",
    "draw_check",
    "draw_density",
    "draw_path",
    "gradient_field",
    "image_grid",
    "objective_curve",
    "png",
    "save",
]
