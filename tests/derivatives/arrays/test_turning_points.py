"""Turning points of sampled values."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parzen.derivatives.arrays.turning_points import turning_points
from parzen.errors import InputError


@pytest.mark.parametrize("n", [20, 41, 200])
@pytest.mark.parametrize("uneven", [False, True])
def test_sine(n, uneven):
    x = np.linspace(-5, 5, n)
    if uneven:
        x = x + 1 / n * np.sin(7 * x)
    found = turning_points(np.sin(x), x)
    assert found.kind.tolist() == ["maximum", "minimum", "maximum", "minimum"]
    h = np.diff(x).max()
    np.testing.assert_allclose(
        found.x, [-1.5 * np.pi, -0.5 * np.pi, 0.5 * np.pi, 1.5 * np.pi], atol=0.1 * h**3 + 1e-9
    )
    np.testing.assert_allclose(found.y, [1, -1, 1, -1], atol=h**4)
    np.testing.assert_array_equal(found.index, [np.abs(x - p).argmin() for p in found.x])
    down = turning_points(np.sin(x[::-1]), x[::-1])
    np.testing.assert_allclose(down.x[::-1], found.x, atol=1e-9)
    assert down.kind.tolist()[::-1] == found.kind.tolist()


def test_a_cubic_is_found_exactly():
    x = np.linspace(-2, 2, 14)
    found = turning_points(x**3 - 2 * x, x)
    np.testing.assert_allclose(found.x, [-np.sqrt(2 / 3), np.sqrt(2 / 3)], atol=1e-12)
    assert len(found) == 2


def test_the_smallest_gradient_is_not_a_turning_point():
    x = np.linspace(0, 10, 60)
    y = np.tanh(x - 8) + 0.5 * np.sin(x) * (x < 3)  # nearly flat in the middle, turns early
    found = turning_points(y, x)
    assert found.kind[0] == "maximum"
    assert abs(found.x[0] - np.pi / 2) < 0.02


@pytest.mark.parametrize("center", [0.0, 0.03, 0.05, 0.1])
def test_level_inflection(center):
    x = np.linspace(-1, 1, 21)
    found = turning_points((x - center) ** 3, x)
    assert found.kind.tolist() == ["inflection"]
    assert found.x[0] == pytest.approx(center, abs=1e-9)
    assert found.y[0] == pytest.approx(0, abs=1e-9)
    falling = turning_points(-((x - center) ** 3), x)
    assert falling.kind.tolist() == ["inflection"]


def test_a_slope_that_only_slackens_is_none():
    x = np.linspace(-1, 1, 21)
    assert len(turning_points(x**3 + x, x)) == 0
    assert len(turning_points(np.exp(x), x)) == 0
    assert len(turning_points(x)) == 0


def test_plateaus():
    y = [0, 1, 2, 2, 2, 1, 0, 0, 0, 0, 1, 3, 3, 3, 4]
    found = turning_points(y)
    assert found.kind.tolist() == ["maximum", "minimum", "inflection"]
    np.testing.assert_array_equal(found.x, [3, 7.5, 12])
    np.testing.assert_array_equal(found.left, [2, 6, 11])
    np.testing.assert_array_equal(found.right, [4, 9, 13])
    np.testing.assert_array_equal(found.y, [2, 0, 3])
    assert len(turning_points([5, 5, 5, 5])) == 0
    assert len(turning_points([1, 1, 2, 3, 3])) == 0  # level ends do not turn


def test_two_equal_samples_turn_between_them():
    found = turning_points([0, 3, 4, 4, 3, 0])
    assert found.kind.tolist() == ["maximum"]
    assert found.x[0] == pytest.approx(2.5)
    assert found.y[0] == pytest.approx(4.125, abs=0.1)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.integers(-9, 9), min_size=3, max_size=30))
def test_one_turn_for_each_change_of_sign(values):
    found = turning_points(values)
    moves = [d for d in np.sign(np.diff(values)) if d]
    turns = [(a, b) for a, b in pairwise(moves) if a != b]
    kinds = [k for k in found.kind if k != "inflection"]
    assert kinds == ["maximum" if a > 0 else "minimum" for a, _ in turns]
    assert (np.diff(found.x) >= 0).all()
    assert (found.left <= found.x).all()
    assert (found.x <= found.right).all()
    for where, kind, level, index in zip(found.x, found.kind, found.y, found.index, strict=True):
        assert abs(where - index) <= 0.5 + 1e-9
        if kind == "maximum":
            assert level >= values[index]
        if kind == "minimum":
            assert level <= values[index]


def test_dates():
    t = np.datetime64("2026-01-01", "s") + np.arange(25) * np.timedelta64(1, "h")
    found = turning_points(np.sin(np.arange(25) / 4), t)
    np.testing.assert_allclose(found.x, np.array([np.pi / 2, 1.5 * np.pi]) * 4 * 3600, rtol=1e-3)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (([1.0, 2],), "at least 3"),
        (([1.0, 2, 1], [0.0, 1, 1]), "strictly"),
        (([1.0, np.nan, 1],), "finite"),
        ((np.ones((3, 3)),), "1-D"),
        (([1.0, 2, 1], [0.0, 1]), "shape"),
    ],
)
def test_errors(args, text):
    with pytest.raises(InputError, match=text):
        turning_points(*args)
