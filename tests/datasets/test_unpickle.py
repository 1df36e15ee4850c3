"""Pickles are read without being run, whatever they say."""

import builtins
import contextlib
import copyreg
import io
import os
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from parzen.datasets import unpickle
from parzen.datasets.files import BoundedReader
from parzen.datasets.unpickle import ADMITTED, PickledArray, read_pickle


def read(data: bytes):
    return read_pickle(BoundedReader(io.BytesIO(data), len(data)))


def python2_array(array: np.ndarray, *, binary: bool = True) -> bytes:
    """The instructions with which Python 2 wrote an array (protocol 2; protocol 1 where not binary)."""
    shape = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in array.shape) + b"t"
    code = array.dtype.str[1:].encode()
    false = pickle.NEWFALSE if binary else b"I00\n"
    return (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01(cnumpy\nndarray\nq\x02(K\x00tq\x03U\x01btRq\x04"
        b"(K\x01" + shape + b"cnumpy\ndtype\nq\x05(U" + bytes([len(code)]) + code + b"K\x00K\x01tRq\x06"
        b"(K\x03U\x01" + array.dtype.str[:1].encode() + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + false + b"T" + struct.pack("<i", array.nbytes) + array.tobytes() + b"tb"
    )  # fmt: skip


numeric = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
)


@given(
    array=hnp.arrays(numeric, hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=5)),
    order=st.sampled_from("CF"),
    protocol=st.integers(0, 5),
)
@settings(max_examples=300, deadline=None)
def test_every_numeric_array_survives_every_protocol(array, order, protocol):
    array = np.array(array, order=order)
    back = read(pickle.dumps({"data": array}, protocol))["data"].to_numpy()
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    assert not back.flags.writeable


def test_numpy_1_names_are_admitted():
    data = pickle.dumps(np.arange(6).reshape(2, 3), 4)
    assert b"numpy._core.multiarray" in data
    old = data.replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
    assert len(old) == len(data) - 1
    frame = old.index(pickle.FRAME) + 1
    old = old[:frame] + struct.pack("<Q", len(old) - frame - 8) + old[frame + 8 :]
    np.testing.assert_array_equal(read(old).to_numpy(), np.arange(6).reshape(2, 3))


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("dtype", ["|u1", "<f4", ">f4", "<i8"])
def test_python_2_pickles(binary, dtype):
    array = np.arange(12, dtype=dtype).reshape(3, 4) + np.array(140, dtype)  # bytes that are not ASCII
    body = python2_array(array, binary=binary)
    data = (b"\x80\x02" if binary else b"") + b"}(U\x04data" + body + b"U\x06labels](K\x07K\x09eu."
    expected = pickle.loads(data, encoding="latin1")  # the standard library agrees that this is a pickle
    content = read(data)
    np.testing.assert_array_equal(content["data"].to_numpy(), expected["data"])
    np.testing.assert_array_equal(expected["data"], array)
    assert content["labels"] == [7, 9]


def test_every_admitted_name_is_one_that_numpy_writes():
    """The list is exact: each pair occurs in some pickle of an array, old or new."""
    written = set()
    for protocol in range(6):
        for array in (np.zeros(3), np.zeros((2, 2))[:, ::2]):
            written |= _names(pickle.dumps(array, protocol))
    for module, name in list(written):
        written.add((module.replace("._core", ".core"), name))
    assert set(ADMITTED) == written


def _names(data: bytes) -> set[tuple[str, str]]:
    found = set()

    class Recorder(pickle.Unpickler):
        def find_class(self, module, name):
            found.add((module, name))
            return super().find_class(module, name)

    Recorder(io.BytesIO(data)).load()
    return found


# --- what must not run ---------------------------------------------------------------------------------


class Runs:
    """Pickles to the call ``function(*args)``."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def instance(module: str, name: str, argument: str) -> bytes:
    """INST: a call without a GLOBAL."""
    return b"(" + _text(argument) + b"i" + f"{module}\n{name}\n".encode() + b"."


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def attack_pickles(canary: str) -> dict[str, bytes]:
    """Pickles that make the file ``canary`` when the standard library loads them."""
    code = f"open({canary!r}, 'w').close()"
    shell = f"touch {canary}"
    attacks = {
        f"{function.__name__}-protocol-{protocol}": pickle.dumps({"data": Runs(function, argument)}, protocol)
        for protocol in (0, 2, 4)
        for function, argument in ((os.system, shell), (eval, code), (exec, code))
    }
    attacks["inside-array-state"] = pickle.dumps((np.zeros(3), Runs(builtins.exec, code)))
    attacks["inst"] = b"\x80\x02" + instance("posix", "system", shell)
    attacks["obj"] = b"\x80\x02(cposix\nsystem\n" + _text(shell) + b"o."
    attacks["stack-global"] = (
        b"\x80\x04" + _text("builtins") + _text("exec") + b"\x93" + _text(code) + b"\x85R."
    )
    # an admitted function, which takes the attacker's dict as its own
    attacks["through-dotted-name"] = (
        b"\x80\x04" + _text("numpy") + _text("ndarray.__class__.__base__.__subclasses__") + b"\x93)R0"
        + b"\x80\x04" + _text("os") + _text("system") + b"\x93" + _text(shell) + b"\x85R."
    )  # fmt: skip
    return attacks


ATTACKS = sorted(attack_pickles("canary"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_executed(attack, tmp_path):
    canary = tmp_path / "canary"
    data = attack_pickles(str(canary))[attack]
    pickle.loads(data)
    assert canary.exists(), "the attack must be a real one"
    canary.unlink()
    with pytest.raises(ValueError, match="which a NumPy array does not need"):
        read(data)
    assert not canary.exists()


def test_extension_codes_and_persistent_ids_are_refused():
    copyreg.add_extension("builtins", "len", 240)
    try:
        data = b"\x80\x02\x82\xf0]\x85R."  # EXT1 240: len([])
        assert pickle.loads(data) == 0
        with pytest.raises(ValueError, match="instruction EXT1"):
            read(data)
    finally:
        copyreg.remove_extension("builtins", "len", 240)
    for data, name in ((b"Pnumpy\n.", "PERSID"), (b"]Q.", "BINPERSID"), (b"\x83\x01\x00.", "EXT2")):
        with pytest.raises(ValueError, match=f"instruction {name}"):
            read(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cnumpy\nndarray\n)\x81.",  # NEWOBJ
        b"\x80\x04cnumpy\nndarray\n)}\x92.",  # NEWOBJ_EX
        b"]0.",  # POP
        b"]2.",  # DUP
        b"(1.",  # POP_MARK
        b"\x8f.",  # EMPTY_SET
        b"\x97.",  # NEXT_BUFFER
        b"S'text'\n.",  # STRING, which only Python 2 wrote, in a protocol that cannot hold an array
    ],
)
def test_other_instructions_are_refused(data):
    with pytest.raises(
        ValueError, match=r"it has the instruction [A-Z_]+, which a NumPy array does not need"
    ):
        read(data)


def test_a_class_cannot_be_altered():
    before = dict(vars(PickledArray))
    for target in (b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"c_codecs\nencode\n", b"]", b"}", b"K\x01"):
        with pytest.raises(ValueError, match="it sets the state of something that is not an array"):
            read(b"\x80\x02" + target + b"}" + _text("to_numpy") + b"K\x01sb.")
    assert dict(vars(PickledArray)) == before


@pytest.mark.parametrize(
    "call",
    [
        b"cnumpy\nndarray\n(J\xff\xff\xff\x7ft",  # numpy.ndarray(2**31 - 1): memory without data
        b"cnumpy\ndtype\n" + _text("f8"),  # arguments that are not a tuple
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\nK\x00\x85U\x01bt",
        b"cnumpy.core.multiarray\n_reconstruct\n)",
        b"cnumpy.core.numeric\n_frombuffer\n)",
        b"c_codecs\nencode\n(" + _text("x") + _text("idna") + b"t",
        b"c_codecs\nencode\n(" + _text("x") + b"t",
        b"]]",
        b"N)",
    ],
)
def test_admitted_names_take_only_the_arguments_of_an_array(call):
    with pytest.raises(ValueError, match="it calls something that a NumPy array does not need"):
        read(b"\x80\x02" + call + b"R.")


@pytest.mark.parametrize(
    "array",
    [
        np.array([eval], dtype=object),
        np.array(["text"]),
        np.array([b"text"]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        np.array([1j]),
        np.zeros(2, dtype=[("x", "f4"), ("y", "i4")]),
        np.zeros(2, dtype=np.longdouble),
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_only_plain_numbers(array, protocol):
    with pytest.raises(ValueError):
        read(pickle.dumps(array, protocol)).to_numpy()


def test_a_plain_dtype_with_fields_is_refused():
    """The element type says f4, its state brings fields."""
    data = python2_array(np.zeros(2, "<f4")).replace(b"NNNJ", b"N)}J")
    with pytest.raises(ValueError, match="not of plain numbers"):
        read(data + b".")


# --- what must not cost -------------------------------------------------------------------------------


def array_that_claims(shape: tuple[int, ...], data: bytes = b"abcd", code: bytes = b"u1") -> bytes:
    shape_bytes = b"(" + b"".join(b"\x8a\x0a" + n.to_bytes(10, "little", signed=True) for n in shape) + b"t"
    start = python2_array(np.zeros(4, np.uint8))
    start = start.replace(b"(J\x04\x00\x00\x00t", shape_bytes).replace(b"U\x02u1", b"U\x02" + code)
    return (
        b"\x80\x02" + start[: -len(b"\x00\x00\x00\x00tb") - 4] + struct.pack("<I", len(data)) + data + b"tb."
    )


def test_the_forgery_is_a_pickle():
    np.testing.assert_array_equal(read(array_that_claims((2, 2))).to_numpy(), [[97, 98], [99, 100]])
    np.testing.assert_array_equal(
        pickle.loads(array_that_claims((2, 2)), encoding="latin1"), [[97, 98], [99, 100]]
    )


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ((10**12,), r"shape \(1000000000000,\) and type uint8, with 4 bytes"),
        ((2**32, 2**32), "with 4 bytes"),
        ((2**39, 2**39, 2**39, 4), "with 4 bytes"),
        ((2**62, 4), "impossible shape"),
        ((-1,), "impossible shape"),
        ((-2, -2), "impossible shape"),
        ((1,) * 9, "impossible shape"),
        ((5,), "with 4 bytes"),
        ((3,), "with 4 bytes"),
        ((0, 2**39), "with 4 bytes"),
        ((), "with 4 bytes"),
    ],
)
def test_arrays_that_claim_what_they_do_not_hold(shape, problem):
    def attempt():
        with pytest.raises(ValueError, match=problem):
            read(array_that_claims(shape)).to_numpy()

    assert peak_memory(attempt) < 1_000_000


def peak_memory(function) -> int:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_state_of_the_wrong_kind():
    for state in (b"N", b")", b"(K\x02)N\x89U\x00t", b"]"):
        with pytest.raises(ValueError, match="whose parts are not those of an array"):
            read(b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n)U\x01btR" + state + b"b.")


def test_an_array_is_filled_once():
    body = python2_array(np.zeros(1))
    state = body[body.index(b"(K\x01(") :]
    with pytest.raises(ValueError, match="fills an array twice"):
        read(b"\x80\x02" + body + state + b".")
    with pytest.raises(ValueError, match="array without data"):
        read(body[: -len(state)] + b".").to_numpy()


def test_text_that_is_not_bytes():
    body = python2_array(np.zeros(3, np.uint8)).replace(b"T\x03\0\0\0\0\0\0", _text("€€€"))
    with pytest.raises(ValueError, match="latin-1"):
        read(b"\x80\x02" + body + b".").to_numpy()


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"ab.",  # BINBYTES8
        b"\x80\x04\x8e" + struct.pack("<Q", (1 << 63) - 1) + b"ab.",
        b"\x80\x04\x8e" + struct.pack("<Q", (1 << 64) - 1) + b"ab.",
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"ab.",  # BYTEARRAY8
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"ab.",  # BINUNICODE8
        b"\x80\x03B" + struct.pack("<I", 0xFFFFFFFF) + b"ab.",  # BINBYTES
        b"\x80\x02T" + struct.pack("<i", 0x7FFFFFFF) + b"ab.",  # BINSTRING
        b"\x80\x02T" + struct.pack("<i", -1) + b"ab.",
        b"\x80\x02X" + struct.pack("<I", 0xFFFFFFFF) + b"ab.",  # BINUNICODE
        b"\x80\x02\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"ab.",  # LONG4
        b"\x80\x02\x8b" + struct.pack("<i", -1) + b"ab.",
        b"L" + b"9" * 5000 + b"L\n.",  # LONG: quadratic in its digits
        b"Vtext without an end",
    ],
)
def test_lengths_that_the_file_does_not_hold(data):
    def attempt():
        with pytest.raises(ValueError):
            read(data)

    assert peak_memory(attempt) < 1_000_000


def test_a_huge_memo_index_costs_nothing():
    """The standard library's machine would allocate a table of 2³² entries."""
    assert peak_memory(lambda: read(b"\x80\x02]r\xff\xff\xff\xff.")) < 1_000_000


def test_text_of_one_memo_used_many_times_is_not_copied():
    big, uses = 1_000_000, 10_000
    body = b"c_codecs\nencode\nq\x01X" + struct.pack("<I", big) + b"a" * big + b"q\x02"
    again = b"h\x01h\x02X\x06\x00\x00\x00latin1\x86R"
    data = b"\x80\x02(" + body + again * uses + b"l."
    assert peak_memory(lambda: read(data)) < 5 * big + 1000 * uses


def test_the_number_of_instructions_is_bounded(monkeypatch):
    monkeypatch.setattr(unpickle, "MAX_INSTRUCTIONS", 1000)
    assert len(read(b"(" + b"]" * 997 + b"l.")) == 997
    with pytest.raises(ValueError, match="more than 1000 instructions"):
        read(b"(" + b"]" * 998 + b"l.")


@pytest.mark.parametrize("key", [b"K\x01", b"N", b")", b"]", b"G" + b"\0" * 8])
def test_keys_are_text(key):
    """Numbers can be chosen to collide, and nested tuples to overflow the C stack when hashed."""
    with pytest.raises(ValueError, match="keys are not text"):
        read(b"\x80\x02}" + key + b"Ns.")


def test_deep_nesting_does_not_overflow():
    depth = 200_000
    value = read(b"\x80\x02)" + b"\x85" * depth + b".")
    for _ in range(depth):
        (value,) = value
    assert value == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b".",
        b"\xff",
        b"a.",
        b"]a.",
        b"e.",
        b"]e.",
        b"s.",
        b"}u.",
        b"(Nd.",
        b"}(Nu.",
        b"]]]s.",
        b"}Na.",
        b"h\x00.",
        b"g7\n.",
        b"q\x00.",
        b"\x94.",
        b"t.",
        b"l.",
        b"\x85.",
        b"]\x86.",
        b"R.",
        b")R.",
        b"b.",
        b"\x93.",
        b"]]\x93.",
        b"c\n\n.",
        b"cnumpy\n",
        b"cnumpy ndarray\n\n.",
        b"Ix\n.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
)
def test_damaged_pickles(data):
    with pytest.raises(ValueError):
        read(data)


VALID = [
    pickle.dumps({"data": np.arange(6).reshape(2, 3), "labels": [1, 2]}, protocol) for protocol in range(6)
]


@given(
    st.sampled_from(VALID),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    st.integers(0, 400),
)
@settings(max_examples=500, deadline=None)
def test_mutations_give_a_value_or_a_value_error(data, changes, length):
    changed = bytearray(data)
    for position, byte in changes:
        changed[position % len(changed)] = byte
    try:
        content = read(bytes(changed[: length or None]))
        if isinstance(content, dict) and isinstance(content.get("data"), PickledArray):
            content["data"].to_numpy()
    except ValueError:
        pass


@given(st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_noise_gives_a_value_or_a_value_error(data):
    with contextlib.suppress(ValueError):
        read(data)


def test_an_unknown_escape_in_text_does_not_warn():
    """Found by the search above: pickletools passed the interpreter's own warning on."""
    with pytest.raises(ValueError, match="the instruction STRING, which a NumPy array does not need"):
        read_pickle(io.BytesIO(b"S'\\u'\n."))
