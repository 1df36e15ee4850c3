"""Calls of f: one by one, in batches or in threads, and counted."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from parzen.derivatives.functions.target import Output, Target, as_output
from parzen.errors import InputError, InputTypeError
from parzen.typing import FloatArray, IntArray

__all__ = ["NotVectorized", "Sampler", "Workers", "step_limits"]

#: Raised by f next to x these mean "not defined here", as NaN does; raised at x itself they reach the caller.
UNDEFINED = (ArithmeticError, ValueError)
#: Fewer rows than this are not worth finding out whether f takes rows.
FEWEST_ROWS = 8

#: What needs no further look; float32, say, has a larger rounding error.
PLAIN = {float, np.float64}

#: How many threads, or a replacement of the builtin ``map`` (such as ``ProcessPoolExecutor().map``).
Workers = int | Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


class NotVectorized(Exception):
    """f was taken to work on many points at once, and turned out not to."""

    def __init__(self, why: str, n_evaluations: int) -> None:
        super().__init__(why)
        self.n_evaluations = n_evaluations


def step_limits(x: FloatArray, reach: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return log2 of the probing, the smallest and the largest step for coordinates x (no bounds)."""
    size = np.abs(x)
    least = np.where(size > 0, np.frexp(np.spacing(size))[1], -1000)
    first = np.frexp(np.maximum(size, 2.0**-10))[1] - 34
    most = np.where(size > 2.0**1010, np.frexp(size)[1] - 12, 1000 - reach)  # well below overflow
    return first.astype(np.int64), np.maximum(least, -1000).astype(np.int64), most.astype(np.int64)


class Sampler:
    """f at points, as rows of real numbers.

    Parameters
    ----------
    target : Target
        What to call.
    elementwise : bool
        x is an array of separate points of a function of one number, not one point.
    vectorized : bool or "auto"
        Whether f takes many points in one call: a column of numbers, or rows.
    workers : int or map-like
        How separate calls are spread.
    """

    def __init__(self, target: Target, elementwise: bool, vectorized: Any, workers: Workers) -> None:
        self.target, self.elementwise, self.workers = target, elementwise, workers
        self.n_evaluations = 0
        self.rows_in_one_call = vectorized
        self.trouble = ""  # the last exception that f raised next to x
        try:
            first = self._single(target.x if not elementwise else target.x[:1])
        except (TypeError, AttributeError, IndexError, ValueError) as error:
            if elementwise and target.x.size > 1:
                _explain_vector(target, error)
            raise
        self.shape, self.is_complex, self.grain = first.shape, first.is_complex, first.grain
        base = [first.flat]
        if elementwise and target.x.size > 1:
            rest = self.rows(target.x[1:, None], at_x=True)
            base.extend(rest)
        self.base = np.array(base)  # (n_points, n_components)

    @property
    def n_components(self) -> int:
        """How many real numbers f returns."""
        return int(self.base.shape[1])

    def rows(self, points: FloatArray, *, at_x: bool = False) -> FloatArray:
        """Return f at points (k, n), shape (k, n_components); NaN where f is not defined."""
        if len(points) == 0:
            return np.empty((0, self._width))
        if self._takes_rows(points):
            return self._batch(points)
        calls = self._single if at_x else self._guarded
        if callable(self.workers):
            outputs = list(self.workers(_Call(self.target, self.elementwise, at_x), list(points)))
            self.n_evaluations += len(points)
            return np.array([self._fit(each) for each in outputs])
        if self.workers > 1 and len(points) > 1:
            with ThreadPoolExecutor(self.workers) as pool:
                return np.array([self._fit(each) for each in pool.map(calls, points)])
        if at_x or self._width > 1:
            return np.array([self._fit(calls(point)) for point in points])
        return self._plain_numbers(points)

    def _plain_numbers(self, points: FloatArray) -> FloatArray:
        """The loop for functions that return one number, with as little around each call as possible."""
        call = _Call(self.target, self.elementwise, True).shortest
        raws: list[Any] = []
        with np.errstate(all="ignore"):
            for point in points:
                try:
                    raws.append(call(point))
                except UNDEFINED as error:
                    self.trouble = f"{type(error).__name__}: {error}"
                    raws.append(np.nan)
        self.n_evaluations += len(raws)
        if not PLAIN.issuperset(map(type, raws)):
            raws = [raw if type(raw) in PLAIN else self._fit(as_output(raw))[0] for raw in raws]
        return np.array(raws, dtype=np.float64)[:, None]

    @property
    def _width(self) -> int:
        return int(np.prod(self.shape, dtype=int)) * (2 if self.is_complex else 1)

    def _single(self, point: FloatArray) -> Output:
        """Call f at one point."""
        self.n_evaluations += 1
        with np.errstate(all="ignore"):
            return as_output(_Call(self.target, self.elementwise, True).raw(point.copy()))

    def _guarded(self, point: FloatArray) -> Output | None:
        """Call f at one point that may lie outside its domain."""
        try:
            return self._single(point)
        except UNDEFINED as error:
            self.trouble = f"{type(error).__name__}: {error}"
            return None

    def _fit(self, output: Output | None) -> FloatArray:
        """Check that f returns the same kind of thing as at x."""
        if output is None:
            return np.full(self._width, np.nan)
        if output.is_complex and not self.is_complex:
            if np.any(output.flat[1::2]):
                return np.full(self._width, np.nan)
            return output.flat[::2]
        if self.is_complex and not output.is_complex:
            return np.ravel(np.column_stack([output.flat, np.zeros(output.flat.size)]))
        if output.shape != self.shape:
            raise InputError(
                f"`f` must return the same shape everywhere; got {output.shape} after {self.shape}. Check f."
            )
        return output.flat

    def _takes_rows(self, points: FloatArray) -> bool:
        """Find out, once, whether f takes many points in one call."""
        if self.rows_in_one_call != "auto":
            return bool(self.rows_in_one_call)
        if self.target.names is not None or len(points) < (2 if self.elementwise else FEWEST_ROWS):
            return False
        if len(self.target.shape) == 0 or (not self.elementwise and len(self.target.shape) != 1):
            self.rows_in_one_call = False
            return False
        try:
            self._batch(points[:FEWEST_ROWS])
            self.rows_in_one_call = True
        except Exception:  # whatever f does with an argument it was not made for
            self.rows_in_one_call = False
        return bool(self.rows_in_one_call)

    def _batch(self, points: FloatArray) -> FloatArray:
        """Call f once with many points, and check two of the answers by calls with one point."""
        self.n_evaluations += len(points)
        with np.errstate(all="ignore"):
            raw = self.target.f(
                points[:, 0].copy()
                if self.elementwise
                else points.reshape((len(points), *self.target.shape)).copy(),
                *self.target.args,
                **self.target.kwargs,
            )
        output = as_output(raw)
        if output.shape != (len(points), *self.shape) or output.is_complex != self.is_complex:
            raise NotVectorized(f"f of {len(points)} points has shape {output.shape}", self.n_evaluations)
        values = output.flat.reshape(len(points), -1)
        if len(points) > 1:
            for row in (0, len(points) // 2) if self.rows_in_one_call == "auto" else (len(points) // 2,):
                alone = self._fit(self._guarded(points[row]))
                close = np.abs(values[row] - alone) <= 64 * self.grain * np.abs(alone)
                same = close | (~np.isfinite(values[row]) & ~np.isfinite(alone))
                if not np.all(same):
                    raise NotVectorized("f of many points is not f of each point", self.n_evaluations)
        return values


def _explain_vector(target: Target, error: Exception) -> None:
    """Name the function to call, if f failed with one number and takes all of x at once."""
    try:
        with np.errstate(all="ignore"):
            output = as_output(target.call(target.x.copy()))
    except Exception:  # whatever f does with an argument it was not made for
        return
    right = "grad" if output.flat.size == 1 else "jacobian"
    raise InputTypeError(
        f"`f` must take one number at a time for a derivative; got {type(error).__name__}: {error}, while f takes "
        f"the whole of x. Use `parzen.{right}` for f of a vector."
    ) from error


class _Call:
    """f at one point; a class so that processes can be sent it."""

    def __init__(self, target: Target, elementwise: bool, strict: bool) -> None:
        self.target, self.elementwise, self.strict = target, elementwise, strict
        self.f, self.args, self.kwargs = target.f, target.args, target.kwargs
        self.is_vector = len(target.shape) == 1 and target.names is None and not elementwise
        self.is_number = elementwise or (target.shape == () and target.names is None)

    @property
    def shortest(self) -> Callable[[FloatArray], Any]:
        """The same as `raw`, or f itself where nothing stands between."""
        return self.f if self.is_vector and not self.args and not self.kwargs else self.raw

    def raw(self, point: FloatArray) -> Any:
        """Call f with one row of numbers, which f may change."""
        if self.is_vector:
            return self.f(point, *self.args, **self.kwargs)
        if self.is_number:
            return self.f(float(point[0]), *self.args, **self.kwargs)
        return self.target.call(point)

    def __call__(self, point: FloatArray) -> Output | None:
        """Return the checked output, or None where f is not defined."""
        try:
            with np.errstate(all="ignore"):
                return as_output(self.raw(point.copy()))
        except UNDEFINED:
            if self.strict:
                raise
            return None
