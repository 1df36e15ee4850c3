"""CIFAR-100: the archive and the folder, and archives that are not it."""

import gzip
import io
import pickle
import struct
import tarfile
import tracemalloc
import zlib

import numpy as np
import pytest

from parzen.datasets import cifar
from parzen.datasets.cifar import as_pictures, read_archive, read_folder
from parzen.errors import DataError

COUNTS = (6, 4)
RNG = np.random.default_rng(0)
TRAIN, TEST = (RNG.integers(0, 256, (count, 3072), dtype=np.uint8) for count in COUNTS)


def batch(pixels: np.ndarray, protocol: int = 2) -> bytes:
    labels = [1] * len(pixels)
    names = [f"{i}.png" for i in range(len(pixels))]
    content = {
        "filenames": names,
        "batch_label": "batch 1 of 1",
        "fine_labels": labels,
        "coarse_labels": labels,
    }
    return pickle.dumps(content | {"data": pixels}, protocol)


def member(name: str, data: bytes = b"", **changes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, data


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """An archive whose headers may claim anything."""
    parts = [info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512) for info, data in members]
    return b"".join(parts) + bytes(1024)


FOLDER = member("cifar-100-python/", type=tarfile.DIRTYPE)
GOOD = (FOLDER, member("cifar-100-python/train", batch(TRAIN)), member("cifar-100-python/test", batch(TEST)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cifar-100-python.tar.gz"


def refusal(path) -> str:
    with pytest.raises(DataError) as caught:
        read_archive([path], COUNTS)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert "--data DIR" in message
    return message


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("start", ["", "./"])
def test_archive(packed, start, path):
    named = [(f"{start}{info.name}", data) for info, data in GOOD[1:]]
    extra = member("cifar-100-python/file.txt~"), member("cifar-100-python/meta", b"not a pickle")
    data = tar(extra[0], FOLDER, *[member(name, data) for name, data in named], extra[1])
    path.write_bytes(gzip.compress(data) if packed else data)
    train, test = read_archive([path], COUNTS)
    np.testing.assert_array_equal(train, TRAIN)
    np.testing.assert_array_equal(test, TEST)


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_an_archive_packed_again(tar_format, path):
    with tarfile.open(path, "w:gz", format=tar_format) as archive:
        for info, data in GOOD:
            info = tarfile.TarInfo(info.name.rstrip("/"))
            info.size, info.mtime = len(data), 1234567890.5  # a pax record
            archive.addfile(info, io.BytesIO(data)) if data else None
    np.testing.assert_array_equal(read_archive([path], COUNTS)[0], TRAIN)


@pytest.mark.parametrize("protocol", range(6))
def test_folder(protocol, tmp_path):
    paths = [tmp_path / "train", tmp_path / "test"]
    paths[0].write_bytes(batch(TRAIN, protocol))
    paths[1].write_bytes(gzip.compress(batch(TEST, protocol)))
    train, test = read_folder(paths, COUNTS)
    np.testing.assert_array_equal(train, TRAIN)
    np.testing.assert_array_equal(test, TEST)


def test_rows_become_pictures():
    """A red, a green and a blue plane become pixels of three colours."""
    planes = np.zeros((1, 3, 32, 32), dtype=np.uint8)
    planes[0, 0], planes[0, 1], planes[0, 2] = 10, 20, np.arange(1024).reshape(32, 32) % 251
    picture = as_pictures(planes.reshape(1, 3072))[0].reshape(32, 32, 3)
    assert picture[0, 5].tolist() == [10, 20, 5]
    assert picture[1, 0].tolist() == [10, 20, 32]


TRAIN_MEMBER, TEST_MEMBER = GOOD[1:]
_IRREGULAR = "is neither a regular file nor a folder"


def with_train(content: object) -> bytes:
    """An archive with another pickle in the place of the train images."""
    return tar(member("cifar-100-python/train", pickle.dumps(content)), TEST_MEMBER)


BAD = {
    "absolute": (tar(*GOOD, member("/etc/cron.d/x", b"x")), "member '/etc/cron.d/x' lies outside of it"),
    "upwards": (tar(member("cifar-100-python/../../x", b"x"), *GOOD), "lies outside of it"),
    "symlink": (
        tar(member("cifar-100-python/train", type=tarfile.SYMTYPE, linkname="/etc/passwd"), TEST_MEMBER),
        "member 'cifar-100-python/train' is neither a regular file nor a folder",
    ),
    "hard link": (
        tar(TRAIN_MEMBER, member("cifar-100-python/test", type=tarfile.LNKTYPE, linkname="/etc/passwd")),
        _IRREGULAR,
    ),
    "device": (tar(*GOOD, member("cifar-100-python/x", type=tarfile.CHRTYPE, devmajor=1)), _IRREGULAR),
    "pipe": (tar(*GOOD, member("cifar-100-python/x", type=tarfile.FIFOTYPE)), _IRREGULAR),
    "sparse": (tar(*GOOD, member("cifar-100-python/x", type=tarfile.GNUTYPE_SPARSE)), _IRREGULAR),
    "long name": (tar(member("././@LongLink", b"x", type=tarfile.GNUTYPE_LONGNAME), *GOOD), _IRREGULAR),
    "duplicate in disguise": (tar(*GOOD, member("./cifar-100-python//train", batch(TRAIN))), "train twice"),
    "duplicate": (tar(*GOOD, TRAIN_MEMBER), "has the member cifar-100-python/train twice"),
    "more than the cap": (
        tar(TEST_MEMBER, member("cifar-100-python/train", size=(256 << 20) + 1)),
        "claims 268435457 bytes; at most 268435456 are read",
    ),
    "terabytes": (tar(member("cifar-100-python/x", size=1 << 60), *GOOD), "claims 1152921504606846976 bytes"),
    "negative": (tar(member("cifar-100-python/x", size=-512), *GOOD), "claims -512 bytes"),
    "more than it holds": (
        tar(TEST_MEMBER, member("cifar-100-python/x", b"x", size=100_000)),
        "ends 98816 bytes too early",
    ),
    "pickle longer than its member": (
        tar(member("cifar-100-python/train", batch(TRAIN), size=1000), TEST_MEMBER),
        "holds more than 1000 bytes",
    ),
    "no test": (tar(*GOOD[:2]), "has no member cifar-100-python/test"),
    "no train": (tar(TEST_MEMBER), "has no member cifar-100-python/train"),
    "empty archive": (tar(), "has no member"),
    "a folder named train": (
        tar(member("cifar-100-python/train", type=tarfile.DIRTYPE), TEST_MEMBER),
        "no member",
    ),
    "cifar 10": (tar(member("cifar-10-batches-py/data_batch_1", batch(TRAIN))), "has no member"),
    "bad checksum": (tar(*GOOD).replace(b"cifar-100-python/test", b"cifar-100-python/tesT"), "bad checksum"),
    "truncated": (tar(*GOOD)[:-1500], "only 18099 remain"),
    "not an archive": (b"<html>404</html>", "truncated header"),
    "noise": (RNG.bytes(2000), "invalid header"),
    "crowd": (tar(*[member(f"cifar-100-python/{i}") for i in range(101)]), "more than 100 members"),
    "pickle of a call": (with_train(print), "asks for 'builtins.print', which a NumPy array does not need"),
    "pickle of a list": (with_train([1]), "not a pickled dict"),
    "no data": (with_train({"x": 1}), "array under 'data'"),
    "lists for data": (with_train({"data": TRAIN.tolist()}), "array under 'data'"),
    "fewer images": (with_train({"data": TRAIN[:5]}), "shape (5, 3072)"),
    "other type": (with_train({"data": TRAIN.astype("i2")}), "type int16"),
    "images not flat": (with_train({"data": TRAIN.reshape(6, 3, 1024)}), "shape (6, 3, 1024)"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_the_archive(case, path, tmp_path):
    data, problem = BAD[case]
    path.write_bytes(gzip.compress(data))
    before = sorted(tmp_path.iterdir())
    tracemalloc.start()
    assert problem in refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
    assert sorted(tmp_path.iterdir()) == before  # nothing is extracted


def test_damaged_gzip(path):
    good = gzip.compress(tar(*GOOD))
    path.write_bytes(good[:-8] + bytes([good[-8] ^ 1]) + good[-7:])
    assert "CRC check failed" in refusal(path)
    path.write_bytes(good[: len(good) // 2])
    assert "ended before the end-of-stream marker" in refusal(path)
    path.write_bytes(b"")
    assert "it is empty" in refusal(path)


@pytest.mark.parametrize("inside", ["archive", "member"])
def test_a_bomb_is_inflated_no_further_than_the_cap(inside, path, monkeypatch):
    """The cap holds for the whole archive, also behind its last member and in members that are skipped."""
    monkeypatch.setattr(cifar, "_MAX_BYTES", 1_000_000)
    start = tar(*GOOD) if inside == "archive" else tar(*GOOD)[:-1024]
    if inside == "member":
        start += b"".join(
            member(f"cifar-100-python/{i}", bytes(600_000))[0].tobuf() + bytes(600_064) for i in range(2)
        )
    squeeze = zlib.compressobj(1, wbits=31)
    data = (
        squeeze.compress(start)
        + b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(64))
        + squeeze.flush()
    )
    path.write_bytes(data)
    tracemalloc.start()
    assert "holds more than 1000000 bytes" in refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_pickle_in_a_folder_that_claims_too_much(tmp_path):
    paths = [tmp_path / "train", tmp_path / "test"]
    paths[0].write_bytes(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"ab.")
    paths[1].write_bytes(batch(TEST))
    with pytest.raises(DataError, match=r"train must be the python version of CIFAR-100.*only 3 remain"):
        read_folder(paths, COUNTS)


def test_random_damage_gives_images_or_a_data_error(path):
    good = gzip.compress(tar(*GOOD), compresslevel=0)
    for seed in range(300):
        rng = np.random.default_rng(seed)
        data = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data[: rng.integers(len(data)) if seed % 3 == 0 else None])
        try:
            read_archive([path], COUNTS)
        except DataError:
            continue
