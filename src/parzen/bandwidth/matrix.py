"""Scalar, diagonal and full bandwidths, and the whitening that makes all of them h = 1.

With H = L Lᵀ a point becomes y = L⁻¹(x - c), where c is a centre near the samples: centring comes first, so
that a common offset costs no digits. Then log f = log S - log Σw - (d/2) log 2π - log det L.
"""

import math
import numbers
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from parzen.bandwidth.result import Bandwidth
from parzen.errors import InputError, InputTypeError
from parzen.kernel_sums.dense import MAX_DIMENSION
from parzen.kernel_sums.double_double import DoubleDouble, cholesky, solve_lower, solve_lower_transposed
from parzen.typing import FloatArray, IntArray
from parzen.validation import as_matrix, as_positive_float, as_vector, describe

__all__ = ["Scale", "Whitened", "as_scale"]

#: Coordinate errors, in units of half an ulp, above which whitening is done in double-double arithmetic.
_TOLERATED_UNITS = 512.0

#: Points that are checked at a time.
_CHECKED = 10_000


@dataclass(frozen=True, eq=False)
class Scale:
    """A bandwidth as a linear map: h, diag(σ) or L.

    Attributes
    ----------
    value : float or ndarray of shape (d,) or (d, d)
        Bandwidth h, standard deviations, or covariance H; in the units of the samples.
    d : int
        Dimension.
    """

    value: float | FloatArray
    d: int

    @property
    def kind(self) -> str:
        """``"scalar"``, ``"diagonal"`` or ``"full"``."""
        return ("scalar", "diagonal", "full")[np.ndim(self.value)]

    @cached_property
    def unit(self) -> float:
        """For a scalar bandwidth, the power of two above it: points are divided by this, exactly."""
        if self.kind != "scalar":
            return 1.0
        return math.ldexp(1.0, min(max(math.frexp(float(self.value))[1], -1021), 1023))

    @cached_property
    def kernel_scale(self) -> float:
        """1/h² in whitened units: 1, or in (1, 4] for a scalar, where only a power of two is divided out."""
        return (self.unit / float(self.value)) ** 2 if self.kind == "scalar" else 1.0

    @property
    def kernel_scale_low(self) -> float:
        """What rounding took from `kernel_scale`."""
        exact = (np.longdouble(self.unit) / np.longdouble(self.value)) ** 2 if self.kind == "scalar" else 1.0
        return float(exact - self.kernel_scale)

    @cached_property
    def _factor(self) -> tuple[FloatArray, float]:
        """The lower Cholesky factor, and the error of plain whitening in units of half an ulp."""
        try:
            L = np.linalg.cholesky(np.asarray(self.value))
        except np.linalg.LinAlgError:
            return self.exact_factor.high, math.inf
        # forward substitution and the factor's own backward error: d |L⁻¹||L|, twice for the factor
        return L, 3.0 * self.d * _condition(L) ** 2

    @cached_property
    def exact_error(self) -> float:
        """Error of an exact whitened coordinate, relative to the size of its point."""
        if self.kind != "full":
            return 2.0**-102
        return 2.0**-104 * self.d * _condition(self.exact_factor.high) ** 2

    @cached_property
    def exact_factor(self) -> DoubleDouble:
        """The lower Cholesky factor to about 30 digits."""
        factor = cholesky(np.asarray(self.value))
        if factor is None:
            raise InputError(
                f"`bandwidth` must be a positive definite covariance; got one whose smallest eigenvalue is "
                f"{np.linalg.eigvalsh(np.asarray(self.value))[0]:.3g}. Add a small multiple of the identity, "
                "or pass standard deviations, shape (d,)."
            )
        return factor

    @property
    def ill_conditioned(self) -> bool:
        """Whether plain whitening would lose more digits than the promise allows."""
        return self.kind == "full" and self._factor[1] > _TOLERATED_UNITS

    @property
    def coordinate_error(self) -> float:
        """Error of a whitened coordinate, relative to the size of its point, in units of half an ulp."""
        if self.kind == "full" and not self.ill_conditioned:
            return max(2.0, self._factor[1])
        return {"scalar": 1.0, "diagonal": 2.0, "full": 1.0}[self.kind]

    @property
    def log_det(self) -> np.longdouble:
        """Log det L = ½ log det H, in extended precision."""
        if self.kind == "scalar":
            return np.longdouble(self.d * np.log(np.longdouble(self.value)))
        if self.kind == "diagonal":
            deviations = np.asarray(self.value)
        else:
            deviations = np.diag(self.exact_factor.high if self.ill_conditioned else self._factor[0])
        return np.longdouble(np.log(deviations.astype(np.longdouble)).sum())

    def whiten(self, centred: DoubleDouble, *, exact: bool) -> DoubleDouble:
        """Return L⁻¹ times the rows; the low parts are zero unless ``exact``."""
        if self.kind == "scalar":
            return centred.scaled(1.0 / self.unit)
        if self.kind == "diagonal":
            sigma = np.asarray(self.value)
            if exact:  # powers of two apart, exactly: products of double-doubles overflow from 1e290 on
                mantissa, exponent = np.frexp(sigma)
                shifted = DoubleDouble(*(np.ldexp(part, -exponent) for part in centred))
                return shifted.over(DoubleDouble.of(np.broadcast_to(mantissa, shifted.high.shape)))
            return DoubleDouble.of(centred.high / sigma)
        if exact or self.ill_conditioned:
            return solve_lower(self.exact_factor, centred)
        return DoubleDouble.of(solve_triangular(self._factor[0], centred.high.T, lower=True).T)

    def colour(self, noise: FloatArray) -> FloatArray:
        """Give standard normal rows, (n, d), this bandwidth as covariance: L z."""
        if self.kind == "full":
            return np.asarray(noise @ self._factor[0].T)
        return np.asarray(noise * np.asarray(self.value))

    def gradient_to_data(self, gradient: FloatArray) -> FloatArray:
        """Map gradients by whitened coordinates, (m, d), to the units of the samples: L⁻ᵀ g."""
        if self.kind == "scalar":
            return gradient / self.unit
        if self.kind == "diagonal":
            return np.asarray(gradient / np.asarray(self.value))
        if self.ill_conditioned:
            exact = solve_lower_transposed(self.exact_factor, DoubleDouble.of(gradient))
            return np.ascontiguousarray(exact.high)
        back: FloatArray = solve_triangular(self._factor[0], gradient.T, lower=True, trans="T").T
        return np.ascontiguousarray(back)

    def hessian_to_data(self, hessian: FloatArray) -> FloatArray:
        """Map Hessians by whitened coordinates, (m, d, d), to the units of the samples: L⁻ᵀ A L⁻¹."""
        if self.kind == "scalar":
            return hessian / self.unit / self.unit
        if self.kind == "diagonal":
            sigma = np.asarray(self.value)
            mapped = hessian / sigma[:, None] / sigma[None, :]
            return np.asarray(0.5 * (mapped + mapped.transpose(0, 2, 1)))  # the divisions' order shows
        if self.ill_conditioned:
            rows = hessian.reshape(-1, self.d)
            half = solve_lower_transposed(self.exact_factor, DoubleDouble.of(rows))
            turned = DoubleDouble(*(
                part.reshape(hessian.shape).transpose(0, 2, 1).reshape(-1, self.d) for part in half
            ))  # fmt: skip
            full = solve_lower_transposed(self.exact_factor, turned).high.reshape(hessian.shape)
            return np.asarray(0.5 * (full + full.transpose(0, 2, 1)))
        inverse = solve_triangular(self._factor[0], np.eye(self.d), lower=True)
        mapped = inverse.T @ hessian @ inverse
        return np.asarray(0.5 * (mapped + mapped.transpose(0, 2, 1)))


def _condition(L: FloatArray) -> float:
    """‖ |L⁻¹| |L| ‖: by how much rounding errors grow in L y = x (Skeel, 1979)."""
    inverse = solve_triangular(L, np.eye(len(L)), lower=True)
    return float(np.max(np.sum(np.abs(inverse) @ np.abs(L), axis=1)))


@dataclass(frozen=True, eq=False)
class Whitened:
    """Raw points seen through a bandwidth: the kernel sums ask for rows when they need them."""

    raw: FloatArray  # (n, d)
    centre: FloatArray  # (d,)
    scale: Scale

    @property
    def shape(self) -> tuple[int, int]:
        """Number of points and dimension."""
        return self.raw.shape[0], self.raw.shape[1]

    @property
    def unshifted(self) -> tuple[FloatArray, FloatArray, float] | None:
        """The raw points, their centre and unit, where whitening only shifts and divides by a power of two."""
        return (self.raw, self.centre, self.scale.unit) if self.scale.kind == "scalar" else None

    @property
    def coordinate_error(self) -> float:
        """Relative error of a coordinate in units of half an ulp."""
        if self.scale.kind == "scalar" and self._shifted_exactly:
            return 0.0
        return self.scale.coordinate_error

    @cached_property
    def _shifted_exactly(self) -> bool:
        """Whether no point loses a digit when the centre is subtracted."""
        if not self.centre.any():
            return True
        if self.raw.shape[1] > MAX_DIMENSION:  # a product of matrices loses more
            return False
        parts = (self.raw[start : start + _CHECKED] for start in range(0, len(self.raw), _CHECKED))
        with np.errstate(over="ignore", invalid="ignore"):  # as in `rows`
            return not any(
                DoubleDouble.of(part)
                .minus(DoubleDouble.of(np.broadcast_to(self.centre, part.shape)))
                .low.any()
                for part in parts
            )

    @property
    def exact_error(self) -> float:
        """Relative error of an exact coordinate."""
        return self.scale.exact_error

    def take(self, index: IntArray) -> "Whitened":
        """Some of the points."""
        return replace(self, raw=self.raw[index])

    def around(self, other: "Whitened", index: int) -> "Whitened":
        """The same points seen from a point of ``other``."""
        return replace(self, centre=other.raw[index])

    def rows(self, index: slice | IntArray) -> FloatArray:
        """Whitened coordinates of some points."""
        raw = self.raw[index]
        if self.scale.ill_conditioned:
            return self.exact_rows(index).high
        with np.errstate(over="ignore", invalid="ignore"):  # out of range is met by the kernel sums
            return self.scale.whiten(DoubleDouble(raw - self.centre, np.zeros((1, 1))), exact=False).high

    def exact_rows(self, index: slice | IntArray) -> DoubleDouble:
        """Whitened coordinates of some points to about 30 digits."""
        raw = self.raw[index]
        centre = np.broadcast_to(self.centre, raw.shape)
        with np.errstate(over="ignore", invalid="ignore"):  # as in `rows`
            return self.scale.whiten(DoubleDouble.of(raw).minus(DoubleDouble.of(centre)), exact=True)


def as_scale(value: Any, d: int) -> Scale:
    """Check a numeric bandwidth for dimension ``d``.

    Parameters
    ----------
    value : float, array-like of shape (d,) or (d, d), or Bandwidth
        Bandwidth, standard deviations, or covariance.
    d : int
        Dimension of the samples.

    Raises
    ------
    InputError, InputTypeError
        Not positive, not positive definite, not symmetric, or of a shape that does not fit.
    """
    if isinstance(value, str) or value is None:
        raise InputTypeError(
            f"`bandwidth` must be a positive number, (d,) standard deviations or a (d, d) covariance; got "
            f"{describe(value)}. Pass a positive number, or a method's name such as 'auto'."
        )
    if isinstance(value, Bandwidth):
        value = value.value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (numbers.Number, np.generic)):
        return Scale(as_positive_float(value, "bandwidth"), d)
    try:
        dimensions = np.ndim(value)
    except ValueError:
        dimensions = 2  # ragged: `as_matrix` says so
    if dimensions == 1:
        sigma = as_vector(value, "bandwidth")
        if len(sigma) != d:
            raise InputError(
                f"`bandwidth` must have one standard deviation per feature, shape ({d},); got shape {sigma.shape}. "
                "Pass one positive number to use it for every feature."
            )
        if not np.all(sigma > 0):
            raise InputError(
                f"`bandwidth` must be positive; got {sigma.min():g} at index {int(sigma.argmin())}. "
                "Drop constant features, or give them a positive standard deviation."
            )
        sigma = np.array(sigma)
        sigma.flags.writeable = False
        return Scale(sigma, d)
    matrix = as_matrix(value, "bandwidth")
    if matrix.shape != (d, d):
        raise InputError(
            f"`bandwidth` must have shape ({d}, {d}); got shape {matrix.shape}. Pass a covariance."
        )
    asymmetry = float(np.max(np.abs(matrix - matrix.T)))
    if asymmetry > 1e-8 * float(np.max(np.abs(matrix))):
        raise InputError(
            f"`bandwidth` must be symmetric; got a matrix that differs from its transpose by {asymmetry:.3g}. "
            "Pass a covariance matrix (not its Cholesky factor)."
        )
    symmetric = 0.5 * matrix + 0.5 * matrix.T
    symmetric.flags.writeable = False
    scale = Scale(symmetric, d)
    _ = scale._factor  # raises here, where the caller can be told
    return scale
