"""What every method is asked and what it answers."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from parzen.derivatives.functions.lines import Room
from parzen.derivatives.functions.sampling import Workers
from parzen.derivatives.functions.target import Target

__all__ = ["Found", "Job", "NotPossible"]


class NotPossible(Exception):
    """A method turned out not to work for this function; the message says why, after how many evaluations."""

    def __init__(self, why: str, n_evaluations: int = 0) -> None:
        super().__init__(why)
        self.n_evaluations = n_evaluations


@dataclass(frozen=True, eq=False)
class Job:
    """One question: which derivative of what, and how carefully."""

    target: Target
    kind: str  # derivative, gradient, jacobian, hessian
    order: int
    room: Room
    vectorized: Any
    workers: Workers


class Found(NamedTuple):
    """One answer: arrays of the shape of the derivative."""

    value: Any
    error: Any
    step: Any
    converged: bool
    n_evaluations: int
    note: str = ""  # added to the reason
    why: str = ""  # why not converged
    base: Any = None  # f(x), (n_points, n_components), where it is known
