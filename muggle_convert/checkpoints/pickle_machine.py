"""A pickle machine that runs nothing.

It knows the opcodes that Python writes for protocols 2 to 5 and refuses every other one. What a global means is asked
of a `Meaning`, which knows a handful of names; all others become inert objects. No name is imported, no key is hashed,
and nothing recurses, so the input decides neither what runs nor how long.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.names import printable
from muggle_convert.checkpoints.values import Global, Inert, Pairs, Value, is_key
from muggle_convert.errors import Refusal

DEEPEST_MARKS = 1000  # a pickler has one or two marks open for each level of nesting
LONGEST_NAME = 1024  # of a module or a class
LONGEST_INTEGER = 255  # bytes; random number generators keep 128 bits, nothing keeps more than this

PROTO, STOP = 0x80, 0x2E


class Truncated(Refusal):
    """The pickle goes on after the bytes at hand."""


class Meaning(Protocol):
    """What the outside gives a pickle: functions and persistent objects."""

    def call(self, function: Global, arguments: tuple[Value, ...]) -> Value: ...

    def persistent(self, identity: Value) -> Value: ...


class PickleMachine:
    """Reads one pickle from `data`, starting at `position`, which afterwards is the first byte behind it."""

    def __init__(self, data: bytes, meaning: Meaning, limits: Limits, position: int = 0) -> None:
        self.data = data
        self.position = position
        self.meaning = meaning
        self.limits = limits
        self.stack: list[Value] = []
        self.marked: list[list[Value]] = []  # the stacks below each open mark
        self.memo: dict[int, Value] = {}

    def run(self) -> Value:
        start = self.position
        try:
            self._start()
            for _ in range(self.limits.pickle_steps):
                code = self.data[self.position]
                self.position += 1
                if code == STOP:
                    return self._result()
                operation = OPERATIONS.get(code)
                if operation is None:
                    raise Refusal(
                        f"its pickle uses {FORBIDDEN.get(code, f'the unknown opcode 0x{code:02x}')} at byte {self.position - 1}, which "
                        "torch.save never writes"
                    )
                operation(self)
        except IndexError:
            if self.position >= len(self.data):
                raise Truncated(f"its pickle is cut off after {len(self.data) - start:,} bytes") from None
            raise Refusal(f"its pickle is broken at byte {self.position - 1}: it takes a value that is not there") from None
        raise Refusal(f"its pickle has more than {self.limits.pickle_steps:,} instructions, too many for a checkpoint")

    def _start(self) -> None:
        if self.data[self.position] != PROTO or not 2 <= self.data[self.position + 1] <= 5:
            raise Refusal("its pickle is not of protocol 2 to 5; load it where you trust it and save it again with torch.save")
        self.position += 2

    def _result(self) -> Value:
        if len(self.stack) != 1 or self.marked:
            raise Refusal(f"its pickle is broken: it stops with {len(self.stack)} values and {len(self.marked)} marks left over")
        return self.stack[0]

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise Truncated(f"its pickle is cut off: {count:,} bytes were announced and {len(self.data) - self.position:,} are left")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def line(self) -> str:
        end = self.data.find(b"\n", self.position, self.position + LONGEST_NAME)
        if end < 0:
            if self.position + LONGEST_NAME >= len(self.data):
                raise Truncated("its pickle is cut off within a name")
            raise Refusal(f"its pickle has a name of more than {LONGEST_NAME} bytes")
        name = self.text(self.data[self.position : end])
        self.position = end + 1
        return name

    def text(self, raw: bytes) -> str:
        try:
            return raw.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise Refusal(f"its pickle has a string that is not UTF-8, before byte {self.position}") from None

    def since_mark(self) -> list[Value]:
        values = self.stack
        self.stack = self.marked.pop()
        return values

    def remember(self, index: int) -> None:
        if index > self.limits.pickle_steps:
            raise Refusal(f"its pickle remembers a value under the number {index:,}, more than it has values")
        self.memo[index] = self.stack[-1]

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise Refusal(f"its pickle is broken at byte {self.position}: it recalls a value that it never remembered")
        self.stack.append(self.memo[index])

    def extend(self, values: list[Value]) -> None:
        target = self.stack[-1]
        if type(target) is list:
            target.extend(values)
        elif type(target) is Inert:
            target.items.extend(values)
        else:
            raise Refusal(f"its pickle is broken at byte {self.position}: it appends to something that is no list")

    def set_items(self, values: list[Value]) -> None:
        target = self.stack[-1]
        if type(target) is not Pairs and type(target) is not Inert:
            raise Refusal(f"its pickle is broken at byte {self.position}: it sets an entry of something that is no dictionary")
        if len(values) % 2:
            raise Refusal(f"its pickle is broken at byte {self.position}: a key has no value")
        keys = values[::2]
        for key in keys:
            if not is_key(key):
                raise Refusal(
                    f"its pickle has a {type(key).__name__.lower()} as a dictionary key before byte {self.position}; a checkpoint has "
                    "names there"
                )
        target.items.extend(zip(keys, values[1::2], strict=True))

    def set_state(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is Inert:
            target.state = state
        elif type(target) is not Pairs:  # the attributes of an OrderedDict are notes of torch about versions
            raise Refusal(f"its pickle sets the state of something that is no object, before byte {self.position}")

    def build(self, kind: Value, arguments: Value) -> None:
        """A call or a construction, which means something for few names and otherwise gives an inert object."""
        if type(kind) is Global and type(arguments) is tuple:
            self.stack.append(self.meaning.call(kind, arguments))
        else:
            self.stack.append(_inert(kind, arguments))


def _inert(kind: Value, arguments: Value) -> Inert:
    return Inert(kind if type(kind) is Global else None, arguments if type(arguments) is tuple else ())


# Opcodes. Each takes the machine; the names are those of Python's pickletools.


def _mark(machine: PickleMachine) -> None:
    if len(machine.marked) >= DEEPEST_MARKS:
        raise Refusal(f"its pickle nests deeper than {DEEPEST_MARKS} levels")
    machine.marked.append(machine.stack)
    machine.stack = []


def _push(value: Value) -> Callable[[PickleMachine], None]:
    return lambda machine: machine.stack.append(value)


def _unsigned(size: int) -> Callable[[PickleMachine], None]:
    return lambda machine: machine.stack.append(machine.number(size))


def _signed(machine: PickleMachine) -> None:
    machine.stack.append(int.from_bytes(machine.take(4), "little", signed=True))


def _long(size: int) -> Callable[[PickleMachine], None]:
    def operation(machine: PickleMachine) -> None:
        length = machine.number(size)
        if length > LONGEST_INTEGER:
            raise Refusal(f"its pickle has an integer of {length:,} bytes, too long for a checkpoint")
        machine.stack.append(int.from_bytes(machine.take(length), "little", signed=True))

    return operation


def _float(machine: PickleMachine) -> None:
    machine.stack.append(struct.unpack(">d", machine.take(8))[0])


def _text(size: int) -> Callable[[PickleMachine], None]:
    return lambda machine: machine.stack.append(machine.text(machine.take(machine.number(size))))


def _bytes(size: int) -> Callable[[PickleMachine], None]:
    return lambda machine: machine.stack.append(machine.take(machine.number(size)))


def _string_of_python_2(size: int) -> Callable[[PickleMachine], None]:
    """Python 2 wrote text and bytes alike; what is UTF-8 was text."""

    def operation(machine: PickleMachine) -> None:
        raw = machine.take(machine.number(size))
        try:
            machine.stack.append(raw.decode("utf-8"))
        except UnicodeDecodeError:
            machine.stack.append(raw)

    return operation


def _tuple(count: int) -> Callable[[PickleMachine], None]:
    def operation(machine: PickleMachine) -> None:
        if len(machine.stack) < count:
            raise IndexError
        values = tuple(machine.stack[len(machine.stack) - count :])
        del machine.stack[len(machine.stack) - count :]
        machine.stack.append(values)

    return operation


def _tuple_since_mark(machine: PickleMachine) -> None:
    values = machine.since_mark()
    machine.stack.append(tuple(values))


def _frozen_set_since_mark(machine: PickleMachine) -> None:
    values = machine.since_mark()
    machine.stack.append(values)


def _reduce(machine: PickleMachine) -> None:
    arguments = machine.stack.pop()
    machine.build(machine.stack.pop(), arguments)


def _new_object(machine: PickleMachine) -> None:
    """An empty dictionary, say, is the same made or called; with arguments only a call is understood."""
    arguments, kind = machine.stack.pop(), machine.stack.pop()
    if arguments == ():
        machine.build(kind, arguments)
    else:
        machine.stack.append(_inert(kind, arguments))


def _new_object_with_keywords(machine: PickleMachine) -> None:
    keywords, arguments, kind = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    machine.stack.append(_inert(kind, (arguments, keywords)))


def _named_on_stack(machine: PickleMachine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is not str or type(module) is not str or max(len(name), len(module)) > LONGEST_NAME:
        raise Refusal(f"its pickle is broken at byte {machine.position}: a global is not named by two strings")
    machine.stack.append(Global(module, name))


def _append(machine: PickleMachine) -> None:
    value = machine.stack.pop()
    machine.extend([value])


def _set_item(machine: PickleMachine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.set_items([key, value])


def _persistent(machine: PickleMachine) -> None:
    machine.stack.append(machine.meaning.persistent(machine.stack.pop()))


def _frame(machine: PickleMachine) -> None:
    length = machine.number(8)
    if length > len(machine.data) - machine.position:
        raise Truncated(f"its pickle is cut off: a frame of {length:,} bytes was announced")


OPERATIONS: dict[int, Callable[[PickleMachine], None]] = {
    ord("("): _mark,
    ord("N"): _push(None),
    0x88: _push(True),
    0x89: _push(False),
    ord("K"): _unsigned(1),
    ord("M"): _unsigned(2),
    ord("J"): _signed,
    0x8A: _long(1),
    0x8B: _long(4),
    ord("G"): _float,
    0x8C: _text(1),
    ord("X"): _text(4),
    0x8D: _text(8),
    ord("U"): _string_of_python_2(1),
    ord("T"): _string_of_python_2(4),
    ord("C"): _bytes(1),
    ord("B"): _bytes(4),
    0x8E: _bytes(8),
    0x96: _bytes(8),
    ord(")"): _push(()),
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    ord("t"): _tuple_since_mark,
    ord("]"): lambda machine: machine.stack.append([]),
    0x8F: lambda machine: machine.stack.append([]),  # a set; nothing here depends on the difference
    0x91: _frozen_set_since_mark,
    ord("a"): _append,
    ord("e"): lambda machine: machine.extend(machine.since_mark()),
    0x90: lambda machine: machine.extend(machine.since_mark()),
    ord("}"): lambda machine: machine.stack.append(Pairs()),
    ord("s"): _set_item,
    ord("u"): lambda machine: machine.set_items(machine.since_mark()),
    ord("c"): lambda machine: machine.stack.append(Global(machine.line(), machine.line())),
    0x93: _named_on_stack,
    ord("R"): _reduce,
    0x81: _new_object,
    0x92: _new_object_with_keywords,
    ord("b"): lambda machine: machine.set_state(),
    ord("Q"): _persistent,
    ord("q"): lambda machine: machine.remember(machine.number(1)),
    ord("r"): lambda machine: machine.remember(machine.number(4)),
    0x94: lambda machine: machine.remember(len(machine.memo)),
    ord("h"): lambda machine: machine.recall(machine.number(1)),
    ord("j"): lambda machine: machine.recall(machine.number(4)),
    0x95: _frame,
}

FORBIDDEN = {
    ord("0"): "POP",
    ord("1"): "POP_MARK",
    ord("2"): "DUP",
    ord("i"): "INST",
    ord("o"): "OBJ",
    ord("P"): "PERSID",
    0x80: "a second PROTO",
    0x82: "EXT1",
    0x83: "EXT2",
    0x84: "EXT4",
    0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
} | {ord(code): "a text opcode of protocol 0" for code in "ILFSVgpld"}


def refuse_knots(root: Value, deepest: int = 100) -> None:
    """Plain containers must be shallow and free of cycles, so that whoever walks them comes to an end, and say nothing twice."""
    walked: dict[int, bool] = {}  # by identity; True while the container is above the one that is walked
    path = [(root, iter(_children(root)))]
    walked[id(root)] = True
    _refuse_repeated_names(root)
    while path:
        container, children = path[-1]
        for child in children:
            if type(child) not in (list, tuple, Pairs) or not _children(child):
                continue
            if walked.get(id(child)):
                raise Refusal("its pickle has a container that contains itself")
            if id(child) in walked:
                continue
            if len(path) >= deepest:
                raise Refusal(f"its pickle nests containers deeper than {deepest} levels")
            _refuse_repeated_names(child)
            walked[id(child)] = True
            path.append((child, iter(_children(child))))
            break
        else:
            walked[id(container)] = False
            path.pop()


def _refuse_repeated_names(container: Value) -> None:
    names = [key for key, _ in container.items if type(key) is str] if type(container) is Pairs else []
    if len(set(names)) != len(names):
        repeated = next(name for name, count in Counter(names).items() if count > 1)
        raise Refusal(f"its pickle has a dictionary with two entries named {printable(repeated)}")


def _children(container: Value) -> list[Value] | tuple[Value, ...]:
    if type(container) is Pairs:
        return [value for _, value in container.items]
    return container if type(container) in (list, tuple) else ()
