"""Time against n: what the results say is what is drawn and printed, and the shapes are what they are called."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from benchmarks import plots, shapes, tables

import parzen


def _row(table, case, **figures):
    return {"case": case, "figures": figures, "bars": [], "table": table}


PEERS = {
    "benchmark": "peers",
    "machine": {},
    "versions": {},
    "rows": [
        _row("seconds", f"blobs, 2-D, {size}", parzen=seconds, SciPy=slow)
        for size, seconds, slow in (("10³", 0.25, 0.1), ("10⁴", 0.5, 10.0), ("10⁵", 5.0, "over 20 s"))
    ]
    + [
        _row("seconds", "ties, 2-D, 10³", parzen=9.0),
        _row("errors", "blobs, 2-D, 10³", parzen=1e-13),
        _row("seconds", "MNIST, 784-D, 10³", parzen=7.0),
    ],
}
ENGINE = {
    "benchmark": "engine",
    "machine": {},
    "versions": {},
    "rows": [_row("growth", "1-D, log density", **{"10⁶, s": 2.0, "10⁷, s": 20.0, "slope": 1.0})],
}


def test_series_are_the_blobs_of_both_benchmarks():
    assert plots.series([PEERS, ENGINE]) == {
        1: {"parzen": [(10**6, 2.0), (10**7, 20.0)]},
        2: {"parzen": [(1000, 0.25), (10**4, 0.5), (10**5, 5.0)], "SciPy": [(1000, 0.1), (10**4, 10.0)]},
    }


def test_slope_is_that_of_the_larger_sizes():
    assert plots.slope([(10, 3.0), (1000, 0.1), (10_000, 10.0)]) == pytest.approx(2.0)
    assert plots.slope([(10, 1.0), (100, 10.0), (1000, 50.0), (10_000, 5000.0)]) == pytest.approx(2.0)


def test_slopes_are_printed_and_linked_to_the_picture():
    text = tables.all_tables([PEERS, ENGINE])["growth"]
    assert text.startswith("![Seconds against n, both axes logarithmic](img/time-against-n.png)\n\n")
    assert "| 2-D | 1.00 | 2.00 |" in text
    assert "growth" not in tables.all_tables([{**PEERS, "rows": []}])


def test_picture_is_drawn_with_its_slopes(tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    drawn = []
    monkeypatch.setattr(plt, "close", drawn.append)
    plots.draw([PEERS, ENGINE], tmp_path / "new" / "time.png")
    assert (tmp_path / "new" / "time.png").read_bytes().startswith(b"\x89PNG")
    one, two = drawn[0].axes
    assert [text.get_text() for text in one.get_legend().get_texts()] == ["parzen (1.00)"]
    assert [text.get_text() for text in two.get_legend().get_texts()] == ["parzen (1.00)", "SciPy (2.00)"]
    np.testing.assert_allclose(two.lines[1].get_xydata(), [(1000, 0.1), (10_000, 10.0)])
    assert two.get_xscale() == two.get_yscale() == "log"


@pytest.mark.parametrize(("n", "text"), [(1000, "10³"), (50_000, "5·10⁴"), (2500, "2500"), (10**7, "10⁷")])
def test_sizes_are_powers_of_ten(n, text):
    assert shapes.power(n) == text


def test_shapes_are_what_they_are_called():
    n, d = 4000, 2
    drawn = {name: shapes.shape(name, n, d) for name in shapes.SHAPES}
    for samples, queries in drawn.values():
        assert samples.shape == queries.shape == (n, d)
        assert not np.array_equal(samples, queries)
    assert np.abs(drawn["heavy tails"][0]).max() > 20
    codes = 8 * drawn["ties"][0]
    assert np.array_equal(codes, np.rint(codes))
    assert len(np.unique(codes, axis=0)) < n
    assert np.abs(drawn["outlier"][0]).max() > 0.9e6 * shapes.bandwidth(n, d)
    spread = np.linalg.svd(drawn["ridge"][0] - drawn["ridge"][0].mean(axis=0), compute_uv=False)
    assert spread[1] < 0.01 * spread[0]


def test_a_broken_promise_is_found_among_the_least_likely():
    samples, queries = shapes.shape("blobs", 300, 2)
    values = parzen.KernelDensity(0.3).fit(samples).evaluate(queries, order=1)
    assert max(shapes.exact_errors(samples, queries, values, 0.3, count=20)) < 1e-9
    worst = np.argmin(values.log_density)
    assert worst in shapes.checked(values.log_density, 20)
    values.log_density[worst] += 1e-8
    with pytest.raises(AssertionError):
        shapes.exact_errors(samples, queries, values, 0.3, count=20)
    values.log_density[worst] -= 1e-8
    values.gradient[worst] *= 1 + 1e-7
    with pytest.raises(AssertionError):
        shapes.exact_errors(samples, queries, values, 0.3, count=20)


def test_results_go_through_json():
    rows = [asdict(row) for row in plots.slope_rows([PEERS])]
    assert json.loads(json.dumps(rows))[0]["figures"] == {
        "parzen": pytest.approx(1.0),
        "SciPy": pytest.approx(2.0),
    }
