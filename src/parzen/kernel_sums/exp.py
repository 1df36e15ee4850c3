"""The exponential that every compiled loop shares, and two LLVM switches that make it fast.

``math.exp`` inside a Numba loop is a scalar call; `exp_nonpositive` is a polynomial that LLVM vectorises.
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
