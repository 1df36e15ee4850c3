"""Formulas: SymPy expressions in, expressions or fast NumPy functions out.

Examples
--------
>>> import sympy
>>> from parzen.derivatives.functions import symbolic
>>> x, y = sympy.symbols("x y")
>>> symbolic.gradient(x**2 * sympy.sin(y), [x, y])
Matrix([
[  2*x*sin(y)],
[x**2*cos(y)]])
>>> f = symbolic.compile(symbolic.gradient(x**2 * sympy.sin(y), [x, y]), [x, y])
>>> f(1.0, 0.0).round(6)
array([0., 1.])
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from parzen.errors import InputError, InputTypeError
from parzen.validation import describe

__all__ = ["compile", "gradient", "hessian", "jacobian"]


def gradient(expression: Any, symbols: Sequence[Any]) -> Any:
    """Return the gradient (∂e/∂s₁, …, ∂e/∂sₙ) of an expression.

    Parameters
    ----------
    expression : sympy.Expr
        A scalar expression.
    symbols : sequence of n sympy.Symbol
        What to differentiate with respect to.

    Returns
    -------
    sympy.Matrix of shape (n, 1)

    Raises
    ------
    InputTypeError
        Not a SymPy expression, or no SymPy.
    """
    sympy = _sympy()
    return sympy.Matrix([_expression(expression).diff(symbol) for symbol in _symbols(symbols)])


def jacobian(expressions: Any, symbols: Sequence[Any]) -> Any:
    """Return the Jacobian J[i, j] = ∂eᵢ/∂sⱼ of several expressions.

    Parameters
    ----------
    expressions : sympy.Expr, sequence of m of them, or sympy.Matrix
        What to differentiate.
    symbols : sequence of n sympy.Symbol
        What to differentiate with respect to.

    Returns
    -------
    sympy.Matrix of shape (m, n)

    Raises
    ------
    InputTypeError
        Not SymPy expressions, or no SymPy.
    """
    sympy = _sympy()
    if isinstance(expressions, (list, tuple)):
        expressions = sympy.Matrix([_expression(each) for each in expressions])
    elif not isinstance(expressions, sympy.MatrixBase):
        expressions = sympy.Matrix([_expression(expressions)])
    return sympy.Matrix(list(expressions)).jacobian(sympy.Matrix(_symbols(symbols)))


def hessian(expression: Any, symbols: Sequence[Any]) -> Any:
    """Return the Hessian H[i, j] = ∂²e/∂sᵢ∂sⱼ of an expression.

    Parameters
    ----------
    expression : sympy.Expr
        A scalar expression.
    symbols : sequence of n sympy.Symbol
        What to differentiate with respect to.

    Returns
    -------
    sympy.Matrix of shape (n, n)

    Raises
    ------
    InputTypeError
        Not a SymPy expression, or no SymPy.
    """
    return _sympy().hessian(_expression(expression), _symbols(symbols))


def compile(expression: Any, symbols: Sequence[Any]) -> Callable[..., Any]:
    """Return a NumPy function of the symbols, in which common subexpressions are computed once.

    Parameters
    ----------
    expression : sympy.Expr, sequence of them, or sympy.Matrix
        What to compute.
    symbols : sequence of n sympy.Symbol
        The arguments, in order.

    Returns
    -------
    callable
        ``f(s1, …, sn)`` takes numbers or arrays that broadcast together to shape B, and returns shape B for
        one expression, (m, *B) for a sequence or a column of m, (m, n, *B) for a matrix. Its generated
        Python source is ``f.source``.

    Raises
    ------
    InputTypeError
        Not SymPy expressions, or no SymPy.
    InputError
        The expression has other symbols than these, a symbol is named twice, or NumPy and SciPy have no
        function for a part of the expression.

    Examples
    --------
    >>> import sympy
    >>> x = sympy.Symbol("x")
    >>> float(compile(sympy.exp(x) + 1 / sympy.exp(x), [x])(0.0))
    2.0
    """
    sympy = _sympy()
    arguments = _symbols(symbols)
    if isinstance(expression, sympy.MatrixBase):
        entries = list(expression)
        shape = expression.shape if expression.shape[1] > 1 else expression.shape[:1]
    elif isinstance(expression, (list, tuple)):
        entries, shape = [_expression(each) for each in expression], (len(expression),)
    else:
        entries, shape = [_expression(expression)], ()
    unknown = sorted(str(s) for s in set().union(*(each.free_symbols for each in entries)) - set(arguments))
    if not entries:
        raise InputError("`expression` must hold at least one expression; got none. Check it.")
    if len(set(arguments)) < len(arguments):
        raise InputError(f"`symbols` must not name a symbol twice; got {describe(symbols)}. Name each once.")
    if unknown:
        raise InputError(
            f"`symbols` must cover the expression; got none for {', '.join(unknown)}. "
            "Add them, or substitute numbers with .subs()."
        )
    try:
        generated = sympy.lambdify(arguments, entries, modules=["scipy", "numpy"], cse=True)
    except NotImplementedError as error:
        raise InputError(_not_computable(expression, str(error).partition("\n")[0])) from None

    def compiled(*values: Any) -> Any:
        if len(values) != len(arguments):
            raise InputTypeError(
                f"`values` must be {len(arguments)} numbers or arrays, one for each symbol; got {len(values)}. "
                f"The symbols are {', '.join(map(str, arguments))}."
            )
        numbers = [np.asarray(value) for value in values]
        numbers = [n.astype(np.float64) if n.dtype.kind in "iub" else n for n in numbers]
        try:
            results = generated(*numbers)
        except NameError as error:
            raise InputError(_not_computable(expression, str(error))) from None
        rows = np.broadcast_arrays(*results, *numbers)[: len(entries)]
        return np.stack(rows).reshape((*shape, *rows[0].shape))[()]

    compiled.__doc__ = generated.__doc__
    compiled.source = _source(generated)  # type: ignore[attr-defined]
    return compiled


def _not_computable(expression: Any, why: str) -> str:
    """The message for formulas that NumPy and SciPy have no functions for."""
    return (
        f"`expression` must be something that NumPy or SciPy computes; got {describe(expression)} ({why}). "
        "Simplify it, or call doit()."
    )


def _source(generated: Any) -> str:
    """Return the Python source that SymPy wrote."""
    return inspect.getsource(generated)


def _sympy() -> Any:
    """Import SymPy, or say how to get it."""
    try:
        import sympy
    except ImportError:
        raise InputTypeError(
            "`parzen.symbolic` must have SymPy; got no such package. Install it with `pip install "
            "parzen[sympy]`."
        ) from None
    return sympy


def _expression(expression: Any) -> Any:
    """Check that something is a scalar SymPy expression."""
    sympy = _sympy()
    if isinstance(expression, (int, float)) and not isinstance(expression, bool):
        return sympy.sympify(expression)
    if not isinstance(expression, sympy.Expr):
        raise InputTypeError(
            f"`expression` must be a SymPy expression; got {describe(expression)}. Build it from "
            f"sympy.symbols()."
        )
    return expression


def _symbols(symbols: Any) -> list[Any]:
    """Check the symbols."""
    sympy = _sympy()
    wanted = [symbols] if isinstance(symbols, sympy.Symbol) else list(symbols)
    for symbol in wanted:
        if not isinstance(symbol, sympy.Symbol):
            raise InputTypeError(
                f"`symbols` must be SymPy symbols; got {describe(symbol)}. Make them with sympy.symbols()."
            )
    return wanted
