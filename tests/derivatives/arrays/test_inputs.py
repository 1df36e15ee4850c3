"""What callers pass: labelled arrays, dates, other byte orders, masks, nonsense. Each test is a bug that was."""

import datetime as dt
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from parzen.derivatives.arrays import sweep as sweeps
from parzen.derivatives.arrays.calculus import curl, divergence, hessian, laplacian
from parzen.derivatives.arrays.gradient import gradient
from parzen.derivatives.arrays.level_points import level_points
from parzen.derivatives.arrays.smooth import smooth_gradient
from parzen.derivatives.arrays.times import elapsed
from parzen.derivatives.arrays.turning_points import turning_points
from parzen.errors import AccuracyError, InputError, InputTypeError

DAYS = ["2026-01-01", "2026-01-02", "2026-01-04"]
RAMP = np.array([1.0, 2, 4])  # a day apart, then two: slope 1


class TestDates:
    def test_dates_of_python_are_coordinates(self):
        dates = [dt.date.fromisoformat(d) for d in DAYS]
        times = [dt.datetime.fromisoformat(d) for d in DAYS]
        paris = [t.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))) for t in times]
        for t in (dates, times, paris, [t - times[0] for t in times]):
            np.testing.assert_allclose(gradient(RAMP, t, datetime_unit="D"), 1)
        np.testing.assert_allclose(gradient(RAMP, dt.timedelta(days=2), datetime_unit="D"), [0.5, 0.75, 1])
        with pytest.raises(InputTypeError, match="time zone for all dates or for none"):
            gradient(RAMP, [times[0], paris[1], times[2]])
        with pytest.raises(InputTypeError, match="numbers or times"):
            gradient(RAMP, times[0])

    def test_elapsed_takes_them_too(self):
        times = [dt.datetime.fromisoformat(d) for d in DAYS]
        np.testing.assert_array_equal(elapsed(times, "D"), [0, 1, 3])

    def test_dates_of_polars(self):
        pl = pytest.importorskip("polars", reason="polars is not installed")
        np.testing.assert_allclose(gradient(RAMP, pl.Series(DAYS).str.to_date(), datetime_unit="D"), 1)
        np.testing.assert_array_equal(gradient(pl.Series([1, None, 4, 5])), [np.nan, 1.5, np.nan, 1])

    def test_lists_of_dates_are_samples(self):
        dates = [dt.date.fromisoformat(d) for d in DAYS]
        np.testing.assert_array_equal(gradient(dates), np.gradient(np.array(DAYS, "M8[us]")))

    def test_dates_of_pandas(self):
        pd = pytest.importorskip("pandas", reason="pandas is not installed")
        index = pd.DatetimeIndex(DAYS, tz="Europe/Paris")
        for t in (index, list(index), pd.Series(index), index.tz_convert(None), index - index[0]):
            np.testing.assert_allclose(gradient(RAMP, t, datetime_unit="D"), 1)
        np.testing.assert_allclose(gradient(RAMP, pd.Timedelta("1D"), datetime_unit="D"), [1, 1.5, 2])

    def test_series_of_dates_with_a_time_zone_are_not_numbers(self):
        pd = pytest.importorskip("pandas", reason="pandas is not installed")
        slopes = gradient(pd.Series(pd.DatetimeIndex(DAYS, tz="UTC"), index=[0.0, 1, 3]))
        assert (slopes == pd.Timedelta("1D")).all()

    def test_everything_counts_in_the_unit_that_is_asked_for(self):
        days = np.arange(40) / 2
        t = np.datetime64("2026-01-01") + np.arange(40) * np.timedelta64(12, "h")
        y = np.sin(days / 3)
        for times in (t, t - t[0], t.tolist()):
            np.testing.assert_allclose(
                turning_points(y, times, datetime_unit="D").x, turning_points(y, days).x
            )
            for method in ("savgol", "gaussian", "spline"):
                ours = smooth_gradient(y, times, method=method, datetime_unit="D", smoothing=5)
                theirs = smooth_gradient(y, days, method=method, smoothing=5)
                np.testing.assert_allclose(ours.gradient, theirs.gradient)
                np.testing.assert_allclose(ours.standard_error, theirs.standard_error)
            z = np.add.outer((days[:9] - 1.7) ** 2, y)
            ours, theirs = level_points(z, 0.5, times, datetime_unit="D"), level_points(z, 0.5, days)
            np.testing.assert_allclose(ours.x, theirs.x)
        np.testing.assert_allclose(turning_points(y, t).x, turning_points(y, days).x * 86400)
        for call in (turning_points, smooth_gradient):
            with pytest.raises(InputError, match="`datetime_unit`"):
                call(y, t, datetime_unit="month")

    @pytest.mark.parametrize("kind", [">M8[s]", ">m8[s]"])
    def test_byte_order(self, kind):
        t = np.array(DAYS, "M8[s]")
        t = (t if "M" in kind else t - t[0]).astype(kind)
        np.testing.assert_allclose(gradient(RAMP, t, datetime_unit="D"), 1)
        np.testing.assert_allclose(gradient(RAMP, t, datetime_unit="D", accuracy=2, nan="skip"), 1)
        np.testing.assert_array_equal(gradient(t, [0.0, 1, 3]), np.timedelta64(1, "D"))


class TestLabels:
    """Coordinates that an array carries were ignored by everything but `gradient`: wrong numbers, silently."""

    x = np.array([0.0, 2, 4, 6, 8, 10])
    y = np.arange(5.0) * 0.5

    @pytest.fixture
    def surface(self):
        xarray = pytest.importorskip("xarray", reason="xarray is not installed")
        z = np.add.outer(self.y**2, 3 * self.x**2)
        return xarray.DataArray(z, dims=("y", "x"), coords={"y": self.y, "x": self.x})

    def test_fields_keep_them(self, surface):
        bend = laplacian(surface)
        assert bend.dims == ("y", "x")
        np.testing.assert_allclose(bend, 8)
        np.testing.assert_allclose(hessian(surface)[1, 1], 6)
        np.testing.assert_allclose(
            divergence((surface, surface)), np.add.outer(2 * self.y, 6 * self.x), atol=1e-9
        )
        np.testing.assert_allclose(
            curl((surface, surface)).transpose("x", "y"),
            np.subtract.outer(2 * self.y, 6 * self.x).T,
            atol=1e-9,
        )

    def test_series(self):
        pd = pytest.importorskip("pandas", reason="pandas is not installed")
        s = pd.Series([0.0, 1, 4, 1, 0], index=[0.0, 0.5, 1, 1.5, 2])
        assert turning_points(s).x.tolist() == [1.0]
        line = pd.Series(np.arange(20.0), index=np.arange(20) * 0.5)
        np.testing.assert_allclose(smooth_gradient(line).gradient, 2)
        np.testing.assert_allclose(smooth_gradient(line, 1.0).gradient, 1)
        parabola = pd.Series(np.arange(6.0) ** 2, index=np.arange(6) * 0.5)
        np.testing.assert_allclose(laplacian(parabola), 8)
        assert laplacian(parabola).index.equals(parabola.index)
        np.testing.assert_allclose(hessian(parabola), np.full((1, 1, 6), 8))

    @pytest.mark.parametrize("wrap", ["series", "array"])
    def test_columns_of_a_frame_are_coordinates(self, wrap):
        pd = pytest.importorskip("pandas", reason="pandas is not installed")
        days = pd.Series(pd.to_datetime(DAYS))
        y = pd.Series(RAMP) if wrap == "series" else RAMP
        columns = [
            days,
            days.dt.tz_localize("Europe/Berlin"),
            days.dt.date,
            pd.Series([0, 1, 3], dtype="Int64"),
        ]
        for t in columns:
            np.testing.assert_allclose(gradient(y, t, datetime_unit="D"), 1)
        np.testing.assert_allclose(gradient(pd.Series(RAMP, index=days.dt.date), datetime_unit="D"), 1)
        with pytest.raises(InputTypeError, match="numbers or times"):
            gradient(y, pd.Series(["a", "b", "c"]))

    def test_unusable_indices_are_named(self):
        pd = pytest.importorskip("pandas", reason="pandas is not installed")
        with pytest.raises(InputTypeError, match="got a MultiIndex"):
            gradient(pd.Series(RAMP, index=pd.MultiIndex.from_tuples([(1, 2), (1, 3), (2, 2)])))
        with pytest.raises(InputTypeError, match="Series of numbers"):
            gradient(pd.Series(["a", "b", "c"]))

    def test_datasets_are_explained(self, surface):
        with pytest.raises(InputTypeError, match=r"dataset\.map"):
            gradient(surface.to_dataset(name="z"))
        np.testing.assert_allclose(
            surface.to_dataset(name="z").map(gradient, axis="y")["z"], gradient(surface, axis="y")
        )


class TestMasks:
    hole = np.ma.masked_array(np.add.outer(np.arange(6.0) ** 2, np.arange(7.0)), mask=False)
    hole[3, 3] = np.ma.masked
    hole.data[3, 3] = 1e6

    def test_the_value_under_a_mask_is_never_used(self):
        for result in (hessian(self.hole), laplacian(self.hole), divergence((self.hole, self.hole))):
            assert isinstance(result, np.ma.MaskedArray)
            assert result.mask.any()
            assert np.abs(result.compressed()).max() < 50

    def test_out_would_lose_the_mask(self):
        with pytest.raises(InputTypeError, match="`out` must be left out"):
            gradient(self.hole, axis=0, out=np.empty((6, 7)))

    def test_smoothing_refuses_them(self):
        with pytest.raises(InputError, match="masked"):
            smooth_gradient(np.ma.masked_array(np.arange(20.0), mask=np.arange(20) == 3))


class TestDask:
    da = pytest.importorskip("dask.array", reason="dask is not installed")

    def test_empty_chunks(self):
        f = np.arange(20.0) ** 2
        lazy = self.da.from_array(f, chunks=((0, 5, 0, 10, 5),))
        np.testing.assert_allclose(gradient(lazy, accuracy=4).compute(), 2 * np.arange(20), atol=1e-12)

    def test_unknown_chunks_are_explained(self):
        lazy = self.da.from_array(np.arange(20.0), chunks=5)
        with pytest.raises(InputError, match="compute_chunk_sizes"):
            gradient(lazy[lazy > 3])

    def test_fields_stay_lazy(self):
        lazy = self.da.from_array(np.add.outer(np.arange(9.0) ** 2, np.arange(8.0)), chunks=4)
        for result in (laplacian(lazy), hessian(lazy), divergence((lazy, lazy)), curl((lazy, lazy))):
            assert isinstance(result, self.da.Array)
        np.testing.assert_allclose(hessian(lazy)[0, 0].compute(scheduler="synchronous"), 2)


def test_tensors_stay_tensors():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    z = torch.linspace(0, 1, 40, dtype=torch.float64).reshape(5, 8).requires_grad_(True)
    for result in (hessian(z), laplacian(z), curl((z, z))):
        assert result.requires_grad
    assert gradient(z, torch.arange(5.0).bfloat16(), 1.0)[0].shape == (5, 8)


class TestPrecision:
    def test_small_single_precision_is_rounded_once(self):
        f = np.array([3e38, -3e38, 3e38], np.float32)  # differences overflow in single precision
        np.testing.assert_allclose(gradient(f, 10.0), [-6e37, 0, 6e37], rtol=1e-6)
        rng = np.random.default_rng(0)
        x = np.cumsum(rng.random(100) + 0.1)
        for kind, wide in (("f4", "f8"), ("c8", "c16"), ("f2", "f8")):
            f = rng.standard_normal(100).astype(kind)
            np.testing.assert_array_equal(gradient(f, x), np.gradient(f.astype(wide), x).astype(kind))
            large = gradient(np.tile(f, (100, 1)), x, axis=1)
            np.testing.assert_array_equal(large[0], gradient(f, x))

    def test_powers_of_steps_that_are_no_floats_are_refused(self):
        for x in (1e-60, np.cumsum(np.arange(1, 10) * 1e-60), 1e60, 5e-324):
            with pytest.raises(InputError, match="Rescale the coordinates"):
                gradient(np.arange(9.0), x, order=6)
        with pytest.raises(InputError, match="Rescale"):
            gradient(RAMP, 10**400)

    def test_near_coordinates_keep_their_distance(self):
        """Scaled offsets must not be rounded: two samples 1e-10 apart, five steps from the point."""
        x = np.array([0.0, 1, 2, 3, 4, 5 + 1e-10, 5 + 2e-10, 7, 8]) / 3
        f = x**3
        np.testing.assert_allclose(gradient(f, x, accuracy=4)[:3], 3 * x[:3] ** 2, atol=1e-9)

    @pytest.mark.parametrize("scale", [1e308, 1e-308])
    def test_size_does_not_matter(self, scale):
        found = turning_points(np.array([1.0, -1, 1]) * scale)
        np.testing.assert_allclose(found.y, [-scale])
        x = np.linspace(0, 6, 60)
        big, one = (smooth_gradient(np.sin(x) * s, x) for s in (scale, 1.0))
        np.testing.assert_allclose(big.gradient, one.gradient * scale, rtol=1e-9)
        np.testing.assert_allclose(big.noise, one.noise * scale, rtol=1e-6)


class TestPeriods:
    def test_a_step_may_be_negative(self):
        f = np.sin(np.arange(8) * np.pi / 4)
        np.testing.assert_array_equal(
            gradient(f, -0.5, boundary="periodic", period=4.0), -gradient(f, 0.5, boundary="periodic")
        )

    @pytest.mark.parametrize("period", [np.nan, np.inf, 0, -8, "a", [8.0], np.timedelta64(8, "s"), True])
    def test_nonsense(self, period):
        with pytest.raises((InputError, InputTypeError), match="`period`"):
            gradient(np.arange(8.0), np.arange(8.0), boundary="periodic", period=period)


@pytest.mark.parametrize(
    "f", [None, {1: 2}, {1, 2}, (x for x in "ab"), "text", b"text", np.zeros(3, "M8,f8")]
)
def test_samples_must_be_arrays_of_numbers(f):
    with pytest.raises(InputTypeError, match="`f` must be an array of numbers or times"):
        gradient(f)


def test_sparse_matrices_are_refused():
    from scipy.sparse import eye_array

    with pytest.raises(InputTypeError, match="array of numbers"):
        gradient(eye_array(5))


@pytest.mark.parametrize("x", [None, "a", ["a", "b", "c"], {}])
def test_spacings_must_be_numbers_or_times(x):
    with pytest.raises(InputTypeError, match="numbers or times"):
        gradient(RAMP, x)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"boundary": np.array(["reflect", "nearest"])}, InputError, "`boundary`"),
        ({"boundary": [["a"], "b"]}, InputError, "`boundary`"),
        ({"edge_order": None}, InputTypeError, "`edge_order`"),
        ({"edge_order": [1]}, InputTypeError, "`edge_order`"),
        ({"edge_order": "1", "accuracy": 4}, InputError, "`edge_order`"),
    ],
)
def test_options_of_the_wrong_kind(options, error, text):
    with pytest.raises(error, match=text):
        gradient(np.arange(9.0), **options)
    with pytest.raises(InputError, match="datetime_unit"):
        gradient(RAMP, np.array(DAYS, "M8[D]"), datetime_unit=["s"])


@pytest.mark.parametrize(
    ("accuracy", "remedy"),
    [
        (0, "at least 2"),
        (-4, "at least 2"),
        (1, "at least 2"),
        (3, "4"),
        (17, "at most 16"),
        (20, "at most 16"),
    ],
)
def test_what_to_do_about_an_accuracy_suits_it(accuracy, remedy):
    with pytest.raises(InputError, match=rf"between 2 and 16; got {accuracy}\. Use {remedy}\."):
        gradient(np.arange(30.0), accuracy=accuracy)
    with pytest.raises(InputTypeError, match="`accuracy` must be an integer"):
        gradient(np.arange(30.0), accuracy=accuracy + 0.5)


@pytest.mark.parametrize("window", [10, 10.5, 1, 3, 1001])
def test_windows_must_be_odd_and_fit(window):
    with pytest.raises(InputError, match="odd number of samples"):
        smooth_gradient(np.arange(20.0), smoothing=window)


def test_a_window_of_all_samples_is_what_the_choice_may_return():
    straight = smooth_gradient(np.arange(20.0))
    again = smooth_gradient(np.arange(20.0), smoothing=straight.smoothing[0])
    np.testing.assert_array_equal(again.gradient, straight.gradient)


def test_bandwidths_too_narrow_are_refused_by_their_name():
    with pytest.raises(AccuracyError, match=r"'gaussian'.*Raise it"):
        smooth_gradient(np.arange(20.0), method="gaussian", smoothing=1e-9)


def test_small_arrays_need_no_compiler():
    code = (
        "import sys, numpy as np\n"
        "from parzen.grid import gradient\n"
        "x = np.cumsum(np.arange(1.0, 40)); f = x.reshape(-1, 1) ** [1, 2]\n"
        "gradient(f, x, axis=0, accuracy=8); gradient(x, order=3, boundary='periodic'); gradient(x.astype('f2'))\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_after_ctrl_c_the_other_threads_stop(monkeypatch):
    done = []

    def slow(begin, end):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        time.sleep(0.01)
        done.append(1)

    monkeypatch.setattr(sweeps, "_steps", lambda f, axes: [slow])
    monkeypatch.setattr(sweeps, "PAGE", 1 << 13)
    with pytest.raises(KeyboardInterrupt):
        gradient(np.zeros(1 << 18), workers=3)
    assert len(done) < 20  # of 256


@pytest.mark.parametrize("f", [np.array([1, 2, "x"], object), [1, 2, None], [[1, 2, 3], [4, 5, b"6"]]])
def test_text_among_objects_is_named(f):
    with pytest.raises(InputTypeError, match="`f` must be an array of numbers or times; got"):
        gradient(f)


def test_objects_that_subtract_are_samples():
    from fractions import Fraction

    f = [Fraction(1, 3), Fraction(2, 3), Fraction(4, 3)]
    np.testing.assert_array_equal(gradient(f, f[0]), np.gradient(np.array(f, object), f[0]))


def test_ragged_lists_are_named():
    with pytest.raises(InputError, match=r"`f` must be a rectangular array; got \[\[1, 2\], \[3\]\]"):
        gradient([[1, 2], [3]])
    for call, name in (
        (laplacian, "f"),
        (smooth_gradient, "y"),
        (lambda f: divergence((f, f)), "components"),
    ):
        with pytest.raises(InputError, match=f"`{name}` must be a rectangular array"):
            call([[1, 2], [3]])
    with pytest.raises(InputError, match="`coordinates` must be a rectangular array"):
        gradient(np.ones((2, 2)), [[1, 2], [3]], 1.0)


def test_frames_of_polars_are_refused_like_those_of_pandas():
    pl = pytest.importorskip("polars", reason="polars is not installed")
    with pytest.raises(
        InputTypeError, match=r"got a DataFrame of shape \(3, 2\).*`frame.to_numpy\(\)` for a 2-D"
    ):
        gradient(pl.DataFrame({"a": [1.0, 2, 4], "b": [0.0, 1, 2]}))
    np.testing.assert_array_equal(gradient(pl.Series([1.0, 2, 4])), [1, 1.5, 2])


@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (3, 2)])
def test_a_table_as_coordinates_is_explained(shape):
    with pytest.raises(InputError, match=r"`coordinates` must be 1-D.*Pass one column: frame\['name'\]"):
        gradient(RAMP, np.arange(1.0, 1 + np.prod(shape)).reshape(shape))
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    with pytest.raises(InputError, match="Pass one column"):
        gradient(pd.Series(RAMP), pd.DataFrame({"t": RAMP}))
    with pytest.raises(InputError, match="Pass one column"):
        gradient(np.ones((5, 3)), pd.DataFrame({"t": RAMP}), axis=1)


def test_swapped_coordinates_are_told_from_wrong_ones():
    with pytest.raises(InputError, match=r"rows \(y\) come first, gradient\(z, y, x\)"):
        gradient(np.ones((3, 4)), np.arange(4.0), np.arange(3.0))
    with pytest.raises(InputError, match="position of each sample"):
        gradient(np.ones((3, 4)), np.arange(4.0), np.arange(5.0))


@pytest.mark.parametrize(
    ("n", "remedy"),
    [
        (6, "Give the position of each sample"),
        (3, "Give the position of each sample"),
        (5, r"If they are the gaps.*cumsum\(gaps\)"),
    ],
)
def test_coordinates_of_another_length_are_told_both_lengths(n, remedy):
    text = rf"^`coordinates` must have the length of their axis, {n} for axis 0; got 4\. {remedy}"
    with pytest.raises(InputError, match=text):
        gradient(np.ones(n), [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("x", "text"),
    [
        ([0, 1, 2, 3, 5, 4, 6, 7, 8], r"sample 5 below sample 4 on axis 0\. Sort both"),
        ([0, 1, 2, 2, 3, 4, 5, 6, 7], "sample 3 at sample 2"),
        ([0, 1, 2, np.nan, 3, 4, 5, 6, 7], "sample 3 at nan"),
    ],
)
def test_smoothing_says_which_coordinate_is_out_of_order(x, text):
    with pytest.raises(InputError, match=text):
        smooth_gradient(np.arange(9.0), x)


def test_outputs_of_other_classes_are_filled():
    f = np.random.default_rng(0).standard_normal((200, 100))
    out = np.matrix(np.zeros(f.shape))
    assert gradient(f, axis=0, out=out) is out
    np.testing.assert_array_equal(np.asarray(out), np.gradient(f, axis=0))


def test_interleaved_outputs_share_no_memory():
    f = np.random.default_rng(0).standard_normal((200, 100))
    both = np.zeros((200, 100, 2))
    gradient(f, out=(both[..., 0], both[..., 1]))
    np.testing.assert_array_equal(both, np.stack(np.gradient(f), axis=-1))


@pytest.mark.parametrize("options", [{}, {"accuracy": 4}, {"nan": "skip"}, {"out": ()}])
def test_no_axes_of_a_large_array(options):
    assert gradient(np.zeros((200, 100)), axis=(), **options) == ()


def test_errors_of_other_threads_are_raised(monkeypatch):
    def fails(begin, end):
        if threading.current_thread() is not threading.main_thread():
            raise MemoryError("in a helper")
        time.sleep(0.01)

    monkeypatch.setattr(sweeps, "_steps", lambda f, axes: [fails])
    monkeypatch.setattr(sweeps, "PAGE", 1 << 13)
    with pytest.raises(MemoryError, match="in a helper"):
        gradient(np.zeros(1 << 18), workers=2)


def test_every_task_is_done_whichever_thread_is_last(rng, monkeypatch):
    monkeypatch.setattr(sweeps, "PAGE", 1 << 12)
    f = rng.standard_normal(20_000)
    expected = np.gradient(f)
    for _ in range(200):
        np.testing.assert_array_equal(gradient(f, workers=3), expected)
