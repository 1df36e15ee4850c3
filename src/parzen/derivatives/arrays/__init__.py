"""Derivatives of arrays of samples: `parzen.gradient` and `parzen.grid`. How a call flows through this room:

    gradient      the public `gradient`: small arrays at once, everything else goes on to one of the next two
    containers    xarray, pandas, dask, torch, JAX and masked arrays: unwrap, and wrap the answer again
    samples       NumPy arrays: what follows, in order
    options       the keyword arguments, checked; for a shape: the plan of a call
    spacing       what the caller says about each axis → exact gaps between samples; times: dates
    numpy_calls   small arrays, and classes and dtypes with their own rules: `numpy.gradient` itself
    schemes       one axis, decided: which samples with which weights at each point; stencils: the weights
    layout        any dtype and memory order → the flat floats that the loops take, and back
    sweep         all axes in one pass over memory, in blocks, on threads; loops: compiled
    pages         memory for large results: huge pages, and those of dropped results again
    lazy          the same schemes on chunks (dask), or with another library's operations

    calculus      hessian, laplacian, divergence, curl
    turning_points, level_points    where samples along a line, or of a surface, are level
    smooth        noisy samples; linear_smoothers: what they are smoothed with

Small float arrays and everything that NumPy treats in its own way (subclasses, object arrays, long doubles,
durations) are handed to `numpy.gradient`, so they are right by construction.
"""
