"""Run benchmarks: ``python -m benchmarks [NAME …] [--quick]``."""

import argparse
import datetime
import importlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import benchmarks
from benchmarks import harness
from benchmarks.tables import RESULTS, Result, table


def names() -> list[str]:
    """Return every module with a function ``run``; they are read, not imported: some need peers."""
    sources = sorted(Path(benchmarks.__file__).parent.glob("*.py"))
    return [path.stem for path in sources if "\ndef run(" in path.read_text(encoding="utf-8")]


def main() -> None:
    """Run what was asked for; print tables, and keep the results of full runs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("name", nargs="*", help=f"which: {', '.join(names())}; all by default")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works; not kept")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where results are kept")
    arguments = parser.parse_args()
    unknown = set(arguments.name) - set(names())
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(names())}")
    if any(variable in os.environ for variable in harness.BLAS_VARIABLES):
        # OpenBLAS reads them when it is loaded: start again without
        os.execve(
            sys.executable,
            [sys.executable, "-m", "benchmarks", *sys.argv[1:]],
            harness.without_blas_variables(),
        )
    for name in arguments.name or names():
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        header = {
            "benchmark": name,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": harness.machine(),
            "versions": harness.versions(),
        }
        rows: list[Result] = []
        for row in module.run(arguments.quick):
            rows.append(asdict(row))
            if not arguments.quick:  # after each row: what comes may fail
                _keep(arguments.out, header | {"finished": False, "rows": rows})
        for part in dict.fromkeys(row["table"] for row in rows):
            print(f"\n{table([row for row in rows if row['table'] == part])}", flush=True)
        if not arguments.quick:
            _keep(arguments.out, header | {"finished": True, "rows": rows})


def _keep(folder: Path, result: Result) -> None:
    """Write a result where `benchmarks.tables` finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False)
    (folder / f"{result['benchmark']}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
