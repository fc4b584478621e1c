"""The wire format of protobuf: fields with a number, each of which is a count, a few bytes, or a stretch of the file.

A stretch is a text or a message of further fields; only who knows the message can tell. Nothing is read that is not asked for, so that
gigabytes of weights are stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.errors import Refusal

COUNT, EIGHT_BYTES, STRETCH, FOUR_BYTES = 0, 1, 2, 5  # kinds of fields; 3 and 4 are long out of use
BLOCK = 16 << 10  # read at once
LONGEST_COUNT = 10  # bytes of 64 bits, 7 in each
LARGEST_COUNT = 1 << 64


class Field(NamedTuple):
    """One field: its number, its kind, and a count, or else where its bytes begin and end in the file."""

    number: int
    kind: int
    value: int
    begin: int
    end: int


class Protobuf:
    """The fields of a file, of which a stranger gets no more than a certain number read."""

    def __init__(self, file: SourceFile, most_fields: int) -> None:
        self.size = file.size
        self._file = file
        self._most = self._left = most_fields
        self._start = 0
        self._block = b""

    def fields(self, begin: int, end: int) -> Iterator[Field]:
        """Those of the message that lies there, in order."""
        position = begin
        while position < end:
            self._left -= 1
            if self._left < 0:
                raise Refusal(f"it has more than the {self._most:,} fields that a graph is allowed")
            tag, after = self._count(position, end)
            number, kind, count = tag >> 3, tag & 7, 0
            if kind == COUNT:
                count, finish = self._count(after, end)
            elif kind == STRETCH:
                length, after = self._count(after, end)
                finish = after + length
            elif kind in (EIGHT_BYTES, FOUR_BYTES):
                finish = after + (8 if kind == EIGHT_BYTES else 4)
            else:
                raise Refusal(f"its ONNX is broken at byte {position:,}: there is no kind of field {kind}")
            if not number or finish > end:
                wrong = "a field reaches beyond what it is part of" if number else "a field has the number 0"
                raise Refusal(f"its ONNX is broken at byte {position:,}: {wrong}; it is cut off or damaged")
            yield Field(number, kind, count, after, finish)
            position = finish

    def inside(self, field: Field) -> Iterator[Field]:
        """The fields of the message that a field holds."""
        self.refuse_other(field)
        return self.fields(field.begin, field.end)

    def raw(self, field: Field, most: int) -> bytes:
        """The bytes of a stretch that has no reason to be long."""
        self.refuse_other(field)
        length = field.end - field.begin
        if length > most:
            raise Refusal(f"it holds a text of {length:,} bytes, more than the {most:,} that are allowed")
        start = field.begin - self._start
        if start >= 0 and start + length <= len(self._block):
            return self._block[start : start + length]
        return self._file.read(field.begin, length)

    def text(self, field: Field, most: int) -> str:
        try:
            return self.raw(field, most).decode("utf-8")
        except UnicodeDecodeError:
            raise Refusal(f"its ONNX is broken at byte {field.begin:,}: a text is not in UTF-8") from None

    def counts(self, field: Field, most: int) -> list[int]:
        """A count, or the several that lie packed in a stretch."""
        if field.kind == COUNT:
            return [field.value]
        self.refuse_other(field)
        found: list[int] = []
        position = field.begin
        while position < field.end:
            count, position = self._count(position, field.end)
            found.append(count)
            if len(found) > most:
                raise Refusal(f"its ONNX is broken at byte {field.begin:,}: a list has more than {most} numbers")
        return found

    def _count(self, position: int, end: int) -> tuple[int, int]:
        """A number, seven bits in each byte, and where the next thing begins."""
        start = position - self._start
        if start < 0 or start + LONGEST_COUNT > len(self._block):
            self._block = self._file.read(position, min(BLOCK, self.size - position))
            self._start, start = position, 0
        if position < end and self._block[start] < 0x80:  # most are a single byte
            return self._block[start], position + 1
        bits = self._block[start : start + min(LONGEST_COUNT, end - position)]
        value = 0
        for place, byte in enumerate(bits):
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                if value >= LARGEST_COUNT:
                    break
                return value, position + place + 1
        raise Refusal(f"its ONNX is broken at byte {position:,}: a number does not end; it is cut off or damaged")

    def refuse_other(self, field: Field) -> None:
        if field.kind != STRETCH:
            raise Refusal(f"its ONNX is broken at byte {field.begin:,}: field {field.number} is a number where text or a message belongs")
