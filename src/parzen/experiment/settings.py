"""What an experiment is asked to do."""

import math
import shlex
from dataclasses import dataclass, fields
from pathlib import Path

from parzen.datasets.splits import SEED
from parzen.errors import InputError
from parzen.experiment.peers import PEERS
from parzen.validation import as_positive_int, as_seed

__all__ = ["BANDWIDTHS", "Settings", "parse_bandwidths", "parse_peers"]

#: The eight values of the tutorial that the experiment comes from, in units of the pixels (0 to 1).
BANDWIDTHS = (0.05, 0.08, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class Settings:
    """The arguments of ``parzen experiment``, checked; messages name the options.

    Raises
    ------
    InputError, InputTypeError
        A size or `repeats` below 1, a bandwidth that is there twice, no bandwidth at all, a seed outside 0 to 2³² - 1,
        a folder of data for the digits.
    """

    dataset: str
    data_dir: Path | None = None
    first: int | None = None
    n_train: int | None = None
    n_valid: int | None = None
    n_test: int | None = None
    bandwidths: tuple[float, ...] = BANDWIDTHS
    refine: bool = False
    repeats: int = 5
    check_against: tuple[str, ...] = PEERS
    seed: int = SEED
    out: Path | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        if self.dataset == "digits" and self.data_dir is not None:
            raise InputError(
                f"`--data` must be left out for digits, which come with scikit-learn; "
                f"got {str(self.data_dir)!r}. Run it without."
            )
        for name in ("first", "n_train", "n_valid", "n_test"):
            if getattr(self, name) is not None:
                as_positive_int(getattr(self, name), _option(name))
        as_positive_int(self.repeats, "--repeats")
        if not self.bandwidths:
            raise InputError("`--bandwidths` must have at least one value; got none. Pass one, such as 0.2.")
        for bandwidth in self.bandwidths:
            if self.bandwidths.count(bandwidth) > 1:
                raise InputError(
                    f"`--bandwidths` must be different from each other; got {bandwidth:g} more than once. "
                    "Write it once."
                )
        as_seed(self.seed, "--seed")

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return self.out or Path(f"parzen-experiment-{self.dataset}")

    def rows_wanted(self) -> dict[str, tuple[str, int | None]]:
        """Return, for each split, the option that says how many rows to use, and its value; None: all."""
        fields = {"train": "n_train", "validation": "n_valid", "test": "n_test"}
        deciding = {split: "first" if getattr(self, name) is None else name for split, name in fields.items()}
        return {split: (_option(name), getattr(self, name)) for split, name in deciding.items()}

    def command_line(self) -> str:
        """Return the command that runs this experiment again, from the same folder, in place of its results."""
        words = ["parzen", "experiment", self.dataset]
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if value != field.default:
                words += [_option(field.name)] if value is True else [_option(field.name), _spelled(value)]
        return shlex.join([*words, "--force"])


def parse_bandwidths(text: str) -> tuple[float, ...]:
    """Read ``0.1,0.2,0.5``.

    Raises
    ------
    InputError
        A piece is not a finite number > 0.

    Examples
    --------
    >>> parse_bandwidths("0.1, 0.25")
    (0.1, 0.25)
    """
    values = []
    for piece in text.split(","):
        try:
            values.append(float(piece))
        except ValueError:
            values.append(math.nan)
        if not (math.isfinite(values[-1]) and values[-1] > 0):
            raise InputError(
                f"`--bandwidths` must be positive numbers separated by commas; got {piece.strip()!r}"
                f"{'' if piece.strip() == text.strip() else f' in {text!r}'}. Write, for example, 0.1,0.2,0.5."
            )
    return tuple(values)


def parse_peers(text: str) -> tuple[str, ...]:
    """Read ``sklearn,scipy`` or ``none``.

    Raises
    ------
    InputError
        A name that is not a peer, or `none` beside a name.

    Examples
    --------
    >>> parse_peers("scipy,sklearn"), parse_peers("none")
    (('scipy', 'sklearn'), ())
    """
    pieces = (piece.strip().lower() for piece in text.split(","))
    names = tuple(dict.fromkeys("sklearn" if piece == "scikit-learn" else piece for piece in pieces))
    if names == ("none",):
        return ()
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise InputError(
            f"`--check-against` must be names out of {', '.join(PEERS)}, separated by commas, or none; "
            f"got {unknown[0]!r}. Leave it out to check against all of them."
        )
    return names


def _option(field: str) -> str:
    """Spell a field as the command line does."""
    return "--data" if field == "data_dir" else "--" + field.replace("_", "-")


def _spelled(value: object) -> str:
    """Spell a value as the command line does."""
    return ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
