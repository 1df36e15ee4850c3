"""What comes over the border, and every sentence that turns something away."""

import re
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from parzen.errors import InputError, InputTypeError, ParzenError
from parzen.validation import (
    as_matrix,
    as_positive_float,
    as_positive_int,
    as_tolerance,
    as_vector,
    as_weights,
    as_workers,
    describe,
    physical_memory,
)

nan, inf = float("nan"), float("inf")


class Unconvertible:
    """Something that NumPy keeps as an object."""

    def __repr__(self):
        return "<unconvertible>"


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (sparse.eye(3, format="csr"), InputTypeError, "`X` must be a dense array; got a sparse csr_matrix. Call `.toarray()`"),
        (sparse.coo_array(np.eye(2)), InputTypeError, "`X` must be a dense array; got a sparse coo_array."),
        (pl.LazyFrame({"a": [1.0]}), InputTypeError, "`X` must be data, not a query; got a LazyFrame. Call `.collect()`"),
        (np.ma.array([[1.0, 2.0]], mask=[[True, False]]), InputError, "`X` must not have masked entries; got 1 of them. Drop the rows"),
        ([[1.0, 2.0], [3.0]], InputError, "`X` must be a rectangular array of numbers; got [[1.0, 2.0], [3.0]]"),
        (np.eye(2) * 1j, InputError, "`X` must be real; got dtype complex128. Complex data not supported"),
        ("abc", InputTypeError, "`X` must be numeric; got dtype <U3. Convert it to float64 first."),
        ([["1.0"]], InputTypeError, "`X` must be numeric; got dtype <U3."),
        (np.array([["2026-01-01"]], dtype="M8[D]"), InputTypeError, "`X` must be numeric; got dtype datetime64[D]."),
        (np.array([[1]], dtype="m8[s]"), InputTypeError, "`X` must be numeric; got dtype timedelta64[s]."),
        (np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), InputTypeError, "`X` must be numeric; got dtype [('a', '<i8')"),
        (b"bytes", InputTypeError, "`X` must be numeric; got dtype |S5."),
        (Unconvertible(), InputTypeError, "`X` must be numeric; got <unconvertible>"),
        (np.array([[Unconvertible()]]), InputTypeError, "`X` must be numeric; got an array of shape (1, 1) and dtype object"),
        (np.array([["a", 1]], dtype=object), InputTypeError, "`X` must be numeric; got an array of shape (1, 2) and dtype object (could not convert string to float: 'a')"),
        ({"a": 1}, InputTypeError, "`X` must be numeric; got {'a': 1}"),
        ([[10**400]], InputError, "`X` must fit in float64; got an integer that is too large. Rescale the data first."),
        (3.0, InputError, "`X` must be 2-D, (rows, features); got a scalar. Reshape your data either using array.reshape(-1, 1)"),
        (np.float64(3), InputError, "`X` must be 2-D, (rows, features); got a scalar."),
        ([1.0, 2.0], InputError, "`X` must be 2-D, (rows, features); got shape (2,). Reshape your data either using array.reshape(-1, 1)"),
        (np.zeros((2, 2, 2)), InputError, "`X` must be 2-D, (rows, features); got shape (2, 2, 2)."),
        (np.zeros((3, 0)), InputError, "`X` must have at least one column; got shape (3, 0): 0 feature(s) (shape=(3, 0)) while a minimum of 1 is required."),
        (np.zeros((0, 2)), InputError, "`X` must have at least one row; got shape (0, 2). Check how it was loaded."),
        ([[1.0, nan]], InputError, "`X` must be finite; got 1 value that is NaN (contains NaN or inf), the first at row 0, column 1. Drop or fill in those values first."),
        ([[1.0, 2.0], [inf, -inf]], InputError, "`X` must be finite; got 2 values that are infinity (contains NaN or inf), the first at row 1, column 0."),
        ([[1.0, 2.0], [nan, inf]], InputError, "`X` must be finite; got 2 values that are NaN or infinity (inf) (contains NaN or inf), the first at row 1, column 0."),
        ([[1.0, None]], InputError, "`X` must be finite; got 1 value that is NaN (contains NaN or inf), the first at row 0, column 1."),
    ],
)  # fmt: skip
def test_as_matrix_refuses(value, error, message):
    with pytest.raises(error, match=re.escape(message)) as caught:
        as_matrix(value, "X")
    assert isinstance(caught.value, ParzenError)


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2], [3, 4]],
        [(1, 2), (3, 4)],
        np.array([[1, 2], [3, 4]], dtype=np.int8),
        np.array([[1, 2], [3, 4]], dtype=np.uint64),
        np.array([[1, 2], [3, 4]], dtype=np.float16),
        np.array([[1, 2], [3, 4]], dtype=np.longdouble),
        np.array([[1, 2], [3, 4]], dtype=object),
        np.array([[1, 3], [2, 4]]).T,
        np.array([[1, 2, 9], [3, 4, 9]])[:, :2],
        np.array([[1, 2], [3, 4]], dtype=">f8"),
        np.matrix([[1, 2], [3, 4]]),
        np.ma.array([[1, 2], [3, 4]], mask=False),
        pd.DataFrame({"a": [1, 3], "b": [2.0, 4.0]}),
        pd.DataFrame({"a": [1, 3], "b": [2, 4]}, dtype="Int64"),
        pl.DataFrame({"a": [1, 3], "b": [2.0, 4.0]}),
        [[Fraction(1), 2], [3, Fraction(4)]],
    ],
    ids=lambda value: f"{type(value).__module__}.{type(value).__name__}-{getattr(value, 'dtype', '')}",
)
def test_as_matrix_takes(value):
    array = as_matrix(value, "X")
    np.testing.assert_array_equal(array, [[1.0, 2.0], [3.0, 4.0]])
    assert type(array) is np.ndarray
    assert array.dtype == np.float64
    assert array.flags.c_contiguous
    assert array.dtype.isnative


def test_booleans_are_numbers():
    np.testing.assert_array_equal(as_matrix([[True, False]], "X"), [[1.0, 0.0]])


def test_large_finite_values_are_finite():
    """Their sum overflows; that is no infinity among them, and no warning."""
    np.testing.assert_array_equal(as_matrix([[1e308], [1e308]], "X"), [[1e308], [1e308]])


def test_nan_is_counted_and_located_in_a_large_array():
    array = np.zeros((100, 7))
    array[42, 3] = nan
    array[[50, 99], [0, 6]] = nan
    with pytest.raises(InputError, match=r"got 3 values that are NaN .* the first at row 42, column 3\."):
        as_matrix(array, "samples")


def test_missing_values_of_pandas_are_named():
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64")})
    with pytest.raises(ParzenError, match="`X` must be"):
        as_matrix(frame, "X")


@pytest.mark.parametrize(
    ("value", "length", "message"),
    [
        ([], None, "`bandwidths` must be 1-D and not empty; got shape (0,). Check how it was made."),
        ([[1.0]], None, "`bandwidths` must be 1-D and not empty; got shape (1, 1)."),
        (1.0, None, "`bandwidths` must be 1-D and not empty; got shape ()."),
        ([1.0, 2.0], 3, "`bandwidths` must be of shape (3,); got shape (2,)."),
        ([1.0, nan], None, "`bandwidths` must be finite; got 1 value that is NaN (contains NaN or inf), the first at index 1."),
    ],
)  # fmt: skip
def test_as_vector_refuses(value, length, message):
    with pytest.raises(InputError, match=re.escape(message)):
        as_vector(value, "bandwidths", length=length)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([1.0, -2.0, -3.0], InputError, "`sample_weight` must not be negative; got 2 negative values, the first -2 at index 1. Remove those samples or their sign."),
        ([0.0, 0.0, 0.0], InputError, "`sample_weight` must have a positive sum; got only zeros. Give some sample weight."),
        ([1.0, 2.0], InputError, "`sample_weight` must be of shape (3,); got shape (2,). Check how it was made."),
        ([[1.0], [2.0], [3.0]], InputError, "`sample_weight` must be of shape (3,); got shape (3, 1)."),
        ([1.0, nan, 2.0], InputError, "`sample_weight` must be finite; got 1 value that is NaN"),
        ([1.0, inf, 2.0], InputError, "`sample_weight` must be finite; got 1 value that is infinity"),
        (["a", "b", "c"], InputTypeError, "`sample_weight` must be numeric; got dtype <U1."),
        (-1.0, InputError, "`sample_weight` must not be negative"),
        (0, InputError, "`sample_weight` must have a positive sum; got only zeros."),
    ],
)  # fmt: skip
def test_as_weights_refuses(value, error, message):
    with pytest.raises(error, match=re.escape(message)):
        as_weights(value, 3)


def test_as_weights_takes():
    assert as_weights(None, 3) is None
    np.testing.assert_array_equal(as_weights(2, 3), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(as_weights([0, 1, 2], 3), [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(as_weights(pd.Series([0, 1, 2]), 3), [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(as_weights([1e308, 1e308, 5e-324], 3), [1e308, 1e308, 5e-324])


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, InputError, "`h` must be a finite number > 0; got 0. Pass a positive float."),
        (-1.5, InputError, "`h` must be a finite number > 0; got -1.5."),
        (nan, InputError, "`h` must be a finite number > 0; got nan."),
        (inf, InputError, "`h` must be a finite number > 0; got inf."),
        (10**400, InputError, "`h` must be a finite number > 0; got 1000000000"),
        (True, InputTypeError, "`h` must be a positive number; got True. Pass a float."),
        ("1", InputTypeError, "`h` must be a positive number; got '1'."),
        (None, InputTypeError, "`h` must be a positive number; got None."),
        (1 + 0j, InputTypeError, "`h` must be a positive number; got (1+0j)."),
    ],
)
def test_as_positive_float_refuses(value, error, message):
    with pytest.raises(error, match=re.escape(message)):
        as_positive_float(value, "h")


def test_as_positive_float_takes():
    for value in (2, 2.0, np.float32(2), np.int8(2), Fraction(2)):
        number = as_positive_float(value, "h")
        assert type(number) is float
        assert number == 2.0


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (
            -1e-9,
            InputError,
            "`rtol` must be in [0, 1); got -1e-09. Use 1e-9 for the default, 0 to sum every term.",
        ),
        (1, InputError, "`rtol` must be in [0, 1); got 1."),
        (nan, InputError, "`rtol` must be in [0, 1); got nan."),
        (inf, InputError, "`rtol` must be in [0, 1); got inf."),
        (10**400, InputError, "`rtol` must be in [0, 1); got 1000000000"),
        (False, InputTypeError, "`rtol` must be a number in [0, 1); got False. Pass a float."),
        ("1e-9", InputTypeError, "`rtol` must be a number in [0, 1); got '1e-9'."),
    ],
)
def test_as_tolerance_refuses(value, error, message):
    with pytest.raises(error, match=re.escape(message)):
        as_tolerance(value, "rtol")


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, InputError, "`workers` must be at least 1; got 0. Pass a larger integer."),
        (-3, InputError, "`workers` must be at least 1; got -3."),
        (1.0, InputTypeError, "`workers` must be an integer; got 1.0. Pass an int."),
        (True, InputTypeError, "`workers` must be an integer; got True."),
        ("2", InputTypeError, "`workers` must be an integer; got '2'."),
    ],
)
def test_as_workers_refuses(value, error, message):
    with pytest.raises(error, match=re.escape(message)):
        as_workers(value)


def test_integers():
    assert as_workers(None) >= 1
    assert as_workers(np.int64(3)) == 3
    assert as_positive_int(2**20, "memory_limit", minimum=2**20) == 2**20
    with pytest.raises(InputError, match="`memory_limit` must be at least 1048576; got 5"):
        as_positive_int(5, "memory_limit", minimum=2**20)


def test_memory_of_a_machine_that_does_not_tell(monkeypatch):
    assert physical_memory() > 2**20

    def unknown(name):
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr("os.sysconf", unknown)
    assert physical_memory() is None


def test_descriptions_are_short():
    assert describe(np.zeros((2, 3))) == "an array of shape (2, 3) and dtype float64"
    assert describe("x") == "'x'"
    assert describe(list(range(1000))).endswith("...")
    assert len(describe(list(range(1000)))) == 60


def test_the_column_at_fault_is_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "when": pandas.date_range("2020", periods=2), "t": ["x", "y"]})
    for columns, fault in ((["a", "when"], "when"), (["a", "t"], "t"), (["a", "when", "t"], "when")):
        with pytest.raises(InputTypeError, match=f"got column '{fault}' .*Choose the columns of numbers"):
            as_matrix(frame[columns], "X")


def test_three_dimensions_are_told_how_to_become_two():
    with pytest.raises(InputError, match=r"got shape \(3, 2, 2\)\. .*one row of each sample"):
        as_matrix(np.zeros((3, 2, 2)), "X")
