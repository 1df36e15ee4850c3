"""Everything parzen raises or warns with.

Messages read ``` `name` must …; got {value}. {what to do}. ``` so that one sentence names the argument,
the rule, what arrived and the remedy.
"""

__all__ = [
    "AccuracyError",
    "AccuracyWarning",
    "DataError",
    "InputError",
    "InputTypeError",
    "MemoryLimitError",
    "ParzenError",
    "ParzenWarning",
]


class ParzenError(Exception):
    """Base class of every error that parzen raises on purpose."""


class InputError(ParzenError, ValueError):
    """An argument has a value that parzen cannot work with."""


class InputTypeError(ParzenError, TypeError):
    """An argument is not of a kind that parzen can work with."""


class DataError(ParzenError):
    """A data set is missing, unreadable, or not what it claims to be."""


class MemoryLimitError(ParzenError, MemoryError):
    """A result would need more memory than there is."""


class AccuracyError(ParzenError, ArithmeticError):
    """The promised accuracy cannot be kept in float64."""


class ParzenWarning(UserWarning):
    """Base class of parzen's warnings."""


class AccuracyWarning(ParzenWarning):
    """A result is less accurate than asked for."""
