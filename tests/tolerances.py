"""How far a result may be from the truth: the promise of parzen, written once, for every test.

|error of log f| ≤ rtol, or a few ulps of log f where that is more; ‖h·(error of ∇ log f)‖ ≤ rtol (1 + ‖h ∇ log f‖)
in whitened units, and the same form for h²·Hessian. Derivatives leave parzen in the units of the data as
float64, and no number can be nearer to the truth than that allows; with a nearly singular bandwidth this is the
larger part.
"""

import numpy as np

UNIT = 2.0**-53

#: "A few ulps" of a log density, and the least error of a log density near 0: a few roundings of terms of size 1.
ULPS = 8.0
LOG_DENSITY_FLOOR = 4e-15

#: What ``rtol=0`` ("every term, right to a few ulps") promises for whitened derivatives, relative to 1 + size …
DERIVATIVE_FLOOR = 1e-13
#: … and in ulps of the largest term, which is what is left where terms of opposite sign cancel.
TERM_ULPS = 4.0

#: Roundings to float64 on the way out, in units in the last place of each component.
STORED_ULPS = 8.0


def log_density_tolerance(exact, rtol):
    """Return the allowed error of each log density, (m,)."""
    return np.maximum(rtol, ULPS * np.spacing(np.abs(exact)) + LOG_DENSITY_FLOOR)


def covariance(bandwidth, d):
    """The covariance of a bandwidth of any kind, (d, d)."""
    value = np.asarray(bandwidth)
    return value if value.ndim == 2 else np.diag(np.broadcast_to(value**2, (d,)))


def factor(bandwidth, d):
    """Return L with H = L Lᵀ, (d, d)."""
    value = np.asarray(bandwidth, dtype=float)
    return np.linalg.cholesky(value) if value.ndim == 2 else np.diag(np.broadcast_to(value, (d,)))


def gradient_excess(actual, exact, bandwidth, rtol, terms=0.0):
    """Return the whitened error of each gradient over what is allowed, (m,); at most 1 where the promise holds."""
    L = factor(bandwidth, exact.shape[1])
    error = np.linalg.norm((actual - exact) @ L, axis=1)
    stored = STORED_ULPS * UNIT * np.linalg.norm(np.abs(exact) @ np.abs(L), axis=1)
    allowed = max(rtol, DERIVATIVE_FLOOR) * (1.0 + np.linalg.norm(exact @ L, axis=1))
    if rtol == 0:
        allowed = allowed + TERM_ULPS * UNIT * terms
    return error / (allowed + stored)


def hessian_excess(actual, exact, bandwidth, rtol):
    """Return the whitened error of each Hessian (Frobenius norm) over what is allowed, (m,)."""
    L = factor(bandwidth, exact.shape[1])
    error = np.linalg.norm(L.T @ (actual - exact) @ L, axis=(1, 2))
    stored = STORED_ULPS * UNIT * np.linalg.norm(np.abs(L).T @ np.abs(exact) @ np.abs(L), axis=(1, 2))
    allowed = max(rtol, DERIVATIVE_FLOOR) * (1.0 + np.linalg.norm(L.T @ exact @ L, axis=(1, 2)))
    return error / (allowed + stored)


def assert_promise(values, exact, bandwidth, rtol, terms=0.0):
    """Check a `DensityValues` against an exact result with the same fields: values, gradient, Hessian.

    ``terms``: distance of the farthest sample that counts from each query, in bandwidths; matters at ``rtol=0``.
    """
    tolerance = log_density_tolerance(exact.log_density, rtol)
    excess = np.abs(values.log_density - exact.log_density) / tolerance
    assert np.all(excess <= 1), f"log density off by {np.max(excess):.3g} times what is promised"
    if values.gradient is not None:
        excess = gradient_excess(values.gradient, exact.gradient, bandwidth, rtol, terms)
        assert np.all(excess <= 1), f"gradient off by {np.max(excess):.3g} times what is promised"
    if values.hessian is not None:
        excess = hessian_excess(values.hessian, exact.hessian, bandwidth, rtol)
        assert np.all(excess <= 1), f"Hessian off by {np.max(excess):.3g} times what is promised"
