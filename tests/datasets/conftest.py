"""Fixtures of the data sets' tests."""

import os
import shutil
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No $PARZEN_DATA and an empty cache; returns the cache folder, which does not exist yet."""
    monkeypatch.delenv("PARZEN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "parzen"


@pytest.fixture
def idx_bytes() -> Callable[[np.ndarray], bytes]:
    """Write images (n, rows, columns) as an IDX file."""

    def write(images: np.ndarray) -> bytes:
        return struct.pack(">4I", 0x0803, *images.shape) + images.astype(np.uint8).tobytes()

    return write


@pytest.fixture
def as_nobody() -> Callable[[], AbstractContextManager[None]]:
    """A context in which this process is an ordinary user, whom modes of files concern."""

    @contextmanager
    def context() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        import pooch  # noqa: F401  (which nobody may not be able to import)

        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return context


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user may enter (pytest's own ones are private)."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)
