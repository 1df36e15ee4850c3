"""IDX files: what they say, and what they cannot make the reader do."""

import gzip
import os
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parzen.datasets.idx import read_images
from parzen.errors import DataError

SHAPE = (5, 4, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "train-images-idx3-ubyte"


def header(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_the_content_decides_not_the_name(packed, ending, tmp_path, idx_bytes):
    path = tmp_path / f"images{ending}"
    data = idx_bytes(IMAGES)
    path.write_bytes(gzip.compress(data) if packed else data)
    images = read_images(path, SHAPE)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, IMAGES.reshape(5, 12))


def test_gzip_in_several_members(path, idx_bytes):
    data = idx_bytes(IMAGES)
    path.write_bytes(gzip.compress(data[:20]) + gzip.compress(data[20:]))
    np.testing.assert_array_equal(read_images(path, SHAPE), IMAGES.reshape(5, 12))


def refusal(path, shape=SHAPE) -> str:
    with pytest.raises(DataError) as caught:
        read_images(path, shape)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert "--data DIR" in message
    return message


BODY = IMAGES.tobytes()
BAD = {
    "short header": (b"\0\0\x08\x03\0\0", "ends after 6 bytes, inside its header"),
    "labels": (header(0x0801, 60) + BODY, "starts with 00 00 08 01 instead of 00 00 08 03"),
    "floats": (header(0x0D03, *SHAPE) + BODY, "starts with 00 00 0d 03"),
    "little-endian": (struct.pack("<4I", 0x0803, *SHAPE) + BODY, "starts with 03 08 00 00"),
    "html": (b"<html><body>404</body></html>", "starts with 3c 68 74 6d"),
    "more images": (header(0x0803, 6, 4, 3) + BODY, "header says 6 images of 4 × 3"),
    "fewer images": (header(0x0803, 4, 4, 3) + BODY, "header says 4 images of 4 × 3"),
    "zero": (header(0x0803, 0, 4, 3) + BODY, "header says 0 images of 4 × 3"),
    "negative": (header(0x0803, 0xFFFFFFFF, 4, 3) + BODY, "header says 4294967295 images"),
    "product wraps to 60": (header(0x0803, 5, 4, 3 + 2**31) + BODY, "of 4 × 2147483651"),
    "huge": (header(0x0803, 2**32 - 1, 2**32 - 1, 2**32 - 1) + BODY, "header says 4294967295 images"),
    "transposed": (header(0x0803, 5, 3, 4) + BODY, "images of 3 × 4"),
    "truncated": (header(0x0803, *SHAPE) + BODY[:-1], "holds 59 of the 60 pixels"),
    "trailing": (header(0x0803, *SHAPE) + BODY + b"x", "holds more than 76 bytes"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", BAD)
def test_what_is_not_the_file(case, packed, path):
    data, problem = BAD[case]
    path.write_bytes(gzip.compress(data) if packed else data)
    assert problem in refusal(path)


def test_an_empty_file(path):
    path.touch()
    assert "it is empty" in refusal(path)


def test_damaged_gzip(path, idx_bytes):
    good = gzip.compress(idx_bytes(IMAGES))
    for cut in (3, 12, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:cut])
        refusal(path)
    path.write_bytes(good[:-8] + bytes([good[-8] ^ 1]) + good[-7:])
    assert "CRC check failed" in refusal(path)
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert "Incorrect length" in refusal(path)
    path.write_bytes(good + b"garbage")
    assert "Not a gzipped file" in refusal(path)
    path.write_bytes(b"\x1f\x8b" + b"not gzip at all")
    assert "cannot be used" in refusal(path)


def test_a_gzip_bomb_is_not_inflated(path):
    """33 KB that would become 32 MB: read up to the 76 bytes of the real file, and no further."""
    squeeze = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    packed = squeeze.compress(header(0x0803, *SHAPE))
    packed += b"".join(squeeze.compress(zeros) for _ in range(32)) + squeeze.flush()
    path.write_bytes(packed)
    tracemalloc.start()
    assert "holds more than 76 bytes" in refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("packed", [False, True])
def test_a_small_file_that_claims_the_expected_size_costs_nothing(packed, path):
    """The header is right, the pixels are missing: nothing of their size is allocated."""
    shape = (60_000, 280, 280)
    data = header(0x0803, *shape)
    path.write_bytes(gzip.compress(data) if packed else data)
    tracemalloc.start()
    assert "holds 0 of the 4704000000 pixels" in refusal(path, shape)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_not_a_file(tmp_path):
    assert "it is a folder" in refusal(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "it is not a regular file" in refusal(pipe)
    device = tmp_path / "device"
    device.symlink_to("/dev/zero")
    assert "it is not a regular file" in refusal(device)
    assert "No such file or directory" in refusal(tmp_path / "missing")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert "Too many levels of symbolic links" in refusal(loop)


def test_permission_denied(public_folder, as_nobody, idx_bytes):
    path = public_folder / "images"
    path.write_bytes(idx_bytes(IMAGES))
    path.chmod(0)
    with as_nobody():
        assert "must be readable; got permission denied" in refusal(path)
    path.chmod(0o644)
    public_folder.chmod(0o600)
    with as_nobody():
        assert "must be readable; got permission denied" in refusal(path)


@given(
    packed=st.booleans(),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 200),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutations_give_images_or_a_data_error(packed, changes, cut, path, idx_bytes):
    data = bytearray(gzip.compress(idx_bytes(IMAGES)) if packed else idx_bytes(IMAGES))
    for position, byte in changes:
        data[position % len(data)] = byte
    path.write_bytes(data[: cut or None])
    try:
        images = read_images(path, SHAPE)
    except DataError:
        return
    assert images.shape == (5, 12)


def test_a_gzip_header_that_does_not_end(path):
    """Python reads the name in it byte by byte, before any limit on what is unpacked: 300 ns a byte."""
    path.write_bytes(b"\x1f\x8b\x08\x08" + bytes(6) + b"A" * 100_000)
    assert "it has 100010 bytes, more than could hold 76" in refusal(path)
