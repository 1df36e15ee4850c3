"""The picture of a gradient field."""

import numpy as np
import pytest

from parzen.errors import InputError
from parzen.plotting.fields import gradient_field, level_points

X, Y = np.linspace(-3, 3, 61), np.linspace(-2, 2, 45)
Z = np.cos(X) * np.cos(2 * Y[:, None])


def test_level_points_of_a_product_of_cosines():
    found = sorted(level_points(Z, X, Y))
    kinds = {kind: [(x, y) for x, y, k in found if k == kind] for kind in ("maximum", "minimum", "saddle")}
    np.testing.assert_allclose(kinds["maximum"], [(0, 0)], atol=1e-3)
    np.testing.assert_allclose(sorted(p[1] for p in kinds["minimum"]), [-np.pi / 2, np.pi / 2], atol=1e-3)
    saddles = [(s * np.pi / 2, t * np.pi / 4) for s in (-1, 1) for t in (-1, 1)]
    np.testing.assert_allclose(sorted(kinds["saddle"]), sorted(saddles), atol=1e-3)


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


@pytest.mark.parametrize("far", [0.0, 1e6])
@pytest.mark.parametrize("steps", [(30, 40), (6, 7), (60, 200)])
def test_a_ridge_has_no_isolated_points(steps, far):
    y, x = np.linspace(0, 1, steps[0]), np.linspace(0, 2, steps[1])
    assert level_points(far + np.sin(y[:, None] + x), x, y) == []
    assert level_points((x - y[:, None]) ** 2, x, y) == []
    assert level_points(np.ones((9, 9))) == []


def test_level_points_do_not_depend_on_units():
    found = level_points(Z, X, Y)
    far = [(x / 1e6, y * 1e3, kind) for x, y, kind in level_points(Z * 1e9, X * 1e6, Y * 1e-3)]
    assert [kind for *_, kind in far] == [kind for *_, kind in found]
    np.testing.assert_allclose([p[:2] for p in far], [p[:2] for p in found], atol=1e-6)


def test_long_valleys_keep_their_minimum():
    for small in (1e-1, 1e-3):
        bowl = (X - Y[:, None]) ** 2 + small * (X + Y[:, None]) ** 2
        ((x, y, kind),) = level_points(bowl, X, Y)
        assert kind == "minimum"
        assert abs(x) + abs(y) < 1e-9
