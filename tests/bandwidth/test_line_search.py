"""The search along scalar bandwidths: the global maximum, few passes, widening, and no answer where there is none."""

import numpy as np
import pytest

from parzen.bandwidth.line_search import maximise_on_line


class Counted:
    """A sum of bumps in log h, with its slope; counts the passes."""

    def __init__(self, *bumps):
        self.bumps, self.passes = bumps, 0

    def __call__(self, h):
        self.passes += 1
        t = np.log(h)
        terms = [(a * np.exp(-0.5 * ((t - c) / w) ** 2), (t - c) / w**2) for a, c, w in self.bumps]
        return sum(v for v, _ in terms), -sum(v * s for v, s in terms)


@pytest.mark.parametrize("centre", [-2.0, -0.3, 0.2])
def test_one_smooth_maximum_takes_three_passes(centre):
    look = Counted((1.0, centre, 1.3))
    h, value, line, others = maximise_on_line(look, 0.05, 1.5)
    assert np.log(h) == pytest.approx(centre, abs=1e-6)
    assert value == pytest.approx(1, abs=1e-9)
    assert look.passes <= 3
    assert others == []
    assert np.all(np.diff(line.h) > 0)


def test_the_higher_of_two_and_the_other_one():
    h, _, _, others = maximise_on_line(Counted((1.0, -3.0, 0.4), (1.05, 0.0, 0.5)), 0.01, 3)
    assert np.log(h) == pytest.approx(0, abs=1e-3)
    assert np.log(others) == pytest.approx([-3.0], abs=0.05)


@pytest.mark.parametrize("centre", [-9.0, 7.0])
def test_beyond_the_grid(centre):
    h, _, _, _ = maximise_on_line(Counted((1.0, centre, 3.0)), 0.1, 1.0)
    assert np.log(h) == pytest.approx(centre, abs=1e-5)


def test_two_turns_between_neighbours_are_seen():
    """A best point that rises towards a lower neighbour: there is a maximum between them."""
    h, value, line, _ = maximise_on_line(Counted((1.0, 0.45, 0.06), (0.5, 2.0, 3.0)), 1.0, np.exp(4.0))
    assert value >= line.values.max() - 1e-9
    assert np.log(h) == pytest.approx(0.45, abs=0.01)


def test_no_maximum():
    assert maximise_on_line(lambda h: (-np.log(h), -np.ones(len(h))), 0.1, 1.0) is None
    assert maximise_on_line(lambda h: (np.log(h), np.ones(len(h))), 0.1, 1.0) is None
