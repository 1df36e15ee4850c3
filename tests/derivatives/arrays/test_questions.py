"""The classic worked examples, and the questions that users of `numpy.gradient` ask (repository#thread)."""

import numpy as np
import pytest

from parzen import grid
from parzen.derivatives.arrays.gradient import gradient
from parzen.derivatives.arrays.linear_smoothers import smoothing_spline
from parzen.errors import InputError, InputTypeError


class TestClassics:
    def test_documented_examples(self):
        f = np.array([1, 2, 4, 7, 11, 16])
        np.testing.assert_array_equal(gradient(f), [1, 1.5, 2.5, 3.5, 4.5, 5])
        np.testing.assert_array_equal(gradient(f, 2), [0.5, 0.75, 1.25, 1.75, 2.25, 2.5])
        np.testing.assert_allclose(gradient(f, [0.0, 1, 1.5, 3.5, 4, 6]), [1, 3, 3.5, 6.7, 6.9, 2.5])
        rows, columns = gradient(np.array([[1, 2, 6], [3, 4, 5]]))
        np.testing.assert_array_equal(rows, [[2, 2, -1], [2, 2, -1]])
        np.testing.assert_array_equal(columns, [[1, 2.5, 4], [1, 1, 1]])

    def test_short_list(self):
        np.testing.assert_array_equal(gradient([5, 7, 4, 8]), [2, -0.5, 0.5, 4])
        np.testing.assert_array_equal(gradient([5, 7, 4, 8], 0.5), [4, -1, 1, 8])
        f = np.array([5.0, 7, 4, 8])
        np.testing.assert_allclose(gradient(f, [0, 1, 3, 3.5]), np.gradient(f, [0, 1, 3, 3.5]))

    def test_potential_on_a_grid(self):
        x, y, z = np.mgrid[-100:101:25.0, -100:101:25.0, -100:101:25.0]
        v = 2 * x**2 + 3 * y**2 - 4 * z
        ex, ey, ez = gradient(v, 25.0, edge_order=2)
        np.testing.assert_allclose(ex, 4 * x, atol=1e-10)
        np.testing.assert_allclose(ey, 6 * y, atol=1e-10)
        np.testing.assert_allclose(ez, -4, atol=1e-10)

    def test_sine(self):
        x = np.arange(-3, 3, 0.05)
        error = np.abs(gradient(np.sin(x), 0.05) - np.cos(x))
        assert error[1:-1].max() < 0.05**2 / 6  # h²/6 max |f'''|
        assert error.max() < 0.05 / 2 * np.sin(3) + 0.05**2
        assert np.abs(gradient(np.sin(x), x, accuracy=6) - np.cos(x)).max() < 3e-9

    def test_sine_in_the_plane(self):
        x = np.arange(-3, 3, 0.05)
        z = np.sin(x[:, None] + x)
        for g in gradient(z, 0.05, edge_order=2):
            assert np.abs(g - np.cos(x[:, None] + x)).max() < 0.05**2 / 3 * 1.05
        for g in gradient(z, x, x, accuracy=8):
            assert np.abs(g - np.cos(x[:, None] + x)).max() < 1e-11


def test_periodic_data_numpy_21357():
    lon = np.arange(0, 360, 10.0)
    f = np.cos(np.radians(lon))
    g = gradient(f, lon, boundary="periodic", period=360)
    np.testing.assert_allclose(g, -np.sin(np.radians(lon)) * np.sin(np.radians(10)) / 10, atol=1e-15)


def test_mesh_coordinates_numpy_9409_and_9401():
    x, y = np.meshgrid(np.linspace(-2, 2, 10), np.linspace(-4, 4, 12))
    z = x**2 + y**2 + x * y
    dzdx, dzdy = gradient(z, x, y, edge_order=2)  # results follow the arguments
    np.testing.assert_allclose(dzdx, 2 * x + y, atol=1e-12)
    np.testing.assert_allclose(dzdy, 2 * y + x, atol=1e-12)
    dzdy, dzdx = gradient(z, y, x, edge_order=2)
    np.testing.assert_allclose(dzdx, 2 * x + y, atol=1e-12)
    np.testing.assert_allclose(dzdy, 2 * y + x, atol=1e-12)
    a, b = np.meshgrid(np.linspace(-2, 2, 10), np.linspace(-4, 4, 10), indexing="ij")
    da, db = gradient(a**2 * b, a, b, edge_order=2)
    np.testing.assert_allclose(da[1:-1], (2 * a * b)[1:-1], atol=1e-12)
    np.testing.assert_allclose(db, a**2, atol=1e-12)
    u, v, w = np.meshgrid(np.arange(4.0), np.arange(5.0), np.arange(6.0))
    du, dv, dw = gradient(u + 2 * v + 3 * w, u, v, w)
    assert {du.mean().round(9), dv.mean().round(9), dw.mean().round(9)} == {1, 2, 3}
    np.testing.assert_allclose(du, 1)
    row, column = np.ogrid[0:4, 0:5]
    np.testing.assert_allclose(gradient(row * 2.0 + column, row, column)[0], 2)


def test_curvilinear_coordinates_are_explained_numpy_9409():
    r, theta = np.meshgrid(np.linspace(0.1, 2, 10), np.linspace(-np.pi, np.pi, 20))
    x, y = r * np.cos(theta), r * np.sin(theta)
    with pytest.raises(InputError, match=r"Curvilinear coordinates need the chain rule"):
        gradient(r**2, x, y)
    with pytest.raises(InputError, match="rectangular grid"):
        gradient(np.ones((4, 5)), np.ones((4, 5)), np.ones((4, 5)))
    with pytest.raises(InputError, match="rectangular grid"):
        gradient(np.ones((4, 5)), np.ones((5, 4)), 1.0)


def test_the_end_may_overshoot_numpy_28166():
    """The parabola through three samples is what edge_order=2 means; edge_order=1 does not overshoot."""
    y = np.array([0.0, 10, 11])
    np.testing.assert_allclose(gradient(y, edge_order=2), [14.5, 5.5, -3.5])
    np.testing.assert_allclose(gradient(y), [10, 5.5, 1])


def test_spacing_or_coordinates_numpy_17867():
    y = np.arange(5.0) ** 2
    with pytest.raises(InputError, match=r"read as coordinates, not as spacings: pass the scalar 1\.0"):
        gradient(y, np.ones(5), edge_order=2)
    with pytest.raises(InputError, match="If they are the gaps"):
        gradient(y, np.ones(4))
    np.testing.assert_array_equal(gradient(y, np.cumsum(np.ones(5)), edge_order=2), 2 * np.arange(5))


def test_scalar_or_array_for_several_axes():
    z = np.ones((5, 7))
    with pytest.raises(InputTypeError, match="add `axis=1`"):
        gradient(z, np.arange(7.0))
    with pytest.raises(InputTypeError, match=r"rows \(y\) first"):
        gradient(z, 1.0, 2.0, 3.0)


def test_axis_order_numpy_12614():
    y, x = np.mgrid[0:4, 0:5]
    dy, dx = gradient(10 * y + x)
    np.testing.assert_array_equal(dy, 10)
    np.testing.assert_array_equal(dx, 1)


def test_arrows_on_a_meshgrid_point_uphill_numpy_28999():
    """`grad_x, grad_y = np.gradient(Z)` swaps them: rows are y. With the mesh, results follow the arguments."""
    x, y = np.linspace(-5, 5, 20), np.linspace(-4, 4, 24)
    X, Y = np.meshgrid(x, y)
    Z = np.exp(-(X**2 + Y**2) / 2)
    for grad_x, grad_y in (gradient(Z, X, Y), gradient(Z, y, x)[::-1], gradient(Z)[::-1]):
        assert (grad_x * X + grad_y * Y <= 0).all()  # never away from the peak in the middle
    grad_x, grad_y = np.gradient(Z)
    assert (grad_x * X + grad_y * Y > 0).any()


def test_chunks_smaller_than_the_stencil_dask_11580():
    da = pytest.importorskip("dask.array", reason="dask is not installed")
    f = np.sin(np.arange(40.0))
    lazy = gradient(da.from_array(f, chunks=(3, 1, 2, 34)), accuracy=8)
    np.testing.assert_allclose(lazy.compute(scheduler="synchronous"), gradient(f, accuracy=8), atol=1e-12)


def test_booleans_numpy_9251():
    np.testing.assert_array_equal(gradient(np.array([True, False, False])), [-1, -0.5, 0])


def test_no_temporaries_numpy_31505():
    import tracemalloc

    f = np.random.default_rng(0).standard_normal((1024, 1024))
    out = (np.empty_like(f), np.empty_like(f))
    x = np.cumsum(np.random.default_rng(0).random(1024) + 0.1)
    for args in [(), (0.5,), (x, x)]:
        gradient(f, *args, out=out)
        tracemalloc.start()
        gradient(f, *args, out=out)
        assert tracemalloc.get_traced_memory()[1] < 1e6
        tracemalloc.stop()


def test_higher_and_mixed_derivatives_xarray_5938():
    y, x = np.mgrid[0:1:30j, 0:2:40j]
    f = np.exp(x) * np.sin(y)
    args = (y[:, 0], x[0])
    fourth = gradient(f, *args, order=4, accuracy=8)[1]
    assert np.abs(fourth - f).max() < 1e-4 * f.max()
    mixed = grid.hessian(f, *args, accuracy=6)[0, 1]
    np.testing.assert_allclose(mixed, np.exp(x) * np.cos(y), atol=1e-6)


def test_even_derivatives_keep_their_order_on_uneven_grids_findiff_112():
    errors = []
    for n in (40, 79):
        t = np.linspace(0, 1, n)
        x = t + 0.3 * t**2
        errors.append(np.abs(gradient(np.exp(x), x, order=2, accuracy=2) - np.exp(x)).max())
    assert np.log2(errors[0] / errors[1]) > 1.85


def test_weights_stay_well_conditioned_findiff_pr_26():
    x = 1e-6 * np.arange(30) ** 1.5
    f = np.exp(x / 1e-5)
    got = gradient(f, x, accuracy=8)
    for i in range(30):
        start = min(max(i - 4, 0), 30 - 9)
        exact = grid.weights(x[start : start + 9], x[i]) @ f[start : start + 9]
        assert got[i] == pytest.approx(exact, rel=1e-11)


def test_noisy_samples_at_changing_intervals_scipy_19812():
    """A laboratory's log: ever longer intervals. A scale in x suits all of it; a window of so many samples does not."""
    x = np.concatenate([np.arange(0, 3, 0.01), np.arange(3, 10, 0.1), np.arange(10, 30, 0.5)])
    y = np.sin(x) + 0.01 * np.random.default_rng(0).standard_normal(x.size)
    for method in ("spline", "gaussian"):
        error = grid.smooth_gradient(y, x, method=method).gradient - np.cos(x)
        assert np.sqrt(np.mean(error[:370] ** 2)) < 0.02
    differences = gradient(y, x) - np.cos(x)
    assert np.sqrt(np.mean(differences[:300] ** 2)) > 0.5


def test_samples_that_crowd_together_far_away_keep_their_distance():
    """Weights for x = t⁷: 4e-13 between the first two samples must not be lost beside 1e-6 to the point."""
    x = np.linspace(0, 1, 60) ** 7
    operator = gradient(np.eye(60), x, axis=0, accuracy=16)
    for i in (8, 9, 12, 20):
        window = slice(i - 8, i + 9)
        others = np.arange(17) != 8  # the weight of the point itself makes up for the sum of the others
        exact = grid.weights(x[window], x[i])
        np.testing.assert_allclose(operator[i, window][others], exact[others], rtol=1e-13)


def test_integer_nanoseconds():
    t = 1_767_225_600_000_000_000 + np.cumsum(np.random.default_rng(0).integers(1, 5, 100))
    y = (t - t[0]) * 0.25
    np.testing.assert_allclose(gradient(y, t), 0.25, rtol=1e-12)
    np.testing.assert_allclose(gradient(y, t, accuracy=6), 0.25, rtol=1e-12)


def test_namespace_names_everything():
    for name in grid.__all__:
        assert getattr(grid, name).__module__.startswith("parzen.derivatives.arrays.")


@pytest.mark.parametrize(
    "find",
    [
        lambda: grid.turning_points(np.sin(np.arange(9.0))),
        lambda: grid.smooth_gradient(np.sin(np.arange(9.0))),
        lambda: smoothing_spline(np.arange(9.0), np.sin(np.arange(9.0))[:, None], 1.0),
    ],
)
def test_results_can_be_compared_and_collected(find):
    """Each is equal to itself only: == of two arrays is an array, which has no truth value."""
    first, second = find(), find()
    assert first == first
    assert first != second
    assert len({first, second, first}) == 2
