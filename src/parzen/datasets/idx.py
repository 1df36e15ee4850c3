"""IDX files, the format of MNIST and Fashion-MNIST: a big-endian header, then the pixels as bytes.

References
----------
Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", section "File formats".
"""

import math
import struct
from pathlib import Path

import numpy as np

from parzen.datasets.files import ByteArray, explaining, open_bounded

__all__ = ["read_images"]

_MAGIC_IMAGES = 0x0803  # 08: unsigned bytes, 03: three dimensions
_HEADER = struct.Struct(">4I")


def read_images(path: Path, shape: tuple[int, int, int]) -> ByteArray:
    """Read a plain or gzip-compressed IDX file of exactly ``shape`` (images, rows, columns).

    Nothing is allocated on the word of the header: it has to state ``shape``, and then no more than that
    is read.

    Returns
    -------
    ndarray of shape (images, rows·columns), uint8, read-only

    Raises
    ------
    DataError
        The file cannot be read, or is anything else.
    """
    count, rows, columns = shape
    size = math.prod(shape)
    with (
        explaining(path, f"an IDX file, plain or .gz, of {count} images of {rows} × {columns} bytes"),
        open_bounded(path, limit=_HEADER.size + size) as stream,
    ):
        header = stream.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise ValueError(f"it ends after {len(header)} bytes, inside its header")
        magic, *claimed = _HEADER.unpack(header)
        if magic != _MAGIC_IMAGES:
            raise ValueError(f"it starts with {header[:4].hex(' ')} instead of 00 00 08 03")
        if tuple(claimed) != shape:
            raise ValueError(f"its header says {claimed[0]} images of {claimed[1]} × {claimed[2]}")
        pixels = stream.read(size)
        if len(pixels) < size:
            raise ValueError(f"it holds {len(pixels)} of the {size} pixels that its header claims")
        stream.drain()  # raises for trailing bytes and for a wrong checksum
    return np.frombuffer(pixels, dtype=np.uint8).reshape(count, rows * columns)
