"""CIFAR-100 in its python version: two pickles, in a .tar.gz or in a folder. Nothing is extracted to disk.

References
----------
A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

import tarfile
from pathlib import Path, PurePosixPath

import numpy as np

from parzen.datasets.files import BoundedReader, ByteArray, explaining, open_bounded
from parzen.datasets.unpickle import PickledArray, read_pickle

__all__ = ["as_pictures", "read_archive", "read_folder"]

_MAX_BYTES = 256 << 20  # the archive holds 187 MB, its largest member 155 MB
_MAX_MEMBERS = 100  # it has six
_MEMBER_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.XHDTYPE, tarfile.XGLTYPE)
_WIDTH = 3 * 32 * 32
_FOLDER = "cifar-100-python"


def as_pictures(rows: ByteArray) -> ByteArray:
    """Reorder rows of 3 colour planes of 32 × 32 so that ``row.reshape(32, 32, 3)`` is a picture."""
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).reshape(-1, _WIDTH)


def read_folder(paths: list[Path], counts: tuple[int, int]) -> tuple[ByteArray, ByteArray]:
    """Read the files ``train`` and ``test``, of ``counts`` images.

    Returns
    -------
    train, test : ndarray of shape (count, 3072), uint8
        Channel-major, as the files have them.

    Raises
    ------
    DataError
        A file cannot be read, or is anything else.
    """
    train, test = (_read_file(path, count) for path, count in zip(paths, counts, strict=True))
    return train, test


def _read_file(path: Path, count: int) -> ByteArray:
    """Read one pickle."""
    with (
        explaining(path, f"the python version of CIFAR-100, a pickle of {count} images"),
        open_bounded(path, limit=_MAX_BYTES) as stream,
    ):
        return _pixels(stream, count)


def read_archive(paths: list[Path], counts: tuple[int, int]) -> tuple[ByteArray, ByteArray]:
    """Read the same as `read_folder` from ``cifar-100-python.tar.gz``, in one pass and in memory.

    Raises
    ------
    DataError
        The archive cannot be read, has a member that is not a regular file below its own folder, holds more
        than 256 MiB, or lacks an image.
    """
    (path,) = paths
    train, test = f"{_FOLDER}/train", f"{_FOLDER}/test"
    with (
        explaining(path, f"the archive cifar-100-python.tar.gz, with the members {train} and {test}"),
        open_bounded(path, limit=_MAX_BYTES) as stream,
    ):
        found = _read_members(stream, {train: counts[0], test: counts[1]})
        stream.drain()  # raises for a wrong checksum
        for name in (train, test):
            if name not in found:
                raise ValueError(f"it has no member {name}")
    return found[train], found[test]


def _read_members(stream: BoundedReader, counts: dict[str, int]) -> dict[str, ByteArray]:
    """Read the members named in ``counts``.

    The headers are taken one by one, and only the plain ones are believed: `tarfile.open` would follow
    every extension (sparse files, long names, pax records) on the word of the archive.
    """
    found: dict[str, ByteArray] = {}
    for _ in range(_MAX_MEMBERS):
        header = stream.read(tarfile.BLOCKSIZE)
        if not header.strip(b"\0"):
            return found
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        _check(member)
        content = BoundedReader(stream, member.size)
        name = str(PurePosixPath(member.name))  # without a leading ./
        if member.isreg() and name in counts:
            if name in found:
                raise ValueError(f"it has the member {name} twice")
            found[name] = _pixels(content, counts[name])
        stream.skip(content.left + -member.size % tarfile.BLOCKSIZE)
    raise ValueError(f"it has more than {_MAX_MEMBERS} members")


def _check(member: tarfile.TarInfo) -> None:
    """Refuse members that the archive has no reason to have, even those that would not be read."""
    name = f"{member.name[:80]!r}"
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"its member {name} lies outside of it")
    if member.type not in _MEMBER_TYPES:
        raise ValueError(f"its member {name} is neither a regular file nor a folder")
    if not 0 <= member.size <= _MAX_BYTES:
        raise ValueError(f"its member {name} claims {member.size} bytes; at most {_MAX_BYTES} are read")


def _pixels(stream: BoundedReader, count: int) -> ByteArray:
    """Read the entry ``data`` of a pickled batch."""
    batch = read_pickle(stream)
    data = batch.get("data") if isinstance(batch, dict) else None
    if not isinstance(data, PickledArray):
        raise ValueError("it is not a pickled dict with an array under 'data'")
    pixels = data.to_numpy()
    if pixels.dtype != np.uint8 or pixels.shape != (count, _WIDTH):
        raise ValueError(
            f"its array is of shape {pixels.shape} and type {pixels.dtype}, not ({count}, {_WIDTH}) and uint8"
        )
    return pixels
