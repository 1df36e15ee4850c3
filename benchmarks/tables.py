"""Write the tables of the documentation from benchmarks/results: ``python -m benchmarks.tables``.

A table stands between the lines ``<!-- begin NAME -->`` and ``<!-- end NAME -->``, where NAME is a benchmark,
or ``NAME/TABLE`` where it has several tables; ``machine`` is where the figures come from. The tables of a benchmark
in `PAGES` stand on its own page, the others on docs/performance.md. Text outside is left alone. A marker without
results is an error, and so are results without a marker: losses are published as well. Only a benchmark that was
never run to its end may lack tables; the page says so. The plot of time against n and the table of its slopes stand
at the marker ``growth``.
"""

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.harness import Bar, Figure, readable

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
#: benchmark -> the page of its tables, where that is not `PAGE`
PAGES = {
    "adaptive": ROOT / "docs" / "choosing-a-bandwidth.md",
    "functions": ROOT / "docs" / "derivatives-of-functions.md",
}
PLOT = ROOT / "docs" / "img" / "time-against-n.png"

Result = dict[str, Any]


def table(rows: list[Result]) -> str:
    """Return the Markdown table of some rows as they stand in the JSON."""
    headings: list[str] = []
    for row in rows:
        headings += [name for name in row["figures"] if name not in headings]
    barred = [row for row in rows if row["bars"]]
    head = ["", *headings, *(["bar", ""] if barred else [])]
    lines = [head, ["---", *["---:"] * len(headings), *(["---:", "---"] if barred else [])]]
    for row in rows:
        figures: dict[str, Figure] = row["figures"]
        cells = [row["case"], *(readable(figures[name]) if name in figures else "" for name in headings)]
        if barred:
            bars = [Bar(**bar) for bar in row["bars"]]
            cells.append("; ".join(f"{bar.figure} {bar}" if len(bars) > 1 else str(bar) for bar in bars))
            met = all(bar.met(float(figures[bar.figure])) for bar in bars)
            cells.append("" if not bars else "met" if met else "**missed**")
        lines.append(cells)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine_table(results: list[Result]) -> str:
    """Return a table of where the figures come from; every machine on which one of them was measured."""
    lines = []
    for facts in {json.dumps(result["machine"] | result["versions"]): None for result in results}:
        lines += [
            "| | |",
            "|---|---|",
            *(f"| {key} | {value} |" for key, value in json.loads(facts).items()),
            "",
        ]
    return "\n".join(lines).strip()


def all_tables(results: list[Result]) -> dict[str, str]:
    """Return every table by the name of its marker."""
    tables = {"machine": machine_table(results)}
    for result in results:
        parts: dict[str, list[Result]] = {}
        for row in result["rows"]:
            parts.setdefault(row["table"], []).append(row)
        for part, rows in parts.items():
            tables[f"{result['benchmark']}/{part}" if part else result["benchmark"]] = table(rows)
    slopes = plots.slope_rows(results)
    if slopes:
        picture = f"![Seconds against n, both axes logarithmic]({PLOT.relative_to(PAGE.parent).as_posix()})"
        tables["growth"] = f"{picture}\n\n{table([asdict(row) for row in slopes])}"
    return tables


def unfinished(results: list[Result]) -> set[str]:
    """Return the benchmarks that have no results, or not all of them; and ``growth``, which needs the peers'."""
    sources = (ROOT / "benchmarks").glob("*.py")
    known = {path.stem for path in sources if "\ndef run(" in path.read_text(encoding="utf-8")}
    missing = known - {result["benchmark"] for result in results if result.get("finished", True)}
    return missing | ({"growth"} if missing & {"engine", "peers"} else set())


def fill(page: str, tables: dict[str, str], unfinished: Iterable[str] = ()) -> str:
    """Return the page with every table between its markers; "not measured yet" for unfinished benchmarks.

    Raises
    ------
    ValueError
        A marker without a table, or a table without a marker.
    """
    markers = re.compile(r"(<!-- begin (?P<name>\S+) -->\n).*?(<!-- end (?P=name) -->)", re.DOTALL)
    names = {match["name"] for match in markers.finditer(page)}
    pending = {name for name in names - tables.keys() if name.split("/")[0] in set(unfinished)}
    tables = tables | dict.fromkeys(pending, "Not measured yet.")
    if names != tables.keys():
        raise ValueError(
            f"markers without results: {sorted(names - tables.keys())}; "
            f"results without a marker: {sorted(tables.keys() - names)}"
        )
    return markers.sub(lambda match: f"{match[1]}{tables[match['name']]}\n{match[3]}", page)


def by_page(results: list[Result]) -> dict[Path, dict[str, str]]:
    """Return the tables of every page."""
    tables = all_tables(results)
    pages: dict[Path, dict[str, str]] = {PAGE: {}, **{page: {} for page in PAGES.values()}}
    for name, text in tables.items():
        pages[PAGES.get(name.partition("/")[0], PAGE)][name] = text
    return pages


def main() -> None:
    """Rewrite the pages."""
    files = sorted(RESULTS.glob("*.json"))
    results = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    for page, tables in by_page(results).items():
        try:
            text = fill(page.read_text(encoding="utf-8"), tables, unfinished(results))
        except ValueError as error:
            sys.exit(f"{page.relative_to(ROOT)}: {error}")
        page.write_text(text, encoding="utf-8")
    if plots.slope_rows(results):
        plots.draw(results, PLOT)


if __name__ == "__main__":
    main()
