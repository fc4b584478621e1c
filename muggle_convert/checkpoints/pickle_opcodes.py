"""The instructions of pickles, as Python's pickletools name them: those that Python writes for protocols 2 to 5, and those that are refused.

An instruction here is a function of the machine's state. None of them calls, imports or hashes anything that the pickle names.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from muggle_convert.checkpoints.pickle_state import LONGEST_NAME, PickleState, inert
from muggle_convert.checkpoints.pickle_values import Global, Pairs
from muggle_convert.errors import Refusal

DEEPEST_MARKS = 1000  # a pickler has one or two marks open for each level of nesting
LONGEST_INTEGER = 255  # bytes; random number generators keep 128 bits, nothing keeps more than this


def _mark(machine: PickleState) -> None:
    if len(machine.marked) >= DEEPEST_MARKS:
        raise Refusal(f"its pickle nests deeper than {DEEPEST_MARKS} levels")
    machine.marked.append(machine.stack)
    machine.stack = []


def _integer(machine: PickleState, length: int) -> None:
    if length > LONGEST_INTEGER:
        raise Refusal(f"its pickle has an integer of {length:,} bytes, too long for a checkpoint")
    machine.push(int.from_bytes(machine.take(length), "little", signed=True))


def _string_of_python_2(machine: PickleState, length: int) -> None:
    """Python 2 wrote text and bytes the same way; valid UTF-8 is taken for text."""
    raw = machine.take(length)
    try:
        machine.push(raw.decode("utf-8"))
    except UnicodeDecodeError:
        machine.push(raw)


def _new_object(machine: PickleState) -> None:
    """Without arguments, creating an object equals calling its class; with arguments only a call is understood."""
    kind, arguments = machine.pop(2)
    if arguments == ():
        machine.build(kind, arguments)
    else:
        machine.push(inert(kind, arguments))


def _new_object_with_keywords(machine: PickleState) -> None:
    kind, arguments, keywords = machine.pop(3)
    machine.push(inert(kind, (arguments, keywords)))


def _named_on_stack(machine: PickleState) -> None:
    module, name = machine.pop(2)
    if type(name) is not str or type(module) is not str or max(len(name), len(module)) > LONGEST_NAME:
        raise Refusal(f"its pickle is broken at byte {machine.position}: a global is not named by two strings")
    machine.push(Global(module, name))


OPERATIONS: dict[int, Callable[[PickleState], None]] = {
    ord("("): _mark,
    ord("N"): lambda machine: machine.push(None),
    0x88: lambda machine: machine.push(True),
    0x89: lambda machine: machine.push(False),
    ord("K"): lambda machine: machine.push(machine.number(1)),
    ord("M"): lambda machine: machine.push(machine.number(2)),
    ord("J"): lambda machine: _integer(machine, 4),
    0x8A: lambda machine: _integer(machine, machine.number(1)),
    0x8B: lambda machine: _integer(machine, machine.number(4)),
    ord("G"): lambda machine: machine.push(struct.unpack(">d", machine.take(8))[0]),
    0x8C: lambda machine: machine.push(machine.text(machine.take(machine.number(1)))),
    ord("X"): lambda machine: machine.push(machine.text(machine.take(machine.number(4)))),
    0x8D: lambda machine: machine.push(machine.text(machine.take(machine.number(8)))),
    ord("U"): lambda machine: _string_of_python_2(machine, machine.number(1)),
    ord("T"): lambda machine: _string_of_python_2(machine, machine.number(4)),
    ord("C"): lambda machine: machine.push(machine.take(machine.number(1))),
    ord("B"): lambda machine: machine.push(machine.take(machine.number(4))),
    0x8E: lambda machine: machine.push(machine.take(machine.number(8))),
    0x96: lambda machine: machine.push(machine.take(machine.number(8))),
    ord(")"): lambda machine: machine.push(()),
    0x85: lambda machine: machine.push(tuple(machine.pop(1))),
    0x86: lambda machine: machine.push(tuple(machine.pop(2))),
    0x87: lambda machine: machine.push(tuple(machine.pop(3))),
    ord("t"): lambda machine: machine.push(tuple(machine.since_mark())),
    ord("]"): lambda machine: machine.push([]),
    0x8F: lambda machine: machine.push([]),  # a set, for which a list will do here
    0x91: lambda machine: machine.push(machine.since_mark()),  # a frozen set
    ord("a"): lambda machine: machine.extend(machine.pop(1)),
    ord("e"): lambda machine: machine.extend(machine.since_mark()),
    0x90: lambda machine: machine.extend(machine.since_mark()),
    ord("}"): lambda machine: machine.push(Pairs()),
    ord("s"): lambda machine: machine.set_items(machine.pop(2)),
    ord("u"): lambda machine: machine.set_items(machine.since_mark()),
    ord("c"): lambda machine: machine.push(Global(machine.line(), machine.line())),
    0x93: _named_on_stack,
    ord("R"): lambda machine: machine.build(*machine.pop(2)),
    0x81: _new_object,
    0x92: _new_object_with_keywords,
    ord("b"): lambda machine: machine.set_state(*machine.pop(1)),
    ord("Q"): lambda machine: machine.push(machine.functions.persistent(*machine.pop(1))),
    ord("q"): lambda machine: machine.remember(machine.number(1)),
    ord("r"): lambda machine: machine.remember(machine.number(4)),
    0x94: lambda machine: machine.remember(len(machine.memo)),
    ord("h"): lambda machine: machine.recall(machine.number(1)),
    ord("j"): lambda machine: machine.recall(machine.number(4)),
    0x95: lambda machine: machine.expect(machine.number(8)),
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
