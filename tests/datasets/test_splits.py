"""The shuffle and the scale of the original experiment."""

import numpy as np
import pytest

from parzen.datasets.splits import SEED, scaled, shuffled


@pytest.mark.parametrize(("count", "width"), [(1, 3), (2, 1), (1797, 4), (50_000, 2)])
@pytest.mark.parametrize("seed", [SEED, 0, 2**32 - 1])
def test_shuffling_numbers_is_shuffling_rows(count, width, seed):
    rows = np.arange(count * width, dtype=np.float32).reshape(count, width)
    expected = rows.copy()
    np.random.RandomState(seed).shuffle(expected)
    np.testing.assert_array_equal(rows[shuffled(count, seed)], expected)


def test_the_shuffle_is_pinned():
    """The order that every published number rests on."""
    order = shuffled(50_000, SEED)
    assert order[:5].tolist() == [49511, 29973, 10453, 6143, 46868]
    np.testing.assert_array_equal(np.sort(order), np.arange(50_000))


@pytest.mark.parametrize("levels", [255, 256])
def test_pixels_are_rounded_to_float32_once(levels):
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    values = scaled(pixels, levels)
    assert values.dtype == np.float64
    expected = [np.float64(np.float32(k) / np.float32(levels)) for k in range(256)]
    assert values.ravel().tolist() == expected
    original = pixels.astype(np.float32)
    original /= levels
    np.testing.assert_array_equal(values, original.astype(np.float64))
