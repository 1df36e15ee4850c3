"""Large Jacobians: sparse ones by grouping columns, products without the matrix."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from parzen.derivatives.functions.choice import value_of
from parzen.derivatives.functions.differentiate import Derivative, differentiate
from parzen.derivatives.functions.sampling import UNDEFINED
from parzen.derivatives.functions.target import as_bounds, as_output
from parzen.errors import AccuracyError, InputError, InputTypeError
from parzen.typing import FloatArray, IntArray
from parzen.validation import as_vector, describe

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import LinearOperator

__all__ = ["jacobian_operator", "sparse_jacobian"]


def sparse_jacobian(
    f: Callable[..., Any], x: Any, *, sparsity: Any = None, bounds: Any = None, args: Sequence[Any] = ()
) -> "csr_array":
    """Return the Jacobian J[i, j] = ∂fᵢ/∂xⱼ of a function of which each value depends on few variables.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` returns a vector of m real numbers.
    x : array-like of shape (n,)
        Where.
    sparsity : array-like or sparse matrix of shape (m, n), optional
        Nonzero where fᵢ may depend on xⱼ. Default: found by moving each variable by several lengths, about
        4n evaluations.
    bounds, args
        As in `parzen.differentiate`.

    Returns
    -------
    scipy.sparse.csr_array of shape (m, n)

    Raises
    ------
    AccuracyError
        Not converged.
    InputError, InputTypeError
        Shapes that do not fit, or as `parzen.differentiate`.

    Notes
    -----
    Columns that share no row are moved together (a greedy colouring after Curtis, Powell and Reid): the cost
    grows with the number of groups, not with n. A group takes 7 to about 80 evaluations: the values of f may
    settle at different steps. It is differentiated along the direction that moves its variables by powers of
    two near their sizes.

    References
    ----------
    Curtis, Powell and Reid (1974), J. Inst. Maths Applics 13, 117.

    Examples
    --------
    >>> J = sparse_jacobian(lambda p: p**2 + np.roll(p, 1), np.arange(1.0, 6.0))
    >>> J.shape, J.nnz, float(J[2, 2].round(9))
    ((5, 5), 10, 6.0)
    """
    from scipy.sparse import coo_array, csc_array

    start = as_vector(x, "x")
    limits = tuple(np.abs(side - start) for side in as_bounds(bounds, start, start.shape))
    base = _vector(f, start, args)
    if sparsity is None:
        pattern = csc_array(_detect(f, start, base, limits, tuple(args)))
    else:
        pattern = csc_array(sparsity)
        if pattern.shape != (base.size, start.size):
            raise InputError(
                f"`sparsity` must have shape {(base.size, start.size)}; got {pattern.shape}. "
                "Give one row for each value of f."
            )
    size = np.exp2(np.round(np.log2(np.maximum(np.abs(start), 2.0**-10))))
    rows, columns, values = [], [], []
    for group in _groups(pattern):
        way = np.zeros(start.size)
        way[group] = size[group]

        def moved(t: float, way: FloatArray = way) -> Any:
            return f(start + t * way, *args)

        with np.errstate(divide="ignore"):
            room = tuple(float(np.min(side[group] / size[group])) for side in limits)
        found = differentiate(moved, 0.0, method="finite-difference", bounds=(-room[0], room[1]))
        slope, error = np.asarray(found.value), np.asarray(found.error)
        for column in group:
            members = pattern.indices[pattern.indptr[column] : pattern.indptr[column + 1]]
            rows.append(members)
            columns.append(np.full(members.size, column))
            values.append(slope[members] / size[column])
            unsettled = ~(error[members] <= 1e-6 * np.max(np.abs(slope), initial=0.0)) & (slope[members] != 0)
            if unsettled.any():
                raise AccuracyError(
                    f"`f` must be differentiable at x; got {found.reason} in column {column}. "
                    "Use differentiate()."
                )
    if not rows:
        return coo_array((base.size, start.size)).tocsr()
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return coo_array(entries, shape=(base.size, start.size)).tocsr()


def jacobian_operator(f: Callable[..., Any], x: Any, *, args: Sequence[Any] = ()) -> "LinearOperator":
    """Return the Jacobian of f at x as an operator: products J v and Jᵀ u without the matrix.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` returns m real numbers.
    x : array-like of shape (n,)
        Where.
    args : tuple
        More arguments of f.

    Returns
    -------
    scipy.sparse.linalg.LinearOperator of shape (m, n)
        ``J @ v`` is a derivative along v, about 7 evaluations of f; ``J.T @ u`` is the gradient of u·f by the
        best method, n times as much by differences, one pass by autodiff.

    Raises
    ------
    AccuracyError
        From a product that does not converge.
    InputError, InputTypeError
        As `parzen.differentiate`.

    Examples
    --------
    >>> J = jacobian_operator(lambda p: p**2, [1.0, 2.0, 3.0])
    >>> (J @ np.ones(3)).round(6)
    array([2., 4., 6.])
    """
    from scipy.sparse.linalg import LinearOperator

    start = as_vector(x, "x")
    base = _vector(f, start, args)
    size = float(np.max(np.abs(start))) or 1.0

    def forward(v: FloatArray) -> FloatArray:
        way = as_vector(np.ravel(v), "v")
        length = float(np.max(np.abs(way)))
        if length == 0:
            return np.zeros(base.size)
        unit = size / length
        found = differentiate(
            lambda t: np.ravel(f(start + t * unit * way, *args)), 0.0, method="finite-difference", rtol=1e-6
        )
        return _settled(found) / unit

    def backward(u: FloatArray) -> FloatArray:
        weights = as_vector(np.ravel(u), "u")
        return _settled(differentiate(lambda p: np.ravel(f(p, *args)) @ weights, start, "gradient"))

    return LinearOperator((base.size, start.size), matvec=forward, rmatvec=backward, dtype=np.float64)


def _vector(f: Callable[..., Any], start: FloatArray, args: Sequence[Any]) -> FloatArray:
    """f(x), which must be a vector of real numbers."""
    if not callable(f):
        raise InputTypeError(f"`f` must be a function; got {describe(f)}. Pass a callable.")
    with np.errstate(all="ignore"):
        found = as_output(f(start.copy(), *args))
    if found.is_complex or len(found.shape) != 1:
        kind = "complex numbers" if found.is_complex else f"shape {found.shape}"
        raise InputError(f"`f` must return a vector of real numbers; got {kind}. Use jacobian.")
    return found.flat


def _settled(found: Derivative) -> FloatArray:
    """The value, if every entry converged or is flat, that is, zero."""
    flat = (np.asarray(found.value) == 0) & (np.asarray(found.step) == 0) & (np.isinf(found.error))
    known = np.asarray(found.error) <= 1e-6 * np.max(np.abs(found.value), initial=0.0)
    if not found.converged and not (flat | known).all():
        value_of(found)
    return np.asarray(found.value)


def _detect(
    f: Callable[..., Any], start: FloatArray, base: FloatArray, limits: Any, args: tuple[Any, ...]
) -> FloatArray:
    """Find which values change when a variable moves, a little or a lot, up or down."""
    pattern = np.zeros((base.size, start.size))
    down, up = limits
    for j in range(start.size):
        size = max(abs(float(start[j])), 1.0)
        for step in (2.0**-20 * size, -(2.0**-20) * size, 2.0**-3 * size, -(2.0**-4) * size):
            if not -down[j] <= step <= up[j]:
                continue
            point = start.copy()
            point[j] += step
            try:
                with np.errstate(all="ignore"):
                    there = np.asarray(f(point, *args), dtype=np.float64)
            except UNDEFINED:
                continue
            pattern[~((there == base) | np.isnan(there)), j] = 1
    return pattern


def _groups(pattern: Any) -> list[IntArray]:
    """Put columns that share no row into groups, the fullest columns first."""
    counts = np.diff(pattern.indptr)
    groups: list[list[int]] = []
    taken: list[np.ndarray[Any, np.dtype[np.bool_]]] = []
    for column in np.argsort(-counts, kind="stable"):
        members = pattern.indices[pattern.indptr[column] : pattern.indptr[column + 1]]
        if members.size == 0:
            continue
        place = next((i for i, rows in enumerate(taken) if not rows[members].any()), len(groups))
        if place == len(groups):
            groups.append([])
            taken.append(np.zeros(pattern.shape[0], dtype=np.bool_))
        groups[place].append(int(column))
        taken[place][members] = True
    return [np.array(group, dtype=np.int64) for group in groups]
