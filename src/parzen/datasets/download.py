"""Fetch the published files, with their SHA-256 and their size."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parzen.errors import DataError

__all__ = ["Remote", "cache_folder", "fetch"]

_TIMEOUT = (10, 30)  # seconds to connect, and to wait for the next bytes
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Remote:
    """A published file."""

    url: str
    sha256: str
    size: int  # bytes

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return self.url.rsplit("/", 1)[1]


def cache_folder() -> Path:
    """Return the platform's cache folder for parzen, which need not exist."""
    import pooch

    return Path(pooch.os_cache("parzen"))


def fetch(remotes: tuple[Remote, ...], folder: Path) -> None:
    """Download the files that ``folder`` lacks. A progress bar is shown if stderr is a terminal.

    Raises
    ------
    DataError
        No connection, an answer that is not the file, a file of another size or hash, or a folder that
        cannot be written. The message says which, and no more: the caller knows the remedy.
    """
    import pooch
    import requests

    for remote in remotes:
        if (folder / remote.file_name).exists():
            continue
        progress = _Progress(remote)
        downloader = pooch.HTTPDownloader(timeout=_TIMEOUT, chunk_size=_CHUNK, progressbar=progress)
        try:
            with _quiet(pooch.get_logger()):  # the bar and the error say what it would
                pooch.retrieve(
                    remote.url,
                    f"sha256:{remote.sha256}",
                    fname=remote.file_name,
                    path=folder,
                    downloader=downloader,
                )
        except requests.HTTPError as error:
            status = getattr(error.response, "status_code", "an error")
            raise DataError(f"{remote.url} answered {status}") from error
        except requests.Timeout as error:
            raise DataError(f"{remote.url} did not answer in time") from error
        except requests.RequestException as error:
            raise DataError(f"the connection to {remote.url} failed") from error
        except OSError as error:
            raise DataError(f"{folder} cannot be written ({error.strerror or error})") from error
        except ValueError as error:  # pooch has deleted the file
            raise DataError(f"{remote.url} sent a file that does not have the published SHA-256") from error
        finally:
            progress.close()


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Let a logger pass warnings and errors only."""
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Progress:
    """What pooch reports to: it draws a bar on a terminal, and stops a download that does not end."""

    def __init__(self, remote: Remote) -> None:
        self.total = 0  # set by pooch: what the server says
        self._remote = remote
        self._received = 0
        self._bar: Any = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task(remote.file_name, total=remote.size)
            self._bar.start()

    def update(self, size: int) -> None:
        """Count ``size`` more bytes (pooch rounds up to whole chunks)."""
        self._received += size
        if self._received > self._remote.size + _CHUNK:
            raise DataError(
                f"{self._remote.url} sends more than the {self._remote.size} bytes of the published file"
            )
        if self._bar is not None:
            self._bar.update(self._task, completed=min(self._received, self._remote.size))

    def reset(self) -> None:
        """Forget the rounding, before the true total comes."""
        self._received = 0

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.stop()
