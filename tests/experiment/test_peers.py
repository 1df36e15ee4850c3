import importlib.metadata
import math

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import parzen
from parzen.experiment import peers
from parzen.experiment.peers import PEERS, PeerCheck, check, count, plain_log_density
from parzen.experiment.wording import speed


@pytest.fixture
def easy(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Samples and queries that every package can do."""
    return rng.normal(size=(60, 2)), rng.normal(size=(20, 2))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_plain_sum_is_the_definition(easy: tuple[np.ndarray, np.ndarray]) -> None:
    samples, queries = easy
    terms = [multivariate_normal(sample, 0.3**2).logpdf(queries) for sample in samples]
    expected = logsumexp(terms, axis=0) - math.log(len(samples))
    np.testing.assert_allclose(plain_log_density(samples, queries, 0.3), expected, rtol=0, atol=1e-12)


def test_plain_sum_reaches_the_tail() -> None:
    value = plain_log_density(np.zeros((3, 1)), np.array([[1e3]]), 0.5)
    assert value[0] == pytest.approx(
        -0.5 * 2000.0**2 - math.log(0.5) - 0.5 * math.log(2 * math.pi), rel=1e-14
    )


def test_every_peer_is_right_where_it_can_be(easy: tuple[np.ndarray, np.ndarray]) -> None:
    rows = list(check(*easy, 0.5, PEERS))
    assert [row.peer for row in rows] == [
        "parzen", "scikit-learn", "SciPy", "statsmodels", "KDEpy NaiveKDE", "KDEpy TreeKDE",
    ]  # fmt: skip
    assert len(rows) == count(PEERS)
    for row in rows:
        package = row.peer.split()[0]
        expected = parzen.__version__ if package == "parzen" else importlib.metadata.version(package)
        assert row.version == expected
        assert row.mean_log_density is not None
        assert row.worst_error is not None
        assert abs(row.mean_log_density - row.truth) <= row.worst_error
        assert row.seconds is not None
        assert row.seconds > 0
        assert row.parzen_seconds > 0
    for row in rows[:4]:  # KDEpy adds an epsilon and cuts its kernels off
        assert row.agrees, row
        assert "agrees to" in row.note
    assert "shape of the data's covariance" in rows[2].note


def test_a_refusal_is_shown_with_its_message(rng: np.random.Generator) -> None:
    flat = np.column_stack([rng.normal(size=(50, 2)), np.zeros(50)])  # a constant pixel: singular covariance
    own, scipy = check(flat, flat[:5], 0.5, ("scipy",))
    assert own.agrees
    assert scipy.note.startswith(
        "refuses (LinAlgError): The data appears to lie in a lower-dimensional subspace"
    )
    assert (scipy.mean_log_density, scipy.worst_error, scipy.seconds) == (None, None, None)
    assert scipy.truth == own.truth
    assert not scipy.agrees
    assert speed(scipy) == ""


def test_a_peer_that_is_not_installed_is_shown_with_the_command(
    easy: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(package: str) -> str:
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(peers, "version", absent)
    row = list(check(*easy, 0.5, ("statsmodels",)))[1]
    assert row.note == "not installed: pip install statsmodels"
    assert (row.version, row.truth, row.seconds, row.parzen_seconds) == (None,) * 4


def test_values_that_are_not_finite_are_counted(
    easy: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def underflow(samples: np.ndarray, queries: np.ndarray, bandwidth: float) -> np.ndarray:
        return np.log(np.zeros(len(queries)))

    monkeypatch.setitem(peers._PEERS, "sklearn", (peers._Peer("x", "scikit-learn", 8, underflow),))
    row = list(check(*easy, 0.5, ("sklearn",)))[1]
    assert row.note == "8 of 8 values are not finite"
    assert (row.n_queries, row.mean_log_density, row.worst_error) == (8, -math.inf, math.inf)
    assert speed(row) == ""


def test_a_wrong_value_is_called_wrong(
    easy: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(samples: np.ndarray, queries: np.ndarray, bandwidth: float) -> np.ndarray:
        return plain_log_density(samples, queries, bandwidth) + 12.0

    monkeypatch.setattr(peers, "_ask_parzen", shifted)  # parzen is not spared
    own = next(check(*easy, 0.5, ()))
    assert own.note == "off by up to 12.0 nats"
    assert not own.agrees


def test_no_error_at_all_is_told_in_words(
    easy: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "_ask_parzen", plain_log_density)
    assert next(check(*easy, 0.5, ())).note == "agrees exactly"


def test_the_subset_shrinks_with_the_dimension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_PLAIN_BUDGET", 1000 * 4 * 20)  # pairs × features
    samples = np.zeros((1200, 4))
    own = next(check(samples, samples, 1.0, ()))
    assert (own.n_train, own.n_queries) == (1000, 20)


@pytest.mark.parametrize(
    ("theirs", "ours", "words"),
    [
        (3.0, 0.1, "parzen 30 × faster"),
        (0.1, 0.25, "2.5 × faster than parzen"),
        (1.0, 1.05, "as fast as parzen"),
    ],
)
def test_speed_is_told_in_both_directions(theirs: float, ours: float, words: str) -> None:
    assert speed(PeerCheck("a", "1", 0.2, 9, 9, 1.0, 1.0, 0.0, theirs, ours, "")) == words


@pytest.mark.mnist
def test_scikit_learn_on_mnist_is_held_against_the_truth(mnist_folder: object) -> None:
    from parzen.datasets import load

    data = load("mnist", data_dir=mnist_folder)
    own, sklearn = check(data.train, data.validation[:200], 0.2, ("sklearn",))
    assert own.agrees
    assert sklearn.worst_error is not None
    assert sklearn.agrees or f"off by up to {sklearn.worst_error:.1f} nats" == sklearn.note


def test_one_time_for_parzen_itself() -> None:
    """The table printed two for the same calls."""
    (own,) = check(np.zeros((3, 2)), np.ones((2, 2)), 0.5, ())
    assert own.seconds == own.parzen_seconds
