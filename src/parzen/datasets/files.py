"""Open files that nobody vouches for: bounded reads, and one sentence for whatever is wrong with them."""

import gzip
import stat
import sys
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from parzen.errors import DataError

__all__ = ["BoundedReader", "ByteArray", "Stream", "explaining", "open_bounded"]

#: Pixels as they lie in files.
ByteArray = NDArray[np.uint8]

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 16
_WHOLE_LINE = sys.maxsize
_DEFLATE_MAX_RATIO = 1032  # a deflate stream never expands further than this


class Stream(Protocol):
    """What is read from: `read` gets fewer bytes than asked for only at the end."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""
        ...

    def readline(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, to the end of the line at most."""
        ...


class BoundedReader:
    """A byte stream that hands out at most ``limit`` bytes and raises ``ValueError`` if it holds more.

    A read that asks for more than is left gets what is left, so a length that a hostile file claims never
    becomes an allocation.
    """

    def __init__(self, stream: Stream, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self.left = limit

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes; fewer only at the end."""
        return self._count(self._stream.read(min(size, self.left + 1)))

    def readline(self, size: int = _WHOLE_LINE) -> bytes:
        """Read up to the next newline."""
        return self._count(self._stream.readline(min(size, self.left + 1)))

    def skip(self, size: int) -> None:
        """Read ``size`` bytes and forget them."""
        while size > 0:
            data = self.read(min(size, _CHUNK))
            if not data:
                raise ValueError(f"it ends {size} bytes too early")
            size -= len(data)

    def drain(self) -> None:
        """Read to the end, which is where gzip keeps its checksum."""
        while self.read(_CHUNK):
            pass

    def _count(self, data: bytes) -> bytes:
        """Take ``data`` off what may still be read."""
        self.left -= len(data)
        if self.left < 0:
            raise ValueError(f"it holds more than {self._limit} bytes")
        return data


@contextmanager
def open_bounded(path: Path, *, limit: int) -> Iterator[BoundedReader]:
    """Open a plain or gzip-compressed regular file; the content decides which, not the name."""
    info = path.stat()  # before opening: to open a named pipe is to wait for ever
    if stat.S_ISDIR(info.st_mode):
        raise ValueError("it is a folder")
    if not stat.S_ISREG(info.st_mode):
        raise ValueError("it is not a regular file")
    if info.st_size == 0:
        raise ValueError("it is empty")
    if (
        info.st_size > limit + limit // 256 + _CHUNK
    ):  # more than gzip ever adds; its header alone may be endless
        raise ValueError(f"it has {info.st_size} bytes, more than could hold {limit}")
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        stream: IO[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
        most = info.st_size * (_DEFLATE_MAX_RATIO if packed else 1)
        yield BoundedReader(stream, min(limit, most))


@contextmanager
def explaining(path: Path, expected: str) -> Iterator[None]:
    """Turn whatever goes wrong while ``path`` is read into a `DataError` of one sentence."""
    try:
        yield
    except PermissionError as error:
        raise DataError(
            f"{path} must be readable; got permission denied. Change its mode, or copy it to a folder "
            "of yours and pass that with --data DIR (`data_dir`)."
        ) from error
    except (OSError, ValueError, EOFError, zlib.error, tarfile.TarError) as error:
        problem = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
        raise DataError(
            f"{path} must be {expected}; got a file that cannot be used: {' '.join(problem.split())}. "
            "Replace it with a fresh copy, or pass the folder of a good one with --data DIR (`data_dir`)."
        ) from error
