"""Derivatives of what is not a density: of arrays of samples (`arrays`), and of functions.

    functions.py         differentiate, grad, … the front
    functions_choice.py  which way, in what order
    backends/            one file a way; the table
    functions_search.py  finite differences: the quick pass
    functions_careful.py … and the careful one
    functions_together.py  gradients, all entries at once
    check.py             check_gradient
    descend.py           descend, ascend, Path
    symbolic.py          SymPy

The public names are in `parzen` and `parzen.grid`.
"""
