"""The handwritten digits that scikit-learn carries: 1797 real images of 8 × 8 pixels, 0 to 16."""

from parzen.datasets.splits import shuffled
from parzen.typing import FloatArray

__all__ = ["DIGITS_SOURCE", "read_digits"]

DIGITS_SOURCE = (
    "the digits that come with scikit-learn (UCI optical recognition of handwritten digits, test set)"
)


def read_digits(seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return train (898, 64), validation (449, 64) and test (450, 64), pixels in [0, 1]."""
    from sklearn.datasets import load_digits  # slow to import

    images: FloatArray = load_digits().data / 16.0
    images = images[shuffled(len(images), seed)]
    half, three_quarters = len(images) // 2, len(images) // 2 + len(images) // 4
    return images[:half], images[half:three_quarters], images[three_quarters:]
