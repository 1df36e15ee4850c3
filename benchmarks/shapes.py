"""What the engine is measured on: five shapes of data, the exact answer at the queries that matter, warm code."""

from collections.abc import Callable

import numpy as np

import parzen
from parzen.errors import InputError
from parzen.kernel_sums import dense
from parzen.kernel_sums.plan import METHODS
from parzen.typing import FloatArray, IntArray

__all__ = [
    "SHAPES",
    "bandwidth",
    "blobs",
    "checked",
    "exact",
    "exact_errors",
    "power",
    "promise",
    "shape",
    "warm",
]

#: Of the promise, what float64 itself may add to a log density: a few ulps.
_ULPS = 8.0


def bandwidth(n: int, d: int) -> float:
    """Return the bandwidth that suits blobs."""
    return float(0.7 * n ** (-1.0 / (d + 4)))


def blobs(random: np.random.Generator, n: int, d: int) -> FloatArray:
    """Draw from five Gaussians of standard deviation 1; the same centres for a d, whatever the generator."""
    centres = 3.0 * np.random.default_rng(1000 + d).standard_normal((5, d))
    return centres[random.integers(0, 5, n)] + random.standard_normal((n, d))


def _heavy_tails(random: np.random.Generator, n: int, d: int) -> FloatArray:
    """Draw from Student's t with two degrees of freedom."""
    return random.standard_t(2, size=(n, d))


def _ties(random: np.random.Generator, n: int, d: int) -> FloatArray:
    """Draw blobs, rounded to multiples of 1/8: a lattice of at most 256 values an axis."""
    return np.asarray(np.clip(np.rint(8.0 * blobs(random, n, d)), -128, 127) / 8.0)


def _outlier(random: np.random.Generator, n: int, d: int) -> FloatArray:
    """Draw blobs, and move the first point away by a million bandwidths."""
    points = blobs(random, n, d)
    points[0, 0] += 1e6 * bandwidth(n, d)
    return points


def _ridge(random: np.random.Generator, n: int, d: int) -> FloatArray:
    """Draw blobs, pressed to a thousandth in every direction but one, and turned."""
    points = blobs(random, n, d)
    points[:, 1:] *= 1e-3
    turn = np.linalg.qr(np.random.default_rng(d).standard_normal((d, d)))[0]
    return np.asarray(points @ turn)


SHAPES: dict[str, Callable[[np.random.Generator, int, int], FloatArray]] = {
    "blobs": blobs,
    "heavy tails": _heavy_tails,
    "ties": _ties,
    "outlier": _outlier,
    "ridge": _ridge,
}


def shape(name: str, n: int, d: int) -> tuple[FloatArray, FloatArray]:
    """Return n samples and n other queries of a shape."""
    return SHAPES[name](np.random.default_rng(1), n, d), SHAPES[name](np.random.default_rng(2), n, d)


def power(n: int) -> str:
    """Write 100000 as 10⁵, 50000 as 5·10⁴."""
    digits = str(n)
    first = digits.rstrip("0")
    exponent = str(len(digits) - 1).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    if len(first) > 1:
        return str(n)
    return f"10{exponent}" if first == "1" else f"{first}·10{exponent}"


def warm(d: int, orders: tuple[int, ...] = (0,)) -> None:
    """Compile every loop for a dimension, so that no timing includes it."""
    random = np.random.default_rng(0)
    samples, queries = blobs(random, 3000, d), blobs(random, 600, d)
    for method in METHODS:
        points = np.rint(samples) if method == "lattice" else samples
        wanted = np.rint(queries) if method == "lattice" else queries
        few = slice(20 if method == "compensated" else None)
        for rtol in (1e-9, 1e-4):
            for order in orders:
                try:
                    parzen.KernelDensity(0.5, method=method, rtol=rtol).fit(points[few]).evaluate(
                        wanted[few], order=order, progress=False
                    )
                except InputError:  # a method that does not do this dimension
                    continue


def checked(log_density: FloatArray, count: int) -> IntArray:
    """Choose queries to check: half of them the least likely, the others spread evenly."""
    m = len(log_density)
    least = np.argpartition(log_density, min(count // 2, m) - 1)[: count // 2]
    return np.unique(np.concatenate([least, np.linspace(0, m - 1, min(m, count // 2)).astype(np.intp)]))


def exact(
    samples: FloatArray, queries: FloatArray, h: float | FloatArray, order: int = 0
) -> parzen.DensityValues:
    """Evaluate by plain sums over all pairs, to more digits than any promise here; h may be a covariance."""
    method = "dense" if samples.shape[1] <= dense.MAX_DIMENSION else "compensated"
    kde = parzen.KernelDensity(h, method=method, rtol=1e-11).fit(samples)
    return kde.evaluate(queries, order=order, progress=False)


def promise(truth: FloatArray, rtol: float = 1e-9) -> FloatArray:
    """Return the allowed error of each log density: rtol, or a few ulps of it."""
    return np.asarray(np.maximum(rtol, _ULPS * np.spacing(np.abs(truth))) + 1e-11)


def exact_errors(
    samples: FloatArray,
    queries: FloatArray,
    values: parzen.DensityValues,
    h: float,
    *,
    count: int = 1000,
    rtol: float = 1e-9,
) -> tuple[float, float]:
    """Assert the promise at some queries, the least likely among them; return the largest errors.

    Of log density, and of the gradient relative to 1 + its norm, in bandwidths (0 where there is none).
    """
    order = 0 if values.gradient is None else 1
    chosen = checked(values.log_density, count)
    truth = exact(samples, queries[chosen], h, order)
    error = np.abs(values.log_density[chosen] - truth.log_density)
    assert (error <= promise(truth.log_density, rtol)).all(), error.max()
    slope_error = 0.0
    if values.gradient is not None and truth.gradient is not None:
        off = h * np.linalg.norm(values.gradient[chosen] - truth.gradient, axis=1)
        size = h * np.linalg.norm(truth.gradient, axis=1)
        slope_error = float((off / (1.0 + size)).max())
        assert slope_error <= rtol + 1e-11, slope_error
    return float(error.max()), slope_error
