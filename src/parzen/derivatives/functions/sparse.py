"""Large matrices of derivatives: sparse Jacobians by grouping columns; products with Jacobians and Hessians without
the matrix.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from parzen.derivatives.functions.backends.autodiff import Weighted, plain_target
from parzen.derivatives.functions.choice import CHECKED, Options, apply, find, prepare, value_of
from parzen.derivatives.functions.lines import Lines
from parzen.derivatives.functions.problem import FLAT, ROUGH
from parzen.derivatives.functions.result import Derivative
from parzen.derivatives.functions.sampling import UNDEFINED
from parzen.derivatives.functions.target import as_arguments, as_bounds, as_output, require_function
from parzen.errors import AccuracyError, InputError
from parzen.typing import FloatArray, IntArray
from parzen.validation import as_vector, describe

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import LinearOperator

__all__ = ["hvp", "jacobian_operator", "sparse_jacobian"]

#: How far a Hessian-vector product looks for a change of the gradient, in units of |x| (at x = 0, of 2⁻¹⁰).
FARTHEST = 2.0**20


def sparse_jacobian(
    f: Callable[..., Any],
    x: Any,
    *,
    sparsity: Any = None,
    bounds: Any = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> "csr_array":
    """Return the Jacobian J[i, j] = ∂fᵢ/∂xⱼ of a function of which each value depends on few variables.

    Parameters
    ----------
    f : callable
        ``f(x, *args, **kwargs)`` returns a vector of m real numbers.
    x : array-like of shape (n,)
        Where.
    sparsity : array-like or sparse matrix of shape (m, n), optional
        Nonzero where fᵢ may depend on xⱼ. Default: found by moving each variable by several lengths, about
        4n evaluations.
    bounds, args, kwargs
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

    f, start = _function_of_x(f, x, args, kwargs), as_vector(x, "x")
    limits = tuple(np.abs(side - start) for side in as_bounds(bounds, start, start.shape))
    base = _vector(f, start)
    if sparsity is None:
        pattern = csc_array(_detect(f, start, base, limits))
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
            return f(start + t * way)

        with np.errstate(divide="ignore"):
            room = tuple(float(np.min(side[group] / size[group])) for side in limits)
        found = _along(moved, bounds=(-room[0], room[1]))
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


def jacobian_operator(
    f: Callable[..., Any], x: Any, *, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
) -> "LinearOperator":
    """Return the Jacobian of f at x as an operator: products J v and Jᵀ u without the matrix.

    Parameters
    ----------
    f : callable
        ``f(x, *args, **kwargs)`` returns m real numbers.
    x : array-like of shape (n,)
        Where.
    args, kwargs : tuple, dict
        More arguments of f.

    Returns
    -------
    scipy.sparse.linalg.LinearOperator of shape (m, n)
        ``J @ v`` is a derivative along v, about 7 evaluations of f; ``J.T @ u`` is the gradient of u·f: one reverse
        pass where f belongs to PyTorch, JAX or autograd, else n + 3 evaluations by complex step, or up to 7n by
        differences.

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

    job, method = prepare(f, x, "gradient", args=args, kwargs=kwargs)
    target = job.target
    start = as_vector(target.x.reshape(target.shape), "x")
    plain = plain_target(target).call
    base = _vector(plain, start)
    size = float(np.max(np.abs(start))) or 1.0

    def forward(v: FloatArray) -> FloatArray:
        way = as_vector(np.ravel(v), "v")
        length = float(np.max(np.abs(way)))
        if length == 0:
            return np.zeros(base.size)
        unit = size / length
        found = _along(lambda t: plain(start + t * unit * way), rtol=1e-6)
        return _settled(found) / unit

    def backward(u: FloatArray) -> FloatArray:
        weights = as_vector(np.ravel(u), "u")
        product = replace(target, f=Weighted(target.f, weights))
        return _settled(find(replace(job, target=product), method)[0])

    return LinearOperator((base.size, start.size), matvec=forward, rmatvec=backward, dtype=np.float64)


def hvp(f: Callable[..., Any], x: Any, v: Any, **options: Unpack[Options]) -> FloatArray:
    """Return the Hessian-vector product H v = d/dt ∇f(x + t v) without forming the Hessian.

    Parameters
    ----------
    f : callable
        Returns one real number.
    x : array-like
        Where.
    v : array-like of x's shape
        The direction.
    **options
        As in `differentiate`; ``method`` is that of the gradient.

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    AccuracyError
        Not converged.
    InputError, InputTypeError
        As `differentiate`.

    Notes
    -----
    A gradient by any method is differenced once more, along v: about 7 gradients. Where the gradient is by
    differences itself, the accuracy is about 1e-6.

    Examples
    --------
    >>> hvp(lambda p: p[0] ** 2 * p[1], [3.0, 2.0], [1.0, 0.0]).round(5)
    array([4., 6.])
    """
    job, method = prepare(f, x, "gradient", **options)
    if job.target.names is not None:
        raise InputError(
            "`x` must be given for a Hessian-vector product; got names. Put the arguments into one x."
        )
    first, _ = find(job, method)
    start, room = job.target.x, job.room
    way = np.asarray(v, dtype=np.float64)
    if way.shape != job.target.shape or job.target.chosen.size != start.size or not np.isfinite(way).all():
        raise InputError(
            f"`v` must be finite and shaped like x, {job.target.shape}; got {describe(v)}. Check v."
        )
    length = float(np.linalg.norm(way))
    if length == 0:
        return np.zeros(way.shape)
    size = max(float(np.max(np.abs(start))), 2.0**-10) / length
    move = size * way
    (down,), (up,) = Lines(start, None, move.reshape(1, -1)).distances(room)
    limits = (-min(down, FARTHEST), min(up, FARTHEST))

    def point(t: float) -> FloatArray:
        return np.clip(start + t * move.ravel(), room.lower, room.upper)

    def slope(t: float) -> Any:
        return apply(replace(job, target=replace(job.target, x=point(t))), first.method).value

    noise = None
    if first.method == "finite-difference":
        noise = max(float(np.max(first.error)), 2.0**-40 * float(np.max(np.abs(first.value))))
    found = _along(slope, bounds=limits, noise=noise, rtol=1e-4 if noise else 1e-6)
    is_zero = FLAT in found.reason and not found.value.any()
    product = np.asarray(found.value if is_zero else value_of(found))
    if first.method in CHECKED:  # right at x is not yet right beside it
        seen = _along(lambda t: job.target.call(point(t)), bounds=limits, order=2, rtol=1e-4)
        claimed, most = float((product * move).sum()), float(np.abs(product * move).sum())
        if seen.converged and abs(seen.value - claimed) > 3 * seen.error + 1e-3 * most:
            raise AccuracyError(
                f"`f` must have a Hessian at x; got v·Hv = {claimed:.6g} from gradients by {first.method}, "
                f"{float(seen.value):.6g} from differences. Use method='finite-difference'."
            )
        if ROUGH in seen.reason:
            raise AccuracyError(f"`f` must have a Hessian at x; got {ROUGH}. Move x.")
    return product / size


def _along(f: Callable[[float], Any], **options: Unpack[Options]) -> Derivative:
    """Differentiate a function of the distance along a line by differences, at 0."""
    options["method"] = "finite-difference"
    return find(*prepare(f, 0.0, "derivative", **options))[0]


def _function_of_x(
    f: Callable[..., Any], x: Any, args: Sequence[Any], kwargs: Mapping[str, Any] | None
) -> Callable[[FloatArray], Any]:
    """f with its other arguments filled in."""
    require_function(f, x, "sparse_jacobian(f, x)")
    more, named = as_arguments(args, kwargs)
    return lambda point: f(point, *more, **named)


def _vector(f: Callable[[FloatArray], Any], start: FloatArray) -> FloatArray:
    """f(x), which must be a vector of real numbers."""
    with np.errstate(all="ignore"):
        found = as_output(f(start.copy()))
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


def _detect(f: Callable[[FloatArray], Any], start: FloatArray, base: FloatArray, limits: Any) -> FloatArray:
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
                    there = np.asarray(f(point), dtype=np.float64)
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
