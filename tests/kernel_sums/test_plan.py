"""Where the method is chosen, and what the plan says about memory and threads."""

import numpy as np
import pytest

import parzen
from parzen.bandwidth.matrix import Scale
from parzen.density.model import Model
from parzen.errors import InputError
from parzen.kernel_sums import Request, make_plan
from parzen.kernel_sums.plan import METHODS


def plan_for(d, m=1000, n=1000, **request):
    """Plan a task of this size."""
    request = {"scales": np.ones(1), "workers": 2, **request}
    samples, queries = (np.arange(rows * d).reshape(rows, d) % 7.0 for rows in (n, m))
    model = Model.of(samples, None, Scale(1.0, d))
    return make_plan(model.sources, model.points(queries), Request(**request))


@pytest.mark.parametrize(("d", "request_fields", "method"), [
    (1, {}, "dense"), (2, {}, "dense"), (3, {}, "dense"), (784, {}, "lattice"), (100, {"order": 1}, "lattice"),
    (1, {"rtol": 0.0}, "compensated"), (784, {"rtol": 0.0}, "compensated"),
])  # fmt: skip
def test_automatic_choice(d, request_fields, method):
    plan = plan_for(d, **request_fields)
    assert plan.method == method
    best = min(plan.candidates, key=lambda candidate: candidate.seconds)
    assert best.name == method


@pytest.mark.parametrize("method", METHODS)
def test_forced_choice(method):
    plan = plan_for(3, method=method)
    assert plan.method == method
    assert plan.reason == "forced by `method`"


def test_refused_candidates_say_why():
    plan = plan_for(17, rtol=1e-9)
    refused = {candidate.name: candidate.refused for candidate in plan.candidates}
    assert refused["dense"] == "compiled for at most 16 dimensions"
    assert refused["matmul"] == ""
    with pytest.raises(InputError, match="got 'dense': compiled for at most 16 dimensions"):
        plan_for(17, method="dense")


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("d", [1, 8, 100])
@pytest.mark.parametrize("k", [1, 8])
@pytest.mark.parametrize("limit", [2**23, 2**26, 2**30])
def test_the_plan_stays_under_the_limit(order, d, k, limit):
    plan = plan_for(d, order=order, scales=np.ones(k), memory_limit=limit, workers=64, m=10**6)
    assert plan.temporary_bytes <= limit
    assert 1 <= plan.workers <= 64
    assert plan.rows >= 1


def test_workers_do_not_change_the_blocks():
    """Else they would change the last bits."""
    rows = {plan_for(50, order=1, workers=workers, m=10**5).rows for workers in (1, 2, 7, 1000)}
    assert len(rows) == 1


def test_no_more_workers_than_blocks():
    assert plan_for(2, m=10, workers=8).workers == 1


def test_predictions_are_sane_out_of_range(recwarn):
    plan = parzen.KernelDensity(1.0).fit([[1e100], [-1e100], [0.0]]).explain([[1e300]], order=1)
    assert all(candidate.seconds > 0 for candidate in plan.candidates)
    parzen.KernelDensity(1.0).fit([[0.0, 1.0], [0.0, 3.0]]).log_density([[1e307, 0.0]])
    assert not recwarn.list


def test_the_choice_does_not_depend_on_what_was_asked_before(rng):
    X, Q = rng.standard_normal((50_000, 2)), rng.standard_normal((150, 2))
    kde = parzen.KernelDensity(0.1).fit(X)
    first = kde.explain(Q, order=1)
    kde.evaluate(X[:40_000], order=1, progress=False)
    assert kde.explain(Q, order=1).candidates == first.candidates
