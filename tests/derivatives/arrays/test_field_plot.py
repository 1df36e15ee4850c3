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


def test_a_labelled_surface_brings_its_coordinates():
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    ax = gradient_field(xarray.DataArray(Z, dims=("y", "x"), coords={"y": Y, "x": X}))
    assert ax.get_xlim() == (-3, 3)
    assert ax.get_ylim() == (-2, 2)


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
