"""The two layouts of MNIST and its look-alikes: a pair of IDX files, and the pickle ``mnist.pkl.gz``.

References
----------
The pickle is the one of the Theano deep learning tutorials: ``((train, labels), (validation, labels),
(test, labels))``, where train is the first 50 000 of the 60 000 training images of the IDX file, in order,
and a pixel is k/256 in float32.
"""

from pathlib import Path

import numpy as np

from parzen.datasets.files import ByteArray, explaining, open_bounded
from parzen.datasets.idx import read_images
from parzen.datasets.unpickle import PickledArray, read_pickle
from parzen.typing import FloatArray

__all__ = ["LEVELS", "read_idx_pair", "read_tutorial_pickle"]

#: Pixels are k/256, as in the pickle.
LEVELS = 256

_MAX_BYTES = 256 << 20  # it holds 220 MB


def read_idx_pair(paths: list[Path], counts: tuple[int, int]) -> tuple[ByteArray, ByteArray]:
    """Read the train and the test images.

    Returns
    -------
    train, test : ndarray of shape (count, 784), uint8

    Raises
    ------
    DataError
        A file cannot be read, or is anything else.
    """
    train, test = (read_images(path, (count, 28, 28)) for path, count in zip(paths, counts, strict=True))
    return train, test


def read_tutorial_pickle(paths: list[Path], counts: tuple[int, int]) -> tuple[ByteArray, ByteArray]:
    """Read the same from ``mnist.pkl.gz``, back in whole grey levels.

    Raises
    ------
    DataError
        The file cannot be read, or is anything else.
    """
    (path,) = paths
    expected = f"mnist.pkl.gz, a pickle of {counts[0]} and {counts[1]} images of 784 pixels k/256"
    with explaining(path, expected):
        with open_bounded(path, limit=_MAX_BYTES) as stream:
            content = read_pickle(stream)
            stream.drain()
        match content:
            case ((PickledArray() as train, _), (_, _), (PickledArray() as test, _)):
                return _grey_levels(train, counts[0]), _grey_levels(test, counts[1])
        raise ValueError("it is not a tuple of three pairs (images, labels)")


def _grey_levels(images: PickledArray, count: int) -> ByteArray:
    """Return k of pixels k/256, as (count, 784) uint8."""
    pixels: FloatArray = images.to_numpy()
    if pixels.shape != (count, 784) or pixels.dtype.kind != "f":
        raise ValueError(f"its images are of shape {pixels.shape} and type {pixels.dtype}")
    levels = np.empty(pixels.shape, dtype=np.uint8)
    for start in range(0, count, 1000):  # in blocks: the whole would be copied several times
        scaled = pixels[start : start + 1000].astype(np.float64) * LEVELS
        if not np.all((scaled >= 0) & (scaled < LEVELS) & (scaled == np.rint(scaled))):
            raise ValueError("its pixels are not all of the form k/256 with k from 0 to 255")
        levels[start : start + 1000] = scaled
    return levels
