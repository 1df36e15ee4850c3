"""The pool: every task once, interruption at any moment, errors passed on, BLAS given back."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info

from parzen.kernel_sums.threads import run_tasks

LARGE = 10_000_000  # too large for the short cut that runs one small task in the caller's thread


def test_every_task_runs_once():
    done = []

    def task(number):
        def work(step):
            done.append(number)
            step(LARGE)

        return LARGE, work

    run_tasks([task(i) for i in range(20)], workers=3)
    assert sorted(done) == list(range(20))


@pytest.mark.parametrize("size", [1, LARGE])
def test_errors_are_passed_on(size):
    def fail(step):
        raise ZeroDivisionError("inside")

    with pytest.raises(ZeroDivisionError, match="inside"):
        run_tasks([(size, fail)], workers=2, blas=True)


def test_an_error_stops_the_others():
    """They run until their next step, not to their end."""
    steps = []

    def forever(step):
        while True:
            time.sleep(0.01)
            steps.append(1)
            step(1)

    def fail(step):
        time.sleep(0.05)
        raise ZeroDivisionError

    began = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        run_tasks([(LARGE, forever), (LARGE, fail), (LARGE, forever)], workers=2)
    assert time.monotonic() - began < 5


def until_cancelled(step):
    """Work that ends only when told to."""
    give_up = time.monotonic() + 6
    while time.monotonic() < give_up:
        time.sleep(0.005)
        step(1)
    raise TimeoutError("nobody cancelled this task")


def test_interruption_while_tasks_are_handed_out(monkeypatch):
    """With thousands of blocks, handing them out takes long enough for Ctrl-C to fall into it."""
    submit = ThreadPoolExecutor.submit
    calls = []

    def interrupted(self, *args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return submit(self, *args)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_tasks([(LARGE, until_cancelled)] * 5, workers=2)
    assert time.monotonic() - began < 5


def test_interruption_by_progress():
    def interrupt(done, total):
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_tasks([(LARGE, until_cancelled)] * 3, workers=2, progress=interrupt, blas=True)
    assert time.monotonic() - began < 5


def test_no_thread_is_left_behind():
    before = threading.active_count()
    run_tasks([(LARGE, lambda step: step(LARGE))] * 10, workers=3)
    assert threading.active_count() == before


def test_blas_is_single_threaded_inside_and_restored():
    inside = []

    def look(step):
        inside.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    before = threadpool_info()
    run_tasks([(LARGE, look)] * 2, workers=2, blas=True)
    assert threadpool_info() == before
    assert set(inside) == {1}


OVERLAPPING = """
import threading, time
from threadpoolctl import threadpool_info
from parzen.kernel_sums.threads import run_tasks

def blas():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

before, inside, leave = blas(), [], threading.Event()

def task(seconds):
    def work(step):
        inside.extend(blas())
        time.sleep(seconds)
    return 10_000_000, work

def call(delay, seconds):
    time.sleep(delay)
    run_tasks([task(seconds)] * 2, workers=2, blas=True)
    leave.wait(20)  # threads of a server's pool live on

threads = [threading.Thread(target=call, args=args) for args in ((0.0, 0.3), (0.15, 0.6))]
for thread in threads:
    thread.start()
time.sleep(1.5)
print(before, sorted(set(inside)), blas())
leave.set()
"""


def test_overlapping_calls_from_threads_give_blas_back():
    """threadpoolctl lets one living thread set OpenBLAS; the last call out may be in another one."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", OVERLAPPING], capture_output=True, text=True, env=environment)
    before, inside, after = run.stdout.replace("] [", "]|[").strip().split("|")
    assert inside == "[1]"
    assert after == before
