"""Tables of the user's own: .npy, .csv and .parquet files as arrays of numbers. No pickles."""

import csv
import json
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from parzen.errors import DataError
from parzen.typing import FloatArray
from parzen.validation import as_matrix

__all__ = ["Table", "read_table", "some"]


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of numbers.

    Attributes
    ----------
    values : ndarray of shape (rows, columns)
        Finite numbers.
    names : tuple of str
        One a column: as in the file, or its number, from 0, in the file.
    named : bool
        Whether the file has names.
    """

    values: FloatArray
    names: tuple[str, ...]
    named: bool


def read_table(
    path: str | Path,
    columns: list[str] | None = None,
    *,
    without: str | None = None,
    header: bool = False,
) -> Table:
    """Read a table of numbers; a single column may be 1-D in the file.

    Parameters
    ----------
    path : str or Path
        A file that ends in .npy, .csv or .parquet. Of a .csv file, lines that are blank or begin with # before
        the first row are left out; a first row that is not all numbers holds the names, or a # line right above it
        with a name for each column, as `numpy.savetxt` writes it. Of a .parquet file that pandas wrote, the index
        is no column.
    columns : list of str, optional
        Names, or numbers from 0. Default: all.
    without : str, optional
        A column that "all" does not include, if it is there.
    header : bool, default False
        The first row of a .csv file holds the names, even if these are numbers, such as years.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        Not one of these, not readable as such, no such column, or text where numbers should be.
    InputError
        Empty, or not finite.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    readers: dict[str, Callable[..., tuple[Any, list[str], bool]]]
    readers = {".npy": _read_npy, ".csv": partial(_read_csv, header=header), ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"`{path}` must end in {', '.join(readers)}; got {path.suffix!r}. Convert it first.")
    values, names, named = reader(path, columns, without)
    return Table(as_matrix(values, str(path)), tuple(names), named)


def some(names: list[str] | tuple[str, ...]) -> str:
    """List names, the first twenty of them and how many more there are."""
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more


def _read_npy(path: Path, columns: list[str] | None, without: str | None) -> tuple[Any, list[str], bool]:
    """Read NumPy's own format."""
    try:
        with open(path, "rb") as file:
            table = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(
            f"`{path}` must be a .npy file of numbers; got another ({_clause(error)}). Save it with numpy.save."
        ) from None
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2:
        return table, [], False
    names = [str(i) for i in range(table.shape[1])]
    positions = _positions(path, columns, without, names)
    return table[:, positions], [names[i] for i in positions], False


def _read_csv(
    path: Path, columns: list[str] | None, without: str | None, *, header: bool
) -> tuple[Any, list[str], bool]:
    """Read comma-separated values."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise DataError(f"`{path}` must be text in UTF-8; got other bytes. Save it as UTF-8.") from None
    start = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    reader = csv.reader(lines[start:])
    first: list[str] = next(filter(None, reader), [])
    below = start + reader.line_num
    last = next(filter(None, reader), first)
    for mark, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(first) == 1 and mark in first[0] and any(mark in field for field in last):
            raise DataError(
                f"`{path}` must have commas between its columns; got {called} in line {start + 1}. "
                "Save it with commas, and with points in its numbers."
            )
    named = header or any(field.strip() and not _is_number(field) for field in first)
    heads, data = (first, below) if named else (_names_in_comment(lines[:start], len(first)), start)
    names = [field.strip() or str(i) for i, field in enumerate(heads or [""] * len(first))]
    positions = _positions(path, columns, without, names)
    ragged = len(first) != len(last)  # as where rows have an index and the names have none
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file without data; it is refused all the same
            table = np.loadtxt(
                lines[data:],
                delimiter=",",
                usecols=None if columns is None and without is None else positions,
                ndmin=2,
                quotechar='"',
                comments=None,
            )
    except ValueError:
        table = None
    if ragged or table is None or not np.all(np.isfinite(table)):
        raise DataError(
            f"`{path}` must hold finite numbers; got {_first_fault(lines, start, data, names, positions)}. Choose "
            f"columns of numbers with --columns, of {some(names)}, and fill in or remove rows with gaps."
        )
    return table, [names[i] for i in positions], bool(heads)


def _names_in_comment(above: list[str], columns: int) -> list[str]:
    """Return the names in the # line right above the numbers, if it has one for each column; else none."""
    fields = next(csv.reader([above[-1].lstrip("#")]), []) if above else []
    are_names = len(fields) == columns and all(field.strip() and not _is_number(field) for field in fields)
    return fields if are_names else []


def _first_fault(lines: list[str], start: int, data: int, names: list[str], positions: list[int]) -> str:
    """Say what is wrong first in a .csv file and where, counting as an editor does; the numbers begin at ``data``."""
    reader = csv.reader(lines[data:])
    rows: Iterator[list[str]] = (row for row in reader if row)
    for row in rows:
        line = data + reader.line_num
        if len(row) != len(names):
            return f"{_counted(len(row))} in line {line}, where line {start + 1} has {_counted(len(names))}"
        for i in positions:
            place = f"line {line}, column {i + 1}" + (f" ({names[i]})" if names[i] != str(i) else "")
            if not row[i].strip():
                return f"nothing in {place}"
            if not (_is_number(row[i]) and math.isfinite(float(row[i]))):
                return f"{row[i].strip()!r} in {place}"
    return "something else"


def _counted(columns: int) -> str:
    """Say how many columns there are."""
    return f"{columns} column{'' if columns == 1 else 's'}"


def _read_parquet(path: Path, columns: list[str] | None, without: str | None) -> tuple[Any, list[str], bool]:
    """Read a Parquet file by polars or pandas, whichever is there; pandas keeps an index apart by itself."""
    try:
        from polars import Float64, read_parquet, read_parquet_metadata, selectors

        frame = read_parquet(path).drop(_index_columns(read_parquet_metadata(path)), strict=False)
        frame = frame.with_columns(selectors.decimal().cast(Float64))
    except ImportError:
        try:
            import pandas

            frame = pandas.read_parquet(path)
        except ImportError:
            raise DataError(
                f"`{path}` must be read by a recent polars, or pandas with pyarrow; got neither. "
                "Install one: pip install --upgrade polars"
            ) from None
    except OSError:
        raise
    except Exception as error:  # polars has a family of its own
        raise DataError(
            f"`{path}` must be a Parquet file; got another ({_clause(error)}). Check how it was written."
        ) from None
    names = [str(name) for name in frame.columns]
    positions = _positions(path, columns, without, names)
    series = [frame[frame.columns[i]] for i in positions]
    kinds = [column.to_numpy().dtype.kind for column in series]  # neither dates nor truths are numbers
    other = [f"{names[i]} ({series[j].dtype})" for j, i in enumerate(positions) if kinds[j] not in "fiu"]
    if other:
        raise DataError(
            f"`{path}` must hold numbers; got {some(other)}. Choose columns of numbers with --columns, "
            f"of {some(names)}."
        )
    return frame[[frame.columns[i] for i in positions]].to_numpy(), [names[i] for i in positions], True


def _index_columns(metadata: dict[str, str]) -> list[str]:
    """Return the columns in which pandas keeps the index of a frame."""
    try:
        columns = json.loads(metadata["pandas"])["index_columns"]
    except (KeyError, TypeError, ValueError):  # not written by pandas
        return []
    return [column for column in columns if isinstance(column, str)]


def _clause(error: Exception) -> str:
    """Put what another library says into a sentence of ours."""
    return " ".join(str(error).split()).rstrip(".")


def _is_number(field: str) -> bool:
    """Whether a field of text is a number."""
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field  # 1_000 is one to Python only


def _positions(path: Path, columns: list[str] | None, without: str | None, names: list[str]) -> list[int]:
    """Return where columns stand."""
    if columns is None:
        left_out = None if without is None else _position(path, without, names)
        return [i for i in range(len(names)) if i != left_out]
    found = []
    for column in columns:
        at = _position(path, column, names)
        if at is None:
            raise DataError(
                f"`{path}` must have the columns asked for; got no {column!r} among {some(names)}. "
                "Use names, or numbers from 0."
            )
        found.append(at)
    return found


def _position(path: Path, column: str, names: list[str]) -> int | None:
    """Return where a column stands, by name or else by number; None where there is none."""
    if names.count(column) > 1:
        raise DataError(
            f"`{path}` must have one column of each name asked for; got {column!r} {names.count(column)} times among "
            f"{some(names)}. Give them different names."
        )
    if column in names:
        return names.index(column)
    return int(column) if column.isdecimal() and int(column) < len(names) else None
