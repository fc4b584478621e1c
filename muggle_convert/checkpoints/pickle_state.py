"""The state of a pickle machine: the bytes still to be read, the stack, the marks and the memo.

No name is imported, no key is hashed and nothing recurses here, so the input decides neither what runs nor how long.
"""

from __future__ import annotations

from typing import Protocol

from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.pickle_values import Global, Inert, Pairs, Value, is_key
from muggle_convert.errors import Refusal

LONGEST_NAME = 1024  # of a module or a class


def inert(kind: Value, arguments: Value) -> Inert:
    return Inert(kind if type(kind) is Global else None, arguments if type(arguments) is tuple else ())


class Truncated(Refusal):
    """The pickle goes on after the bytes at hand."""


class Globals(Protocol):
    """What a pickle refers to outside itself: functions and persistent objects."""

    def call(self, function: Global, arguments: tuple[Value, ...]) -> Value: ...

    def persistent(self, identity: Value) -> Value: ...


class PickleState:
    """One pickle in `data`, being read at `position`."""

    def __init__(self, data: bytes, functions: Globals, limits: Limits, position: int = 0) -> None:
        self.data = data
        self.position = position
        self.functions = functions
        self.limits = limits
        self.stack: list[Value] = []
        self.marked: list[list[Value]] = []  # the stacks below each open mark
        self.memo: dict[int, Value] = {}

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise Truncated(f"its pickle is cut off: {count:,} bytes were announced and {len(self.data) - self.position:,} are left")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def expect(self, count: int) -> None:
        """A frame's length is only a hint of how much to read at once, but it has to be true."""
        if count > len(self.data) - self.position:
            raise Truncated(f"its pickle is cut off: a frame of {count:,} bytes was announced")

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

    def push(self, value: Value) -> None:
        self.stack.append(value)

    def pop(self, count: int) -> list[Value]:
        """The last values on the stack, in the order in which they came."""
        start = len(self.stack) - count
        if start < 0:
            raise IndexError
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def since_mark(self) -> list[Value]:
        values = self.stack
        self.stack = self.marked.pop()
        return values

    def remember(self, index: int) -> None:
        if index > self.limits.pickle_steps:
            raise Refusal(f"its pickle remembers a value under the number {index:,}, which exceeds its number of values")
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
            raise Refusal(f"its pickle is broken at byte {self.position}: it appends to something that is not a list")

    def set_items(self, values: list[Value]) -> None:
        target = self.stack[-1]
        if type(target) is not Pairs and type(target) is not Inert:
            raise Refusal(f"its pickle is broken at byte {self.position}: it sets an entry of something that is not a dictionary")
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

    def set_state(self, state: Value) -> None:
        target = self.stack[-1]
        if type(target) is Inert:
            target.state = state
        elif type(target) is not Pairs:  # the attributes of an OrderedDict are notes of torch about versions
            raise Refusal(f"its pickle sets the state of something that is not an object, before byte {self.position}")

    def build(self, kind: Value, arguments: Value) -> None:
        """A call or a construction, which is understood for a few names and otherwise gives an inert object."""
        if type(kind) is Global and type(arguments) is tuple:
            self.stack.append(self.functions.call(kind, arguments))
        else:
            self.stack.append(inert(kind, arguments))
