"""docs/choosing-a-bandwidth.md: its code runs, its pictures are there, and it names every method."""

import re
from pathlib import Path

import numpy as np
import pytest

from parzen.bandwidth.selection import METHODS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "choosing-a-bandwidth.md"


@pytest.fixture
def page():
    """The text of the page."""
    return PAGE.read_text(encoding="utf-8")


def test_code_runs(page):
    found = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, found)
    assert repr(found["b"]) == "Bandwidth(0.3093, kind='scalar', method='sheather-jones')"
    assert found["b"].reason == "auto: plug-in in one dimension"
    assert found["kde"].bandwidth_ == float(found["b"])
    assert found["search"].best_params_["adaptive"] == "knn"
    np.testing.assert_array_equal(found["own"].bandwidth_factors_, found["tenth"])


def test_pictures_are_there(page):
    pictures = re.findall(r"\]\((img/.*?)\)", page)
    assert len(pictures) == 5
    for picture in pictures:
        assert (PAGE.parent / picture).read_bytes()[1:4] == b"PNG"


def test_every_method_is_named(page):
    for name in METHODS:
        assert f"`{name}`" in page, name
