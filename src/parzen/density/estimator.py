"""The front object: a scikit-learn estimator over the kernel sums."""

from __future__ import annotations  # `help` shows names instead of what they stand for

import math
import warnings
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from parzen.bandwidth.matrix import Scale, as_scale
from parzen.bandwidth.result import Bandwidth
from parzen.bandwidth.rules import effective_sample_size
from parzen.bandwidth.selection import choose
from parzen.bandwidth.selector import Options
from parzen.density.adaptive import bandwidth_factors
from parzen.density.debiasing import debiased, matching_factor
from parzen.density.model import Model
from parzen.density.modes import Modes, climb, merged
from parzen.density.values import DensityValues, density_values, normalised, require_room
from parzen.errors import AccuracyWarning, InputError, InputTypeError, ParzenWarning
from parzen.kernel_sums import MEMORY_LIMIT, Plan, Request
from parzen.kernel_sums.plan import METHODS
from parzen.progress import reporting
from parzen.typing import ArrayLike, FloatArray, IntArray, Progress
from parzen.validation import (
    as_matrix,
    as_memory_limit,
    as_order,
    as_positive_int,
    as_random,
    as_tolerance,
    as_weights,
    as_workers,
    describe,
)

__all__ = ["KernelDensity"]

#: Samples that modes are sought from.
_STARTS = 2000


class KernelDensity(DensityMixin, BaseEstimator):  # type: ignore[misc]
    """Gaussian kernel density with exact gradients, Hessians and a kept error promise.

        f̂(q) = Σⱼ wⱼ exp(-½ (q - xⱼ)ᵀ H⁻¹ (q - xⱼ)) / ((2π)^(d/2) √(det H) Σⱼ wⱼ)

    or, with ``adaptive``, with λⱼ² H in place of H in the j-th term.

    Parameters
    ----------
    bandwidth : float, array-like of shape (d,) or (d, d), Bandwidth or str, default 1.0
        A positive number h (H = h² I), standard deviations (H = diag σ²), or a covariance H; in the units of
        the samples. Or what `parzen.select_bandwidth` chose, or one of its methods by name, as ``'auto'``,
        ``'scott'`` or ``'silverman'``; these follow the scale of the data, unlike scikit-learn's. Random
        splits are made with seed 0; what a method warns of is issued as a `ParzenWarning`.
    adaptive : {None, 'abramson', 'knn'} or array-like of shape (n,), default None
        Factors λⱼ by which the bandwidth of each sample is multiplied (H becomes λⱼ² H): narrow kernels where samples
        are dense, wide ones in the tails. ``'abramson'``: λⱼ = (f̂₀(xⱼ)/g)^(-1/2), where f̂₀ is the density with the
        fixed bandwidth, g its geometric mean over the samples; costs one evaluation at all samples in `fit`.
        ``'knn'``: λⱼ proportional to the distance from the ⌈√n⌉-th nearest other sample, in bandwidths; from the
        nearest that differs, where so many coincide; costs some n^1.5, n² from 16 dimensions on. Both have the
        geometric mean 1, by weight. Or positive numbers of your own, one per sample, taken as they are. Not together
        with ``bias_correction``.
    bias_correction : {None, 'score'}, default None
        ``'score'``: each sample is moved by ½ H∇ log f̂ of the others (by √d/2 bandwidths at most) before the
        density is summed, which takes the bias from O(h²) to O(h⁴). Best with a larger bandwidth: one that is
        chosen by name is multiplied by the ratio of the normal references of the two densities; a given one is
        taken as it is. Costs one evaluation at all samples in `fit`. The promise below is about the moved samples.
    rtol : float, default 1e-9
        The promise: ``|error of log f̂| ≤ rtol`` for every query, however far in the tail, and
        ``‖error of h∇log f̂‖ ≤ rtol (1 + ‖h∇log f̂‖)``, likewise for h²·Hessian; or a few ulps where that is
        more. 0: every term is summed, in double-double arithmetic.
    method : {'auto', 'dense', 'tree', 'gridding', 'matmul', 'lattice', 'compensated'}, default 'auto'
        Force a way to sum. All of them keep the promise; `explain` says which one 'auto' takes, and why.
    workers : int, optional
        Threads; by default one for each processor available. Results do not depend on it.
    memory_limit : int, default 1 GiB
        Cap on temporaries, in bytes.

    Attributes
    ----------
    bandwidth_ : float or ndarray
        The bandwidth in use: the number or array given, or what a method chose.
    bandwidth_factors_ : ndarray of shape (n,), or None
        λⱼ of each sample, where ``adaptive`` was given; nan for a sample of zero weight, which has no kernel.
    n_features_in_ : int
        d.
    n_samples_ : int
        n, with those of zero weight.

    Notes
    -----
    Cost: at most n·m pairs for m queries, some n + m windows of a mesh where d ≤ 3; docs/performance.md has what
    was measured. Memory: the samples twice, the results, and temporaries under ``memory_limit``.

    References
    ----------
    Parzen (1962), "On estimation of a probability density function and mode", Ann. Math. Statist. 33.

    Abramson (1982), "On bandwidth variation in kernel estimates: a square root law", Ann. Statist. 10. Breiman, Meisel
    & Purcell (1977), "Variable kernel estimates of multivariate densities", Technometrics 19.

    Examples
    --------
    >>> import numpy as np, parzen
    >>> X = np.array([[0.0], [1.0], [3.0]])
    >>> kde = parzen.KernelDensity(bandwidth=0.5).fit(X)
    >>> kde.log_density([[0.7], [100.0]]).round(4)
    array([-1.13330000e+00, -1.88193244e+04])
    >>> kde.grad_log_density([[0.7], [100.0]]).round(4)
    array([[-3.99e-02],
           [-3.88e+02]])
    """

    def __init__(
        self,
        bandwidth: float | str | ArrayLike | Bandwidth = 1.0,
        *,
        adaptive: str | ArrayLike | None = None,
        bias_correction: str | None = None,
        rtol: float = 1e-9,
        method: str = "auto",
        workers: int | None = None,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        self.bandwidth = bandwidth
        self.adaptive = adaptive
        self.bias_correction = bias_correction
        self.rtol = rtol
        self.method = method
        self.workers = workers
        self.memory_limit = memory_limit

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Keep the samples and settle the bandwidth.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Samples.
        y : ignored
            For scikit-learn pipelines.
        sample_weight : array-like of shape (n,), optional
            Non-negative weights with a positive sum. Zero weights are as if the sample were absent.

        Returns
        -------
        KernelDensity
            This object.

        Raises
        ------
        InputError, InputTypeError
            Samples, weights or parameters that cannot be used; says which and what to do.

        Notes
        -----
        Samples, weights and bandwidth are copied: the density does not change when the caller's arrays do.
        """
        samples = np.array(as_matrix(X, "X"))  # the model must not change when the caller's array does
        weights = as_weights(sample_weight, len(samples))
        samples.flags.writeable = False
        if isinstance(self.bandwidth, str):
            value: Any = self._choose(self.bandwidth, samples, weights)
        else:
            value = self.bandwidth
        scale = as_scale(value, samples.shape[1])
        request = self._request(order=0)  # checks the other parameters now
        corrected = self._corrects_bias()
        if corrected and isinstance(self.bandwidth, str):
            factor = matching_factor(effective_sample_size(weights, len(samples)), scale.d)
            scale = Scale(scale.value * factor ** max(1, np.ndim(scale.value)), scale.d)
        model = Model.of(samples, weights, scale)
        at_samples = request.replace(scales=np.array([scale.kernel_scale]))
        if corrected:
            model = debiased(model, at_samples)
        if self.adaptive is not None:
            model = replace(model, factors=bandwidth_factors(model, self.adaptive, at_samples))
        validate_data(self, X, skip_check_array=True)  # only now, so that a failed fit leaves nothing behind
        self._model = model
        self.bandwidth_ = scale.value
        self.bandwidth_factors_ = model.given_factors
        self.n_samples_ = len(samples)
        return self

    def _corrects_bias(self) -> bool:
        """Check ``bias_correction``."""
        if self.bias_correction == "score" and self.adaptive is not None:
            raise InputError(
                "`bias_correction` must be None with `adaptive`; got 'score' with both: each takes the O(h²) bias "
                "away, together they would overshoot. Use one of them."
            )
        if self.bias_correction is not None and self.bias_correction != "score":
            raise InputError(
                f"`bias_correction` must be None or 'score'; got {describe(self.bias_correction)}. Use None for the "
                "plain density."
            )
        return self.bias_correction is not None

    def _choose(self, method: str, samples: FloatArray, weights: FloatArray | None) -> Bandwidth:
        """Choose the bandwidth by a method's name."""
        options = Options(random_state=as_random(0), workers=as_workers(self.workers), progress=True)
        chosen = choose(samples, weights, method, options, kind=None, name="bandwidth")
        for sentence in chosen.warnings:
            warnings.warn(
                f"`bandwidth` was chosen by {chosen.method!r}: {sentence}.", ParzenWarning, stacklevel=3
            )
        return chosen

    def _request(self, order: int, own: IntArray | None = None, progress: Progress | None = None) -> Request:
        """Turn the parameters into a request to the kernel sums."""
        model = getattr(self, "_model", None)
        return Request(
            scales=np.array([model.scale.kernel_scale if model is not None else 1.0]),
            order=order,
            rtol=as_tolerance(self.rtol, "rtol"),
            own=own,
            workers=as_workers(self.workers),
            memory_limit=as_memory_limit(self.memory_limit),
            method=_as_method(self.method),
            progress=progress,
        )

    def _queries(self, X: Any, name: str = "X") -> FloatArray:
        """Check queries against the samples."""
        check_is_fitted(self)
        queries = as_matrix(X, name)
        d, wanted = queries.shape[1], self.n_features_in_
        if d != wanted:
            # the second sentence is scikit-learn's, whose checks want it
            raise InputError(
                f"`{name}` must have {wanted} columns like the samples; got shape {queries.shape}. X has {d} features, "
                f"but KernelDensity is expecting {wanted} features as input."
            )
        validate_data(self, X, skip_check_array=True, reset=False)
        return queries

    def evaluate(self, X: Any, *, order: int = 0, progress: bool | Progress = True) -> DensityValues:
        """Evaluate log f̂ and its derivatives together.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Queries.
        order : {0, 1, 2}, default 0
            Highest derivative.
        progress : bool or callable, default True
            A bar on a terminal when it takes over two seconds; or ``progress(done, total)`` in pairs.

        Returns
        -------
        DensityValues
            The log density, and the derivatives up to ``order``; the others are None.

        Raises
        ------
        InputError, InputTypeError
            Queries that cannot be used; a ``method`` that cannot do this.
        AccuracyError
            The promise cannot be kept in float64: derivatives that cancel to more digits than there are, or
            that leave its range; samples too many bandwidths apart. Says which, and what to do.
        MemoryLimitError
            The result would not fit into memory, or one query at a time not under ``memory_limit``.
        sklearn.exceptions.NotFittedError
            `fit` was not called.
        """
        return self._evaluate(self._queries(X), as_order(order), progress)

    def _evaluate(
        self, queries: FloatArray, order: int, progress: bool | Progress, *, leave_one_out: bool = False
    ) -> DensityValues:
        """Evaluate at checked queries; ``leave_one_out`` says that they are the samples given to `fit`."""
        model: Model = self._model
        m, d = queries.shape
        require_room(m, d, order)
        own = None
        if leave_one_out:
            own = np.arange(m) if model.index is None else model.index
        with reporting(progress, "summing kernels") as report:
            found = model.evaluate(queries, self._request(order, own, report))
        values = density_values(found, model, order)
        if leave_one_out:
            log_density = values.log_density
            log_density += model.log_total_weight - model.leave_one_out_log_total()
            heavy = model.without_the_heaviest()
            if heavy is not None:
                row, others = heavy
                alone = others.evaluate(queries[[row]], self._request(0))
                log_density[row] = normalised(alone, others)[0]
        return values

    def score_samples(self, X: Any) -> FloatArray:
        """Log density of each query.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Queries.

        Returns
        -------
        ndarray of shape (m,)
            log f̂, natural logarithm, in units of 1 / (data unit)ᵈ.

        Raises
        ------
        AccuracyError, InputError, InputTypeError, MemoryLimitError, NotFittedError
            As in `evaluate`.
        """
        return self.evaluate(X).log_density

    def log_density(self, X: Any) -> FloatArray:
        """Log density of each query; the same as `score_samples`.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Queries.

        Returns
        -------
        ndarray of shape (m,)
            log f̂, natural logarithm.

        Raises
        ------
        AccuracyError, InputError, InputTypeError, MemoryLimitError, NotFittedError
            As in `evaluate`.
        """
        return self.score_samples(X)

    def density(self, X: Any) -> FloatArray:
        """Density of each query, the exponential of `log_density`.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Queries.

        Returns
        -------
        ndarray of shape (m,)
            f̂, in units of 1 / (data unit)ᵈ; 0 below about e⁻⁷⁴⁵; above
            e⁷⁰⁹ infinite, of which NumPy warns.

        Raises
        ------
        AccuracyError, InputError, InputTypeError, MemoryLimitError, NotFittedError
            As in `evaluate`.
        """
        with np.errstate(under="ignore"):
            return np.exp(self.score_samples(X))

    def grad_log_density(self, X: Any) -> FloatArray:
        """Gradient of the log density at each query.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Queries.

        Returns
        -------
        ndarray of shape (m, d)
            ∇ log f̂, in units of 1 / data unit.

        Raises
        ------
        AccuracyError, InputError, InputTypeError, MemoryLimitError, NotFittedError
            As in `evaluate`.
        """
        gradient = self.evaluate(X, order=1).gradient
        assert gradient is not None
        return gradient

    def hess_log_density(self, X: Any) -> FloatArray:
        """Hessian of the log density at each query.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Queries.

        Returns
        -------
        ndarray of shape (m, d, d)
            Second derivatives of log f̂, symmetric, in units of 1 / (data unit)².

        Raises
        ------
        AccuracyError, InputError, InputTypeError, MemoryLimitError, NotFittedError
            As in `evaluate`.
        """
        hessian = self.evaluate(X, order=2).hessian
        assert hessian is not None
        return hessian

    def score(self, X: Any, y: Any = None) -> float:
        """Total log-likelihood of the queries, as scikit-learn's ``KernelDensity.score``.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Queries.
        y : ignored
            For scikit-learn pipelines.

        Returns
        -------
        float
            Σ log f̂, the sum correctly rounded; -inf below all floats.

        Raises
        ------
        AccuracyError, InputError, InputTypeError, MemoryLimitError, NotFittedError
            As in `evaluate`.
        """
        try:
            return math.fsum(self.score_samples(X))
        except OverflowError:  # every value is finite, their sum is not
            return -math.inf

    def leave_one_out(self, *, order: int = 0, progress: bool | Progress = True) -> DensityValues:
        """Evaluate each sample given to `fit` under the density of all the *others*.

        The sample's own term is skipped; on a mesh it is subtracted where that leaves digits enough for the
        promise. A sample of zero weight is an ordinary query. With
        ``adaptive`` the others keep the factors that they have.

        Parameters
        ----------
        order, progress
            As in `evaluate`.

        Returns
        -------
        DensityValues
            One row for each sample given to `fit`, in its order. The mean of its ``log_density`` is the
            leave-one-out log-likelihood of the bandwidth.

        Raises
        ------
        InputError
            Fewer than two samples have weight.
        AccuracyError, MemoryLimitError, NotFittedError
            As in `evaluate`.

        Examples
        --------
        >>> import parzen
        >>> kde = parzen.KernelDensity(1.0).fit([[0.0], [1.0], [3.0]])
        >>> kde.leave_one_out().log_density.round(4)
        array([-2.0939, -1.9107, -3.5332])
        """
        check_is_fitted(self)
        model: Model = self._model
        if self._corrects_bias():
            raise InputError(
                "`bias_correction` must be None to leave one out; got 'score', where each sample has moved the others. "
                "Hold out samples instead."
            )
        if len(model.samples) < 2:
            raise InputError(
                f"`X` must hold at least two samples with positive weight to leave one out; got "
                f"{len(model.samples)}. Fit more samples."
            )
        return self._evaluate(model.given, as_order(order), progress, leave_one_out=True)

    def modes(self, starts: Any = None, *, progress: bool | Progress = True) -> Modes:
        """Find the modes: go uphill from many points at once, and say which of them lead to the same.

        Parameters
        ----------
        starts : array-like of shape (m, d), optional
            Where to start. By default from the samples with positive weight; where there are more than 2000, from
            every second, third, ….
        progress : bool or callable, default True
            A bar on a terminal when it takes over two seconds; or ``progress(done, total)`` in starts.

        Returns
        -------
        Modes
            ``points``, the highest first, their ``log_density``, and ``labels``, the mode of each start.

        Raises
        ------
        InputError, InputTypeError, AccuracyError, MemoryLimitError, NotFittedError
            As in `evaluate`.

        Warns
        -----
        AccuracyWarning
            Some starts had not arrived after 1000 steps: their label is -1.

        Notes
        -----
        Mean shift from far away and Newton's method near a mode, both with exact derivatives. A mode is exact to
        about 1e-8 bandwidths over its least curvature, and modes within a hundredth of a bandwidth count as one.
        A plateau, level to the last digits, counts as one too. From all samples nearly all modes are found; there is
        no proof for all (in two dimensions and more, a mixture of Gaussians can have more modes than components). With
        ``starts=X`` the labels are a clustering of the samples, as by mean shift but for a few samples at borders:
        Newton's steps are longer.

        Cost: ten to thirty evaluations of gradient and Hessian at the starts that are still on their way; in more than
        16 dimensions mean shift alone, with gradients only.

        References
        ----------
        M. A. Carreira-Perpiñán, "Mode-finding for mixtures of Gaussian distributions", IEEE Transactions on Pattern
        Analysis and Machine Intelligence 22 (2000) 1318-1323.

        Examples
        --------
        >>> import numpy as np, parzen
        >>> X = np.concatenate([np.linspace(-3, -1, 50), np.linspace(2, 3, 100)])[:, None]
        >>> modes = parzen.KernelDensity(0.5).fit(X).modes()
        >>> modes.points.ravel().round(3)
        array([ 2.5, -2. ])
        >>> np.bincount(modes.labels)
        array([100,  50])
        """
        check_is_fitted(self)
        model: Model = self._model
        if starts is None:
            begin = model.samples[:: -(-len(model.samples) // _STARTS)]
        else:
            begin = self._queries(starts, "starts")
        request = self._request(0)
        if request.method == "lattice":
            request = request.replace(method="auto")  # a step leaves the lattice
        with reporting(progress, "climbing") as report:
            ends = climb(model, begin, request, report)
        if not ends.arrived.all():
            warnings.warn(
                f"`modes` has not arrived from {np.count_nonzero(~ends.arrived)} of {len(begin)} starts; their label "
                "is -1. Start nearer to the samples, or use a larger bandwidth.",
                AccuracyWarning,
                stacklevel=2,
            )
        labels = np.full(len(begin), -1)
        points, log_density = begin[:0], np.zeros(0)
        if ends.arrived.any():
            there = ends.at(ends.arrived)
            log_density = normalised(model.evaluate(there.points, request), model)
            chosen, labels[ends.arrived] = merged(model, there, log_density)
            points, log_density = there.points[chosen], log_density[chosen]
        return Modes(points, log_density, labels)

    def explain(self, X: Any, *, order: int = 0) -> Plan:
        """Say how queries would be evaluated: method, pairs, memory, error bound. ``print`` it.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Queries.
        order : {0, 1, 2}, default 0
            Highest derivative.

        Returns
        -------
        Plan
            What `evaluate` would do, with the predicted time of each method; ``str`` of it is a text.

        Raises
        ------
        InputError, InputTypeError, MemoryLimitError, NotFittedError
            As in `evaluate`, which does not start then either.

        Examples
        --------
        >>> import numpy as np, parzen
        >>> kde = parzen.KernelDensity(workers=2).fit(np.zeros((100, 2)))
        >>> print(kde.explain(np.zeros((50, 2))))
        log density of 50 queries under 100 samples in 2 dimensions
        method       dense: least predicted time
        pairs        5,000
        ...
        """
        queries = self._queries(X)
        return self._model.plan(queries, self._request(as_order(order)))

    def prepare(self, X: Any, *, order: int = 0) -> Plan:
        """As `explain`, and make now what the first evaluation of such queries would make and keep.

        The compiled loops' layouts of the samples, their tree and their mesh are made once for each fitted
        estimator and used by every further call, from any thread; a pickle leaves them out.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Queries like those to come, in number and place.
        order : {0, 1, 2}, default 0
            Highest derivative.

        Returns
        -------
        Plan

        Raises
        ------
        InputError, InputTypeError, MemoryLimitError, NotFittedError
            As in `evaluate`.
        """
        queries = self._queries(X)
        return self._model.prepare(queries, self._request(as_order(order)))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> FloatArray:
        """Draw from the density: a sample by weight, plus Gaussian noise of its bandwidth.

        Parameters
        ----------
        n_samples : int, default 1
            How many.
        random_state : int, RandomState, Generator or None
            Seed; an int makes the draw reproducible.

        Returns
        -------
        ndarray of shape (n_samples, d)
            In the units of the samples.

        Raises
        ------
        InputError, InputTypeError
            ``n_samples`` is not an integer ≥ 1, or ``random_state`` no source of random numbers.
        sklearn.exceptions.NotFittedError
            `fit` was not called.
        """
        check_is_fitted(self)
        count = as_positive_int(n_samples, "n_samples")
        model: Model = self._model
        random = as_random(random_state)
        if model.weights is None:
            chosen = (random.uniform(size=count) * len(model.samples)).astype(np.int64)
        else:
            cumulative = np.cumsum(model.weights / model.weights.max())
            chosen = np.searchsorted(cumulative, random.uniform(size=count) * cumulative[-1], side="right")
            chosen = np.minimum(chosen, len(model.samples) - 1)
        noise = model.scale.colour(random.standard_normal((count, model.d)))
        if model.factors is not None:
            noise *= model.factors[chosen, None]
        return np.asarray(model.samples[chosen] + noise)


def _as_method(method: object) -> str:
    """Return 'auto' or the name of a method; whether it suits the task is for the plan to say."""
    if not isinstance(method, str):
        raise InputTypeError(f"`method` must be a string; got {method!r}. Use 'auto'.")
    names = ("auto", *METHODS)
    if method not in names:
        raise InputError(
            f"`method` must be one of {', '.join(map(repr, names))}; got {method!r}. Use 'auto'."
        )
    return method
