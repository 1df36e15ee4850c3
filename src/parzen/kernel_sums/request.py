"""What is asked of the kernel sums."""

from dataclasses import dataclass, replace
from typing import Any, Self

from parzen.typing import FloatArray, IntArray, Progress

__all__ = ["MEMORY_LIMIT", "Request"]

#: Default cap on temporaries, in bytes.
MEMORY_LIMIT = 2**30


@dataclass(frozen=True, eq=False)
class Request:
    """One evaluation: which moments, how exact, with what means."""

    scales: FloatArray  # (k,) 1/h² of each bandwidth, in whitened units, at most 4
    order: int = 0  # 0: values, 1: and gradients, 2: and Hessians
    radial: bool = False  # also Σ p ‖u‖² where order is 0; it gives the derivative by log h
    rtol: float = 1e-9
    own: IntArray | None = None  # (m,) index of the source to leave out for each query, -1: none
    workers: int = 1
    memory_limit: int = MEMORY_LIMIT
    method: str = "auto"
    progress: Progress | None = None

    @property
    def moments(self) -> int:
        """Highest moment that is needed: ``radial`` is a part of the second."""
        return 2 if self.radial else self.order

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return replace(self, **changes)
