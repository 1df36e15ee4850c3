"""Fixtures shared by all rooms."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# the same examples in every run; the first one of each kind waits for the compiler
settings.register_profile(
    "parzen", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("parzen")

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder of the real MNIST: $PARZEN_DATA, or ../shared/data beside the checkout."""
    candidates = [Path(os.environ["PARZEN_DATA"])] if os.environ.get("PARZEN_DATA") else []
    candidates.append(CHECKOUT.parent / "shared" / "data")
    for folder in (path for base in candidates for path in (base / "mnist", base)):
        if (folder / "train-images-idx3-ubyte.gz").is_file():
            return folder
    pytest.skip(
        f"the real MNIST is in none of {', '.join(map(str, candidates))}; set PARZEN_DATA to its folder"
    )


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(20261121)
