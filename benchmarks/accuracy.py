"""Rounding: how far the bounds of `kernel_sums.accuracy` lie above the errors that are seen.

Both methods are run without skipping and without repair, and log S compared with double-double arithmetic. A
query whose sum has one dominating term (small bandwidths, tails) shows the error of that term's exponent in full;
elsewhere the errors of many terms average out. Errors below the spacing of float64 count as that.
"""

import math
from typing import Any

import numpy as np

from benchmarks.data import images
from benchmarks.harness import Row
from parzen.bandwidth.matrix import Scale, Whitened
from parzen.kernel_sums import Request, Sources, accuracy, dense, evaluate, matmul
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
    """Return the bound on log S, the error, and how far apart they are at the closest query."""
    d = samples.shape[1]
    scale = Scale(h, d)
    centre = samples.mean(axis=0)
    sources, points = Sources(Whitened(samples, centre, scale), None), Whitened(queries, centre, scale)
    request = Request(scales=np.array([scale.kernel_scale]), rtol=1e-9)
    root = math.sqrt(scale.kernel_scale)
    own = np.full(len(queries), -1)
    method.prepare(sources)
    y = np.ascontiguousarray(points.rows(slice(None)))

    def ignore(amount: int) -> None:
        """Do nothing: progress is not asked for."""

    state = method.accumulate(sources, y, own, request, math.inf, ignore)
    log_sum = np.log(state.total[:, 0]) - state.lowest[:, 0]
    exact = evaluate(sources, points, request.replace(rtol=0.0)).sums.log_sum[:, 0]
    error = np.abs(log_sum - exact)
    radius = root * np.linalg.norm(y, axis=1)
    distance = np.sqrt(2 * (state.lowest[:, 0] + accuracy.cutoff(len(samples), request.rtol)))
    farthest = np.minimum(radius + distance, sources.radius * root)
    units = max(sources.points.coordinate_error, points.coordinate_error)
    bound = method.exponent_error(d, units, radius, farthest, distance) + accuracy.UNIT * (8 + np.abs(exact))
    assert (error <= bound).all()
    return {
        "median bound": float(np.median(bound)),
        "largest error": float(error.max()),
        "least bound / error": float((bound / np.maximum(error, accuracy.UNIT * np.abs(exact))).min()),
        "repaired at rtol = 1e-9, %": 100 * float(np.mean(bound > _ALLOWED)),
    }
