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


@pytest.mark.parametrize("library", ["autograd", "torch", "jax"])
def test_a_transposed_product_is_one_reverse_pass(library):
    # was n + 3 complex steps or more, since the weighted sum was taken by NumPy
    xp = {"autograd": "autograd.numpy", "torch": "torch", "jax": "jax.numpy"}[library]
    xp = pytest.importorskip(xp, reason=f"{library} is an extra: pip install parzen[{library}]")
    n, calls = 20, 0
    x = np.linspace(0.5, 1.5, n)
    shift = np.eye(n) + np.eye(n, k=1)
    shift = xp.asarray(shift) if library == "torch" else shift

    def f(p):
        nonlocal calls
        calls += 1
        return xp.sin(p) * (shift @ p)

    operator = jacobian_operator(f, x)
    matrix = np.asarray(shift)
    full = np.diag(np.cos(x) * (matrix @ x)) + np.sin(x)[:, None] * matrix
    u = np.linspace(-1, 2, n)
    calls = 0
    np.testing.assert_allclose(operator.T @ u, full.T @ u, rtol=1e-13)
    assert (
        calls <= 5
    )  # one pass, a check by differences along one direction; JAX looks at the shape of f first
    np.testing.assert_allclose(operator @ u, full @ u, rtol=1e-8)


def test_a_transposed_product_of_lists_and_of_numpy():
    def f(p):
        return [p[0] * p[1], p[0] ** 2]

    np.testing.assert_allclose(jacobian_operator(f, [2.0, 3.0]).T @ [1.0, 10.0], [43, 2], rtol=1e-13)
    with_argument = jacobian_operator(lambda p, a: a * p**2, [2.0, 3.0], args=(5.0,))
    np.testing.assert_allclose(with_argument.T @ [1.0, 1.0], [20, 30], rtol=1e-13)
    x = np.array([2.0, 3.0])
    operator = jacobian_operator(f, x)
    x[:] = 0  # the operator keeps its own point
    np.testing.assert_allclose(operator.T @ [1.0, 10.0], [43, 2], rtol=1e-13)
    with pytest.raises(InputError, match="`x` must be 1-D"):
        jacobian_operator(np.sum, 2.0)


def test_refusals():
    with pytest.raises(InputError, match="vector"):
        sparse_jacobian(lambda p: p[0], [1.0, 2.0])
    with pytest.raises(InputError, match="`sparsity`"):
        sparse_jacobian(chain, [1.0, 2.0], sparsity=np.ones((3, 3)))
    with pytest.raises(AccuracyError):
        sparse_jacobian(lambda p: np.abs(p) + 0.5 * p, [0.0, 1.0])
