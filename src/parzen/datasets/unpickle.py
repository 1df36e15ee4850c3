"""Read pickles of NumPy arrays without running them.

A pickle is a program, and the `pickle` module is the machine that runs it. This module has a machine of its
own, which can build tuples, lists, dicts with text keys, numbers, text, and arrays; it has no means to import
or to call anything. The names that a NumPy array needs (`ADMITTED`) are recognised, never looked up; every
other name, and every instruction that an array does not need, is refused. Pickles of Python 2 (protocols 1
and 2) and of Python 3 (0 to 5) are read alike.

What a hostile pickle can cost is bounded as well: by the limit of the stream it comes from, by
`MAX_INSTRUCTIONS`, and because an array is a claim (`PickledArray`) that is compared with the bytes that are
really there before it becomes one.
"""

import math
import pickletools
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parzen.datasets.files import Stream

__all__ = ["ADMITTED", "MAX_INSTRUCTIONS", "PickledArray", "read_pickle"]

#: The only (module, name) pairs that a pickle may mention. NumPy 2 moved its own from `core` to `_core`.
ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy.core.numeric", "_frombuffer"): "frombuffer",  # protocol 5
    ("numpy._core.numeric", "_frombuffer"): "frombuffer",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",  # how Python 3 writes bytes for Python 2
}

#: The largest real file, the training set of CIFAR-100, has about 300 000.
MAX_INSTRUCTIONS = 1_000_000

_DTYPES = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
_MAX_LENGTH = 1 << 40

_LITERALS = frozenset([
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT",
    "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
])  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS = frozenset(["PUT", "BINPUT", "LONG_BINPUT"])
_GETS = frozenset(["GET", "BINGET", "LONG_BINGET"])


class _Name:
    """A recognised (module, name) pair: a word of the vocabulary, not the thing it names."""

    def __init__(self, role: str) -> None:
        self.role = role


class _PickledDtype:
    """The claim of an element type."""

    def __init__(self, args: tuple[Any, ...]) -> None:
        if not args or not isinstance(args[0], str) or args[0] not in _DTYPES:
            raise ValueError("it has an array that is not of plain numbers")
        self.code: str = args[0]
        self.byte_order = ""

    def set_state(self, state: Any) -> None:
        """Take the byte order; refuse fields, sub-arrays and whatever else a dtype can carry."""
        match state:
            case (3 | 4, "<" | ">" | "|" as byte_order, None, None, None, -1, -1, 0, *_):
                self.byte_order = byte_order
            case _:
                raise ValueError("it has an array that is not of plain numbers")


class PickledArray:
    """The claim of an array: nothing is allocated until `to_numpy`."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] | None = None

    def set_state(self, state: Any) -> None:
        """Take shape, element type, memory order and data."""
        match state:
            case (
                1,
                tuple() as shape,
                _PickledDtype() as dtype,
                bool() | 0 | 1 as fortran,
                str() | bytes() as data,
            ):
                self.fill(shape, dtype, "F" if fortran else "C", data)
            case _:
                raise ValueError("it has an array whose parts are not those of an array")

    def fill(
        self, shape: tuple[Any, ...], dtype: _PickledDtype, order: str, data: str | bytes | bytearray
    ) -> None:
        """Set every part of the claim, once."""
        if len(shape) > 8 or not all(type(n) is int and 0 <= n < _MAX_LENGTH for n in shape):
            raise ValueError("it has an array of an impossible shape")
        if self.shape is not None:
            raise ValueError("it fills an array twice")
        self.shape = shape
        self._dtype, self._order, self._data = dtype, order, data

    def to_numpy(self) -> NDArray[Any]:
        """Return the array, a read-only view of its bytes.

        Raises
        ------
        ValueError
            The bytes are not exactly those that shape and element type need.
        """
        if self.shape is None:
            raise ValueError("it has an array without data")
        # Byte strings of Python 2 arrive as text, one character a byte.
        data = self._data.encode("latin-1") if isinstance(self._data, str) else self._data
        dtype: np.dtype[Any] = np.dtype(self._dtype.byte_order + self._dtype.code)
        if math.prod(self.shape) * dtype.itemsize != len(data):
            raise ValueError(
                f"it claims an array of shape {self.shape} and type {dtype}, with {len(data)} bytes"
            )
        array = np.frombuffer(data, dtype).reshape(self.shape, order="F" if self._order == "F" else "C")
        array.flags.writeable = False
        return array


def _call(function: Any, args: Any) -> Any:
    """Do what a REDUCE asks for, if it is one of the four steps that build an array."""
    match (function.role if isinstance(function, _Name) else None, args):
        case ("reconstruct", (_Name(role="ndarray"), tuple(), "b" | b"b")):
            return PickledArray()
        case (
            "frombuffer",
            (bytes() | bytearray() as data, _PickledDtype() as dtype, tuple() as shape, "C" | "F" as o),
        ):
            array = PickledArray()
            array.fill(shape, dtype, o, data)
            return array
        case ("dtype", tuple()):
            return _PickledDtype(args)
        case ("encode", (str() as text, "latin1" | "latin-1")):
            return text  # one character a byte, like the strings of Python 2: see PickledArray.to_numpy
    raise ValueError("it calls something that a NumPy array does not need")


def _name(module: Any, name: Any) -> _Name:
    """Recognise an admitted name."""
    if not (isinstance(module, str) and isinstance(name, str) and (module, name) in ADMITTED):
        raise ValueError(f"it asks for {f'{module}.{name}'[:80]!r}, which a NumPy array does not need")
    return _Name(ADMITTED[module, name])


def _key(key: Any) -> str:
    """Admit text as the key of a dict: hashing anything else is at the mercy of whoever made it."""
    if isinstance(key, bytes):
        return key.decode("latin-1")
    if not isinstance(key, str):
        raise ValueError("it has a dict whose keys are not text")
    return key


def read_pickle(stream: Stream) -> Any:
    """Read the one object in ``stream``: numbers, text, tuples, lists, dicts, and `PickledArray`.

    Parameters
    ----------
    stream : BoundedReader or binary file
        An unbounded one leaves memory unbounded.

    Raises
    ------
    ValueError
        The pickle is damaged, or has something in it that a NumPy array does not need.

    Examples
    --------
    >>> import io, pickle
    >>> read_pickle(io.BytesIO(pickle.dumps({"data": np.eye(2)})))["data"].to_numpy()
    array([[1., 0.],
           [0., 1.]])
    >>> read_pickle(io.BytesIO(pickle.dumps(eval)))
    Traceback (most recent call last):
        ...
    ValueError: it asks for 'builtins.eval', which a NumPy array does not need
    """
    try:
        with warnings.catch_warnings():
            # pickletools decodes escapes in text, and warns of those it does not know
            warnings.simplefilter("ignore", DeprecationWarning)
            return _run(stream)
    except LookupError as error:  # a stack or memo that does not hold what an instruction needs
        raise ValueError("it is not a well-formed pickle") from error


def _run(stream: Stream) -> Any:
    """Interpret the pickle, one instruction after the other."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    def append(items: list[Any]) -> None:
        if type(stack[-1]) is not list:
            raise ValueError("it appends to something that is not a list")
        stack[-1].extend(items)

    def set_items(items: list[Any]) -> None:
        if type(stack[-1]) is not dict or len(items) % 2:
            raise ValueError("it sets items of something that is not a dict")
        stack[-1].update((_key(key), value) for key, value in zip(items[::2], items[1::2], strict=True))

    arg: Any
    for count, (opcode, arg, _) in enumerate(pickletools.genops(stream)):  # type: ignore[arg-type]
        if count >= MAX_INSTRUCTIONS:
            raise ValueError(f"it has more than {MAX_INSTRUCTIONS} instructions")
        name = opcode.name
        if name in _LITERALS:
            stack.append(arg)
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in _PUTS:
            memo[arg] = stack[-1]
        elif name in _GETS:
            stack.append(memo[arg])
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name in _TUPLES:
            size = _TUPLES[name]
            if size > len(stack):
                raise IndexError
            stack[-size:] = [tuple(stack[-size:])]
        elif name == "MARK":
            marks.append(len(stack))
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name == "LIST":
            stack.append(since_mark())
        elif name == "DICT":
            items = since_mark()
            stack.append({})
            set_items(items)
        elif name == "APPEND":
            item = stack.pop()
            append([item])
        elif name == "APPENDS":
            append(since_mark())
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            set_items([key, value])
        elif name == "SETITEMS":
            set_items(since_mark())
        elif name == "GLOBAL":
            stack.append(_name(*arg.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(_name(module, attribute))
        elif name == "REDUCE":
            args, function = stack.pop(), stack.pop()
            stack.append(_call(function, args))
        elif name == "BUILD":
            state, target = stack.pop(), stack[-1]
            if not isinstance(target, (PickledArray, _PickledDtype)):
                raise ValueError("it sets the state of something that is not an array")
            target.set_state(state)
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"it has the instruction {name}, which a NumPy array does not need")
    raise ValueError("it has no end")
