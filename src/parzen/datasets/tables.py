"""Tables of the user's own: .npy, .csv and .parquet files as arrays of numbers. No pickles."""

import csv
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from parzen.errors import DataError
from parzen.typing import FloatArray
from parzen.validation import as_matrix

__all__ = ["read_table"]


def read_table(
    path: str | Path, columns: list[str] | None = None, *, without: str | None = None
) -> FloatArray:
    """Read a table as an array of shape (rows, columns); a single column may be 1-D in the file.

    Parameters
    ----------
    path : str or Path
        A file that ends in .npy, .csv (commas; a first line that is not all numbers holds the names) or .parquet.
    columns : list of str, optional
        Names, or numbers from 0. Default: all.
    without : str, optional
        A column that "all" does not include.

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
    readers = {".npy": _read_npy, ".csv": _read_csv, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"`{path}` must end in {', '.join(readers)}; got {path.suffix!r}. Convert it first.")
    return as_matrix(reader(path, columns, without), str(path))


def _read_npy(path: Path, columns: list[str] | None, without: str | None) -> Any:
    """Read NumPy's own format."""
    try:
        with open(path, "rb") as file:
            table = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(
            f"`{path}` must be a .npy file of numbers; {error}. Save it with numpy.save."
        ) from None
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim == 2:
        positions = _positions(path, columns, without, [str(i) for i in range(table.shape[1])])
        table = table if positions is None else table[:, positions]
    return table


def _read_csv(path: Path, columns: list[str] | None, without: str | None) -> Any:
    """Read comma-separated values."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"`{path}` must be text in UTF-8; got other bytes. Save it as UTF-8.") from None
    first = next(csv.reader(io.StringIO(text)), [])
    header = not all(_is_number(field) for field in first)
    names = [field.strip() for field in first] if header else [str(i) for i in range(len(first))]
    positions = _positions(path, columns, without, names)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file without data; it is refused all the same
            return np.loadtxt(
                io.StringIO(text),
                delimiter=",",
                skiprows=int(header),
                usecols=positions,
                ndmin=2,
                quotechar='"',
                comments=None,
            )
    except ValueError as error:
        raise DataError(
            f"`{path}` must hold numbers; {error}. Choose the columns of numbers with --columns, of "
            f"{', '.join(names[:20])}; rows with gaps must be filled in or removed first."
        ) from None


def _read_parquet(path: Path, columns: list[str] | None, without: str | None) -> Any:
    """Read a Parquet file by polars or pandas, whichever is there."""
    try:
        import polars

        frame = polars.read_parquet(path)
    except ImportError:
        try:
            import pandas

            frame = pandas.read_parquet(path)
        except ImportError:
            raise DataError(
                f"`{path}` must be read by polars or pandas; got neither. Install one: pip install polars"
            ) from None
    except OSError:
        raise
    except Exception as error:  # polars has a family of its own
        raise DataError(f"`{path}` must be a Parquet file; {error}. Check how it was written.") from None
    names = [str(name) for name in frame.columns]
    positions = _positions(path, columns, without, names)
    if positions is not None:
        frame = frame[[frame.columns[i] for i in positions]]
    table = frame.to_numpy()
    if table.dtype.kind not in "fiub":
        raise DataError(
            f"`{path}` must hold numbers; got columns {', '.join(names[:20])}. Choose with --columns."
        )
    return table


def _is_number(field: str) -> bool:
    """Whether a field of text is a number."""
    try:
        float(field)
    except ValueError:
        return False
    return True


def _positions(
    path: Path, columns: list[str] | None, without: str | None, names: list[str]
) -> list[int] | None:
    """Return where columns stand, by name or number; None for all."""
    if columns is None:
        if without is None:
            return None
        [left_out] = _positions(path, [without], None, names) or []
        return [i for i in range(len(names)) if i != left_out]
    found = []
    for column in columns:
        if column in names:
            found.append(names.index(column))
        elif column.isdecimal() and int(column) < len(names):
            found.append(int(column))
        else:
            raise DataError(
                f"`{path}` must have the columns asked for; got no {column!r} among {', '.join(names[:20])}. "
                "Use names, or numbers from 0."
            )
    return found
