"""Hessian, Laplacian, divergence and curl of arrays."""

import numpy as np
import pytest

from parzen.derivatives.arrays.calculus import curl, divergence, hessian, laplacian
from parzen.errors import InputError, InputTypeError

RNG = np.random.default_rng(0)
X = np.cumsum(RNG.uniform(0.05, 0.15, 20))
Y = np.cumsum(RNG.uniform(0.05, 0.15, 22))
W = np.linspace(0, 2, 18)
XX, YY, WW = np.meshgrid(X, Y, W, indexing="ij")


@pytest.mark.parametrize("accuracy", [2, 4, 6])
def test_hessian_of_a_quadratic_is_exact(accuracy):
    a = np.array([[3.0, -1, 0.5], [-1, 2, 4], [0.5, 4, -6]])
    points = np.stack([XX, YY, WW])
    f = 0.5 * np.einsum("i...,ij,j...->...", points, a, points)
    h = hessian(f, X, Y, W, accuracy=accuracy)
    assert h.shape == (3, 3, 20, 22, 18)
    np.testing.assert_allclose(h, np.broadcast_to(a[..., None, None, None], h.shape), atol=1e-7)
    np.testing.assert_array_equal(h, h.swapaxes(0, 1))
    np.testing.assert_allclose(laplacian(f, X, Y, W, accuracy=accuracy), np.trace(a), atol=1e-7)
    part = hessian(f, X, W, axis=(0, 2), accuracy=accuracy)
    np.testing.assert_allclose(part, np.broadcast_to(a[::2, ::2, None, None, None], part.shape), atol=1e-7)


def test_mixed_derivatives_converge_at_their_order():
    errors = []
    for n in (41, 81):
        y, x = np.linspace(0, 1, n), np.linspace(0, 2, n)
        f = np.sin(2 * y[:, None] + x)
        errors.append(np.abs(hessian(f, y, x, accuracy=4)[0, 1] + 2 * f).max())
    assert np.log2(errors[0] / errors[1]) > 3.7


def test_vector_calculus_identities():
    f = np.sin(XX) * YY**2 * np.exp(WW)
    g = (np.cos(XX) * YY**2 * np.exp(WW), 2 * np.sin(XX) * YY * np.exp(WW), f)
    assert np.abs(curl(g, X, Y, W, accuracy=6)).max() < 1e-4
    true = -f + 2 * np.sin(XX) * np.exp(WW) + f
    np.testing.assert_allclose(divergence(g, X, Y, W, accuracy=6), true, atol=1e-4)
    np.testing.assert_allclose(laplacian(f, X, Y, W, accuracy=6), true, atol=1e-3)
    v = (YY * WW, XX**2, XX * YY**2)
    expected = (2 * XX * YY, YY - YY**2, 2 * XX - WW)
    for got, want in zip(curl(v, X, Y, W), expected, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-9)
    np.testing.assert_allclose(divergence(curl(v, X, Y, W), X, Y, W), 0, atol=1e-7)


def test_a_rotation_in_the_plane():
    x, y = np.mgrid[0:4, 0:5]
    np.testing.assert_allclose(curl((-y, x)), 2)
    np.testing.assert_allclose(curl(np.array([-y, x]), 0.5, 0.5), 4)


def test_periodic_boundary_and_meshes():
    angle = np.arange(32) * 2 * np.pi / 32
    f = np.sin(angle)[:, None] * np.cos(angle)
    np.testing.assert_allclose(
        laplacian(f, 2 * np.pi / 32, accuracy=8, boundary="periodic"), -2 * f, atol=1e-6
    )
    mesh = np.meshgrid(X, Y, indexing="ij")
    np.testing.assert_allclose(laplacian(mesh[0] ** 2 + mesh[1] ** 2, *mesh), 4, atol=1e-9)
    xy = np.meshgrid(X, Y)
    np.testing.assert_allclose(laplacian(xy[0] ** 2 + xy[1] ** 2, *xy), 4, atol=1e-9)
    with pytest.raises(InputError, match="order of the axes"):
        hessian(np.zeros((22, 20)), *xy)


@pytest.mark.parametrize("as_steps", [False, True])
def test_dates_count_in_the_unit_that_is_asked_for(as_steps):
    """As in `gradient`: per second by default, squared for second derivatives."""
    days, x = np.arange(6.0), np.arange(7.0)
    t = np.datetime64("2026-01-01") + days.astype("m8[D]")
    where = (np.timedelta64(1, "D"), 1.0) if as_steps else (t, x)
    f = days[:, None] ** 2 + 3 * days[:, None] * x
    h = hessian(f, *where, datetime_unit="D")
    np.testing.assert_allclose(h[0, 0], 2, atol=1e-9)
    np.testing.assert_allclose(h[0, 1], 3, atol=1e-9)
    np.testing.assert_allclose(hessian(f, *where)[0, 1], 3 / 86400)
    np.testing.assert_allclose(laplacian(f, *where, datetime_unit="h"), 2 / 24**2, atol=1e-9)
    v = (days[:, None] + 0 * x, 5 * days[:, None] + x)
    np.testing.assert_allclose(divergence(v, *where, datetime_unit="D"), 2)
    np.testing.assert_allclose(curl(v, *where, datetime_unit="h"), 5 / 24)
    for call in (lambda: hessian(f, *where, datetime_unit="month"), lambda: curl(v, *where, datetime_unit=3)):
        with pytest.raises(InputError, match="`datetime_unit`"):
            call()


def test_gaps_are_skipped():
    y, x = np.mgrid[0:12, 0:14].astype(float)
    f = x**2 * y + y**2
    f[5, 6] = np.nan
    h = hessian(f, nan="skip")
    np.testing.assert_allclose(h[0, 0], 2, atol=1e-9)
    np.testing.assert_allclose(h[0, 1], 2 * x, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: curl((np.ones(5),)), InputError, "two or three"),
        (lambda: curl(np.ones((4, 3, 3, 3, 3))), InputError, "two or three"),
        (lambda: divergence((np.ones((4, 5)), np.ones((5, 4)))), InputError, "one d-dimensional shape"),
        (lambda: divergence((np.ones((4, 5)),)), InputError, "one component an axis"),
        (lambda: divergence(3.0), InputTypeError, "sequence of arrays"),
        (lambda: hessian(np.ones((5, 5)), 1, 2, 3), InputTypeError, "invalid number"),
        (lambda: laplacian(np.ones(3)), InputError, "at least 4 samples"),
        (lambda: laplacian(np.ones(9), axis=1), np.exceptions.AxisError, "out of bounds"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()
