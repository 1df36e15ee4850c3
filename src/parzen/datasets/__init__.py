"""Real images, split as the experiment splits them: `load`.

A data set is one row of the table below: the layouts in which its files may lie in a folder, each with the
function that reads them, and where they are published. Files are looked for in this order:

1. the folder given (``data_dir``, ``--data DIR``), and nowhere else if one is given;
2. the folder named by the environment variable ``PARZEN_DATA``;
3. parzen's folder in the platform's cache;
4. the network: a download into that cache, with the published SHA-256.

In each folder ``<folder>/<name>/`` is tried first, then ``<folder>/`` itself.

======================  ======================================================================
`idx`, `mnist`          IDX files and ``mnist.pkl.gz``
`cifar`                 CIFAR-100's archive or folder of pickles
`unpickle`              pickles of arrays, read without running them
`files`                 bounded reads, and one sentence for whatever is wrong with a file
`digits`                scikit-learn's digits
`splits`                the shuffle and the pixel scale
`download`              pooch, with hashes, sizes and a progress bar
======================  ======================================================================
"""

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from parzen.datasets import cifar, mnist
from parzen.datasets.digits import DIGITS_SOURCE, read_digits
from parzen.datasets.download import Remote, cache_folder, fetch
from parzen.datasets.files import ByteArray
from parzen.datasets.splits import SEED, scaled, shuffled
from parzen.errors import DataError, InputError, InputTypeError
from parzen.typing import FloatArray
from parzen.validation import as_seed, describe

__all__ = ["NAMES", "ImageDataset", "load"]


@dataclass(frozen=True, eq=False, repr=False)
class ImageDataset:
    """Images in three splits, one image a row, pixels in [0, 1].

    Attributes
    ----------
    name : str
        As given to `load`.
    title : str
        What is in the pictures, in a few words.
    train, validation, test : ndarray of shape (n, d), float64
        ``row.reshape(image_shape)`` is a picture.
    image_shape : tuple of int
        (8, 8), (28, 28) or (32, 32, 3).
    source : str
        Where the data came from, in one line.
    """

    name: str
    title: str
    train: FloatArray
    validation: FloatArray
    test: FloatArray
    image_shape: tuple[int, ...]
    source: str

    def __repr__(self) -> str:
        """Show sizes instead of pixels."""
        sizes = (f"{split}={getattr(self, split).shape}" for split in ("train", "validation", "test"))
        return f"ImageDataset(name={self.name!r}, {', '.join(sizes)}, image_shape={self.image_shape})"


@dataclass(frozen=True)
class _Layout:
    """One way in which the files of a data set may lie in a folder."""

    files: tuple[tuple[str, ...], ...]  # for each file, the names that it may have
    read: Callable[[list[Path], tuple[int, int]], tuple[ByteArray, ByteArray]]
    counts: tuple[int, int]  # images in the train and the test file


@dataclass(frozen=True)
class _FileDataset:
    """One row of the table."""

    title: str
    image_shape: tuple[int, ...]
    levels: int  # a pixel is k/levels
    layouts: tuple[_Layout, ...]
    remotes: tuple[Remote, ...]
    n_shuffled: int = 50_000  # the first so many train images are shuffled …
    n_split: int = 10_000  # … and give so many to train, and as many to validation
    arrange: Callable[[ByteArray], ByteArray] = lambda pixels: pixels
    hint: str = ""

    @property
    def file_names(self) -> str:
        """The names to look for, in words."""
        return ", or ".join(" and ".join(names[0] for names in layout.files) for layout in self.layouts)


_IDX_ENDINGS = ("-idx3-ubyte.gz", "-idx3-ubyte", ".idx3-ubyte.gz", ".idx3-ubyte")
_IDX = _Layout(
    files=tuple(tuple(f"{stem}-images{ending}" for ending in _IDX_ENDINGS) for stem in ("train", "t10k")),
    read=mnist.read_idx_pair,
    counts=(60_000, 10_000),
)
_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist"
_FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"  # plain http: the hash vouches

# The SHA-256 are those that public data-set libraries pin for these addresses; at least two independent ones
# agree on each. The files themselves could not be fetched where this was written, but MNIST's and
# Fashion-MNIST's images were compared with the published hashes of the *unpacked* files.
_TABLE = {
    "mnist": _FileDataset(
        title="handwritten digits (MNIST)",
        image_shape=(28, 28),
        levels=mnist.LEVELS,
        layouts=(
            _IDX,
            _Layout((("mnist.pkl.gz", "mnist.pkl"),), mnist.read_tutorial_pickle, (50_000, 10_000)),
        ),
        remotes=(
            Remote(
                f"{_MNIST_URL}/train-images-idx3-ubyte.gz",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                9_912_422,
            ),
            Remote(
                f"{_MNIST_URL}/t10k-images-idx3-ubyte.gz",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                1_648_877,
            ),
        ),
    ),
    "fashion-mnist": _FileDataset(
        title="pieces of clothing (Fashion-MNIST)",
        image_shape=(28, 28),
        levels=mnist.LEVELS,
        layouts=(_IDX,),
        remotes=(
            Remote(
                f"{_FASHION_URL}/train-images-idx3-ubyte.gz",
                "08dc20ab1689590a0bcd66e874647b6ee8464e2d501b5a3f1f78831db19a3fdc",
                26_421_880,
            ),
            Remote(
                f"{_FASHION_URL}/t10k-images-idx3-ubyte.gz",
                "78dcbbfb5a27efaf1b6c1d616caca68560be8766c5bffcb2791df9273a534229",
                4_422_102,
            ),
        ),
        hint=" On Debian and Ubuntu `apt install dataset-fashion-mnist` puts them into "
        "/usr/share/datasets/fashion-mnist.",
    ),
    "cifar100": _FileDataset(
        title="small photographs (CIFAR-100)",
        image_shape=(32, 32, 3),
        levels=255,
        layouts=(
            _Layout(
                (("cifar-100-python.tar.gz", "cifar-100-python.tar"),), cifar.read_archive, (50_000, 10_000)
            ),
            _Layout(
                (("cifar-100-python/train", "train"), ("cifar-100-python/test", "test")),
                cifar.read_folder,
                (50_000, 10_000),
            ),
        ),
        remotes=(
            Remote(
                "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
                "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
                169_001_437,
            ),
        ),
        arrange=cifar.as_pictures,
    ),
}

#: The data sets that `load` knows.
NAMES = ("digits", *_TABLE)

# MNIST and Fashion-MNIST have the same file names and sizes: SHA-256 of the first 100 train images.
_FINGERPRINTS = {
    "c8d7b3ac57a59fa463cbbcdc21a53485e2990f12ca46d0fef62dd86cadfd67a3": "mnist",
    "9fd5e05238929f78618002dd971c29d7154e418c5e6c5159dcbc48bead93a90f": "fashion-mnist",
}


def load(
    name: str, *, data_dir: str | os.PathLike[str] | None = None, seed: int = SEED, download: bool = True
) -> ImageDataset:
    """Load real images, scaled to [0, 1] and split into train, validation and test.

    | name            | image       | pixel | train / validation / test               |
    | --------------- | ----------- | ----- | --------------------------------------- |
    | `digits`        | 8 × 8       | k/16  | 898 / 449 / 450: 1797 images, shuffled  |
    | `mnist`         | 28 × 28     | k/256 | 10 000 / 10 000 / 10 000, see Notes     |
    | `fashion-mnist` | 28 × 28     | k/256 | the same                                |
    | `cifar100`      | 32 × 32 × 3 | k/255 | the same                                |

    Parameters
    ----------
    name : str
        The data set, one of `NAMES`.
    data_dir : path, optional
        The folder that holds the files, themselves or in a folder ``name``. By default ``$PARZEN_DATA``,
        then the cache, then the network. ``digits`` needs none.
    seed : int
        Of the shuffle, 0 to 2³² - 1.
    download : bool
        Whether the network may be used.

    Raises
    ------
    InputError, InputTypeError
        Another name, or a seed that is not one.
    DataError
        The files are nowhere to be found, or are not what they claim to be. Nothing in them is ever
        executed or extracted to disk.

    Notes
    -----
    The first 50 000 train images are shuffled by ``numpy.random.RandomState(seed)``; the first 10 000 of them
    are train, the next 10 000 validation; test is the 10 000 test images in file order. Pixels are divided
    in float32 and then widened, as the original experiment did.

    CIFAR's rows are three colour planes; here they are reordered so that ``row.reshape(32, 32, 3)`` is a
    picture. A Gaussian density with one bandwidth does not depend on the order of the pixels.

    Cost: MNIST takes half a second and 310 MB at its peak, 190 MB of which is the result; CIFAR-100 takes
    3.5 seconds and 1.1 GB, 740 MB of which is the result.

    Examples
    --------
    >>> load("digits")
    ImageDataset(name='digits', train=(898, 64), validation=(449, 64), test=(450, 64), image_shape=(8, 8))
    """
    if not isinstance(name, str) or name not in NAMES:
        raise InputError(
            f"`name` must be one of {', '.join(NAMES)}; got {describe(name)}. Choose one of these."
        )
    seed = as_seed(seed)
    if name == "digits":
        return ImageDataset(
            name, "handwritten digits", *read_digits(seed), image_shape=(8, 8), source=DIGITS_SOURCE
        )
    return _load_files(name, _TABLE[name], data_dir, seed, download)


def _load_files(
    name: str, row: _FileDataset, data_dir: str | os.PathLike[str] | None, seed: int, may_download: bool
) -> ImageDataset:
    """Find, read, split and scale; only the rows that are needed become float64."""
    layout, paths = _locate(name, row, data_dir, may_download)
    train, test = layout.read(paths, layout.counts)
    _check_identity(name, paths[0], train)
    order = shuffled(row.n_shuffled, seed)

    def pictures(pixels: ByteArray) -> FloatArray:
        return scaled(row.arrange(pixels), row.levels)

    return ImageDataset(
        name,
        row.title,
        pictures(train[order[: row.n_split]]),
        pictures(train[order[row.n_split : 2 * row.n_split]]),
        pictures(test),
        row.image_shape,
        source=f"{' and '.join(path.name for path in paths)} in {paths[0].parent}",
    )


def _locate(
    name: str, row: _FileDataset, data_dir: str | os.PathLike[str] | None, may_download: bool
) -> tuple[_Layout, list[Path]]:
    """Return the first complete set of files, in the order of the module's docstring."""
    if data_dir is not None:
        folder = _as_folder(data_dir)
        found = _look(folder, name, row)
        if found is None:
            missing = [names[0] for names in row.layouts[0].files if _first_file(folder, names) is None]
            raise DataError(
                f"{folder} must hold the files of {name}; got a folder without {' and '.join(missing)}. "
                f"Put {row.file_names}, packed or unpacked, into it or into its folder {name}.{row.hint}"
            )
        return found

    cache = cache_folder()
    variable = os.environ.get("PARZEN_DATA")
    folders = [Path(os.path.expanduser(variable)), cache] if variable else [cache]
    for folder in folders:
        found = _look(folder, name, row)
        if found is not None:
            return found
    problem = "downloads are switched off"
    if may_download:
        try:
            fetch(row.remotes, cache / name)
        except DataError as error:
            problem = str(error)
        else:
            found = _look(cache, name, row)
            if found is not None:
                return found
            problem = f"{cache / name} lost what was downloaded"
    raise DataError(
        f"{name} must be on this machine or within reach; got nothing in {' or '.join(map(str, folders))}, "
        f"and {problem}. Put {row.file_names}, packed or unpacked, into {cache / name}, or into any folder "
        f"that you pass with --data DIR (`data_dir`) or name in $PARZEN_DATA.{row.hint}"
    )


def _as_folder(data_dir: str | os.PathLike[str]) -> Path:
    """Return the folder that the caller named."""
    if not isinstance(data_dir, (str, os.PathLike)):
        raise InputTypeError(
            f"`data_dir` must be a path; got {describe(data_dir)}. Pass the folder of the files."
        )
    folder = os.path.expanduser(data_dir)
    if not os.path.isdir(folder):
        kind = "is a file" if os.path.exists(folder) else "does not exist"
        raise DataError(
            f"`data_dir` must be a folder; got {str(folder)!r}, which {kind}. Pass the folder of the files."
        )
    return Path(folder)


def _look(folder: Path, name: str, row: _FileDataset) -> tuple[_Layout, list[Path]] | None:
    """Return the first layout of which ``folder/name`` or ``folder`` has every file."""
    for base in (folder / name, folder):
        for layout in row.layouts:
            paths = [path for names in layout.files if (path := _first_file(base, names))]
            if len(paths) == len(layout.files):
                return layout, paths
    return None


def _first_file(base: Path, names: tuple[str, ...]) -> Path | None:
    """Return the first of ``names`` that is there and is not a folder."""
    for path in (base / name for name in names):
        try:
            if not stat.S_ISDIR(path.stat().st_mode):
                return path
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:  # there, but out of reach: let reading it say why
            return path
    return None


def _check_identity(name: str, path: Path, train: ByteArray) -> None:
    """Refuse MNIST under the name of Fashion-MNIST and the reverse."""
    other = _FINGERPRINTS.get(hashlib.sha256(train[:100].tobytes()).hexdigest(), name)
    if other != name:
        raise DataError(
            f"{path} must be a file of {name}; got the images of {other}, whose files have the same names. "
            f"Put the files of {name} into a folder {name}, and pass the folder above it with --data DIR (`data_dir`)."
        )
