"""`parzen bandwidth` and `parzen sweep` on files of the user's own."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from click.testing import CliRunner

import parzen
from parzen.cli import main
from parzen.datasets.tables import read_table
from parzen.errors import DataError


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
    np.testing.assert_array_equal(read_table(name), folder)
    np.testing.assert_array_equal(read_table(name, ["1"]), folder[:, 1:])


def test_columns(folder):
    np.testing.assert_array_equal(read_table("data.parquet", ["x", "y, in m"]), folder)
    np.testing.assert_array_equal(read_table("data.csv", ["y, in m", "x"]), folder[:, ::-1])
    np.testing.assert_array_equal(read_table("text.csv", ["x"]), folder[:, :1])
    np.testing.assert_array_equal(read_table("one.npy"), folder[:, :1])


def test_bandwidth(folder):
    result = run("bandwidth", "text.csv", "--columns", "x", "--method", "sheather-jones", "--plot", "a.png")
    assert result.exit_code == 0, result.output
    expected = parzen.select_bandwidth(folder[:, :1], "sheather-jones").value
    lines = result.stdout.splitlines()
    assert lines[0] == "samples    60 in 1 dimension"
    assert lines[1] == "method     sheather-jones (asked for)"
    assert float(lines[-1]) == expected
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
    np.testing.assert_array_equal(read_table(f"weighted.{suffix}", ["2"], without="2"), table[:, 2:])


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
        (["bandwidth", "missing.csv"], "Cannot read or write 'missing.csv': No such file"),
        (["bandwidth", "missing.npy"], "Cannot read or write 'missing.npy': No such file"),
        (["bandwidth", "data.txt"], "`data.txt` must end in .npy, .csv, .parquet; got '.txt'."),
        (["bandwidth", "text.csv"], "`text.csv` must hold numbers; could not convert string 'a' to float64"),
        (["bandwidth", "gaps.csv"], "`gaps.csv` must hold numbers"),
        (["bandwidth", "nan.csv"], "`nan.csv` must be finite; got 1 value that is NaN"),
        (["bandwidth", "text.csv", "--columns", "z"], "got no 'z' among x, name, w. Use names, or numbers from 0."),
        (["bandwidth", "data.npy", "--columns", "2"], "got no '2' among 0, 1."),
        (["bandwidth", "data.parquet"], "`data.parquet` must hold numbers; got columns x, y, in m, name."),
        (["bandwidth", "bad.parquet"], "`bad.parquet` must be a Parquet file"),
        (["bandwidth", "bad.npy"], "`bad.npy` must be a .npy file of numbers"),
        (["bandwidth", "pickled.npy"], "`pickled.npy` must be a .npy file of numbers; Object arrays cannot be loaded"),
        (["bandwidth", "empty.csv"], "`empty.csv` must have at least one"),
        (["bandwidth", "latin.csv"], "`latin.csv` must be text in UTF-8"),
        (["bandwidth", "one.npy", "--method", "best"], "`method` must be 'auto', 'scott', 'silverman', "),
        (["bandwidth", "one.npy", "--kind", "round"], "`kind` must be 'scalar', 'diagonal' or 'full'; got 'round'."),
        (["sweep", "one.npy", "data.npy", "--bandwidths", "1"], "`V` must have 1 columns like `X`; got shape (60, 2)."),
        (["sweep", "one.npy", "one.npy", "--bandwidths", "0,1"], "`--bandwidths` must be positive numbers"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_bad_input_ends_with_one_sentence(folder, arguments, words):
    Path("bad.npy").write_bytes(b"not numpy")
    Path("bad.parquet").write_bytes(b"not parquet")
    Path("gaps.csv").write_text("x,y\n1,2\n3,\n")
    Path("nan.csv").write_text("x,y\n1,2\n3,nan\n")
    Path("empty.csv").write_text("")
    Path("latin.csv").write_bytes(b"\xe9t\xe9\n1\n")
    np.save("pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert words in sentence(*arguments)


def test_a_pickle_never_runs(folder):
    class Harm:
        def __reduce__(self):
            return (Path.touch, (Path("harmed"),))

    np.save("pickled.npy", np.array([Harm()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Object arrays cannot be loaded"):
        read_table("pickled.npy")
    assert not Path("harmed").exists()


def test_a_bandwidth_without_a_curve_is_told_all_the_same(folder):
    """Once the sentence about the picture was all that came of it."""
    result = run("bandwidth", "one.npy", "--method", "scott", "--plot", "s.png")
    assert result.exit_code == 2
    chosen = parzen.select_bandwidth(np.load("one.npy")[:, None], "scott")
    assert float(result.stdout.splitlines()[-1]) == float(chosen)
    assert "which has none" in result.stderr
    assert not Path("s.png").exists()
