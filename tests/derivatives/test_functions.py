"""The public face of function derivatives: kinds, shapes, wrt, bounds, batches, threads, errors."""

import inspect
import math
import threading
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess

from parzen.derivatives.functions.check import check_gradient
from parzen.derivatives.functions.choice import Options, prepare
from parzen.derivatives.functions.descend import ascend, descend
from parzen.derivatives.functions.differentiate import (
    derivative,
    differentiate,
    grad,
    hessian,
    jacobian,
    value_and_grad,
)
from parzen.derivatives.functions.sparse import hvp, jacobian_operator, sparse_jacobian
from parzen.errors import AccuracyError, InputError, InputTypeError

METHODS = ("auto", "complex-step", "finite-difference")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [2, 5, 30])
def test_gradient_of_rosenbrock(n, method):
    x = np.linspace(-1.2, 1.7, n)
    found = differentiate(rosen, x, "gradient", method=method)
    np.testing.assert_allclose(found.value, rosen_der(x), rtol=1e-8)
    assert found.converged
    assert found.value.shape == found.error.shape == found.step.shape == x.shape


def test_hessian_is_symmetric_and_right():
    x = np.array([0.5, -0.3, 1.2, 2.0])
    found = differentiate(rosen, x, "hessian")
    assert found.converged
    np.testing.assert_array_equal(found.value, found.value.T)
    np.testing.assert_allclose(found.value, rosen_hess(x), rtol=1e-6, atol=1e-6)
    assert np.all(np.abs(found.value - rosen_hess(x)) <= 3 * found.error)


def test_hessian_with_scales_a_million_apart():
    def f(p):
        return math.exp(-0.5 * (p[0] / 1e-3) ** 2 - 0.5 * (p[1] / 1e3) ** 2 - 0.3 * p[0] * p[1])

    x = np.array([0.5e-3, 700.0])
    u = np.array([-x[0] / 1e-6 - 0.3 * x[1], -x[1] / 1e6 - 0.3 * x[0]])
    true = f(x) * (np.outer(u, u) + np.array([[-1e6, -0.3], [-0.3, -1e-6]]))
    np.testing.assert_allclose(hessian(f, x), true, rtol=1e-6)


def test_hessian_of_a_function_that_ignores_a_variable():
    np.testing.assert_allclose(
        hessian(lambda p: math.exp(p[0]), [1.0, 2.0]), [[math.e, 0], [0, 0]], rtol=1e-6
    )


def test_jacobian_shapes_and_structural_zeros():
    def f(p):
        return np.array([[p[0] * p[1], math.sin(p[2])], [3.0, p[1] ** 2]])

    x = np.array([1.0, 2.0, 0.5])
    found = differentiate(f, x, "jacobian", method="finite-difference")
    true = np.zeros((2, 2, 3))
    true[0, 0, :2] = [2, 1]
    true[0, 1, 2] = math.cos(0.5)
    true[1, 1, 1] = 4
    assert found.converged
    assert found.value.shape == (2, 2, 3)
    np.testing.assert_allclose(found.value, true, rtol=1e-8, atol=1e-12)
    assert (found.error > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_elementwise_derivative_keeps_the_shape(method):
    x = np.linspace(0.1, 3, 12).reshape(3, 4)
    found = differentiate(np.sin, x, method=method)
    assert found.value.shape == (3, 4)
    np.testing.assert_allclose(found.value, np.cos(x), rtol=1e-8)


def test_derivative_of_a_vector_valued_and_of_a_complex_function():
    np.testing.assert_allclose(
        derivative(lambda t: np.array([t**2, math.exp(t)]), 1.0), [2, math.e], rtol=1e-8
    )
    both = derivative(lambda t: np.array([t**2, math.exp(t)]), [1.0, 2.0])
    assert both.shape == (2, 2)
    np.testing.assert_allclose(both[1], [4, math.e**2], rtol=1e-8)
    turning = differentiate(lambda t: np.exp(1j * t), 0.7, method="finite-difference")
    np.testing.assert_allclose(turning.value, 1j * np.exp(0.7j), rtol=1e-8)
    assert turning.error.dtype == np.float64
    np.testing.assert_allclose(jacobian(lambda p: p[0] * 1j + p[1], [1.0, 2.0]), [1j, 1], rtol=1e-8)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
def test_higher_derivatives(order):
    found = differentiate(math.exp, 0.3, order=order)
    assert found.converged
    assert abs(found.value - math.exp(0.3)) <= 3 * found.error
    assert abs(found.value / math.exp(0.3) - 1) <= (1e-8 if order == 1 else 1e-6 if order == 2 else 1e-4)


@pytest.mark.parametrize(
    ("wrt", "expected"),
    [
        (1, 6.0),
        ([0, 2], [2.0, 0.5]),
        (slice(0, 2), [2.0, 6.0]),
        (np.array([False, True, True]), [6.0, 0.5]),
        ([-1], [0.5]),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_wrt_picks_entries(wrt, expected, method):
    value = grad(lambda p: p[0] ** 2 + 3 * p[1] ** 2 + 0.5 * p[2], [1.0, 1.0, 1.0], wrt=wrt, method=method)
    assert np.shape(value) == np.shape(expected)
    np.testing.assert_allclose(value, expected, rtol=1e-8)


def loglik(data, mu, sigma):
    return float(np.sum(-0.5 * ((data - mu) / sigma) ** 2)) - len(data) * math.log(sigma)


def test_wrt_names_arguments():
    y = np.arange(5.0)
    found = grad(loglik, kwargs={"data": y, "mu": 1.0, "sigma": 2.0}, wrt=("mu", "sigma"))
    assert set(found) == {"mu", "sigma"}
    np.testing.assert_allclose(found["mu"], 5 / 4, rtol=1e-8)
    np.testing.assert_allclose(found["sigma"], 15 / 8 - 5 / 2, rtol=1e-8)
    vector = differentiate(
        lambda a, b: float(a @ a) * b, kind="gradient", kwargs={"a": [1.0, 2.0], "b": 3.0}, wrt=("a", "b")
    )
    np.testing.assert_allclose(vector.value["a"], [6, 12], rtol=1e-8)
    assert vector.error["a"].shape == (2,)
    np.testing.assert_allclose(vector.value["b"], 5, rtol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_wrt_picks_points_of_a_derivative(method):
    value = derivative(np.sin, [1.0, 2.0, 3.0], wrt=[0, 2], method=method, bounds=([0, 2, 2], 4))
    np.testing.assert_allclose(value, np.cos([1.0, 3.0]), rtol=1e-8)


def test_hessian_and_jacobian_by_name():
    square = differentiate(
        lambda a, b: a * a * b, kind="hessian", kwargs={"a": 1.0, "b": 2.0}, wrt=("a", "b")
    )
    np.testing.assert_allclose(square.value["a"], [4, 2], rtol=1e-6)
    both = jacobian(lambda a, b: [a * b[0], b[1]], kwargs={"a": 1.0, "b": [2.0, 3.0]}, wrt=("a", "b"))
    np.testing.assert_allclose(both["a"], [2, 0], atol=1e-12)
    np.testing.assert_allclose(both["b"], [[1, 0], [0, 1]], atol=1e-12)


def test_args_and_kwargs_are_passed_on():
    assert grad(lambda x, a, *, b: a * b * x[0], [1.0], args=(2.0,), kwargs={"b": 3.0}) == pytest.approx(6)


def test_everything_that_takes_a_function_takes_args_and_kwargs():
    def f(p, a, *, b):
        return np.sum((p - a) ** 2) * b

    def gradient(p, a, *, b):
        return 2 * (p - a) * b

    def rows(p, a, *, b):
        return (p - a) ** 2 * b

    more = {"args": (1.0,), "kwargs": {"b": 3.0}}
    x = np.array([2.0, 4.0])
    assert check_gradient(f, gradient, x, **more).ok
    for slope in (None, gradient):
        np.testing.assert_allclose(descend(f, x, gradient=slope, **more).x, 1, atol=1e-6)
    top = ascend(f, x, args=(1.0,), kwargs={"b": -3.0})
    np.testing.assert_allclose(top.x, 1, atol=1e-6)
    np.testing.assert_allclose(sparse_jacobian(rows, x, **more).toarray(), [[6, 0], [0, 18]], rtol=1e-8)
    operator = jacobian_operator(rows, x, **more)
    np.testing.assert_allclose(operator @ [1.0, 1.0], [6, 18], rtol=1e-6)
    np.testing.assert_allclose(operator.T @ [1.0, 1.0], [6, 18], rtol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda more: check_gradient(np.sum, np.ones_like, [1.0], **more),
        lambda more: descend(np.sum, [1.0], **more),
        lambda more: sparse_jacobian(np.copy, [1.0], **more),
        lambda more: jacobian_operator(np.copy, [1.0], **more),
    ],
)
def test_wrong_args_and_kwargs_are_explained_everywhere(call):
    with pytest.raises(InputTypeError, match="`args` must be a tuple; got"):
        call({"args": 3})
    with pytest.raises(InputTypeError, match="`kwargs` must be a dictionary; got"):
        call({"kwargs": [3]})


def test_bounds_are_never_left():
    seen = []

    def f(x):
        seen.append(np.array(x))
        return float(np.sum(np.exp(x)))

    for x in ([0.0, 1.0], [1e-12, 1 - 1e-9], [0.5, 0.0]):
        found = differentiate(f, x, "gradient", bounds=(0, 1), method="finite-difference")
        np.testing.assert_allclose(found.value, np.exp(x), rtol=1e-8)
        assert found.converged
    assert np.min(seen) >= 0
    assert np.max(seen) <= 1


def test_a_domain_that_ends_at_x_gives_a_one_sided_derivative():
    found = differentiate(lambda x: x * math.sqrt(x) + x if x >= 0 else math.nan, 0.25)
    np.testing.assert_allclose(found.value, 1.75, rtol=1e-8)

    def ends(x):  # math.log1p raises ValueError for x < -1
        return math.log1p(x - 1) if x >= 1 else math.sqrt(-1)

    edge = differentiate(ends, 1.0, method="finite-difference")
    assert edge.converged
    assert "one-sided" in edge.reason
    np.testing.assert_allclose(edge.value, 1.0, rtol=1e-8)


def test_errors_that_f_raises_at_x_reach_the_caller():
    with pytest.raises(ValueError, match="math domain error"):
        differentiate(math.sqrt, -1.0)
    with pytest.raises(KeyError):
        differentiate(lambda x: {}[x], 1.0, method="finite-difference")


def test_evaluations_are_counted():
    for method in METHODS:
        for kind, x in (("derivative", 0.7), ("gradient", [0.5, 0.25]), ("hessian", [0.5, 0.25])):
            if kind == "hessian" and method == "complex-step":
                continue
            calls = 0

            def f(t):
                nonlocal calls
                calls += 1
                return np.sum(np.sin(t)) if kind != "derivative" else np.sin(t)  # noqa: B023

            found = differentiate(f, x, kind, method=method)
            assert found.n_evaluations == calls, (method, kind)


def test_vectorized_calls_give_the_same_as_single_ones():
    calls = []

    def f(x):
        calls.append(np.size(x))
        return np.where(np.iscomplexobj(x), np.nan, np.real(np.exp(np.abs(x))))

    x = np.linspace(0.5, 2, 50)
    found = differentiate(f, x, method="finite-difference")
    np.testing.assert_allclose(found.value, np.exp(x), rtol=1e-8)
    assert max(calls) >= 49
    assert len(calls) < 60
    one = differentiate(f, x, method="finite-difference", vectorized=False)
    np.testing.assert_allclose(found.value, one.value, rtol=1e-12)


@pytest.mark.parametrize(
    "liar",
    [
        lambda x: x / np.max(np.abs(x)) if np.ndim(x) else float(np.sin(x)),
        lambda x: np.cumsum(x) if np.ndim(x) else float(np.sin(x)),
        lambda x: np.sin(x) + (1e-9 * np.sum(x) if np.ndim(x) else 0),
        lambda x: np.sin(np.sort(x)[::-1]) if np.ndim(x) else float(np.sin(x)),
    ],
)
def test_a_function_that_only_seems_vectorized_gives_no_wrong_number(liar):
    x = np.linspace(0.5, 1.4, 10)
    found = differentiate(liar, x, method="finite-difference")
    np.testing.assert_allclose(found.value, np.cos(x), rtol=1e-8)
    with pytest.raises(InputError, match="vectorized"):
        differentiate(liar, x, method="finite-difference", vectorized=True)


def test_rows_of_points_in_one_call():
    sizes = []

    def f(x):
        sizes.append(np.shape(x))
        return np.sum(x**2, axis=-1) + 0 * np.abs(np.asarray(x)[..., 0])

    x = np.arange(1.0, 21.0)
    found = differentiate(f, x, "gradient", method="finite-difference")
    np.testing.assert_allclose(found.value, 2 * x, rtol=1e-8)
    assert (40, 20) in sizes
    assert len(sizes) < 20


def test_threads_and_map():
    names = set()

    def f(x):
        names.add(threading.current_thread().name)
        return float(x[0] ** 2 * abs(x[1]))

    threaded = grad(f, [2.0, 3.0], workers=2, method="finite-difference")
    assert any("ThreadPool" in name for name in names)
    mapped = grad(f, [2.0, 3.0], workers=map, method="finite-difference")
    np.testing.assert_array_equal(threaded, mapped)
    np.testing.assert_allclose(mapped, [12, 4], rtol=1e-8)


def test_integer_float32_list_and_fraction():
    np.testing.assert_allclose(grad(lambda p: p[0] ** 3, np.array([2])), [12], rtol=1e-8)
    np.testing.assert_allclose(derivative(lambda t: t**3, np.float32(2)), 12, rtol=1e-8)
    assert derivative(lambda t: Fraction(float(t)) ** 2, 3.0, method="finite-difference") == pytest.approx(6)
    single = differentiate(lambda t: np.float32(np.sin(t)), 1.0, rtol=1e-3)
    assert abs(single.value - math.cos(1)) <= 3 * single.error
    assert single.error > 1e-9


def test_gradient_takes_shape_one_and_refuses_more():
    np.testing.assert_allclose(grad(lambda p: np.array([p[0] * p[1]]), [2.0, 3.0]), [3, 2], rtol=1e-8)
    with pytest.raises(InputError, match="one number"):
        grad(lambda p: p * 2, [2.0, 3.0])
    with pytest.raises(InputError, match="one number"):
        grad(lambda p: np.abs(p), [2.0, 3.0])
    with pytest.raises(InputError, match="Hessian"):
        hessian(lambda p: p, [1.0, 2.0])


def test_value_and_grad_and_hvp():
    x = np.array([0.5, -0.3, 1.2])
    value, slope = value_and_grad(rosen, x)
    assert value == rosen(x)
    np.testing.assert_allclose(slope, rosen_der(x), rtol=1e-8)
    v = np.array([1.0, 2.0, -1.0])
    np.testing.assert_allclose(hvp(rosen, x, v), rosen_hess(x) @ v, rtol=1e-6)
    rough = hvp(rosen, x, v, method="finite-difference")
    np.testing.assert_allclose(rough, rosen_hess(x) @ v, rtol=1e-4)
    np.testing.assert_array_equal(hvp(rosen, x, [0, 0, 0]), 0)


def test_not_converged_raises_and_says_why():
    with pytest.raises(AccuracyError, match="flat at every step size"):
        derivative(lambda t: 3.0, 1.0)
    with pytest.raises(AccuracyError, match=r"not smooth .*best estimate is nan ± inf by finite-difference"):
        derivative(abs, 0.0)
    with pytest.raises(AccuracyError, match=r"best estimate at entry 1 is \S+ ± inf"):
        grad(lambda p: p[0] + math.floor(p[1]), [1.0, 2.5])
    with pytest.raises(AccuracyError, match=r"best estimate of b is \S+ ± inf"):
        grad(lambda a, b: a + math.floor(b), kwargs={"a": 1.0, "b": 2.5}, wrt=("a", "b"))


def test_results_are_plain_numbers_for_a_number():
    found = differentiate(math.sin, 1.0)
    assert np.ndim(found.value) == 0
    assert isinstance(float(found.error), float)
    assert found.method == "finite-difference"
    assert "complex" in found.reason


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: differentiate(3, 1.0), InputTypeError, "`f` must be a function"),
        (lambda: differentiate(math.sin, "one"), InputTypeError, "`x` must be numeric"),
        (lambda: differentiate(math.sin, math.nan), InputError, "`x` must be finite"),
        (lambda: differentiate(math.sin, []), InputError, "`x` must be"),
        (lambda: differentiate(math.sin, 1j), InputTypeError, "`x` must be real"),
        (lambda: differentiate(math.sin), InputError, "`x` must be given"),
        (lambda: differentiate(math.sin, 1.0, "slope"), InputError, "`kind`"),
        (lambda: differentiate(math.sin, 1.0, method="magic"), InputError, "`method`"),
        (lambda: differentiate(math.sin, 1.0, method="symbolic"), InputError, "no SymPy expression"),
        (
            lambda: grad(np.sum, [1.0], method="autodiff"),
            InputError,
            "neither x nor f belongs to PyTorch, JAX",
        ),
        (lambda: grad(np.sum, [1.0], method="exact"), InputError, "no method `gradient`"),
        (lambda: hessian(np.sum, [1.0], method="complex-step"), InputError, "first derivatives only"),
        (lambda: derivative(math.sin, 1.0, order=9), InputError, "1 to 6; got 9. Use at most 6."),
        (lambda: grad(np.sum, [1.0], order=2), InputError, "1 for a gradient; got 2. Use kind='hessian'"),
        (lambda: differentiate(np.sum, [1.0], "hessian", order=2), InputError, "got 2. Leave it out."),
        (lambda: hessian(np.ones((3, 3))), InputTypeError, "parzen.grid.hessian"),
        (lambda: derivative([1.0, 2.0]), InputTypeError, "parzen.gradient"),
        (lambda: derivative(math.sin), InputError, "`x` must be given"),
        (lambda: grad([1.0, 2.0], np.sum), InputTypeError, "The function comes first: grad(f, x)."),
        (lambda: differentiate(math.sin, 1.0, bounds=(2, 3)), InputError, "within the bounds"),
        (lambda: differentiate(math.sin, 1.0, bounds=5), InputError, "`bounds`"),
        (lambda: differentiate(math.sin, 1.0, scale=-1), InputError, "`scale`"),
        (lambda: differentiate(lambda t: "text", 1.0), InputTypeError, "`f` must return numbers"),
        (lambda: differentiate(lambda t: [], 1.0), InputError, "at least one number"),
        (lambda: grad(np.sum, [1.0, 2.0], wrt=7), InputError, "`wrt`"),
        (lambda: grad(np.sum, [1.0, 2.0], wrt=[0.5]), InputError, "`wrt`"),
        (lambda: grad(np.sum, [1.0, 2.0], wrt=[0, 0]), InputError, "twice"),
        (lambda: grad(loglik, kwargs={"mu": 1.0}, wrt=("mu", "mu")), InputError, "twice"),
        (lambda: differentiate(lambda t: None, 1.0), InputTypeError, "missing `return`"),
        (lambda: grad(loglik, kwargs={"mu": 1.0}, wrt="nu"), InputError, "'nu'"),
        (lambda: hvp(np.sum, [1.0], [1.0, 2.0]), InputError, "`v`"),
    ],
)
def test_bad_arguments_are_explained(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


@pytest.mark.parametrize("call", [differentiate, derivative, grad, jacobian, hessian, value_and_grad, hvp])
def test_an_unknown_option_is_refused_as_python_does(call):
    more = ([1.0],) if call is hvp else ()
    with pytest.raises(TypeError, match="unexpected keyword argument 'speed'"):
        call(np.sum, [1.0], *more, speed=3)


def test_short_forms_have_the_options_of_differentiate():
    def options(f):
        return {
            name: each.default
            for name, each in inspect.signature(f).parameters.items()
            if each.kind is each.KEYWORD_ONLY
        }

    assert options(prepare) == options(differentiate)
    assert Options.__annotations__.keys() == options(differentiate).keys()


def test_scale_and_noise_are_used():
    rng = np.random.default_rng(0)
    found = differentiate(
        lambda t: math.sin(t) + 1e-6 * rng.standard_normal(), 1.0, noise=1e-6, rtol=1e-3, scale=1.0
    )
    assert found.converged
    assert abs(found.value - math.cos(1)) <= 3 * found.error
    quick = differentiate(math.sin, 1.0, scale=1.0, method="finite-difference")
    assert quick.n_evaluations == 5
    np.testing.assert_allclose(quick.value, math.cos(1), rtol=1e-8)


@pytest.mark.parametrize(
    "make",
    [
        lambda: differentiate(np.sin, [1.0, 2.0]),
        lambda: descend(lambda p: p @ p, [1.0, 2.0]),
        lambda: check_gradient(lambda p: p @ p, lambda p: 2 * p, [1.0, 2.0]),
    ],
)
def test_results_are_compared_by_identity(make):
    # == compared arrays, whose truth value is ambiguous; hash() did not work
    one, other = make(), make()
    assert one == one
    assert one != other
    assert len({one, other}) == 2


def test_x_is_not_changed():
    x = np.array([1.0, 2.0])

    def f(p):
        p *= 2
        return float(p @ p)

    np.testing.assert_allclose(grad(f, x, method="finite-difference"), 8 * np.array([1, 2]), rtol=1e-8)
    np.testing.assert_array_equal(x, [1, 2])
