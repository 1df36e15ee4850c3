"""JAX, PyTorch and HIPS autograd: used where x or f belongs to them, always in float64 if they can."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parzen.derivatives.functions.backends.interface import Found, Job, NotPossible
from parzen.derivatives.functions.target import Target
from parzen.typing import FloatArray

__all__ = ["WHY_NOT", "Weighted", "applies", "differentiate", "plain_target"]

#: why the method does not apply, where it does not
WHY_NOT = "neither x nor f belongs to PyTorch, JAX or autograd"

#: name of the library → the module whose presence in f's source says that f was written for it
LIBRARIES = {"jax": "jax", "torch": "torch", "autograd": "autograd"}


@dataclass(frozen=True, eq=False)
class Weighted:
    """u · f, one number, in the arrays of the library that f belongs to: its gradient is Jᵀ u."""

    f: Callable[..., Any]
    weights: FloatArray

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return u · f."""
        values = self.f(*args, **kwargs)
        if hasattr(values, "new_tensor"):  # PyTorch multiplies tensors of one dtype only
            return values.reshape(-1) @ values.new_tensor(self.weights)
        return (values if hasattr(values, "reshape") else np.asarray(values)).reshape(-1) @ self.weights


def library_of(target: Target) -> str | None:
    """Return the library that x, an argument or f belongs to, or None."""
    if isinstance(target.f, Weighted):
        target = replace(target, f=target.f.f)
    loaded = [name for name in LIBRARIES if name in sys.modules]
    for thing in (target.given, *target.args, *target.kwargs.values(), target.f):
        owner = _package(type(thing).__module__)
        if owner in loaded:
            return owner
    home = getattr(target.f, "__module__", None) or getattr(
        getattr(target.f, "__self__", None), "__module__", None
    )
    if _package(home) in loaded:
        return _package(home)
    if not loaded:
        return None
    used = _modules_used(target.f)
    return next((name for name in loaded if name in used), None)


def _package(module: str | None) -> str:
    """Return the library that a module is part of."""
    return (module or "").partition(".")[0].removesuffix("lib")


def _modules_used(f: Any) -> set[str]:
    """Return the top-level packages that the source of f refers to."""
    f = inspect.unwrap(f)
    f = getattr(f, "func", f)
    f = getattr(f, "__func__", f)
    if not inspect.isfunction(f):
        if not callable(f) or not inspect.isfunction(type(f).__call__):
            return set()
        f = type(f).__call__
    try:
        seen = inspect.getclosurevars(f)
    except (TypeError, ValueError):
        return set()
    things = [*seen.globals.values(), *seen.nonlocals.values()]
    names = {
        thing.__name__ if inspect.ismodule(thing) else getattr(thing, "__module__", None) or ""
        for thing in things
    }
    return {_package(name) for name in names}


def applies(job: Job) -> str | None:
    """Tell whether x or f belongs to a library that differentiates."""
    library = library_of(job.target)
    return None if library is None else f"x or f belongs to {library}"


def differentiate(job: Job) -> Found:
    """Let the library differentiate, in float64."""
    library = library_of(job.target)
    if library is None:
        raise NotPossible(WHY_NOT)
    if job.kind == "derivative" and job.target.chosen.size != job.target.x.size:
        raise NotPossible("part of an elementwise derivative")
    try:
        value, grain = {"jax": _jax, "torch": _torch, "autograd": _autograd}[library](job)
    except NotPossible:
        raise
    except Exception as error:  # anything a library does with a function that it cannot trace
        raise NotPossible(f"{library} failed: {type(error).__name__}: {str(error)[:200]}") from error
    value = np.asarray(value)
    target = job.target
    if job.kind == "derivative":
        value = value.reshape(target.shape)
    else:
        p, n = target.chosen, target.x.size
        if job.kind == "hessian":
            value = value.reshape(n, n)[np.ix_(p, p)].reshape((*target.chosen_shape, *target.chosen_shape))
        else:
            lead = value.shape[: value.ndim - 1]
            value = value[..., p].reshape((*lead, *target.chosen_shape))
    spread = 64 * grain * np.maximum(np.abs(value), 2.0**-20 * np.abs(value).max())
    spread += float(np.finfo(np.float64).tiny)
    note = "" if grain < 1e-10 else " in single precision, all that f allows"
    return Found(
        value, spread, np.zeros(value.shape), bool(np.isfinite(value).all()), 1, f" ({library}){note}"
    )


def plain_target(target: Target) -> Target:
    """Return the target with an f that takes NumPy arrays, for differences."""
    library = library_of(target)
    if library in (None, "autograd"):
        return target
    if library == "torch":
        import torch

        def lift(z: Any, dtype: Any = torch.float64) -> Any:
            return torch.as_tensor(z, dtype=dtype)

        lifts: list[Callable[[Any], Any]] = [lift, lambda z: lift(z, torch.float32)]
        context: Callable[[], Any] = torch.no_grad
    else:
        import jax

        lifts = [jax.numpy.asarray, lambda z: jax.numpy.asarray(z, dtype="float32")]
        context = _x64
    names = target.names

    def plain(*args: Any, **kwargs: Any) -> Any:
        with context():
            for attempt, up in enumerate(lifts):
                try:
                    if names is None:
                        raw = target.f(up(args[0]), *args[1:], **kwargs)
                    else:
                        raw = target.f(*args, **{k: up(v) if k in names else v for k, v in kwargs.items()})
                    return raw if hasattr(raw, "detach") else np.asarray(raw)
                except (RuntimeError, TypeError):
                    if attempt == len(lifts) - 1:
                        raise
        raise AssertionError("one of the lifts returns or raises")

    return replace(target, f=plain)


def _x64() -> Any:
    """The context in which JAX computes in float64."""
    import jax

    try:
        return jax.enable_x64(True)
    except (AttributeError, TypeError):
        from jax.experimental import enable_x64

        return enable_x64()


def _jax(job: Job) -> tuple[FloatArray, float]:
    """Differentiate with JAX: forward over reverse for Hessians, reverse otherwise."""
    import jax

    target = job.target
    with _x64():
        z = jax.numpy.asarray(target.x)

        def f(flat: Any) -> Any:
            return jax.numpy.asarray(target.call(flat))

        if job.kind == "derivative":
            g: Any = _scalar_jax(target)
            for _ in range(job.order):
                g = jax.grad(g)
            return np.asarray(jax.vmap(g)(z)), _grain(f(z[:1]) if target.shape == () else z)
        out = jax.eval_shape(f, z)
        make = {"gradient": jax.grad, "jacobian": jax.jacrev, "hessian": jax.hessian}[job.kind]
        if job.kind != "jacobian" and out.size == 1:
            return np.asarray(make(lambda flat: f(flat).reshape(()))(z)), _grain(out)
        return np.asarray(make(f)(z)), _grain(out)


def _scalar_jax(target: Target) -> Callable[[Any], Any]:
    """f as a function of one number."""
    return lambda t: target.f(t, *target.args, **target.kwargs)


def _grain(thing: Any) -> float:
    """The relative rounding of an array of any library."""
    name = str(thing.dtype).rpartition(".")[2]
    return (
        float(np.finfo(name).eps)
        if name in ("float16", "float32", "float64")
        else float(np.finfo("float32").eps)
    )


def _torch(job: Job) -> tuple[FloatArray, float]:
    """Differentiate with PyTorch, in float64 unless f refuses."""
    import torch

    target = job.target
    last: Exception | None = None
    for dtype in (torch.float64, torch.float32):
        z = torch.tensor(target.x, dtype=dtype, requires_grad=True)
        try:
            with torch.enable_grad():
                if job.kind == "derivative":
                    value = target.f(z.reshape(target.shape), *target.args, **target.kwargs)
                    if value.shape != torch.Size(target.shape):
                        raise NotPossible(f"f of {target.shape} has shape {tuple(value.shape)}")
                    for _ in range(job.order):
                        (value,) = torch.autograd.grad(value.sum(), z, create_graph=True)
                    return value.detach().cpu().numpy(), _grain(value)
                if job.kind == "hessian":
                    out = torch.autograd.functional.hessian(lambda flat: target.call(flat).reshape(()), z)
                elif job.kind == "jacobian":
                    out = torch.autograd.functional.jacobian(target.call, z)
                else:
                    (out,) = torch.autograd.grad(target.call(z).reshape(()), z)
            return out.detach().cpu().numpy(), _grain(out)
        except RuntimeError as error:  # a module with float32 weights refuses float64
            last = error
            if "dtype" not in str(error) and "scalar type" not in str(error):
                raise
    raise NotPossible(f"torch failed: {last}")


def _autograd(job: Job) -> tuple[FloatArray, float]:
    """Differentiate with HIPS autograd."""
    import autograd

    target = job.target
    if job.kind == "derivative":
        g: Any = lambda t: target.f(t, *target.args, **target.kwargs)  # noqa: E731
        for _ in range(job.order):
            g = autograd.elementwise_grad(g)
        return np.asarray(g(target.x.reshape(target.shape))), 2.0**-52
    make = {"gradient": autograd.grad, "jacobian": autograd.jacobian, "hessian": autograd.hessian}[job.kind]
    return np.asarray(make(target.call)(target.x)), 2.0**-52
