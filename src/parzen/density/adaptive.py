r"""Bandwidth factors λ_j of the samples: narrow kernels where there are many samples, wide ones in the tails.

    f̂(q) = Σⱼ (wⱼ/λⱼᵈ) φ_H((q - xⱼ)/λⱼ) / Σⱼ wⱼ

Both rules give factors whose geometric mean (by weight) is 1, so that the bandwidth H stays what the user chose.

- `abramson`: λ_j = (f̂₀(x_j)/g)^(-1/2), where f̂₀ is the plain density at the same bandwidth and g its geometric mean
  over the samples. The square root is what takes the bias from O(h²) to O(h⁴) where the density is smooth and positive.
  The sample's own term stays in f̂₀: without it an isolated sample would have a factor without bound; with it, and
  equal weights, no two factors differ by more than √n.
- `knn`: λ_j is proportional to the distance from the ⌈√n⌉-th nearest other sample, in bandwidths. Where so many
  coincide that this is 0, the distance from the nearest sample that differs is taken. Weights do not count.

Abramson (1982), "On bandwidth variation in kernel estimates: a square root law", Ann. Statist. 10, 1217-1223.
Breiman, Meisel & Purcell (1977), "Variable kernel estimates of multivariate densities", Technometrics 19, 135-144.
Loftsgaarden & Quesenberry (1965), "A nonparametric estimate of a multivariate density function", Ann. Math. Statist.
36, 1049-1051.
"""

import math
from typing import Any

import numpy as np

from parzen.density.model import Model
from parzen.errors import InputError
from parzen.kernel_sums import Request
from parzen.typing import FloatArray
from parzen.validation import as_vector, describe

__all__ = ["RULES", "bandwidth_factors"]

#: Factors outside would take squared distances out of the range of float64, or nearly.
_LEAST, _LARGEST = 1e-50, 1e50

#: rtol of the pilot density, whatever looser or stricter one is asked for: factors are not to depend on it visibly, and
#: sums in double-double arithmetic would be of no use to them.
_LOOSEST, _STRICTEST = 1e-9, 1e-12

#: Dimensions up to which a k-d tree finds neighbours faster than matrix products.
_TREE_DIMENSIONS = 15
#: Squared distances that differ by a smaller share may take each other's place.
_SAME_SQUARES = 1e-10
#: Neighbours, or squared distances, that a block of points has.
_BLOCK = 4_000_000


def bandwidth_factors(model: Model, adaptive: Any, request: Request) -> FloatArray:
    """Return λ_j of the samples of a model without factors, (n,).

    Parameters
    ----------
    model : Model
        Samples, weights and bandwidth.
    adaptive : str or array-like of shape (n_given,)
        A name from `RULES`, or the factors of the samples given, those without weight included.
    request : Request
        What the pilot density is asked with.

    Raises
    ------
    InputError, InputTypeError
        An unknown rule; factors that are not positive or of another number; samples that all coincide.
    """
    if isinstance(adaptive, str):
        if adaptive not in RULES:
            raise InputError(
                f"`adaptive` must be None, {', '.join(map(repr, RULES))} or an array of factors, one per sample; got "
                f"{describe(adaptive)}. Use None for the same bandwidth everywhere."
            )
        factors = _normalised(RULES[adaptive](model, request), model.weights)
        advice = "Change `bandwidth`, which multiplies them, or drop samples of negligible weight."
    else:
        factors = np.array(as_vector(adaptive, "adaptive", length=len(model.given)))
        if model.index is not None:
            factors = factors[model.index >= 0]
        advice = "Pass positive factors."
    wrong = np.flatnonzero(~((factors >= _LEAST) & (factors <= _LARGEST)))
    if wrong.size:
        row = wrong[0] if model.index is None else np.flatnonzero(model.index >= 0)[wrong[0]]
        raise InputError(
            f"`adaptive` must give every sample a factor from {_LEAST:g} to {_LARGEST:g}; got {factors[wrong[0]]:g} at "
            f"sample {int(row)}. {advice}"
        )
    factors.flags.writeable = False
    return factors


def _normalised(log_factors: FloatArray, weights: FloatArray | None) -> FloatArray:
    """Return the factors, their geometric mean by weight made 1."""
    shares = None if weights is None else weights / weights.max()
    with np.errstate(over="ignore", invalid="ignore"):  # what is not a number is refused with the rest
        return np.asarray(np.exp(log_factors - np.average(log_factors, weights=shares)))


def _abramson(model: Model, request: Request) -> FloatArray:
    """Return -½ log f̂₀ at each sample; one evaluation at all samples."""
    rtol = min(max(request.rtol, _STRICTEST), _LOOSEST)
    return -0.5 * model.evaluate(model.samples, request.replace(rtol=rtol)).sums.log_sum[:, 0]


def _knn(model: Model, request: Request) -> FloatArray:
    """Return the log distance to the ⌈√n⌉-th nearest other sample, in bandwidths."""
    n = len(model.samples)
    if n == 1:
        return np.zeros(1)
    points = model.points(model.samples).rows(slice(None))
    if not np.all(np.isfinite(points)):
        raise InputError(
            "`adaptive` must be None for samples that spread over more bandwidths than float64 can hold; got 'knn'. "
            "Use a larger bandwidth."
        )
    distances = _neighbour_distances(points, min(math.ceil(math.sqrt(n)), n - 1), request.workers)
    tied = distances == 0
    if tied.any():
        different, inverse = np.unique(points, axis=0, return_inverse=True)
        if len(different) == 1:
            raise InputError(
                f"`adaptive` must be None or an array where all samples coincide; got 'knn' with {n} equal samples. "
                "Use None."
            )
        distances[tied] = _neighbour_distances(different, 1, request.workers)[inverse[tied]]
    with np.errstate(divide="ignore"):  # squares of distances below 1e-160 bandwidths are 0
        return np.asarray(np.log(distances))


def _neighbour_distances(points: FloatArray, k: int, workers: int) -> FloatArray:
    """Return the distance of each point from its k-th nearest other one, (n,).

    Cost: O(n log n) in one dimension, about O(n k log n) in a k-d tree (d ≤ 15), O(n² d) in products beyond.
    """
    d = points.shape[1]
    if d == 1:
        return _distances_on_a_line(points[:, 0], k)
    return (
        _distances_by_a_tree(points, k, workers)
        if d <= _TREE_DIMENSIONS
        else _distances_by_products(points, k)
    )


def _distances_on_a_line(x: FloatArray, k: int) -> FloatArray:
    """Return the distance of each number from its k-th nearest other one.

    That is the distance from the farther end of the nearest k + 1 in a row.
    """
    order = np.argsort(x, kind="stable")
    s, n = x[order], len(x)
    i = np.arange(n)
    least = np.maximum(i - k, 0)
    # the first window whose right end is as far as its left one
    first, last = least, np.minimum(i, n - 1 - k)
    while np.any(first < last):
        middle = (first + last) // 2
        far = s[middle + k] - s >= s - s[middle]
        first, last = np.where(far, first, np.minimum(middle + 1, last)), np.where(far, middle, last)
    windows = (first, np.maximum(first - 1, least))
    distances = np.empty(n)
    distances[order] = np.minimum(*(np.maximum(s[j + k] - s, s - s[j]) for j in windows))
    return distances


def _distances_by_a_tree(points: FloatArray, k: int, workers: int) -> FloatArray:
    """Ask a k-d tree; in blocks, between which Ctrl-C is heard."""
    from scipy.spatial import cKDTree

    tree, rows = cKDTree(points), max(1, _BLOCK // k)
    blocks = [points[start : start + rows] for start in range(0, len(points), rows)]
    return np.concatenate([tree.query(few, k=[k + 1], workers=workers)[0][:, 0] for few in blocks])


def _distances_by_products(points: FloatArray, k: int) -> FloatArray:
    """Compare all with all; in blocks."""
    norms, rows = np.einsum("ja,ja->j", points, points), max(1, _BLOCK // len(points))
    distances = np.empty(len(points))
    for start in range(0, len(points), rows):
        few = points[start : start + rows]
        kth = np.argpartition(norms - 2.0 * few @ points.T, k, axis=1)[:, k]
        found = np.linalg.norm(few - points[kth], axis=1)
        # rounding of the squares may have changed ranks
        doubt = points.shape[1] * np.finfo(float).eps * (norms[start : start + rows] + norms.max())
        unsure = np.flatnonzero(~(doubt < _SAME_SQUARES * found**2))
        for i in unsure:
            found[i] = np.partition(np.linalg.norm(points - few[i], axis=1), k)[k]
        distances[start : start + rows] = found
    return distances


#: The rules by name: each returns the logarithms of factors, up to a constant.
RULES = {"abramson": _abramson, "knn": _knn}
