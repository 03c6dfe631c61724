"""A pickle machine that can only make plain values and what a table allows."""

import io
import os
import pickle

import pytest

from mrcnn.checkpoints import limits
from mrcnn.checkpoints.numpy_objects import numpy_names
from mrcnn.checkpoints.pickle_stream import PickleStream
from mrcnn.checkpoints.pickles import Global, load

from .writers import Call, Name, Persistent, Raw, pickled, steps


def loaded(data, known=None, persistent=None):
    known = numpy_names(len(data)) if known is None else known
    return load(PickleStream(io.BytesIO(data), len(data)), known, persistent)


class Reduced:
    """Calls a function when it is unpickled freely."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_executed(tmp_path, protocol):
    proof = tmp_path / "proof"
    command = Reduced(os.system, f"touch {proof}")
    for value, name in [
        (command, "system"),
        ({"a": [command]}, "system"),
        (Reduced(getattr, command, "real"), "getattr"),
        (Reduced(getattr, Reduced(__import__, "os"), "system"), "getattr"),
        (Reduced(eval, f"open({str(proof)!r}, 'w')"), "eval"),
    ]:
        with pytest.raises(ValueError, match=rf"refused: the file calls \w+\.{name}"):
            loaded(pickle.dumps(value, protocol))
    assert not proof.exists()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"cos\nsystem\n(S'ls'\ntR.", "os.system"),
        (b"(S'ls'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'ls'\no.", "os.system"),
        (b"\x80\x02csubprocess\nPopen\n)\x81.", "subprocess.Popen"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        # the whole name is known, but not from this module
        (b"\x80\x04\x8c\x05numpy\x8c\x1ccore.multiarray._reconstruct\x93.", "numpy.core.multi"),
        (b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93.", "collections.Ordered"),
        (b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "builtins.bytearray"),
        (b"c\xc3\xa9\nx\n.", r"\\xe9.x"),
    ],
)
def test_names_are_refused(data, name):
    with pytest.raises(ValueError, match=f"refused: the file calls {name}"):
        loaded(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x80\x02\x82\x01.", "the pickle has EXT1"),
        (b"\x80\x02\x84\x01\0\0\0.", "the pickle has EXT4"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "the pickle has NEWOBJ"),
        (b"\x80\x02(ccollections\nOrderedDict\no.", "the pickle has OBJ"),
        (b"\x80\x05\x97.", "the pickle has NEXT_BUFFER"),
        (b"\x80\x04\x8f.", "the pickle has EMPTY_SET"),
        (b"\x80\x02Pabc\n.", "the pickle has PERSID"),
        (b"\x80\x02\xff.", "the pickle has b'.xff'"),
        (b"\x80\x02K\x01Q.", "a persistent id, 1"),
        (b"\x80\x02K\x01)R.", "calls 1"),
        (b"\x80\x02cnumpy\nndarray\n)R.", "the file calls numpy.ndarray"),
        (b"\x80\x02ccollections\nOrderedDict\n]R.", "a list instead of a few arguments"),
        (b"\x80\x04K\x01K\x02\x93.", "looks up 2 in 1"),
        (b"\x80\x02]}b.", "sets the state of a list"),
        (b"\x80\xc8.", "protocol 200"),
        (b"\x80\x02h\x07.", "value 7, which it lacks"),
        (b"\x80\x02K\x01t.", "lacks a mark"),
        (b"\x80\x02(K\x01s.", "not there"),
        (b"\x80\x020.", "not there"),
        (b"\x80\x02.", "not there"),
        (b"\x80\x02(.", "not there"),
        (b"\x80\x02}(K\x01u.", "a key without a value"),
        (b"\x80\x02)K\x01a.", "adds items to a tuple"),
        (b"\x80\x02]K\x01K\x01s.", "adds items to a list"),
        (b"\x80\x02}(K\x01NK\x01Nu.", "the key 1 twice"),
        (b"\x80\x02}]Ns.", "a list is a key"),
        (b"\x80\x02}G" + bytes(8) + b"Ns.", "a float is a key"),
        (b"\x80\x02}(\x8a\x08" + b"\xff" * 7 + b"\x1fNu.", "is a key"),
    ],
)
def test_steps_are_refused(data, reason):
    with pytest.raises(ValueError, match=reason):
        loaded(data)


@pytest.mark.parametrize("step", [b"(", b"}", b")", b"]0"])
def test_steps_are_limited(step, monkeypatch):
    monkeypatch.setattr("mrcnn.checkpoints.pickles.MAX_STEPS", 1000)
    with pytest.raises(ValueError, match="more than 1,000 steps"):
        loaded(step * 1000 + b".")
    assert limits.MAX_STEPS == 1_000_000


@pytest.mark.parametrize("end", [b".", b"K\x01s."])
def test_deep_nesting(end):
    # Python's own hash of such a tuple, as a key, overflows the stack.
    begin = b"\x80\x02}" if end != b"." else b"\x80\x02"
    data = begin + b")" + b"\x85" * 100_000 + end
    if end == b".":
        assert type(loaded(data)) is tuple
    else:
        with pytest.raises(ValueError, match="a tuple is a key"):
            loaded(data)


def test_values_that_hold_themselves():
    made = loaded(b"\x80\x02]q\0h\0a.")
    assert made[0] is made


def test_repeated_use_of_a_list_counts(monkeypatch):
    monkeypatch.setattr("mrcnn.checkpoints.pickles.MAX_STEPS", 15_000)
    pairs = steps([(str(number), None) for number in range(1000)]) + b"\x85q\x01"
    data = b"\x80\x02ccollections\nOrderedDict\nq\0" + pairs
    loaded(data + b"h\0h\x01R" * 3 + b".")
    with pytest.raises(ValueError, match="steps of a pickle"):
        loaded(data + b"h\0h\x01R" * 12 + b".")


def test_many_arguments():
    with pytest.raises(ValueError, match="a tuple instead of a few arguments"):
        loaded(pickled(Call(Name("collections", "OrderedDict"), tuple(range(17)))))


def test_known_names_and_persistent_ids():
    known = {("a", "f"): lambda arguments: sum(arguments), ("a", "g"): None, ("a", "h"): "old"}
    assert loaded(pickled(Call(Name("a", "f"), (1, 2))), known) == 3
    assert loaded(pickled(Name("a", "g")), known) == Global("a", "g", None)
    with pytest.raises(ValueError, match=r"calls a\.h \(old\)"):
        loaded(pickled(Name("a", "h")), known)
    assert loaded(pickled(Persistent((4, 5))), known, lambda value: value[1]) == 5
    with pytest.raises(ValueError, match="7 instead of a few arguments"):
        loaded(pickled(Persistent(7)), known, lambda value: value)


def test_one_pickle_at_a_time():
    data = pickled(1) + pickled(2)
    stream = PickleStream(io.BytesIO(data), len(data))
    assert [load(stream, {}), load(stream, {})] == [1, 2] and stream.left == 0


def test_the_stack_and_the_memo():
    assert loaded(b"(K\x01K\x02l.") == [1, 2]
    assert loaded(b"K\x05(K\x011.") == 5
    assert loaded(b"(K\x05p0\n0g0\nr\x01\0\0\0j\x01\0\0\0t.") == (5, 5)
    assert loaded(b"\x80\x04K\x03\x940h\0.") == 3
    assert loaded(pickled({"a": Raw(b"(K\x01K\x02d")})) == {"a": {1: 2}}


@pytest.mark.parametrize("number", [-1, 2**61 - 1, limits.MAX_STEPS + 1])
def test_numbers_whose_hashes_may_collide(number):
    with pytest.raises(ValueError, match=f"refused: the pickle numbers a value {number}"):
        loaded(b"Np%d\n." % number)
    assert loaded(b"Np%d\n." % limits.MAX_STEPS) is None
