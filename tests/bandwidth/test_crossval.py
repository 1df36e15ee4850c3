"""Cross-validation: objectives against brute force, gradients against differences, optima, equivariance, degenerate data."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import parzen
from parzen.bandwidth import crossval
from parzen.bandwidth.crossval import holdout, kfold, likelihood, lscv
from parzen.bandwidth.objectives import LeastSquares, Likelihood
from parzen.bandwidth.selector import Options
from parzen.bandwidth.standard import Standard
from parzen.errors import InputError
from tolerances import covariance

KINDS = ("scalar", "diagonal", "full")
SELECTORS = (likelihood, lscv, holdout, kfold)


def options(kind="scalar", **changes):
    return Options(kind=kind, workers=2, **changes)


def data(rng, n=60, d=3, weighted=False):
    """Two clusters, correlated."""
    x = rng.normal(size=(n, d)) @ (np.eye(d) + 0.4 * np.tri(d, k=-1))
    x[::3] = 0.5 * x[::3] + 2.0
    return x, rng.uniform(0.2, 1, size=n) if weighted else None


def kernel(x, y, H):
    """All φ_H(x_i - y_j)."""
    difference = (x[:, None] - y[None, :]).reshape(-1, x.shape[1])
    return multivariate_normal(np.zeros(x.shape[1]), H).pdf(difference).reshape(len(x), len(y))


def brute_likelihood(x, w, H):
    K = kernel(x, x, H)
    np.fill_diagonal(K, 0.0)
    return w @ np.log(K @ w / (w.sum() - w)) / w.sum()


def brute_lscv(x, w, H):
    K = kernel(x, x, H)
    np.fill_diagonal(K, 0.0)
    p = w / w.sum()
    return p @ kernel(x, x, 2 * H) @ p - 2 * p @ (K @ w / (w.sum() - w))


def brute_folds(x, w, folds, H):
    total, weight = 0.0, 0.0
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(x)), fold)
        total += w[fold] @ np.log(kernel(x[fold], x[rest], H) @ w[rest] / w[rest].sum())
        weight += w[fold].sum()
    return total / weight


FOLDS = (np.arange(10), np.arange(15, 40))

OBJECTIVES = {
    "likelihood": (lambda x, w: Likelihood.leave_one_out(x, w), brute_likelihood),
    "lscv": (LeastSquares, lambda x, w, H: -brute_lscv(x, w, H)),
    "folds": (
        lambda x, w: Likelihood.of_folds(x, w, FOLDS),
        lambda x, w, H: brute_folds(x, w, FOLDS, H),
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("d", [1, 3, 20])
def test_objectives_are_their_definitions(rng, name, weighted, d):
    x, w = data(rng, d=d, weighted=weighted)
    w = np.full(len(x), 1 / len(x)) if w is None else w / w.sum()
    make, brute = OBJECTIVES[name]
    objective = make(x, w)
    h = np.array([0.5, 0.9, 1.7])
    expected = [brute(x, w, b**2 * np.eye(d)) for b in h]
    np.testing.assert_allclose(objective.on_line(h, options())[0], expected, rtol=1e-9)
    L = np.tril(rng.normal(size=(d, d))) * 0.1 + 0.8 * np.eye(d)
    assert objective.at(L, options())[0] == pytest.approx(brute(x, w, L @ L.T), rel=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("d", [1, 3, 20])
def test_gradients_agree_with_differences(rng, name, weighted, d):
    """To 1e-7 of the largest component, by central differences of fourth order."""
    x, w = data(rng, d=d, weighted=weighted)
    w = np.full(len(x), 1 / len(x)) if w is None else w / w.sum()
    objective = OBJECTIVES[name][0](x, w)
    L = np.tril(rng.normal(size=(d, d))) * 0.1 + 0.8 * np.eye(d)
    _, relative = objective.at(L, options())
    step = 1e-3

    def along(E, t):
        return objective.at(L @ (np.eye(d) + t * E), options())[0]

    for _ in range(3):
        E = np.tril(rng.normal(size=(d, d))) / d
        near = (along(E, step) - along(E, -step)) / (2 * step)
        far = (along(E, 2 * step) - along(E, -2 * step)) / (4 * step)
        farther = (along(E, 3 * step) - along(E, -3 * step)) / (6 * step)
        difference = 1.5 * near - 0.6 * far + 0.1 * farther
        assert np.sum(E * relative) == pytest.approx(difference, abs=1e-7 * np.abs(relative).max())
    h = np.array([0.7, 1.1])
    values = [objective.on_line(h * np.exp(t * step), options())[0] for t in (1, -1, 2, -2, 3, -3)]
    near, far, farther = ((values[i] - values[i + 1]) / ((i + 2) * step) for i in (0, 2, 4))
    slopes = objective.on_line(h, options())[1]
    np.testing.assert_allclose(
        slopes, 1.5 * near - 0.6 * far + 0.1 * farther, atol=1e-7 * np.abs(slopes).max()
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("d", [1, 3, 20])
def test_a_thinned_objective_is_that_of_its_points(rng, name, weighted, d):
    """All points but a few left out, by those of an objective whose points differ: values, and slopes by differences."""
    x, w = data(rng, d=d, weighted=weighted)
    w = np.full(len(x), 1 / len(x)) if w is None else w / w.sum()
    whole = OBJECTIVES[name][0](x, w)
    few = whole.thinned(20)
    L = 0.8 * np.eye(d)
    value, relative = few.at(L, options())
    if name == "lscv":
        rows = few.some
        K, K2 = kernel(x[rows], x, L @ L.T), kernel(x[rows], x, 2 * L @ L.T)
        K[np.arange(len(rows)), rows] = 0.0
        p = w[rows] / w[rows].sum()
        expected = 2 * p @ (K @ w / (1 - w[rows])) - p @ K2 @ w
    else:
        total, expected = 0.0, 0.0
        for (pairs, shares, _), (parent, _, _) in zip(few.parts, whole.parts, strict=True):
            K, weights = kernel(pairs.queries, parent.sources, L @ L.T), np.exp(pairs.log_weights)
            rest = np.full(len(K), weights.sum())
            if pairs.own is not None:
                assert np.array_equal(pairs.queries, parent.sources[pairs.own])
                K[np.arange(len(K)), pairs.own] = 0.0
                rest -= weights[pairs.own]
            expected += shares @ np.log(K @ weights / rest)
            total += shares.sum()
            assert len(K) < len(parent.queries)
        assert total == pytest.approx(1)
    assert value == pytest.approx(expected, rel=1e-9)
    E, step = np.tril(rng.normal(size=(d, d))) / d, 1e-3
    near, far, farther = (
        (few.at(L + k * step * L @ E, options())[0] - few.at(L - k * step * L @ E, options())[0])
        / (2 * k * step)
        for k in (1, 2, 3)
    )
    difference = 1.5 * near - 0.6 * far + 0.1 * farther
    assert np.sum(E * relative) == pytest.approx(difference, abs=1e-7 * np.abs(relative).max())


@pytest.mark.parametrize("kind", ["diagonal", "full"])
@pytest.mark.parametrize("select", [likelihood, holdout])
def test_starts_from_few_points_lead_to_the_optimum_of_all(rng, kind, select):
    """Screened on an eighth of the points, in an order that alternates between clusters, the optimum is one of all."""
    x, _ = data(rng, n=1200, d=2)
    x = x[np.lexsort((np.arange(1200), np.arange(1200) % 8))]
    selected = select(x, None, options(kind))
    standard = Standard.of(x, None, kind)
    assert len(x) > 4 * crossval._SCREENED
    if select is likelihood:
        objective = Likelihood.leave_one_out(standard.points, standard.weights)
        L = np.linalg.cholesky(covariance(selected.value, 2))
        spread = np.asarray(standard.spread)
        L = np.linalg.solve(spread if kind == "full" else np.diag(spread), L)
        relative = objective.at(np.tril(L), options())[1]
        assert np.abs(relative if kind == "full" else np.diag(relative)).max() < 1e-5
    assert selected.warnings == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("select", "brute", "sign"), [(likelihood, brute_likelihood, -1), (lscv, brute_lscv, 1)]
)
def test_the_optimum_is_one(rng, kind, weighted, select, brute, sign):
    """No small change of the bandwidth is better, by the definition; and the curve is the definition."""
    x, w = data(rng, n=80, d=2, weighted=weighted)
    given, w = w, np.ones(len(x)) if w is None else w
    selected = select(x, given, options(kind))
    H = covariance(selected.value, 2)
    best = sign * brute(x, w, H)
    for _ in range(20):
        if kind == "scalar":
            other = H * np.exp(0.01 * rng.normal())
        else:
            E = 0.01 * rng.normal(size=(2, 2))
            E = np.diag(np.diag(E)) if kind == "diagonal" else E
            other = (np.eye(2) + E) @ H @ (np.eye(2) + E).T
        assert sign * brute(x, w, other) >= best - 1e-9 * abs(best)
    h, values = selected.curve
    assert np.all(np.diff(h) > 0)
    if kind == "scalar":
        np.testing.assert_allclose(values, [brute(x, w, b**2 * np.eye(2)) for b in h], rtol=1e-8)
        assert best <= np.min(sign * values) + 1e-9


@pytest.mark.parametrize(
    ("select", "weighted"),
    [(likelihood, True), (likelihood, False), (lscv, True), (holdout, False), (kfold, True)],
)
def test_equivariance(rng, select, weighted):
    """A change of units changes a bandwidth as it should: any affine map for full, and so on."""
    x, w = data(rng, n=50, d=2, weighted=weighted)
    shift = np.array([3.0, -40.0])
    rotation = np.array([[0.6, -0.8], [0.8, 0.6]])
    maps = {
        "scalar": 2.5 * rotation,
        "diagonal": np.diag([1e-3, 50.0]),
        "full": np.array([[3.0, 1.0], [-20.0, 0.5]]),
    }
    for kind, A in maps.items():
        before = covariance(select(x, w, options(kind)).value, 2)
        after = covariance(select(x @ A.T + shift, w, options(kind)).value, 2)
        expected = A @ before @ A.T
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        np.testing.assert_allclose(after / scale, expected / scale, atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("select", [likelihood, lscv])
def test_repeated_samples_are_left_out_together(rng, kind, select):
    """Copies count as weight; so the bandwidth does not go to zero, and the user is told."""
    x, _ = data(rng, d=2)
    copies = rng.integers(1, 4, size=len(x))
    repeated = np.repeat(x, copies, axis=0)
    selected = select(repeated, None, options(kind))
    np.testing.assert_allclose(
        selected.value, select(x, copies.astype(float), options(kind)).value, rtol=1e-5
    )
    assert str(int(copies.sum()) - len(x)) in selected.warnings[0]
    assert "repeat" in selected.warnings[0]


@pytest.mark.parametrize("select", SELECTORS)
def test_samples_without_weight_do_not_count(rng, select):
    x, w = data(rng, d=2, weighted=True)
    stray = np.vstack([x, np.full((1, 2), 1e6)])

    def chosen(x, w):
        return float(parzen.select_bandwidth(x, select.__name__, sample_weight=w, random_state=0))

    expected = chosen(x, w)
    assert chosen(stray, np.append(w, 0.0)) == pytest.approx(expected, rel=1e-9)
    assert chosen(x, w * 1e-300) == pytest.approx(expected, rel=1e-9)


def test_all_local_maxima_are_found_and_told(rng):
    """Tight pairs in a wide cloud: the likelihood has two maxima, and the higher one is taken."""
    centres = 100.0 * rng.normal(size=(60, 1))
    x = np.concatenate([centres[:, 0], centres[:, 0] + 1e-3 * rng.normal(size=60)])[:, None]
    x = np.concatenate([x, 50.0 * rng.normal(size=(4, 1))])
    selected = likelihood(x, None, options())
    values = selected.curve[1]
    peaks = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] > values[2:]))
    assert len(peaks) == 1 + len(selected.warnings)
    grid = np.geomspace(1e-4, 100, 400)
    with np.errstate(divide="ignore"):  # where kernels do not reach the next sample
        truth = [brute_likelihood(x, np.ones(len(x)), b**2 * np.eye(1)) for b in grid]
    assert selected.value == pytest.approx(grid[int(np.nanargmax(truth))], rel=0.05)
    assert values.max() >= np.nanmax(truth) - 1e-12


@pytest.mark.parametrize("select", SELECTORS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("x", "reason"),
    [(np.zeros((1, 2)), "more than one sample"), (np.ones((30, 2)), "got 30, all equal")],
    ids=["one sample", "all equal"],
)
def test_nothing_to_choose_from(select, kind, x, reason):
    with pytest.raises(
        InputError, match=rf"`X` must hold .*{reason}.* Or give KernelDensity a positive number"
    ):
        parzen.select_bandwidth(x, select.__name__, kind=kind)


@pytest.mark.parametrize("select", SELECTORS)
def test_constant_and_dependent_features(rng, select):
    x, _ = data(rng, d=2)
    constant = np.column_stack([x, np.full(len(x), 3.0)])
    for kind in ("diagonal", "full"):
        with pytest.raises(InputError, match=r"1 constant feature, the first at column 2\."):
            parzen.select_bandwidth(constant, select.__name__, kind=kind)
    assert select(constant, None, options()).value > 0
    with pytest.raises(InputError, match=r"linearly dependent .* Drop dependent"):
        select(np.column_stack([x, x[:, 0]]), None, options("full"))


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_rounded_features_have_no_best_matrix(rng, kind):
    x, _ = data(rng, n=200, d=2)
    x[:, 0] = np.round(x[:, 0])
    with pytest.raises(InputError, match=r"lines or steps .* rounding, or use kind='scalar'"):
        likelihood(x, None, options(kind))
    assert likelihood(x, None, options()).value > 0


@pytest.mark.parametrize("select", SELECTORS)
def test_no_gradient_target(rng, select):
    with pytest.raises(InputError, match=f"'{select.__name__}', which does not do target='gradient'"):
        parzen.select_bandwidth(data(rng)[0], select.__name__, target="gradient")


def test_out_of_range(rng):
    with pytest.raises(InputError, match="range that fits in float64"):
        parzen.select_bandwidth(np.array([[-1.7e308], [1.7e308], [0.0]]), "likelihood")
    x, _ = data(rng, d=2)
    expected = likelihood(x, None, options()).value
    for unit in (1e-160, 1e160):
        assert likelihood(x * unit, None, options()).value == pytest.approx(expected * unit, rel=1e-9)


def test_many_dimensions(rng):
    """Diagonal bandwidths in 100 dimensions come at the cost of a few passes of order 1."""
    x = rng.normal(size=(150, 100)) * np.linspace(0.5, 2, 100)
    selected = likelihood(x, None, options("diagonal"))
    w = np.ones(len(x))
    best = brute_likelihood(x, w, covariance(selected.value, 100))
    for factor in (0.99, 1.01):
        assert brute_likelihood(x, w, covariance(factor * selected.value, 100)) < best
    scalar = likelihood(x, None, options())
    assert best > brute_likelihood(x, w, covariance(scalar.value, 100))


def test_holdout_and_folds_follow_the_random_state(rng):
    x, _ = data(rng)
    for select in (holdout, kfold):
        name = select.__name__
        first = float(parzen.select_bandwidth(x, name, random_state=1))
        legacy = np.random.RandomState(1)
        assert float(parzen.select_bandwidth(x, name, random_state=legacy, workers=2)) == first
        assert float(parzen.select_bandwidth(x, name, random_state=2)) != first
        new = [
            float(parzen.select_bandwidth(x, name, random_state=np.random.default_rng(3))) for _ in range(2)
        ]
        assert new[0] == new[1] != first
        with pytest.raises(InputError, match="`random_state` must be an integer from 0"):
            parzen.select_bandwidth(x, name, random_state="x")
