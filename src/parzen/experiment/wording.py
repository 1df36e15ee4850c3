"""Numbers and times as a person would write them; shared by the report and the terminal."""

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # they use these words
    from parzen.experiment.peers import PeerCheck
    from parzen.experiment.protocol import Row

__all__ = [
    "by_bandwidth",
    "count_of",
    "duration",
    "number",
    "per_second",
    "power",
    "sigma",
    "speed",
    "timing",
    "with_error",
]

_NBSP = "\N{NO-BREAK SPACE}"


def count_of(number: int, what: str) -> str:
    """Say how many there are.

    Examples
    --------
    >>> count_of(1, "pair"), count_of(12_000, "pair")
    ('1 pair', '12,000 pairs')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def timing(seconds: Sequence[float]) -> dict[str, float]:
    """Return the shortest, the median and the mean of several run times."""
    return {"min": min(seconds), "median": statistics.median(seconds), "mean": statistics.fmean(seconds)}


def duration(seconds: float) -> str:
    r"""Write a time as a person would; no line breaks between a number and its unit.

    Examples
    --------
    >>> [duration(seconds).replace("\N{NO-BREAK SPACE}", " ") for seconds in (0.00123, 0.25, 12.34, 200.0)]
    ['1.2 ms', '250 ms', '12.3 s', '3 min 20 s']
    """
    if seconds < 0.01:
        return f"{1e3 * seconds:.1f}{_NBSP}ms"
    if seconds < 0.9995:
        return f"{1e3 * seconds:.0f}{_NBSP}ms"
    if seconds < 99.95:
        return f"{seconds:.2f}{_NBSP}s" if seconds < 9.995 else f"{seconds:.1f}{_NBSP}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}{_NBSP}min{_NBSP}{rest}{_NBSP}s"


def speed(peer: "PeerCheck") -> str:
    """Say who was faster on the same subset, and how many times; nothing where there was no answer.

    Examples
    --------
    >>> from parzen.experiment.peers import PeerCheck
    >>> row = PeerCheck("a", "1", 0.2, 9, 9, 1.0, 1.0, 0.0, 3.0, 0.1, "")
    >>> speed(row)
    'parzen 30 × faster'
    """
    if peer.seconds is None or peer.parzen_seconds is None:
        return ""
    if peer.worst_error == math.inf or peer.peer == "parzen":
        return ""
    ratio = peer.seconds / peer.parzen_seconds
    times = max(ratio, 1 / ratio)
    if times < 1.1:
        return "as fast as parzen"
    return f"parzen {times:.2g} × faster" if ratio > 1 else f"{times:.2g} × faster than parzen"


def number(value: float, digits: int = 4) -> str:
    """Write a number with a real minus sign and thousands apart."""
    if math.isnan(value):
        return "–"
    return f"{value:,.{digits}f}".replace("-", "−").replace("inf", "∞")


def power(value: float) -> str:
    """Write an error of any size in a few characters."""
    if not math.isfinite(value):
        return "∞"
    if value >= 10:
        return f"{value:,.1f}"
    if value == 0 or value >= 0.01:
        return f"{value:.2g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    digits = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} × 10{digits}"


def with_error(row: "Row") -> str:
    """Write a mean and its standard error."""
    mean = number(row.mean_log_density, 2)
    return (
        mean
        if math.isnan(row.standard_error)
        else f"{mean}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{number(row.standard_error, 2)}"
    )


def sigma(value: float, given: Sequence[float] = ()) -> str:
    """Write a bandwidth to four digits, or as it was given.

    Examples
    --------
    >>> sigma(0.174191), sigma(0.123456, [0.123456])
    ('0.1742', '0.123456')
    """
    return f"{value:.6g}" if value in given else f"{value:.4g}"


def by_bandwidth(rows: "Sequence[Row]") -> "list[Row]":
    """Put the rows of each split in the order of their bandwidths; splits stay in theirs."""
    splits = list(dict.fromkeys(row.split for row in rows))
    return sorted(rows, key=lambda row: (splits.index(row.split), row.bandwidth))


def per_second(value: float) -> str:
    """Write a number of pairs a second."""
    return f"{value / 1e9:.2f} billion" if value >= 1e9 else f"{value / 1e6:.3g} million"
