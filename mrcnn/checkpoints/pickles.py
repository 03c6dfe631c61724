"""A pickle machine that can only make plain values and what a table allows.

Python's own unpickler could be given such a table too. But it sets attributes, allocates what a
file declares, and hashes any key: nested ones overflow its stack, others collide. This machine
calls functions of this package alone, with arguments that they check.
"""

import pickle
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .limits import MAX_STEPS, Budget
from .pickle_stream import PickleStream
from .pickle_values import READERS, integer, shown, text

Call = Callable[[tuple[Any, ...]], Any]

# (module, name) as in the file, and the function that is called in its place with the tuple of
# arguments; None for a name that is only mentioned; or, as text, why it is refused.
Known = Mapping[tuple[str, str], Call | str | None]

_MAX_INTEGER_KEY = 1 << 31
_MAX_ARGUMENTS = 16
_MARK = object()
_NAMES = {step.code.encode("latin-1"): step.name for step in pickletools.opcodes}


@dataclass(frozen=True)
class Global:
    """A known name that a file mentions.

    Attributes:
        module: as the file says.
        name: in this module.
        call: the function that is called in its place; None if it may not be called.
    """

    module: str
    name: str
    call: Call | None


class Stateful:
    """What may be given a state after it was made."""

    def set_state(self, state: Any) -> None:
        """Take what the file gives as the state, after a check."""
        raise NotImplementedError


def load(stream: PickleStream, known: Known, persistent: Call | None = None) -> Any:
    """Run one pickle, to its end and not beyond.

    Args:
        stream: at its first byte.
        known: what it may mention or call.
        persistent: makes something of a persistent id, a tuple; None if there may be none.

    Returns:
        None, a bool, number, str, bytes, list, tuple, or dict with plain keys; a `Global`; what
        the known functions and `persistent` return; and containers of these.

    Raises:
        ValueError: it is damaged, or does what is not allowed, which the message names.
    """
    return _Machine(stream, known, persistent).run()


def add_item(target: dict[Any, Any], key: Any, value: Any) -> None:
    """Add an item, a key and its value, to the target.

    Raises:
        ValueError: the key is already there; or its hash may be slow or made to collide, so that it
            is none of str, bytes, None, bool and a short int.
    """
    short = isinstance(key, int) and abs(key) < _MAX_INTEGER_KEY
    if not (short or key is None or isinstance(key, str | bytes)):
        raise ValueError(f"refused: {shown(key)} is a key of a dict")
    if key in target:
        raise ValueError(f"damaged: a dict has the key {shown(key)} twice")
    target[key] = value


class _Machine:
    def __init__(self, stream, known, persistent):
        self._stream, self._known, self._persistent = stream, known, persistent
        self._stack = []
        self._memo = {}
        self._steps = Budget(MAX_STEPS, "steps of a pickle")

    def run(self):
        while True:
            self._steps.spend(1)
            code = self._stream.take(1)
            if reader := READERS.get(code):
                self._stack.append(reader(self._stream))
            elif step := _STEPS.get(code):
                step(self)
            elif code == pickle.STOP:
                return self._pop()
            else:
                raise ValueError(f"refused: the pickle has {_NAMES.get(code, code)}")

    def _pop(self):
        if not self._stack or self._stack[-1] is _MARK:
            raise ValueError("damaged: the pickle takes a value that is not there")
        return self._stack.pop()

    def _top(self, kind=object):
        value = self._pop()
        self._stack.append(value)
        if not isinstance(value, kind):
            raise ValueError(f"damaged: the pickle adds items to {shown(value)}")
        return value

    def _since_mark(self):
        values: list[Any] = []
        while self._stack:
            value = self._stack.pop()
            if value is _MARK:
                return values[::-1]
            values.append(value)
        raise ValueError("damaged: the pickle lacks a mark")

    # Containers

    def _mark(self):
        self._stack.append(_MARK)

    def _tuple(self):
        self._stack.append(tuple(self._since_mark()))

    def _tuple_of(self, count):
        values = [self._pop() for _ in range(count)]
        self._stack.append(tuple(values[::-1]))

    def _list(self):
        self._stack.append(self._since_mark())

    def _append(self):
        value = self._pop()
        self._top(list).append(value)

    def _appends(self):
        values = self._since_mark()
        self._top(list).extend(values)

    def _dict(self):
        values = self._since_mark()
        self._stack.append({})
        self._add_items(values)

    def _set_item(self):
        value, key = self._pop(), self._pop()
        self._add_items([key, value])

    def _set_items(self):
        self._add_items(self._since_mark())

    def _add_items(self, values):
        if len(values) % 2:
            raise ValueError("damaged: the pickle has a key without a value")
        target = self._top(dict)
        for place in range(0, len(values), 2):
            add_item(target, values[place], values[place + 1])

    # The memo

    def _put(self, number):
        # Others could be chosen so that their hashes collide.
        if not 0 <= number <= MAX_STEPS:
            raise ValueError(f"refused: the pickle numbers a value {shown(number)}")
        self._memo[number] = self._top()

    def _get(self, number):
        if number not in self._memo:
            raise ValueError(f"damaged: the pickle refers to value {shown(number)}, which it lacks")
        self._stack.append(self._memo[number])

    # Names and calls

    def _global(self):
        module, name = text(self._stream.line()), text(self._stream.line())
        self._refer(module, name)

    def _stack_global(self):
        name, module = self._pop(), self._pop()
        self._refer(module, name)

    def _refer(self, module, name):
        if not (isinstance(module, str) and isinstance(name, str)):
            raise ValueError(f"damaged: the pickle looks up {shown(name)} in {shown(module)}")
        call = self._known.get((module, name), "")
        if isinstance(call, str):
            full = ascii(f"{module}.{name}"[:120])[1:-1]
            why = call or "weights need no code, so save them alone, as a state dict"
            raise ValueError(f"refused: the file calls {full} ({why})")
        self._stack.append(Global(module, name, call))

    def _reduce(self):
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, Global):
            raise ValueError(f"damaged: the pickle calls {shown(function)}")
        if function.call is None:
            raise ValueError(f"refused: the file calls {function.module}.{function.name}")
        self._check(arguments)
        # A list can be used often, so that each use counts.
        self._steps.spend(sum(len(value) for value in arguments if isinstance(value, list)))
        self._stack.append(function.call(arguments))

    def _build(self):
        state, value = self._pop(), self._top()
        if not isinstance(value, Stateful):
            raise ValueError(f"refused: the pickle sets the state of {shown(value)}")
        value.set_state(state)

    def _persistent_id(self):
        value = self._pop()
        if self._persistent is None:
            raise ValueError(f"refused: a persistent id, {shown(value)}")
        self._check(value)
        self._stack.append(self._persistent(value))

    def _check(self, arguments):
        if not isinstance(arguments, tuple) or len(arguments) > _MAX_ARGUMENTS:
            raise ValueError(f"refused: {shown(arguments)} instead of a few arguments")

    # How the pickle is written

    def _protocol(self):
        number = self._stream.number("B")
        if number > pickle.HIGHEST_PROTOCOL:
            raise ValueError(f"pickle protocol {number} is unknown")

    def _frame(self):
        self._stream.number("<Q")


_STEPS: dict[bytes, Callable[[_Machine], None]] = {
    pickle.PROTO: _Machine._protocol,
    pickle.FRAME: _Machine._frame,
    pickle.MARK: _Machine._mark,
    pickle.TUPLE: _Machine._tuple,
    pickle.TUPLE1: lambda machine: machine._tuple_of(1),
    pickle.TUPLE2: lambda machine: machine._tuple_of(2),
    pickle.TUPLE3: lambda machine: machine._tuple_of(3),
    pickle.LIST: _Machine._list,
    pickle.APPEND: _Machine._append,
    pickle.APPENDS: _Machine._appends,
    pickle.DICT: _Machine._dict,
    pickle.SETITEM: _Machine._set_item,
    pickle.SETITEMS: _Machine._set_items,
    pickle.POP: _Machine._pop,
    pickle.POP_MARK: _Machine._since_mark,
    pickle.PUT: lambda machine: machine._put(integer(machine._stream.line())),
    pickle.BINPUT: lambda machine: machine._put(machine._stream.number("B")),
    pickle.LONG_BINPUT: lambda machine: machine._put(machine._stream.number("<I")),
    pickle.MEMOIZE: lambda machine: machine._put(len(machine._memo)),
    pickle.GET: lambda machine: machine._get(integer(machine._stream.line())),
    pickle.BINGET: lambda machine: machine._get(machine._stream.number("B")),
    pickle.LONG_BINGET: lambda machine: machine._get(machine._stream.number("<I")),
    pickle.GLOBAL: _Machine._global,
    pickle.INST: _Machine._global,
    pickle.STACK_GLOBAL: _Machine._stack_global,
    pickle.REDUCE: _Machine._reduce,
    pickle.BUILD: _Machine._build,
    pickle.BINPERSID: _Machine._persistent_id,
}
