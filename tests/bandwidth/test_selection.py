"""The table of methods and what the user sees: kinds, targets, 'auto', refusals, and Bandwidth as a bandwidth."""

import re
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import parzen
from parzen.bandwidth import pair_sums, selection
from parzen.bandwidth.matrix import as_scale
from parzen.bandwidth.selection import METHODS
from parzen.errors import InputError, InputTypeError


def test_every_method_is_where_the_table_says():
    for name, row in METHODS.items():
        assert callable(row.load()), name
        assert f"    {name} " in parzen.select_bandwidth.__doc__, name


@pytest.mark.parametrize("name", METHODS)
def test_kinds_in_one_dimension_are_one_bandwidth(name, rng):
    x = rng.normal(size=(120, 1))
    h = parzen.select_bandwidth(x, name, random_state=0)
    assert (h.kind, h.method, h.reason) == ("scalar", name, "asked for")
    assert isinstance(h.value, float)
    diagonal, full = (
        parzen.select_bandwidth(x, name, kind=kind, random_state=0) for kind in ("diagonal", "full")
    )
    assert (diagonal.kind, full.kind) == ("diagonal", "full")
    np.testing.assert_array_equal(diagonal.value, [h.value])
    np.testing.assert_array_equal(full.value, [[h.value**2]])
    assert parzen.KernelDensity(name).fit(x).bandwidth_ == h.value
    with pytest.raises(ValueError, match="read-only"):
        full.value[0, 0] = 1.0


@pytest.mark.parametrize("name", METHODS)
def test_names_and_their_bandwidths_are_the_same_for_the_estimator(name, rng):
    d = 1 if METHODS[name].max_d == 1 else 2
    x, weights = rng.normal(size=(80, d)), rng.uniform(size=80)
    by_name = parzen.KernelDensity(name).fit(x, sample_weight=weights)
    chosen = parzen.select_bandwidth(x, name, sample_weight=weights, random_state=0)
    by_value = parzen.KernelDensity(chosen).fit(x, sample_weight=weights)
    np.testing.assert_array_equal(by_name.bandwidth_, by_value.bandwidth_)
    np.testing.assert_array_equal(by_name.log_density(x), by_value.log_density(x))


def test_a_bandwidth_is_accepted_wherever_one_is(rng):
    x = rng.normal(size=(60, 2))
    scalar = parzen.select_bandwidth(x, "scott", kind="scalar")
    full = parzen.select_bandwidth(x, "scott")
    assert as_scale(scalar, 2).value == scalar.value
    np.testing.assert_array_equal(as_scale(full, 2).value, full.value)
    assert float(scalar) == scalar.value == np.asarray(scalar)
    np.testing.assert_array_equal(np.array(full), full.value)
    assert parzen.sweep(x, x + 0.1, bandwidths=[scalar, 1.0]).bandwidths[0] == scalar.value
    with pytest.raises(
        InputTypeError, match=r"must be scalar to be a float; got a full one of shape \(2, 2\)"
    ):
        float(full)
    with pytest.raises(InputError, match=re.escape("`bandwidth` must have shape (3, 3); got shape (2, 2).")):
        parzen.KernelDensity(full).fit(rng.normal(size=(10, 3)))
    kde = clone(parzen.KernelDensity(full))
    np.testing.assert_array_equal(kde.fit(x).bandwidth_, full.value)


def test_representation_and_picture(rng):
    x = rng.normal(size=(60, 1))
    chosen = parzen.select_bandwidth(x, "dpi")
    assert re.fullmatch(r"Bandwidth\(0\.\d+, kind='scalar', method='dpi'\)", repr(chosen))
    axes = chosen.plot()
    assert axes.get_ylabel() == chosen.objective == "estimated mean integrated squared error"
    assert f"{chosen.value:.4g}" in axes.get_legend().get_texts()[0].get_text()
    assert chosen.plot(axes) is axes
    rule = parzen.select_bandwidth(rng.normal(size=(60, 2)), "scott")
    (a, b), (_, c) = rule.value
    assert repr(rule) == f"Bandwidth([[{a:.4g}, {b:.4g}], [{b:.4g}, {c:.4g}]], kind='full', method='scott')"
    wide = parzen.select_bandwidth(np.random.default_rng(0).normal(size=(50, 4)), "scott")
    assert repr(wide) == "Bandwidth(array of shape (4, 4), kind='full', method='scott')"
    with pytest.raises(InputError, match="`method` must be one with an objective to draw it; got 'scott'"):
        rule.plot()


def test_auto_in_one_dimension(rng):
    x = rng.normal(size=(500, 1))
    chosen = parzen.select_bandwidth(x)
    assert chosen.method == "sheather-jones"
    assert chosen.value == parzen.select_bandwidth(x, "sheather-jones").value
    assert chosen.reason.startswith("auto: ")
    rounded = parzen.select_bandwidth(np.round(x))
    assert rounded.method == "silverman"
    assert re.search(r"only \d of 500 samples differ", rounded.reason)
    assert parzen.select_bandwidth(x, target="gradient").method == "dpi"
    assert parzen.KernelDensity("auto").fit(x).bandwidth_ == chosen.value


def test_auto_in_more_dimensions(rng, monkeypatch):
    x = rng.normal(size=(60, 3))
    chosen = parzen.select_bandwidth(x)
    assert (chosen.method, chosen.kind) == ("plugin", "full")
    assert chosen.reason == "auto: plug-in matrix for n = 60 in 3 dimensions"
    np.testing.assert_array_equal(chosen.value, parzen.select_bandwidth(x, "plugin").value)
    assert parzen.select_bandwidth(x, kind="diagonal").kind == "diagonal"
    chosen = parzen.select_bandwidth(x, target="gradient")
    assert (chosen.method, chosen.kind) == ("plugin", "full")
    dependent = np.hstack([x, x[:, :1] + x[:, 1:2]])
    constant = np.hstack([x, np.ones((60, 1))])
    for table in (dependent, constant, rng.normal(size=(60, 7))):
        chosen = parzen.select_bandwidth(table, target="density")
        assert (chosen.method, chosen.kind) == ("likelihood", "scalar")
    for table in (dependent, constant):
        chosen = parzen.select_bandwidth(table, target="gradient")
        assert (chosen.method, chosen.kind) == ("normal-gradient", "scalar")
    assert parzen.select_bandwidth(rng.normal(size=(60, 7)), target="gradient").kind == "full"
    monkeypatch.setattr(selection, "_PLUGIN_PRODUCTS", 1)
    assert parzen.select_bandwidth(x).method == "likelihood"
    monkeypatch.setattr(selection, "_LIKELIHOOD_SAMPLES", 59)
    assert parzen.select_bandwidth(x, random_state=0).method == "holdout"
    monkeypatch.setattr(selection, "_HOLDOUT_SAMPLES", 59)
    chosen = parzen.select_bandwidth(x)
    assert (chosen.method, chosen.kind) == ("scott", "full")
    assert parzen.select_bandwidth(dependent).kind == "scalar"


X = np.arange(12.0).reshape(6, 2) ** 2


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((X, "best"), {}, InputError, "`method` must be 'auto', 'scott', 'silverman', "),
        ((X, 3), {}, InputTypeError, "`method` must be a string; got 3. Use 'auto'."),
        ((X,), {"kind": "round"}, InputError, "`kind` must be 'scalar', 'diagonal' or 'full'; got 'round'."),
        ((X,), {"kind": X}, InputError, "`kind` must be 'scalar', 'diagonal' or 'full'; got an array"),
        ((X,), {"target": "mode"}, InputError, "`target` must be 'density', 'gradient' or 'hessian'; got 'mode'."),
        ((X, "isj"), {}, InputError, "`method` must suit the task; got 'isj', which does not do 2 dimensions (at most 1). Use one of "),
        ((X[:, :1], "isj"), {"target": "gradient"}, InputError, "which does not do target='gradient'. Use one of 'normal-gradient', 'dpi', 'plugin'."),
        ((X,), {"sample_weight": [1, 1]}, InputError, "`sample_weight` must be of shape (6,)"),
        ((X,), {"sample_weight": [0, 0, 0, 0, 0, 1]}, InputError, "`X` must hold more than one sample that has weight for 'auto'; got n = 6. Add samples."),
        ((X[:1],), {}, InputError, "`X` must hold more than one sample for 'auto'; got n = 1. Add samples. Or give KernelDensity"),
        ((X * [1, 0], "scott"), {}, InputError, "`X` must vary in every feature for a full bandwidth by 'scott'; got 1 constant feature, the first at column 1."),
        ((X * [1, 0], "scott"), {"kind": "diagonal"}, InputError, "for a diagonal bandwidth by 'scott'; got 1 constant feature, the first at column 1. Leave it out."),
        ((X * 0, "scott"), {"kind": "scalar"}, InputError, "`X` must hold samples that differ for 'scott'; got 6, all equal."),
        ((X, "Silverman"), {}, InputError, "got 'Silverman'. Did you mean 'silverman'?"),
        ((X, "shether-jones"), {}, InputError, "got 'shether-jones'. Did you mean 'sheather-jones'?"),
        ((X * np.nan,), {}, InputError, "`X` must be finite"),
        ((X[:, 0],), {}, InputError, "`X` must be 2-D"),
        ((X,), {"workers": 0}, InputError, "`workers` must be at least 1"),
    ],
    ids=lambda value: value[:50] if isinstance(value, str) else "",
)  # fmt: skip
def test_refusals(arguments, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        parzen.select_bandwidth(*arguments, **options)


@pytest.mark.parametrize("method", METHODS)
def test_weights_that_vanish_beside_the_largest_are_none(rng, method):
    x = rng.normal(size=(40, 1))
    far = np.vstack([x, [[1e6]]])
    expected = parzen.select_bandwidth(x, method, random_state=0).value
    weights = np.append(np.full(40, 1e300), 1e-300)
    assert parzen.select_bandwidth(far, method, sample_weight=weights, random_state=0).value == expected


def test_progress_is_told_unless_it_is_declined(rng, monkeypatch):
    asked = []
    monkeypatch.setattr(
        pair_sums, "reporting", lambda progress, title: asked.append(progress) or nullcontext()
    )
    x = rng.normal(size=(40, 2))
    parzen.select_bandwidth(x, "likelihood")
    assert asked
    assert set(asked) == {True}
    asked.clear()
    parzen.select_bandwidth(x, "likelihood", progress=False)
    assert set(asked) == {False}


def test_a_constant_column_does_not_matter_to_one_number(rng):
    x = rng.normal(size=(50, 1))
    both = parzen.select_bandwidth(np.hstack([x, x * 0]), "scott", kind="scalar").value
    assert 0 < both < parzen.select_bandwidth(np.hstack([x, x]), "scott", kind="scalar").value


def test_other_units_and_constant_features_are_told(rng):
    x = rng.normal(size=(60, 8)) * 10.0 ** np.arange(8)
    chosen = parzen.select_bandwidth(x)
    assert chosen.kind == "scalar"
    assert any("differ by a factor of" in sentence for sentence in chosen.warnings)
    assert not parzen.select_bandwidth(x / x.std(axis=0)).warnings
    assert not parzen.select_bandwidth(x, "silverman").warnings  # full
    assert not parzen.select_bandwidth(x, "likelihood", kind="scalar").warnings  # asked for
    constant = np.column_stack([x[:, 0], np.ones(60)])
    warnings = parzen.select_bandwidth(constant, "likelihood").warnings
    assert warnings == (
        "column 1 is constant and counts as a dimension in which a narrower kernel is always better: leave it out",
    )
    constant = np.column_stack([x[:, 0], np.ones((60, 7))])
    warnings = parzen.select_bandwidth(constant, "likelihood").warnings
    assert warnings[0].startswith(
        "column 1, column 2, column 3, column 4, column 5 and 2 more are constant and count "
    )
    assert warnings[0].endswith(": leave them out")


def test_from_which_factor_on_units_are_told():
    """Eruptions and waiting times of faithful.csv, ranges of 3.5 and 53, were not told of."""
    x = np.random.default_rng(0).uniform(size=(60, 2))
    x[:2] = [[0.0, 0.0], [1.0, 1.0]]
    assert not parzen.select_bandwidth(x * [1.0, 9.9], "likelihood").warnings
    assert "by a factor of 15" in parzen.select_bandwidth(x * [1.0, 15.0], "likelihood").warnings[0]
    images = parzen.datasets.load("digits").train[:200]
    assert not any("units" in told for told in parzen.select_bandwidth(images, "likelihood").warnings)


@pytest.mark.parametrize("method", ["holdout", "kfold"])
def test_the_split_is_the_same_in_every_call(method, rng):
    """It was another one in each, unlike that of `KernelDensity` and of the command line."""
    x = rng.normal(size=(300, 1))
    chosen = parzen.select_bandwidth(x, method)
    assert (
        chosen.value
        == parzen.select_bandwidth(x, method).value
        == parzen.KernelDensity(method).fit(x).bandwidth_
    )
    assert chosen.value != parzen.select_bandwidth(x, method, random_state=1).value
    np.random.seed(1)
    assert chosen.value != parzen.select_bandwidth(x, method, random_state=None).value


def test_a_column_of_a_frame_is_told_how_to_be_one():
    frame = pd.DataFrame({"eruptions": [1.0, 2.0, 4.0]})
    for call in (parzen.select_bandwidth, parzen.KernelDensity().fit):
        with pytest.raises(InputError, match=r"Pass a frame of it: frame\[\['eruptions'\]\]\."):
            call(frame["eruptions"])
    assert parzen.select_bandwidth(frame[["eruptions"]], "scott").value > 0
