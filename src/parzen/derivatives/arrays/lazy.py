"""Carry a scheme out piece by piece (dask), or with the operations of another array library (torch, JAX)."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from parzen.derivatives.arrays.layout import differentiate
from parzen.derivatives.arrays.schemes import Scheme, interior_weights

__all__ = ["apply_foreign", "piece", "run_piece", "samples_needed"]


def run_piece(block: Any, *, scheme: Scheme, axis: int, keep: slice) -> Any:
    """Differentiate a chunk with its neighbours and keep the chunk's own points."""
    (result,) = differentiate(np.asarray(block), (axis,), [scheme], None, 1, None)
    return result[(slice(None),) * axis + (keep,)]


def samples_needed(scheme: Scheme, start: int, stop: int) -> Any:
    """Return the numbers of all samples that the points start ≤ i < stop are made from, in order."""
    side = scheme.left if scheme.low < scheme.high else 0
    mine = (scheme.targets >= start) & (scheme.targets < stop)
    near = np.arange(max(0, start - side), min(scheme.n, stop + side))
    return np.unique(np.concatenate([near, scheme.indices[mine].reshape(-1)]))


def piece(scheme: Scheme, touched: Any, start: int, stop: int) -> Scheme:
    """Return a scheme for the samples ``touched`` that treats the points start ≤ i < stop as the whole would.

    Interior points become interior points where their stencils are contiguous, edge points edges. Samples
    that are there only as neighbours belong to neither, and are left unset.
    """
    first = int(
        np.searchsorted(touched, start)
    )  # the piece itself is contiguous: first … first + stop - start
    shift = first - start
    mine = (scheme.targets >= start) & (scheme.targets < stop)
    low, high = max(scheme.low, start), min(scheme.high, stop)
    gaps = scheme.gaps
    if gaps is not None:
        # gaps between samples of the piece; only those within interior stencils are read
        gaps = np.ones(max(len(touched) - 1, 0))
        steps = np.flatnonzero(np.diff(touched) == 1)
        gaps[steps] = scheme.gaps[touched[steps]]  # type: ignore[index]
    return dataclasses.replace(
        scheme,
        n=len(touched),
        low=low + shift if low < high else 0,
        high=high + shift if low < high else 0,
        gaps=gaps,
        targets=scheme.targets[mine] + shift,
        indices=np.searchsorted(touched, scheme.indices[mine]),
        weights=scheme.weights[mine],
        divisors=scheme.divisors[mine],
    )


def apply_foreign(
    scheme: Scheme,
    f: Any,
    axis: int,
    take: Callable[..., Any],
    join: Callable[..., Any],
    constant: Callable[..., Any],
) -> Any:
    """Carry a scheme out by slicing and joining: no writes in place, so automatic differentiation works."""
    points: dict[int, Any] = {}
    for e, i in enumerate(scheme.targets.tolist()):
        here = take(f, i, i + 1, axis)
        total: Any = None
        for j, w in zip(scheme.indices[e].tolist(), scheme.weights[e].tolist(), strict=True):
            sample = take(f, j, j + 1, axis)
            term = w * (sample if scheme.plain else sample - here)
            total = term if total is None else total + term
        points[i] = total / float(scheme.divisors[e])
    low, high = scheme.low, scheme.high
    parts = [points[i] for i in sorted(points) if i < low]
    if low < high:
        parts.append(_interior(scheme, f, axis, take, constant))
    parts += [points[i] for i in sorted(points) if i >= high and i >= low]
    return join(parts, axis)


def _interior(
    scheme: Scheme, f: Any, axis: int, take: Callable[..., Any], constant: Callable[..., Any]
) -> Any:
    """Return the derivative at the interior points."""
    low, high = scheme.low, scheme.high
    here = take(f, low, high, axis)
    total: Any = 0.0
    if scheme.gaps is None:
        for j, w in enumerate(scheme.pairs.tolist(), start=1):
            after, before = take(f, low + j, high + j, axis), take(f, low - j, high - j, axis)
            total = total + w * (after - before if scheme.odd else (after - here) + (before - here))
        return total / scheme.divisor
    rows = interior_weights(scheme, low, high)
    for k in range(scheme.width):
        offset = k - scheme.left
        row = constant(rows[k], f).reshape([-1 if a == axis else 1 for a in range(f.ndim)])
        sample = take(f, low + offset, high + offset, axis)
        if scheme.plain:
            total = total + row * sample
        elif offset:
            total = total + row * (sample - here)
    return total
