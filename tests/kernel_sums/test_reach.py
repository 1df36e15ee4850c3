"""Boxes of tiles leave out only sources that a look at each of them leaves out too."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import parzen
from parzen.bandwidth.matrix import Scale
from parzen.density.model import Model
from parzen.kernel_sums.double_double import DoubleDouble
from parzen.kernel_sums.reach import within_reach
from parzen.kernel_sums.sources import Sources
from tolerances import assert_promise


@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.sampled_from([1, 2, 3, 6]),
    order=st.sampled_from([0, 1, 2]),
    spread=st.floats(-1.0, 6.0),
    weighted=st.booleans(),
    adaptive=st.booleans(),
    leave_out=st.booleans(),
)
def test_boxes_change_nothing(seed, d, order, spread, weighted, adaptive, leave_out):
    rng = np.random.default_rng(seed)
    n = 3000
    samples = 10.0**spread * rng.standard_normal((n, d)) * rng.choice([1e-3, 1.0], size=(n, 1))
    offsets = DoubleDouble.of(rng.uniform(0.0, 30.0, size=n)) if weighted or adaptive else None
    precisions = DoubleDouble.of(rng.uniform(0.5, 2.0, size=n) ** -2.0) if adaptive else None
    model = Model(samples, samples, None, None, Scale(1.0, d), np.zeros(d))
    sources = Sources(model.sources.points, offsets, precisions)
    own = rng.integers(0, n, size=7) if leave_out else np.full(7, -1)
    queries = samples[own] + 1e-3 if leave_out else samples[:1] + rng.standard_normal((7, d))
    whitened = model.points(queries).rows(slice(None))
    options = {"scale": Scale(1.0, d).kernel_scale, "order": order, "cutoff": 28.0, "units": 4.0}
    tree = sources.sorted
    with np.errstate(invalid="ignore"):
        plain = within_reach(sources, None, whitened, own, **options)
        boxed = within_reach(tree.sources, tree.boxes, whitened, tree.rows(own), **options)
    assert np.all(np.diff(boxed) > 0)
    place = np.argsort(tree.rank)  # the original of each sorted source
    assert np.array_equal(np.sort(place[boxed]), plain)
    # and the definition itself, at the first query
    t = 0.5 * ((samples - queries[0]) ** 2).sum(axis=1)
    if precisions is not None:
        t *= precisions.high
    if offsets is not None:
        t += offsets.high
    t[own[:1][own[:1] >= 0]] = 1e300
    matter = t - 0.5 * order * np.log(2.0 * t + 1.0) < t.min() + 28.0
    assert set(np.flatnonzero(matter)) <= set(plain.tolist())


@pytest.mark.parametrize(("d", "h"), [(1, 1e-4), (1, 0.3), (2, 1e-3), (2, 3e-3), (5, 1e-2)])
@pytest.mark.parametrize("method", ["auto", "tree"])
def test_repairs_by_boxes_keep_the_promise(rng, d, h, method):
    """Thousands of bandwidths apart, rounding of coordinates that are divided breaks the promise for most queries."""
    X = rng.uniform(0.0, 1e4 if d > 1 else 1e6, size=(4000, d))
    X[::7] = X[::7].round(1)
    weights = rng.random(4000) ** 4
    Q = np.vstack([X[:60] + 0.7 * h, rng.uniform(-1e6, 1e6, size=(20, d))])
    kde = parzen.KernelDensity(np.full(d, h), method=method).fit(X, sample_weight=weights)
    exact = parzen.KernelDensity(np.full(d, h), rtol=0).fit(X, sample_weight=weights)
    for order in (0, 1, 2):
        found = kde.evaluate(Q, order=order)
        assert found.n_repaired > 40
        assert_promise(found, exact.evaluate(Q, order=order), h, 1e-9)
    ours, theirs = kde.leave_one_out(order=1), exact.leave_one_out(order=1)
    assert np.all(np.abs(ours.log_density - theirs.log_density) <= 1e-9 + 1e-14 * np.abs(theirs.log_density))
