"""Pages of dropped results serve the next call, and only when nobody can see them any more."""

import gc
import mmap
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from parzen.derivatives.arrays import pages
from parzen.grid import gradient

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems lend no pages")


@pytest.fixture(autouse=True)
def none_kept():
    """Begin and end without kept pages."""
    gc.collect()
    pages.release()
    yield
    pages.release()


def samples(n: int, seed: int = 0) -> np.ndarray:
    """Return n x n samples."""
    return np.random.default_rng(seed).standard_normal((n, n))


def address(array: np.ndarray) -> int:
    """Return where an array begins."""
    return array.__array_interface__["data"][0]


@linux
@pytest.mark.parametrize("n", [400, 600, 1100])
def test_dropped_results_serve_the_next_call(n):
    f, g = samples(n), samples(n, 1)
    first = gradient(f)
    places = {address(a) for a in first}
    del first
    again = gradient(g)
    assert {address(a) for a in again} == places
    for ours, theirs in zip(again, np.gradient(g), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@linux
def test_no_page_is_taken_while_any_view_is_held():
    f = samples(600)
    expected = np.gradient(f)[0][3:9, ::5]
    result = gradient(f)
    views = [
        result[0][3:9, ::5],
        result[0].T[::5, 3:9].T,
        np.asarray(memoryview(result[0])[3:9])[:, ::5],
        result[0].view(np.matrix)[3:9, ::5],
        result[0].ravel()[3 * 600 : 9 * 600].view(np.uint64).view(np.float64).reshape(6, 600)[:, ::5],
        np.lib.stride_tricks.sliding_window_view(result[0], 1, axis=0)[3:9, ::5, 0],
    ]
    place = address(result[0])
    del result
    while views:
        others = [gradient(samples(600, seed)) for seed in range(2)]
        assert all(address(a) != place for other in others for a in other)
        for view in views:
            np.testing.assert_array_equal(np.asarray(view), expected)
        del others, view
        views.pop(0)
    assert any(address(a) == place for other in [gradient(f), gradient(f)] for a in other)


def kept() -> int:
    """Return how many dropped results wait for the next call."""
    return sum(entry.idle() for entry in pages._lent)


@linux
def test_few_are_kept_and_only_of_the_size_asked_for_last():
    results = [gradient(samples(600)) for _ in range(9)]
    del results
    assert kept() == pages._MOST
    small = gradient(samples(500))
    assert kept() == 0
    del small
    assert kept() == 2


@linux
def test_results_that_are_held_do_not_fill_the_places_of_those_that_are_dropped():
    held = [gradient(samples(600)) for _ in range(5)]
    places = set()
    for _ in range(4):
        places |= {address(a) for a in gradient(samples(600))}
    assert len(places) == 2
    del held


@linux
def test_large_results_are_not_kept_for_long(monkeypatch):
    monkeypatch.setattr(pages, "_MOST_BYTES", 8_000_000)
    results = [gradient(samples(500)) for _ in range(3)]  # 2 MB each
    del results
    assert 0 < kept() * 2_000_000 <= 8_000_000
    pages.release()
    result = gradient(samples(800))  # 5 MB
    del result
    assert kept() == 0


@linux
def test_a_buffer_of_the_pages_themselves_keeps_them():
    result = gradient(samples(600))[0]
    owner = result
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    raw = np.frombuffer(owner.base, np.uint8)
    expected = raw.copy()
    del result, owner
    others = [gradient(samples(600, seed)) for seed in range(4)]
    np.testing.assert_array_equal(raw, expected)
    del others


@linux
def test_dropping_a_result_runs_no_python():
    """Ctrl-C in a Python callback was printed and lost, and at the recursion limit the pages were never freed."""
    calls = []

    def trace(frame, event, argument):
        calls.append((event, frame.f_code.co_name))

    result = [gradient(samples(600))]
    sys.setprofile(trace)
    try:
        result.clear()
    finally:
        sys.setprofile(None)
    assert [name for event, name in calls if event == "call"] == []
    assert kept() == 2


@linux
def test_a_system_that_refuses_lazy_freeing_lends_nothing(monkeypatch, recwarn):
    monkeypatch.setattr(pages.mmap, "MADV_FREE", 4321)
    f = samples(600)
    result = gradient(f)
    np.testing.assert_array_equal(result[0], np.gradient(f)[0])
    del result
    assert kept() == 0
    assert not recwarn.list


@linux
def test_kept_pages_make_room_before_memory_runs_out(monkeypatch):
    from parzen.derivatives.arrays import layout

    f = samples(600)
    expected = np.gradient(f)
    gradient(f)
    assert kept() == 2
    original = layout.new_output

    def scarce(shape, dtype):
        if pages._lent:
            raise MemoryError
        return original(shape, dtype)

    monkeypatch.setattr(layout, "new_output", scarce)
    np.testing.assert_array_equal(gradient(f, axis=0), expected[0])

    def none(shape, dtype):
        raise MemoryError

    monkeypatch.setattr(layout, "new_output", none)
    with pytest.raises(MemoryError):
        gradient(f)


@linux
def test_with_a_limit_on_addresses_nothing_is_kept():
    code = """
import resource, numpy as np
from parzen.grid import gradient
from parzen.derivatives.arrays import pages
f = np.random.default_rng(0).standard_normal((600, 600))
gradient(f)
assert sum(e.idle() for e in pages._lent) == 2
resource.setrlimit(resource.RLIMIT_AS, (1 << 40, resource.RLIM_INFINITY))
pages.release()
gradient(f)
assert not pages._lent
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_where_no_thread_can_be_started_the_caller_does_it_all(monkeypatch):
    from parzen.derivatives.arrays import sweep

    def refuse(*arguments):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(sweep, "start_new_thread", refuse)
    f = samples(1100)
    for ours, theirs in zip(gradient(f, workers=4), np.gradient(f), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@linux
def test_kept_pages_belong_to_the_system():
    def lazily_free() -> int:
        with open("/proc/self/smaps_rollup", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("LazyFree"))

    gradient(samples(2000))
    held = sum(len(entry.pages) for entry in pages._lent)
    assert lazily_free() * 1024 >= 0.9 * (held - 2 * pages.PAGE)
    # the system takes them all; what it gives instead is as good
    for entry in pages._lent:
        entry.pages.madvise(mmap.MADV_DONTNEED)
    f = samples(2000, 1)
    for ours, theirs in zip(gradient(f), np.gradient(f), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("refusal", ["platform", "mmap"])
@pytest.mark.parametrize("n", [400, 1100])
def test_without_pages_of_our_own_the_result_is_the_same(monkeypatch, refusal, n):
    if refusal == "platform":
        monkeypatch.setattr(pages.sys, "platform", "darwin")
    else:

        def refuse(*args, **kwargs):
            raise OSError(12, "Cannot allocate memory")

        monkeypatch.setattr(pages.mmap, "mmap", refuse)
    f = samples(n)
    for ours, theirs in zip(gradient(f), np.gradient(f), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not pages._lent


def test_threads_never_share_pages():
    fields = [samples(420, seed) for seed in range(8)]
    truths = [np.gradient(f) for f in fields]

    def check(k: int) -> bool:
        held = []
        for turn in range(12):
            got = gradient(fields[(k + turn) % 8], workers=1)
            held = [*held[-1:], (got, (k + turn) % 8)]
            del got
            if not all(np.array_equal(a, b) for r, i in held for a, b in zip(r, truths[i], strict=True)):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(check, range(8)))


@pytest.mark.parametrize("dtype", ["f4", "c8", "c16", "f2", "i4", "m8[s]"])
def test_every_dtype_on_used_pages(dtype):
    f = (100 * samples(900)).astype(np.int64).astype(dtype)
    for _ in range(3):
        for ours, theirs in zip(gradient(f), np.gradient(f), strict=True):
            assert ours.dtype == theirs.dtype
            np.testing.assert_allclose(
                ours.astype("c16") if ours.dtype.kind != "m" else ours.astype("i8"),
                theirs.astype("c16") if ours.dtype.kind != "m" else theirs.astype("i8"),
                rtol=1e-3 if dtype == "f2" else 1e-6,
                atol=1e-12,
            )


@linux
def test_results_take_no_more_memory_than_they_need():
    def resident() -> int:
        with open("/proc/self/statm", encoding="ascii") as line:
            return int(line.read().split()[1]) * mmap.PAGESIZE

    f = samples(600)
    gradient(f)
    before = resident()
    held = [gradient(f) for _ in range(30)]
    needed = sum(a.nbytes for result in held for a in result)
    assert resident() - before < 1.1 * needed
