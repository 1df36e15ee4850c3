"""The exponentials of the compiled loops, and two LLVM switches that make them fast.

``math.exp`` inside a Numba loop is a scalar call; these are polynomials that LLVM vectorises. `exp2_term` is no
more exact than the promise needs, which is up to 1.8 times faster than `exp_nonpositive`.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

# Fast-math flags are chosen one by one: "fast" would delete the two-part reduction by ln 2 and break inf.
# "reassoc" is added only in loops that sum, where the order of the terms does not matter.
EXACT_FLAGS = frozenset({"contract", "nsz"})
SUMMING_FLAGS = EXACT_FLAGS | {"reassoc"}

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93145751953125e-1  # 20 significant bits: k * _LN2_HIGH is exact
_LN2_LOW = 1.42860682030941723212e-6
_SMALLEST = -708.0  # e**-708 = 3e-308 is the last normal number

#: Nats in one bit: exponents of the plain loops are in bits.
BIT = 0.6931471805599453
#: Adding it to a float64 of size < 2**51 rounds that to an integer, which stands in the lowest bits of the sum.
_ROUND = 1.5 * 2.0**52
#: Bits below which a term counts as zero.
_NOTHING = -1000.0

#: Relative error -> polynomial for 2**r on |r| ≤ ½, highest power first (tests/reference/make_polynomials.py).
_POLYNOMIALS = {
    7.5e-8: (
        0.001327647199225587, 0.009675541334444837, 0.05550713273498806, 0.2402211972384019, 0.6931469670647601,
        1.0000000716546849,
    ),
    7.8e-13: (
        1.317585811360802e-06, 1.530973742224498e-05, 0.00015403851748734644, 0.0013333452062247542,
        0.009618128542862377, 0.05550410939341712, 0.2402265069888037, 0.6931471805465141, 0.9999999999997623,
    ),
    2.3e-16: (
        4.435280790456428e-10, 7.074105630863329e-09, 1.0178198034320938e-07, 1.3215433089567188e-06,
        1.5252733489958518e-05, 0.00015403530462514668, 0.0013333558146789953, 0.009618129107588335,
        0.055504108664819925, 0.24022650695910155, 0.6931471805599453, 1.0,
    ),
}  # fmt: skip

#: Share of rtol that a polynomial may use.
_POLYNOMIAL_SHARE = 1e-3


def polynomial(rtol: float) -> tuple[float, tuple[float, ...]]:
    """Return the cheapest polynomial whose error is far below ``rtol``: its relative error, its coefficients."""
    enough = [error for error in _POLYNOMIALS if error <= _POLYNOMIAL_SHARE * rtol]
    error = max(enough, default=min(_POLYNOMIALS))
    return error, _POLYNOMIALS[error]


compiled = njit(nogil=True, cache=True, error_model="numpy", fastmath=set(EXACT_FLAGS))
compiled_inline = njit(
    nogil=True, cache=True, error_model="numpy", fastmath=set(EXACT_FLAGS), forceinline=True
)
compiled_sum = njit(nogil=True, cache=True, error_model="numpy", fastmath=set(SUMMING_FLAGS))


@intrinsic
def wide_vectors(typing_context: Any) -> Any:
    """Let LLVM use 512-bit vectors in the enclosing function where the CPU has them.

    By default LLVM prefers 256 bits on AVX-512 machines, which halves the rate of the exponentials. Each
    function with a loop needs its own call, since Numba optimises callees before it links them.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # llvmlite's attribute set refuses string attributes, so this goes past its check
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c`` with one rounding."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@compiled
def exp_nonpositive(x):
    """``e**x`` for x up to a few units above 0; exactly 0 below -708. Error at most 1.3 ulp.

    Range reduction x = k ln 2 + r in two parts (Cody & Waite, 1980), then a relative-minimax polynomial
    of degree 11 on |r| ≤ ln 2 / 2 (relative error 3.7e-18 before rounding), then 2**k by integer shift.
    """
    k = np.rint(x * _LOG2_E)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = 2.5000137804752255e-08
    p = p * r + 2.7630311924191684e-07
    p = p * r + 2.7557586673681926e-06
    p = p * r + 2.480149293639701e-05
    p = p * r + 0.00019841269505557836
    p = p * r + 0.001388888894376882
    p = p * r + 0.008333333333495301
    p = p * r + 0.04166666666652972
    p = p * r + 0.1666666666666641
    p = p * r + 0.5000000000000011
    p = p * r + 1.0
    p = p * r + 1.0
    power = np.int64((np.int64(k) + 1023) << 52).view(np.float64)
    return p * power if x > _SMALLEST else 0.0


@compiled
def exp2_term(y, polynomial):
    """``2**y`` for y up to a few hundred above 0; exactly 0 below -1000. Error: that of the polynomial.

    ``polynomial`` is a tuple, so that its length is known when this is compiled. Only additions, multiplications
    and one shift: y + 1.5 · 2⁵² rounds to the integer part k and holds it, to be added to the exponent of 2**r.
    """
    shifted = y + _ROUND
    r = y - (shifted - _ROUND)
    p = polynomial[0]
    for i in range(1, len(polynomial)):
        p = p * r + polynomial[i]
    k = np.float64(shifted).view(np.int64) << 52
    power = np.int64(np.float64(p).view(np.int64) + k).view(np.float64)
    return power if y > _NOTHING else 0.0
