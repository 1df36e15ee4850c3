"""The code of docs/gradients-of-data.md runs, and what it says holds."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[3] / "docs" / "gradients-of-data.md"


def test_the_page_runs():
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(block, names)
    assert names["dz_dx"].shape == names["z"].shape
    assert names["axes"].get_xlim() == (0, 2)  # x is across
    assert 0.09 < names["result"].noise < 0.11


def test_pictures_are_there():
    for name in re.findall(r"\]\((img/[^)]+)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / name).stat().st_size > 10_000


def test_numpy_still_differs_as_the_table_says():
    """If one of these fails, NumPy has changed: correct the table."""
    with pytest.raises(IndexError):
        np.gradient(np.ones(1), np.array([1.0]))
    with pytest.raises(ValueError, match="scalars or 1d"):
        np.gradient(np.ones((3, 3)), np.ones((3, 3)), np.ones((3, 3)))
    with pytest.raises(TypeError):
        np.gradient(np.ones(3), np.array([0, 1, 3], "M8[s]"))
    assert np.diff(np.array([True, False])).dtype == bool
