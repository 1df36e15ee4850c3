"""SymPy expressions: differentiated as formulas, evaluated as compiled functions."""

import sys
from typing import Any

import numpy as np

from parzen.derivatives.functions import symbolic
from parzen.derivatives.functions.backends.interface import Found, Job, NotPossible
from parzen.errors import InputError
from parzen.validation import describe

__all__ = ["WHY_NOT", "SymbolicFunction", "applies", "as_function", "differentiate"]

#: why the method does not apply, where it does not
WHY_NOT = "f is no SymPy expression"


class SymbolicFunction:
    """An expression as a function of a vector of its symbols (sorted by name), or of named arguments."""

    def __init__(self, expression: Any) -> None:
        import sympy

        ordered = sorted(expression.free_symbols, key=lambda symbol: str(symbol.name))
        # parzen's variables are real: |x| then has a derivative
        real = {symbol: sympy.Symbol(symbol.name, real=True) for symbol in ordered}
        self.expression = expression.subs(real)
        self.symbols = list(real.values())
        self.compute = symbolic.compile(self.expression, self.symbols)

    def __call__(self, x: Any = None, /, **named: Any) -> Any:
        """Evaluate the expression."""
        return self.compute(*self.values(x, named))

    def values(self, x: Any, named: dict[str, Any]) -> list[Any]:
        """Return the value of each symbol."""
        if x is not None:
            values = list(np.ravel(x))
            if len(values) != len(self.symbols):
                raise InputError(
                    f"`x` must have one entry for each symbol ({', '.join(map(str, self.symbols)) or 'none'}); "
                    f"got {len(values)}. The symbols are sorted by name."
                )
            return values
        missing = [str(symbol) for symbol in self.symbols if str(symbol) not in named]
        if missing:
            raise InputError(f"`kwargs` must give every symbol; got none for {', '.join(missing)}. Add them.")
        values = [named[str(symbol)] for symbol in self.symbols]
        for symbol, value in zip(self.symbols, values, strict=True):
            if np.ndim(value) != 0:
                raise InputError(
                    f"`kwargs` must give a number for each symbol; got {describe(value)} for {symbol}. "
                    "Use parzen.symbolic.compile for arrays."
                )
        return values


def as_function(f: Any) -> Any:
    """Return a SymPy expression as a function; anything else as it is."""
    sympy = sys.modules.get("sympy")
    if sympy is not None and isinstance(f, (sympy.Expr, sympy.MatrixBase)):
        return SymbolicFunction(f)
    return f


def applies(job: Job) -> str | None:
    """Only expressions have a formula."""
    if isinstance(job.target.f, SymbolicFunction):
        return "f is a SymPy expression"
    return None


def differentiate(job: Job) -> Found:
    """Differentiate the formula and evaluate it at x."""
    target = job.target
    f: Any = target.f
    if target.names is None:
        order = f.symbols
    else:
        by_name = {str(symbol): symbol for symbol in f.symbols}
        for name, (start, stop, _) in target.names.items():
            if name not in by_name or stop - start != 1:
                raise InputError(
                    f"`wrt` must name symbols of the expression, each a number; got {name!r}. "
                    "See its free_symbols."
                )
        order = [by_name[name] for name in target.names]
    if job.kind == "derivative":
        if len(order) != 1:
            raise InputError(
                f"`f` must have one symbol for a derivative; got {', '.join(map(str, order)) or 'none'}. "
                "Use gradient."
            )
        value = _evaluate(f, f.expression.diff(order[0], job.order), [[t] for t in target.x[target.chosen]])
        value = value.reshape(target.chosen_shape + value.shape[1:])
    else:
        named = {**target.kwargs}
        if target.names is not None:
            named.update({name: target.x[start] for name, (start, _, _) in target.names.items()})
        point = None if target.names is not None else target.x
        values = f.values(point, named)
        if job.kind != "jacobian" and np.size(f.compute(*values)) != 1:
            raise InputError(f"`f` must return one number for a {job.kind}; got a matrix. Use jacobian.")
        picked = [order[int(position)] for position in target.chosen]
        make = {"gradient": symbolic.gradient, "jacobian": symbolic.jacobian, "hessian": symbolic.hessian}
        formula = make[job.kind](f.expression, picked)
        (value,) = _evaluate(f, formula, [values])
        lead = np.shape(f.compute(*values)) if job.kind == "jacobian" else ()
        square = target.chosen_shape if job.kind == "hessian" else ()
        value = value.reshape((*lead, *square, *target.chosen_shape))
    error = 2.0**-48 * np.abs(value) + float(np.finfo(np.float64).tiny)
    calls = target.chosen.size if job.kind == "derivative" else 1
    return Found(value, error, np.zeros(value.shape), bool(np.isfinite(value).all()), calls)


def _evaluate(f: SymbolicFunction, formula: Any, points: list[list[Any]]) -> Any:
    """Compute a formula at points, if NumPy and SciPy can."""
    try:
        compiled = symbolic.compile(formula, f.symbols)
        value = np.array([compiled(*point) for point in points])
    except InputError as error:
        raise NotPossible(str(error)) from error
    return value.astype(np.complex128 if value.dtype.kind == "c" and np.any(value.imag) else np.float64)
