"""`parzen.datasets.load`: where files are looked for, how they are split, what the real ones give."""

import dataclasses
import gzip
import hashlib
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy.special import logsumexp

from parzen import datasets
from parzen.datasets import ImageDataset, load
from parzen.datasets.download import Remote
from parzen.datasets.splits import SEED
from parzen.errors import DataError, InputError, InputTypeError

RNG = np.random.default_rng(0)
TRAIN = RNG.integers(0, 256, (60, 28, 28), dtype=np.uint8)
TEST = RNG.integers(0, 256, (10, 28, 28), dtype=np.uint8)


@pytest.fixture
def small(monkeypatch, no_data):
    """The table of data sets at a thousandth of its size, with nowhere to download from."""

    def shrink(row):
        layouts = tuple(
            dataclasses.replace(layout, counts=tuple(count // 1000 for count in layout.counts))
            for layout in row.layouts
        )
        remotes = tuple(
            Remote(f"http://127.0.0.1:9/{remote.file_name}", remote.sha256, remote.size)
            for remote in row.remotes
        )
        return dataclasses.replace(row, layouts=layouts, remotes=remotes, n_shuffled=50, n_split=10)

    table = {name: shrink(row) for name, row in datasets._TABLE.items()}
    monkeypatch.setattr(datasets, "_TABLE", table)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return no_data


@pytest.fixture
def write_idx(idx_bytes):
    def write(
        folder, names=("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"), train=TRAIN, test=TEST
    ):
        folder.mkdir(parents=True, exist_ok=True)
        for name, images in zip(names, (train, test), strict=True):
            data = idx_bytes(images)
            (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return folder

    return write


def expected_splits(train, test, levels):
    """The issue's words: the first rows as float32, shuffled in place, and then float64."""
    pool = train.reshape(len(train), -1)[:50].astype(np.float32) / levels
    np.random.RandomState(1573368177).shuffle(pool)
    test = test.reshape(len(test), -1).astype(np.float32) / levels
    return [part.astype(np.float64) for part in (pool[:10], pool[10:20], test)]


def assert_splits(data: ImageDataset, expected) -> None:
    for split, values in zip(("train", "validation", "test"), expected, strict=True):
        got = getattr(data, split)
        assert got.dtype == np.float64
        assert got.flags.c_contiguous
        np.testing.assert_array_equal(got, values)


# --- what is loaded -------------------------------------------------------------------------------------


def test_digits():
    from sklearn.datasets import load_digits

    data = load("digits")
    images = load_digits().data / 16
    np.random.RandomState(1573368177).shuffle(images)
    assert_splits(data, (images[:898], images[898:1347], images[1347:]))
    assert data.image_shape == (8, 8)
    assert "scikit-learn" in data.source
    assert repr(data) == (
        "ImageDataset(name='digits', train=(898, 64), validation=(449, 64), test=(450, 64), "
        "image_shape=(8, 8))"
    )


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize(
    "names",
    [
        ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"),
        ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"),
        ("train-images.idx3-ubyte", "t10k-images.idx3-ubyte.gz"),
    ],
)
@pytest.mark.parametrize("below", [True, False])
def test_idx(name, names, below, small, tmp_path, write_idx):
    write_idx(tmp_path / name if below else tmp_path, names)
    data = load(name, data_dir=tmp_path)
    assert_splits(data, expected_splits(TRAIN, TEST, 256))
    assert data.name == name
    assert data.image_shape == (28, 28)
    assert data.source == f"{names[0]} and {names[1]} in {tmp_path / name if below else tmp_path}"


def test_the_pickle_gives_the_same_arrays_as_idx(small, tmp_path):
    def pair(images):
        return (images.reshape(len(images), 784) / np.float32(256)).astype(np.float32), np.zeros(
            len(images), "i8"
        )

    content = (pair(TRAIN[:50]), pair(TRAIN[50:]), pair(TEST))
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(pickle.dumps(content, 2)))
    assert_splits(load("mnist", data_dir=str(tmp_path)), expected_splits(TRAIN, TEST, 256))


def test_cifar(small, tmp_path):
    train, test = (RNG.integers(0, 256, (count, 3072), dtype=np.uint8) for count in (50, 10))
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, pixels in (("train", train), ("test", test)):
        (folder / name).write_bytes(pickle.dumps({"data": pixels}, 2))
    pictures = [pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for pixels in (train, test)]
    for data_dir in (tmp_path, folder):
        data = load("cifar100", data_dir=data_dir)
        assert_splits(data, expected_splits(*pictures, 255))
        assert data.image_shape == (32, 32, 3)


def test_another_seed_is_another_split(small, tmp_path, write_idx):
    write_idx(tmp_path)
    default, other = (load("mnist", data_dir=tmp_path, seed=seed) for seed in (SEED, 1))
    assert not np.array_equal(default.train, other.train)
    np.testing.assert_array_equal(default.test, other.test)
    assert not np.array_equal(load("digits").test, load("digits", seed=1).test)


def test_a_dataset_is_a_value():
    data = load("digits")
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"
    assert data == data
    assert data != load("digits")  # by identity: arrays have no truth value


# --- where it is looked for -----------------------------------------------------------------------------


def test_the_order_of_places(small, tmp_path, write_idx, monkeypatch):
    """Each place holds other images; the first place that has them wins."""
    variable, argument = tmp_path / "variable", tmp_path / "argument"
    write_idx(small / "mnist", test=TEST // 2)
    assert load("mnist").test.max() <= 0.5
    write_idx(variable, test=TEST // 4)
    monkeypatch.setenv("PARZEN_DATA", str(variable))
    assert load("mnist").test.max() <= 0.25
    write_idx(argument, test=TEST // 8)
    assert load("mnist", data_dir=argument).test.max() <= 0.125
    write_idx(argument / "mnist", test=TEST // 16)
    assert load("mnist", data_dir=argument).test.max() <= 0.0625


def test_an_incomplete_place_is_passed_over(small, tmp_path, write_idx, monkeypatch):
    variable = write_idx(tmp_path / "variable")
    (variable / "t10k-images-idx3-ubyte.gz").unlink()
    monkeypatch.setenv("PARZEN_DATA", str(variable))
    write_idx(small / "mnist")
    assert str(small) in load("mnist").source
    monkeypatch.setenv("PARZEN_DATA", str(tmp_path / "missing"))
    assert str(small) in load("mnist").source
    monkeypatch.setenv("PARZEN_DATA", "")
    assert str(small) in load("mnist").source


def test_a_home_folder_may_be_abbreviated(small, tmp_path, write_idx, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_idx(tmp_path / "data")
    assert str(tmp_path) in load("mnist", data_dir="~/data").source
    monkeypatch.setenv("PARZEN_DATA", "~/data")
    assert str(tmp_path) in load("mnist").source


def test_folders_named_like_the_files_are_passed_over(small, tmp_path, write_idx):
    """Some archives unpack to a folder of the file's name, with the file inside."""
    write_idx(tmp_path, ("train-images.idx3-ubyte", "t10k-images.idx3-ubyte"))
    (tmp_path / "train-images-idx3-ubyte").mkdir()
    assert "train-images.idx3-ubyte" in load("mnist", data_dir=tmp_path).source


def test_a_download_fills_the_cache(small, monkeypatch, idx_bytes):
    import http.server
    import threading

    bodies = {f"/{stem}-images-idx3-ubyte.gz": gzip.compress(idx_bytes(images)) for stem, images in
              (("train", TRAIN), ("t10k", TEST))}  # fmt: skip

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(bodies[self.path])))
            self.end_headers()
            self.wfile.write(bodies[self.path])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            base = f"http://127.0.0.1:{server.server_address[1]}"
            remotes = tuple(
                Remote(base + path, hashlib.sha256(body).hexdigest(), len(body))
                for path, body in bodies.items()
            )
            row = dataclasses.replace(datasets._TABLE["mnist"], remotes=remotes)
            monkeypatch.setitem(datasets._TABLE, "mnist", row)
            first = load("mnist")
        finally:
            server.shutdown()
            thread.join()
    assert first.source == f"train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz in {small / 'mnist'}"
    assert_splits(first, expected_splits(TRAIN, TEST, 256))
    assert_splits(load("mnist"), expected_splits(TRAIN, TEST, 256))  # the server is gone


# --- what is said when it is not there ------------------------------------------------------------------


def refusal(*args, **kwargs) -> str:
    with pytest.raises(DataError) as caught:
        load(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_offline(small, tmp_path, monkeypatch):
    monkeypatch.setenv("PARZEN_DATA", str(tmp_path))
    start = time.monotonic()
    assert refusal("mnist") == (
        f"mnist must be on this machine or within reach; got nothing in {tmp_path} or {small}, and the "
        "connection to http://127.0.0.1:9/train-images-idx3-ubyte.gz failed. Put "
        "train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz, or mnist.pkl.gz, packed or unpacked, into "
        f"{small / 'mnist'}, or into any folder that you pass with --data DIR (`data_dir`) or name in "
        "$PARZEN_DATA."
    )
    assert time.monotonic() - start < 5
    message = refusal("fashion-mnist", download=False)
    assert "and downloads are switched off. Put train-images-idx3-ubyte.gz" in message
    assert "`apt install dataset-fashion-mnist` puts them into /usr/share/datasets/fashion-mnist" in message
    assert "cifar-100-python.tar.gz, or cifar-100-python/train and cifar-100-python/test" in refusal(
        "cifar100"
    )


def test_an_explicit_folder_is_the_only_place(small, tmp_path, write_idx, monkeypatch):
    """Even if the files lie elsewhere: whoever names a folder means that folder."""
    write_idx(small / "mnist")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refusal("mnist", data_dir=empty) == (
        f"{empty} must hold the files of mnist; got a folder without train-images-idx3-ubyte.gz and "
        "t10k-images-idx3-ubyte.gz. Put train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz, "
        "or mnist.pkl.gz, packed or unpacked, into it or into its folder mnist."
    )
    write_idx(empty)
    (empty / "t10k-images-idx3-ubyte.gz").unlink()
    assert "got a folder without t10k-images-idx3-ubyte.gz. Put" in refusal("mnist", data_dir=empty)
    assert "dataset-fashion-mnist" in refusal("fashion-mnist", data_dir=empty)


def test_a_folder_that_is_none(small, tmp_path):
    (tmp_path / "file").touch()
    assert f"must be a folder; got '{tmp_path}/file', which is a file" in refusal(
        "mnist", data_dir=tmp_path / "file"
    )
    assert "which does not exist. Pass the folder of the files." in refusal(
        "mnist", data_dir=tmp_path / "missing"
    )
    assert "which does not exist" in refusal("mnist", data_dir="null\0byte")
    with pytest.raises(InputTypeError, match="`data_dir` must be a path; got 3"):
        load("mnist", data_dir=3)


def test_a_folder_in_the_place_of_a_file(small, tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").mkdir()
    assert "got a folder without train-images-idx3-ubyte.gz" in refusal("mnist", data_dir=tmp_path)


def test_files_that_nobody_may_read(small, public_folder, write_idx, as_nobody, monkeypatch):
    """An unreadable file is an error of its own, not a file that is missing."""
    write_idx(public_folder)
    (public_folder / "train-images-idx3-ubyte.gz").chmod(0)
    with as_nobody():
        message = refusal("mnist", data_dir=public_folder)
    assert message.startswith(
        f"{public_folder}/train-images-idx3-ubyte.gz must be readable; got permission denied."
    )
    public_folder.chmod(0o600)
    monkeypatch.setenv("PARZEN_DATA", str(public_folder))
    with as_nobody():
        assert "must be readable; got permission denied" in refusal("mnist")


def test_a_bad_file_is_named(small, tmp_path, write_idx):
    write_idx(tmp_path, train=TRAIN[:59])
    assert refusal("mnist", data_dir=tmp_path) == (
        f"{tmp_path}/train-images-idx3-ubyte.gz must be an IDX file, plain or .gz, of 60 images of 28 × 28 "
        "bytes; got a file that cannot be used: its header says 59 images of 28 × 28. Replace it with a "
        "fresh copy, or pass the folder of a good one with --data DIR (`data_dir`)."
    )


@pytest.mark.parametrize("name", ["MNIST", "cifar-100", "", "mnist ", None, 3, ["mnist"]])
def test_another_name(name):
    with pytest.raises(
        InputError, match=r"`name` must be one of digits, mnist, fashion-mnist, cifar100; got "
    ):
        load(name)
    assert datasets.NAMES == ("digits", "mnist", "fashion-mnist", "cifar100")


@pytest.mark.parametrize("seed", [-1, 2**32, 10**30])
def test_a_seed_out_of_range(seed):
    with pytest.raises(InputError, match="`seed` must be "):
        load("digits", seed=seed)


@pytest.mark.parametrize("seed", [1.0, "1", None, True])
def test_a_seed_of_another_kind(seed):
    with pytest.raises(InputTypeError, match="`seed` must be an integer"):
        load("digits", seed=seed)


# --- the real files -------------------------------------------------------------------------------------


def mean_log_density(samples, queries, bandwidth):
    """A Gaussian KDE, summed term by term."""
    exponents = -0.5 * ((queries[:, None] - samples[None]) ** 2).sum(axis=2) / bandwidth**2
    d = samples.shape[1]
    norm = np.log(len(samples)) + d / 2 * np.log(2 * np.pi * bandwidth**2)
    return float(np.mean(logsumexp(exponents, axis=1) - norm))


@pytest.mark.mnist
def test_real_mnist_reproduces_the_original_experiment(mnist_folder):
    data = load("mnist", data_dir=mnist_folder)
    assert data.train.shape == data.validation.shape == data.test.shape == (10_000, 784)
    assert mean_log_density(data.train[:10], data.validation[:10], 0.5) == pytest.approx(-326.0220, abs=5e-5)
    assert mean_log_density(data.train[:10], data.test[:10], 0.5) == pytest.approx(-319.5088, abs=5e-5)
    digest = hashlib.sha256(b"".join(split.tobytes() for split in (data.train, data.validation, data.test)))
    assert digest.hexdigest() == "672ac30d787d5614db30c313bb9fd18659cea61c54a8d1496672cbde7417dc89"


@pytest.mark.mnist
def test_real_mnist_under_another_name_is_refused(mnist_folder):
    message = refusal("fashion-mnist", data_dir=mnist_folder)
    assert (
        "must be a file of fashion-mnist; got the images of mnist, whose files have the same names" in message
    )


@pytest.mark.mnist
def test_real_mnist_is_loaded_quickly_and_in_little_memory(mnist_folder):
    program = f"""
import pathlib, time
from parzen.datasets import load
import numpy.random
start = time.perf_counter()
load("mnist", data_dir={str(mnist_folder)!r})
print(time.perf_counter() - start)
print(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    seconds, kilobytes = map(float, result.stdout.split())
    assert seconds < 2
    assert kilobytes < 400_000
