"""Gradient checks find the wrong entry and do not cry wolf."""

import math

import numpy as np
import pytest

from parzen.derivatives.functions.check import check_gradient
from parzen.errors import InputError, InputTypeError


def f(p):
    return math.exp(p[0]) * p[1] ** 2 + 1e6 * p[2]


def right(p):
    return np.array([math.exp(p[0]) * p[1] ** 2, 2 * math.exp(p[0]) * p[1], 1e6])


X = np.array([0.3, 2.0, 5.0])


def test_a_right_gradient_passes():
    check = check_gradient(f, right, X)
    assert check.ok
    assert "all entries agree" in str(check)


@pytest.mark.parametrize("entry", [0, 1, 2])
@pytest.mark.parametrize("factor", [-1, 0, 1.001])
def test_the_wrong_entry_is_named(entry, factor):
    def wrong(p):
        g = right(p)
        g[entry] *= factor
        return g

    check = check_gradient(f, wrong, X)
    assert not check.ok
    assert check.worst == (entry,)
    assert check.passed.sum() == 2
    assert "WRONG" in str(check)


def test_what_cannot_be_differenced_is_not_called_right():
    check = check_gradient(lambda p: abs(p[0]) + p[1], lambda p: [0.0, 1.0], [0.0, 1.0])
    assert not check.ok
    assert check.worst == (0,)
    assert "not tested" in str(check)


def test_an_unused_variable_and_a_single_number():
    assert check_gradient(lambda p: p[0] ** 2, lambda p: [2 * p[0], 0.0], [1.5, 1.0]).ok
    assert not check_gradient(lambda p: p[0] ** 2, lambda p: [2 * p[0], 0.1], [1.5, 1.0]).ok
    single = check_gradient(math.sin, math.cos, 1.0)
    assert single.ok
    assert "x" in str(single)


def test_bad_arguments():
    with pytest.raises(InputError, match="shape of x"):
        check_gradient(f, lambda p: [1.0], X)
    with pytest.raises(InputTypeError, match="`gradient` must be a function"):
        check_gradient(f, 3, X)


def test_lines_of_the_picture_have_names_and_points_keep_off_the_frame():
    values, excess = check_gradient(f, lambda p: right(p) * [1, 1.1, 1], X).plot().axes
    assert [text.get_text() for text in values.get_legend().get_texts()] == [
        "agrees",
        "does not agree",
        "equal",
    ]
    assert [text.get_text() for text in excess.get_legend().get_texts()] == ["allowed"]
    low, high = excess.get_xlim()
    assert low < -0.1
    assert high > 2.1
