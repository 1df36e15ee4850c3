"""One small, complete experiment that the tests of this room share."""

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
