"""Level points of sampled surfaces."""

import numpy as np
import pytest

from parzen.errors import InputError
from parzen.grid import level_points

X, Y = np.linspace(-3, 3, 61), np.linspace(-2, 2, 45)
Z = np.cos(X) * np.cos(2 * Y[:, None])


def of_kind(found, kind):
    points = np.stack([found.x, found.y], axis=1)[found.kind == kind]
    return sorted(points.tolist(), key=lambda point: np.round(point, 2).tolist())


def test_a_product_of_cosines():
    found = level_points(Z, Y, X)
    np.testing.assert_allclose(of_kind(found, "maximum"), [(0, 0)], atol=1e-3)
    np.testing.assert_allclose(of_kind(found, "minimum"), [(0, -np.pi / 2), (0, np.pi / 2)], atol=1e-3)
    saddles = [(s * np.pi / 2, t * np.pi / 4) for s in (-1, 1) for t in (-1, 1)]
    np.testing.assert_allclose(of_kind(found, "saddle"), sorted(saddles), atol=1e-3)
    assert len(found) == 7
    np.testing.assert_allclose(found.z, np.cos(found.x) * np.cos(2 * found.y), atol=1e-4)
    rows, columns = found.index.T
    assert np.abs(Y[rows] - found.y).max() <= (Y[1] - Y[0]) * 0.51
    assert np.abs(X[columns] - found.x).max() <= (X[1] - X[0]) * 0.51


@pytest.mark.parametrize("n", [6, 11, 21, 41])
@pytest.mark.parametrize("sign", [1, -1])
def test_each_point_is_found_once_wherever_it_lies(n, sign):
    """Half-way between samples the steps of both sides disagree by O(h²): both claimed it, or neither."""
    random = np.random.default_rng(n)
    x = np.linspace(-1, 1, n)
    h = x[1] - x[0]
    places = random.uniform(-0.3, 0.3, (60, 2))
    places[:20] = x[n // 2] + h / 2 + random.uniform(-0.1, 0.1, (20, 2)) * h**2
    for a, b in places:
        u, v = x - a, (x - b)[:, None]
        z = u**2 + 0.3 * u * v + 0.8 * v**2 + 0.4 * u**3 - 0.3 * u * v**2 + 0.3 * u**2 * v + 0.2 * u**4
        found = level_points(sign * z, x, x)
        near = np.hypot(found.x - a, found.y - b) < 0.25 * max(1, h / 0.2)
        assert found.kind[near].tolist() == ["minimum" if sign > 0 else "maximum"]
        assert np.hypot(found.x - a, found.y - b)[near] < 0.3 * h**2
        assert np.abs(found.z[near]) < 0.1 * h**3


@pytest.mark.parametrize(("up", "kind"), [(1, "minimum"), (-1, "saddle")])
def test_a_point_exactly_between_samples_is_found_once(up, kind):
    at = np.arange(20) - 9.5
    found = level_points(at**2 + up * at[:, None] ** 2, at, at)
    assert found.kind.tolist() == [kind]
    assert abs(found.x[0]) + abs(found.y[0]) < 1e-12


@pytest.mark.parametrize("far", [0.0, 1e6])
@pytest.mark.parametrize("steps", [(30, 40), (6, 7), (60, 200)])
def test_a_ridge_has_no_isolated_points(steps, far):
    y, x = np.linspace(0, 1, steps[0]), np.linspace(0, 2, steps[1])
    assert len(level_points(far + np.sin(y[:, None] + x), y, x)) == 0
    assert len(level_points((x - y[:, None]) ** 2, y, x)) == 0
    assert len(level_points(np.ones((9, 9)))) == 0
    assert len(level_points(np.zeros((9, 9)))) == 0


@pytest.mark.parametrize("scale", [1e9, 1e-250, 1e250])
def test_units_do_not_matter(scale):
    found = level_points(Z, Y, X)
    far = level_points(Z * scale, Y * 1e-3, X * 1e6)
    assert far.kind.tolist() == found.kind.tolist()
    np.testing.assert_array_equal(far.index, found.index)
    np.testing.assert_allclose(far.x / 1e6, found.x, atol=1e-6)
    np.testing.assert_allclose(far.y * 1e3, found.y, atol=1e-6)
    np.testing.assert_allclose(far.z / scale, found.z, atol=1e-6)


def test_long_valleys_keep_their_minimum():
    for small in (1e-1, 1e-3):
        bowl = (X - Y[:, None]) ** 2 + small * (X + Y[:, None]) ** 2
        found = level_points(bowl, Y, X)
        assert found.kind.tolist() == ["minimum"]
        assert abs(found.x[0]) + abs(found.y[0]) < 1e-9


def test_coordinates_in_every_form():
    expected = level_points(Z, Y, X)
    mesh_x, mesh_y = np.meshgrid(X, Y)
    step_y, step_x = float(Y[1] - Y[0]), float(X[1] - X[0])
    t = np.datetime64("2026-01-01T00") + np.arange(45) * np.timedelta64(1, "h")
    for found, scale, offset in (
        (level_points(Z, mesh_y, mesh_x), (1, 1), (0, 0)),
        (level_points(Z, x=X, y=Y), (1, 1), (0, 0)),
        (level_points(Z, step_y, step_x), (1, 1), (2, 3)),
        (level_points(Z), (step_y, step_x), (2 / step_y, 3 / step_x)),
        (level_points(Z, t, X), (step_y / 3600, 1), (2 / step_y * 3600, 0)),
    ):
        np.testing.assert_allclose((found.y - offset[0]) * scale[0], expected.y, atol=1e-9)
        np.testing.assert_allclose((found.x - offset[1]) * scale[1], expected.x, atol=1e-9)
        assert found.kind.tolist() == expected.kind.tolist()


def test_a_labelled_surface_brings_its_coordinates():
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    found = level_points(xarray.DataArray(Z, dims=("y", "x"), coords={"y": Y, "x": X}))
    np.testing.assert_array_equal(found.x, level_points(Z, Y, X).x)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((Z, Y, X[::-1]), "`x` must increase strictly"),
        ((Z, -1.0, X), "`y` must increase strictly"),
        ((Z, X, X), r"`y` must be of shape \(45,\)"),
        ((Z, *np.meshgrid(X, Y)), "swap them"),
        ((Z[:3],), "at least 5"),
        ((Z[0],), "`z` must be 2-D"),
        ((np.where(Z > 0.9, np.nan, Z),), "`z` must"),
        ((np.ma.masked_greater(Z, 0.9),), "`z` must not have masked"),
    ],
)
def test_errors(arguments, text):
    with pytest.raises(InputError, match=text):
        level_points(*arguments)
