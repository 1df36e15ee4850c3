"""Run independent tasks on a few threads: progress, Ctrl-C within a fraction of a second, BLAS held still."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

from parzen.typing import Progress

__all__ = ["Cancelled", "Step", "Task", "run_tasks"]

#: Called by a task with the amount done since the last call; raises `Cancelled` after Ctrl-C.
Step = Callable[[int], None]
Task = Callable[[Step], None]

#: Pairs that one thread sums in the caller's, without a pool.
_TOO_SMALL = 2_000_000


class Cancelled(Exception):
    """Raised inside a task when the call was interrupted."""


class _SingleThreadedBlas:
    """BLAS keeps to one thread while any of our pools runs; the last one out restores it.

    threadpoolctl lets one living thread set OpenBLAS and ignores the others, so that one thread of our own does
    it for all callers.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="parzen-blas")
        self._controller: ThreadpoolController | None = None  # made once: finding the libraries takes 4 ms
        self._limits: Any = None

    def _limit(self) -> None:
        self._controller = self._controller or ThreadpoolController()
        self._limits = self._controller.limit(limits=1, user_api="blas")

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold BLAS to one thread inside the block."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._keeper.submit(self._limit).result()
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._keeper.submit(self._limits.restore_original_limits).result()


_blas = _SingleThreadedBlas()


def _after_fork() -> None:
    """A forked child has none of its parent's threads."""
    global _blas
    _blas = _SingleThreadedBlas()


os.register_at_fork(after_in_child=_after_fork)


def run_tasks(
    tasks: list[tuple[int, Task]],
    workers: int,
    progress: Progress | None = None,
    *,
    blas: bool = False,
) -> None:
    """Run every task; return when all are done.

    Parameters
    ----------
    tasks : list of (size, function)
        ``function(step)`` does the work and calls ``step(done)`` now and then with the amount done since
        the last call, in the unit of ``size``; ``step`` raises `Cancelled` after Ctrl-C.
    workers : int
        Threads.
    progress : callable, optional
        ``progress(done, total)``, called from the calling thread about ten times a second.
    blas : bool
        Whether tasks call BLAS, which is then kept to one thread.

    Raises
    ------
    KeyboardInterrupt
        After every thread has stopped.
    """
    if not tasks:
        return
    total = sum(size for size, _ in tasks)
    done = 0
    lock = threading.Lock()
    stop = threading.Event()

    alone = min(workers, len(tasks)) == 1 and total <= _TOO_SMALL
    last = time.monotonic()

    def report() -> None:
        nonlocal last
        if progress is not None and time.monotonic() - last > 0.1:
            last = time.monotonic()
            progress(done, total)

    def step(amount: int) -> None:
        nonlocal done
        with lock:
            done += amount
        if stop.is_set():
            raise Cancelled
        if alone:
            report()

    def run() -> None:
        if alone:
            for _, function in tasks:
                function(step)
            if progress is not None:
                progress(total, total)
            return
        with ThreadPoolExecutor(min(workers, len(tasks)), thread_name_prefix="parzen") as pool:
            try:
                pending: set[Future[None]] = {pool.submit(function, step) for _, function in tasks}
                while pending:
                    finished, pending = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
                    for future in finished:
                        future.result()
                    report()
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if progress is not None:
            progress(total, total)

    if blas:
        with _blas.hold():
            run()
    else:
        run()
