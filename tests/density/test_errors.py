"""Every way in which the estimator, sweeps and refinement say no, by its text."""

import re

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import parzen
from parzen import density
from parzen.density.sweep import refine
from parzen.errors import AccuracyError, InputError, InputTypeError, MemoryLimitError, ParzenError

nan, inf = float("nan"), float("inf")
X = np.array([[0.0, 0.0], [1.0, 0.5], [2.0, -1.0], [0.3, 0.7]])


def refused(error, message):
    """Expect this error with this text, word by word."""
    return pytest.raises(error, match=re.escape(message))


@pytest.mark.parametrize(
    ("bandwidth", "error", "message"),
    [
        (0, InputError, "`bandwidth` must be a finite number > 0; got 0. Pass a positive float."),
        (-1.0, InputError, "`bandwidth` must be a finite number > 0; got -1."),
        (nan, InputError, "`bandwidth` must be a finite number > 0; got nan."),
        (inf, InputError, "`bandwidth` must be a finite number > 0; got inf."),
        (np.float64(-2), InputError, "`bandwidth` must be a finite number > 0; got -2."),
        (np.array(-2.0), InputError, "`bandwidth` must be a finite number > 0; got -2."),
        (10**400, InputError, "`bandwidth` must be a finite number > 0; got 1000000000"),
        (True, InputTypeError, "`bandwidth` must be a positive number; got True."),
        (None, InputTypeError, "`bandwidth` must be a positive number, (d,) standard deviations or a (d, d) covariance; got None. Pass a positive number, or a method's name such as 'auto'."),
        (1j, InputTypeError, "`bandwidth` must be a positive number; got 1j."),
        ("best", InputError, "`bandwidth` must be a number, an array or one of 'auto', 'scott', 'silverman', '"),
        ([1.0, 2.0, 3.0], InputError, "`bandwidth` must have one standard deviation per feature, shape (2,); got shape (3,). Pass one positive number"),
        ([1.0, 0.0], InputError, "`bandwidth` must be positive; got 0 at index 1. Drop constant features, or give them a positive standard deviation."),
        ([-1.0, 1.0], InputError, "`bandwidth` must be positive; got -1 at index 0."),
        ([1.0, nan], InputError, "`bandwidth` must be finite; got 1 value that is NaN (contains NaN or inf), the first at index 1."),
        ([], InputError, "`bandwidth` must be 1-D and not empty; got shape (0,)."),
        (["a", "b"], InputTypeError, "`bandwidth` must be numeric; got dtype <U1."),
        (np.eye(3), InputError, "`bandwidth` must have shape (2, 2); got shape (3, 3). Pass a covariance."),
        (np.ones((2, 3)), InputError, "`bandwidth` must have shape (2, 2); got shape (2, 3)."),
        (np.ones((2, 2, 2)), InputError, "`bandwidth` must be 2-D"),
        ([[1.0, 0.5], [0.2, 1.0]], InputError, "`bandwidth` must be symmetric; got a matrix that differs from its transpose by 0.3. Pass a covariance matrix (not its Cholesky factor)."),
        ([[1.0, 2.0], [2.0, 1.0]], InputError, "`bandwidth` must be a positive definite covariance; got one whose smallest eigenvalue is -1. Add a small multiple of the identity, or pass standard deviations, shape (d,)."),
        ([[1.0, 1.0], [1.0, 1.0]], InputError, "`bandwidth` must be a positive definite covariance; got one whose smallest eigenvalue is"),
        (np.zeros((2, 2)), InputError, "`bandwidth` must be a positive definite covariance; got one whose smallest eigenvalue is 0."),
        (-np.eye(2), InputError, "`bandwidth` must be a positive definite covariance; got one whose smallest eigenvalue is -1."),
        ([[1.0, nan], [nan, 1.0]], InputError, "`bandwidth` must be finite; got 2 values that are NaN (contains NaN or inf), the first at row 0, column 1."),
        ([[1.0, 0.0], [0.0]], InputError, "`bandwidth` must be a rectangular array of numbers; got [[1.0, 0.0], [0.0]]"),
    ],
    ids=lambda value: repr(value)[:40].replace("\n", "") if not isinstance(value, type) else value.__name__,
)  # fmt: skip
def test_bandwidth(bandwidth, error, message):
    with refused(error, message):
        parzen.KernelDensity(bandwidth).fit(X)


@pytest.mark.parametrize("rule", ["scott", "silverman"])
@pytest.mark.parametrize(
    ("samples", "weights", "message"),
    [
        (X[:1], None, "`X` must hold more than one sample for {}; got n = 1. Add samples. Or give KernelDensity a positive number (try `parzen.sweep` to choose it)"),
        (X, [0, 0, 1, 0], "`X` must hold more than one sample that has weight for {}; got n = 4."),
        (X * [1, 0], None, "`X` must vary in every feature for a full bandwidth by {}; got 1 constant feature, the first at column 1. Leave it out."),
        (X * [0, 0], None, "`X` must hold samples that differ for {}; got 4, all equal. Add samples."),
        (X[:, [0, 0]], None, "`X` must not have linearly dependent features for a full bandwidth by {}; got n = 4, d = 2, smallest eigenvalue of the correlation"),
        (X[:2], None, "`X` must not have linearly dependent features for a full bandwidth by {}; got n = 2, d = 2"),
        ([[0.0], [0.0], [5.0]], [1, 1, 0], "`X` must hold samples that differ for {}; got 2, all equal."),
        ([[1e308], [-1e308], [0.0]], None, "`X` must have a range that fits in float64"),
    ],
    ids=["one sample", "one weight", "constant", "all constant", "collinear", "two in 2-D", "constant where it has weight", "range"],
)  # fmt: skip
def test_rules_on_degenerate_data(rule, samples, weights, message):
    with refused(InputError, message.format(repr(rule))):
        parzen.KernelDensity(rule).fit(samples, sample_weight=weights)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"rtol": -1.0}, InputError, "`rtol` must be in [0, 1); got -1."),
        ({"rtol": 1.0}, InputError, "`rtol` must be in [0, 1); got 1."),
        ({"rtol": "tight"}, InputTypeError, "`rtol` must be a number in [0, 1); got 'tight'."),
        ({"workers": 0}, InputError, "`workers` must be at least 1; got 0."),
        ({"workers": 1.5}, InputTypeError, "`workers` must be an integer; got 1.5."),
        ({"memory_limit": 1000}, InputError, "`memory_limit` must be at least 1048576; got 1000."),
        ({"memory_limit": "1 GiB"}, InputTypeError, "`memory_limit` must be an integer; got '1 GiB'."),
        ({"method": None}, InputTypeError, "`method` must be a string; got None. Use 'auto'."),
        ({"method": "kdtree"}, InputError, "`method` must be one of 'auto', 'dense', "),
    ],
)
def test_parameters_are_checked_by_fit(parameters, error, message):
    with refused(error, message):
        parzen.KernelDensity(**parameters).fit(X)


@pytest.mark.parametrize(
    ("parameters", "d", "message"),
    [
        ({"method": "dense", "rtol": 0}, 2, "`method` must suit the task; got 'dense': rtol=0 needs double-double arithmetic. Use method='auto'."),
        ({"method": "matmul", "rtol": 0}, 2, "`method` must suit the task; got 'matmul': rtol=0 needs double-double arithmetic."),
        ({"method": "dense"}, 17, "`method` must suit the task; got 'dense': compiled for at most 16 dimensions."),
    ],
)  # fmt: skip
def test_refused_methods(parameters, d, message):
    kde = parzen.KernelDensity(**parameters).fit(np.zeros((3, d)))
    with refused(InputError, message):
        kde.log_density(np.zeros((1, d)))
    with refused(InputError, message):
        kde.explain(np.zeros((1, d)))


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        ([1.0, 2.0], InputError, "`X` must be 2-D, (rows, features); got shape (2,)."),
        (np.zeros((0, 2)), InputError, "`X` must have at least one row"),
        (np.zeros((2, 0)), InputError, "`X` must have at least one column"),
        ([[nan]], InputError, "`X` must be finite; got 1 value that is NaN"),
        ([["a"]], InputTypeError, "`X` must be numeric"),
        ([[1j]], InputError, "`X` must be real; got dtype complex128."),
        ([[1e308], [-1e308]], InputError, "`X` must have a range that fits in float64; got values up to 1e+308. Rescale the data first."),
    ],
)  # fmt: skip
def test_samples(samples, error, message):
    with refused(error, message):
        parzen.KernelDensity().fit(samples)


@pytest.mark.parametrize("call", ["score_samples", "log_density", "density", "grad_log_density", "hess_log_density", "score", "evaluate", "explain"])  # fmt: skip
@pytest.mark.parametrize(
    ("queries", "error", "message"),
    [
        ([[1.0]], InputError, "`X` must have 2 columns like the samples; got shape (1, 1). X has 1 features, but KernelDensity is expecting 2 features as input."),
        ([1.0, 2.0], InputError, "`X` must be 2-D, (rows, features); got shape (2,)."),
        (np.zeros((0, 2)), InputError, "`X` must have at least one row; got shape (0, 2)."),
        ([[0.0, inf]], InputError, "`X` must be finite; got 1 value that is infinity (contains NaN or inf), the first at row 0, column 1."),
        ([["a", "b"]], InputTypeError, "`X` must be numeric; got dtype <U1."),
    ],
    ids=["wrong d", "1-D", "empty", "infinite", "strings"],
)  # fmt: skip
def test_queries(call, queries, error, message):
    kde = parzen.KernelDensity().fit(X)
    with refused(error, message):
        getattr(kde, call)(queries)


@pytest.mark.parametrize("order", [3, -1, 0.5, "1", None, True, [1]], ids=repr)
def test_order(order):
    kde = parzen.KernelDensity().fit(X)
    for call in (lambda: kde.evaluate(X, order=order), lambda: kde.leave_one_out(order=order), lambda: kde.explain(X, order=order)):  # fmt: skip
        with refused(InputError, f"`order` must be 0, 1 or 2; got {order!r}. Use 1 for gradients, 2 for Hessians too."):  # fmt: skip
            call()


@pytest.mark.parametrize("progress", ["bar", None, 1], ids=repr)
def test_progress(progress):
    message = (
        f"`progress` must be True, False or a function; got {progress!r}. Pass f(done, total) to be told."
    )
    kde = parzen.KernelDensity().fit(X)
    with refused(InputTypeError, message):
        kde.evaluate(X, progress=progress)
    with refused(InputTypeError, message):
        kde.leave_one_out(progress=progress)
    with refused(InputTypeError, message):
        parzen.sweep(X, X, bandwidths=[1.0], progress=progress)


@pytest.mark.parametrize("call", ["score_samples", "log_density", "density", "grad_log_density", "hess_log_density", "score", "evaluate", "explain"])  # fmt: skip
def test_not_fitted(call):
    with pytest.raises(NotFittedError):
        getattr(parzen.KernelDensity(), call)(X)


@pytest.mark.parametrize("call", ["leave_one_out", "sample"])
def test_not_fitted_without_queries(call):
    with pytest.raises(NotFittedError):
        getattr(parzen.KernelDensity(), call)()


@pytest.mark.parametrize(("samples", "weights"), [(X[:1], None), (X, [0, 1, 0, 0])])
def test_leave_one_out_needs_two(samples, weights):
    kde = parzen.KernelDensity().fit(samples, sample_weight=weights)
    with refused(InputError, "`X` must hold at least two samples with positive weight to leave one out; got 1. Fit more samples."):  # fmt: skip
        kde.leave_one_out()


@pytest.mark.parametrize(
    ("count", "error", "message"),
    [
        (0, InputError, "`n_samples` must be at least 1; got 0."),
        (-5, InputError, "`n_samples` must be at least 1; got -5."),
        (2.5, InputTypeError, "`n_samples` must be an integer; got 2.5."),
    ],
)
def test_sample_count(count, error, message):
    with refused(error, message):
        parzen.KernelDensity().fit(X).sample(count)


@pytest.mark.parametrize("seed", ["x", -1, 0.5])
def test_seed(seed):
    with refused(InputError, f"`random_state` must be an integer from 0 to 2**32 - 1, a RandomState, a Generator or None; got {seed!r}."):  # fmt: skip
        parzen.KernelDensity().fit(X).sample(1, random_state=seed)


def test_results_that_cannot_fit_into_memory(monkeypatch):
    monkeypatch.setattr(density.values, "physical_memory", lambda: 100)
    kde = parzen.KernelDensity().fit(X)
    assert kde.evaluate(X, order=0).log_density.shape == (4,)
    monkeypatch.setattr(density.values, "physical_memory", lambda: None)  # unknown: nothing is refused
    assert kde.hess_log_density(X).shape == (4, 2, 2)
    monkeypatch.setattr(density.values, "physical_memory", lambda: 100)
    with refused(MemoryLimitError, "`X` must be small enough for its result; got 4 queries at order 2, which need 0.0 GiB of 0.0 GiB. Evaluate them in chunks."):  # fmt: skip
        kde.hess_log_density(X)


@pytest.mark.parametrize(
    ("method", "d"),
    [
        ("dense", 1),
        ("tree", 1),
        ("gridding", 1),
        ("matmul", 1),
        ("compensated", 1),
        ("matmul", 20),
        ("compensated", 20),
    ],
)
def test_samples_too_many_bandwidths_apart(method, d):
    kde = parzen.KernelDensity(1e-100, method=method).fit(np.eye(20)[:, :d] * 1e60)
    with refused(
        AccuracyError, "`bandwidth` must be larger for these samples; got one that they spread over"
    ):
        kde.log_density(np.zeros((1, d)))


@pytest.mark.parametrize("call", ["grad_log_density", "hess_log_density"])
def test_gradients_that_leave_the_range(call):
    """Either the whitened query or the gradient itself is beyond 1e308."""
    kde = parzen.KernelDensity(1e-100).fit([[0.0]])
    for query in (1e180, 1e220):
        with refused(AccuracyError, "must lie closer for gradients; got queries whose gradient leaves the range of float64."):  # fmt: skip
            getattr(kde, call)([[query]])


@pytest.mark.parametrize(
    ("bandwidths", "error", "message"),
    [
        ([], InputError, "`bandwidths` must be 1-D and not empty; got shape (0,)."),
        ([1.0, 0.0], InputError, "`bandwidths` must be a finite number > 0; got 0."),
        ([1.0, -1.0], InputError, "`bandwidths` must be a finite number > 0; got -1."),
        ([1.0, nan], InputError, "`bandwidths` must be finite; got 1 value that is NaN"),
        ([[1.0]], InputError, "`bandwidths` must be 1-D and not empty; got shape (1, 1)."),
        (
            np.array(1.0),
            InputTypeError,
            "`bandwidths` must be a list of positive numbers; got an array of shape ()",
        ),
        (0.5, ParzenError, "`bandwidths` must be"),
        (None, ParzenError, "`bandwidths` must be"),
        ("scott", InputTypeError, "`bandwidths` must be a list of positive numbers; got 'scott'."),
    ],
    ids=repr,
)
def test_bandwidths(bandwidths, error, message):
    with refused(error, message):
        parzen.sweep(X, X, bandwidths=bandwidths)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"X": [1.0]}, InputError, "`X` must be 2-D, (rows, features); got shape (1,)."),
        ({"V": [1.0]}, InputError, "`V` must be 2-D, (rows, features); got shape (1,)."),
        (
            {"V": [[1.0]]},
            InputError,
            "`V` must have 2 columns like `X`; got shape (1, 1). Choose the same columns for both.",
        ),
        ({"V": np.zeros((0, 2))}, InputError, "`V` must have at least one row"),
        ({"V": [[nan, 0.0]]}, InputError, "`V` must be finite; got 1 value that is NaN"),
        ({"sample_weight": [1, 2]}, InputError, "`sample_weight` must be of shape (4,); got shape (2,)."),
        ({"rtol": 2}, InputError, "`rtol` must be in [0, 1); got 2."),
        ({"workers": 0}, InputError, "`workers` must be at least 1; got 0."),
        ({"memory_limit": 0}, InputError, "`memory_limit` must be at least 1048576; got 0."),
    ],
)
def test_sweep_and_refine(changes, error, message):
    arguments = {"X": X, "V": X + 0.1, **changes}
    with refused(error, message):
        parzen.sweep(**arguments, bandwidths=[1.0])
    start = parzen.sweep(X, X + 0.1, bandwidths=[1.0])
    with refused(error, message):
        refine(**arguments, start=start)


def test_refine_on_repeated_samples():
    """The likelihood grows without bound as h goes to 0; the message says what to remove."""
    for grid in ([1.0], [1e-3, 1.0], [1e-13]):
        start = parzen.sweep(X, X[:2], bandwidths=grid)
        with refused(InputError, "`V` must not repeat samples of `X` exactly; got held-out points whose likelihood grows without bound as the bandwidth goes to 0. Remove the duplicates."):  # fmt: skip
            refine(X, X[:2], start)


def test_refine_needs_a_sweep():
    with refused(InputTypeError, "`start` must be"):
        refine(X, X, "0.5")
