"""Sparse Jacobians by groups of columns, and products without the matrix."""

import numpy as np
import pytest
from scipy.sparse import diags_array

from parzen.derivatives.functions.differentiate import jacobian
from parzen.derivatives.functions.sparse import jacobian_operator, sparse_jacobian
from parzen.errors import AccuracyError, InputError


def chain(p):
    out = np.exp(0.1 * p)
    out[1:] += p[:-1] * p[1:]
    out[:-1] -= 1e3 * p[1:] ** 2
    return out


@pytest.mark.parametrize("known", [True, False])
def test_a_banded_jacobian_in_three_groups(known):
    n, calls = 60, 0
    x = np.linspace(-1.3, 2.1, n)

    def f(p):
        nonlocal calls
        calls += 1
        return chain(p)

    sparsity = (
        diags_array([np.ones(n - 1), np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1]) if known else None
    )
    found = sparse_jacobian(f, x, sparsity=sparsity)
    np.testing.assert_allclose(found.toarray(), jacobian(chain, x), rtol=1e-7, atol=1e-9)
    assert found.nnz == 3 * n - 2
    assert calls < 7 * n * 0.6 + (0 if known else 4 * n)


def test_bounds_hold():
    seen = []

    def f(p):
        seen.append(np.array(p))
        return np.sqrt(p)

    found = sparse_jacobian(f, [0.5, 1.0], bounds=(0.5, 2.0))
    np.testing.assert_allclose(found.toarray(), np.diag([0.5 / np.sqrt(0.5), 0.5]), rtol=1e-8)
    assert np.min(seen) >= 0.5


def test_products():
    x = np.linspace(0.5, 1.5, 7)
    full = jacobian(chain, x)
    operator = jacobian_operator(chain, x)
    v = np.arange(7.0) - 2
    np.testing.assert_allclose(operator @ v, full @ v, rtol=1e-6)
    np.testing.assert_allclose(operator.T @ v, full.T @ v, rtol=1e-6)
    np.testing.assert_array_equal(operator @ np.zeros(7), 0)


def test_refusals():
    with pytest.raises(InputError, match="vector"):
        sparse_jacobian(lambda p: p[0], [1.0, 2.0])
    with pytest.raises(InputError, match="`sparsity`"):
        sparse_jacobian(chain, [1.0, 2.0], sparsity=np.ones((3, 3)))
    with pytest.raises(AccuracyError):
        sparse_jacobian(lambda p: np.abs(p) + 0.5 * p, [0.0, 1.0])
