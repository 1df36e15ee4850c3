"""Every picture; the only room that imports matplotlib, and only when it draws. No display is needed."""

from parzen.plotting.bandwidths import bandwidth_curve, objective_curve
from parzen.plotting.densities import draw_density
from parzen.plotting.fields import gradient_field
from parzen.plotting.figures import png, save
from parzen.plotting.images import density_gallery, image_grid
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
