"""Derivatives of functions.

differentiate.py   differentiate, grad, … the front
choice.py          which way, in what order
backends/          one file a way; the table
search.py          finite differences: the quick pass
careful.py         … and the careful one
evidence.py        … what its looks say: noise, stairs, kinks, narrower features
together.py        gradients, all entries at once
check.py           check_gradient
descend.py         descend, ascend, Path
symbolic.py        SymPy
"""
