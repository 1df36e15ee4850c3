"""Spectral method, d ≤ 3: the sums of all queries through non-uniform Fourier transforms, in nearly linear time.

A Gaussian sum is smooth, so that its Fourier series on a slightly larger box needs only so many modes as the box
has bandwidths:

    S(q) = Σ_k c_k e^{2πi ξ_k·q},   c_k = Π_a Δξ_a √(2π) h e^{-2π²h²ξ_a²} · F_k,   F_k = Σ_j w_j e^{-2πi ξ_k·x_j}

F comes from a type-1 transform of the samples and is kept with them; a type-2 transform evaluates the series at the
queries, and derivatives multiply c by 2πiξ. The error is *absolute*: so a query is accepted only where S exceeds a
bound on the error by 1/rtol, and all others are left to the tree method. The bound is an a-priori one, raised to
eight times the largest error seen at spot queries that every call sums exactly.

Where space would need too many modes (outliers, heavy tails, clusters far apart), it is cut into cells with a
transform each; where a cell holds few samples, its queries are left to the tree.

References: Greengard, Rachh & Barnett, "Equispaced Fourier representations for efficient Gaussian process
regression" (2022), for spacing and number of modes; Barnett, Magland & af Klinteberg (2019) for FINUFFT.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parzen.kernel_sums.cells import GRID_SECONDS, SPREAD_SECONDS, Layout
from parzen.kernel_sums.request import Request
from parzen.kernel_sums.state import KernelSums
from parzen.typing import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from parzen.kernel_sums.sources import Points, Sources

__all__ = ["MAX_DIMENSION", "Cell", "Spectrum"]

MAX_DIMENSION = 3
LEAST_RTOL = 1e-10
#: Queries that are summed exactly in every call, for each bandwidth.
SPOTS = 48

#: The error of the transforms, relative to the largest sum, for each unit of rtol; and the least they can do.
_TOLERANCE = 1e-5
_LEAST_TOLERANCE = 1e-14

#: The a-priori bound in units of the tolerance, and the safety factor on errors that are seen.
_PRIOR = 4.0
_SAFETY = 8.0

#: Absolute error that sums always may have.
_DENORMAL = 1e-300

#: Queries at a time.
_CHUNK = 2_000_000

#: Queries and sources that the share of accepted queries is predicted from.
_QUERIES, _SOURCES = 64, 2000
#: Sources that the cells are predicted from.
_FEW = 10_000

_forked = False


def _after_fork() -> None:
    """GNU OpenMP's threads do not survive a fork: the child must not wait for them."""
    global _forked
    _forked = True


os.register_at_fork(after_in_child=_after_fork)


def tolerance(rtol: float) -> float:
    """Return the relative error asked of the transforms."""
    return max(_LEAST_TOLERANCE, _TOLERANCE * rtol)


@dataclass(frozen=True, eq=False)
class Cell:
    """A box of space, the modes that describe the sums in it, and the transform of the samples in reach of it."""

    low: FloatArray  # (d,), nowhere farther from those samples than their reach: there their images begin
    high: FloatArray
    centre: FloatArray  # (d,) of the modes' box
    spacing: FloatArray  # (d,) Δξ
    modes: tuple[int, ...]  # 2m + 1 along each axis
    transform: Any  # F, complex, of shape modes
    beyond: float  # weight of all samples that are out of reach


class Spectrum:
    """The transforms of some samples, good for a set of bandwidths and a promise."""

    def __init__(self, points: FloatArray, weights: FloatArray | None, request: Request) -> None:
        self.scales, self.tolerance = request.scales, tolerance(request.rtol)
        widest, narrowest = 1.0 / np.sqrt(request.scales.min()), 1.0 / np.sqrt(request.scales.max())
        layout = Layout(
            points, float(widest), float(narrowest), self.tolerance, request.memory_limit, len(points)
        )
        self.cells: list[Cell] = []
        for low, high in layout.cells():
            near = layout.near(points, low, high)
            some = slice(None) if near.all() else near
            x = points[some]
            centre, spacing, modes = layout.modes(x)
            if not layout.fits(modes):
                continue
            strengths = np.ones(len(x)) if weights is None else weights[some]
            transform = _type_1(spacing * (x - centre), strengths, modes, self.tolerance, request.workers)
            beyond = 0.0 if near.all() else float(np.sum(~near if weights is None else weights[~near]))
            low, high = (
                np.maximum(low, x.min(axis=0) - layout.reach),
                np.minimum(high, x.max(axis=0) + layout.reach),
            )
            self.cells.append(Cell(low, high, centre, spacing, modes, transform, beyond))
        self.reach = layout.reach

    def serves(self, request: Request) -> bool:
        """Whether this was made for such a request."""
        return self.tolerance <= tolerance(request.rtol) and np.array_equal(self.scales, request.scales)

    def queries_of(self, cell: Cell, queries: FloatArray) -> BoolArray:
        """Return which queries lie in a cell, (m,)."""
        return np.asarray(np.all((queries >= cell.low) & (queries < cell.high), axis=1))

    def beyond(self, cell: Cell, k: int, request: Request) -> FloatArray:
        """Bound what samples out of reach of a cell would add to each function, (functions,)."""
        d, a = len(cell.centre), self.scales[k]
        size = math.sqrt(a) * self.reach
        terms = cell.beyond * math.exp(-0.5 * size**2)
        # derivatives of order p of a term are at most (√a · distance)**p times √a**p, and fall with the distance
        powers = [max(map(len, function)) for function in functions(d, request)]
        return np.array([terms * (math.sqrt(a) * size) ** power for power in powers])

    def evaluate(self, cell: Cell, queries: FloatArray, k: int, request: Request) -> FloatArray:
        """Return S and the derivatives that are wanted at bandwidth k, (functions, m); see `functions`."""
        d = queries.shape[1]
        a = self.scales[k]
        frequencies = [
            spacing * np.arange(-(n // 2), n // 2 + 1)
            for spacing, n in zip(cell.spacing, cell.modes, strict=True)
        ]
        coefficients = cell.transform
        for axis, (xi, spacing) in enumerate(zip(frequencies, cell.spacing, strict=True)):
            damping = spacing * np.sqrt(2.0 * np.pi / a) * np.exp(-2.0 * np.pi**2 / a * xi**2)
            coefficients = coefficients * _along(damping, axis, d)
        factors = [_along(2.0j * np.pi * xi, axis, d) for axis, xi in enumerate(frequencies)]
        wanted = functions(d, request)
        result = np.empty((len(wanted), len(queries)))
        for first in range(0, len(wanted), 2):
            # two real functions are the parts of one complex one
            series = _differentiated(coefficients, factors, wanted[first])
            if first + 1 < len(wanted):
                series = series + 1j * _differentiated(coefficients, factors, wanted[first + 1])
            for start in range(0, len(queries), _CHUNK):
                part = slice(start, start + _CHUNK)
                values = _type_2(
                    cell.spacing * (queries[part] - cell.centre), series, self.tolerance, request.workers
                )
                result[first, part] = values.real
                if first + 1 < len(wanted):
                    result[first + 1, part] = values.imag
        return result


def functions(d: int, request: Request) -> list[tuple[tuple[int, ...], ...]]:
    """Return what is evaluated: each function is a sum of derivatives of S by the axes named."""
    wanted: list[tuple[tuple[int, ...], ...]] = [((),)]
    if request.order > 0:
        wanted += [((a,),) for a in range(d)]
    if request.order > 1:
        wanted += [((a, b),) for a in range(d) for b in range(a + 1)]
    elif request.radial:
        wanted += [tuple((a, a) for a in range(d))]
    return wanted


def scratch_bytes(d: int, request: Request) -> int:
    """Return the temporaries for one query, apart from the grids."""
    numbers = len(functions(d, request))
    # values, and for each bandwidth in turn: transforms, phases, points, norms, finished sums
    return 8 * (numbers * (len(request.scales) + 2) + 4 * d + 2 * d * d + 16)


def finish(values: FloatArray, scale: float, d: int, request: Request) -> KernelSums:
    """Turn S and its derivatives, (functions, m), into moments of u, for one bandwidth."""
    m = values.shape[1]
    sums = KernelSums.empty(m, 1, d, request.order)
    total = values[0]
    sums.log_sum[:, 0] = np.log(total)
    sums.mean_square[:] = 0.0
    if request.order > 0:
        sums.mean[:, 0] = (values[1 : d + 1] / (scale * total)).T
    if request.order > 1:
        at = d + 1
        for a in range(d):
            for b in range(a + 1):
                second = (values[at] / total + (scale if a == b else 0.0)) / scale**2
                second -= sums.mean[:, 0, a] * sums.mean[:, 0, b]
                sums.covariance[:, 0, a, b] = sums.covariance[:, 0, b, a] = second
                at += 1
        sums.mean_square[:, 0] = np.trace(sums.covariance[:, 0], axis1=1, axis2=2) + np.sum(
            sums.mean[:, 0] ** 2, axis=1
        )
    elif request.radial:
        sums.mean_square[:, 0] = (values[-1] / total + scale * d) / scale**2
    return sums


def derivatives(sums: KernelSums, k: int, scale: float, d: int, request: Request) -> FloatArray:
    """Return S and its derivatives, (functions, m), from finished sums at bandwidth k: `finish` turned round."""
    total = np.exp(sums.log_sum[:, k])
    rows = [total]
    if request.order > 0:
        rows += list(scale * total * sums.mean[:, k].T)
    if request.order > 1:
        for a in range(d):
            for b in range(a + 1):
                second = sums.covariance[:, k, a, b] + sums.mean[:, k, a] * sums.mean[:, k, b]
                rows.append(total * (scale**2 * second - (scale if a == b else 0.0)))
    elif request.radial:
        rows.append(total * (scale**2 * sums.mean_square[:, k] - scale * d))
    return np.array(rows)


def leave_out(values: FloatArray, weights: FloatArray, scale: float, d: int, request: Request) -> None:
    """Take each query's own sample, at distance 0, out of S and its derivatives, in place.

    What cancels shows: the absolute error stays, and `accepted` compares it with what is left.
    """
    for value, terms in zip(values, functions(d, request), strict=True):
        if terms == ((),):
            value -= weights
        else:
            value += scale * weights * sum(len(axes) == 2 and axes[0] == axes[1] for axes in terms)


def spots(values: FloatArray, allowed: float, request: Request) -> IntArray:
    """Choose queries to be summed exactly: some spread evenly, some near where acceptance ends."""
    m = values.shape[1]
    edge = _PRIOR * tolerance(request.rtol) * np.abs(values[0]).max() / allowed
    even = np.linspace(0, m - 1, min(m, 2 * SPOTS // 3), dtype=np.intp)
    step = -(-m // 50_000)
    distance = np.abs(np.log(np.maximum(values[0, ::step], 1e-300)) - math.log(max(edge, 1e-300)))
    near_edge = step * np.argpartition(distance, min(SPOTS // 3, len(distance) - 1))[: SPOTS // 3]
    return np.unique(np.concatenate([even, near_edge]))


def error_bounds(
    values: FloatArray, spots: FloatArray, exact: FloatArray, beyond: FloatArray, request: Request
) -> FloatArray:
    """Return a bound on the absolute error of each function, (functions,).

    The a-priori bound is relative to the largest value; the errors at spot queries, (functions, spots), raise it.
    What lies beyond is bounded, not seen: it may matter only in a corner of the cell. Denormal sums have no digits.
    """
    prior = _PRIOR * tolerance(request.rtol) * np.abs(values).max(axis=1)
    seen = np.abs(spots - exact).max(axis=1, initial=0.0)
    return np.asarray(np.maximum(prior, _SAFETY * seen) + beyond + _DENORMAL)


def spot_error(seen: FloatArray, exact: FloatArray, allowed: float, bounds: FloatArray) -> float:
    """Return the largest error of log S among those spot queries that would have been accepted."""
    good = seen * allowed >= bounds[0]
    return float(np.max(np.abs(np.log(seen[good] / exact[good])), initial=0.0))


def accepted(
    values: FloatArray,
    bounds: FloatArray,
    rounding: FloatArray,
    scale: float,
    d: int,
    allowed: float,
    request: Request,
) -> tuple[FloatArray, BoolArray]:
    """Return the bound on the error of log S and which queries keep the promise with it, both (m,).

    ``rounding``, (m,), is what the rounding of points does to the exponents of the terms that matter.
    """
    total = values[0]
    share = bounds[0] / total + rounding
    keeps = (total > 0.0) & (share <= allowed)
    if request.order > 0:
        h = 1.0 / math.sqrt(scale)
        slope = h * np.linalg.norm(values[1 : d + 1], axis=0) / total
        slope_error = h * np.linalg.norm(bounds[1 : d + 1]) / total + (1.0 + slope) * share
        keeps &= slope_error <= allowed * (1.0 + slope)
    if request.order > 1:
        # entries off the diagonal stand for two
        twice = np.sqrt([1.0 + (a != b) for a in range(d) for b in range(a + 1)])
        second = h**2 * np.linalg.norm(twice[:, None] * values[d + 1 :], axis=0) / total
        second_error = h**2 * np.linalg.norm(twice * bounds[d + 1 :]) / total + (1.0 + second) * share
        hessian = np.abs(second - slope**2)  # at least
        keeps &= second_error + 2.0 * slope * slope_error <= allowed * (1.0 + hessian)
    elif request.radial:
        keeps &= bounds[-1] / (scale * total) <= allowed
    return share, keeps


def predict(sources: "Sources", queries: "Points", request: Request) -> tuple[float, float]:
    """Estimate the seconds of the transforms, and the share of queries that are left to the tree."""
    n, m, d = sources.n, queries.shape[0], sources.d
    few = np.arange(0, n, -(-n // _FEW))
    x = np.nan_to_num(sources.points.rows(few))
    q = np.nan_to_num(queries.rows(np.arange(0, m, -(-m // _QUERIES))))
    widest, narrowest = 1.0 / np.sqrt(request.scales.min()), 1.0 / np.sqrt(request.scales.max())
    layout = Layout(x, float(widest), float(narrowest), tolerance(request.rtol), request.memory_limit, n)
    cells = layout.cells()
    held = np.zeros(len(q), dtype=bool)
    seconds = 0.0
    for low, high in cells:
        held |= np.all((q >= low) & (q < high), axis=1)
        near = x[layout.near(x, low, high)]
        pairs_of_functions = (len(functions(d, request)) + 1) // 2 * len(request.scales)
        grid = 2.0**d * math.prod(map(float, layout.modes(near)[2])) * GRID_SECONDS
        inside = np.count_nonzero(np.all((q >= low) & (q < high), axis=1)) / len(q) * m
        made = 0.0 if sources.has_spectrum(request) else grid + SPREAD_SECONDS[d] * len(near) * n / len(x)
        seconds += made + pairs_of_functions * (grid + SPREAD_SECONDS[d] * inside)
    some = slice(None, None, -(-len(x) // _SOURCES))
    weights = np.ones(len(x)) if sources.weights is None else sources.weights[few]
    norms = np.einsum("ia,ia->i", q, q)[:, None] + np.einsum("ja,ja->j", x[some], x[some])
    squares = np.maximum(norms - 2.0 * q @ x[some].T, 0.0)
    total = np.exp(np.maximum(-0.5 * float(request.scales.max()) * squares, -60.0)) @ weights[some]
    enough = total >= total.max() * _PRIOR * tolerance(request.rtol) / (0.5 * request.rtol)
    return seconds, 1.0 - float(np.mean(held & enough))


def _along(values: Any, axis: int, d: int) -> Any:
    """Shape a vector so that it multiplies along one axis."""
    return values.reshape([-1 if a == axis else 1 for a in range(d)])


def _differentiated(coefficients: Any, factors: list[Any], terms: tuple[tuple[int, ...], ...]) -> Any:
    """Return the coefficients of a sum of derivatives."""
    total: Any = 0.0
    for axes in terms:
        part = coefficients
        for a in axes:
            part = part * factors[a]
        total = total + part
    return total


def _arguments(cycles: FloatArray) -> list[FloatArray]:
    """Return 2π times each coordinate, contiguous."""
    return [np.ascontiguousarray(2.0 * np.pi * cycles[:, a]) for a in range(cycles.shape[1])]


def _type_1(
    cycles: FloatArray, strengths: FloatArray, modes: tuple[int, ...], eps: float, threads: int
) -> Any:
    """Return Σ_j strength_j e^{-2πi k·cycles_j} for every mode k."""
    import finufft

    run: Callable[..., Any] = getattr(finufft, f"nufft{len(modes)}d1")
    return run(
        *_arguments(cycles),
        strengths.astype(np.complex128),
        modes,
        eps=eps,
        isign=-1,
        nthreads=_threads(threads),
    )


def _type_2(cycles: FloatArray, series: Any, eps: float, threads: int) -> Any:
    """Return Σ_k series_k e^{2πi k·cycles} at every query."""
    import finufft

    run: Callable[..., Any] = getattr(finufft, f"nufft{series.ndim}d2")
    return run(
        *_arguments(cycles), np.ascontiguousarray(series), eps=eps, isign=1, nthreads=_threads(threads)
    )


def _threads(threads: int) -> int:
    """Return how many threads a transform may use."""
    return 1 if _forked else threads
