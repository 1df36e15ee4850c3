"""The keyword arguments of a call of `parzen.gradient`, checked; and the plan that they make for a shape."""

import datetime
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from parzen.derivatives.arrays.numpy_calls import require_samples
from parzen.derivatives.arrays.schemes import BOUNDARIES, Scheme, make_scheme, numpy_scheme
from parzen.derivatives.arrays.spacing import Spacing, read_spacings, warn_of_doubts
from parzen.errors import InputError, InputTypeError
from parzen.validation import as_positive_float, as_positive_int, describe

__all__ = ["NUMPYS", "Options", "Plan", "plan"]

#: ``accuracy, order, boundary, period, nan`` that are `numpy.gradient`'s, as callers write them.
NUMPYS = (2, 1, "one-sided", None, "propagate")


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """What `parzen.gradient` was told by keyword; its signature has the defaults, its docstring the meanings."""

    axis: Any
    edge_order: Any
    accuracy: int
    order: int
    boundary: Any  # a (left, right) pair, whatever the caller wrote
    period: Any
    nan: str
    out: Any
    workers: int | None
    datetime_unit: str

    def __post_init__(self) -> None:
        """Refuse what is outside its range, as far as that can be told without data and without NumPy."""
        object.__setattr__(self, "boundary", _pair(self.boundary))
        if self.is_numpys and self.period is None:
            return
        _require_accuracy(self.accuracy)
        if as_positive_int(self.order, "order") > 6:
            raise InputError(
                f"`order` must be between 1 and 6; got {self.order}. Differentiate in two steps."
            )
        if not isinstance(self.nan, str) or self.nan not in ("propagate", "skip"):
            raise InputError(
                f"`nan` must be 'propagate' or 'skip'; got {describe(self.nan)}. Choose one of them."
            )
        if self.period is None:
            return
        if self.boundary[0] != "periodic":
            raise InputError(
                f"`period` must be left out unless `boundary` is periodic; got {self.period!r}. Drop it."
            )
        if isinstance(self.period, (np.timedelta64, datetime.timedelta)):
            raise InputTypeError(
                f"`period` must be a number, in units of `datetime_unit`; got {describe(self.period)}. Divide it by "
                "one."
            )
        as_positive_float(self.period, "period")

    @property
    def has_numpys_formulas(self) -> bool:
        """Whether each derivative is NumPy's three-point formula, with `edge_order` at the ends."""
        return (self.accuracy, self.order, self.boundary) == (2, 1, ("one-sided", "one-sided"))

    @property
    def is_numpys(self) -> bool:
        """Whether `numpy.gradient` can be asked."""
        return self.has_numpys_formulas and self.nan == "propagate"


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a call comes to for an array of some shape, apart from its data."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]  # in the order of the results
    single: bool  # whether one array is to be returned, not a tuple
    spacings: list[Spacing]
    options: Options

    def schemes(self) -> list[Scheme]:
        """Decide the formulas of each axis."""
        edge_order = self.options.edge_order
        if not isinstance(edge_order, numbers.Real) or edge_order not in (1, 2):
            raise InputError(
                f"`edge_order` must be 1 or 2; got {describe(edge_order)}. Use `accuracy` for more."
            )
        return [
            _scheme(self.shape[axis], axis, spacing, self.options)
            for axis, spacing in zip(self.axes, self.spacings, strict=True)
        ]


def plan(shape: tuple[int, ...], coordinates: tuple[Any, ...], options: Options) -> Plan:
    """Read the axes and the spacings of a call."""
    ndim = len(shape)
    axes = tuple(range(ndim)) if options.axis is None else normalize_axis_tuple(options.axis, ndim)
    single = len(axes) == 1
    spacings, axes = read_spacings(coordinates, shape, axes, options.datetime_unit)
    if options.has_numpys_formulas:
        warn_of_doubts(spacings, axes)
    return Plan(shape, axes, single, spacings, options)


def _require_accuracy(accuracy: Any) -> None:
    """Refuse an accuracy without stencils, and name the nearest that has them."""
    if isinstance(accuracy, bool) or not isinstance(accuracy, numbers.Integral):
        as_positive_int(accuracy, "accuracy")  # says that it must be an integer
    nearest = min(max(int(accuracy) + int(accuracy) % 2, 2), 16)
    if accuracy != nearest:
        remedy = "at least 2" if accuracy < 2 else "at most 16" if accuracy > 16 else f"{nearest}"
        raise InputError(f"`accuracy` must be even and between 2 and 16; got {accuracy}. Use {remedy}.")


def _pair(boundary: Any) -> tuple[str, str]:
    """Return (left, right) boundaries."""
    pair = (boundary, boundary) if isinstance(boundary, str) else boundary
    named = isinstance(pair, (tuple, list)) and all(isinstance(b, str) and b in BOUNDARIES for b in pair)
    if not named or len(pair) != 2:
        raise InputError(
            f"`boundary` must be one of {', '.join(map(repr, BOUNDARIES))} or a (left, right) pair of "
            f"them; got {describe(boundary)}. To treat axes differently, differentiate along one `axis` a "
            "call."
        )
    if (pair[0] == "periodic") != (pair[1] == "periodic"):
        raise InputError(
            f"`boundary` must be periodic at both ends or at none; got {describe(boundary)}. Pass 'periodic'."
        )
    return (pair[0], pair[1])


def _scheme(n: int, axis: int, spacing: Spacing, options: Options) -> Scheme:
    """Decide the formulas of one axis."""
    if spacing.step is None and spacing.gaps is None:
        raise InputTypeError(
            "`coordinates` must be real numbers or times with these options; got "
            f"{describe(spacing.verbatim)}. Convert to float64 first."
        )
    if options.has_numpys_formulas:
        require_samples(n, axis, options.edge_order)
        return numpy_scheme(n, spacing, options.edge_order)
    return make_scheme(
        n,
        spacing,
        order=options.order,
        accuracy=options.accuracy,
        boundary=options.boundary,
        period=options.period,
        axis=axis,
        edge_order=options.edge_order if (options.accuracy, options.order) == (2, 1) else None,
    )
