"""`parzen.gradient` answers every call of `numpy.gradient` as NumPy does: values, dtypes, types, errors."""

import inspect
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from parzen import grid
from parzen.derivatives.arrays import numpy_calls, sweep
from parzen.derivatives.arrays.calculus import divergence
from parzen.derivatives.arrays.gradient import gradient
from parzen.derivatives.arrays.options import NUMPYS, Options
from parzen.errors import AccuracyWarning, InputError, InputTypeError

DTYPES = ["f8", "f4", "f2", "c16", "c8", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", ">f8", ">i4", "<f4"]
TOLERANCE = {"f2": 4e-3, "f4": 1e-6, "c8": 1e-6, "f8": 1e-14, "c16": 1e-14}


@pytest.fixture(params=["compiled", "as called"])
def path(request, monkeypatch):
    """Send small arrays through the compiled loops too."""
    if request.param == "compiled":
        monkeypatch.setattr(numpy_calls, "SMALL", -1)
    return request.param


def as_tuple(result):
    return result if isinstance(result, tuple) else (result,)


def assert_same(ours, theirs, scale, dtype=None):
    assert type(ours) is type(theirs)
    for a, b in zip(as_tuple(ours), as_tuple(theirs), strict=True):
        assert type(a) is type(b)
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        tolerance = TOLERANCE.get(np.dtype(a.dtype).str[1:], 1e-14)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


@st.composite
def calls(draw):
    """A random legal call: array, spacings, axis, edge_order."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=3, max_side=7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    f = (
        rng.integers(0, 100, shape).astype(dtype)
        if dtype.kind in "iu"
        else rng.uniform(-9, 9, shape).astype(dtype)
    )
    if dtype.kind == "c":
        f = f + (1j * rng.uniform(-9, 9, shape)).astype(dtype)
    layout = draw(st.sampled_from(["C", "F", "reversed", "strided", "broadcast", "read-only"]))
    if layout == "F":
        f = np.asfortranarray(f)
    elif layout == "reversed":
        f = f[::-1]
    elif layout == "strided":
        f = np.repeat(f, 2, axis=-1)[..., ::2]
    elif layout == "broadcast":
        f = np.broadcast_to(f, (3, *f.shape))
    elif layout == "read-only":
        f.flags.writeable = False
    d = f.ndim
    axis = draw(
        st.one_of(
            st.none(), st.integers(-d, d - 1), st.permutations(range(d)).map(lambda p: tuple(p[: d // 2 + 1]))
        )
    )
    axes = range(d) if axis is None else (axis,) if isinstance(axis, int) else axis
    kind = draw(st.sampled_from(["none", "one scalar", "an axis"]))
    args: tuple = ()
    if kind == "one scalar":
        args = (draw(st.sampled_from([0.5, 2, -3.0, np.float64(0.1), np.int64(3), np.array(0.25)])),)
    elif kind == "an axis":
        made = []
        for a in axes:
            n = f.shape[a]
            x = np.cumsum(rng.uniform(0.5, 2, n))
            choices = [
                0.7,
                4,
                x,
                -x,
                np.arange(n),
                np.arange(n) * 2.0,
                list(x),
                np.cumsum(rng.integers(1, 5, n)).astype("u1"),
            ]
            made.append(choices[draw(st.integers(0, len(choices) - 1))])
        args = tuple(made)
    return f, args, axis, draw(st.sampled_from([1, 2]))


@settings(deadline=None, max_examples=150)
@given(call=calls(), compiled=st.booleans())
def test_every_legal_call_agrees_with_numpy(call, compiled):
    f, args, axis, edge_order = call
    with pytest.MonkeyPatch.context() as patch:
        if compiled:
            patch.setattr(numpy_calls, "SMALL", -1)
        ours = gradient(f, *args, axis=axis, edge_order=edge_order)
    theirs = np.gradient(f, *args, axis=axis, edge_order=edge_order)
    assert_same(ours, theirs, scale=400)


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("shape", [(20_000,), (150, 90), (9000, 3), (24, 25, 26), (3, 70_001)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_float64_is_equal_to_the_bit(shape, uneven, edge_order, order):
    rng = np.random.default_rng(5)
    f = np.asarray(rng.standard_normal(shape) * 100, order=order)
    args = [np.cumsum(rng.uniform(0.1, 2, n)) for n in shape] if uneven else [0.3]
    for a, b in zip(
        as_tuple(gradient(f, *args, edge_order=edge_order)),
        as_tuple(np.gradient(f, *args, edge_order=edge_order)),
        strict=True,
    ):
        assert np.array_equal(a, b)
        assert a.strides == b.strides


@pytest.mark.parametrize("dtype", ["f8", "f4", "c16"])
@pytest.mark.parametrize("shape", [(9001,), (70, 131), (41, 3, 40), (50, 2, 2)])
@pytest.mark.parametrize("first", range(4))
def test_results_past_the_caches_are_the_same(shape, dtype, first, monkeypatch, rng):
    """Whatever line of the cache they begin in, and in pages of whatever size."""
    f = rng.standard_normal(shape).astype(dtype) * (1 + 0.5j if dtype[0] == "c" else 1)
    monkeypatch.setattr(numpy_calls, "SMALL", -1)
    monkeypatch.setattr(sweep, "_STREAMED", 0)
    monkeypatch.setattr(sweep, "PAGE", 1 << 12)
    room = np.full((len(shape), f.size + 8), np.nan, f.dtype)
    outs = tuple(part[first : first + f.size].reshape(shape) for part in room)
    got = gradient(f, out=outs if len(outs) > 1 else outs[0], workers=2)
    expected = np.gradient(f.astype("c16" if f.dtype.kind == "c" else "f8"))
    for a, b in zip(as_tuple(got), as_tuple(expected), strict=True):
        np.testing.assert_array_equal(a, b.astype(f.dtype))
    assert np.isnan(room[:, :first]).all()
    assert np.isnan(room[:, first + f.size :]).all()


def test_new_arrays_of_several_pages_are_numpys(rng):
    f = rng.standard_normal((1100, 1000))
    for a, b in zip(gradient(f), np.gradient(f), strict=True):
        assert a.flags.c_contiguous
        assert a.flags.writeable
        assert a.ctypes.data % sweep.PAGE == 0
        np.testing.assert_array_equal(a, b)


def test_infinities_and_nan_are_where_numpy_has_them(path):
    rng = np.random.default_rng(0)
    f = rng.standard_normal((11, 13))
    f[2, 3], f[0, 0], f[5, 12], f[7, 7] = np.nan, np.inf, -np.inf, np.inf
    for args in [(), (np.cumsum(rng.random(11) + 0.1), np.cumsum(rng.random(13) + 0.1))]:
        for edge_order in (1, 2):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                ours = gradient(f, *args, edge_order=edge_order)
                theirs = np.gradient(f, *args, edge_order=edge_order)
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a, b)


REFUSED = {
    "too short": (np.ones(1), (), {}),
    "too short for edge_order 2": (np.ones(2), (), {"edge_order": 2}),
    "too short coordinates": (np.ones(2), (np.array([1.0, 2]),), {"edge_order": 2}),
    "empty": (np.ones((0,)), (), {}),
    "one short axis": (np.ones((3, 1)), (), {}),
    "bad axis": (np.ones(5), (), {"axis": 1}),
    "bad axes": (np.ones((5, 5)), (), {"axis": (0, 2)}),
    "axis twice": (np.ones((5, 5)), (), {"axis": (0, 0)}),
    "axis not an integer": (np.ones(5), (), {"axis": 1.5}),
    "too many spacings": (np.ones((5, 5)), (1, 2, 3), {}),
    "too few spacings": (np.ones((5, 5, 5)), (1, 2), {}),
    "spacings for one axis": (np.ones((5, 5)), (1, 2), {"axis": 0}),
    "coordinates of the wrong length": (np.ones(5), (np.arange(4.0),), {}),
    "one coordinate array for two axes": (np.ones((5, 5)), (np.arange(5.0),), {}),
    "edge_order 3": (np.ones(9), (), {"edge_order": 3}),
    "edge_order text": (np.ones(9), (), {"edge_order": "2"}),
    "strings": (np.array(["a", "b", "c"]), (), {}),
    "unknown keyword": (np.ones(9), (), {"edge": 1}),
    "scalar": (3.0, (1.0, 2.0), {}),
    "list of unequal lists": ([[1, 2], [1]], (), {}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_numpy_refuses_is_refused_with_the_same_kind_of_error(name, path):
    f, args, options = REFUSED[name]
    with pytest.raises(Exception) as theirs:
        np.gradient(f, *args, **options)
    family = next(
        kind for kind in (np.exceptions.AxisError, TypeError, ValueError) if theirs.errisinstance(kind)
    )
    with pytest.raises(family) as ours:
        gradient(f, *args, **options)
    assert str(ours.value)


def test_no_axes_give_an_empty_tuple():
    assert gradient(3.0) == np.gradient(3.0) == ()
    assert gradient(np.ones((3, 3)), axis=()) == np.gradient(np.ones((3, 3)), axis=()) == ()


def test_empty_other_axis():
    f = np.ones((0, 4))
    assert gradient(f, axis=1).shape == np.gradient(f, axis=1).shape == (0, 4)
    assert gradient(f, axis=1, accuracy=2, order=2).shape == (0, 4)


def test_dates_and_durations_are_numpys():
    times = np.array(
        ["1910-08-16", "1910-08-11", "1910-08-10", "1910-08-12", "1910-10-12", "1910-12-12"], "M8[D]"
    )
    for f in (times, times.astype("M8[ns]"), times - times[0], np.array(["NaT", *times[:5]], "M8[D]")):
        ours, theirs = gradient(f, 0.5), np.gradient(f, 0.5)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    for f in (times, times.astype("M8[ns]"), times - times[0]):
        ours, theirs = gradient(f, edge_order=2), np.gradient(f, edge_order=2)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_object_arrays_and_long_doubles_are_numpys():
    f = np.array([Fraction(1, 3), Fraction(2), Fraction(7, 2), Fraction(9)], dtype=object)
    np.testing.assert_array_equal(gradient(f), np.gradient(f))
    long = np.longdouble("0.1") * np.arange(5) ** 2
    np.testing.assert_array_equal(gradient(long, 0.5), np.gradient(long, 0.5))
    assert gradient(long).dtype == np.longdouble


def test_complex_spacing_is_numpys():
    f = np.arange(5.0) ** 2 + 0j
    np.testing.assert_array_equal(gradient(f, 2j), np.gradient(f, 2j))


class Labelled(np.ndarray):
    """A subclass without rules of its own."""


@pytest.mark.parametrize("options", [{}, {"accuracy": 4}, {"order": 2}])
def test_subclasses_are_kept(options):
    f = (np.arange(60.0) ** 2).reshape(6, 10).view(Labelled)
    assert all(type(g) is Labelled for g in gradient(f, **options))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        m = np.matrix(np.arange(60.0).reshape(6, 10))
        assert all(type(g) is np.matrix for g in gradient(m))


class Metres(np.ndarray):
    """A subclass that has a gradient of its own, as arrays with units have."""

    def __array_function__(self, function, types, args, kwargs):
        if function is np.gradient:
            return "metres"
        return super().__array_function__(function, types, args, kwargs)


@pytest.mark.parametrize("n", [5, 20_000])
def test_coordinates_with_units_are_not_stripped(n):
    f, x = np.arange(float(n)), np.arange(float(n)) ** 2
    assert gradient(f, x.view(Metres)) == np.gradient(f, x.view(Metres)) == "metres"
    assert gradient(f.view(Metres), x) == "metres"


def test_fractions_stay_fractions():
    f = np.array([Fraction(1, 3), Fraction(2), Fraction(7, 2)], dtype=object)
    ours, theirs = gradient(f, Fraction(1, 3)), np.gradient(f, Fraction(1, 3))
    assert [type(v) for v in ours] == [type(v) for v in theirs]
    np.testing.assert_array_equal(ours, theirs)


def test_masked_arrays_are_numpys():
    f = np.ma.masked_greater(np.random.default_rng(0).standard_normal((8, 9)), 1)
    for a, b in zip(gradient(f), np.gradient(f), strict=True):
        assert type(a) is np.ma.MaskedArray
        np.testing.assert_array_equal(a.mask, b.mask)
        np.testing.assert_array_equal(a.compressed(), b.compressed())


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("n", [6, 20_000])
@pytest.mark.parametrize(
    "step", [0.0, -0.0, 0, np.int64(0), np.longdouble(0), False, np.nan, np.float64("nan")]
)
def test_a_step_of_zero_or_nan_warns_once_and_answers_as_numpy(step, n, edge_order):
    f = np.arange(float(n)) ** 2
    with pytest.warns(AccuracyWarning, match="step other than 0 or NaN; got") as seen:
        ours = gradient(f, step, edge_order=edge_order)
    assert [w.filename for w in seen] == [__file__]
    with np.errstate(all="ignore"):  # by Python's zero NumPy divides the ends of edge_order=1 only
        np.testing.assert_array_equal(ours, np.gradient(f, np.float64(step), edge_order=edge_order))


def test_a_step_for_all_axes_warns_once():
    with pytest.warns(AccuracyWarning) as seen:
        gradient(np.ones((3, 4)), 0)
    assert len(seen) == 1
    with pytest.warns(AccuracyWarning, match="got 0 seconds"):
        gradient(np.ones(3), np.timedelta64(0, "s"))


def test_nan_coordinates_give_what_numpy_gives(path):
    f, x = np.arange(6.0) ** 2, np.array([0.0, 1, np.nan, 3, 4.5, 6])
    np.testing.assert_array_equal(gradient(f, x), np.gradient(f, x))


class TestWhereNumpyIsWrong:
    """Each of these is listed in docs/gradients-of-data.md."""

    def test_integer_coordinates_beyond_2_53(self):
        start = 1_700_000_000_000_000_000
        x = start + np.array([0, 1, 3, 4, 6, 7])
        y = 2.0 * (x - start)
        np.testing.assert_allclose(gradient(y, x), 2.0, rtol=1e-15)
        with np.errstate(all="ignore"):
            assert not np.allclose(np.gradient(y, x), 2)

    def test_integer_samples_beyond_2_53(self):
        f = 2**60 + np.arange(10_000, dtype=np.int64) * 3
        np.testing.assert_array_equal(gradient(f), 3.0)
        assert not np.allclose(np.gradient(f), 3)

    def test_integers_that_span_more_than_2_53(self):
        f = np.array([-(2**62), -(2**62) + 1, -(2**62) + 2, 2**62, 2**62 + 1, 2**62 + 2])
        g = gradient(f)
        np.testing.assert_array_equal(g[[0, 1, -2, -1]], 1.0)
        assert g[2] == 2.0**62

    def test_unsigned_coordinates_that_decrease(self):
        x = np.array([2**64 - 1, 2**64 - 3, 2**64 - 4, 2**64 - 9], dtype=np.uint64)
        np.testing.assert_allclose(gradient(np.array([2.0, 6, 8, 18]), x), -2.0, rtol=1e-15)

    def test_booleans(self):
        np.testing.assert_array_equal(gradient(np.array([False, True, True, False])), [1, 0.5, -0.5, -1])
        with pytest.raises(TypeError):
            np.gradient(np.array([False, True, True, False]))

    def test_half_precision_is_rounded_once(self):
        x = np.array([0, 300, 600.0, 1000], dtype=np.float16)
        f = np.array([1, 2, 4, 8], dtype=np.float16)
        exact = np.gradient(f.astype(float), x.astype(float))
        np.testing.assert_array_equal(gradient(f, x), exact.astype(np.float16))
        with np.errstate(all="ignore"):
            assert not np.allclose(np.gradient(f, x), exact, rtol=1e-2)

    def test_dates_with_coordinates(self):
        t = np.datetime64("2026-01-01", "ns") + np.arange(6) * np.timedelta64(1000, "ns")
        x = np.array([0.0, 1, 2, 3, 4, 4.5])
        g = gradient(t, x)
        np.testing.assert_array_equal(g[:4], np.timedelta64(1000, "ns"))
        assert g[5] == np.timedelta64(2000, "ns")
        assert np.gradient(t, x)[4] != g[4]  # NumPy truncates products of 1.8e18 ns


def test_repeated_coordinates_warn_and_answer_as_numpy(path):
    f, x = np.array([0.0, 1, 4, 9, 16]), np.array([0.0, 1, 1, 2, 3])
    with pytest.warns(AccuracyWarning, match="repeats a coordinate"), np.errstate(all="ignore"):
        ours = gradient(f, x)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(ours, np.gradient(f, x))


def test_repeated_coordinates_warn_once_an_axis_at_the_line_of_the_caller(path):
    f, x = np.arange(5.0) ** 2, np.array([0.0, 1, 1, 2, 3])
    calls = [
        lambda: gradient(f, x),
        lambda: gradient(f, x, edge_order=2),
        lambda: gradient(f, x, nan="skip"),
        lambda: divergence((f,), x),
    ]
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    for call in [*calls, lambda: gradient(pandas.Series(f, index=x))]:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            call()
        assert [(w.category, w.filename) for w in seen] == [(AccuracyWarning, __file__)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what is refused needs no warning
        with pytest.raises(InputError, match="strictly"):
            gradient(f, x, accuracy=4)


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize(
    ("x", "text"),
    [
        ([0.0, 2, 1, 3, 5, 4], r"turns back after sample 1, so.*Sort both"),
        ([5.0, 4, 3, 3.5, 2, 1], "turns back after sample 2, so"),
        (
            [0.0, 1, 2, 1, 0, -1],
            "turns back after sample 2, so",
        ),  # there and back: the same place two samples on
        ([0.0, 2, 2, 1, 5, 4], r"turns back after sample 2 and repeats a coordinate.*Drop repeated samples"),
    ],
)
@pytest.mark.parametrize(
    "kind", [list, np.array, lambda x: np.array(x, ">i4"), lambda x: np.array(x, "m8[s]")]
)
def test_coordinates_that_turn_back_warn_once_and_answer_as_numpy(path, x, text, edge_order, kind):
    f = np.arange(6.0) ** 2
    integers = np.asarray(x) * 2
    with pytest.warns(AccuracyWarning, match=text) as seen:
        ours = gradient(f, kind(integers), edge_order=edge_order)
    assert [w.filename for w in seen] == [__file__]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(ours, np.gradient(f, integers, edge_order=edge_order))


def test_an_index_out_of_order_is_told():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    with pytest.warns(AccuracyWarning, match=r"turns back after sample 1.*`\.sort_index\(\)`"):
        gradient(pandas.Series([3.0, 1, 2, 5]).sort_values())


@pytest.mark.parametrize(
    "x", [[0.0, 1, np.inf], [np.inf, 1, 0], [3.0, np.nan, 1], [2, 1], [-1e308, 1e308, np.inf]]
)
def test_steady_coordinates_do_not_warn(path, x):
    f = np.arange(float(len(x)))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(gradient(f, x), np.gradient(f, x))


class TestOut:
    def test_results_are_written_and_returned(self, path):
        f = np.random.default_rng(0).standard_normal((30, 40))
        out = (np.empty((30, 40)), np.empty((30, 40), order="F"))
        result = gradient(f, 0.5, out=out)
        assert all(a is b for a, b in zip(result, out, strict=True))
        for a, b in zip(out, np.gradient(f, 0.5), strict=True):
            np.testing.assert_array_equal(a, b)
        single = np.empty((30, 40))
        assert gradient(f, axis=1, out=single) is single

    def test_out_may_be_the_input(self, path):
        f = np.random.default_rng(1).standard_normal(50_000)
        expected = np.gradient(f)
        gradient(f, out=f)
        np.testing.assert_array_equal(f, expected)

    def test_out_may_overlap_the_input(self):
        store = np.random.default_rng(2).standard_normal(40_001)
        expected = np.gradient(store[:-1])
        result = gradient(store[:-1], out=store[1:])
        np.testing.assert_array_equal(result, expected)

    def test_strided_out(self):
        f = np.random.default_rng(3).standard_normal((100, 200))
        store = np.zeros((100, 400))
        gradient(f, axis=0, out=store[:, ::2])
        np.testing.assert_array_equal(store[:, ::2], np.gradient(f, axis=0))
        assert not store[:, 1::2].any()

    @pytest.mark.parametrize(
        "bad",
        [
            np.empty(4),
            np.empty(5, "f4"),
            np.empty(5, int),
            np.empty((5, 1)),
            (np.empty(5), np.empty(5)),
            [1] * 5,
            3,
        ],
    )
    def test_wrong_out_is_refused(self, bad):
        with pytest.raises((InputError, InputTypeError), match="`out`"):
            gradient(np.ones(5), out=bad)

    def test_read_only_and_shared_out_are_refused(self):
        locked = np.empty(5)
        locked.flags.writeable = False
        with pytest.raises(InputError, match="read-only"):
            gradient(np.ones(5), out=locked)
        one = np.empty((5, 5))
        with pytest.raises(InputError, match="share memory"):
            gradient(np.ones((5, 5)), out=(one, one))


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_results_do_not_depend_on_workers(workers):
    f = np.random.default_rng(4).standard_normal((1500, 1400)).astype("f4")
    x = np.cumsum(np.random.default_rng(5).random(1400) + 0.1)
    for options in ({}, {"accuracy": 6}, {"order": 2}):
        one = gradient(f, 0.1, x, workers=1, **options)
        for a, b in zip(one, gradient(f, 0.1, x, workers=workers, **options), strict=True):
            assert np.array_equal(a, b)


def test_nothing_is_written_to_the_input():
    f = np.random.default_rng(0).standard_normal((100, 100))
    f[3, 3] = np.nan
    before = f.copy()
    gradient(f, accuracy=4, nan="skip")
    gradient(f)
    np.testing.assert_array_equal(f, before)
    assert f.flags.writeable


def test_defaults_are_numpys():
    """The signature has them for readers, `NUMPYS` for the short way of small arrays: they must agree."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(gradient).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    options = Options(**defaults)
    assert options.is_numpys
    given = tuple(defaults[name] for name in ("accuracy", "order", "boundary", "period", "nan"))
    assert given == NUMPYS
    assert (options.edge_order, options.out, options.workers) == (1, None, None)


@pytest.mark.parametrize(
    "name", ["gradient", "hessian", "laplacian", "divergence", "curl", "smooth_gradient"]
)
def test_messages_name_the_parameter(name):
    """`coordinates` can be found in the signature; NumPy's name for it, varargs, cannot be passed by keyword either."""
    function = getattr(grid, name)
    assert "coordinates" in inspect.signature(function).parameters
    samples = np.ones((2, 9, 9)) if name in ("divergence", "curl") else np.ones((9, 9))
    with pytest.raises(InputTypeError, match="`coordinates`"):
        function(samples, 1.0, 2.0, 3.0)
