"""One small, complete experiment that the tests of this room share."""

import os
from pathlib import Path

import pytest

from parzen.experiment import output, protocol
from parzen.experiment.protocol import Outcome
from parzen.experiment.settings import Settings


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings("digits", n_train=200, n_valid=100, n_test=90, refine=True, repeats=3)


@pytest.fixture(scope="session")
def outcome(settings: Settings) -> Outcome:
    return protocol.run(settings)


@pytest.fixture(scope="session")
def contents(outcome: Outcome) -> dict[str, bytes]:
    return output.files(outcome)


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder with the real MNIST files: $PARZEN_DATA, or shared/data beside the checkout."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    for folder in (os.environ.get("PARZEN_DATA"), beside):
        for place in (Path(folder), Path(folder, "mnist")) if folder else ():
            if list(place.glob("train-images*")):
                return place
    pytest.skip(f"the real MNIST files are neither in $PARZEN_DATA nor in {beside}")
