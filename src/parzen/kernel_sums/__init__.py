"""Gaussian kernel sums log Σ w_j exp(-½‖y_q - y_j‖²/h²) and their derivatives, on whitened points.

The picture of this room, and the reasons, are in docs/architecture.md. `evaluate` is the way in;
`make_plan` and `prepare` are its first halves.
"""

from parzen.kernel_sums.evaluate import Evaluation, evaluate, prepare
from parzen.kernel_sums.plan import Plan, make_plan
from parzen.kernel_sums.request import MEMORY_LIMIT, Request
from parzen.kernel_sums.sources import Points, Sources
from parzen.kernel_sums.state import KernelSums, State

__all__ = [
    "MEMORY_LIMIT",
    "Evaluation",
    "KernelSums",
    "Plan",
    "Points",
    "Request",
    "Sources",
    "State",
    "evaluate",
    "make_plan",
    "prepare",
]
