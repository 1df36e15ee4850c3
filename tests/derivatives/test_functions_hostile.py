"""What breaks differences: kinks and jumps beside x, zeros of high derivatives, noise, traps of other methods.

Each test was a wrong number that was called converged, a crash, or an error bar that did not hold.
"""

import math
import warnings

import numpy as np
import pytest

import parzen
from parzen import (
    ascend,
    check_gradient,
    derivative,
    descend,
    differentiate,
    grad,
    hessian,
    hvp,
    jacobian_operator,
    sparse_jacobian,
)
from parzen.errors import AccuracyError, InputError, InputTypeError, ParzenWarning


def never_sure_and_wrong(found, true, rtol=1e-8):
    """Converged means right."""
    assert not found.converged or abs(found.value - true) <= max(rtol * abs(true), found.error)
    assert not (found.value == 0 and found.error == 0)


DISTANCES = [10.0**k for k in np.arange(-16, 0.5, 0.5)]


@pytest.mark.parametrize("size", [1e-3, -2.0, 1e3])
@pytest.mark.parametrize("x", [0.3, 1.0])
def test_a_kink_at_any_distance(x, size):
    for away in [d * s for d in DISTANCES for s in (1, -1)]:
        kink = x + away
        if kink == x:
            continue
        found = differentiate(lambda t: math.exp(t) + size * abs(t - kink), x)  # noqa: B023
        true = math.exp(x) - size * math.copysign(1, away)
        never_sure_and_wrong(found, true)
        assert abs(found.value - true) <= 64 * found.error or not np.isfinite(found.value)


@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-3, -1e3])
def test_a_jump_at_any_distance(size):
    for away in [d * s for d in DISTANCES for s in (1, -1)]:
        jump = 0.3 + away
        found = differentiate(lambda t: math.exp(t) + size * (t > jump), 0.3)  # noqa: B023
        never_sure_and_wrong(found, math.exp(0.3))


@pytest.mark.parametrize("offset", [1e6, 1e8, 1e10, 1e12])
def test_a_wave_on_a_large_constant_is_not_taken_for_noise(offset):
    # was 2e-18 ± 2e-17 at a step of 2⁶⁴, where the slope is -0.99
    for x in (0.0, 1e-3, 1.0, 3.0, 100.0, 1e4, 1e6):
        found = differentiate(lambda t: offset + math.sin(t), x, method="finite-difference")
        assert abs(found.value - math.cos(x)) <= 3 * found.error < 0.3
        assert not found.converged or abs(found.value - math.cos(x)) <= 1e-8 * abs(math.cos(x))


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("offset", [1e3, 1e6, 1e8])
def test_high_derivatives_of_a_wave_on_a_large_constant(order, offset):
    # the third was -3e-20 ± 1e-24 and converged, at a step of 2²²
    for x in (0.0, 0.3, 1.0, 3.0, 100.0, 1e4):
        found = differentiate(lambda t: offset + math.sin(t), x, order=order, method="finite-difference")
        assert abs(found.value - math.sin(x + order * math.pi / 2)) <= 3 * found.error + 1e-14


def test_a_hessian_on_a_large_constant():
    # mixed entries were five times too large, with an error of 1e-7
    x, v = np.array([0.5, -0.3, 1.2]), np.array([0.7, 1.1, 0.4])
    found = differentiate(lambda p: 1e6 + math.sin(p @ v), x, "hessian")
    assert np.all(np.abs(found.value + math.sin(x @ v) * np.outer(v, v)) <= 3 * found.error)
    assert np.all(found.error < 1e-2)


@pytest.mark.parametrize("level", [1e-8, 1e-5])
def test_a_noisy_wave_is_differentiated_within_its_period(level):
    # half of the answers at x = 0 were those of steps over many periods, with their small errors
    inside = []
    for x in (0.0, 1e-3, 3.0, 1e4):
        for seed in range(12):
            noise = np.random.default_rng(seed)
            found = differentiate(
                lambda t: 3 + math.sin(t) + level * noise.standard_normal(),  # noqa: B023
                x,
                method="finite-difference",
            )
            inside.append(abs(found.value - math.cos(x)) <= 3 * found.error)
    assert np.mean(inside) >= 0.95


def test_a_kink_so_near_that_no_step_resolves_it_is_a_smooth_function():
    # the derivative at x is what it is on x's side of the kink, and that is found
    assert derivative(lambda t: abs(t - 1e-9), 0.0) == pytest.approx(-1, rel=1e-8)
    assert derivative(abs, 1e-9) == pytest.approx(1, rel=1e-8)


def test_oscillation_beside_a_pole():
    never_sure_and_wrong(
        differentiate(lambda t: math.sin(1 / (t - (1 - 1e-4))), 1.0),
        -math.cos(1 / (1 - (1 - 1e-4))) / (1 - (1 - 1e-4)) ** 2,
        1e-7,
    )


@pytest.mark.parametrize("order", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("x", [0.0, 0.3, -2.0])
def test_a_high_derivative_is_not_called_zero_because_f_has_a_slope(order, x):
    # sin'''(0) was 0 ± 2e5 and converged
    found = differentiate(math.sin, x, order=order)
    true = math.sin(x + order * math.pi / 2)
    assert found.converged
    assert abs(found.value - true) <= 3 * found.error + 1e-15
    assert found.error <= 1e-4


@pytest.mark.parametrize(
    ("f", "order"),
    [
        (lambda t: t * abs(t), 2),
        (lambda t: abs(t) ** 3, 3),
        (lambda t: 1 + abs(t) ** 3, 3),
        (lambda t: t * abs(t), 4),
        (lambda t: abs(t) ** 3, 5),
        (lambda t: t * abs(t), 6),
    ],
)
def test_derivatives_that_do_not_exist_by_symmetry(f, order):
    for x in (0.0, 0.3, 1.0):
        found = differentiate(lambda t: f(t - x), x, order=order)  # noqa: B023
        assert not found.converged


@pytest.mark.parametrize("order", [2, 3, 4])
def test_high_derivatives_of_lines_are_zero(order):
    for x in (0.0, 1.0, -2.0, 10.0):
        found = differentiate(lambda t: 3 * t + 1, x, order=order)
        assert found.converged
        assert abs(found.value) <= found.error < 1e-3


def test_a_narrow_peak_under_a_high_derivative():
    found = differentiate(lambda t: math.sin(t) + 1e-3 * math.exp(-(((t - 0.3) / 1e-4) ** 2)), 0.3, order=4)
    assert abs(found.value - 12e13 - math.sin(0.3)) <= 3 * found.error + 1e-4 * 12e13


def test_a_zero_of_f_with_rounded_arguments():
    # f(1) is only rounding; steps chosen by its size saw the rounding of 2π·1024·t
    w = 2 * math.pi * 1024
    never_sure_and_wrong(differentiate(lambda t: math.sin(w * t), 1.0), w * math.cos(w))


def narrow_in_the_seventh(x):
    return float(np.sum(np.exp(x / 10)) + 1e-3 * np.exp(-0.5 * ((x[7] - 1.0) / 1e-6) ** 2))


def test_a_narrow_peak_in_one_of_many_variables():
    x = np.linspace(0.3, 1.7, 12)
    x[7] = 1.0 + 1e-6
    true = np.exp(x / 10) / 10
    true[7] -= 1e-3 * math.exp(-0.5 * ((x[7] - 1) / 1e-6) ** 2) * (x[7] - 1) / 1e-12
    found = differentiate(narrow_in_the_seventh, x, "gradient")
    assert np.all(np.abs(found.value - true) <= 3 * found.error)
    np.testing.assert_allclose(found.value, true, rtol=1e-6)


def test_a_gradient_where_f_is_zero_all_around():
    # was an IndexError: no rounding, no change, and their quotient a step
    found = differentiate(lambda p: float(np.maximum(p, 0).sum()), -np.ones(5), "gradient")
    assert not found.converged
    assert np.isinf(found.error).all()


def test_rounding_that_two_steps_do_not_show():
    # sin(w t) at t = 10⁶ rounds w t; two steps, one of them the probe, agreed by chance once in 40 times
    wrong = 0
    for x in 1e6 + np.random.default_rng(0).normal(0, 1, 20):
        for w in np.logspace(0, 3, 20):
            found = differentiate(lambda t: 5 + math.sin(w * t), x, method="finite-difference")  # noqa: B023
            true = w * math.cos(w * x)
            wrong += found.converged and abs(found.value - true) > 1e-8 * abs(true)
    assert wrong <= 8


def test_a_narrow_ridge_that_equal_steps_would_not_see():
    def ridge(x):
        return float(np.sum(x) + 1e-3 * math.tanh((x[0] - x[1]) / 1e-8))

    x = np.full(6, 0.7)
    found = differentiate(ridge, x, "gradient")
    true = np.ones(6)
    true[:2] += [1e5, -1e5]
    np.testing.assert_allclose(found.value, true, rtol=1e-8)


def test_variables_that_settle_together_cost_four_evaluations():
    x = np.linspace(0.5, 1.5, 50)
    found = differentiate(lambda p: float(np.sum(np.exp(p))), x, "gradient")
    assert found.converged
    np.testing.assert_allclose(found.value, np.exp(x), rtol=1e-8)
    assert found.n_evaluations <= 5 * 50


def test_rounding_is_seen_in_the_first_step_of_a_gradient():
    x = np.linspace(-1.2, 1.7, 100)
    found = differentiate(lambda p: float(np.log(np.exp(p).sum())), x, "gradient")
    assert found.converged
    np.testing.assert_allclose(found.value, np.exp(x) / np.exp(x).sum(), rtol=1e-8)
    assert found.n_evaluations <= 7 * 100  # was 8.9 an entry: two steps were taken and thrown away


def test_memory_of_large_gradients_is_bounded():
    import tracemalloc

    x = np.linspace(1, 2, 3000)
    tracemalloc.start()
    found = differentiate(lambda p: float(p @ p), x, "gradient", rtol=1e-4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(found.value, 2 * x, rtol=1e-4)
    assert peak < 100e6  # all points at once are 72 MB a copy, and 4 of them


@pytest.mark.filterwarnings("ignore::parzen.errors.ParzenWarning")
@pytest.mark.parametrize("x", [[0.7, -1.3], [2.0, 3.0]])
@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: np.sum(x * np.sign(x)), np.sign),  # was [2, -2]: both cancelled along the random direction
        (lambda x: np.vdot(x, x) + x.sum(), lambda x: 2 * x + 1),
        (lambda x: (np.conj(x) * x).sum() + x[0], lambda x: 2 * x + [1, 0]),
        (np.linalg.norm, lambda x: x / np.linalg.norm(x)),
        (
            lambda x: np.linalg.norm(x) * x.sum(),
            lambda x: x / np.linalg.norm(x) * x.sum() + np.linalg.norm(x),
        ),
        (lambda x: np.arctan2(x[0], x[1]), lambda x: np.array([x[1], -x[0]]) / (x @ x)),
        (lambda x: abs(x[0] + 1j * x[1]), lambda x: x / np.linalg.norm(x)),
        (lambda x: np.where(x > 0, x**2, -x).sum(), lambda x: np.where(x > 0, 2 * x, -1)),
        (lambda x: np.sqrt(x**2).sum(), np.sign),
        (lambda x: np.var(x) + x[0], lambda x: x - x.mean() + [1, 0]),
        (lambda x: (x**2).sum() if np.isreal(x).all() else (x**3).sum(), lambda x: 2 * x),
        (lambda x: np.max(x) ** 2 + x.sum(), lambda x: 2 * x * (x == x.max()) + 1),
    ],
)
def test_traps_of_the_complex_step(f, slope, x):
    x = np.array(x)
    found = differentiate(f, x, "gradient")
    assert found.converged
    np.testing.assert_allclose(found.value, slope(x), rtol=1e-7)


def test_masked_values_are_not_values():
    assert not differentiate(lambda p: np.ma.masked_array([p[0]], mask=[True]), [1.0], "gradient").converged


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: grad(np.sum), InputError, "Write grad(f, x) where JAX has grad(f)(x)"),
        (lambda: grad(np.sum, kwargs={"a": 1.0}, wrt=5), InputError, "`wrt` must name arguments"),
        (lambda: grad(np.sum, [1.0], rtol=2), InputError, "`rtol` must be below 1"),
        (lambda: grad(np.sum, [1.0, 2.0], scale=[1, 2, 3]), InputError, "`scale` must be"),
        (lambda: grad(np.sum, [1.0, 2.0], scale="a"), InputError, "`scale` must be"),
        (lambda: grad(np.sum, [1.0], vectorized=np.array([1, 2])), InputError, "`vectorized`"),
        (lambda: grad(np.sum, [1.0], kwargs=[2.0]), InputTypeError, "`kwargs` must be a dictionary"),
        (lambda: grad(np.sum, [1.0] * 3, bounds=[(0, 3)] * 3), InputError, "scipy.optimize.Bounds"),
        (lambda: sparse_jacobian(3, [1.0]), InputTypeError, "`f` must be a function"),
        (lambda: sparse_jacobian(lambda p: p * 1j, [1.0]), InputError, "real numbers"),
        (
            lambda: check_gradient(np.sum, lambda p: p * 1j, [1.0]),
            InputTypeError,
            "`gradient` must return real",
        ),
        (lambda: check_gradient(np.sum, lambda p: "a", [1.0]), InputTypeError, "must return numbers"),
        (lambda: grad(np.sum, [1.0], bounds=(2, 0)), InputError, "`bounds` must have lower <= upper"),
        (lambda: hessian(lambda p: p[0] * 1j, [1.0]), InputError, "complex numbers"),
        (lambda: descend(lambda p: p @ p, [1.0, 1.0], bounds=5), InputError, "`bounds` must be"),
        (lambda: hvp(lambda a: a**3, None, 1.0, kwargs={"a": 1.0}, wrt="a"), InputError, "`x` must be given"),
    ],
)
def test_messages_say_what_to_write(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("f", "right"),
    [
        (lambda p: p[0] * p[1], "grad"),
        (lambda p: p.sum(), "grad"),
        (lambda p: np.eye(2) @ p, "jacobian"),
    ],
)
def test_derivative_of_a_function_of_a_vector_names_the_right_one(f, right):
    with pytest.raises(InputTypeError, match=f"Use `parzen.{right}` for f of a vector") as caught:
        derivative(f, [1.0, 2.0])
    assert isinstance(caught.value.__cause__, (TypeError, AttributeError, ValueError))


@pytest.mark.parametrize("x", [1.0, [1.0, 2.0]])
def test_other_failures_of_f_reach_the_caller(x):
    with pytest.raises(TypeError, match="unsupported operand"):
        derivative(lambda p: p + "a" if isinstance(p, float) else None + p, x)


class _Unfitted:
    def log_density(self, x):
        return -x @ x


@pytest.mark.parametrize("call", [ascend, descend, grad])
def test_a_density_is_not_its_log_density(call):
    with pytest.raises(InputTypeError, match=r"`f` must be a function.*`kde\.log_density`"):
        call(_Unfitted(), [1.0, 2.0])


def test_several_starts_are_refused_as_such():
    with pytest.raises(
        InputError, match=r"got shape \(3,\)\. `x0` of shape \(3, 2\) is one start: give one row"
    ):
        ascend(lambda p: -(p**2).sum(axis=1), np.ones((3, 2)))


def test_reprs_are_short():
    found = differentiate(lambda a, b: a * b, kind="gradient", kwargs={"a": 3.0, "b": 2.0}, wrt=("a", "b"))
    assert repr(found).startswith("Derivative(value={'a': 2.0, 'b': 3.0}, error={'a': ")
    assert "np." not in repr(found) + repr(differentiate(math.gamma, 2.5))
    for x0 in (3.0, np.ones((50, 20))):
        path = descend(
            lambda p: ((np.asarray(p) - 1) ** 2).sum(), x0, gradient=lambda p: 2 * (np.asarray(p) - 1)
        )
        assert len(repr(path)) < 150
    assert repr(path).startswith("Path(x=array of shape (50, 20), value=0, 0 steps, converged: ")


def test_a_tuple_of_indices():
    np.testing.assert_allclose(grad(lambda p: np.sum(p**2), [1.0, 2.0, 3.0], wrt=(0, 1)), [2, 4], rtol=1e-8)


def test_hvp_stays_inside_bounds():
    seen = []

    def f(p):
        seen.append(np.real(p))
        return np.sum(np.exp(p))

    product = hvp(f, [0.001, 1.0], [1.0, 1.0], bounds=(0, 1))
    np.testing.assert_allclose(product, np.exp([0.001, 1.0]), rtol=1e-5)
    assert np.min(seen) >= 0
    assert np.max(seen) <= 1


def test_hvp_of_lines_and_kinks():
    np.testing.assert_array_equal(hvp(lambda p: 3 * p[0] + p[1], [1.0, 2.0], [1.0, 1.0]), 0)
    np.testing.assert_allclose(hvp(lambda p: 3 * p[0] ** 2 + p[1], [1.0, 2.0], [1.0, 1.0]), [6, 0], atol=1e-9)
    with pytest.raises(AccuracyError):
        hvp(lambda p: abs(p[0]) * p[0] + p[1], [0.0, 2.0], [1.0, 1.0])


def test_hessian_of_a_saddle_on_its_axes():
    np.testing.assert_allclose(hessian(lambda p: p[0] * p[1], [0.0, 0.0]), [[0, 1], [1, 0]])


def test_products_with_a_jacobian_that_does_not_exist():
    operator = jacobian_operator(np.abs, [0.0, 2.0])
    with pytest.raises(AccuracyError):
        operator @ np.ones(2)
    with pytest.raises(AccuracyError):
        operator.T @ np.ones(2)
    with pytest.raises(InputError, match="`v` must be finite"):
        operator @ np.array([1.0, np.nan])
    np.testing.assert_array_equal(jacobian_operator(lambda p: 0 * p + 1, [0.0, 2.0]) @ np.ones(2), 0)


def test_a_stationary_point_can_be_checked():
    assert check_gradient(lambda p: float(p @ p), lambda p: 2 * p, [0.0, 0.0]).ok
    assert not check_gradient(lambda p: float(p @ p), lambda p: 2 * p + 1e-3, [0.0, 0.0]).ok


def test_a_density_climbs_and_lends_its_bandwidth():
    kde = parzen.KernelDensity(0.5).fit(np.random.default_rng(0).standard_normal((200, 2)))
    top = parzen.ascend(kde.log_density, [1.0, 1.0])
    assert top.converged
    np.testing.assert_allclose(kde.grad_log_density(top.x[None]), 0, atol=1e-6)
    searched = differentiate(lambda p: kde.log_density(p[None])[0], [0.3, -0.2], "gradient", vectorized=False)
    lent = differentiate(kde.log_density, [0.3, -0.2], "gradient", method="finite-difference")
    assert lent.n_evaluations < searched.n_evaluations
    np.testing.assert_allclose(lent.value, searched.value, rtol=1e-8)
    with pytest.raises(InputError, match="one point with 2 entries"):
        differentiate(kde.log_density, [0.3, -0.2, 1.0], "gradient")


@pytest.mark.parametrize("method", ["gradient-descent", "L-BFGS-B", "BFGS", "SLSQP", "TNC", "Newton-CG"])
def test_descents_that_cannot_succeed_do_not_say_so(method):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unbounded = descend(lambda p: p[0] + p[1], [1.0, 2.0], method=method, max_steps=8)
        nowhere = descend(lambda p: math.nan, [1.0, 2.0], method=method)
        uphill = descend(
            lambda p: float((p - 1) @ (p - 1)),
            [3.0, 2.0],
            method=method,
            gradient=lambda p: 2 - 2 * p,
            max_steps=8,
        )
        flat = descend(lambda p: 3.0, [1.0, 2.0], method=method)
        edge = descend(lambda t: t - math.log(t), 5.0, method=method, bounds=None, max_steps=50)
    assert not unbounded.converged
    assert not nowhere.converged
    assert not uphill.converged
    assert flat.converged
    assert not edge.converged or edge.x == pytest.approx(1, abs=1e-4)


def test_a_success_far_from_any_minimum_is_none():
    steep = descend(lambda p: 1e10 * float((p - 1) @ (p - 1)), [3.0, 2.0], method="SLSQP")
    assert not steep.converged or np.allclose(steep.x, 1, atol=1e-3)


def test_sympy_formulas_are_checked_too():
    sympy = pytest.importorskip("sympy", reason="SymPy is an extra: pip install parzen[sympy]")
    x, y = sympy.symbols("x y")
    found = differentiate(sympy.Abs(x), [2.0], "gradient")  # a plain symbol is complex for SymPy
    assert found.method == "symbolic"
    assert found.value == 1
    with pytest.warns(ParzenWarning, match="symbolic disagrees"):
        kink = differentiate(sympy.Abs(x), [0.0], "gradient")
    assert not kink.converged
    with pytest.warns(ParzenWarning, match="symbolic disagrees"):  # the formula cancels: -x/12, not 1e8
        cancelled = differentiate((1 - sympy.cos(x)) / x**2, [1e-8], "gradient")
    assert not cancelled.converged
    assert differentiate(sympy.I * x, [1.0], "gradient").value == 1j
    flat = differentiate(sympy.Piecewise((x**2, x > 0), (0, True)), -1.0)
    assert flat.value == 0 < flat.error
    assert differentiate(sympy.zeta(x), [2.5], "gradient").method != "symbolic"  # SciPy has no ζ'
    assert descend((x - 1) ** 2 + y**2, [1.0, 2.0]).x == pytest.approx([1, 0], abs=1e-6)
    for call, words in (
        (lambda: differentiate(sympy.Integer(3), [1.0], "gradient"), "symbol (none)"),
        (lambda: differentiate(sympy.Matrix([x, y]), [1.0, 2.0], "gradient"), "one number"),
        (lambda: grad(x * y, kwargs={"x": [1.0, 2.0], "y": 1.0}, wrt="y"), "a number for each symbol"),
        (lambda: parzen.symbolic.compile(x**2, [x, x]), "twice"),
        (lambda: parzen.symbolic.compile([], [x]), "at least one"),
        (lambda: parzen.symbolic.compile(sympy.DiracDelta(x), [x])(1.0), "NumPy or SciPy"),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert words in str(caught.value)
    with pytest.raises(InputTypeError, match="one for each symbol"):
        parzen.symbolic.compile(x * y, [x, y])(1.0)


@pytest.mark.parametrize("rtol", [1e-13, 1e-14, 1e-15])
@pytest.mark.parametrize(
    ("f", "kind", "x"),
    [
        (np.sin, "derivative", 1.0),
        (np.sin, "derivative", [1.0, 2.0]),
        (math.gamma, "derivative", 2.5),
        (lambda p: p[0] ** 2 * p[1], "gradient", [3.0, 2.0]),
    ],
)
def test_converged_means_that_the_error_is_within_rtol(f, kind, x, rtol):
    found = differentiate(f, x, kind, rtol=rtol)
    assert found.converged == bool(np.all(found.error <= rtol * np.abs(found.value)))
    if not found.converged:
        with pytest.raises(AccuracyError, match="raise `rtol`"):
            grad(f, x, rtol=rtol) if kind == "gradient" else derivative(f, x, rtol=rtol)


def test_small_and_zero_entries_of_exact_ways_are_converged():
    for f in (lambda p: p[0] + 1e-15 * p[1] + 0 * p[2], lambda p: 0 * p[0] + p[1] ** 2 + p[2]):
        found = differentiate(f, [1.0, 2.0, 3.0], "gradient")
        assert (found.method, found.converged) == ("complex-step", True)


@pytest.mark.parametrize(
    ("f", "x", "words"),
    [
        (abs, 0.0, "move x, or take the derivative to one side with `bounds="),
        (np.log, 0.0, "move x to where f is finite"),
        (math.sqrt, 0.0, "move x to where f is smooth and defined"),
        (lambda t: 3.0, 1.0, "move x to where f changes"),
        (math.floor, 0.5, "move x to where f changes"),
        (lambda t: math.floor(1e6 * t) / 1e6, 0.3, "give the height of the stairs as `noise=`"),
    ],
)
def test_advice_helps_where_no_tolerance_does(f, x, words):
    with pytest.raises(AccuracyError) as caught:
        derivative(f, x)
    assert words in str(caught.value)
    assert "raise `rtol`" not in str(caught.value)


def test_advice_is_true():
    assert derivative(abs, 0.0, bounds=(0.0, None)) == pytest.approx(1)
    assert derivative(lambda t: math.floor(1e6 * t) / 1e6, 0.3, noise=1e-6) == pytest.approx(1)
    with pytest.raises(AccuracyError, match="raise `rtol` to 6e-14"):
        derivative(np.sin, 1.0, rtol=1e-15)
    assert derivative(np.sin, 1.0, rtol=6e-14) == pytest.approx(math.cos(1))
    with pytest.raises(AccuracyError, match="raise `rtol`"):
        grad(lambda p: p[0] ** 2 + 0 * p[1], [1.0, 2.0], rtol=1e-15)
    with pytest.raises(AccuracyError, match="move x off any kink"):
        grad(lambda p: abs(p).sum(), [0.0, 1.0])
