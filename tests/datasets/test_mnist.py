"""``mnist.pkl.gz``: the same images as the IDX files, from a pickle."""

import gzip
import pickle

import numpy as np
import pytest

from parzen.datasets.mnist import read_tutorial_pickle
from parzen.errors import DataError

COUNTS = (6, 4)
RNG = np.random.default_rng(0)
TRAIN, TEST = (RNG.integers(0, 256, (count, 784), dtype=np.uint8) for count in COUNTS)


def pair(levels: np.ndarray, dtype=np.float32):
    return (levels / np.array(256, dtype)).astype(dtype), np.zeros(len(levels), dtype=np.int64)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mnist.pkl.gz"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.dtype(">f4")])
def test_the_grey_levels_come_back_exactly(protocol, dtype, path):
    content = (pair(TRAIN, dtype), pair(TEST, dtype), pair(TEST, dtype))
    path.write_bytes(gzip.compress(pickle.dumps(content, protocol)))
    train, test = read_tutorial_pickle([path], COUNTS)
    assert train.dtype == np.uint8
    np.testing.assert_array_equal(train, TRAIN)
    np.testing.assert_array_equal(test, TEST)


def with_pixel(value: float):
    images, labels = pair(TRAIN)
    images[3, 100] = value
    return ((images, labels), pair(TEST), pair(TEST))


BAD = {
    "k/255": (((TRAIN / np.float32(255), 0), pair(TEST), pair(TEST)), "not all of the form k/256"),
    "one": (with_pixel(1.0), "not all of the form k/256"),
    "negative": (with_pixel(-1 / 256), "not all of the form k/256"),
    "nan": (with_pixel(np.nan), "not all of the form k/256"),
    "infinity": (with_pixel(np.inf), "not all of the form k/256"),
    "two pairs": (((TRAIN, 0), (TEST, 0)), "not a tuple of three pairs"),
    "three arrays": ((TRAIN, TEST, TEST), "not a tuple of three pairs"),
    "a dict": ({"train": TRAIN}, "not a tuple of three pairs"),
    "integers": (((TRAIN, 0), (TEST, 0), (TEST, 0)), "of shape (6, 784) and type uint8"),
    "fewer": ((pair(TRAIN[:5]), pair(TEST), pair(TEST)), "of shape (5, 784) and type float32"),
    "square images": (
        ((pair(TRAIN)[0].reshape(6, 28, 28), 0), pair(TEST), pair(TEST)),
        "of shape (6, 28, 28)",
    ),
    "a call": ((print, pair(TEST), pair(TEST)), "asks for 'builtins.print'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_the_file(case, path):
    content, problem = BAD[case]
    path.write_bytes(gzip.compress(pickle.dumps(content)))
    with pytest.raises(DataError) as caught:
        read_tutorial_pickle([path], COUNTS)
    message = str(caught.value)
    assert problem in message
    assert message.startswith(
        f"{path} must be mnist.pkl.gz, a pickle of 6 and 4 images of 784 pixels k/256; got "
    )
    assert "\n" not in message


def test_a_wrong_checksum(path):
    good = gzip.compress(pickle.dumps((pair(TRAIN), pair(TEST), pair(TEST))))
    path.write_bytes(good[:-8] + bytes([good[-8] ^ 1]) + good[-7:])
    with pytest.raises(DataError, match="CRC check failed"):
        read_tutorial_pickle([path], COUNTS)
