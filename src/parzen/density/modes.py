r"""Modes: the points that the gradient leads to, uphill from any number of starts at once.

In bandwidths, with g the gradient and A the Hessian of log f̂ there, a start moves by one of two steps:

- *mean shift*, x + g: for a Gaussian kernel that is the mean of the samples, weighted by their kernels at x, and it
  always goes uphill (it is the EM algorithm of a mixture). Where samples have bandwidth factors, g is divided by the
  mean precision of the kernels at x. It takes a start from far away to the samples in one step, and then becomes slow.
- *Newton's* step with the eigenvalues of A made negative, no longer than a bandwidth: quadratic near a mode, and off a
  saddle along the direction in which the density grows. If the density did not grow, the mean shift is taken instead.

In many dimensions Hessians cost too much, and every step is a mean shift. A point where the gradient vanishes, but
some eigenvalue is positive, is a saddle; it is left by a small push along that eigenvector.

Fukunaga & Hostetler (1975), IEEE Transactions on Information Theory 21, 32-40; Carreira-Perpiñán (2000), "Mode-finding
for mixtures of Gaussian distributions", IEEE Transactions on Pattern Analysis and Machine Intelligence 22, 1318-1323.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from parzen.density.model import Model
from parzen.kernel_sums import Request
from parzen.typing import BoolArray, FloatArray, IntArray, Progress

__all__ = ["Modes", "climb", "merged"]

#: The largest dimension in which Hessians are used.
_HESSIANS = 16

#: Gradient at which a climb ends, in bandwidths; the promise makes it exact to a tenth of that.
_LEVEL = 1e-8

#: Eigenvalues of the Hessian, in bandwidths, that count as zero, and the least that a Newton step divides by.
_FLAT, _LEAST_CURVATURE = 1e-6, 1e-3

#: The push off a saddle, and the distance at which two ends are one mode, in bandwidths.
_PUSH, _SAME = 0.05, 0.01

_MOST_STEPS = 1000


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes of a density, the highest first.

    Attributes
    ----------
    points : ndarray of shape (k, d)
        Where they are, in the units of the samples.
    log_density : ndarray of shape (k,)
        How high they are, in nats.
    labels : ndarray of shape (m,)
        For each start the row of the mode that it led to; -1 if it was not there after a thousand steps.
    """

    points: FloatArray
    log_density: FloatArray
    labels: IntArray

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.points)

    def __repr__(self) -> str:
        """Say how many, and where the highest is."""
        if not len(self):
            return f"Modes(none reached from {len(self.labels)} starts)"
        place = ", ".join(f"{x:.6g}" for x in self.points[0][:4]) + (
            ", …" if self.points.shape[1] > 4 else ""
        )
        return f"Modes({len(self)} from {len(self.labels)} starts; the highest at [{place}])"


def climb(
    model: Model, starts: FloatArray, request: Request, progress: Progress | None
) -> tuple[FloatArray, BoolArray]:
    """Return where each start leads, (m, d), and which of them have arrived.

    Cost: an evaluation of gradient and Hessian at all starts that are still on their way, for each of ten to thirty
    steps; in more than 16 dimensions of the gradient alone, for as many steps as mean shift takes.
    """
    order = 2 if model.d <= _HESSIANS else 1
    request = request.replace(order=order, rtol=min(request.rtol, _LEVEL / 10.0))
    x = starts.copy()
    arrived = np.zeros(len(x), dtype=bool)
    height = np.full(len(x), -np.inf)
    before = x.copy()  # where the last step began, and the mean shift from there
    shift_before = np.zeros_like(x)
    shifted = np.zeros(len(x), dtype=bool)  # whether the last step was a mean shift, which needs no check
    for _ in range(_MOST_STEPS):
        rows = np.flatnonzero(~arrived)
        if progress is not None:
            progress(len(x) - rows.size, len(x))
        if not rows.size:
            break
        sums = model.evaluate(x[rows], request, "starts").sums
        value = sums.log_sum[:, 0]
        fell = (value < height[rows] - 1e-12 * np.abs(value)) & ~shifted[rows]
        back = rows[fell]
        x[back] = before[back] + model.scale.colour(shift_before[back])
        shifted[back] = True
        rows, kept = rows[~fell], ~fell
        if not rows.size:
            continue
        height[rows] = value[kept]
        scale = model.scale.kernel_scale
        precision = sums.mean_precision[kept] if model.factors is not None else np.ones((rows.size, 1))
        gradient = np.sqrt(scale) * sums.mean[kept, 0]
        shift = gradient / precision
        step, level = shift.copy(), np.linalg.norm(gradient, axis=1) <= _LEVEL
        shifted[rows] = True
        if order > 1:
            curvature = scale * sums.covariance[kept, 0]
            curvature[:, range(model.d), range(model.d)] -= precision
            newton, push = _newton(gradient, curvature)
            near = np.linalg.norm(shift, axis=1) < 1.0
            step[near] = newton[near]
            shifted[rows[near]] = False
            saddle = level & np.any(push != 0.0, axis=1)
            step[saddle] = push[saddle]
            level &= ~saddle
        arrived[rows[level]] = True
        moving = rows[~level]
        before[moving], shift_before[moving] = x[moving], shift[~level]
        x[moving] += model.scale.colour(step[~level])
    return x, arrived


def _newton(gradient: FloatArray, curvature: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return steps towards a level point, (m, d), uphill and no longer than 1; and pushes off saddles."""
    values, vectors = np.linalg.eigh(curvature)
    along = np.einsum("mab,ma->mb", vectors, gradient) / np.maximum(np.abs(values), _LEAST_CURVATURE)
    step = np.einsum("mab,mb->ma", vectors, along)
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1.0)
    push = np.where(values[:, -1:] > _FLAT, _PUSH * vectors[:, :, -1], 0.0)
    return step, push


def merged(model: Model, ends: FloatArray, log_density: FloatArray) -> tuple[IntArray, IntArray]:
    """Return which ends stand for the modes, the highest first, and for each end its mode."""
    y = model.points(ends).rows(slice(None)) * np.sqrt(model.scale.kernel_scale)  # in bandwidths
    order = np.argsort(-log_density, kind="stable")
    tree = cKDTree(y)
    labels = np.full(len(ends), -1)
    chosen: list[int] = []
    for i in order.tolist():
        if labels[i] < 0:
            near = np.array(tree.query_ball_point(y[i], _SAME))
            labels[near[labels[near] < 0]] = len(chosen)
            chosen.append(i)
    return np.array(chosen, dtype=np.int64), labels
