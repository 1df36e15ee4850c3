"""The table script of the benchmarks: figures, bars and losses come out as they went in."""

import json
import re
from importlib import import_module
from inspect import signature
from pathlib import Path

import benchmarks
import pytest
from benchmarks import __main__, tables
from benchmarks.harness import BLAS_VARIABLES, Bar, Row, Timings, readable

RESULT = json.loads("""
{"benchmark": "sweep", "machine": {"cores": "2"}, "versions": {"numpy": "2.4"}, "rows": [
  {"case": "small", "figures": {"parzen, s": 1.25, "ratio": 1.3}, "table": "product",
   "bars": [{"figure": "ratio", "limit": 1.4, "at_least": false}]},
  {"case": "large", "figures": {"parzen, s": 250.0, "ratio": 1.5, "pairs": 10000}, "table": "product",
   "bars": [{"figure": "ratio", "limit": 1.4, "at_least": false}]},
  {"case": "peer", "figures": {"method": "matmul", "error": 0.00002}, "table": "peers", "bars": []}
]}
""")

PRODUCT = """\
|  | parzen, s | ratio | pairs | bar |  |
| --- | ---: | ---: | ---: | ---: | --- |
| small | 1.25 | 1.30 |  | ≤ 1.4 | met |
| large | 250 | 1.50 | 10 000 | ≤ 1.4 | **missed** |"""

PEERS = """\
|  | method | error |
| --- | ---: | ---: |
| peer | matmul | 2.0e-05 |"""


def test_every_module_with_a_run_is_a_benchmark():
    names = set(__main__.names())
    assert {
        "accuracy",
        "engine",
        "exponentials",
        "memory",
        "methods",
        "peers",
        "planner",
        "startup",
        "sweep",
    } <= names
    shared = {"__main__", "__init__", "harness", "tables", "data", "plots", "shapes"}
    assert shared <= {path.stem for path in Path(benchmarks.__file__).parent.glob("*.py")}
    assert not shared & names


@pytest.mark.parametrize("name", __main__.names())
def test_benchmarks_can_be_imported_and_have_a_title(name):
    module = import_module(f"benchmarks.{name}")
    assert module.__doc__.splitlines()[0].endswith(".")
    assert list(signature(module.run).parameters) == ["quick"]


def test_every_picture_of_the_pages_can_be_drawn(tmp_path, monkeypatch):
    pictures = import_module("benchmarks.pictures.__main__")
    docs = Path(__file__).parents[1] / "docs"
    shown = {
        name
        for page in docs.glob("*.md")
        for name in re.findall(r"\]\(img/([^)]+)\.png\)", page.read_text(encoding="utf-8"))
    }
    assert set(pictures.DRAWINGS) | {"time-against-n"} == shown
    monkeypatch.setattr(
        "sys.argv", ["pictures", "bandwidth-modes", "grid-convergence", "--out", str(tmp_path)]
    )
    pictures.main()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bandwidth-modes.png", "grid-convergence.png"]
    for path in tmp_path.iterdir():
        assert b"Software" not in path.read_bytes()
    monkeypatch.setattr("sys.argv", ["pictures", "grid-pictures"])
    with pytest.raises(SystemExit):
        pictures.main()


def test_tables_of_a_result():
    found = tables.all_tables([RESULT])
    assert found.keys() == {"machine", "sweep/product", "sweep/peers"}
    assert found["sweep/product"] == PRODUCT
    assert found["sweep/peers"] == PEERS
    assert "| cores | 2 |" in found["machine"]
    assert "| numpy | 2.4 |" in found["machine"]


def test_page_keeps_its_text_and_gets_new_tables():
    page = "Before.\n<!-- begin a/b -->\nold\nlines\n<!-- end a/b -->\nBetween.\n<!-- begin c -->\n<!-- end c -->\n"
    expected = (
        "Before.\n<!-- begin a/b -->\nA\n<!-- end a/b -->\nBetween.\n<!-- begin c -->\nC\\1\n<!-- end c -->\n"
    )
    filled = tables.fill(page, {"a/b": "A", "c": "C\\1"})
    assert filled == expected
    assert tables.fill(filled, {"a/b": "A", "c": "C\\1"}) == filled


@pytest.mark.parametrize(
    ("have", "wrong"), [({}, "markers without results: ['a']"), ({"a": "", "b": ""}, "['b']")]
)
def test_page_and_results_must_match(have, wrong):
    with pytest.raises(ValueError, match="without") as error:
        tables.fill("<!-- begin a -->\n<!-- end a -->\n", have)
    assert wrong in str(error.value)


def test_committed_page_is_what_the_committed_results_say():
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(tables.RESULTS.glob("*.json"))]
    pages = tables.by_page(results)
    assert set(pages) == {tables.PAGE, *tables.PAGES.values()}
    for path, expected in pages.items():
        page = path.read_text(encoding="utf-8")
        assert tables.fill(page, expected, tables.unfinished(results)) == page


def test_only_an_unfinished_benchmark_may_lack_tables():
    page = "<!-- begin peers/seconds -->\nold\n<!-- end peers/seconds -->\n"
    waiting = "<!-- begin peers/seconds -->\nNot measured yet.\n<!-- end peers/seconds -->\n"
    assert tables.fill(page, {}, {"peers"}) == waiting
    assert tables.fill(waiting, {"peers/seconds": "T"}, {"peers"}) == page.replace("old", "T")
    with pytest.raises(ValueError, match="markers without results"):
        tables.fill(page, {}, {"engine"})
    done, begun = {"benchmark": "sweep"}, {"benchmark": "peers", "finished": False}
    assert {"peers", "engine", "growth"} <= tables.unfinished([done, begun])
    assert "sweep" not in tables.unfinished([done, begun])


def test_rows_survive_a_failure_in_a_later_case(tmp_path, monkeypatch):
    def run(quick):
        yield Row("early", {"seconds": 1.0})
        raise AssertionError("late")

    monkeypatch.setattr(import_module("benchmarks.startup"), "run", run)
    monkeypatch.setattr("sys.argv", ["benchmarks", "startup", "--out", str(tmp_path)])
    for variable in BLAS_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(AssertionError, match="late"):
        __main__.main()
    kept = json.loads((tmp_path / "startup.json").read_text(encoding="utf-8"))
    assert [row["case"] for row in kept["rows"]] == ["early"]
    assert "startup" in tables.unfinished([kept])


def test_bars_and_ratios():
    assert Bar("ratio", 1.4).met(1.4)
    assert not Bar("ratio", 1.4).met(1.41)
    assert Bar("times faster", 20, at_least=True).met(20)
    assert not Bar("times faster", 20, at_least=True).met(19.9)
    timings = Timings({"a": [2.0, 9.0, 3.0], "b": [1.0, 3.0, 2.0]}, {"a": [1.0] * 3, "b": [4.0] * 3})
    assert timings.ratio("a", "b") == 2.0  # the median of 2, 3 and 1.5, not 3 / 2
    assert timings.cpu_ratio("a", "b") == 0.25
    assert timings.seconds("a") == 3.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (3.14159, "3.14"), (99.96, "100."), (123.4, "123"), (12, "12"), (1234567, "1 234 567"), (2e5, "2.0e+05"), ("a", "a")],
)  # fmt: skip
def test_figures_are_written_with_three_digits(value, text):
    assert readable(value) == text
