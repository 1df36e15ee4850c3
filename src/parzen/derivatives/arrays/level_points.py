"""Where the gradient of a sampled surface vanishes: minima, maxima and saddles, refined between the samples.

`turning_points` in two dimensions. No sign change brackets a point of the plane, so each sample takes a Newton
step instead, and the points are where such steps end near their own sample.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from parzen.derivatives.arrays.calculus import hessian
from parzen.derivatives.arrays.containers import values_and_coordinates
from parzen.derivatives.arrays.gradient import gradient
from parzen.derivatives.arrays.spacing import disorder, mesh_line, read_spacings
from parzen.errors import InputError
from parzen.typing import FloatArray, IntArray
from parzen.validation import as_matrix

__all__ = ["LevelPoints", "level_points", "read_surface"]

_ROUNDING = 1e-8  # relative rounding of second differences, with room to spare
_CLAIMED = 0.75  # spacings within which a sample claims a point: half of one, and what a step may be wrong by
_KINDS = np.array(["minimum", "maximum", "saddle"])


@dataclass(frozen=True, slots=True, eq=False)
class LevelPoints:
    """Level points of a sampled surface, in the order of the samples.

    Attributes
    ----------
    x, y : ndarray of shape (k,)
        Where they are, across and up, refined between samples. Same units as the coordinates.
    z : ndarray of shape (k,)
        The value there.
    kind : ndarray of str, shape (k,)
        "minimum", "maximum" or "saddle".
    index : ndarray of int, shape (k, 2)
        Row and column of the sample that each was found from, which is the nearest or as near.
    """

    x: FloatArray
    y: FloatArray
    z: FloatArray
    kind: Any
    index: IntArray

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.x)


def level_points(z: Any, y: Any = None, x: Any = None, *, datetime_unit: str = "s") -> LevelPoints:
    """Find the points where the gradient of a sampled surface is zero.

    Parameters
    ----------
    z : array-like of shape (n_y, n_x)
        Samples, finite: rows are y, columns are x; at least 5 along each axis.
    y, x : scalar, array-like of shape (n_y,) and (n_x,), or both of ``np.meshgrid(x, y)``, optional
        Steps, or coordinates, strictly increasing; by default those of a labelled ``z``, else 0, 1, 2, ….
    datetime_unit : str, default "s"
        Unit in which results are given where coordinates are dates or durations, then since the first.

    Returns
    -------
    LevelPoints

    Raises
    ------
    InputError, InputTypeError
        Not 2-D, too few samples, not finite, or coordinates that do not increase.

    See Also
    --------
    parzen.turning_points : The same along a line.
    parzen.plotting.gradient_field : Draws them.

    Notes
    -----
    From each sample one Newton step with the fourth-order gradient and Hessian is taken; a step that ends
    nearer to its own sample than to any other is a level point. Samples on both sides of a point half-way
    between them find it from there: it is given once, by the shorter step. On smooth data the error is O(h²)
    in place and O(h³) in value. The index of the Hessian tells the kind. Where its determinant cannot be told
    from zero (ridges, plateaus), there is no isolated point and none is given. Noise is level in many places:
    smooth noisy data first.

    Examples
    --------
    >>> import numpy as np
    >>> from parzen.grid import level_points
    >>> y, x = np.linspace(-1, 1, 20), np.linspace(-2, 2, 30)
    >>> found = level_points((x - 0.3) ** 2 - y[:, None] ** 2, y, x)
    >>> print(found.kind, np.round(found.x, 3), np.abs(np.round(found.y, 3)))
    ['saddle'] [0.3] [0.]
    """
    values, at_y, at_x = read_surface(z, y, x, datetime_unit)
    _, exponent = np.frexp(np.abs(values).max())
    values = np.ldexp(values, -exponent)  # exact, and no product overflows
    slope_y, slope_x = gradient(values, at_y, at_x, accuracy=4)
    a, b, d, determinant = _curvature(values, at_y, at_x, 4)
    # along a ridge the determinant is what discretisation makes of zero: no isolated point is level there
    *_, rough = _curvature(values, at_y, at_x, 2)
    doubt = np.abs(determinant - rough) / 2 + _ROUNDING * (np.abs(a * d) + b * b)
    doubt += _ROUNDING**2 * np.abs(a).max() * np.abs(d).max()
    with np.errstate(all="ignore"):
        step_y = -(d * slope_y - b * slope_x) / determinant
        step_x = -(a * slope_x - b * slope_y) / determinant
        share_y, share_x = _in_spacings(step_y, at_y, 0), _in_spacings(step_x, at_x, 1)
    kinds = np.where(determinant < 0, 2, np.where(a + d > 0, 0, 1)).astype(np.int8)
    claimed = np.abs(determinant) > doubt
    index = _distinct(np.where(claimed, share_y, np.inf), np.where(claimed, share_x, np.inf), kinds)
    here = tuple(index.T)
    rise = (slope_y[here] * step_y[here] + slope_x[here] * step_x[here]) / 2
    return LevelPoints(
        x=at_x[index[:, 1]] + step_x[here],
        y=at_y[index[:, 0]] + step_y[here],
        z=np.ldexp(values[here] + rise, exponent),
        kind=_KINDS[kinds[here]],
        index=index,
    )


def read_surface(z: Any, y: Any, x: Any, datetime_unit: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return values and strictly increasing coordinates of rows and columns, starting where the caller's do."""
    z, given = values_and_coordinates(z, () if x is None and y is None else (y, x))
    values = as_matrix(z, "z")
    if min(values.shape) < 5:
        raise InputError(
            f"`z` must have at least 5 samples along each axis; got shape {values.shape}. Give more samples."
        )
    at_y, at_x = (_line(line, k, values.shape, datetime_unit) for k, line in enumerate(given or (None, None)))
    return values, at_y, at_x


def _line(given: Any, axis: int, shape: tuple[int, ...], datetime_unit: str) -> FloatArray:
    """Return the strictly increasing coordinates of rows (axis 0, y) or columns (axis 1, x)."""
    name, n = "yx"[axis], shape[axis]
    if given is None:
        return np.arange(n, dtype=np.float64)
    line = given if np.ndim(given) == 0 else np.asarray(given)
    if np.ndim(line) == 2:
        line = mesh_line(line, axis, shape)
    if line is None or np.shape(line) not in ((), (n,)):
        raise InputError(
            f"`{name}` must be of shape ({n},), or of np.meshgrid(x, y), for `z` of shape {shape}; got "
            f"shape {np.shape(given)}. Rows are y, columns are x: transpose `z`, or swap them."
        )
    at = read_spacings((line,), shape, (axis,), datetime_unit)[0][0].positions(n)
    if np.ndim(line) and line.dtype.kind in "fiu":
        at = at + float(line[0])
    wrong = disorder(at)
    if wrong is not None:
        raise InputError(f"`{name}` must increase strictly; got {wrong}. Sort the samples, or reverse both.")
    return at


def _curvature(values: FloatArray, y: FloatArray, x: FloatArray, accuracy: int) -> tuple[FloatArray, ...]:
    """Return z_yy, z_xy, z_xx and the determinant of the Hessian."""
    bend = hessian(values, y, x, accuracy=accuracy)
    a, b, d = bend[0, 0], bend[0, 1], bend[1, 1]
    return a, b, d, a * d - b * b


def _in_spacings(step: FloatArray, at: FloatArray, axis: int) -> FloatArray:
    """Return steps as shares of the gap that they lead into; infinite, or NaN, where they leave the samples."""
    gaps = np.diff(at)
    shape = [-1 if k == axis else 1 for k in range(2)]
    before, after = (np.concatenate(ends).reshape(shape) for ends in (([0.0], gaps), (gaps, [0.0])))
    return np.where(step < 0, step / before, step / after)


def _distinct(share_y: FloatArray, share_x: FloatArray, kinds: Any) -> IntArray:
    """Return the samples (k, 2) whose steps, in shares of a spacing, are those of distinct level points."""
    size = np.maximum(np.abs(share_y), np.abs(share_x))
    found = np.argwhere(size <= _CLAIMED)
    own = tuple(found.T)
    keep = np.ones(len(found), dtype=bool)
    seen_twice = np.zeros(len(found), dtype=bool)
    last = np.array(size.shape) - 1
    for shift in product((-1, 0, 1), repeat=2):
        if shift == (0, 0):
            continue
        other = tuple(np.clip(found + shift, 0, last).T)
        there = (found + shift == np.transpose(other)).all(axis=1) & (size[other] <= _CLAIMED)
        with np.errstate(invalid="ignore"):
            agree = there & (kinds[other] == kinds[own])
            agree &= np.abs(share_y[other] + shift[0] - share_y[own]) < 0.5
            agree &= np.abs(share_x[other] + shift[1] - share_x[own]) < 0.5
        seen_twice |= agree
        nearer = (size[other] < size[own]) | ((size[other] == size[own]) & (shift < (0, 0)))
        keep &= ~(agree & nearer)
    return found[keep & ((size[own] <= 0.5) | seen_twice)]
