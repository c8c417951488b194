"""Small files of PyTorch's older format, made by hand: what is read, and what is refused."""

import os
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest

from explorer.errors import ModelError
from explorer.models.torch_weights import MAGIC, PROTOCOL, read_torch_weights

MACHINE = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


class Name:
    """Pickled as the bare name of a class or function of a module that need not exist."""

    def __init__(self, module, name):
        self.opcode = f"c{module}\n{name}\n".encode()


class Call:
    """Pickled as a call of a :class:`Name`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


class Storage:
    """Pickled as the persistent id of a storage."""

    def __init__(self, key, count, kind="FloatStorage"):
        self.id = ("storage", Name("torch", kind), key, "cpu", count, None)


REBUILD = Name("torch._utils", "_rebuild_tensor_v2")


def written(thing):
    """The bytes between PROTO and STOP, by a few lines of our own, as PyTorch is not here."""
    match thing:
        case Name():
            return thing.opcode
        case Call():
            return written(thing.function) + written(thing.arguments) + b"R"
        case Storage():
            return written(thing.id) + b"Q"
        case tuple():
            return b"(" + b"".join(map(written, thing)) + b"t"
        case dict():
            return b"}(" + b"".join(written(key) + written(value) for key, value in thing.items()) + b"u"
        case _:
            return pickle.dumps(thing, 2)[2:-1]


def tensor(key, count, *place, kind="FloatStorage"):
    """``place`` is offset, shape, strides."""
    return Call(REBUILD, Storage(key, count, kind), *place, False, Call(Name("collections", "OrderedDict")))


def program(thing):
    return b"\x80\x02" + written(thing) + b"."


def pth(state, storages, *, magic=MAGIC, machine=MACHINE):
    """A whole file: ``state`` as a dictionary of tensors, or as a ready pickle; storages as key → array."""
    head = b"".join(pickle.dumps(part, 2) for part in (magic, PROTOCOL, machine))
    body = state if isinstance(state, bytes) else program(state)
    numbers = b"".join(struct.pack("<q", array.size) + array.tobytes() for array in storages.values())
    return head + body + pickle.dumps(list(storages), 2) + numbers


@pytest.fixture
def read(tmp_path):
    def of(content, **options):
        path = tmp_path / "small.pth"
        path.write_bytes(content)
        return read_torch_weights(path, **options)

    return of


SIX = np.arange(6, dtype="<f4")


def test_reads_tensors_with_offset_and_strides(read):
    state = {
        "whole": tensor("7", 6, 0, (2, 3), (3, 1)),
        "transposed": tensor("7", 6, 0, (3, 2), (1, 3)),
        "tail": tensor("7", 6, 4, (2,), (1,)),
        "count": tensor("9", 1, 0, (), (), kind="LongStorage"),
    }
    weights = read(pth(state, {"7": SIX, "9": np.array([2**40], "<i8")}))
    assert list(weights) == ["whole", "transposed", "tail", "count"]
    assert weights["whole"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert weights["transposed"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert weights["tail"].tolist() == [4, 5]
    assert weights["whole"].dtype == np.float32
    assert (weights["count"].dtype, weights["count"].shape, int(weights["count"])) == (np.int64, (), 2**40)
    assert not weights["whole"].flags.writeable


def test_reads_an_ordered_dictionary_with_attributes(read):
    # as state_dict() is: OrderedDict, filled by SETITEMS, with _metadata as an attribute
    items = written({"w": tensor("7", 6, 0, (6,), (1,))})[2:]
    attributes = written({"_metadata": Call(Name("collections", "OrderedDict"))}) + b"b"
    state = b"\x80\x02" + written(Call(Name("collections", "OrderedDict"))) + b"(" + items + attributes + b"."
    assert read(pth(state, {"7": SIX}))["w"].tolist() == SIX.tolist()


class Evil:
    def __reduce__(self):
        return os.system, ("touch hacked",)


HOSTILE = {
    "os.system": pickle.dumps(Evil(), 2),
    "as a value": program({"w": Call(Name("os", "system"), "touch hacked")}),
    "builtins": program({"w": Call(Name("builtins", "eval"), "open('hacked', 'w')")}),
    "python 2's builtins": program({"w": Call(Name("__builtin__", "eval"), "open('hacked', 'w')")}),
    "in a hook": program(
        {"w": Call(REBUILD, Storage("7", 6), 0, (6,), (1,), False, Call(Name("os", "system"), "touch hacked"))}
    ),
    "in a storage id": program(
        {"w": Call(REBUILD, ("storage", Call(Name("os", "system"), "touch hacked")), 0, (6,), (1,))}
    ),
    "a submodule of an allowed one": program({"w": Call(Name("collections", "abc.sys.exit"))}),
    "another torch name": program({"w": Call(Name("torch", "load"), "other.pth")}),
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch hacked\x85R.",
    "INST": b"(S'touch hacked'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'touch hacked'\no.",
    "NEWOBJ": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
    "EXT1": b"\x80\x02\x82\x01.",
    "a huge memo index": b"\x80\x02}r\xff\xff\xff\x7f.",
    "setting attributes of what is allowed": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}U\x01aK\x01s\x86b.",
    "a list": program([1, 2]),
    "numbers for tensors": program({"w": 3}),
    "a number for a name": program({3: tensor("7", 6, 0, (6,), (1,))}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_refuses_what_is_no_state_dict(read, case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="not a PyTorch state dict"):
        read(pth(HOSTILE[case], {"7": SIX}))
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("opcode", ["STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "EXT1"])
def test_refuses_instructions_that_a_state_dict_does_not_need(read, opcode, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"a state dict has no (STRING|SHORT_BINUNICODE|NEWOBJ|EXT1)"):
        read(pth(HOSTILE[opcode], {"7": SIX}))


WRONG_SIZES = {
    "reaches past the end": tensor("7", 6, 1, (6,), (1,)),
    "strides reach past the end": tensor("7", 6, 0, (2, 3), (4, 1)),
    "repeats itself a billion times": tensor("7", 6, 0, (10**9,), (0,)),
    "negative shape": tensor("7", 6, 0, (-1, -6), (1, 1)),
    "negative stride": tensor("7", 6, 5, (6,), (-1,)),
    "negative offset": tensor("7", 6, -1, (3,), (1,)),
    "shape and strides differ in length": tensor("7", 6, 0, (6,), (1, 1)),
    "shape is no tuple": tensor("7", 6, 0, "6", (1,)),
    "says another count": tensor("7", 5, 0, (5,), (1,)),
    "says a negative count": tensor("7", -6, 0, (6,), (1,)),
    "an unknown type": tensor("7", 6, 0, (6,), (1,), kind="HalfStorage"),
    "no such storage": tensor("8", 6, 0, (6,), (1,)),
    "a true for a number": tensor("7", 6, True, (5,), (1,)),
}


@pytest.mark.parametrize("case", WRONG_SIZES)
def test_refuses_tensors_that_do_not_fit(read, case):
    with pytest.raises(ModelError, match="not a PyTorch state dict"):
        read(pth({"w": WRONG_SIZES[case]}, {"7": SIX}))


def test_refuses_counts_that_promise_more_than_the_file_has(read):
    state = {"w": tensor("7", 2**60, 0, (2**60,), (1,))}
    keys = pickle.dumps(["7"], 2)
    head = pth(state, {})[: -len(pickle.dumps([], 2))]
    with pytest.raises(ModelError, match="damaged"):
        read(head + keys + struct.pack("<q", 2**60) + SIX.tobytes())


def test_refuses_a_file_cut_short_anywhere(read):
    whole = pth({"w": tensor("7", 6, 0, (2, 3), (3, 1))}, {"7": SIX})
    assert read(whole)["w"].shape == (2, 3)
    for length in range(len(whole)):
        with pytest.raises(ModelError, match="damaged"):
            read(whole[:length])


@pytest.mark.parametrize(
    "other",
    [pth({}, {}, magic=1), pth({}, {}, machine=MACHINE | {"little_endian": False}), b"PK\x03\x04zip", b"\x00" * 50],
)
def test_refuses_other_formats(read, other):
    with pytest.raises(ModelError, match="older format"):
        read(other)


def test_refuses_long_files_unread_and_missing_ones(read, tmp_path):
    with pytest.raises(ModelError, match="longer than 100 bytes"):
        read(bytes(101), max_bytes=100)
    with pytest.raises(ModelError, match="No such file"):
        read_torch_weights(tmp_path / "none.pth")


def test_the_hand_made_pickles_are_what_pickle_makes():
    state = pickle.loads(program({"a": (1, "b", OrderedDict())}))  # noqa: S301  our own bytes
    assert state == {"a": (1, "b", OrderedDict())}
