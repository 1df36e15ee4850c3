import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import parzen
from parzen.errors import InputError, InputTypeError
from parzen.plotting import bandwidth_curve, density_gallery, draw_density, image_grid, png, save


def curve(h: Any, mean: Any, error: Any = None) -> SimpleNamespace:
    error = np.full(len(mean), 0.5) if error is None else error
    return SimpleNamespace(bandwidths=h, mean_log_density=mean, standard_error=error)


def labels(ax: Any) -> str:
    return " | ".join(text.get_text() for text in ax.get_legend().get_texts())


ORIGINAL = curve(
    [0.05, 0.08, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0],
    [-13044.4, -4473.2, -2585.1, -377.8, -326.0, -759.3, -1056.6, -1274.8],
)


def test_bandwidth_curve_keeps_the_room_for_the_optimum() -> None:
    ax = bandwidth_curve(ORIGINAL)
    low, high = ax.get_ylim()
    assert -2585 < low < -1274.8  # the three that fall away are arrows, the rest is drawn to scale
    assert -326 < high < 0
    assert [text.get_text() for text in ax.texts] == ["−13044", "−4473", "−2585"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [
        "0.05",
        "0.08",
        "0.1",
        "0.2",
        "0.5",
        "1",
        "1.5",
        "2",
    ]
    assert ax.get_xscale() == "log"
    assert "best of the list: σ = 0.5, −326.00 nats" in labels(ax)


def test_bandwidth_curve_shows_everything_when_nothing_falls_away() -> None:
    ax = bandwidth_curve(curve([0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 1.5, 0.5]))
    assert ax.get_ylim()[0] < 0.5
    assert not ax.texts


def test_bandwidth_curve_never_hides_wide_bandwidths() -> None:
    ax = bandwidth_curve(curve([0.001, 0.1, 0.2, 0.3, 1.0], [-9.0, -1.1234, -1.1002, -1.1005, -1.3907]))
    assert ax.get_ylim()[0] < -1.3907
    assert [text.get_text() for text in ax.texts] == ["−9.00"]
    assert "σ = 0.2, −1.10 nats" in labels(ax)


def test_bandwidth_curve_sorts_and_marks_the_optimum() -> None:
    optimum = SimpleNamespace(
        bandwidth=0.17, mean_log_density=7.0, trace=[(0.15, 6.0), (0.2, 5.0), (0.17, 7.0)]
    )
    ax = bandwidth_curve(curve([2.0, 0.2, 0.1], [-4.0, 5.0, 1.0]), optimum)
    course = next(line for line in ax.lines if len(line.get_xdata()) == 5)
    np.testing.assert_array_equal(course.get_xdata(), [0.1, 0.15, 0.17, 0.2, 2.0])  # the star is on the line
    np.testing.assert_array_equal(course.get_ydata(), [1.0, 6.0, 7.0, 5.0, -4.0])
    assert "optimum: σ = 0.17, 7.00 nats" in labels(ax)
    assert ax.get_ylim()[1] > 7.0
    assert ax.get_xlim()[0] < 0.1
    dots = [line for line in ax.lines if line.get_marker() == "."]
    np.testing.assert_array_equal(dots[0].get_xdata(), [0.15])  # 0.2 is on the curve, 0.17 the star


def test_error_bars_are_whole_and_those_below_the_picture_are_not_drawn() -> None:
    """Once they were cut off at the top, and those of fallen points ran through their labels."""
    ax = bandwidth_curve(curve([0.1, 0.2, 0.3, 0.4], [-500.0, -4.0, -3.0, -3.5], [400.0, 2.0, 1.0, 0.1]))
    low, high = ax.get_ylim()
    assert low < -6.0
    assert high > -2.0
    segments = ax.containers[0].lines[2][0].get_segments()
    assert [np.isfinite(segment).all() for segment in segments if len(segment)] == [True] * 3


def test_ticks_of_a_short_logarithmic_axis_are_few_plain_numbers() -> None:
    """Once they were 3 × 10⁻¹4 × 10⁻¹."""
    for ratio, expected in ((1.5, "0.45"), (3, "0.5"), (50, "0.2"), (1e4, "0.01"), (1e12, "100")):
        h = 0.4 * np.geomspace(ratio**-0.5, ratio**0.5, 9)
        ax = parzen.Bandwidth(0.4, "scalar", "any", objective="o", curve=(h, h)).plot()
        ax.figure.draw_without_rendering()
        low, high = ax.get_xlim()
        shown = [tick.get_text() for tick in ax.get_xticklabels() if low <= tick.get_position()[0] <= high]
        assert expected in shown
        assert 3 <= len(shown) <= 9
        assert not ax.get_xticklabels(minor=True)


@pytest.mark.parametrize("d", [1, 2])
def test_draw_density_shows_the_density_and_the_samples(rng: np.random.Generator, d: int) -> None:
    x = rng.normal(size=(5000, d))
    ax = draw_density(x, 0.3)
    marks = ax.lines[-1]
    assert len(marks.get_xdata()) == 1667  # every third
    if d == 1:
        at, density = ax.lines[0].get_data()
        expected = np.exp(parzen.KernelDensity(0.3).fit(x).log_density(np.asarray(at)[:, None]))
        np.testing.assert_array_equal(density, expected)
    assert png(ax)


def test_draw_density_weighs_and_takes_a_matrix(rng: np.random.Generator) -> None:
    x = np.array([[0.0], [5.0]])
    at, density = draw_density(x, [[0.25]], sample_weight=[1.0, 0.0]).lines[0].get_data()
    assert density[np.searchsorted(at, 5.0)] < 1e-15
    with pytest.raises(InputError, match="`samples` must have 1 or 2 columns to be drawn; got 3"):
        draw_density(rng.normal(size=(9, 3)), 1.0)


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.PDF", b"%PDF"), ("a.svg", b"<?xml")])
def test_save_writes_what_the_name_says(tmp_path: Path, name: str, start: bytes) -> None:
    save(bandwidth_curve(ORIGINAL), tmp_path / name)
    written = (tmp_path / name).read_bytes()
    assert written.startswith(start)
    save(bandwidth_curve(ORIGINAL), str(tmp_path / name))
    assert (tmp_path / name).read_bytes() == written


def test_save_refuses_other_endings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`path` must end in .png, .pdf or .svg; got '.*a.jpg'"):
        save(bandwidth_curve(ORIGINAL), tmp_path / "a.jpg")


def test_the_picture_of_a_check_has_its_colours_on_both_sides() -> None:
    check = parzen.check_gradient(lambda x: np.sum(x**2), lambda x: 2 * x * [1, 1.5, 1], [1.0, 2.0, 3.0])
    left, right = check.plot().axes
    for ax in (left, right):
        points = {line.get_color(): line.get_xdata() for line in ax.lines if line.get_marker() == "o"}
        assert {colour: len(at) for colour, at in points.items()} == {"tab:blue": 2, "tab:red": 1}
    assert list(points["tab:red"]) == [1]


@pytest.mark.parametrize("mean", [[3.0], [3.0, 3.0]])
def test_bandwidth_curve_of_one_value(mean: list[float]) -> None:
    ax = bandwidth_curve(curve([0.1, 0.2][: len(mean)], mean, [np.nan] * len(mean)))
    assert ax.get_ylim() == (2.0, 4.0)
    low, high = ax.get_xlim()
    assert low < 0.1 < high
    assert png(ax)


def test_bandwidth_curve_draws_where_it_is_told() -> None:
    from matplotlib.figure import Figure

    ax = Figure(facecolor="black").add_subplot()
    assert bandwidth_curve(ORIGINAL, ax=ax) is ax


def test_bandwidth_curve_refuses_arrays_that_do_not_fit() -> None:
    with pytest.raises(InputError, match=r"`mean_log_density` must be of shape \(2,\)"):
        bandwidth_curve(curve([0.1, 0.2], [1.0]))


def test_image_grid_puts_each_image_in_its_place() -> None:
    images = np.arange(1, 6)[:, None] / 5 * np.ones((5, 12))
    ax = image_grid(images, (3, 4), columns=2)
    mosaic = np.asarray(ax.get_images()[0].get_array())
    assert mosaic.shape == (3 * 3 + 4, 2 * 4 + 3)  # a pixel between and around them
    np.testing.assert_array_equal(
        mosaic[1::4, 1::5], [[0.2, 0.4], [0.6, 0.8], [1.0, 0.0]]
    )  # the last place is empty
    assert not mosaic[[0, 4, 8]].any()


def test_image_grid_is_square_by_default_and_keeps_colours() -> None:
    images = np.random.default_rng(0).uniform(size=(7, 2 * 2 * 3))
    mosaic = np.asarray(image_grid(images, (2, 2, 3)).get_images()[0].get_array())
    assert mosaic.shape == (10, 10, 3)
    np.testing.assert_array_equal(mosaic[1:3, 4:6], images[1].reshape(2, 2, 3))
    assert (mosaic[3] == 1.0).all()  # white between them


@pytest.mark.parametrize("shape", [(3, 3), (12,), (2, 2, 4), (2, 6, 1)])
def test_an_image_shape_that_does_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        InputError, match=r"`image_shape` must be \(height, width\) or \(height, width, 3\) with 12"
    ):
        image_grid(np.zeros((1, 12)), shape)


@pytest.mark.parametrize("shape", [12, None, "ab"])
def test_an_image_shape_that_is_none(shape: Any) -> None:
    with pytest.raises(
        InputTypeError, match=r"`image_shape` must be \(height, width\) .*; got .*Pass a tuple"
    ):
        image_grid(np.zeros((1, 12)), shape)


@pytest.fixture
def gallery() -> Callable[..., Any]:
    def make(n: int = 20, shape: tuple[int, ...] = (4, 4), **changes: Any) -> Any:
        rng = np.random.default_rng(0)
        d = int(np.prod(shape))
        options: dict[str, Any] = {"bandwidth": 0.5, "gradient": rng.normal(size=d), "gradient_of": 3}
        return density_gallery(rng.uniform(size=(n, d)), np.arange(n) - 5.0, shape, **options | changes)

    return make


def captions(figure: Any) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_density_gallery_ranks_the_images(gallery: Callable[..., Any]) -> None:
    figure = gallery()
    assert captions(figure) == [f"{14 - i:.1f}" for i in range(8)] + [
        f"{i - 5:.1f}".replace("-", "−") for i in range(8)
    ]
    titles = [ax.get_title() for ax in figure.axes]
    assert "x, log f(x) = −2.0 nats" in titles
    assert png(figure).startswith(b"\x89PNG")


def test_density_gallery_centres_the_gradient_on_zero(gallery: Callable[..., Any]) -> None:
    figure = gallery(gradient=np.linspace(-1, 3, 16))
    panel = next(ax for ax in figure.axes if ax.get_title() == "∇ log f(x), nats per pixel unit")
    assert panel.get_images()[0].get_clim() == (-3.0, 3.0)
    assert panel.get_images()[0].get_cmap().name == "RdBu_r"
    (scale,) = panel.child_axes
    assert [label.get_text() for label in scale.get_xticklabels()] == ["−3", "0", "3"]


def test_density_gallery_shows_the_mean_shift_step(gallery: Callable[..., Any]) -> None:
    figure = gallery(gradient=np.full(16, 0.4), bandwidth=0.5)
    before, after = (
        next(ax for ax in figure.axes if ax.get_title().startswith(start)).get_images()[0].get_array()
        for start in ("x, log f(x)", "x + σ²")
    )
    np.testing.assert_allclose(after, np.clip(np.asarray(before) + 0.1, 0, 1))


def test_density_gallery_shows_no_image_twice(gallery: Callable[..., Any]) -> None:
    assert captions(gallery(n=7)) == ["1.0", "0.0", "−1.0", "−5.0", "−4.0", "−3.0"]


def test_density_gallery_of_few_colour_images_without_a_slope(gallery: Callable[..., Any]) -> None:
    figure = gallery(n=1, shape=(2, 2, 3), gradient=np.zeros(12), gradient_of=0)
    assert captions(figure) == ["−5.0", "−5.0"]
    assert any("mean of the 3 colours" in ax.get_title() for ax in figure.axes)
    assert png(figure)


def test_density_gallery_refuses_a_row_that_is_not_there(gallery: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="`gradient_of` must be a row of `images`, 0 to 19; got 20"):
        gallery(gradient_of=20)
    with pytest.raises(InputError, match=r"`gradient` must be of shape \(16,\)"):
        gallery(gradient=np.zeros(3))


def test_the_same_numbers_make_the_same_file() -> None:
    assert png(bandwidth_curve(ORIGINAL)) == png(bandwidth_curve(ORIGINAL))


def test_importing_it_does_not_import_matplotlib_and_drawing_does_not_import_pyplot() -> None:
    code = (
        "import sys, parzen.plotting as p; assert 'matplotlib' not in sys.modules; "
        "p.png(p.image_grid([[0.0, 1.0]], (1, 2))); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
