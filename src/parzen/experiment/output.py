"""The files of an experiment: results that a program reads, pictures, and the report.

A folder is claimed before the work starts, so that a run never ends with nowhere to write. Each file appears
whole or not at all, none where not all of them fit, and only files with the names below are ever replaced.
"""

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from parzen.errors import InputError
from parzen.experiment.machine import machine, versions
from parzen.experiment.peers import PeerCheck
from parzen.experiment.protocol import Outcome, Row
from parzen.experiment.report import report
from parzen.experiment.wording import timing
from parzen.plotting import bandwidth_curve, density_gallery, image_grid, png

__all__ = ["FILES", "claim", "files", "write"]

#: Every name that an experiment writes.
FILES = (
    "report.html",
    "results.csv",
    "results.json",
    "peers.csv",
    "samples.png",
    "bandwidth.png",
    "density.png",
)


@contextmanager
def claim(folder: Path, *, force: bool) -> Iterator[Path]:
    """Make sure, before the work, that the results can be written; on failure leave no empty folder behind.

    Raises
    ------
    InputError
        The folder has results already and `force` is not set, or it cannot be written to.
    """
    taken = [name for name in FILES if os.path.lexists(folder / name)]
    if taken and not force:
        raise InputError(
            f"`--out` must not have results in it already; got {str(folder)!r}, which has {taken[0]}. "
            "Add --force to replace them, or pass another folder."
        )
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".parzen-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"`--out` must be a folder that can be written to; got {str(folder)!r} "
            f"({error.strerror}). Pass another folder."
        ) from None
    folders = [name for name in taken if (folder / name).is_dir()]
    if folders:
        raise InputError(
            f"`--out` must have room for a file named {folders[0]}; got {str(folder)!r}, where that is a "
            "folder. Pass another folder."
        )
    try:
        yield folder
    finally:
        if made and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write every file beside its place and then move them there, so that a full disk leaves none of them."""
    partials = {name: folder / f".{name}.{os.getpid()}" for name in contents}
    try:
        for name, partial in partials.items():
            try:
                partial.write_bytes(contents[name])
            except OSError as error:  # of a full disk it would not name the file
                raise OSError(error.errno, error.strerror, str(folder / name)) from error
        for name, partial in partials.items():
            partial.replace(folder / name)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def files(outcome: Outcome) -> dict[str, bytes]:
    """Make the content of every file."""
    data = outcome.data
    gallery = density_gallery(
        data.test,
        outcome.test_log_density,
        data.image_shape,
        bandwidth=outcome.bandwidth,
        gradient=outcome.pull.gradient,
        gradient_of=outcome.pull.index,
    )
    pictures = {
        "samples.png": png(image_grid(data.train[:400], data.image_shape)),
        "bandwidth.png": png(bandwidth_curve(outcome.sweep, outcome.refinement)),
        "density.png": png(gallery),
    }
    return {
        "results.csv": _csv(Row, outcome.rows),
        "results.json": _json(facts(outcome)),
        "peers.csv": _csv(PeerCheck, outcome.peers),
        **pictures,
        "report.html": _utf8(report(outcome, pictures)),
    }


def facts(outcome: Outcome) -> dict[str, Any]:
    """Return everything that was found and all it depends on, as plain values for JSON."""
    data, refinement = outcome.data, outcome.refinement
    ranking = np.argsort(outcome.test_log_density, kind="stable")
    return {
        "dataset": data.name,
        "source": data.source,
        "image_shape": list(data.image_shape),
        "started": outcome.started.isoformat(timespec="seconds"),
        "command": outcome.settings.command_line(),
        "arguments": asdict(outcome.settings),
        "rows": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        "bandwidth": outcome.bandwidth,
        "best_of_list": outcome.sweep.best,
        "results": [asdict(row) for row in outcome.rows],
        "refinement": None
        if refinement is None
        else {"bandwidth": refinement.bandwidth, "trace": [list(point) for point in refinement.trace]},
        "test_seconds": timing(outcome.test_seconds) | {"repeats": list(outcome.test_seconds)},
        "test_rows_by_log_density": {
            "most_likely": _ranked(outcome, ranking[::-1][:8]),
            "least_likely": _ranked(outcome, ranking[:8]),
        },
        "plan": outcome.plan,
        "method": outcome.method,
        "error_bound": outcome.error_bound,
        "peers": [asdict(peer) for peer in outcome.peers],
        "seconds": outcome.seconds,
        "versions": versions(),
        "machine": machine(),
    }


def _ranked(outcome: Outcome, rows: Any) -> list[dict[str, float]]:
    """Return test rows with their log densities."""
    return [{"row": int(row), "log_density": float(outcome.test_log_density[row])} for row in rows]


def _csv(kind: type, rows: Sequence[Any]) -> bytes:
    """Write dataclasses as a table; floats to their last digit, a missing value as an empty cell."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    names = [field.name for field in fields(kind)]
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    return _utf8(stream.getvalue())


def _json(value: Any) -> bytes:
    """Write strict JSON; it has no number for NaN and the infinities, which become strings."""
    return _utf8(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _utf8(text: str) -> bytes:
    """Encode text; bytes of a file name that are no text become escapes, which JSON can read again."""
    return text.encode(errors="backslashreplace")


def _plain(value: Any) -> Any:
    """Turn what JSON does not know into what it knows."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    return str(value) if isinstance(value, Path) else value
