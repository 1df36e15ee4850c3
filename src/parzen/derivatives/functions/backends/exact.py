"""The function knows its own derivative: `f.gradient(x)`, or a fitted density's `log_density`."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from parzen.derivatives.functions.backends.interface import Found, Job, NotPossible
from parzen.errors import InputError, InputTypeError
from parzen.typing import FloatArray

__all__ = ["WHY_NOT", "DensityAtPoint", "applies", "differentiate", "point_function"]

#: why the method does not apply, where it does not
WHY_NOT = "f has no method `gradient` or `hessian` for this derivative"
#: methods of a density that return log f at rows of queries
LOG_DENSITIES = ("log_density", "score_samples")
#: other methods of a density; they take rows of queries, never one point
OF_ROWS = ("density", "evaluate", "grad_log_density", "hess_log_density", "score")


class DensityAtPoint:
    """log f of a fitted density at one point of shape (d,), with its exact gradient and Hessian."""

    def __init__(self, density: Any, log_density: Any) -> None:
        self.density, self.log_density = density, log_density
        if hasattr(density, "hess_log_density"):
            self.hessian = self._hessian

    @property
    def scale(self) -> FloatArray:
        """The bandwidth of each feature: the length over which log f changes."""
        values = np.asarray(self.density.bandwidth_, dtype=np.float64)
        values = np.sqrt(np.diagonal(values)) if values.ndim == 2 else values
        return np.broadcast_to(values, (self.density.n_features_in_,))

    def __call__(self, x: Any) -> Any:
        """Return log f at one point, or at rows of points."""
        x = np.asarray(x, dtype=np.float64)
        with _without_feature_names():
            return self.log_density(x)[()] if x.ndim == 2 else self.log_density(self._row(x))[0]

    def gradient(self, x: Any) -> FloatArray:
        """Return ∇ log f at one point."""
        with _without_feature_names():
            return np.asarray(self.density.grad_log_density(self._row(x))[0])

    def _hessian(self, x: Any) -> FloatArray:
        """Return the Hessian of log f at one point."""
        with _without_feature_names():
            return np.asarray(self.density.hess_log_density(self._row(x))[0])

    def _row(self, x: Any) -> FloatArray:
        """One point as a table of one row."""
        wanted = self.density.n_features_in_
        if np.size(x) != wanted:
            many = np.size(x) > wanted and np.size(x) % wanted == 0
            remedy = "Call the density's own gradient for many points" if many else f"Give {wanted} numbers"
            raise InputError(
                f"`x` must be one point with {wanted} entries, like the samples; got {np.size(x)}. {remedy}."
            )
        return np.reshape(np.asarray(x, dtype=np.float64), (1, -1))


@contextmanager
def _without_feature_names() -> Iterator[None]:
    """Let points without names meet a density that was fitted to a table with names: nobody could give them any."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        yield


def point_function(f: Any, x: Any) -> Any:
    """Return f, or, for the log density of a fitted density, the same as a function of one point.

    Other methods of a density are refused, unless x is a table as they want it.
    """
    owner, name = getattr(f, "__self__", None), getattr(f, "__name__", "")
    if not callable(getattr(owner, "grad_log_density", None)):
        return f
    if name in OF_ROWS and x is not None and np.ndim(x) != 2:
        raise InputTypeError(
            f"`f` must take one point; got the method `{name}` of a density, which takes rows of points. "
            "Pass `kde.log_density`, whose gradient is exact."
        )
    # before `fit` it is only called, and says itself that it is not fitted
    return DensityAtPoint(owner, f) if name in LOG_DENSITIES and hasattr(owner, "n_features_in_") else f


def applies(job: Job) -> str | None:
    """Tell whether the object has the derivative that is wanted."""
    wanted = "hessian" if job.kind == "hessian" or job.order == 2 else "gradient"
    if job.kind == "jacobian" or job.order > 2 or job.target.names is not None:
        return None
    if not callable(getattr(job.target.f, wanted, None)):
        return None
    return f"the object has a method `{wanted}`"


def differentiate(job: Job) -> Found:
    """Ask the object."""
    target = job.target
    f: Any = target.f
    method = f.hessian if job.kind == "hessian" or job.order == 2 else f.gradient
    n = target.x.size
    if job.kind == "derivative":
        value = np.array([np.ravel(np.asarray(method(point))) for point in target.x[target.chosen]])
        calls = len(target.chosen)
        if value.shape != (len(target.chosen), 1):
            raise NotPossible(f"its derivative at one number has shape {value.shape[1:]}")
        value = value.reshape(target.chosen_shape)
    else:
        full = np.asarray(method(target.x.reshape(target.shape)), dtype=np.float64)
        calls = 1
        if full.size != (n if job.kind == "gradient" else n * n):
            raise NotPossible(f"its `{method.__name__}` has shape {full.shape}")
        if job.kind == "gradient":
            value = full.reshape(-1)[target.chosen].reshape(target.chosen_shape)
        else:
            value = full.reshape(n, n)[np.ix_(target.chosen, target.chosen)]
            value = value.reshape((*target.chosen_shape, *target.chosen_shape))
    promise = getattr(getattr(target.f, "density", None), "rtol", 0.0)
    promise = float(promise) if isinstance(promise, (int, float)) else 0.0
    error = (promise + 2.0**-50) * np.abs(value) + float(np.finfo(np.float64).tiny)
    return Found(value, error, np.zeros(np.shape(value)), bool(np.isfinite(value).all()), calls)
