"""Rounding: how far the bounds of `kernel_sums.accuracy` lie above the errors that are seen.

Both methods are run without skipping and without repair, and compared with double-double arithmetic. The
exponent's error is what the bounds are about: its part in log S is seen directly, since a query in the tail has
one dominating term, and elsewhere it averages out.
"""

import math
from typing import Any

import numpy as np

from benchmarks.data import images
from benchmarks.harness import Row
from parzen.bandwidth.matrix import Scale, Whitened
from parzen.kernel_sums import Request, Sources, accuracy, compensated, dense, matmul
from parzen.typing import FloatArray

#: Half the promise, rtol = 1e-9, is for rounding.
_ALLOWED = 0.5e-9


def run(quick: bool) -> list[Row]:
    """Compare bounds and errors for Gaussians and images."""
    n, m = (500, 50) if quick else (4000, 200)
    train, held_out, name = images()
    random = np.random.default_rng(0)
    rows = []
    for d in (2, 16, 64, 784):
        samples, queries = random.standard_normal((n, d)), random.standard_normal((m, d))
        rows += _case(samples, queries, f"Gaussian, d = {d}", (0.1, 1.0))
    for factor in (4, 2, 1):
        samples, queries = _shrunk(train[:n], factor), _shrunk(held_out[:m], factor)
        rows += _case(samples, queries, f"{name}, d = {samples.shape[1]}", (0.05, 0.2, 1.0))
    return rows


def _shrunk(pictures: FloatArray, factor: int) -> FloatArray:
    """Average blocks of pixels: 784 → 196 → 49."""
    side = 28 // factor
    return pictures.reshape(-1, side, factor, side, factor).mean(axis=(2, 4)).reshape(-1, side * side)


def _case(samples: FloatArray, queries: FloatArray, name: str, bandwidths: tuple[float, ...]) -> list[Row]:
    """Measure the methods that suit this dimension."""
    methods = (
        {"matmul": matmul, "dense": dense} if samples.shape[1] <= dense.MAX_DIMENSION else {"matmul": matmul}
    )
    return [
        Row(
            f"{method}, {name}, h = {h}",
            _bound_and_error(module, samples, queries, h),
        )
        for method, module in methods.items()
        for h in bandwidths
    ]


def _bound_and_error(method: Any, samples: FloatArray, queries: FloatArray, h: float) -> dict[str, float]:
    """Return the errors of the lowest exponents and of log S, and by how much the bounds are above them."""
    d = samples.shape[1]
    scale = Scale(h, d)
    centre = samples.mean(axis=0)
    sources, points = Sources(Whitened(samples, centre, scale), None), Whitened(queries, centre, scale)
    request = Request(scales=np.array([scale.kernel_scale]), rtol=1e-9)
    root = math.sqrt(scale.kernel_scale)
    own = np.full(len(queries), -1)
    method.prepare(sources)
    compensated.prepare(sources)
    y = np.ascontiguousarray(points.rows(slice(None)))

    def ignore(amount: int) -> None:
        """Do nothing: progress is not asked for."""

    state = method.accumulate(sources, y, own, request, math.inf, ignore)
    exact = compensated.accumulate(
        sources, points.exact_rows(np.arange(len(queries))), own, request, math.inf, ignore
    )
    exponent_error = np.abs(state.lowest - exact.lowest)[:, 0]
    log_sum_error = np.abs((np.log(state.total) - state.lowest) - (np.log(exact.total) - exact.lowest))[:, 0]
    radius = root * np.linalg.norm(y, axis=1)
    distance = np.sqrt(2 * (exact.lowest[:, 0] + accuracy.cutoff(len(samples), request.rtol)))
    farthest = np.minimum(radius + distance, sources.radius * root)
    units = max(sources.points.coordinate_error, points.coordinate_error)
    bound = method.exponent_error(d, units, radius, farthest, distance)
    assert (exponent_error <= bound).all()
    assert (log_sum_error <= bound + accuracy.UNIT * (8 + np.abs(exact.lowest[:, 0]))).all()
    return {
        "median bound": float(np.median(bound)),
        "largest error of log S": float(log_sum_error.max()),
        "bound / error of log S, least": float((bound / np.maximum(log_sum_error, 1e-300)).min()),
        "bound / error of the exponent, least": float((bound / np.maximum(exponent_error, 1e-300)).min()),
        "repaired at rtol = 1e-9, %": 100 * float(np.mean(bound > _ALLOWED)),
    }
