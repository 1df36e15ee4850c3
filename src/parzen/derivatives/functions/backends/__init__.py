"""The ways to differentiate a function, in the order in which they are tried.

A method is one file with ``applies(job)``, which says why it may be used or returns None (then ``WHY_NOT`` says why
not), and ``differentiate(job)``, which answers or raises `NotPossible`. A new method is one file and one row here.
"""

from types import ModuleType

from parzen.derivatives.functions.backends import autodiff, complex_step, exact, finite_difference, symbolic

__all__ = ["METHODS"]

#: name → module, in order of preference under "auto"
METHODS: dict[str, ModuleType] = {
    "exact": exact,
    "autodiff": autodiff,
    "symbolic": symbolic,
    "complex-step": complex_step,
    "finite-difference": finite_difference,
}
