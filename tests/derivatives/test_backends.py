"""Every method on the functions that it is for, and what happens where it is wrong."""

import math

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from parzen.density.estimator import KernelDensity
from parzen.derivatives.functions.backends import METHODS
from parzen.derivatives.functions.descend import ascend
from parzen.derivatives.functions.differentiate import (
    derivative,
    differentiate,
    grad,
    hessian,
    jacobian,
    value_and_grad,
)
from parzen.derivatives.functions.sparse import hvp
from parzen.errors import InputError, InputTypeError, ParzenWarning


def test_the_order_of_the_methods():
    assert list(METHODS) == ["exact", "autodiff", "symbolic", "complex-step", "finite-difference"]


class Quadratic:
    """x'x with exact derivatives, marked by a count."""

    def __init__(self):
        self.asked = 0

    def __call__(self, x):
        return float(np.sum(np.square(x)))

    def gradient(self, x):
        self.asked += 1
        return 2 * x

    def hessian(self, x):
        return 2 * np.eye(len(x))


def test_exact():
    f = Quadratic()
    found = differentiate(f, [1.0, 2.0], "gradient")
    assert (found.method, f.asked) == ("exact", 1)
    assert (found.error > 0).all()
    np.testing.assert_array_equal(found.value, [2, 4])
    np.testing.assert_array_equal(hessian(f, [1.0, 2.0]), 2 * np.eye(2))
    np.testing.assert_array_equal(grad(f, [1.0, 2.0], wrt=[1]), [4])
    assert differentiate(f, [1.0, 2.0], "gradient", method="finite-difference").method == "finite-difference"


def test_a_fitted_density_is_exact():
    rng = np.random.default_rng(0)
    kde = KernelDensity(0.5).fit(rng.standard_normal((200, 2)))
    x = np.array([0.3, -0.2])
    found = differentiate(kde.log_density, x, "gradient")
    assert found.method == "exact"
    np.testing.assert_allclose(found.value, kde.grad_log_density(x[None])[0], rtol=1e-12)
    checked = differentiate(kde.log_density, x, "gradient", method="finite-difference")
    assert np.all(np.abs(checked.value - found.value) <= 3 * checked.error + found.error)
    line = KernelDensity(0.5).fit(rng.standard_normal((200, 1)))
    np.testing.assert_allclose(
        derivative(line.score_samples, [0.1, 0.2]), line.grad_log_density(np.array([[0.1], [0.2]]))[:, 0]
    )


@pytest.mark.parametrize("call", [grad, ascend, hessian, jacobian])
@pytest.mark.parametrize("name", ["density", "grad_log_density", "score"])
def test_methods_of_a_density_that_take_rows_point_to_the_one_that_takes_a_point(call, name):
    # said that X must be 2-D, and to reshape it
    kde = KernelDensity(0.5).fit(np.random.default_rng(0).standard_normal((50, 2)))
    with pytest.raises(InputTypeError, match=rf"method `{name}` of a density.*Pass `kde.log_density`"):
        call(getattr(kde, name), [0.1, 0.2])


def test_the_density_of_a_table_is_still_a_function():
    kde = KernelDensity(0.5).fit(np.random.default_rng(0).standard_normal((50, 1)))
    with pytest.raises(InputTypeError, match=r"kde\.log_density"):
        derivative(kde.density, 0.5)
    exact = kde.density([[0.5]]) * kde.grad_log_density([[0.5]])
    np.testing.assert_allclose(grad(kde.density, [[0.5]]), exact, rtol=1e-8)
    np.testing.assert_allclose(grad(kde.density, kwargs={"X": [[0.5]]}, wrt="X")["X"], exact, rtol=1e-8)


@pytest.mark.parametrize("call", [grad, derivative, ascend])
def test_a_density_that_is_not_fitted_says_so(call):
    # was an AttributeError about bandwidth_
    with pytest.raises(NotFittedError):
        call(KernelDensity().log_density, [0.5])


def test_a_point_of_the_wrong_size_and_many_points_get_their_own_advice():
    kde = KernelDensity(0.5).fit(np.random.default_rng(0).standard_normal((50, 2)))
    with pytest.raises(InputError, match=r"got 1\. Give 2 numbers\.$"):
        ascend(kde.log_density, [2.0])
    with pytest.raises(InputError, match=r"got 3\. Give 2 numbers\.$"):
        grad(kde.log_density, [2.0, 3.0, 4.0])
    with pytest.raises(InputError, match="own gradient for many points"):
        grad(kde.log_density, [[2.0, 3.0], [4.0, 5.0]])


def test_complex_step_is_exact_to_rounding():
    found = differentiate(
        lambda x: np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3), 1.5, method="complex-step"
    )
    assert found.value == pytest.approx(4.053427893898621, rel=4e-16)
    assert found.n_evaluations <= 5


@pytest.mark.parametrize(
    "f", [lambda x: np.abs(x).sum(), lambda x: np.real(x).sum() ** 2, lambda x: float(x[0])]
)
def test_functions_that_are_not_complex_are_not_stepped_into(f):
    found = differentiate(f, [2.0, 3.0], "gradient")
    assert found.method == "finite-difference"
    assert "not complex-step" in found.reason


def test_a_complex_step_that_lies_is_found_out():
    # (-2 + ih) ** 3.0 goes through a logarithm: the imaginary part is rounding
    def f(x):
        return x**3.0 if not isinstance(x, complex) else complex(x.real**3, 1e-12 * x.imag)

    with pytest.warns(ParzenWarning, match="disagrees"):
        found = differentiate(f, -2.0)
    assert found.method == "finite-difference"
    assert found.value == pytest.approx(12, rel=1e-8)
    with pytest.warns(ParzenWarning, match="disagrees"):
        forced = differentiate(f, -2.0, method="complex-step")
    assert not forced.converged


def test_a_small_part_that_is_not_complex_is_found_out():
    def f(x):
        return 1e8 * x[0] + (np.abs(x[1]) if np.iscomplexobj(x) else abs(x[1]))

    with pytest.warns(ParzenWarning, match="disagrees"):
        found = differentiate(f, [1.0, 2.0], "gradient")
    np.testing.assert_allclose(found.value, [1e8, 1], rtol=1e-6)


def test_a_complex_step_over_a_kink_is_found_out():
    with pytest.warns(ParzenWarning, match="do not settle"):
        found = differentiate(lambda x: np.where(np.greater(x, 0), 2 * x, -x), 0.0)
    assert not found.converged


def test_sympy():
    sympy = pytest.importorskip("sympy")
    x, y = sympy.symbols("x y")
    found = differentiate(x**2 * sympy.sin(y), [1.0, 2.0], "gradient")
    assert found.method == "symbolic"
    np.testing.assert_allclose(found.value, [2 * math.sin(2), math.cos(2)], rtol=1e-15)
    np.testing.assert_allclose(
        derivative(sympy.exp(2 * x), [0.0, 1.0], order=2), [4, 4 * math.e**2], rtol=1e-14
    )
    np.testing.assert_allclose(jacobian(sympy.Matrix([x * y, x]), [1.0, 2.0]).reshape(2, 2), [[2, 1], [1, 0]])
    np.testing.assert_allclose(hessian(x**2 * y, [1.0, 2.0]), [[4, 2], [2, 0]])
    assert grad(x**2 * y, kwargs={"x": 1.0, "y": 2.0}, wrt="x") == {"x": 4.0}
    plain = grad(x**2 * sympy.sin(y), [1.0, 2.0], method="finite-difference")
    np.testing.assert_allclose(plain, found.value, rtol=1e-8)
    with pytest.raises(InputError, match=r"one entry for each symbol \(x, y\)"):
        grad(x * y, [1.0])


def test_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is an extra: pip install parzen[torch]")
    x = torch.tensor([1.0, 2.0])
    found = differentiate(lambda p: (p**3).sum(), x, "gradient")
    assert found.method == "autodiff"
    np.testing.assert_array_equal(found.value, [3, 12])
    np.testing.assert_allclose(hessian(lambda p: (p**3).sum(), x), np.diag([6, 12]))
    np.testing.assert_allclose(jacobian(lambda p: torch.stack([p[0] * p[1], p[0]]), x), [[2, 1], [1, 0]])
    np.testing.assert_allclose(derivative(torch.sin, [0.5, 1.0], order=2), -np.sin([0.5, 1.0]), rtol=1e-14)
    np.testing.assert_allclose(hvp(lambda p: (p**3).sum(), x, [1.0, 1.0]), [6, 12], rtol=1e-6)
    value, slope = value_and_grad(lambda p: (p**2).sum(), x)
    assert value == 5
    np.testing.assert_array_equal(slope, [2, 4])
    layer = torch.nn.Linear(2, 1)  # float32 weights refuse float64
    single = differentiate(lambda p: layer(p).sum(), x, "gradient")
    assert "single precision" in single.reason
    np.testing.assert_allclose(single.value, layer.weight.detach().numpy()[0], rtol=1e-6)


def test_torch_that_lies():
    torch = pytest.importorskip("torch", reason="PyTorch is an extra: pip install parzen[torch]")
    x = torch.tensor([1.0, 2.0])
    with pytest.warns(ParzenWarning, match="disagrees"):
        found = differentiate(lambda p: (p.detach() ** 2 * p).sum(), x, "gradient")
    assert found.method == "finite-difference"
    np.testing.assert_allclose(found.value, [3, 12], rtol=1e-8)
    left = differentiate(lambda p: (p.numpy() ** 2).sum(), x, "gradient")
    assert "torch failed" in left.reason
    np.testing.assert_allclose(left.value, [2, 4], rtol=1e-8)


def test_jax():
    jax = pytest.importorskip("jax", reason="JAX is an extra: pip install parzen[jax]")
    jnp = jax.numpy
    found = differentiate(lambda p: jnp.sum(p**3), [1.0, 2.0], "gradient")
    assert found.method == "autodiff"
    assert found.value.dtype == np.float64  # although 64 bits are switched off in JAX
    np.testing.assert_allclose(found.value, [3, 12], rtol=1e-15)
    assert jax.grad(lambda t: t)(1.0).dtype == jnp.float32  # and stay off
    np.testing.assert_allclose(grad(jax.jit(lambda p: jnp.sum(p**3)), [1.0, 2.0]), [3, 12])
    np.testing.assert_allclose(hessian(lambda p: (p**3).sum(), jnp.array([1.0, 2.0])), np.diag([6, 12]))
    np.testing.assert_allclose(derivative(jnp.tanh, [0.5, 0.6]), 1 - np.tanh([0.5, 0.6]) ** 2, rtol=1e-14)
    got = jacobian(lambda p: jnp.stack([p[0] * p[1], p[0]]), [1.0, 2.0], wrt=[1])
    np.testing.assert_allclose(got, [[1], [0]])
    named = grad(
        lambda mu, s, data: jnp.sum((data - mu) ** 2) / s,
        kwargs={"mu": 1.5, "s": 2.0, "data": np.arange(3.0)},
        wrt=("mu", "s"),
    )
    np.testing.assert_allclose([named["mu"], named["s"]], [1.5, -2.75 / 4], rtol=1e-14)
    with pytest.warns(ParzenWarning, match="disagrees"):
        wrong = differentiate(lambda p: jnp.sum(jax.lax.stop_gradient(p) * p), [1.0, 2.0], "gradient")
    np.testing.assert_allclose(wrong.value, [2, 4], rtol=1e-8)


def test_hips_autograd():
    pytest.importorskip("autograd", reason="autograd is not installed")
    import autograd.numpy as anp

    found = differentiate(lambda p: anp.sum(anp.sin(p)), [1.0, 2.0], "gradient")
    assert found.method == "autodiff"
    np.testing.assert_allclose(found.value, np.cos([1.0, 2.0]), rtol=1e-15)
    np.testing.assert_allclose(derivative(anp.sin, [1.0, 2.0], method="autodiff"), np.cos([1.0, 2.0]))
