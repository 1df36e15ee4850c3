import logging
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import parzen
from parzen.datasets import load
from parzen.errors import InputError
from parzen.experiment import protocol
from parzen.experiment.peers import plain_log_density
from parzen.experiment.protocol import Outcome
from parzen.experiment.settings import BANDWIDTHS, Settings
from parzen.typing import Progress


def test_rows_are_the_plain_sums(outcome: Outcome) -> None:
    data = load("digits")
    train, valid, test = data.train[:200], data.validation[:100], data.test[:90]
    pairs = {"validation": (train, valid), "test": (train, test), "train-given-validation": (valid, train)}
    for row in outcome.rows:
        samples, queries = pairs[row.split]
        values = plain_log_density(samples, queries, row.bandwidth)
        assert row.mean_log_density == pytest.approx(values.mean(), abs=1e-9)
        assert row.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(len(values)), rel=1e-9)
        assert (row.dataset, row.n_train, row.n_queries) == ("digits", len(samples), len(queries))
        assert row.seconds > 0


def test_rows_come_in_order(outcome: Outcome) -> None:
    assert [row.split for row in outcome.rows] == ["validation"] * 9 + ["test"] * 2 + [
        "train-given-validation"
    ]
    assert tuple(row.bandwidth for row in outcome.rows[:8]) == BANDWIDTHS
    chosen, best = outcome.bandwidth, outcome.sweep.best
    assert [row.bandwidth for row in outcome.rows[8:]] == [chosen, best, chosen, chosen]
    assert outcome.validation is outcome.rows[8]
    assert outcome.test is outcome.rows[10]
    assert outcome.turned is outcome.rows[11]


def test_refinement_is_the_optimum(outcome: Outcome) -> None:
    data = outcome.data
    around = parzen.sweep(
        data.train,
        data.validation,
        bandwidths=outcome.bandwidth * np.array([0.99, 1.0, 1.01]),
        progress=False,
    )
    assert around.best == outcome.bandwidth
    assert outcome.validation.mean_log_density > max(row.mean_log_density for row in outcome.rows[:8])


def test_the_rest_belongs_to_the_chosen_bandwidth(outcome: Outcome) -> None:
    data, h = outcome.data, outcome.bandwidth
    np.testing.assert_allclose(
        outcome.test_log_density, plain_log_density(data.train, data.test, h), rtol=0, atol=1e-9
    )
    assert outcome.pull.index == int(np.argmin(outcome.test_log_density))
    query = data.test[outcome.pull.index]
    weights = np.exp(-0.5 * np.sum(((data.train - query) / h) ** 2, axis=1))
    expected = (weights @ data.train / weights.sum() - query) / h**2
    np.testing.assert_allclose(outcome.pull.gradient, expected, rtol=0, atol=1e-9)
    assert len(outcome.test_seconds) == 3
    assert outcome.error_bound <= 1e-9
    assert "90 queries under 200 samples in 64 dimensions" in outcome.plan
    assert outcome.method in outcome.plan
    assert [peer.bandwidth for peer in outcome.peers] == [h] * 6
    assert outcome.peers[0].agrees


def test_times_add_up(outcome: Outcome) -> None:
    steps = dict(outcome.seconds)
    total = steps.pop("total")
    assert list(steps) == ["load", "compile", "sweep", "refine", "test", "turn", "look", "peers"]
    assert total == pytest.approx(sum(steps.values()))


def test_without_refinement_the_best_of_the_list_is_chosen(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings("digits", first=20, bandwidths=(2.0, 0.3, 0.1), repeats=1, check_against=())
    with caplog.at_level(logging.INFO, "parzen"):
        outcome = protocol.run(settings)
    assert outcome.refinement is None
    assert outcome.bandwidth == outcome.sweep.best == 0.3
    assert outcome.validation is outcome.rows[1]
    assert not outcome.sweep.best_is_at_the_edge
    assert outcome.peers == ()
    assert len(outcome.rows) == 5
    assert (
        f"σ = 0.3: mean log density of validation {outcome.validation.mean_log_density:.4f}"
        in caplog.messages
    )
    assert len(caplog.messages) == 6  # the start, three bandwidths, the test, the other way round


def test_one_image_of_each_has_no_standard_error() -> None:
    outcome = protocol.run(Settings("digits", first=1, repeats=1, check_against=()))
    assert all(math.isnan(row.standard_error) for row in outcome.rows)
    assert all(math.isfinite(row.mean_log_density) for row in outcome.rows)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n_train": 5000}, "`--n-train` must be at most 898, the train images of digits; got 5000."),
        ({"n_valid": 450}, "`--n-valid` must be at most 449, the validation images of digits; got 450."),
        ({"first": 10, "n_test": 451}, "`--n-test` must be at most 450, the test images of digits; got 451."),
    ],
)
def test_more_rows_than_there_are(asked: dict[str, int], message: str) -> None:
    with pytest.raises(InputError) as caught:
        protocol.run(Settings("digits", **asked))
    assert str(caught.value).startswith(message)


def test_first_takes_all_of_a_smaller_split(caplog: pytest.LogCaptureFixture) -> None:
    """Once `--first 600` was refused, though its help speaks of each split."""
    outcome = protocol.run(Settings("digits", first=460, bandwidths=(0.5,), repeats=1, check_against=()))
    assert [len(getattr(outcome.data, split)) for split in ("train", "validation", "test")] == [460, 449, 450]
    assert "digits has only 449 validation images: all of them are used" in caplog.text
    assert "train" not in "".join(line for line in caplog.text.splitlines() if "has only" in line)


def test_one_bandwidth_is_not_called_bandwidths() -> None:
    titles: list[str] = []

    class Watcher:
        @contextmanager
        def step(self, title: str) -> Iterator[Progress]:
            titles.append(title)
            yield lambda done, total: None

    protocol.run(Settings("digits", first=5, bandwidths=(0.5,), repeats=1, check_against=()), Watcher())
    assert "Trying 1 bandwidth" in titles


def test_a_watcher_sees_every_step_end() -> None:
    seen: list[tuple[str, int, int]] = []

    class Watcher:
        @contextmanager
        def step(self, title: str) -> Iterator[Progress]:
            yield lambda done, total: seen.append((title, done, total))

    settings = Settings("digits", first=30, repeats=2, refine=True, check_against=("sklearn",))
    protocol.run(settings, Watcher())
    last = {title: (done, total) for title, done, total in seen}
    assert {"Trying 8 bandwidths", "Evaluating the test images", "Asking other packages"} <= set(last)
    assert all(done == total for done, total in last.values())
    assert last["Asking other packages"] == (2, 2)
    tested = [done / total for title, done, total in seen if title == "Evaluating the test images"]
    assert tested == sorted(tested)  # one bar over the two repeats and the best of the list
    assert tested[0] <= 1 / 3


@pytest.mark.mnist
def test_the_table_of_the_original(mnist_folder: object) -> None:
    settings = Settings("mnist", data_dir=mnist_folder, first=10, repeats=1, check_against=())  # type: ignore[arg-type]
    outcome = protocol.run(settings)
    table = [-13044.42, -4473.17, -2585.10, -377.8457, -326.0220, -759.3353, -1056.6487, -1274.7857]
    within = [0.011, 0.005, 0.005, *[5e-5] * 5]
    for row, expected, tolerance in zip(outcome.rows, table, within, strict=False):
        assert row.mean_log_density == pytest.approx(expected, abs=tolerance)
    assert outcome.bandwidth == 0.5
    assert outcome.test.mean_log_density == pytest.approx(-319.5088, abs=5e-5)


@pytest.mark.parametrize("changes", ["refine=True", "bandwidths=(0.05,)"])
def test_all_is_compiled_before_anything_is_timed(tmp_path: Path, changes: str) -> None:
    """Once the first run called compiling the sweep 2.8 s of computing, and the gradient 0.8 s."""
    code = f"""
from contextlib import contextmanager
from numba.core import event
from parzen.experiment import protocol
from parzen.experiment.settings import Settings

class Watcher:
    @contextmanager
    def step(self, title):
        with event.install_recorder("numba:compile") as seen:
            yield lambda done, total: None
        compiled = sorted(str(e.data["dispatcher"]) for _, e in seen.buffer if e.is_start)
        print("compile" if "ompiling" in title else "compute", len(compiled), title, compiled)

protocol.run(Settings("digits", {changes}, repeats=1, check_against=()), Watcher())
"""
    place = {
        "PYTHONPATH": str(Path(parzen.__file__).parents[1]),
        "NUMBA_CACHE_DIR": str(tmp_path),  # empty, as on a new machine
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | place
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith("compile ")
    assert not lines[0].startswith("compile 0 ")
    assert all(line.startswith("compute 0 ") for line in lines[1:]), done.stdout
