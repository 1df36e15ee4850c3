"""Derivatives of what is not a density: arrays of samples, and functions.

    arrays of samples                            functions
    grid.py             gradient, the front      functions.py         differentiate, grad, … the front
    numpy_calls.py      arguments as NumPy's     functions_choice.py  which way, in what order
    schemes.py, stencils.py   weights            backends/            one file a way; the table
    spacing.py          exact coordinates        functions_search.py  finite differences: the quick pass
    sweep.py, grid_loops.py   one fused pass     functions_careful.py … and the careful one
    calculus.py         hessian, curl, …         check.py             check_gradient
    smooth.py           noisy data               descend.py           descend, ascend, Path
    turning_points.py   extrema                  functions_together.py  gradients, all entries at once
    containers.py, lazy.py    pandas, xarray, dask, torch, JAX; symbolic.py: SymPy

The public names are in `parzen` and `parzen.grid`.
"""
