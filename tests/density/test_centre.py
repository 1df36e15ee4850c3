"""The centre of a model: near the samples, and in few dimensions one that costs no digits."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import parzen
from parzen.bandwidth.matrix import Scale, Whitened
from parzen.density.model import Model

SHAPES = {
    "around zero": lambda rng, n: rng.standard_normal(n),
    "positive": lambda rng, n: rng.lognormal(size=n),
    "from zero": lambda rng, n: rng.uniform(0.0, 1e6, size=n),
    "offset": lambda rng, n: 1.7e9 + 1e5 * rng.random(n),
    "offset, with zeros": lambda rng, n: (1e6 + rng.standard_normal(n)) * (rng.random(n) < 0.9),
    "years": lambda rng, n: rng.integers(1950, 2027, size=n).astype(float),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("d", [1, 3])
def test_samples_are_shifted_without_rounding(rng, shape, d):
    X = np.column_stack([SHAPES[shape](rng, 2000) for _ in range(d)])
    model = Model.of(X, None, Scale(0.37, d))
    assert model.sources.points.coordinate_error == 0.0
    middle = np.quantile(X, [0.25, 0.75], axis=0)
    far = np.abs(model.centre - np.median(X, axis=0))
    assert np.all(far <= 2.5 * (middle[1] - middle[0]))


@given(
    seed=st.integers(0, 2**32 - 1),
    offset=st.floats(-1e9, 1e9),
    centre=st.floats(-1e9, 1e9),
    h=st.floats(1e-9, 1e9),
)
def test_an_error_of_zero_is_zero(seed, offset, centre, h):
    raw = offset + np.random.default_rng(seed).standard_normal((6, 2))
    points = Whitened(raw, np.full(2, centre), Scale(h, 2))
    exact = [[(Fraction(x) - Fraction(centre)) / Fraction(points.scale.unit) for x in row] for row in raw]
    found = points.rows(slice(None))
    same = all(Fraction(found[i, a]) == exact[i][a] for i in range(6) for a in range(2))
    assert same == (points.coordinate_error == 0.0)


@pytest.mark.parametrize("shape", ["from zero", "offset", "years"])
def test_millions_of_bandwidths_apart_nothing_is_summed_again(rng, shape):
    X = SHAPES[shape](rng, 3000)[:, None]
    kde = parzen.KernelDensity(1e-3, method="tree").fit(X)
    found = kde.evaluate(X[:500] + 1e-3)
    assert found.n_repaired == 0
    exact = parzen.KernelDensity(1e-3, rtol=0).fit(X).evaluate(X[:500] + 1e-3)
    np.testing.assert_allclose(found.log_density, exact.log_density, rtol=0, atol=1e-9)
