"""Cross-validation in any dimension: leave-one-out likelihood, least squares, hold-out and folds.

Every selector climbs an objective of `objectives` with exact derivatives: along the line of scalar bandwidths (a grid
of many bandwidths in one pass, then the roots of polynomials through values and slopes), and from there, for
diagonal and full bandwidths, by L-BFGS. Searches take place in standard coordinates (`standard`), so that the
bandwidth follows rotations and units (scalar), separate units (diagonal) or any affine map (full).

Exact repetitions of a sample are joined into one sample of their total weight, which is left out as a whole: a sample
must not be predicted from its own copy, else the best bandwidth would be 0.
"""

from collections.abc import Callable, Sequence

import numpy as np

from parzen.bandwidth.line_search import maximise_on_line
from parzen.bandwidth.matrix_search import Curvature, Found, maximise_over_matrices, shaped_start
from parzen.bandwidth.objectives import LeastSquares, Likelihood, Objective
from parzen.bandwidth.selector import Options, Selected
from parzen.bandwidth.standard import Standard
from parzen.errors import InputError
from parzen.typing import FloatArray, IntArray

__all__ = ["holdout", "kfold", "likelihood", "lscv"]

#: Samples whose nearest neighbours say where the grid begins.
_NEIGHBOUR_SAMPLES = 1000

#: Folds of `kfold`, and the share of `holdout` that is held out.
_FOLDS, _HELD_OUT = 5, 0.2

#: Where the grid begins for many samples, over n^(-1/(d + 4)) standard deviations, by dimension.
_LOWEST_OF_MANY = (1e-2, 0.1, 0.1)

#: A start is new if its bandwidth differs from the others by more than this factor.
_NEW_START = 1.5

#: Points that are left out, each under all samples, while starts are looked for: one in so many, at least and at most.
_SCREENED_SHARE, _SCREENED, _SCREENED_MOST = 8, 250, 1000

#: Slope at which a rough climb ends, about the sampling error of its objective; and by what share matrices differ.
_ROUGH, _ROUGHLY_SAME, _SAME = 1e-3, 0.1, 1e-2


def likelihood(samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
    r"""Maximise the leave-one-out likelihood, Σ_i w_i log f̂_{-i}(x_i) / Σw.

    The bandwidth with the least estimated Kullback-Leibler divergence from the truth; the density left out of
    sample i is made of all the others. For heavy tails the bandwidth grows with the outliers.

    Parameters
    ----------
    samples : ndarray of shape (n, d)
        Any d.
    weights : ndarray of shape (n,) or None
        Weights.
    options : Options
        ``kind``: one h, (d,) standard deviations or a (d, d) covariance.

    Returns
    -------
    Selected
        ``curve`` is the objective, in nats per sample, along scalar bandwidths; for diagonal and full bandwidths along
        multiples of the data's own spread, with the geometric mean of the bandwidth over all directions as abscissa,
        and estimated from the points on which starts are compared (250 to 1000, one in eight, or all if fewer).
        ``warnings`` tell of repeated samples and of other local maxima.

    Raises
    ------
    InputError
        Fewer than two distinct samples; constant or dependent features (unless scalar); an objective without
        maximum, as with rounded features and a diagonal or full bandwidth.

    Notes
    -----
    Cost: scalar, one pass over n² pairs with a grid of 8 to 40 bandwidths and one or two with 4; diagonal and full,
    the grid and two rough climbs on few points, and 5 to 30 passes over all, of order 2 for d ≤ 4, else two of order 1
    each. Memory O(n d). Maxima that are seen on few points only as one are not told apart.

    References
    ----------
    Habbema, Hermans & van den Broek (1974); Duin (1976), IEEE Trans. Comput. C-25, 1175-1179.
    """
    standard = Standard.of(samples, weights, options.kind)
    objective = Likelihood.leave_one_out(standard.points, standard.weights)
    return _search(
        objective, standard, _least(standard), options, lambda value: value - standard.log_det, "likelihood"
    )


def lscv(samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
    r"""Minimise the least-squares cross-validation, ∫ f̂² - 2 Σ_i w_i f̂_{-i}(x_i) / Σw.

    An unbiased estimate of the integrated squared error, up to ∫ f²; it varies a lot from sample to sample.
    Parameters, result, errors and cost are those of `likelihood`, twice the passes; the curve is in units of
    1 / (data unit)ᵈ and has a minimum.

    Raises
    ------
    InputError
        As `likelihood`; and where densities leave the range of float64, as they may in hundreds of dimensions.

    References
    ----------
    Rudemo (1982), Scand. J. Statist. 9, 65-78; Bowman (1984), Biometrika 71, 353-360.
    """
    standard = Standard.of(samples, weights, options.kind)
    objective = LeastSquares(standard.points, standard.weights)
    if objective.by_frequencies:
        # nearest neighbours are so near that most of the grid would be noise; the search goes on below where it must
        low = objective.least_by_frequencies(
            _LOWEST_OF_MANY[standard.d - 1] * len(standard.points) ** (-1.0 / (standard.d + 4))
        )
    else:
        low = 0.5 * float(np.quantile(_nearest(standard.points), 0.1) / np.sqrt(standard.d))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        unit = np.exp(-standard.log_det)
        return _search(objective, standard, low, options, lambda value: np.asarray(-value * unit), "lscv")


def holdout(samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
    """Maximise the likelihood of a random fifth of the samples under the rest; `likelihood` tells the rest.

    The bandwidth is the one for four fifths of the samples, at most 5 % above that for all of them (1-D, where
    h falls as n^(-1/5)); ``random_state`` chooses the split.
    """
    standard = Standard.of(samples, weights, options.kind)
    order = options.random_state.permutation(len(standard.points))
    return _by_folds(standard, [np.sort(order[: max(1, round(_HELD_OUT * len(order)))])], options, "holdout")


def kfold(samples: FloatArray, weights: FloatArray | None, options: Options) -> Selected:
    """Maximise the likelihood of each of five random folds under the other four; `likelihood` tells the rest."""
    standard = Standard.of(samples, weights, options.kind)
    order = options.random_state.permutation(len(standard.points))
    folds = [np.sort(order[start::_FOLDS]) for start in range(min(_FOLDS, len(order)))]
    return _by_folds(standard, folds, options, "kfold")


def _by_folds(standard: Standard, folds: Sequence[IntArray], options: Options, name: str) -> Selected:
    """Maximise the likelihood of folds."""
    objective = Likelihood.of_folds(standard.points, standard.weights, folds)
    return _search(
        objective, standard, _least(standard), options, lambda value: value - standard.log_det, name
    )


def _least(standard: Standard) -> float:
    """Return the least bandwidth that may maximise a likelihood, in standard units.

    Σ p ‖x_j - x_i‖² = d h² at a maximum, and no mean is below that of the nearest; a tenth less, since only some
    samples are asked.
    """
    return 0.9 * float(np.sqrt(np.mean(_nearest(standard.points) ** 2) / standard.d))


def _nearest(points: FloatArray) -> FloatArray:
    """Return the distances of some distinct points to their nearest neighbours."""
    from sklearn.neighbors import NearestNeighbors

    step = -(-len(points) // _NEIGHBOUR_SAMPLES)
    search = NearestNeighbors(n_neighbors=2).fit(points)
    return np.asarray(np.maximum(search.kneighbors(points[::step])[0][:, 1], 1e-12))


def _search(
    objective: Objective,
    standard: Standard,
    low: float,
    options: Options,
    in_data_units: Callable[[FloatArray], FloatArray],
    name: str,
) -> Selected:
    """Maximise an objective over the bandwidths of the kind asked for."""
    high = 1.5  # the root of twice the mean square: farther pairs are not farther on average
    low = min(low, 0.5 * high)
    scalar, n = options.kind == "scalar", len(standard.points)
    few = min(max(n // _SCREENED_SHARE, _SCREENED), _SCREENED_MOST)
    rough = objective if scalar else objective.thinned(few)
    found = maximise_on_line(lambda h: rough.on_line(h, options), low, high, refine=scalar)
    if found is None:
        raise InputError(
            f"`X` must have a bandwidth that is best by {name!r}; got an objective that has no optimum between a "
            f"billionth and a billion times the spread of the {len(standard.points)} distinct samples. "
            "Pass a number as bandwidth."
        )
    h, _, line, others = found
    curve = line.h * standard.size, in_data_units(line.values)
    if not np.all(np.isfinite(curve[1])):
        raise InputError(
            f"`X` must have densities in the range of float64 for {name!r}; got d = {standard.d}, where they leave it. "
            "Use 'likelihood', which works with logarithms."
        )
    warnings = []
    constant = np.flatnonzero(np.ptp(standard.points, axis=0) == 0)
    if constant.size:
        listed = ", ".join(f"column {i}" for i in constant[:5])
        more = f" and {constant.size - 5} more" if constant.size > 5 else ""
        it, is_one = (
            ("it", "is constant and counts as a dimension")
            if constant.size == 1
            else ("them", "are constant and count as dimensions")
        )
        warnings.append(
            f"{listed}{more} {is_one} in which a narrower kernel is always better: leave {it} out"
        )
    if standard.n_tied:
        warnings.append(
            f"{standard.n_tied} samples repeat another one exactly; each was left out together with its repetitions"
        )
    if scalar:
        warnings += _other_optima([other * standard.size for other in others], h * standard.size)
        return Selected(standard.bandwidth(h), curve, tuple(warnings))
    rule = (4.0 / (n * (standard.d + 2.0))) ** (1.0 / (standard.d + 4.0))
    shape = Likelihood.leave_one_out(standard.points, standard.weights).thinned(few)
    climbs = _climbs(objective, rough, shape, [h, *others, rule], standard.d, options)
    best = max(climbs, key=lambda climb: climb.value)
    if best.at_edge:
        raise InputError(
            f"`X` must not fall on lines or steps for a {options.kind} bandwidth by {name!r}; got an objective that "
            "grows without bound as the kernel narrows in one direction, as with rounded features, far outliers, or "
            f"few samples in many dimensions (n = {n}, d = {standard.d}). Drop outliers, add noise of the size of the "
            "rounding, or use kind='scalar'."
        )
    sizes = [_size(climb) * standard.size for climb in climbs if _differs(climb, best, _SAME)]
    warnings += _other_optima(sizes, _size(best) * standard.size)
    L = np.diag(best.L) if options.kind == "diagonal" else best.L
    return Selected(standard.bandwidth(L), curve, tuple(warnings))


def _climbs(
    objective: Objective, rough: Objective, shape: Objective, sizes: list[float], d: int, options: Options
) -> list[Found]:
    """Climb from round starts of these sizes; first, from each that is new, on the objective over few points.

    Starts that come out together there go on as one, with what was learnt of the curvature: the climb over all points
    then takes three or four steps. ``shape`` is the likelihood.
    """
    full, identity = options.kind == "full", np.eye(d)
    starts: list[float] = []
    ways: list[tuple[Found, Curvature]] = []
    for start in sizes:
        if any(abs(np.log(start / known)) < np.log(_NEW_START) for known in starts):
            continue
        starts.append(start)
        curvature = Curvature()
        L = shaped_start(lambda L: shape.at(L, options), start * identity, full=full)
        way = maximise_over_matrices(
            lambda L: rough.at(L, options), L, full=full, curvature=curvature, tolerance=_ROUGH
        )
        if all(_differs(way, other, _ROUGHLY_SAME) for other, _ in ways):
            ways.append((way, curvature))
    return [
        maximise_over_matrices(lambda L: objective.at(L, options), way.L, full=full, curvature=curvature)
        for way, curvature in ways
    ]


def _size(found: Found) -> float:
    """Return the geometric mean of the bandwidth over all directions, in standard units."""
    return float(np.exp(np.mean(np.log(np.diag(found.L)))))


def _differs(one: Found, other: Found, share: float) -> bool:
    """Whether two climbs ended at different bandwidths."""
    return bool(np.linalg.norm(one.L - other.L) > share * np.linalg.norm(other.L))


def _other_optima(sizes: list[float], best: float) -> list[str]:
    """Say where else the objective has optima."""
    if not sizes:
        return []
    listed = sorted({f"{size:.4g}" for size in sizes}, key=float)  # climbs to one optimum end almost alike
    return [
        f"the objective has {len(listed)} more local optim{'a' if len(listed) > 1 else 'um'}, at bandwidth "
        f"{', '.join(listed)}; the best of all, {best:.4g}, was taken"
    ]
