"""SymPy in, expressions or NumPy functions out."""

import numpy as np
import pytest

from parzen.derivatives.functions import symbolic
from parzen.errors import InputError, InputTypeError

sympy = pytest.importorskip("sympy", reason="SymPy is an extra: pip install parzen[sympy]")
x, y = sympy.symbols("x y")
e = sympy.exp(x * y) * sympy.sin(x)


def test_expressions():
    assert symbolic.gradient(e, [x, y]) == sympy.Matrix([e.diff(x), e.diff(y)])
    assert sympy.simplify(symbolic.hessian(e, [x, y])[0, 1] - e.diff(x, y)) == 0
    assert symbolic.jacobian([e, x], [x, y]) == sympy.Matrix([[e.diff(x), e.diff(y)], [1, 0]])
    assert symbolic.jacobian(sympy.Matrix([e, x]), x).shape == (2, 1)


def test_compiled_functions_broadcast_and_share():
    f = symbolic.compile(symbolic.hessian(e, [x, y]), [x, y])
    a, b = np.linspace(0, 1, 5), np.linspace(1, 2, 3)[:, None]
    values = f(a, b)
    assert values.shape == (2, 2, 3, 5)
    np.testing.assert_allclose(
        values[0, 1], (np.exp(a * b) * (np.sin(a) + a * b * np.sin(a) + a * np.cos(a)))
    )
    assert f.source.count("exp(") == 1  # the common subexpression
    constant = symbolic.compile([sympy.Integer(3), x], [x])
    np.testing.assert_array_equal(constant([1, 2]), [[3, 3], [1, 2]])
    assert float(symbolic.compile(x**-2, [x])(2)) == 0.25


def test_bad_arguments():
    with pytest.raises(InputTypeError, match="`expression`"):
        symbolic.gradient("x**2", [x])
    with pytest.raises(InputTypeError, match="`symbols`"):
        symbolic.gradient(e, ["x"])
    with pytest.raises(InputError, match="none for y"):
        symbolic.compile(e, [x])
