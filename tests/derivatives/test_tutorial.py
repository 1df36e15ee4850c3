"""Each system of docs/derivatives-of-functions.md, as the page shows it: the page's own code is run."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from parzen import differentiate

PAGE = Path(__file__).parents[2] / "docs" / "derivatives-of-functions.md"
BLOCKS = re.findall(
    r"<!-- run: (?P<name>[\w-]+)(?P<needs>[\w ,]*) -->\n```python\n(?P<code>.*?)```",
    PAGE.read_text(encoding="utf-8"),
    re.S,
)


def test_every_system_is_on_the_page():
    assert [name for name, _, _ in BLOCKS] == [
        "by-hand",
        "np-gradient",
        "approx-fprime",
        "error-control",
        "torch-autograd",
        "torch-gradient",
        "jax",
        "sympy",
        "descent",
        "density",
        "checks",
        "sparse",
    ]


@pytest.mark.parametrize(("name", "needs", "code"), BLOCKS, ids=[name for name, _, _ in BLOCKS])
def test_the_page_runs(name, needs, code, monkeypatch, tmp_path):
    for package in needs.split():
        pytest.importorskip(package, reason=f"the block {name} needs {package}")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, f"{PAGE.name}:{name}", "exec"), {"__name__": name})


def test_the_table_of_what_does_not_converge():
    rows = re.findall(
        r"^\| `(differentiate\(.+\))` \| (\S+) ± (\S+)\W.*?\| (.+?) \|$", PAGE.read_text("utf-8"), re.M
    )
    assert len(rows) == 5
    for call, value, error, _ in rows:
        found = eval(call, {"differentiate": differentiate, "math": math})
        assert not found.converged
        np.testing.assert_allclose([found.value, found.error], [float(value), float(error)], rtol=1e-6)
