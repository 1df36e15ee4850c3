"""What `differentiate` returns."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

__all__ = ["Derivative"]


@dataclass(frozen=True, eq=False)
class Derivative:
    """A derivative, how it was found and how far it can be trusted.

    Attributes
    ----------
    value : float or ndarray, or dict of them where arguments are named
        The derivative. Shapes are those of `differentiate`.
    error : like ``value``
        Estimated absolute error of each entry; inf where nothing is known.
    method : str
        ``"exact"``, ``"autodiff"``, ``"symbolic"``, ``"complex-step"`` or ``"finite-difference"``.
    reason : str
        Why this method was used, what was tried before it, and, where not converged, why not.
    n_evaluations : int
        At how many points f was evaluated, all methods together, probes included. One pass of
        automatic differentiation, or one call of an exact gradient, counts as one.
    converged : bool
        Whether every entry is known to ``rtol``.
    step : like ``value``
        The largest step used for each entry; 0 where no step was taken.
    """

    value: Any
    error: Any
    method: str
    reason: str
    n_evaluations: int
    converged: bool
    step: Any

    def __repr__(self) -> str:
        shown = (f"{each.name}={_plain(getattr(self, each.name))!r}" for each in fields(self))
        return f"Derivative({', '.join(shown)})"


def _plain(value: Any) -> Any:
    """Numbers of NumPy as numbers of Python, which print as what they are."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value.item() if isinstance(value, np.generic) else value
