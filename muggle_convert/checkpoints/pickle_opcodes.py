"""The instructions of pickles, as Python's pickletools name them: those that Python writes for protocols 2 to 5, and those that are refused.

An instruction here is a function of the machine's state. None of them calls, imports or hashes anything that the pickle names.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from muggle_convert.checkpoints.pickle_state import LONGEST_NAME, PickleState, inert
from muggle_convert.checkpoints.pickle_values import Global, Pairs, Value
from muggle_convert.errors import Refusal

DEEPEST_MARKS = 1000  # a pickler has one or two marks open for each level of nesting
LONGEST_INTEGER = 255  # bytes; random number generators keep 128 bits, nothing keeps more than this


def _mark(machine: PickleState) -> None:
    if len(machine.marked) >= DEEPEST_MARKS:
        raise Refusal(f"its pickle nests deeper than {DEEPEST_MARKS} levels")
    machine.marked.append(machine.stack)
    machine.stack = []


def _push(value: Value) -> Callable[[PickleState], None]:
    return lambda machine: machine.stack.append(value)


def _unsigned(size: int) -> Callable[[PickleState], None]:
    return lambda machine: machine.stack.append(machine.number(size))


def _signed(machine: PickleState) -> None:
    machine.stack.append(int.from_bytes(machine.take(4), "little", signed=True))


def _long(size: int) -> Callable[[PickleState], None]:
    def operation(machine: PickleState) -> None:
        length = machine.number(size)
        if length > LONGEST_INTEGER:
            raise Refusal(f"its pickle has an integer of {length:,} bytes, too long for a checkpoint")
        machine.stack.append(int.from_bytes(machine.take(length), "little", signed=True))

    return operation


def _float(machine: PickleState) -> None:
    machine.stack.append(struct.unpack(">d", machine.take(8))[0])


def _text(size: int) -> Callable[[PickleState], None]:
    return lambda machine: machine.stack.append(machine.text(machine.take(machine.number(size))))


def _bytes(size: int) -> Callable[[PickleState], None]:
    return lambda machine: machine.stack.append(machine.take(machine.number(size)))


def _string_of_python_2(size: int) -> Callable[[PickleState], None]:
    """Python 2 wrote text and bytes the same way; valid UTF-8 is taken for text."""

    def operation(machine: PickleState) -> None:
        raw = machine.take(machine.number(size))
        try:
            machine.stack.append(raw.decode("utf-8"))
        except UnicodeDecodeError:
            machine.stack.append(raw)

    return operation


def _tuple(count: int) -> Callable[[PickleState], None]:
    def operation(machine: PickleState) -> None:
        if len(machine.stack) < count:
            raise IndexError
        values = tuple(machine.stack[len(machine.stack) - count :])
        del machine.stack[len(machine.stack) - count :]
        machine.stack.append(values)

    return operation


def _tuple_since_mark(machine: PickleState) -> None:
    values = machine.since_mark()
    machine.stack.append(tuple(values))


def _frozen_set_since_mark(machine: PickleState) -> None:
    values = machine.since_mark()
    machine.stack.append(values)


def _reduce(machine: PickleState) -> None:
    arguments = machine.stack.pop()
    machine.build(machine.stack.pop(), arguments)


def _new_object(machine: PickleState) -> None:
    """Without arguments, creating an object equals calling its class; with arguments only a call is understood."""
    arguments, kind = machine.stack.pop(), machine.stack.pop()
    if arguments == ():
        machine.build(kind, arguments)
    else:
        machine.stack.append(inert(kind, arguments))


def _new_object_with_keywords(machine: PickleState) -> None:
    keywords, arguments, kind = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    machine.stack.append(inert(kind, (arguments, keywords)))


def _named_on_stack(machine: PickleState) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is not str or type(module) is not str or max(len(name), len(module)) > LONGEST_NAME:
        raise Refusal(f"its pickle is broken at byte {machine.position}: a global is not named by two strings")
    machine.stack.append(Global(module, name))


def _append(machine: PickleState) -> None:
    value = machine.stack.pop()
    machine.extend([value])


def _set_item(machine: PickleState) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.set_items([key, value])


def _persistent(machine: PickleState) -> None:
    machine.stack.append(machine.functions.persistent(machine.stack.pop()))


def _frame(machine: PickleState) -> None:
    machine.expect(machine.number(8))


OPERATIONS: dict[int, Callable[[PickleState], None]] = {
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
    0x8F: lambda machine: machine.stack.append([]),  # a set, for which a list will do here
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
