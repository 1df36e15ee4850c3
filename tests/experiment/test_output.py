import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from parzen.errors import InputError
from parzen.experiment.output import FILES, claim, files, write
from parzen.experiment.protocol import Outcome

RESULT_COLUMNS = [
    "dataset", "split", "bandwidth", "n_train", "n_queries", "mean_log_density", "standard_error", "seconds",
]  # fmt: skip
PEER_COLUMNS = [
    "peer", "version", "bandwidth", "n_train", "n_queries", "mean_log_density", "truth", "worst_error",
    "seconds", "parzen_seconds", "note",
]  # fmt: skip


def read_csv(content: bytes) -> tuple[list[str], list[dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(content.decode()))
    rows = list(reader)
    return list(reader.fieldnames or ()), rows


def test_every_file_is_made(contents: dict[str, bytes]) -> None:
    assert set(contents) == set(FILES)
    for name, content in contents.items():
        assert name.endswith(".png") == content.startswith(b"\x89PNG")


def test_results_csv(outcome: Outcome, contents: dict[str, bytes]) -> None:
    columns, rows = read_csv(contents["results.csv"])
    assert columns == RESULT_COLUMNS
    assert {row["split"] for row in rows} == {"validation", "test", "train-given-validation"}
    for line, row in zip(rows, outcome.rows, strict=True):
        for column in RESULT_COLUMNS:
            value = getattr(row, column)
            assert type(value)(line[column]) == value  # floats to the last digit


def test_peers_csv(outcome: Outcome, contents: dict[str, bytes]) -> None:
    columns, rows = read_csv(contents["peers.csv"])
    assert columns == PEER_COLUMNS
    assert [row["peer"] for row in rows] == [peer.peer for peer in outcome.peers]
    refused = next(row for row in rows if row["peer"] == "SciPy")
    assert refused["mean_log_density"] == refused["worst_error"] == refused["seconds"] == ""
    assert refused["note"].startswith("refuses (")


def test_results_json_has_everything(outcome: Outcome, contents: dict[str, bytes]) -> None:
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    facts = json.loads(contents["results.json"], parse_constant=refuse)
    assert list(facts) == [
        "dataset", "source", "image_shape", "started", "command", "arguments", "rows", "bandwidth",
        "best_of_list", "results", "refinement", "test_seconds", "test_rows_by_log_density", "plan", "method",
        "error_bound", "peers", "seconds", "versions", "machine",
    ]  # fmt: skip
    assert facts["rows"] == {"train": 200, "validation": 100, "test": 90}
    assert (
        facts["command"]
        == "parzen experiment digits --n-train 200 --n-valid 100 --n-test 90 --refine --repeats 3 --force"
    )
    assert [row["mean_log_density"] for row in facts["results"]] == [
        row.mean_log_density for row in outcome.rows
    ]
    assert list(facts["results"][0]) == RESULT_COLUMNS
    assert list(facts["peers"][0]) == PEER_COLUMNS
    times = facts["test_seconds"]
    assert times["min"] == min(times["repeats"])
    assert times["min"] <= times["median"] <= max(times["repeats"])
    assert times["mean"] == pytest.approx(sum(times["repeats"]) / 3)
    assert [facts["bandwidth"], outcome.validation.mean_log_density] in facts["refinement"]["trace"]
    likely, unlikely = (facts["test_rows_by_log_density"][end] for end in ("most_likely", "least_likely"))
    assert likely[0]["log_density"] == outcome.test_log_density.max()
    assert unlikely[0] == {"row": outcome.pull.index, "log_density": outcome.test_log_density.min()}
    assert {"parzen", "python", "numpy", "scipy"} <= set(facts["versions"])
    assert facts["machine"]["cores"] >= 1
    assert facts["machine"]["memory_gib"] > 0
    assert facts["machine"]["cpu"]


def test_json_spells_what_it_has_no_number_for() -> None:
    from parzen.experiment.output import _json

    value = {"a": math.nan, "b": [math.inf, -math.inf], "c": Path("x"), "d": None, "e": (1, 0.1)}
    assert json.loads(_json(value)) == {"a": "nan", "b": ["inf", "-inf"], "c": "x", "d": None, "e": [1, 0.1]}


def test_a_folder_with_results_is_refused_without_force(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("mine")
    with (
        pytest.raises(InputError, match=r"which has results\.csv\. Add --force"),
        claim(tmp_path, force=False),
    ):
        pytest.fail("it must not start")
    with claim(tmp_path, force=True):
        write(tmp_path, {"results.csv": b"new"})
    assert (tmp_path / "results.csv").read_bytes() == b"new"


def test_foreign_files_stay(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with claim(tmp_path, force=False):
        write(tmp_path, {"results.csv": b"new"})
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.csv", "thesis.tex"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("keep")
    (tmp_path / "results.csv").symlink_to(tmp_path / "elsewhere")
    with claim(tmp_path, force=True):
        write(tmp_path, {"results.csv": b"new"})
    assert (tmp_path / "elsewhere").read_text() == "keep"


def test_a_failed_run_leaves_no_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), claim(tmp_path / "new", force=False):
        raise KeyboardInterrupt
    assert not (tmp_path / "new").exists()
    with pytest.raises(KeyboardInterrupt), claim(tmp_path, force=False):  # it was there before
        raise KeyboardInterrupt
    assert tmp_path.exists()


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/parzen"])
def test_a_folder_that_cannot_be_written_to(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(
            InputError, match=r"`--out` must be a folder that can be written to; got .* \(.+\)\. Pass"
        ),
        claim(tmp_path / folder, force=False),
    ):
        pytest.fail("it must not start")


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match=r"room for a file named report\.html"), claim(tmp_path, force=True):
        pytest.fail("it must not start")


def test_a_file_that_fails_leaves_the_old_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results.csv").write_text("old")

    def full(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path, {"results.csv": b"new"})
    assert (tmp_path / "results.csv").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]


def test_a_disk_that_fills_up_keeps_none_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if data == b"large":
            raise OSError(28, "No space left on device")  # as a write does: without a name
        return whole(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with (
        pytest.raises(OSError, match="No space left") as caught,
        claim(tmp_path / "new", force=False) as folder,
    ):
        write(folder, {"results.csv": b"small", "report.html": b"large"})
    assert caught.value.filename == str(tmp_path / "new" / "report.html")
    assert not (tmp_path / "new").exists()


def test_a_folder_whose_name_is_no_text(outcome: Outcome) -> None:
    """Bytes that are not UTF-8 reach Python as surrogates, which UTF-8 cannot write: once a traceback at the end."""
    odd = replace(outcome, settings=replace(outcome.settings, out=Path("bad\udcff")))
    contents = files(odd)
    assert json.loads(contents["results.json"])["arguments"]["out"] == "bad\udcff"
    assert b"bad\\udcff" in contents["report.html"]
