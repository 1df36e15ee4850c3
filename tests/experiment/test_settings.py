import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parzen.errors import InputError, InputTypeError
from parzen.experiment.peers import PEERS
from parzen.experiment.settings import BANDWIDTHS, Settings, parse_bandwidths, parse_peers


@pytest.mark.parametrize("field", ["first", "n_train", "n_valid", "n_test", "repeats"])
def test_sizes_below_one_are_refused_by_the_name_of_their_option(field: str) -> None:
    option = "--" + field.replace("_", "-")
    with pytest.raises(InputError, match=f"`{option}` must be at least 1; got 0"):
        Settings("digits", **{field: 0})


def test_there_must_be_a_bandwidth() -> None:
    with pytest.raises(InputError, match="`--bandwidths` must have at least one value"):
        Settings("digits", bandwidths=())


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_must_fit_the_generator(seed: int) -> None:
    with pytest.raises(InputError, match="`--seed` must be"):
        Settings("digits", seed=seed)


def test_a_size_must_be_an_integer() -> None:
    with pytest.raises(InputTypeError, match="`--n-train` must be an integer"):
        Settings("digits", n_train=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "0.1,", "0.1;0.2", "a", "0", "-0.2", "0.1,nan", "inf"])
def test_unreadable_bandwidths_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match=r"`--bandwidths` must be positive numbers .* Write, for example"):
        parse_bandwidths(text)


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=9, unique=True))
def test_bandwidths_come_back_from_the_command_line_to_the_last_digit(values: list[float]) -> None:
    command = shlex.split(Settings("digits", bandwidths=tuple(values)).command_line())
    if tuple(values) != BANDWIDTHS:
        assert parse_bandwidths(command[command.index("--bandwidths") + 1]) == tuple(values)


def test_peers() -> None:
    assert parse_peers("sklearn, SciPy,sklearn") == ("sklearn", "scipy")
    assert parse_peers("none") == ()
    assert parse_peers(",".join(PEERS)) == PEERS


@pytest.mark.parametrize("text", ["", "sklearn,none", "R", "sklearn,,scipy"])
def test_unknown_peers_are_refused_with_the_names_that_exist(text: str) -> None:
    with pytest.raises(InputError, match=r"`--check-against` must be .*sklearn, scipy, statsmodels, kdepy"):
        parse_peers(text)


def test_command_line_says_only_what_differs_from_the_defaults() -> None:
    assert Settings("digits").command_line() == "parzen experiment digits --force"
    settings = Settings(
        "mnist",
        data_dir=Path("my data"),
        first=10,
        n_test=3,
        refine=True,
        repeats=2,
        check_against=(),
        seed=7,
        out=Path("my results"),
    )
    assert settings.command_line() == (
        "parzen experiment mnist --data 'my data' --first 10 --n-test 3 --refine --repeats 2 "
        "--check-against none --seed 7 --out 'my results' --force"
    )


def test_the_size_of_one_split_wins_over_first() -> None:
    wanted = Settings("digits", first=10, n_test=3).rows_wanted()
    assert wanted == {"train": ("--first", 10), "validation": ("--first", 10), "test": ("--n-test", 3)}
