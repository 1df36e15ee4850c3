"""The picture of a gradient field."""

import numpy as np
import pytest

from parzen.errors import InputError
from parzen.plotting.fields import gradient_field

X, Y = np.linspace(-3, 3, 61), np.linspace(-2, 2, 45)
Z = np.cos(X) * np.cos(2 * Y[:, None])


@pytest.mark.parametrize("style", ["arrows", "streamlines"])
@pytest.mark.parametrize(
    "coordinates", [(X, Y), (None, None), (np.sinh(X), np.sinh(Y)), tuple(np.meshgrid(X, Y))]
)
def test_pictures_are_drawn(style, coordinates):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ax = gradient_field(Z, *coordinates, style=style)
    assert ax.get_xlabel() == "x"
    assert {t.get_text() for t in ax.get_legend().get_texts()} == {"maximum", "minimum", "saddle"}
    if coordinates[0] is not None:
        assert ax.get_xlim() == pytest.approx((coordinates[0].min(), coordinates[0].max()))
    ax.figure.canvas.draw()
    plt.close(ax.figure)


@pytest.fixture
def xarray():
    return pytest.importorskip("xarray", reason="xarray is not installed")


def test_a_labelled_surface_brings_its_coordinates_and_names(xarray):
    lat_lon = xarray.DataArray(Z, dims=("lat", "lon"), coords={"lat": Y, "lon": X}, name="pressure")
    ax = gradient_field(lat_lon)
    assert ax.get_xlim() == (-3, 3)
    assert ax.get_ylim() == (-2, 2)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("lon", "lat")
    assert "pressure" in {other.get_ylabel() for other in ax.figure.axes}  # of the colour bar


def test_times_are_drawn_in_the_unit_that_is_asked_for(xarray):
    days = np.datetime64("2026-01-01") + np.arange(61) * np.timedelta64(12, "h")
    ax = gradient_field(Z, days, Y, datetime_unit="D")
    assert ax.get_xlim() == (0, 30)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x, D", "y")
    labelled = xarray.DataArray(Z, dims=("y", "time"), coords={"time": days})
    assert gradient_field(labelled, datetime_unit="h").get_xlabel() == "time, h"
    assert gradient_field(labelled).get_xlim() == (0, 30 * 86400)


def test_arrows_stand_out_from_all_colours_of_the_surface():
    """White arrows vanished on yellow: contrast by WCAG 2, of which 3 is asked of what is not text."""
    from matplotlib.collections import QuadMesh
    from matplotlib.quiver import Quiver

    def luminance(colour):
        c = np.asarray(colour)[..., :3]
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    ax = gradient_field(Z, X, Y)
    arrows = next(c for c in ax.collections if isinstance(c, Quiver))
    surface = next(
        c for c in ax.collections if not isinstance(c, (Quiver, QuadMesh)) and c.get_array() is not None
    )
    lightness = luminance(surface.cmap(np.linspace(0, 1, 50)))
    assert ((lightness + 0.05) / (luminance(arrows.get_facecolor()[0]) + 0.05)).min() > 3


def test_marks_on_the_border_are_whole():
    y, x = np.linspace(0, 1, 21), np.linspace(-1, 1, 21)
    ax = gradient_field(y[:, None] ** 2 + x**2, x, y)  # its minimum is on the lower border
    (marks,) = (c for c in ax.collections if c.get_label() == "minimum")
    ax.figure.canvas.draw()
    box, inside = marks.get_clip_box(), ax.get_window_extent()
    half = np.sqrt(marks.get_sizes()[0]) / 2 * ax.figure.dpi / 72
    assert min(inside.x0 - box.x0, inside.y0 - box.y0, box.x1 - inside.x1, box.y1 - inside.y1) > half


def test_titles_tell_the_styles_apart():
    titles = {gradient_field(Z, X, Y, style=style).get_title("left") for style in ("arrows", "streamlines")}
    assert len(titles) == 2


def test_errors():
    with pytest.raises(InputError, match="`style`"):
        gradient_field(Z, style="waves")
    with pytest.raises(InputError, match="`x` must increase strictly"):
        gradient_field(Z, X[::-1])
    with pytest.raises(InputError, match=r"`y` must be of shape \(45,\)"):
        gradient_field(Z, X, X)
    with pytest.raises(InputError, match="swap them"):
        gradient_field(Z, *np.meshgrid(Y, X))
    with pytest.raises(InputError, match="at least 5"):
        gradient_field(Z[:3])
