"""Descents reach the minimum, keep their path, stay inside the bounds."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.optimize import rosen

import parzen
from parzen.derivatives.functions.descend import METHODS, OUTCOMES, SUCCESSES, _outcome, ascend, descend
from parzen.errors import InputError, InputTypeError


def bowl(p):
    return (p[0] - 1) ** 2 + 4 * (p[1] + 2) ** 2


def bowl_gradient(p):
    return np.array([2 * (p[0] - 1), 8 * (p[1] + 2)])


@pytest.mark.parametrize("gradient", [None, bowl_gradient])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_bottom_of_a_bowl(method, gradient):
    path = descend(bowl, [5.0, 5.0], gradient=gradient, method=method)
    np.testing.assert_allclose(path.x, [1, -2], atol=1e-5)
    assert path.converged, path.message
    assert path.value == pytest.approx(0, abs=1e-9)
    np.testing.assert_array_equal(path.history[0], [5, 5])
    assert path.history.shape == (len(path.values), 2)
    np.testing.assert_allclose([bowl(p) for p in path.history], path.values)
    assert path.n_gradients >= 1


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS"])
def test_rosenbrock(method):
    path = descend(rosen, np.full(5, -1.2), method=method)
    np.testing.assert_allclose(path.x, 1, atol=1e-5)


def test_a_fixed_learning_rate_is_plain_gradient_descent():
    path = descend(lambda t: (t - 3) ** 2, 0.0, method="gradient-descent", learning_rate=0.25, max_steps=4)
    np.testing.assert_allclose(path.history.ravel(), [0, 1.5, 2.25, 2.625, 2.8125], rtol=1e-12)
    assert not path.converged
    assert path.message == "max_steps reached"
    assert np.ndim(path.x) == 0
    too_fast = descend(lambda t: (t - 3) * (t - 3), 0.0, method="gradient-descent", learning_rate=1e200)
    assert not too_fast.converged
    assert too_fast.x == 0


@pytest.mark.parametrize("method", ["L-BFGS-B", "SLSQP", "TNC", "trust-constr", "gradient-descent"])
def test_bounds_hold_everywhere(method):
    seen = []

    def f(p):
        seen.append(np.array(p))
        return bowl(p)

    path = descend(f, [2.0, 0.5], method=method, bounds=([1.5, 0.0], [3.0, 1.0]))
    interior = method == "trust-constr"  # a barrier keeps it away from the bounds
    np.testing.assert_allclose(path.x, [1.5, 0], atol=1e-3 if interior else 1e-6)
    assert np.min(seen, axis=0)[0] >= 1.5
    assert np.min(seen, axis=0)[1] >= 0


def test_ascend_is_the_other_way_up():
    path = ascend(lambda p: -bowl(p), [3.0, 3.0])
    np.testing.assert_allclose(path.x, [1, -2], atol=1e-6)
    assert path.values[-1] == pytest.approx(0, abs=1e-9)
    assert path.values[0] < path.values[-1]
    hand = ascend(
        lambda p: -bowl(p), [3.0, 3.0], gradient=lambda p: -bowl_gradient(p), method="gradient-descent"
    )
    np.testing.assert_allclose(hand.x, [1, -2], atol=1e-6)


def test_ascend_is_descend_of_minus_f_beside_a_domain():
    # was a ValueError from the first point outside the domain
    def f(t):
        return math.log(t) - 10 * t

    up, down = ascend(f, 0.5), descend(lambda t: -f(t), 0.5)
    assert up.message == down.message
    assert "not finite" in up.message
    np.testing.assert_array_equal(up.history, down.history)
    np.testing.assert_array_equal(up.values, -down.values)
    assert up.f(np.array([0.5])) == f(0.5)


def test_ascend_is_as_quiet_as_descend():
    # each gradient warned that complex step disagrees with differences
    def f(p):
        return -np.sum(np.real(p - 1) * (p - 1))

    up, down = ascend(f, [0.5, 0.1]), descend(lambda p: -f(p), [0.5, 0.1])
    assert up.converged
    np.testing.assert_array_equal(up.history, down.history)


def test_shape_of_x0_and_args():
    path = descend(lambda m, a: np.sum((m - a) ** 2), np.zeros((2, 2)), args=(np.eye(2),))
    np.testing.assert_allclose(path.x, np.eye(2), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_end_is_told_in_our_words(method):
    # was 'CONVERGENCE: NORM OF PROJECTED GRADIENT <= PGTOL' and the like
    ours = {"the gradient is below tol", *OUTCOMES, *SUCCESSES.values()}
    wrong = descend(bowl, [5.0, 5.0], gradient=lambda p: -bowl_gradient(p), method=method, max_steps=50)
    short = descend(rosen, [-1.2, 1.0], method=method, max_steps=3)
    for path in (descend(bowl, [5.0, 5.0], method=method), short, wrong):
        assert path.message in ours
    assert short.message == ("too many evaluations of f" if method == "TNC" else "max_steps reached")
    assert not wrong.converged


def test_an_end_unknown_to_us_is_told_as_it_is():
    assert _outcome("BFGS", "Something New.") == "Something New."
    assert (
        _outcome("L-BFGS-B", "CONVERGENCE: NORM_OF_PROJECTED_GRADIENT_<=_PGTOL")
        == "the gradient is below tol"
    )
    assert _outcome("TNC", "Converged (|x_n-x_(n-1)| ~= 0)") == "x does not move any further"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": "Nelder-Mead"}, InputError, "`method`"),
        ({"gradient": 3}, InputTypeError, "`gradient`"),
        ({"learning_rate": 0.1}, InputError, "`learning_rate`"),
        ({"method": "BFGS", "bounds": (0, 9)}, InputError, "`bounds`"),
        ({"bounds": (6, 9)}, InputError, "`x0` must lie"),
        ({"gradient": lambda p: [1.0]}, InputError, "`gradient` must return"),
        ({"tol": -1.0}, InputError, "`tol`"),
    ],
)
def test_bad_arguments(options, error, words):
    with pytest.raises(error) as caught:
        descend(bowl, [5.0, 5.0], **options)
    assert words in str(caught.value)
    with pytest.raises(InputError, match="one number"):
        descend(lambda p: p, [1.0, 2.0], gradient=lambda p: p)
    with pytest.raises(InputTypeError, match=r"The function comes first: ascend\(f, x0\)"):
        ascend([1.0, 2.0], bowl)


def test_plots():
    flat = descend(bowl, [5.0, 5.0], method="gradient-descent").plot()
    assert flat.get_xlabel() == "x[0]"
    assert len(flat.collections) >= 1  # contours
    assert flat.figure.axes[1].get_ylabel() == "f"  # colour bar
    line = descend(lambda t: (t - 3) ** 2, 0.0).plot()
    assert line.get_ylabel() == "f(x)"
    many = descend(rosen, np.zeros(4)).plot()
    assert many.get_xlabel() == "step"
    for axes, names in ((flat, ["path", "start", "end"]), (line, ["path", "start", "end"])):
        assert [text.get_text() for text in axes.get_legend().get_texts()] == names


def test_steps_are_whole_numbers():
    path = descend(lambda p: np.sum((p - 1) ** 2), np.zeros(3), method="gradient-descent", max_steps=2)
    ticks = path.plot().get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_contours_have_round_numbers_and_colours_by_rank(monkeypatch):
    monkeypatch.setattr("parzen.plotting.paths.IN_TIME", np.inf)
    axes = descend(rosen, [-1.2, 1.0]).plot()
    (picture,) = axes.collections
    colours = picture.get_edgecolor()
    assert len(np.unique(colours, axis=0)) == len(picture.levels) >= 15
    lightness = colours[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert np.all(np.diff(lightness) > 0)
    assert lightness.max() < 0.7  # seen on white
    bar = axes.figure.axes[1]
    shown = [label.get_text() for label in bar.get_yticklabels()]
    assert 5 <= len(shown) <= 7
    assert all(len(label) <= 4 for label in shown), shown
    valley = picture.get_paths()[0].vertices  # smooth: on both sides of x[1] = x[0]**2, without islands
    assert np.count_nonzero(picture.get_paths()[0].codes == 1) == 1
    np.testing.assert_allclose([rosen(p) for p in valley], picture.levels[0], atol=0.02)


def test_a_function_that_takes_long_is_drawn_with_fewer_points(monkeypatch):
    asked = []

    def f(p):
        asked.append(p)
        return p @ p

    path = descend(f, [1.0, 2.0])
    for in_time, side in ((np.inf, 241), (0.0, 81)):
        monkeypatch.setattr("parzen.plotting.paths.IN_TIME", in_time)
        asked.clear()
        path.plot()
        assert len(asked) == side**2


def test_a_plain_has_no_contours():
    assert not descend(lambda p: 3.0, [1.0, 2.0]).plot().collections


@pytest.mark.parametrize("x0", [5.0, [5.0, 5.0], [5.0, 5.0, 5.0]])
def test_a_path_is_drawn_where_it_is_told(x0):
    left, right = Figure().subplots(1, 2)
    path = descend(lambda p: np.sum((p - 1) ** 2), x0, method="gradient-descent", max_steps=3)
    assert path.plot(right) is right
    assert right.lines
    assert not left.lines


def test_a_density_of_a_table_with_names_is_climbed_without_a_word(recwarn):
    """Each step passed a plain array, and scikit-learn warned of it, in place of the caller."""
    frame = pytest.importorskip("pandas").DataFrame({"a": [0.0, 1.0, 3.0], "b": [1.0, 0.0, 2.0]})
    kde = parzen.KernelDensity(1.0).fit(frame)
    assert ascend(kde.log_density, [1.0, 1.0]).converged
    assert parzen.grad(kde.log_density, [1.0, 1.0]).shape == (2,)
    assert not recwarn.list
