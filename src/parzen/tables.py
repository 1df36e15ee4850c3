"""Tables of the user's own: .npy, .csv, .tsv and .parquet files as arrays of numbers. No pickles."""

import csv
import difflib
import json
import math
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
    without_index : bool
        Whether a first column without a name was left out: the index of a pandas frame, or the row names of R.
    """

    values: FloatArray
    names: tuple[str, ...]
    named: bool
    without_index: bool = False


@dataclass(frozen=True, eq=False)
class _Read:
    """What a reader of one format makes of a file."""

    values: Any  # the columns in use
    names: list[str]  # of all columns
    positions: list[int]  # of those in use
    named: bool
    without_index: bool = False


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
        A file that ends in .npy, .csv, .tsv or .parquet. A .csv file has commas, semicolons or tabs between its
        columns, and points in its numbers; lines that are blank or begin with # before the first row are left out; a
        first row that is not all numbers holds the names, or a # line right above it with a name for each column, as
        `numpy.savetxt` writes it. The index of a pandas frame is no column: in a .parquet file pandas says which it
        is, in a .csv file it is a first column without a name where the others have one.
    columns : list of str, optional
        Names, or numbers from 0. Default: all.
    without : str, optional
        A column that "all" does not include, if it is there, and that ``columns`` must not have.
    header : bool, default False
        The first row of a .csv file holds the names, even if these are numbers, such as years.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        Not one of these, not readable as such, empty, no such column, or anything but finite numbers.
    InputError
        A .npy file of another shape.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path, list[str] | None, str | None], _Read]]
    text = partial(_read_csv, header=header)
    readers = {".npy": _read_npy, ".csv": text, ".tsv": text, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None or path.is_dir():
        raise DataError(
            f"`{path}` must be a file whose name ends in {', '.join(readers)}; got {_kind(path)}. {_way_out(path)}"
        )
    read = reader(path, columns, without)
    if np.ndim(read.values) == 2 and len(read.values) == 0:
        got = f"{_counted(len(read.names))} ({some(read.names)})" if read.named else "columns"
        raise DataError(
            f"`{path}` must hold rows of numbers; got {got} and no rows. Check how it was written."
        )
    _require_finite(path, read)
    used = tuple(read.names[i] for i in read.positions)
    return Table(as_matrix(read.values, str(path)), used, read.named, read.without_index)


def _kind(path: Path) -> str:
    """Say what stands where a table should be."""
    if path.is_dir():
        return "a folder"
    return "standard input" if str(path) == "-" else f"{path.suffix!r}" if path.suffix else "no such ending"


def _way_out(path: Path) -> str:
    """Say how to make a table of it."""
    if path.is_dir():
        return "Pass one file of it."
    if str(path) == "-":
        return "Write it to a .csv file first."
    if path.suffix.lower() in (".gz", ".bz2", ".xz", ".zip"):
        return "Unpack it first."
    return (
        "Rename a text file with commas, semicolons or tabs between its columns to .csv; save anything else with "
        "numpy.save or to_csv of pandas."
    )


def _require_finite(path: Path, read: _Read) -> None:
    """Refuse gaps in a table of numbers, saying how many there are and where the first one is, from 1."""
    if np.ndim(read.values) != 2 or np.asarray(read.values).dtype.kind not in "f":
        return
    gaps = np.argwhere(~np.isfinite(read.values))
    if len(gaps):
        row, column = map(int, gaps[0])
        place = f"row {row + 1}, {_place(read.names, read.positions[column], named=read.named)}"
        raise DataError(
            f"`{path}` must hold finite numbers; got {read.values[row, column]} in {place}{_in_all(len(gaps))}. "
            "Fill in or remove rows with gaps."
        )


def _place(names: list[str], i: int, *, named: bool) -> str:
    """Say which column it is, from 1 and as --columns has it."""
    return f"column {i + 1} ({names[i] if named else f'--columns {i}'})"


def _in_all(count: int) -> str:
    """Say how many cells are at fault, where there are more than the one that was shown."""
    return f", {count:,} such cells in all" if count > 1 else ""


def some(names: list[str] | tuple[str, ...]) -> str:
    """List names, the first twenty of them and how many more there are."""
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more


def _read_npy(path: Path, columns: list[str] | None, without: str | None) -> _Read:
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
        return _Read(table, [], [], False)
    names = [str(i) for i in range(table.shape[1])]
    positions = _positions(path, columns, without, names)
    return _Read(table[:, positions], names, positions, False)


#: What may stand between columns, in the order in which it is looked for.
_DELIMITERS = (",", ";", "\t")


def _read_csv(path: Path, columns: list[str] | None, without: str | None, *, header: bool) -> _Read:
    """Read values with commas, semicolons or tabs between them."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise DataError(f"`{path}` must be text in UTF-8; got other bytes. Save it as UTF-8.") from None
    start = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(lines[start:])
    first, last, below = _first_rows(lines[start:], delimiter)
    if not first:
        raise DataError(f"`{path}` must hold rows of numbers; got an empty file. Check how it was written.")
    named = header or any(field.strip() and not _is_number(field) for field in first)
    heads, data = (
        (first, start + below) if named else (_names_in_comment(lines[:start], len(first), delimiter), start)
    )
    unnamed_first = (
        len(heads) > 1 and heads[0].strip() in ("", "Unnamed: 0") and all(map(str.strip, heads[1:]))
    )
    names = [field.strip() or str(i) for i, field in enumerate(heads or [""] * len(first))]
    left_out = [0] if unnamed_first and columns is None else []
    positions = [i for i in _positions(path, columns, without, names) if i not in left_out]
    if not any(line.strip() for line in lines[data:]):
        raise DataError(
            f"`{path}` must hold rows of numbers; got names ({some(names)}) and no rows. Check how it was written."
        )
    ragged = len(first) != len(last)  # as where rows have an index and the names have none
    try:
        table = np.loadtxt(
            lines[data:],
            delimiter=delimiter,
            usecols=None if len(positions) == len(names) and columns is None else positions,
            ndmin=2,
            quotechar='"',
            comments=None,
        )
    except ValueError:
        table = None
    if ragged or table is None or not np.all(np.isfinite(table)):
        rows = _Rows(lines, start, data, delimiter, names, bool(heads))
        raise DataError(f"`{path}` must hold finite numbers; got {_fault(rows, positions)}")
    return _Read(table, names, positions, bool(heads), bool(left_out))


def _first_rows(lines: list[str], delimiter: str) -> tuple[list[str], list[str], int]:
    """Return the first two rows (one twice where there is no other), and how many lines the first ends below."""
    reader = csv.reader(lines, delimiter=delimiter)
    first: list[str] = next(filter(None, reader), [])
    below = reader.line_num
    return first, next(filter(None, reader), first), below


def _delimiter(lines: list[str]) -> str:
    """Return what stands between columns: it makes equally many fields, two or more, of the first two rows.

    Decimal commas do so too. Where the second row is all numbers with such, semicolons or tabs are what it is, and
    the numbers are refused one by one.
    """
    rows = {mark: _first_rows(lines, mark)[:2] for mark in _DELIMITERS}
    fitting = [mark for mark, (first, second) in rows.items() if len(first) == len(second) > 1]
    if len(fitting) > 1:
        decimal = [all(map(_is_decimal, rows[mark][1])) for mark in fitting[1:]]
        return next((mark for mark, fits in zip(fitting[1:], decimal, strict=True) if fits), fitting[0])
    return fitting[0] if fitting else ","


def _names_in_comment(above: list[str], columns: int, delimiter: str) -> list[str]:
    """Return the names in the # line right above the numbers, if it has one for each column; else none."""
    fields = next(csv.reader([above[-1].lstrip("#")], delimiter=delimiter), []) if above else []
    are_names = len(fields) == columns and all(field.strip() and not _is_number(field) for field in fields)
    return fields if are_names else []


@dataclass(frozen=True)
class _Rows:
    """The lines of a .csv file with a fault; ``start`` is where the first row is, ``data`` where the numbers begin."""

    lines: list[str]
    start: int
    data: int
    delimiter: str
    names: list[str]
    named: bool

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Give each row and its line, counted as an editor does."""
        reader = csv.reader(self.lines[self.data :], delimiter=self.delimiter)
        return ((self.data + reader.line_num, row) for row in reader if row)


def _fault(rows: _Rows, positions: list[int]) -> str:
    """Say what is wrong first in a .csv file, where, how often, and what to do."""
    names, told, first, count = rows.names, "", (0, ""), 0
    numbers = [True] * len(names)
    for line, row in rows:
        if len(row) != len(names):
            return (
                f"{_counted(len(row))} in line {line}, where line {rows.start + 1} has {_counted(len(names))}. "
                "Give every row the same columns."
            )
        for i, field in enumerate(row):
            fits, blank = _is_number(field), not field.strip()
            numbers[i] &= fits or blank
            if i in positions and not (fits and math.isfinite(float(field))):
                count += 1
                if count == 1:
                    shown = "nothing" if blank else repr(field.strip())
                    told, first = f"{shown} in line {line}, {_place(names, i, named=rows.named)}", (i, field)
    if not count:
        return "something else. Save it as pandas' to_csv does."
    i, field = first
    told += f"{_in_all(count)}. "
    if numbers[i]:
        return told + "Fill in or remove rows with gaps, or leave out columns with --columns."
    if _is_decimal(field):
        return told + "Write points in numbers, not commas."
    others = [name for name, fits in zip(names, numbers, strict=True) if fits]
    if not others:
        return told + "It has no column of numbers."
    return told + f"Choose columns of numbers with --columns; these are: {some(others)}."


def _counted(columns: int) -> str:
    """Say how many columns there are."""
    return f"{columns} column{'' if columns == 1 else 's'}"


def _read_parquet(path: Path, columns: list[str] | None, without: str | None) -> _Read:
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
                "Install one: pip install 'parzen[tables]' brings polars."
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
    other = [f"{names[i]} ({series[j].dtype})" for j, i in enumerate(positions) if not _is_numeric(series[j])]
    if other:
        numeric = [name for name, at in zip(names, frame.columns, strict=True) if _is_numeric(frame[at])]
        way = f"Choose columns of numbers with --columns; these are: {some(numeric)}."
        raise DataError(
            f"`{path}` must hold numbers; got {some(other)}. "
            + (way if numeric else "It has no column of numbers.")
        )
    values = frame[[frame.columns[i] for i in positions]].to_numpy()
    return _Read(values, names, positions, True)


def _is_numeric(column: Any) -> bool:
    """Whether a column of a frame holds numbers: neither dates nor truths are."""
    return column.to_numpy().dtype.kind in "fiu"


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


def _is_decimal(field: str) -> bool:
    """Whether a field is a number, were its comma a point."""
    return _is_number(field.replace(",", ".", 1)) and not field.strip().endswith(",")


def _positions(path: Path, columns: list[str] | None, without: str | None, names: list[str]) -> list[int]:
    """Return where columns stand."""
    left_out = None if without is None else _position(path, without, names)
    if columns is None:
        return [i for i in range(len(names)) if i != left_out]
    found: list[int] = []
    for column in columns:
        at = _position(path, column, names)
        if at is None:
            near = difflib.get_close_matches(column, names, 1)
            guess = f"Did you mean {near[0]!r}?" if near else "Use names, or numbers from 0."
            raise DataError(
                f"`{path}` must have the columns asked for; got no {column!r} among {some(names)}. {guess}"
            )
        if at in found:
            raise DataError(f"`--columns` must name each column once; got {column!r} again. Leave it out.")
        if at == left_out:
            raise DataError(
                f"`--columns` must not have the column of weights; got {column!r}, which --weights has too. "
                "Leave it out of one of them."
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
