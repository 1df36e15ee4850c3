"""Orders, accuracies, boundaries and gaps: exact on polynomials, right rate of convergence at every point."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parzen.derivatives.arrays import numpy_calls, schemes
from parzen.derivatives.arrays.gradient import gradient
from parzen.derivatives.arrays.spacing import Spacing
from parzen.errors import AccuracyWarning, InputError

ACCURACIES = range(2, 17, 2)


def axis_of(kind, n, rng):
    """Coordinates on [-1, 1]."""
    if kind == "uniform":
        return np.linspace(-1, 1, n)
    x = np.cumsum(rng.uniform(0.5, 1.5, n))
    x = 2 * (x - x[0]) / (x[-1] - x[0]) - 1
    return x[::-1].copy() if kind == "decreasing" else x


def rounding_of(y, slope, x, **options):
    """What rounding samples and coordinates, and summing, can do: 16 ulp of each term of each sum."""
    operator = np.abs(gradient(np.eye(len(x)), x, axis=0, **options))
    return 16 * np.finfo(float).eps * (operator @ (np.abs(y) + np.abs(x[-1] - x[0]) * np.abs(slope)))


@pytest.mark.parametrize("kind", ["uniform", "uneven", "decreasing"])
@pytest.mark.parametrize("accuracy", ACCURACIES)
@pytest.mark.parametrize("order", range(1, 7))
def test_exact_on_polynomials_of_the_design_degree(order, accuracy, kind):
    rng = np.random.default_rng([order, accuracy])
    for n in (order + accuracy, order + accuracy + 1, order + accuracy + 2, 2 * (order + accuracy) + 3, 60):
        x = axis_of(kind, n, rng)
        p = np.polynomial.Chebyshev(rng.standard_normal(order + accuracy))
        y, truth = p(x), p.deriv(order)(x)
        options = {"order": order, "accuracy": accuracy, "edge_order": 2}
        got = gradient(y, x, **options)
        assert (np.abs(got - truth) <= rounding_of(y, p.deriv(1)(x), x, **options)).all()


def matched(coarse, fine):
    """Pairs of points with alike stencils: the same place inside, the same number from the end near ends."""
    n, end = len(coarse), 12
    near_end = np.r_[fine[:end], fine[2 * end : 2 * (n - end) - 1 : 2], fine[len(fine) - end :]]
    return coarse, near_end


@pytest.mark.parametrize("stretch", [0.0, 0.2, -0.2])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("accuracy", [2, 4, 6, 8, 12])
def test_truncation_error_has_the_right_power_at_every_point(accuracy, order, stretch):
    """The first power that is not exact, (x - x_i)^(order + accuracy), shows the error without rounding."""
    power = order + accuracy
    moments, sizes, gaps = [], [], []
    for n in (257, 513):
        t = np.linspace(0, 1, n)
        x = t + stretch * np.sin(2 * t + 0.4)
        operator = gradient(np.eye(n), x, axis=0, order=order, accuracy=accuracy, edge_order=2)
        terms = operator * (x - x[:, None]) ** power
        moments.append(np.abs(terms.sum(1)))
        sizes.append(np.abs(terms).sum(1))
        gaps.append(gradient(x))
    coarse, fine = matched(*moments)
    wide, narrow = matched(*gaps)
    # stencils whose constant all but vanishes do better than asked: their rate says nothing
    rounding = np.maximum(*(s * 1e-12 for s in matched(*sizes)))
    beside = np.maximum(np.r_[coarse[1:], 0], np.r_[0, coarse[:-1]])
    telling = (np.minimum(coarse, fine) > rounding) & (coarse > 0.1 * beside)
    assert telling[[0, -1]].all()
    assert telling.mean() > 0.95 or (order % 2 == 0 and stretch != 0)
    rates = np.log(coarse[telling] / fine[telling]) / np.log(wide / narrow)[telling]
    assert rates.min() > accuracy - 0.35
    if stretch == 0:
        np.testing.assert_allclose(rates, accuracy, atol=1e-6)


@pytest.mark.parametrize("stretch", [0.0, 0.2, -0.2])
@pytest.mark.parametrize(
    ("accuracy", "order"), [(2, 1), (2, 2), (2, 3), (4, 1), (4, 2), (4, 3), (6, 1), (8, 1)]
)
def test_error_on_a_smooth_function_falls_with_the_accuracy(accuracy, order, stretch):
    """The error of e^x relative to e^x has no zeros, so the rate can be read at each point.

    A one-sided stencil of k points sees e^x on average k/2 gaps away, which tilts the rate by as much one way
    at the left end as the other way at the right end: the mean of mirrored points shows the true rate.
    """
    errors, limits = [], []
    extent = {2: 1.0, 4: 3, 6: 6, 8: 10}[accuracy]
    for n in (33, 65):
        t = np.linspace(0, 1, n)
        x = extent * (t + stretch * np.sin(2 * t + 0.4))
        y = np.exp(x)
        options = {"order": order, "accuracy": accuracy, "edge_order": 2}
        errors.append(np.abs(gradient(y, x, **options) / y - 1))
        limits.append(rounding_of(y, y, x, **options) / y)
    coarse, fine = matched(*errors)
    _, limit = matched(*limits)
    assert (fine > limit).mean() > 0.7
    rates = np.log2(coarse / fine)
    rates[fine <= limit] = np.nan
    assert np.nanmin((rates + rates[::-1]) / 2) > accuracy - 0.35


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 4),
    st.sampled_from([2, 4, 6]),
    st.booleans(),
    st.sampled_from(["one-sided", "reflect", "nearest", "periodic"]),
    st.integers(0, 2**32),
)
def test_the_loops_agree_with_the_slices(order, accuracy, uneven, boundary, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(order + accuracy, 40))
    x = np.cumsum(rng.uniform(0.5, 2, n)) if uneven else np.arange(n) * 0.3
    period = float(x[-1] - x[0]) + 0.7
    f = rng.standard_normal((3, n, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numpy_calls, "SMALL", -1)
        got = gradient(
            f, x, axis=1, order=order, accuracy=accuracy, boundary=boundary,
            period=period if boundary == "periodic" else None, edge_order=2,
        )  # fmt: skip
    spacing = Spacing(None, np.diff(x)) if uneven else Spacing(0.3, coordinates=True)
    scheme = schemes.make_scheme(
        n, spacing, order=order, accuracy=accuracy, boundary=(boundary,) * 2,
        period=period if boundary == "periodic" else None, axis=1,
    )  # fmt: skip
    expected = schemes.apply(scheme, f, 1)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("accuracy", [2, 4, 8])
def test_symmetries(order, accuracy):
    rng = np.random.default_rng(3)
    f, x = rng.standard_normal(30), np.cumsum(rng.uniform(0.5, 2, 30))
    g = gradient(f, x, order=order, accuracy=accuracy)
    size = np.abs(g).max()
    options = {"order": order, "accuracy": accuracy}
    np.testing.assert_allclose(gradient(f[::-1], x[::-1], **options)[::-1], g, atol=1e-9 * size)
    np.testing.assert_allclose(
        gradient(f[::-1], -x[::-1], **options)[::-1], (-1) ** order * g, atol=1e-9 * size
    )
    np.testing.assert_allclose(gradient(f, x + 1e6, **options), g, atol=1e-5 * size)
    np.testing.assert_allclose(gradient(3 * f, x, **options), 3 * g, atol=1e-12 * size)
    np.testing.assert_allclose(gradient(f, 2 * x, **options), g / 2**order, atol=1e-12 * size)


@pytest.mark.parametrize("x", [0.1, "uneven"])
@pytest.mark.parametrize("order", [1, 2])
def test_a_constant_has_no_derivative_at_all(x, order):
    f = np.full(50, 1e8 / 3)
    args = [np.cumsum(np.random.default_rng(0).random(50) + 0.1)] if x == "uneven" else [x]
    assert not gradient(f, *args, order=order, accuracy=8).any()


def test_linspace_counts_as_even_and_jitter_does_not():
    from parzen.derivatives.arrays.spacing import read_spacings

    def step(x):
        return read_spacings((x,), (len(x),), (0,), "s")[0][0].best_step()

    assert step(np.linspace(0, 1, 1001)) == pytest.approx(1e-3)
    assert step(np.linspace(-5, 3, 12_345)) == pytest.approx(8 / 12_344)
    jitter = np.linspace(0, 1, 1001)
    jitter[500] += 1e-13
    assert step(jitter) is None
    assert step(1e9 + np.linspace(0, 1, 1001)) is None


class TestBoundaries:
    @pytest.mark.parametrize("accuracy", [2, 4, 8])
    @pytest.mark.parametrize("order", [1, 2, 3])
    def test_periodic_rows_are_all_alike(self, order, accuracy):
        f = np.random.default_rng(0).standard_normal((4, 24))
        g = gradient(f, 0.1, axis=1, order=order, accuracy=accuracy, boundary="periodic")
        rolled = gradient(np.roll(f, 7, 1), 0.1, axis=1, order=order, accuracy=accuracy, boundary="periodic")
        np.testing.assert_allclose(np.roll(g, 7, 1), rolled, rtol=1e-12, atol=1e-12 * np.abs(g).max())

    def test_periodic_sine_is_as_accurate_at_the_seam(self):
        angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        error = gradient(np.sin(angle), angle, accuracy=8, boundary="periodic", period=2 * np.pi) - np.cos(
            angle
        )
        assert np.abs(error).max() < 1e-9

    @pytest.mark.parametrize("order", [1, 2])
    def test_periodic_uneven_longitudes(self, order):
        x = np.sort(np.random.default_rng(8).uniform(0, 360, 90))
        f = np.sin(np.radians(x))
        truth = np.radians(np.cos(np.radians(x))) if order == 1 else -(np.radians(1) ** 2) * f
        got = gradient(f, x, order=order, accuracy=6, boundary="periodic", period=360.0)
        assert np.abs(got - truth).max() < 2e-5 * np.abs(truth).max()
        down = gradient(f[::-1], x[::-1], order=order, accuracy=6, boundary="periodic", period=360.0)
        np.testing.assert_allclose(down[::-1], got, rtol=1e-6, atol=1e-12)

    @pytest.mark.parametrize(
        ("boundary", "mode"), [("reflect", "reflect"), ("nearest", "edge"), ("periodic", "wrap")]
    )
    @pytest.mark.parametrize("order", [1, 2, 3])
    def test_same_as_padding(self, boundary, mode, order):
        f = np.random.default_rng(1).standard_normal((15, 18))
        padded = np.pad(f, 8, mode=mode)
        for axis in (0, 1):
            got = gradient(f, 0.5, axis=axis, accuracy=6, order=order, boundary=boundary)
            full = gradient(padded, 0.5, axis=axis, accuracy=6, order=order)[8:-8, 8:-8]
            np.testing.assert_allclose(got, full, rtol=1e-12, atol=1e-12 * np.abs(full).max())

    def test_a_pair_is_left_and_right(self):
        f = np.random.default_rng(2).standard_normal(20)
        left, right = (gradient(f, accuracy=4, boundary=b) for b in ("reflect", "one-sided"))
        mixed = gradient(f, accuracy=4, boundary=("reflect", "one-sided"))
        np.testing.assert_array_equal(mixed[:10], left[:10])
        np.testing.assert_array_equal(mixed[10:], right[10:])

    def test_reflection_makes_the_end_slope_zero(self):
        f = np.random.default_rng(2).standard_normal(20)
        g = gradient(f, boundary="reflect")
        assert g[0] == g[-1] == 0

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_very_short_axes(self, n):
        f = np.arange(float(n))
        assert gradient(f, accuracy=8, boundary="periodic").shape == (n,)
        if n > 1:
            assert gradient(f, accuracy=8, boundary="reflect").shape == (n,)

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"boundary": "wrap"}, "`boundary` must be one of"),
            ({"boundary": ("periodic", "reflect")}, "both ends"),
            ({"boundary": ("reflect",)}, "pair"),
            ({"boundary": "periodic"}, "`period` must be given with coordinates"),
            ({"boundary": "periodic", "period": 9.0}, "Drop the last sample"),
            ({"boundary": "periodic", "period": -20.0}, "`period` must be a finite number > 0"),
            ({"accuracy": 3}, "even"),
            ({"accuracy": 18}, "even and between"),
            ({"accuracy": 10}, "at least 11 samples"),
            ({"order": 7}, "between 1 and 6"),
            ({"order": 0}, "at least 1"),
            ({"period": 3.0}, "left out"),
            ({"workers": 0}, "`workers`"),
            ({"nan": "omit"}, "'propagate' or 'skip'"),
            ({"accuracy": 4, "edge_order": 3}, "`edge_order` must be 1 or 2"),
            ({"accuracy": 4, "datetime_unit": "parsec"}, None),
        ],
    )
    def test_bad_options(self, options, text):
        if text is None:  # the unit matters only where there are times
            assert gradient(np.ones(10), np.arange(10.0), **options).shape == (10,)
            return
        with pytest.raises(InputError, match=text):
            gradient(np.ones(10), np.arange(10.0), **options)

    def test_wrong_period_without_coordinates(self):
        with pytest.raises(InputError, match="n · spacing"):
            gradient(np.ones(10), 0.5, boundary="periodic", period=4.5)
        assert not gradient(np.ones(10), 0.5, boundary="periodic", period=5.0).any()


class TestGaps:
    @pytest.mark.parametrize("uneven", [False, True])
    @pytest.mark.parametrize(("order", "accuracy"), [(1, 2), (1, 4), (2, 2), (2, 4), (3, 2)])
    def test_polynomials_are_exact_around_gaps(self, order, accuracy, uneven):
        rng = np.random.default_rng(0)
        x = np.cumsum(rng.uniform(0.5, 1.5, 80)) / 20 if uneven else np.arange(80) / 20
        p = np.polynomial.Polynomial(rng.standard_normal(order + accuracy))
        f = p(x)
        f[[7, 20, 21, 22, 50, 52, 54, 77]] = np.nan
        got = gradient(f, x, order=order, accuracy=accuracy, nan="skip", edge_order=2)
        truth = p.deriv(order)(x)
        assert np.abs(got - truth).max() < 1e-7 * max(1, np.abs(truth).max())

    def test_outside_the_samples_stays_missing(self):
        f = np.array([np.nan, np.nan, 4.0, 9, 16, 25, np.nan])
        got = gradient(f, nan="skip", edge_order=2)
        np.testing.assert_array_equal(np.isnan(got), [True, True, False, False, False, False, True])
        np.testing.assert_allclose(got[2:6], [4, 6, 8, 10])

    def test_without_gaps_nothing_changes(self):
        f = np.random.default_rng(0).standard_normal((200, 100))
        for a, b in zip(gradient(f, nan="skip"), gradient(f), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_far_from_gaps_nothing_changes(self):
        f = np.random.default_rng(0).standard_normal((40, 50))
        holed = f.copy()
        holed[20, 25] = np.nan
        for axis in (0, 1):
            a, b = gradient(holed, axis=axis, accuracy=4, nan="skip"), gradient(f, axis=axis, accuracy=4)
            same = np.ones(f.shape, bool)
            same[
                tuple(
                    slice(25 - 3, 25 + 4)
                    if k == axis == 1
                    else slice(20 - 3, 20 + 4)
                    if k == axis
                    else [20, 25][k]
                    for k in (0, 1)
                )
            ] = False
            np.testing.assert_array_equal(a[same], b[same])
            assert np.isfinite(a).all()

    def test_two_samples_give_a_slope_and_fewer_give_none(self):
        f = np.array([[1.0, np.nan, np.nan, 7], [np.nan, np.nan, 3, np.nan], [np.nan] * 4])
        got = gradient(f, axis=1, nan="skip")
        np.testing.assert_allclose(got[0], 2)
        assert np.isnan(got[1:]).all()

    def test_complex_and_float32(self):
        x = np.arange(30.0)
        f = (x**2 + 1j * x).astype(np.complex64)
        f[[4, 11]] = np.nan
        got = gradient(f, nan="skip", edge_order=2)
        np.testing.assert_allclose(got, 2 * x + 1j, rtol=1e-5)
        assert got.dtype == np.complex64

    def test_infinities_are_not_gaps(self):
        f = np.array([0.0, 1, np.inf, 3, 4, 5])
        np.testing.assert_array_equal(
            np.isinf(gradient(f, nan="skip")), [False, True, False, True, False, False]
        )


@pytest.mark.parametrize("step", [0.0, np.inf, np.nan])
def test_a_step_must_be_a_distance_beyond_numpy(step):
    with pytest.raises(InputError, match="finite steps other than zero"):
        gradient(np.ones(9), step, accuracy=4)


def test_repeated_or_unordered_coordinates_are_refused_beyond_numpy():
    for x in (
        [0.0, 1, 1, 2, 3, 4],
        [0.0, 2, 1, 3, 4, 5],
        [0.0, 1, np.nan, 3, 4, 5],
        [0.0, 1, 2, 3, 4, np.inf],
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AccuracyWarning)
            with pytest.raises(InputError, match="strictly"):
                gradient(np.ones(6), np.array(x), accuracy=4)


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "c8", "c16", "i8", "u1", "?", ">f8", "m8[s]", "M8[ns]", "longdouble"]
)
def test_dtypes_beyond_numpy(dtype):
    f = (np.arange(40) ** 2 % 120).astype("i8").astype(dtype)
    g = gradient(f, accuracy=4)
    kind = np.dtype(dtype).kind
    expected = {"i": "f", "u": "f", "b": "f", "M": "m"}.get(kind, kind)
    assert g.dtype.kind == expected
    if kind in "fc":
        assert g.dtype == np.dtype(dtype)


def test_durations_beyond_numpy():
    t = np.datetime64("2026-01-01", "ns") + (np.arange(20) ** 2 * 10**9).astype("m8[ns]")
    np.testing.assert_array_equal(gradient(t, accuracy=4), (2 * np.arange(20) * 10**9).astype("m8[ns]"))


def test_dates_as_coordinates():
    t = np.datetime64("2026-01-01", "ns") + np.array([0, 10, 25, 30, 60, 61]) * np.timedelta64(1, "m")
    minutes = np.array([0, 10, 25, 30, 60, 61.0])
    f = minutes**2
    expected = np.gradient(f, minutes)
    np.testing.assert_allclose(gradient(f, t), expected / 60)
    np.testing.assert_allclose(gradient(f, t, datetime_unit="m"), expected)
    np.testing.assert_allclose(gradient(f, t - t[0], datetime_unit="h"), expected * 60)
    np.testing.assert_allclose(gradient(f, np.timedelta64(30, "s")), np.gradient(f, 30))
    np.testing.assert_allclose(
        gradient(
            np.arange(4.0), np.array(["2026-01", "2026-02", "2026-03", "2026-04"], "M8[M]"), datetime_unit="D"
        ),
        np.gradient(np.arange(4.0), [0, 31, 59, 90]),
    )
    with pytest.raises(InputError, match="NaT"):
        gradient(f, np.array([*t[:5], np.datetime64("NaT")]))
    with pytest.raises(InputError, match="datetime_unit"):
        gradient(f, t, datetime_unit="month")
