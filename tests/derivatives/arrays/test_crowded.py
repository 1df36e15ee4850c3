"""nan="skip" where samples crowd together far from the first one: differences of positions lost the small gaps."""

import numpy as np
import pytest

from parzen.grid import divergence, gradient

CROWDS = {
    "in the middle": np.array([-1e6, 0, 1e-9, 2e-9, 3.1e-9, 4e-9, 1e6]),
    "logarithmic": np.concatenate([-np.logspace(-14, 3, 400)[::-1], np.logspace(-14, 3, 400)]),
    "at the end": np.concatenate([[0.0], 1e9 + 1e-6 * np.arange(1, 30)]),
    "falling": -np.array([-1e6, 0, 1e-9, 2e-9, 3.1e-9, 4e-9, 1e6]),
}


@pytest.mark.parametrize("crowd", CROWDS)
def test_lines_are_exact_around_gaps(crowd):
    x = CROWDS[crowd]
    rng = np.random.default_rng(0)
    for missing in ([len(x) // 2], rng.choice(np.arange(1, len(x) - 1), size=2, replace=False)):
        f = 3.0 * (x - x[len(x) // 2])
        f[missing] = np.nan
        found = gradient(f, x, nan="skip")
        # the samples themselves are rounded: to an ulp of the largest of those around a point
        np.testing.assert_allclose(found, 3.0, rtol=1e-9 if crowd != "at the end" else 1e-6)


def test_nanoseconds_after_a_year():
    t = np.concatenate([np.arange(20), 31_536_000_000_000_000 + np.arange(20)]).astype("M8[ns]")
    y = np.concatenate([np.arange(20.0), np.arange(20.0)])
    y[30] = np.nan
    found = gradient(y, t, nan="skip", datetime_unit="ns")
    np.testing.assert_allclose(found[29:32], 1.0, rtol=1e-12)


def test_far_along_an_even_axis():
    f = np.tile(np.arange(8.0), 200_000)  # small numbers, so that nothing but the positions can lose digits
    f[5::8] = np.nan
    found = gradient(f, 0.1, nan="skip").reshape(-1, 8)
    np.testing.assert_allclose(
        found[1:, 4:7], np.broadcast_to(found[1, 4:7], (len(found) - 1, 3)), rtol=1e-13
    )
    np.testing.assert_allclose(found[-1, 4:7], 10.0, rtol=1e-13)


@pytest.mark.parametrize("dtypes", [("f4", "f8"), ("f2", "f8"), ("f8", "c16"), ("f8", "f4"), ("f4", "f4")])
def test_divergence_takes_the_wider_dtype(dtypes):
    a, b = (np.random.default_rng(k).random((12, 13)).astype(t) for k, t in enumerate(dtypes))
    found = divergence((a, b))
    assert found.dtype == np.result_type(*dtypes)
    expected = gradient(a.astype("c16"), axis=0) + gradient(b.astype("c16"), axis=1)
    inside = (slice(1, -1),) * 2  # at the ends, divergence is as accurate as inside
    np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=1e-2 if "f2" in dtypes else 1e-5)
