"""The state is a commutative monoid: shards merge into the whole, in any order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parzen.bandwidth.matrix import Scale
from parzen.density.model import Model
from parzen.kernel_sums import Request, State, compensated, dense, matmul
from parzen.kernel_sums.double_double import DoubleDouble

SCALES = np.array([1.0, 0.25, 1e-3])


def accumulated(method, samples, weights, queries, order, *, all_weights, factors=None):
    """The state of some samples; offsets are relative to the largest weight of all, and hold no log λ."""
    points = Model(samples, samples, None, None, Scale(1.0, samples.shape[1]), np.zeros(samples.shape[1]))
    offsets = None if weights is None else DoubleDouble.of(np.log(all_weights.max()) - np.log(weights))
    precisions = None if factors is None else DoubleDouble.of(factors**-2.0)
    sources = type(points.sources)(points.sources.points, offsets, precisions)
    method.prepare(sources)
    request = Request(scales=SCALES, order=order, radial=True)
    whitened = points.points(queries)
    rows = (
        whitened.exact_rows(slice(None))
        if method is compensated
        else np.ascontiguousarray(whitened.rows(slice(None)))
    )
    return method.accumulate(sources, rows, np.full(len(queries), -1), request, np.inf, lambda amount: None)


def assert_same(first, second, order):
    """Equal but for rounding, as sums relative to the lowest exponent."""
    np.testing.assert_allclose(first.lowest, second.lowest, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(first.total, second.total, rtol=1e-10)
    np.testing.assert_allclose(first.spread, second.spread, rtol=1e-10)
    np.testing.assert_allclose(first.precision, second.precision, rtol=1e-10)
    size = 1 + np.abs(second.first).max(initial=0) ** 2
    np.testing.assert_allclose(first.first, second.first, atol=1e-10 * size)
    np.testing.assert_allclose(np.tril(first.second) if order > 1 else first.second,
                               np.tril(second.second) if order > 1 else second.second, atol=1e-10 * size)  # fmt: skip


@pytest.mark.parametrize("method", [dense, matmul], ids=["dense", "matmul"])
@pytest.mark.parametrize("order", [0, 1, 2])
@given(
    seed=st.integers(0, 2**32 - 1), cut=st.integers(1, 599), weighted=st.booleans(), adaptive=st.booleans()
)
def test_shards_merge_into_the_whole(method, order, seed, cut, weighted, adaptive):
    rng = np.random.default_rng(seed)
    samples, queries = rng.normal(size=(600, 2)) * rng.choice([0.1, 1.0, 10.0]), rng.normal(size=(3, 2))
    weights = rng.uniform(0.01, 1, size=600) if weighted or adaptive else None
    factors = rng.uniform(0.5, 2, size=600) if adaptive else None

    def shard(part):
        chosen = None if weights is None else weights[part]
        own = None if factors is None else factors[part]
        return accumulated(method, samples[part], chosen, queries, order, all_weights=weights, factors=own)

    whole, left, right = shard(slice(None)), shard(slice(None, cut)), shard(slice(cut, None))
    assert_same(left.merge(right), whole, order)
    assert_same(right.merge(left), whole, order)
    identity = State.identity(3, len(SCALES), 2, order)
    assert_same(identity.merge(whole), whole, order)
    assert_same(whole.merge(identity), whole, order)


def test_merging_is_associative(rng):
    samples, queries = rng.normal(size=(300, 2)), rng.normal(size=(3, 2))
    a, b, c = (accumulated(dense, part, None, queries, 2, all_weights=None) for part in np.split(samples, 3))
    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)), 2)


def test_two_identities_merge_into_the_identity():
    identity = State.identity(2, 1, 3, 2)
    merged = identity.merge(identity)
    assert np.all(merged.lowest == np.inf)
    assert np.all(merged.total == 0)
    assert merged.second.shape == (2, 1, 3, 3)


def test_far_shards_do_not_disturb(rng):
    """A shard 1e6 nats farther merges as nothing, without overflow."""
    near, queries = rng.normal(size=(100, 2)), rng.normal(size=(3, 2))
    close = accumulated(dense, near, None, queries, 2, all_weights=None)
    far = accumulated(dense, near + 1e5, None, queries, 2, all_weights=None)
    merged = far.merge(close)
    np.testing.assert_array_equal(merged.lowest[:, 0], close.lowest[:, 0])
    np.testing.assert_array_equal(merged.total[:, 0], close.total[:, 0])


@pytest.mark.parametrize("method", [dense, matmul], ids=["dense", "matmul"])
def test_derivatives_bring_the_radial_moment_whichever_tile_is_nearest(method):
    """Without ``radial`` the earlier tiles' part once kept its old scale: thousands of needless repairs."""
    samples = np.sort(np.random.default_rng(0).normal(size=2000))[:, None]
    model = Model.of(samples, None, Scale(0.03, 1))
    queries = np.array([[10.0]])  # nearest to the last tile
    request = Request(
        scales=np.array([model.scale.kernel_scale]), order=1, method=method.__name__.split(".")[-1]
    )
    with_flag = model.evaluate(queries, request.replace(radial=True))
    without = model.evaluate(queries, request)
    np.testing.assert_array_equal(without.repaired, with_flag.repaired)
    np.testing.assert_allclose(without.sums.mean_square, with_flag.sums.mean_square, rtol=1e-9)
