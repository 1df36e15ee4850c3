"""Every method at every promise against the 50-digit tables."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import parzen
from reference_density import reference_density
from tolerances import assert_promise, factor, log_density_tolerance


@dataclass(frozen=True)
class Case:
    """One row of tables.json."""

    name: str
    samples: np.ndarray
    queries: np.ndarray | None
    bandwidth: np.ndarray
    weights: np.ndarray | None
    leave_one_out: bool
    order: int
    log_density: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray | None
    factors: np.ndarray | None = None


def _load():
    """Read the tables; null stays None."""
    with open(Path(__file__).parent / "tables.json", encoding="utf-8") as file:
        rows = json.load(file)
    return [
        Case(
            **{
                key: np.array(value) if isinstance(value, list | float) else value
                for key, value in row.items()
            }
        )
        for row in rows
    ]


CASES = _load()


def by_name(case):
    """Name a test after its row."""
    return case.name


def suitable(case, method, rtol):
    """What the plan does not refuse."""
    if method == "gridding" and case.factors is not None:
        return False
    if method in ("compensated", "auto"):
        return True
    if rtol == 0:
        return False
    return case.samples.shape[1] <= {"gridding": 3, "matmul": 10_000}.get(method, 16)


@pytest.mark.parametrize(
    ("case", "method", "rtol"),
    [
        pytest.param(case, method, rtol, id=f"{case.name}, {method}, rtol {rtol:g}")
        for case in CASES
        for method in ("dense", "tree", "gridding", "matmul", "compensated", "auto")
        for rtol in (1e-4, 1e-6, 1e-9, 0.0)
        if suitable(case, method, rtol)
    ],
)
def test_promise_is_kept(case, method, rtol):
    kde = parzen.KernelDensity(case.bandwidth, adaptive=case.factors, rtol=rtol, method=method, workers=1)
    kde.fit(case.samples, sample_weight=case.weights)
    queries = case.samples if case.leave_one_out else case.queries
    whitening = np.linalg.inv(factor(case.bandwidth, case.samples.shape[1]))
    distances = np.linalg.norm((queries[:, None] - case.samples) @ whitening.T, axis=-1)
    terms = np.sqrt(np.min(distances, axis=1) ** 2 + 80.0)  # farther ones count less than e⁻⁴⁰
    for order in range(case.order + 1):
        values = (
            kde.leave_one_out(order=order) if case.leave_one_out else kde.evaluate(case.queries, order=order)
        )
        assert (values.gradient is None) == (order < 1)
        assert (values.hessian is None) == (order < 2)
        assert_promise(values, case, case.bandwidth, rtol, terms)


@pytest.mark.parametrize("case", CASES, ids=by_name)
@pytest.mark.parametrize("rtol", [1e-2, 1e-6, 1e-12, 0.0])
def test_error_bound_is_a_bound(case, rtol):
    kde = parzen.KernelDensity(case.bandwidth, adaptive=case.factors, rtol=rtol, workers=1)
    kde.fit(case.samples, sample_weight=case.weights)
    values = kde.leave_one_out() if case.leave_one_out else kde.evaluate(case.queries)
    error = np.abs(values.log_density - case.log_density)
    assert np.all(error <= values.error_bound + log_density_tolerance(case.log_density, 0.0))


@pytest.mark.parametrize("case", [c for c in CASES if not c.name.startswith(("offset", "full"))], ids=by_name)
def test_the_second_oracle_agrees_with_the_first(case):
    """The NumPy reference is good to many digits where the data are not awkward: it may serve in larger tests."""
    queries = case.samples if case.leave_one_out else case.queries
    got = reference_density(
        case.samples,
        queries,
        case.bandwidth,
        case.weights,
        leave_one_out=case.leave_one_out,
        order=case.order,
        factors=case.factors,
    )
    np.testing.assert_allclose(got.log_density, case.log_density, rtol=1e-12, atol=1e-12)
