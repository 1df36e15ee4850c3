"""SymPy expressions: differentiated as formulas, evaluated as compiled functions."""

import sys
from typing import Any

import numpy as np

from parzen.derivatives.backends.interface import Found, Job
from parzen.errors import InputError
from parzen.typing import FloatArray

__all__ = ["SymbolicFunction", "applies", "as_function", "differentiate"]


class SymbolicFunction:
    """An expression as a function of a vector of its symbols (sorted by name), or of named arguments."""

    def __init__(self, expression: Any) -> None:
        from parzen.derivatives.symbolic import compile

        self.expression = expression
        self.symbols = sorted(expression.free_symbols, key=lambda symbol: str(symbol.name))
        self._compiled = compile(expression, self.symbols)

    def __call__(self, x: Any = None, **named: Any) -> Any:
        """Evaluate the expression."""
        return self._compiled(*self.values(x, named))

    def values(self, x: Any, named: dict[str, Any]) -> list[Any]:
        """Return the value of each symbol."""
        if x is not None:
            values = list(np.atleast_1d(x))
            if len(values) != len(self.symbols):
                raise InputError(
                    f"`x` must have one entry for each of {', '.join(map(str, self.symbols))}; "
                    f"got {len(values)}. The symbols are sorted by name."
                )
            return values
        missing = [str(symbol) for symbol in self.symbols if str(symbol) not in named]
        if missing:
            raise InputError(f"`kwargs` must give every symbol; got none for {', '.join(missing)}. Add them.")
        return [named[str(symbol)] for symbol in self.symbols]


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
    from parzen.derivatives import symbolic

    target = job.target
    f: Any = target.f
    if target.names is None:
        order = f.symbols
    else:
        by_name = {str(symbol): symbol for symbol in f.symbols}
        for name, (start, stop, _) in target.names.items():
            if name not in by_name or stop - start != 1:
                raise InputError(
                    f"`wrt` must name symbols of the expression; got {name!r}. See its free_symbols."
                )
        order = [by_name[name] for name in target.names]
    if job.kind == "derivative":
        if len(order) != 1:
            raise InputError(f"`f` must have one symbol for a derivative; got {order}. Use gradient.")
        formula = f.expression.diff(order[0], job.order)
        compiled = symbolic.compile(formula, f.symbols)
        value: FloatArray = np.array([compiled(point) for point in target.x[target.chosen]], dtype=np.float64)
        value = value.reshape(target.chosen_shape + value.shape[1:])
    else:
        picked = [order[int(position)] for position in target.chosen]
        make = {"gradient": symbolic.gradient, "jacobian": symbolic.jacobian, "hessian": symbolic.hessian}
        formula = make[job.kind](f.expression, picked)
        named = {**target.kwargs}
        if target.names is not None:
            named.update({name: target.x[start] for name, (start, _, _) in target.names.items()})
        values = f.values(None if target.names is not None else target.x, named)
        value = np.asarray(symbolic.compile(formula, f.symbols)(*values), dtype=np.float64)
        lead = (
            np.shape(f(*([] if target.names is not None else [target.x]), **named))
            if job.kind == "jacobian"
            else ()
        )
        square = target.chosen_shape if job.kind == "hessian" else ()
        value = value.reshape((*lead, *square, *target.chosen_shape))
    error = 2.0**-48 * np.abs(value)
    return Found(
        value,
        error,
        np.zeros(value.shape),
        bool(np.isfinite(value).all()),
        max(1, target.x.size if job.kind == "derivative" else 1),
    )
