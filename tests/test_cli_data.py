"""`parzen bandwidth` and `parzen sweep` on files of the user's own."""

import datetime
import decimal
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from click.testing import CliRunner

import parzen
from parzen.cli import main
from parzen.errors import DataError
from parzen.tables import read_table


@pytest.fixture
def folder(tmp_path, monkeypatch, rng):
    """A folder with the same table in every format."""
    monkeypatch.chdir(tmp_path)
    table = rng.normal(size=(60, 2))
    np.save("data.npy", table)
    np.save("one.npy", table[:, 0])
    pd.DataFrame(table, columns=["x", "y, in m"]).to_csv("data.csv", index=False)
    np.savetxt("bare.csv", table, delimiter=",", fmt="%.17g")
    pl.DataFrame({"x": table[:, 0], "y, in m": table[:, 1], "name": ["a"] * 60}).write_parquet("data.parquet")
    pd.DataFrame({"x": table[:, 0], "name": "a", "w": 1.0 + (table[:, 0] > 0)}).to_csv(
        "text.csv", index=False
    )
    return table


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def sentence(*arguments):
    """The one sentence with which a command ends that the user can put right."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("name", ["data.npy", "data.csv", "bare.csv"])
def test_formats(folder, name):
    np.testing.assert_array_equal(read_table(name).values, folder)
    np.testing.assert_array_equal(read_table(name, ["1"]).values, folder[:, 1:])


def test_columns(folder):
    np.testing.assert_array_equal(read_table("data.parquet", ["x", "y, in m"]).values, folder)
    np.testing.assert_array_equal(read_table("data.csv", ["y, in m", "x"]).values, folder[:, ::-1])
    np.testing.assert_array_equal(read_table("text.csv", ["x"]).values, folder[:, :1])
    np.testing.assert_array_equal(read_table("one.npy").values, folder[:, :1])


def test_bandwidth(folder):
    result = run("bandwidth", "text.csv", "--columns", "x", "--method", "sheather-jones", "--plot", "a.png")
    assert result.exit_code == 0, result.output
    expected = parzen.select_bandwidth(folder[:, :1], "sheather-jones").value
    lines = result.stdout.splitlines()
    assert lines[0] == "samples    60 in 1 dimension"
    assert lines[1] == "columns    x"
    assert lines[2] == "method     sheather-jones (asked for)"
    assert lines[-2] == "bandwidth  scalar (h, in the units of the data)"
    assert float(lines[-1]) == expected
    shown = run("bandwidth", "text.csv", "--columns", "x", "--method", "dpi", "--kind", "full").stdout
    assert "bandwidth  full (covariance: squares of standard deviations on its diagonal)\n" in shown
    assert Path("a.png").read_bytes()[1:4] == b"PNG"


def test_bandwidth_is_a_matrix_in_two_dimensions(folder):
    result = run("bandwidth", "data.npy", "--method", "scott")
    shown = np.array([line.split() for line in result.stdout.splitlines()[-2:]], dtype=float)
    np.testing.assert_array_equal(shown, parzen.select_bandwidth(folder, "scott").value)


def test_weights_kind_target_and_warnings(folder):
    result = run(
        "bandwidth", "text.csv", "--columns", "x", "--weights", "w", "--method", "dpi", "--target", "gradient"
    )
    expected = parzen.select_bandwidth(
        folder[:, :1], "dpi", target="gradient", sample_weight=1.0 + (folder[:, 0] > 0)
    ).value
    assert float(result.stdout.splitlines()[-1]) == expected
    np.save("ties.npy", np.r_[np.zeros(60), 1.0, 2.0])
    assert (
        "warning    more than half of the samples coincide"
        in run("bandwidth", "ties.npy", "--method", "scott").stdout
    )
    np.save("units.npy", folder * [1, 1e6])
    warned = run("bandwidth", "units.npy", "--method", "likelihood").stdout
    assert "if their units differ, ask for --kind diagonal, or standardise them" in warned
    assert "density, gradient or hessian" in run("bandwidth", "--help").stdout


@pytest.mark.parametrize("suffix", ["npy", "csv", "parquet"])
def test_the_column_of_weights_is_no_feature(folder, suffix):
    """Without --columns it was one."""
    table = np.column_stack([folder, 1.0 + (folder[:, 0] > 0)])
    np.save("weighted.npy", table)
    pd.DataFrame(table, columns=["x", "y", "w"]).to_csv("weighted.csv", index=False)
    pl.DataFrame(table, schema=["x", "y", "w"]).write_parquet("weighted.parquet")
    result = run("bandwidth", f"weighted.{suffix}", "--weights", "2", "--method", "scott")
    shown = np.array([line.split() for line in result.stdout.splitlines()[-2:]], dtype=float)
    expected = parzen.select_bandwidth(folder, "scott", sample_weight=table[:, 2]).value
    np.testing.assert_allclose(shown, expected, rtol=1e-14)
    np.testing.assert_array_equal(read_table(f"weighted.{suffix}", ["2"]).values, table[:, 2:])
    told = sentence("bandwidth", f"weighted.{suffix}", "--weights", "2", "--columns", "0,2")
    assert (
        "`--columns` must not have the column of weights; got '2', which --weights has too. Leave it out"
        in told
    )


def test_sweep(folder):
    np.save("valid.npy", folder + 0.1)
    result = run(
        "sweep",
        "data.csv",
        "valid.npy",
        "--bandwidths",
        "0.1,0.3,1",
        "--refine",
        "--plot",
        "a.png",
        "--out",
        "a.csv",
    )
    assert result.exit_code == 0, result.output
    assert result.stderr == "Note: only `data.csv` has names, so columns are taken by position: x, y, in m.\n"
    expected = parzen.sweep(folder, folder + 0.1, bandwidths=[0.1, 0.3, 1])
    lines = result.stdout.splitlines()
    assert len(lines) == 5
    np.testing.assert_allclose(
        [float(line.split()[1]) for line in lines[1:4]], expected.mean_log_density, atol=1e-6
    )
    assert sum("<- best" in line for line in lines) == 1
    assert lines[-1].endswith("<- optimum")
    assert Path("a.csv").read_text().count("\n") == 4
    assert Path("a.png").read_bytes()[1:4] == b"PNG"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bandwidth", "missing.csv"], "`missing.csv` must be a file that can be read; got 'No such file or directory'. Check"),
        (["bandwidth", "missing.npy"], "`missing.npy` must be a file that can be read; got 'No such"),
        (["bandwidth", "data.txt"], "name ends in .npy, .csv, .tsv, .parquet; got '.txt'. Rename a text file"),
        (["bandwidth", "data.csv.gz"], "got '.gz'. Unpack it first."),
        (["bandwidth", "."], "`.` must be a file whose name ends in .npy, .csv, .tsv, .parquet; got a folder. Pass one file of it."),
        (["bandwidth", "-"], "got standard input. Write it to a .csv file first."),
        (["bandwidth", "text.csv"], "`text.csv` must hold finite numbers; got 'a' in line 2, column 2 (name), 60 such cells in all. Choose columns of numbers with --columns; these are: x, w."),
        (["bandwidth", "gaps.csv"], "`gaps.csv` must hold finite numbers; got nothing in line 3, column 2 (y), 2 such cells in all. Fill in or remove rows with gaps"),
        (["bandwidth", "nan.csv"], "`nan.csv` must hold finite numbers; got 'nan' in line 3, column 2 (y). Fill in"),
        (["bandwidth", "nan.npy"], "`nan.npy` must hold finite numbers; got nan in row 3, column 2 (--columns 1), 2 such cells in all. Fill"),
        (["bandwidth", "nan.parquet"], "`nan.parquet` must hold finite numbers; got nan in row 3, column 2 (y), 2 such cells in all. Fill"),
        (["bandwidth", "nan.csv", "--columns", "x", "--weights", "y"], "got 'nan' in line 3, column 2 (y). Fill in"),
        (["bandwidth", "text.csv", "--columns", "w", "--weights", "x"], "`--weights` must not be negative; got "),
        (["bandwidth", "text.csv", "--columns", "x,x"], "`--columns` must name each column once; got 'x' again. Leave it out."),
        (["bandwidth", "text.csv", "--columns", "x,0"], "`--columns` must name each column once; got '0' again."),
        (["bandwidth", "text.csv", "--columns", "x,w", "--weights", "w"], "got 'w', which --weights has too. Leave"),
        (["bandwidth", "text.csv", "--columns", "names"], "got no 'names' among x, name, w. Did you mean 'name'?"),
        (["bandwidth", "words.csv"], "got 'c' in line 2, column 1 (a). It has no column of numbers."),
        (["bandwidth", "head.csv"], "`head.csv` must hold rows of numbers; got names (x, y) and no rows. Check"),
        (["bandwidth", "empty.npy"], "`empty.npy` must hold rows of numbers; got columns and no rows."),
        (["bandwidth", "empty.parquet"], "`empty.parquet` must hold rows of numbers; got 2 columns (x, y) and no rows."),
        (["bandwidth", "text.csv", "--columns", "z"], "got no 'z' among x, name, w. Use names, or numbers from 0."),
        (["bandwidth", "data.npy", "--columns", "2"], "got no '2' among 0, 1."),
        (["bandwidth", "data.parquet"], "`data.parquet` must hold numbers; got name (String). Choose columns of numbers with --columns; these are: x, y, in m."),
        (["bandwidth", "bad.parquet"], "`bad.parquet` must be a Parquet file"),
        (["bandwidth", "bad.npy"], "`bad.npy` must be a .npy file of numbers"),
        (["bandwidth", "pickled.npy"], "`pickled.npy` must be a .npy file of numbers; got another (Object arrays cannot be loaded"),
        (["bandwidth", "empty.csv"], "`empty.csv` must hold rows of numbers; got an empty file. Check"),
        (["bandwidth", "latin.csv"], "`latin.csv` must be text in UTF-8"),
        (["bandwidth", "one.npy", "--method", "best"], "`--method` must be 'auto', 'scott', 'silverman', "),
        (["bandwidth", "one.npy", "--kind", "round"], "`--kind` must be 'scalar', 'diagonal' or 'full'; got 'round'."),
        (["sweep", "one.npy", "data.npy", "--bandwidths", "1"], "`data.npy` must have the columns of `one.npy`, 0; got 0, 1. Choose"),
        (["bandwidth", "index.csv"], "got 3 columns in line 2, where line 1 has 2 columns. Give every row"),
        (["bandwidth", "index.csv", "--columns", "x"], "got 3 columns in line 2, where line 1 has 2"),
        (["bandwidth", "ragged.csv"], "got 1 column in line 6, where line 4 has 2 columns. Give"),
        (["bandwidth", "long.csv"], "got 'b' in line 5, column 1 (x). Choose columns of numbers with --columns; these are: y."),
        (["bandwidth", "european.csv"], "got '1,5' in line 2, column 1 (x), 4 such cells in all. Write points in numbers, not commas."),
        (["bandwidth", "bare-european.csv"], "got '2,5' in line 2, column 1 (1,5), 2 such cells in all. Write points"),
        (["bandwidth", "single.npy"], "`single.npy` must have more than one row for 'auto'; got n = 1. Add rows. Or try `parzen sweep`."),
        (["bandwidth", "constant.csv", "--method", "scott"], "got 1 constant feature, the first at column y. Leave it out with --columns."),
        (["bandwidth", "column 9.csv", "--method", "scott"], "`column 9.csv` must vary in every feature for a full bandwidth by 'scott'; got 1"),
        (["bandwidth", "single.npy", "--method", "Scott"], "got 'Scott'. Did you mean 'scott'?"),
        (["bandwidth", "data.npy", "--method", "isj"], "`--method` must suit the task; got 'isj', which does not do 2 dim"),
        (["bandwidth", "constant.npy", "--method", "scott"], "1 constant feature, the first at column 1. Leave it out with --columns. Or try"),
        (["bandwidth", "data.npy", "--method", "scv", "--target", "gradient"], "does not do --target gradient"),
        (["bandwidth", "one.npy", "--plot", "a.jpg"], "`--plot` must end in .png, .pdf, .svg; got 'a.jpg'. Choose"),
        (["bandwidth", "one.npy", "--plot", "no/a.png"], "`--plot` must be a file that can be written; got 'no/a.png' (No"),
        (["bandwidth", "three.npy", "--method", "scott", "--plot", "a.png"], "`--plot` must be left out where there is"),
        (["sweep", "one.npy", "one.npy", "--bandwidths", "1", "--out", "no/a.csv"], "`--out` must be a file that can be"),
        (["sweep", "one.npy", "one.npy", "--bandwidths", "1", "--out", "a.txt"], "`--out` must end in .csv; got 'a.txt'. Choose"),
        (["sweep", "bare.csv", "bare.csv", "--bandwidths", "1", "--out", "bare.csv"], "`--out` must not be a file that is read; got 'bare.csv'."),
        (["sweep", "one.npy", "one.npy", "--bandwidths", "1e-300,1"], "`--bandwidths` must be larger; got 1e-300, and the samples spread over 1e+"),
        (["sweep", "one.npy", "one.npy", "--bandwidths", "1", "--plot", "a.jpg"], "`--plot` must end in .png, .pdf, .svg"),
        (["sweep", "one.npy", "one.npy", "--bandwidths", "1,2", "--refine"], "`one.npy` must not repeat samples of `one"),
        (["sweep", "data.csv", "weights.csv", "--bandwidths", "1"], "`weights.csv` must have the columns of `data.csv`, x,"),
        (["sweep", "one.npy", "one.npy", "--bandwidths", "0,1"], "`--bandwidths` must be positive numbers"),
        (["bandwidth", "double.npy", "--method", "scott"], "Choose with --kind scalar. Or try `parzen sweep`."),
        (["bandwidth", "double.npy", "--method", "lscv", "--kind", "full"], "or use --kind diagonal or --kind scalar."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_bad_input_ends_with_one_sentence(folder, arguments, words):
    Path("bad.npy").write_bytes(b"not numpy")
    Path("bad.parquet").write_bytes(b"not parquet")
    Path("gaps.csv").write_text("x,y\n1,2\n3,\n5,\n")
    Path("nan.csv").write_text("x,y\n1,2\n3,nan\n")
    Path("empty.csv").write_text("")
    Path("head.csv").write_text("x,y\n")
    np.save("empty.npy", np.zeros((0, 2)))
    pl.DataFrame({"x": [], "y": []}, schema={"x": pl.Float64, "y": pl.Float64}).write_parquet("empty.parquet")
    np.save("nan.npy", [[1, 2], [3, 4], [5, np.nan], [np.inf, 8]])
    pl.DataFrame({"x": [1.0, 3, 5, None], "y": [2, 4, None, 8]}).write_parquet("nan.parquet")
    Path("words.csv").write_text("a\nc\n")
    Path("constant.csv").write_text("x,y,z\n1,2,5\n3,2,7\n5,2,1\n")
    Path("column 9.csv").write_text("x,y,z\n1,2,5\n3,2,7\n5,2,1\n")
    Path("bare-european.csv").write_text("1,5;2,5\n2,5;3,5\n")
    Path("latin.csv").write_bytes(b"\xe9t\xe9\n1\n")
    np.save("pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    Path("index.csv").write_text("x,y\n0,1,2\n1,3,4\n")
    Path("ragged.csv").write_text("# made by hand\n\n# today\nx,y\n1,2\n3\n")
    Path("long.csv").write_text("x,y\n1,2\n\n3,4\nb,1\n")
    Path("european.csv").write_text("x;y\n1,5;2,5\n2,5;3,5\n")
    Path("weights.csv").write_text("x,w\n1,2\n")
    np.save("single.npy", [1.0])
    np.save("double.npy", folder[:, [0, 0]])
    np.save("constant.npy", [[1.0, 2.0], [3.0, 2.0]])
    np.save("three.npy", folder[:, [0, 1, 0]])
    before = sorted(path.name for path in Path().iterdir())
    assert words in sentence(*arguments)
    assert ".." not in sentence(*arguments)
    assert sorted(path.name for path in Path().iterdir()) == before


def test_a_pickle_never_runs(folder):
    class Harm:
        def __reduce__(self):
            return (Path.touch, (Path("harmed"),))

    np.save("pickled.npy", np.array([Harm()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Object arrays cannot be loaded"):
        read_table("pickled.npy")
    assert not Path("harmed").exists()


def test_lines_before_the_names_are_left_out(folder):
    Path("a.csv").write_text("# made by hand\n\n# today\nx,y\n1,2\n\n3,4\n")
    table = read_table("a.csv")
    np.testing.assert_array_equal(table.values, [[1, 2], [3, 4]])
    assert (table.names, table.named) == (("x", "y"), True)
    assert read_table("bare.csv").names == ("0", "1")


@pytest.mark.parametrize(
    "text", [",x,y\n0,1,2\n1,2,3\n", '"","x","y"\n"a",1,2\n"b",2,3\n', "Unnamed: 0,x,y\n7,1,2\n3,2,3\n"]
)
def test_the_index_that_to_csv_writes_is_no_column(folder, text):
    """Once the variance of the row numbers was part of the bandwidth, without a word."""
    Path("index.csv").write_text(text)
    table = read_table("index.csv")
    assert (table.names, table.values.tolist()) == (("x", "y"), [[1, 2], [2, 3]])
    assert table.without_index
    assert not read_table("index.csv", ["x"]).without_index
    result = run("bandwidth", "index.csv", "--method", "scott", "--kind", "scalar")
    assert result.stdout.startswith("samples    2 in 2 dimensions\ncolumns    x, y\n")
    assert result.stderr == (
        "Note: the first column of `index.csv` has no name and was left out, as the index of a data frame; "
        "--columns 0 would choose it.\n"
    )
    if "a" not in text:
        assert read_table("index.csv", ["0"]).values.tolist() in ([[0], [1]], [[7], [3]])


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("a.csv", "x;y\n1;2\n3.5;4\n", ("x", "y")),
        ("a.csv", "\n1\t2\n3.5\t4\n", ("0", "1")),
        ("a.csv", '"a;b",y\n1,2\n3.5,4\n', ("a;b", "y")),
        ("a.csv", "a;b,c\n1,2\n3.5,4\n", ("a;b", "c")),
        ("a.csv", "x,\ty\n1,\t2\n3.5,\t4\n", ("x", "y")),
        ("a.csv", "# x;y\n1;2\n3.5;4\n", ("x", "y")),
        ("a.tsv", "x, in m\ty\n1\t2\n3.5\t4\n", ("x, in m", "y")),
    ],
)
def test_what_stands_between_columns(folder, name, text, names):
    Path(name).write_text(text)
    table = read_table(name)
    assert (table.names, table.values.tolist()) == (names, [[1.0, 2.0], [3.5, 4.0]])


def test_an_empty_field_in_the_first_row_makes_it_no_names(folder):
    Path("a.csv").write_text("1,,3\n4,5,6\n")
    assert "got nothing in line 1, column 2 (--columns 1). Fill in" in sentence("bandwidth", "a.csv")


def write_parquet(name, index, frame):
    """Write what `to_parquet` of pandas writes for a frame with these columns as its index."""
    pl.DataFrame(frame).write_parquet(name, metadata={"pandas": json.dumps({"index_columns": index})})


def test_an_index_of_pandas_is_no_column(folder):
    """Once it became a feature, and dates huge numbers."""
    x = folder[:, 0]
    dates = [datetime.date(2024, 1, 1) + datetime.timedelta(i) for i in range(60)]
    write_parquet("dates.parquet", ["when"], {"x": x, "when": dates})
    write_parquet("unnamed.parquet", ["__index_level_0__"], {"x": x, "__index_level_0__": range(60)})
    write_parquet("range.parquet", [{"kind": "range", "start": 0, "stop": 60, "step": 1}], {"x": x})
    for name in ("dates.parquet", "unnamed.parquet", "range.parquet"):
        table = read_table(name)
        assert table.names == ("x",)
        np.testing.assert_array_equal(table.values, folder[:, :1])
        assert "columns    x\n" in run("bandwidth", name, "--method", "scott").stdout


def test_dates_and_truths_in_parquet_are_refused_by_name(folder):
    now = datetime.datetime(2024, 1, 1)
    frame = {"x": [1.5], "day": [now.date()], "at": [now], "took": [now - now], "yes": [True], "n": [3]}
    pl.DataFrame(frame | {"price": [decimal.Decimal("1.25")]}).write_parquet("a.parquet")
    with pytest.raises(
        DataError, match=r"got day \(Date\), at \(Datetime.*\), took \(Duration.*\), yes \(Boolean\)\. "
    ):
        read_table("a.parquet")
    np.testing.assert_array_equal(read_table("a.parquet", ["x", "n", "price"]).values, [[1.5, 3, 1.25]])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_sweep_takes_columns_by_name(folder, suffix):
    """Once an exchange of columns between the files changed the numbers without a word."""
    frame = pl.DataFrame(folder * [1.0, 10.0], schema=["a", "b"])
    for name, table in (("train", frame), ("valid", frame[["b", "a"]])):
        getattr(table, f"write_{suffix}")(f"{name}.{suffix}")
    result = run("sweep", f"train.{suffix}", f"valid.{suffix}", "--bandwidths", "0.5,1,2")
    same = run("sweep", f"train.{suffix}", f"train.{suffix}", "--bandwidths", "0.5,1,2")
    assert result.exit_code == 0, result.output
    assert result.stdout == same.stdout


@pytest.mark.parametrize("suffix", ["npy", "csv"])
@pytest.mark.parametrize("kept", [2, 3], ids=["valid without weights", "valid with weights"])
def test_a_sweep_with_weights(folder, suffix, kept):
    """The held-out file may have the column, which counts for nothing there, or not."""
    table = np.column_stack([folder, 1.0 + (folder[:, 0] > 0)])
    np.save("train.npy", table)
    np.save("valid.npy", (table + 0.1)[:, :kept])
    pd.DataFrame(table, columns=["x", "y", "w"]).to_csv("train.csv", index=False)
    pd.DataFrame(table + 0.1, columns=["x", "y", "w"]).iloc[:, :kept].to_csv("valid.csv", index=False)
    result = run(
        "sweep", f"train.{suffix}", f"valid.{suffix}", "--weights", "2" if suffix == "npy" else "w",
        "--bandwidths", "0.3,0.6", "--refine",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    data, weights = (folder, folder + 0.1), table[:, 2]
    expected = parzen.sweep(*data, bandwidths=[0.3, 0.6], sample_weight=weights)
    best = parzen.refine(*data, expected, sample_weight=weights)
    shown = [float(line.split()[1]) for line in result.stdout.splitlines()[1:]]
    np.testing.assert_allclose(shown, [*expected.mean_log_density, best.mean_log_density], atol=1e-6)
    assert "got no 'v'" in sentence("sweep", "train.npy", "valid.npy", "--weights", "v", "--bandwidths", "1")


def test_names_that_are_numbers(folder):
    """Years as names were a row of data, without a word."""
    Path("years.csv").write_text("2019,2020\n1,2\n3,5\n4,4\n")
    result = run("bandwidth", "years.csv", "--method", "scott")
    assert "samples    4 in 2 dimensions" in result.stdout
    note = "Note: `years.csv` has no names: its first row (2019, 2020) is data, unless you pass --header.\n"
    assert result.stderr == note
    result = run("bandwidth", "years.csv", "--method", "scott", "--header")
    assert result.stdout.startswith("samples    3 in 2 dimensions\ncolumns    2019, 2020\n")
    assert result.stderr == ""
    shown = run("bandwidth", "years.csv", "--header", "--columns", "2020", "--method", "scott").stdout
    assert float(shown.splitlines()[-1]) == parzen.select_bandwidth([[2.0], [5.0], [4.0]], "scott").value
    arguments = ("sweep", "years.csv", "years.csv", "--bandwidths", "1,2")
    assert run(*arguments).stderr == 2 * note
    assert run(*arguments, "--header").stderr == ""
    assert run("bandwidth", "data.csv", "--method", "scott").stderr == ""
    assert "got no '2019' among 0, 1" in sentence("bandwidth", "years.csv", "--columns", "2019")


def test_a_name_that_two_columns_have(folder):
    Path("twice.csv").write_text("x,x\n1,2\n3,4\n")
    assert "got 'x' 2 times among x, x. Give them" in sentence("bandwidth", "twice.csv", "--columns", "x")
    np.testing.assert_array_equal(read_table("twice.csv", ["1"]).values, [[2], [4]])


def test_sweep_says_that_the_best_is_at_the_edge(folder):
    arguments = ("sweep", "data.csv", "valid.npy", "--bandwidths", "2,5")
    np.save("valid.npy", folder + 0.1)
    assert "  <- best, at the edge of the list: a better one may lie outside\n" in run(*arguments).stdout
    assert "edge" not in run(*arguments, "--refine").stdout


def test_the_columns_in_use_are_shown(folder):
    shown = run("bandwidth", "text.csv", "--columns", "w,x", "--method", "scott").stdout
    assert shown.splitlines()[1] == "columns    w, x"
    np.save("wide.npy", np.random.default_rng(0).normal(size=(40, 30)))
    shown = run("bandwidth", "wide.npy", "--method", "scott", "--kind", "scalar").stdout
    assert shown.splitlines()[1].endswith(" 18, 19 and 10 more")


@pytest.mark.parametrize("columns", ["x", "x,w"])
def test_a_method_without_a_curve_draws_the_density(folder, columns):
    """Once there was no picture without --method in two dimensions."""
    result = run("bandwidth", "text.csv", "--columns", columns, "--method", "scott", "--plot", "s.svg")
    assert result.exit_code == 0, result.output
    assert "<svg" in Path("s.svg").read_text()
    assert "density" in Path("s.svg").read_text()


def test_pictures_have_the_format_of_their_name(folder):
    np.save("valid.npy", folder + 0.1)
    assert run("sweep", "data.csv", "valid.npy", "--bandwidths", "1,2", "--plot", "a.pdf").exit_code == 0
    assert Path("a.pdf").read_bytes().startswith(b"%PDF")
    assert run("bandwidth", "data.npy", "--plot", "a.PDF").exit_code == 0
    assert Path("a.PDF").read_bytes().startswith(b"%PDF")


def test_a_bandwidth_that_cannot_be_drawn_is_told_all_the_same(folder):
    """Once the sentence about the picture was all that came of it."""
    table = np.column_stack([folder, np.arange(60.0) % 7])
    np.save("three.npy", table)
    result = run("bandwidth", "three.npy", "--plot", "s.png")  # takes plugin by itself
    assert result.exit_code == 2
    shown = np.array([line.split() for line in result.stdout.splitlines()[-3:]], dtype=float)
    np.testing.assert_array_equal(shown, parzen.select_bandwidth(table).value)
    assert "got 3 columns, too many for a picture of the density, and the method plugin" in result.stderr
    assert not Path("s.png").exists()


def test_a_file_that_is_there_stays_as_it_is_when_the_work_fails(folder):
    Path("a.png").write_text("mine")
    assert run("bandwidth", "missing.csv", "--plot", "a.png").exit_code == 2
    assert Path("a.png").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("# x,y\n1,2\n3,4\n", ("x", "y")),  # numpy.savetxt(…, header="x,y")
        ("# made by a program\n1,2\n3,4\n", ("0", "1")),
        ("#5,6\n1,2\n3,4\n", ("0", "1")),
        ("# of\n# x,y\n1,2\n3,4\n", ("x", "y")),
        ('x,"height\nin m"\n1,2\n3,4\n', ("x", "heightin m")),
    ],
)
def test_names_above_the_numbers(text, names, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(text)
    table = read_table(path)
    assert (table.names, table.values.tolist()) == (names, [[1.0, 2.0], [3.0, 4.0]])
