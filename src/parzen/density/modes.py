r"""Modes: the points that the gradient leads to, uphill from any number of starts at once.

Everything is measured in *local* bandwidths: those of the samples, times the factors that samples may have, averaged
at the point (1/√ of the mean precision). With g the gradient and A the Hessian of log f̂ there, a start moves by one
of two steps:

- *mean shift*, x + g: for a Gaussian kernel that is the mean of the samples, weighted by their kernels at x (and their
  precisions), and it always goes uphill (it is the EM algorithm of a mixture). It takes a start from far away to the
  samples in one step, and then becomes slow.
- *Newton's* step with the eigenvalues of A made negative, no longer than a bandwidth (half of one where A is not
  negative definite): quadratic near a mode, and off a saddle along the direction in which the density grows. If the
  density did not grow, the mean shift is taken instead.

A level point with a positive eigenvalue is a saddle; it is left by a small push along that eigenvector. In many
dimensions Hessians cost too much, and every step is a mean shift; there the starts are shaken a little, since a saddle
only attracts what is exactly on its ridge.

Fukunaga & Hostetler (1975), IEEE Transactions on Information Theory 21, 32-40; Carreira-Perpiñán (2000), "Mode-finding
for mixtures of Gaussian distributions", IEEE Transactions on Pattern Analysis and Machine Intelligence 22, 1318-1323.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from parzen.density.model import Model
from parzen.kernel_sums import Request
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.typing import BoolArray, FloatArray, IntArray, Progress

__all__ = ["Ends", "Modes", "climb", "merged"]

#: The largest dimension in which Hessians are used.
_HESSIANS = 16

#: Gradient at which a climb ends; the promise makes it exact to a tenth of that. Where coordinates have fewer digits,
#: so many of their spacings.
_LEVEL, _SPACINGS, _MOST_BEND = 1e-8, 4.0, 100.0

#: A mode's largest eigenvalue from which on it counts as part of a plateau, and the least that a step divides by.
_FLAT, _LEAST_CURVATURE = -1e-4, 1e-6

#: An eigenvalue that makes a saddle, the push off it, and how starts are shaken where saddles cannot be told.
_SADDLE, _PUSH, _SHAKE = 1e-6, 0.05, 1e-3

#: The distance at which two ends are one mode; that of neighbours on a plateau, and how their heights may differ.
_SAME, _NEIGHBOURS, _EQUAL_HEIGHTS = 0.01, 1.0, 1e-8

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


@dataclass(frozen=True, eq=False)
class Ends:
    """Where each start led."""

    points: FloatArray  # (m, d)
    arrived: BoolArray  # (m,)
    sharpness: FloatArray  # (m,) bandwidths in a local one, inverted: the root of the mean precision
    flat: BoolArray  # (m,) whether the point is part of a plateau, as far as that can be told

    def at(self, rows: BoolArray | IntArray) -> "Ends":
        """Return some of them."""
        return Ends(self.points[rows], self.arrived[rows], self.sharpness[rows], self.flat[rows])


def climb(model: Model, starts: FloatArray, request: Request, progress: Progress | None) -> Ends:
    """Return where each start, (m, d), leads.

    Cost: an evaluation of gradient and Hessian at all starts that are still on their way, for each of ten to thirty
    steps; in more than 16 dimensions of the gradient alone, for as many steps as mean shift takes.
    """
    m, d = starts.shape
    order = 2 if d <= _HESSIANS else 1
    request = request.replace(order=order, rtol=min(request.rtol, _LEVEL / 10.0))
    x = starts.copy()
    if order == 1:
        x += model.scale.colour(_SHAKE * np.random.default_rng(0).standard_normal(x.shape))
    arrived, flat = np.zeros(m, dtype=bool), np.zeros(m, dtype=bool)
    sharpness = np.ones(m)
    height = np.full(m, -np.inf)
    before, shift_before = (
        x.copy(),
        np.zeros_like(x),
    )  # where the last step began, and the mean shift from there
    newton, pushed = np.zeros(m, dtype=bool), np.zeros(m, dtype=bool)  # what it was, if no mean shift
    for _ in range(_MOST_STEPS):
        rows = np.flatnonzero(~arrived)
        if progress is not None:
            progress(m - rows.size, m)
        if not rows.size:
            break
        sums = model.evaluate(x[rows], request, "starts").sums
        value = sums.log_sum[:, 0]
        fell = value < height[rows] - 2.0 * request.rtol - 1e-12 * np.abs(value)
        fell &= newton[rows] | pushed[rows]
        far, back = rows[fell & newton[rows]], rows[fell & pushed[rows]]
        x[far], newton[far] = before[far] + shift_before[far], False
        x[back] = 0.5 * (before[back] + x[back])  # modes are nearer than the push
        done = back[_length(model, x[back] - before[back], sharpness[back]) < _SAME]
        x[done], arrived[done] = before[done], True
        rows, kept = rows[~fell], ~fell
        if not rows.size:
            continue
        height[rows] = value[kept]
        scale = model.scale.kernel_scale
        precision = sums.mean_precision[kept] if model.factors is not None else np.ones((rows.size, 1))
        root = np.sqrt(precision)
        sharpness[rows] = root[:, 0]
        gradient = np.sqrt(scale) * sums.mean[kept, 0] / root
        steepness = np.hypot.reduce(gradient, axis=1)  # squares of 1e155 overflow
        bend = np.ones(rows.size)
        step, near = gradient.copy(), np.zeros(rows.size, dtype=bool)
        if order > 1:
            curvature = scale * sums.covariance[kept, 0] / precision[:, :, None]
            curvature[:, range(d), range(d)] -= 1.0
            values, vectors = np.linalg.eigh(curvature)
            bend = np.clip(np.abs(values).max(axis=1), 1.0, _MOST_BEND)
            flat[rows] = values[:, -1] > _FLAT
            near = steepness < 1.0
            step[near] = _newton(gradient[near], values[near], vectors[near])
        level = steepness <= np.maximum(
            _LEVEL, _SPACINGS * bend * _resolution(model, x[rows]) * sharpness[rows]
        )
        newton[rows], pushed[rows] = near, False
        if order > 1:
            saddle = level & (values[:, -1] > _SADDLE)
            step[saddle] = _PUSH * vectors[saddle, :, -1]
            newton[rows[saddle]], pushed[rows[saddle]] = False, True
            level &= ~saddle
        moved = x[rows] + model.scale.colour(step / root)
        level |= (moved == x[rows]).all(axis=1)
        arrived[rows[level]] = True
        on = rows[~level]
        before[on], shift_before[on] = x[on], model.scale.colour(gradient / root)[~level]
        x[on] = moved[~level]
    return Ends(x, arrived, sharpness, flat)


def _newton(gradient: FloatArray, values: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return steps towards a level point, (m, d), uphill, from the eigenvalues and eigenvectors of the Hessians."""
    along = np.einsum("mab,ma->mb", vectors, gradient) / np.maximum(np.abs(values), _LEAST_CURVATURE)
    step = np.einsum("mab,mb->ma", vectors, along)
    longest = np.where(values[:, -1:] < 0.0, 1.0, 0.5)
    shorter = longest / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), longest)
    return np.asarray(step * shorter)


def _length(model: Model, displacement: FloatArray, sharpness: FloatArray) -> FloatArray:
    """Return the lengths of displacements, (m, d) in the units of the data, in local bandwidths."""
    whitened = model.scale.whiten(DoubleDouble.of(displacement), exact=False).high
    return np.asarray(np.hypot.reduce(whitened, axis=1) * np.sqrt(model.scale.kernel_scale) * sharpness)


def _resolution(model: Model, x: FloatArray) -> FloatArray:
    """Return the distance to the next point that float64 has, in bandwidths, (m,)."""
    return _length(model, np.spacing(np.abs(x)), np.ones(len(x)))


def merged(model: Model, ends: Ends, log_density: FloatArray) -> tuple[IntArray, IntArray]:
    """Return which ends stand for the modes, the highest first, and for each end its mode."""
    y = model.points(ends.points).rows(slice(None)) * np.sqrt(model.scale.kernel_scale)  # in bandwidths
    reach = np.maximum(_SAME / ends.sharpness, 8.0 * _resolution(model, ends.points))
    order = np.argsort(-log_density, kind="stable")
    tree = cKDTree(y)
    labels = np.full(len(y), -1)
    chosen: list[int] = []
    for i in order.tolist():
        if labels[i] < 0:
            near = np.array(tree.query_ball_point(y[i], reach[i]))
            labels[near[labels[near] < 0]] = len(chosen)
            chosen.append(i)
    kept = np.array(chosen, dtype=np.int64)
    plateau = _plateaus(y[kept] * ends.sharpness[kept, None], log_density[kept], ends.flat[kept])
    first, number = np.unique(plateau, return_index=True)[1], plateau
    rank = np.argsort(first)  # the highest of each plateau stands for it
    place = np.empty_like(rank)
    place[rank] = np.arange(len(rank))
    return kept[first[rank]], place[number][labels]


def _plateaus(y: FloatArray, log_density: FloatArray, flat: BoolArray) -> IntArray:
    """Return a number for each plateau: flat points that are neighbours and equally high belong to one."""
    n = len(y)
    rows = np.flatnonzero(flat)
    if rows.size < 2:
        return np.arange(n)
    count = min(rows.size, 2 * y.shape[1] + 3)
    distance, index = cKDTree(y[rows]).query(y[rows], k=count)
    one, other = np.repeat(rows, count), rows[index.ravel()]
    joined = (distance.ravel() <= _NEIGHBOURS) & (
        np.abs(log_density[one] - log_density[other]) <= _EQUAL_HEIGHTS
    )
    graph = coo_array((np.ones(np.count_nonzero(joined)), (one[joined], other[joined])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1])
