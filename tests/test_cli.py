import csv
import html
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import parzen
from parzen.cli import main
from parzen.datasets import NAMES
from parzen.errors import DataError
from parzen.experiment import output, peers, protocol

SMALL = ("experiment", "digits", "--first", "30", "--repeats", "2", "--check-against", "none")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOGLEVEL", raising=False)
    return tmp_path


def run(*arguments: str, **env: str) -> Result:
    return CliRunner(env=env).invoke(main, list(arguments))


def refused(result: Result) -> str:
    """Check that the run ended as user errors do, and return the one sentence."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    log, sentence = result.stderr.rsplit("Error: ", 1)
    assert all(re.match(r"\[|  ", line) for line in log.splitlines())  # lines of the log, at most
    assert sentence.endswith("\n")
    assert sentence.count("\n") == 1
    return sentence.rstrip("\n")


def no_work(*_: Any, **__: Any) -> Any:
    raise AssertionError("the work must not start")


def test_version() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"parzen {parzen.__version__}\n")


def test_help_says_where_to_start() -> None:
    assert "parzen experiment digits" in run("--help").stdout
    text = run("experiment", "--help").stdout
    for option in (
        "--data", "--first", "--n-train", "--n-valid", "--n-test", "--bandwidths", "--refine", "--repeats",
        "--check-against", "--seed", "--out", "--force",
    ):  # fmt: skip
        assert option in text
    assert max(map(len, text.splitlines())) <= 80
    for name in NAMES:
        assert re.search(rf"^  .*{name}", text, re.MULTILINE)
    text = " ".join(text.split())
    for default in (
        "[default: 0.05,0.08,0.1,0.2,0.5,1,1.5,2]", "[default: 5]", "[default: 1573368177]",
        "sklearn,scipy,statsmodels,kdepy or none. [default: all]",
    ):  # fmt: skip
        assert default in text
    assert "LOGLEVEL" in text


def test_the_experiment_from_end_to_end(here: Path) -> None:
    result = run(*SMALL, "--refine")
    assert result.exit_code == 0, result.output
    folder = here / "parzen-experiment-digits"
    assert sorted(path.name for path in folder.iterdir()) == sorted(output.FILES)
    with open(folder / "results.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["validation"] * 9 + ["test"] * 2 + ["train-given-validation"]
    for row in rows:
        value = f"{float(row['mean_log_density']):.4f}"
        assert value in result.stdout
        if row["split"] == "validation":
            assert f"mean log density of validation {value}" in " ".join(result.stderr.split())
    assert re.search(
        r"test split, 2 ×: min .+, median .+, mean .+; everything", " ".join(result.stdout.split())
    )
    assert result.stdout.rstrip().endswith(
        "Results: parzen-experiment-digits/report.html and 6 more files in parzen-experiment-digits"
    )


def test_peers_are_shown(here: Path) -> None:
    result = run(*SMALL[:-1], "sklearn,scipy", "--bandwidths", "0.3", "--out", "a")
    assert result.exit_code == 0, result.output
    assert "scikit-learn" in result.stdout
    assert "refuses (" in result.stdout
    assert (here / "a" / "peers.csv").read_text().count("\n") == 4


def test_square_brackets_are_shown(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise ValueError("[red]not[/red] this [shape]")

    monkeypatch.setitem(peers._PEERS, "scipy", (peers._Peer("[b]SciPy", "scipy", 10, refuse),))
    result = run(*SMALL[:-1], "scipy", "--bandwidths", "0.3", COLUMNS="160")
    assert "[b]SciPy" in result.stdout
    assert "refuses (ValueError): [red]not[/red] this [shape]" in result.stdout
    assert "[red]not[/red] this [shape]" in result.stderr


def test_the_command_in_the_report_runs_as_it_stands(here: Path) -> None:
    assert run(*SMALL, "--out", "my results").exit_code == 0
    command = json.loads((here / "my results" / "results.json").read_text(encoding="utf-8"))["command"]
    assert html.escape(command) in (here / "my results" / "report.html").read_text(encoding="utf-8")
    again = run(*shlex.split(command)[1:])
    assert again.exit_code == 0, again.output
    assert [path.name for path in here.iterdir()] == ["my results"]


def test_a_redirected_run_says_what_it_does(here: Path) -> None:
    said = " ".join(run(*SMALL).stderr.split())
    assert said.index("Loading the images of digits …") < said.index("compiling it the first time …")


def test_loglevel_silences(here: Path) -> None:
    result = run(*SMALL, LOGLEVEL="warning")
    assert result.exit_code == 0
    assert result.stderr == ""


def test_the_edge_of_the_list_is_told(here: Path) -> None:
    result = run(*SMALL, "--bandwidths", "0.3,1")
    assert "The best bandwidth, 0.3, is at the edge of the list" in result.stdout


def test_results_are_not_overwritten_without_force(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(*SMALL, "--out", "o").exit_code == 0
    (here / "o" / "notes.txt").write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr(protocol, "run", no_work)
        before = (here / "o" / "results.json").read_bytes()
        assert (
            "`--out` must not have results in it already; got 'o', which has report.html. Add --force"
            in refused(run(*SMALL, "--out", "o"))
        )
        assert (here / "o" / "results.json").read_bytes() == before
    assert run(*SMALL, "--out", "o", "--force").exit_code == 0
    assert (here / "o" / "results.json").read_bytes() != before
    assert (here / "o" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--n-train", "0"], "`--n-train` must be at least 1; got 0."),
        (["--n-valid", "0"], "`--n-valid` must be at least 1; got 0."),
        (["--n-test", "-3"], "`--n-test` must be at least 1; got -3."),
        (["--first", "0"], "`--first` must be at least 1; got 0."),
        (["--repeats", "0"], "`--repeats` must be at least 1; got 0."),
        (["--seed", "-1"], "`--seed` must be at least 0; got -1."),
        (["--seed", "4294967296"], "`--seed` must be below 2**32; got 4294967296."),
        (
            ["--bandwidths", "0"],
            "`--bandwidths` must be positive numbers separated by commas; got '0'. Write, for example, 0.1,0.2,0.5.",
        ),
        (["--bandwidths", "0.1,,2"], "`--bandwidths` must be positive numbers separated by commas; got ''"),
        (["--bandwidths", "nan"], "`--bandwidths` must be positive numbers separated by commas; got 'nan'"),
        (["--bandwidths", ""], "`--bandwidths` must be positive numbers separated by commas; got ''"),
        (["--bandwidths", "0.2,1,0.20"], "`--bandwidths` must be different from each other; got 0.2 more"),
        (["--bandwidths", "1e-200,1"], "`--bandwidths` must be larger for these images; got 1e-200, where"),
        (["--data", "/nope"], "`--data` must be left out for digits, which come with scikit-learn; got"),
        (["--check-against", "matlab"], "`--check-against` must be names out of sklearn, scipy,"),
        (["--n-train", "9999"], "`--n-train` must be at most 898, the train images of digits; got 9999."),
        (["--out", "file"], "`--out` must be a folder that can be written to; got 'file'"),
        (["--out", "file/below"], "`--out` must be a folder that can be written to; got 'file/below'"),
    ],
)
def test_what_the_user_can_put_right_is_one_sentence(here: Path, arguments: list[str], sentence: str) -> None:
    (here / "file").write_text("")
    assert refused(run(*SMALL, *arguments)).startswith(sentence)
    assert [path.name for path in here.iterdir()] == ["file"]  # no folder is left behind


def test_a_bad_loglevel(here: Path) -> None:
    sentence = refused(run(*SMALL, LOGLEVEL="loud"))
    assert sentence.startswith("`LOGLEVEL` must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL; got 'loud'.")


def test_a_missing_data_set_is_one_sentence(here: Path) -> None:
    sentence = refused(run("experiment", "mnist", "--data", str(here / "nowhere")))
    assert "nowhere" in sentence
    assert "--data" in sentence
    assert "data_dir" not in sentence
    (here / "file").write_text("")
    sentence = refused(run("experiment", "mnist", "--data", "file"))
    assert sentence.startswith("`--data` must be a folder; got 'file', which is a file.")


def test_a_hostile_file_is_one_sentence(here: Path) -> None:
    (here / "train-images-idx3-ubyte").write_bytes(bytes.fromhex("00000803 7fffffff 7fffffff 7fffffff"))
    (here / "t10k-images-idx3-ubyte").write_bytes(b"")
    sentence = refused(run("experiment", "mnist", "--data", str(here)))
    assert "images-idx3-ubyte" in sentence


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DataError("`x` must\nbe so; got 1. Do y."), "`x` must be so; got 1. Do y."),
        (
            OSError(28, "No space left on device", "o/a.csv"),
            "Cannot read or write 'o/a.csv': No space left on device.",
        ),
        (OSError("gone"), "Cannot read or write: gone."),
        (MemoryError(), "There is not enough memory for this. Use fewer images: --first 1000, for example."),
    ],
)
def test_errors_from_below(
    here: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, sentence: str
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(protocol, "run", fail)
    assert refused(run(*SMALL)) == sentence
    assert not list(here.iterdir())


def test_a_mistake_of_ours_keeps_its_traceback(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "run", no_work)
    assert isinstance(run(*SMALL).exception, AssertionError)


@pytest.mark.parametrize(
    "arguments", [["experiment"], ["experiment", "imagenet"], ["experiment", "digits", "--no"]]
)
def test_usage_errors_name_what_is_allowed(here: Path, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr
    assert "Traceback" not in result.stderr
    assert len(arguments) == 3 or all(name in result.stderr for name in NAMES)


def test_an_empty_folder_name_is_none_at_all(here: Path) -> None:
    """As from ``--data "$UNSET"``; it used to mean the current folder."""
    assert run(*SMALL, "--data", "", "--out", "").exit_code == 0
    assert [path.name for path in here.iterdir()] == ["parzen-experiment-digits"]


def test_interrupt(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(protocol, "run", interrupted)
    result = run(*SMALL)
    assert result.exit_code == 130
    assert result.stderr.split("\n")[-2] == "Interrupted. No half-written file is left behind."
    assert not list(here.iterdir())


def environment() -> dict[str, str]:
    """The environment for a child that imports the same parzen."""
    return os.environ | {"PYTHONPATH": str(Path(parzen.__file__).parents[1])}


def test_ctrl_c_in_a_process_of_its_own(here: Path) -> None:
    code = (
        "import sys, time\n"
        "from parzen.cli import main\n"
        "from parzen.experiment import protocol\n"
        "def run(settings, watch):\n"
        "    print('working', flush=True)\n"
        "    time.sleep(60)\n"
        "protocol.run = run\n"
        "main(['experiment', 'digits'])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "working\n"
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=20)
    assert child.returncode == 130
    assert errors.strip() == "Interrupted. No half-written file is left behind."
    assert not list(here.iterdir())


def test_a_process_of_its_own_in_a_poor_locale(here: Path) -> None:
    code = f"from parzen.cli import main; main({[*SMALL, '--first', '5']!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment() | {"PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert (
        (here / "parzen-experiment-digits" / "report.html").read_text(encoding="utf-8").endswith("</html>\n")
    )


def test_help_is_quick_because_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, parzen.cli; "
        "print(sorted({'numba', 'scipy', 'sklearn', 'matplotlib', 'rich', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment()
    )
    assert done.stdout == "[]\n"
