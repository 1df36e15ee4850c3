"""Make the polynomials of `parzen.kernel_sums.exp`: relative minimax fits of 2ʳ on |r| ≤ ½, by Remez exchange.

python tests/reference/make_polynomials.py     prints degree, largest relative error and coefficients
"""

import itertools

from mpmath import cos, exp, findroot, log, lu_solve, matrix, mp, mpf, pi

DEGREES = (5, 8, 11)


def remez(degree: int) -> tuple[list[mpf], mpf]:
    """Return the coefficients, highest power first, and the largest relative error."""
    points = [mpf(0.5) * cos(pi * i / (degree + 1)) for i in range(degree + 2)][::-1]
    for _ in range(10):
        # Σ c_i r^i 2^-r - 1 = ± error at the points
        rows = [
            [x**i * exp(-x * log(2)) for i in range(degree + 1)] + [(-1) ** k] for k, x in enumerate(points)
        ]
        *coefficients, error = lu_solve(matrix(rows), matrix([mpf(1)] * (degree + 2)))

        def slope(x: mpf, c: list[mpf] = coefficients) -> mpf:
            value = sum(a * x**i for i, a in enumerate(c))
            return sum(i * a * x ** (i - 1) for i, a in enumerate(c) if i) - log(2) * value

        middles = [(a + b) / 2 for a, b in itertools.pairwise(points)]
        brackets = itertools.pairwise(middles)
        points = [
            points[0],
            *(findroot(slope, b, solver="anderson", tol=1e-50) for b in brackets),
            points[-1],
        ]
    return coefficients[::-1], abs(error)


if __name__ == "__main__":
    mp.dps = 60
    for degree in DEGREES:
        coefficients, error = remez(degree)
        print(degree, f"{float(error):.2e}", [float(c) for c in coefficients])
