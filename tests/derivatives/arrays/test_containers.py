"""xarray, pandas, dask, masked, torch and JAX arrays: same numbers, own class, nothing imported unasked."""

import subprocess
import sys

import numpy as np
import pytest

from parzen.derivatives.arrays.gradient import gradient
from parzen.errors import InputError, InputTypeError

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((37, 50))
Y = np.cumsum(RNG.random(37) + 0.1)
X = np.linspace(0, 1, 50)
OPTIONS = [
    {},
    {"edge_order": 2},
    {"accuracy": 4},
    {"order": 2},
    {"order": 3, "accuracy": 8},
    {"boundary": "periodic"},
    {"boundary": ("reflect", "one-sided"), "accuracy": 6},
    {"boundary": "nearest", "order": 2},
]


def with_period(options, x):
    return (
        {**options, "period": float(x[-1] - x[0]) + 0.3} if options.get("boundary") == "periodic" else options
    )


def close(a, b):
    np.testing.assert_allclose(np.asarray(a), b, rtol=1e-9, atol=1e-9 * np.abs(b).max())


def test_nothing_heavy_is_imported():
    code = (
        "import sys, numpy as np\n"
        "from parzen.derivatives.arrays.gradient import gradient\n"
        "gradient(np.arange(10.0)); gradient(np.ma.arange(10.0)); gradient([1, 2, 4])\n"
        "heavy = {'numba', 'scipy', 'pandas', 'xarray', 'dask', 'torch', 'jax', 'matplotlib'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestPandas:
    pd = pytest.importorskip("pandas", reason="pandas is not installed")

    def test_the_index_is_the_coordinate(self):
        s = self.pd.Series(X**2, index=np.cumsum(RNG.random(50) + 0.1), name="s")
        g = gradient(s, accuracy=4)
        assert isinstance(g, self.pd.Series)
        assert g.name == "s"
        assert g.index.equals(s.index)
        close(g, gradient(s.to_numpy(), s.index.to_numpy(), accuracy=4))

    @pytest.mark.parametrize("tz", [None, "Europe/Paris"])
    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    def test_dates_are_differenced_exactly(self, tz, unit):
        index = self.pd.date_range(
            "2026-01-01", periods=200, freq="250ms", tz=tz, unit=unit if unit != "s" else "ms"
        )
        s = self.pd.Series(np.arange(200.0) * 0.5, index=index)
        np.testing.assert_array_equal(gradient(s), 2.0)
        np.testing.assert_array_equal(gradient(s, datetime_unit="m"), 120.0)

    def test_clock_change_is_not_a_jump(self):
        index = self.pd.date_range("2026-03-28", periods=60, freq="h", tz="Europe/Paris")
        np.testing.assert_allclose(
            gradient(self.pd.Series(np.arange(60.0), index=index), datetime_unit="h"), 1.0
        )

    def test_missing_values_and_nullable_dtypes(self):
        s = self.pd.Series([0, 1, None, 9, 16, 25], dtype="Int64")
        np.testing.assert_allclose(gradient(s, nan="skip", edge_order=2), [0, 2, 4, 6, 8, 10])

    def test_given_spacing_wins_over_the_index(self):
        s = self.pd.Series([1.0, 2, 4], index=["a", "b", "c"])
        np.testing.assert_array_equal(gradient(s, 0.5), [2, 3, 4])
        x = self.pd.Series([0.0, 1, 3])
        close(gradient(s, x), np.gradient([1.0, 2, 4], [0.0, 1, 3]))
        with pytest.raises(InputTypeError, match="numeric or date index"):
            gradient(s)

    def test_a_frame_is_explained(self):
        with pytest.raises(InputTypeError, match="apply"):
            gradient(self.pd.DataFrame(Z))
        frame = self.pd.DataFrame({"a": X**2, "b": X}, index=X)
        close(frame.apply(gradient)["a"], np.gradient(X**2, X))


class TestXarray:
    xr = pytest.importorskip("xarray", reason="xarray is not installed")

    def array(self, data=Z):
        return self.xr.DataArray(
            data, dims=("y", "x"), coords={"y": Y, "x": X}, attrs={"unit": "K"}, name="t"
        )

    @pytest.mark.parametrize("options", OPTIONS[:5])
    def test_coordinates_are_used_and_kept(self, options):
        results = gradient(self.array(), **options)
        for g, expected in zip(results, gradient(Z, Y, X, **options), strict=True):
            assert g.dims == ("y", "x")
            assert g.name == "t"
            np.testing.assert_array_equal(g.coords["y"], Y)
            close(g, expected)

    def test_axis_may_be_named(self):
        close(gradient(self.array(), axis="x"), np.gradient(Z, X, axis=1))
        close(gradient(self.array(), axis=("x", "y"))[1], np.gradient(Z, Y, axis=0))
        close(gradient(self.array(), axis=-1), np.gradient(Z, X, axis=1))
        close(gradient(self.array(), axis="x"), self.array().differentiate("x"))
        with pytest.raises(InputError, match="name dimensions"):
            gradient(self.array(), axis="z")

    def test_dates_and_missing_coordinates(self):
        time = np.datetime64("2026-01-01", "ns") + np.arange(37) * np.timedelta64(30, "m")
        a = self.xr.DataArray(Z, dims=("time", "x"), coords={"time": time})
        g = gradient(a, datetime_unit="h")
        close(g[0], np.gradient(Z, 0.5, axis=0))
        close(g[1], np.gradient(Z, axis=1))

    def test_lazy_stays_lazy(self):
        da = pytest.importorskip("dask.array", reason="dask is not installed")
        g = gradient(self.array(da.from_array(Z, chunks=(10, 20))), axis="y", accuracy=4)
        assert isinstance(g.data, da.Array)
        close(g, gradient(Z, Y, axis=0, accuracy=4))


class TestDask:
    da = pytest.importorskip("dask.array", reason="dask is not installed")

    @pytest.mark.parametrize("chunks", [(37, 50), (9, 17), (20, 49), ((1, 2, 34), (3, 47))])
    @pytest.mark.parametrize("options", OPTIONS)
    def test_same_numbers_chunk_by_chunk(self, options, chunks):
        lazy = self.da.from_array(Z, chunks=chunks)
        for axis, x in enumerate((Y, X)):
            result = gradient(lazy, x, axis=axis, **with_period(options, x))
            assert isinstance(result, self.da.Array)
            assert result.chunks == lazy.chunks
            assert result.dtype == np.float64
            close(
                result.compute(scheduler="synchronous"), gradient(Z, x, axis=axis, **with_period(options, x))
            )

    def test_several_axes_and_dtypes(self):
        ints = self.da.from_array((Z * 100).astype(np.int16), chunks=(9, 11))
        for got, expected in zip(
            gradient(ints, 0.5), np.gradient((Z * 100).astype(np.int16), 0.5), strict=True
        ):
            assert got.dtype == expected.dtype
            close(got.compute(scheduler="synchronous"), expected)

    def test_refusals(self):
        lazy = self.da.from_array(Z, chunks=10)
        with pytest.raises(InputError, match="'skip'"):
            gradient(lazy, nan="skip")
        with pytest.raises(InputTypeError, match="`out`"):
            gradient(lazy, out=(Z, Z))
        with pytest.raises(InputError, match="`edge_order`"):
            gradient(lazy, edge_order=3)


class TestMasked:
    def test_masked_samples_are_missing_samples(self):
        f = np.ma.masked_array(np.arange(9.0) ** 2, mask=[0, 0, 0, 1, 0, 0, 0, 0, 1])
        skipped = gradient(f, nan="skip", edge_order=2)
        np.testing.assert_allclose(skipped[:8].filled(-1), 2 * np.arange(8))
        assert skipped.mask[8]
        np.testing.assert_array_equal(gradient(f, accuracy=4).mask, [1, 1, 1, 0, 1, 1, 1, 1, 1])
        assert isinstance(gradient(np.ma.arange(9), accuracy=4), np.ma.MaskedArray)


class TestTorch:
    @pytest.mark.parametrize("options", OPTIONS)
    def test_same_numbers(self, options):
        torch = pytest.importorskip("torch", reason="torch is not installed")
        for axis, x in enumerate((Y, X)):
            got = gradient(torch.tensor(Z), torch.tensor(x), axis=axis, **with_period(options, x))
            assert isinstance(got, torch.Tensor)
            close(got, gradient(Z, x, axis=axis, **with_period(options, x)))

    def test_autograd_goes_through_and_dtypes_are_kept(self):
        torch = pytest.importorskip("torch", reason="torch is not installed")
        z = torch.tensor(Z[:12, :12], requires_grad=True)
        assert torch.autograd.gradcheck(lambda t: gradient(t, 0.5, accuracy=4), z, fast_mode=True)
        assert gradient(torch.arange(5)).dtype == torch.float64
        assert gradient(torch.arange(5.0)).dtype == torch.float32
        assert gradient(torch.arange(5.0) + 1j).dtype == torch.complex64


class TestJax:
    @pytest.mark.parametrize("options", OPTIONS)
    def test_same_numbers(self, options):
        jax = pytest.importorskip("jax", reason="jax is not installed")
        with jax.enable_x64(True):
            for axis, x in enumerate((Y, X)):
                got = gradient(jax.numpy.asarray(Z), x, axis=axis, **with_period(options, x))
                assert isinstance(got, jax.Array)
                close(got, gradient(Z, x, axis=axis, **with_period(options, x)))

    def test_jit_and_grad(self):
        jax = pytest.importorskip("jax", reason="jax is not installed")
        compiled = jax.jit(lambda z: gradient(z, 0.1, accuracy=4)[0])
        np.testing.assert_allclose(compiled(Z), gradient(Z, 0.1, accuracy=4)[0], rtol=1e-3, atol=1e-3)
        slope = jax.grad(lambda z: (gradient(z, 0.5)[1] ** 2).sum())(jax.numpy.asarray(Z))
        assert slope.shape == Z.shape


class Duck:
    """An array class with its own gradient."""

    def __array_function__(self, function, types, args, kwargs):
        return "mine" if function is np.gradient else NotImplemented


def test_other_array_classes_answer_themselves():
    assert gradient(Duck()) == "mine"
    assert gradient(Duck(), boundary=("one-sided", "one-sided")) == "mine"
    with pytest.raises(InputTypeError, match="parzen knows"):
        gradient(Duck(), accuracy=4)
