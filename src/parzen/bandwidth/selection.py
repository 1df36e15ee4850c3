"""Choosing a bandwidth: THE table of methods, what each can do, and what 'auto' takes."""

import difflib
import math
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, cast

import numpy as np

from parzen.bandwidth.result import Bandwidth
from parzen.bandwidth.rules import covariance_of, effective_sample_size
from parzen.bandwidth.selector import ADVICE, Kind, Options, Selected, Selector, Target
from parzen.errors import InputError, InputTypeError
from parzen.typing import FloatArray, Progress
from parzen.validation import as_matrix, as_random, as_weights, as_workers, describe, require_range

__all__ = ["METHODS", "Bandwidth", "Method", "choose", "select_bandwidth"]

_ALL: tuple[Kind, ...] = ("scalar", "diagonal", "full")
_FULL_FIRST: tuple[Kind, ...] = ("full", "diagonal", "scalar")
_DENSITY: tuple[Target, ...] = ("density",)
_EVERY: tuple[Target, ...] = ("density", "gradient", "hessian")


#: 'auto' in one dimension: fewer different samples, as a share, are rounded ones.
_FEW_DIFFERENT = 0.1

#: 'auto' in more: products that a plug-in may cost, and samples for the searches: seconds, not minutes.
_PLUGIN_PRODUCTS, _LIKELIHOOD_SAMPLES, _HOLDOUT_SAMPLES = 1e10, 20_000, 100_000


#: One bandwidth for features whose ranges differ by more than this factor is worth a warning: 10 fires on eruptions and
#: waiting times in minutes (15), not on iris (2.5), six normal features (2) or lognormal ones (9); images have many
#: features, and of one unit.
_OTHER_UNITS, _IMAGES = 10.0, 20


@dataclass(frozen=True)
class Method:
    """One row of the table: where a selector is, and what it can do."""

    module: str  # in this room; imported on use
    function: str
    objective: str = ""  # what its curve shows
    kinds: tuple[Kind, ...] = ("scalar",)  # the first is its own choice; in one dimension all are one
    max_d: int | None = 1
    targets: tuple[Target, ...] = _DENSITY

    def load(self) -> Selector:
        """Import the function."""
        return cast(Selector, getattr(import_module(f"parzen.bandwidth.{self.module}"), self.function))


#: Every method by name. A new one is a function ``select(samples, weights, options)`` and a row here.
METHODS = {
    "scott": Method("rules", "scott", kinds=_FULL_FIRST, max_d=None),
    "silverman": Method("rules", "silverman", kinds=_FULL_FIRST, max_d=None),
    "normal-gradient": Method("rules", "normal_gradient", kinds=_FULL_FIRST, max_d=None, targets=_EVERY),
    "sheather-jones": Method(
        "plugin_1d", "sheather_jones", "log(h implied by Sheather–Jones / h); the root is the choice"
    ),
    "dpi": Method("plugin_1d", "dpi", "estimated mean integrated squared error", targets=_EVERY),
    "isj": Method("isj", "isj", "relative excess of the fixed-point equation"),
    "plugin": Method("plugin", "plugin", kinds=_FULL_FIRST, max_d=6, targets=_EVERY),
    "scv": Method("plugin", "scv", "smoothed cross-validation", kinds=_FULL_FIRST, max_d=6),
    "lscv": Method("crossval", "lscv", "least-squares cross-validation", kinds=_ALL, max_d=None),
    "likelihood": Method(
        "crossval", "likelihood", "leave-one-out log-likelihood per sample (nats)", kinds=_ALL, max_d=None
    ),
    "holdout": Method(
        "crossval", "holdout", "held-out log-likelihood per sample (nats)", kinds=_ALL, max_d=None
    ),
    "kfold": Method("crossval", "kfold", "held-out log-likelihood per sample (nats)", kinds=_ALL, max_d=None),
}


def select_bandwidth(
    X: Any,
    method: str = "auto",
    *,
    kind: str | None = None,
    sample_weight: Any = None,
    target: str = "density",
    random_state: Any = 0,
    progress: bool | Progress = True,
    workers: int | None = None,
) -> Bandwidth:
    """Choose a bandwidth from samples.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Samples.
    method : str, default 'auto'
        A name from the table in Notes, or ``'auto'``.
    kind : {'scalar', 'diagonal', 'full'}, optional
        One number for all features, one per feature, or a covariance. Default: what suits the method best.
    sample_weight : array-like of shape (n,), optional
        Non-negative weights with a positive sum. n becomes Kish's effective sample size (Σw)² / Σw².
    target : {'density', 'gradient', 'hessian'}, default 'density'
        What the bandwidth should be best for. Derivatives need a larger one.
    random_state : int, RandomState, Generator or None, default 0
        For `holdout` and `kfold`, which split the samples at random: the same int gives the same split, None another
        one in each call. `KernelDensity` and the command line always take 0.
    progress : bool or callable, default True
        As in `KernelDensity.evaluate`, for each pass of searches and plug-in matrices.
    workers : int, optional
        Threads; by default one for each processor available. The choice does not depend on it.

    Returns
    -------
    Bandwidth

    Raises
    ------
    InputError, InputTypeError
        Samples from which nothing can be chosen (a single one, constant columns), an unknown method, or one
        that cannot do this kind, target or dimension, a ``random_state`` that is none; says which and what to do.
    MemoryLimitError
        Samples spread too widely for their number.

    Notes
    -----
    ================  ====  ==================================================================================
    method            d     what it is
    ================  ====  ==================================================================================
    scott             any   normal reference; in 1-D R's ``bw.nrd``
    silverman         any   normal reference; in 1-D R's ``bw.nrd0``
    normal-gradient   any   normal reference for gradients and Hessians, exponent 1/(d + 6) and 1/(d + 8)
    sheather-jones    1     solve-the-equation plug-in, R's ``bw.SJ``, unbinned
    dpi               1     direct plug-in, R's ``bw.SJ(method="dpi")``, unbinned; also for gradients and Hessians
    isj               1     Botev's improved Sheather-Jones, unbinned
    plugin            ≤ 6   plug-in matrices of Wand & Jones and Chacón & Duong; also for gradients and Hessians
    scv               ≤ 6   smoothed cross-validation
    lscv              any   least-squares cross-validation; in 1-D at any n, by one Fourier transform
    likelihood        any   leave-one-out likelihood
    holdout           any   likelihood of a random fifth under the rest
    kfold             any   likelihood of each of five random folds under the others
    ================  ====  ==================================================================================

    Cost: nothing for rules; one Fourier transform in one dimension; else n² pairs, once or twice for scalar
    cross-validation and some ten times for a diagonal or full one. A full bandwidth for 2000 samples in ten dimensions
    took `likelihood` 2 s and `lscv` 53 s on two cores.

    Where ``kind`` is not given, rules and plug-in choose a full bandwidth, cross-validation a scalar one. Of a scalar
    one for 2 to 20 features whose ranges differ by a factor above 10 the result warns: they may have different units.

    What ``auto`` takes, for densities:

    1. d = 1: `sheather-jones`; `silverman` where fewer than a tenth of the samples are different, since everything
       else would take the rounding for structure.
    2. d ≤ 6, independent features, and n² C(d+5, 6) ≤ 10¹⁰ (n ≤ 37 000 for d = 2, 4600 for d = 6): `plugin`.
    3. Else `likelihood` for n ≤ 20 000, `holdout` for n ≤ 100 000, and `scott` beyond.

    For gradients and Hessians: `dpi` in one dimension, `plugin` as above, else `normal-gradient`. Where features are
    constant or linearly dependent, these are scalar.

    Examples
    --------
    >>> import numpy as np, parzen
    >>> X = np.random.default_rng(0).normal(size=(1000, 1))
    >>> parzen.select_bandwidth(X).method
    'sheather-jones'
    >>> round(float(parzen.select_bandwidth(X, "silverman")), 4)
    0.2203
    """
    samples = as_matrix(X, "X")
    if not isinstance(method, str):
        raise InputTypeError(f"`method` must be a string; got {describe(method)}. Use 'auto'.")
    if kind is not None and not (isinstance(kind, str) and kind in _ALL):
        raise InputError(
            f"`kind` must be 'scalar', 'diagonal' or 'full'; got {describe(kind)}. Leave it out for the method's own."
        )
    if not (isinstance(target, str) and target in _EVERY):
        raise InputError(
            f"`target` must be 'density', 'gradient' or 'hessian'; got {describe(target)}. Use 'density'."
        )
    options = Options(
        target=target,
        random_state=as_random(random_state),
        workers=as_workers(workers),
        progress=progress,
    )
    weights = as_weights(sample_weight, len(samples))
    return choose(samples, weights, method, options, kind=kind, name="method")


def choose(
    samples: FloatArray,
    weights: FloatArray | None,
    method: str,
    options: Options,
    *,
    kind: Kind | None,
    name: str,
) -> Bandwidth:
    """Choose a bandwidth from checked samples; ``name`` is what the caller calls the method.

    ``kind``: None for the method's own; that of ``options`` does not count.
    """
    if method != "auto" and method not in METHODS:
        kinds = "'auto'" if name == "method" else "a number, an array or one of 'auto'"
        near = difflib.get_close_matches(method.strip().lower(), ["auto", *METHODS], 1)
        remedy = "Use 'auto'." if name == "method" else "Pass a positive number."
        raise InputError(
            f"`{name}` must be {kinds}, {', '.join(map(repr, METHODS))}; got {method!r}. "
            + (f"Did you mean {near[0]!r}?" if near else remedy)
        )
    given = len(samples)
    if weights is not None:
        weights = weights / weights.max()
        keep = weights > 0  # those too small to be seen beside the largest are none
        samples, weights = samples[keep], weights[keep]
        if np.ptp(weights) == 0:
            weights = None
    _require_samples(samples, weights, method, given)
    reason = "asked for"
    if method == "auto":
        method, kind_of_auto, reason = _automatic(samples, weights, options)
        kind = kind or kind_of_auto
    row, d = METHODS[method], samples.shape[1]
    searched: Kind = "scalar" if d == 1 else kind or row.kinds[0]
    _require_fit(method, row, d, searched, options.target)
    _require_spread(samples, method, searched)
    found = row.load()(samples, weights, replace(options, kind=searched))
    value = _as_kind(found, d, kind or searched)
    units = _other_units(samples) if kind is None and searched == "scalar" else ()
    return Bandwidth(
        value=value,
        kind=("scalar", "diagonal", "full")[np.ndim(value)],
        method=method,
        reason=reason,
        objective=row.objective if found.curve is not None else "",
        curve=found.curve,
        warnings=found.warnings + units,
    )


def _other_units(samples: FloatArray) -> tuple[str, ...]:
    """Warn of features that look as if they had different units."""
    ranges = np.ptp(samples, axis=0)
    with np.errstate(over="ignore"):
        ratio = float(ranges.max() / ranges[ranges > 0].min())
    if ratio <= _OTHER_UNITS or samples.shape[1] > _IMAGES:
        return ()
    return (
        f"the ranges of the features differ by a factor of {ratio:.2g}, and one bandwidth was chosen for all: if their "
        "units differ, ask for kind='diagonal', or standardise them",
    )


def _automatic(
    samples: FloatArray, weights: FloatArray | None, options: Options
) -> tuple[str, Kind | None, str]:
    """Return the method that 'auto' takes, the kind if not the method's own, and why."""
    n, d = samples.shape
    derivative = options.target != "density"
    if d == 1:
        if derivative:
            return "dpi", None, "auto: plug-in for derivatives in one dimension"
        different = len(np.unique(samples))
        if different < _FEW_DIFFERENT * n:
            reason = f"auto: only {different} of {n} samples differ: rounding would look like structure"
            return "silverman", None, reason
        return "sheather-jones", None, "auto: plug-in in one dimension"
    independent = _independent(samples, weights)
    most = METHODS["plugin"].max_d or 0
    if d <= most and independent and n * n * math.comb(d + 5, 6) <= _PLUGIN_PRODUCTS:
        return "plugin", None, f"auto: plug-in matrix for n = {n} in {d} dimensions"
    kind: Kind | None = None if independent else "scalar"
    if derivative:
        return "normal-gradient", kind, f"auto: normal reference for derivatives, n = {n} in {d} dimensions"
    if n <= _LIKELIHOOD_SAMPLES:
        return "likelihood", None, f"auto: cross-validation for n = {n} in {d} dimensions"
    if n <= _HOLDOUT_SAMPLES:
        return "holdout", None, f"auto: a fifth held out, for n = {n} in {d} dimensions"
    return "scott", kind, f"auto: normal reference, n = {n} is too many for a search in {d} dimensions"


def _independent(samples: FloatArray, weights: FloatArray | None) -> bool:
    """Whether the covariance is far enough from singular for a full bandwidth."""
    if len(samples) <= samples.shape[1] or np.any(np.ptp(samples, axis=0) == 0):
        return False
    return covariance_of(samples, weights)[2] > 1e-10


def _require_samples(samples: FloatArray, weights: FloatArray | None, method: str, given: int) -> None:
    """Refuse a single sample, and a range that overflows."""
    if effective_sample_size(weights, len(samples)) <= 1.0:
        raise InputError(
            f"`X` must hold more than one sample{' that has weight' if given > 1 else ''} for {method!r}; got "
            f"n = {given}. Add samples. {ADVICE}"
        )
    require_range(samples)


def _require_spread(samples: FloatArray, method: str, kind: str) -> None:
    """Refuse constant columns where they would make the bandwidth singular."""
    constant = np.flatnonzero(np.ptp(samples, axis=0) == 0)
    if constant.size == samples.shape[1]:
        raise InputError(
            f"`X` must hold samples that differ for {method!r}; got {len(samples)}, all equal. Add samples. {ADVICE}"
        )
    if constant.size and kind != "scalar":
        raise InputError(
            f"`X` must vary in every feature for a {kind} bandwidth by {method!r}; got {constant.size} constant "
            f"feature{'s' if constant.size > 1 else ''}, the first at column {int(constant[0])}. Leave it out. {ADVICE}"
        )


def _require_fit(method: str, row: Method, d: int, kind: str, target: str) -> None:
    """Refuse what a method cannot do, and say which can."""

    def able(other: Method) -> bool:
        return (other.max_d is None or d <= other.max_d) and kind in other.kinds and target in other.targets

    if able(row):
        return
    lacks = []
    if row.max_d is not None and d > row.max_d:
        lacks.append(f"{d} dimensions (at most {row.max_d})")
    if kind not in row.kinds:
        lacks.append(f"kind={kind!r}")
    if target not in row.targets:
        lacks.append(f"target={target!r}")
    names = [name for name, other in METHODS.items() if able(other)]
    raise InputError(
        f"`method` must suit the task; got {method!r}, which does not do {' or '.join(lacks)}. "
        f"Use one of {', '.join(map(repr, names))}."
    )


def _as_kind(found: Selected, d: int, kind: str) -> float | FloatArray:
    """Give a value found in one dimension the kind that was asked for; make arrays read-only."""
    value = found.value
    if d == 1 and kind != "scalar":
        h = float(np.ravel(np.asarray(value))[0])
        value = np.array([h]) if kind == "diagonal" else np.array([[h * h]])
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
        return value
    return float(value)
