"""The tensors of an ONNX file: their numbers lie in it, or in another file of its folder."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from muggle_convert.checkpoints.beside import beside
from muggle_convert.checkpoints.checkpoint import Record, TensorEntry
from muggle_convert.checkpoints.element_types import DType
from muggle_convert.checkpoints.graphs.graph import Constant
from muggle_convert.checkpoints.graphs.protobuf import COUNT, STRETCH, Field, Protobuf
from muggle_convert.checkpoints.safe_text import printable, shown
from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.checkpoints.torch_globals import LARGEST, MOST_DIMENSIONS
from muggle_convert.errors import Refusal

LONGEST_NAME = 1024
MOST_FILES = 1000  # beside a graph
DIMENSIONS, TYPE, NAME, RAW, OUTSIDE, PLACE = 1, 2, 8, 9, 13, 14  # fields of a tensor
FLOATS = 4  # numbers of float32 by themselves, which lie packed as raw ones do
ONCE = (TYPE, NAME, PLACE)
HERE, ELSEWHERE = 0, 1  # the place of a tensor: in the file, or in another


@dataclass(frozen=True)
class Type:
    """A type of elements, as ONNX calls it; no code where no checkpoint holds such."""

    name: str
    dtype: DType | None = None


TYPES = {
    1: Type("float32", DType.F32), 2: Type("uint8", DType.U8), 3: Type("int8", DType.I8), 4: Type("uint16", DType.U16),
    5: Type("int16", DType.I16), 6: Type("int32", DType.I32), 7: Type("int64", DType.I64), 8: Type("string"), 9: Type("bool", DType.BOOL),
    10: Type("float16", DType.F16), 11: Type("float64", DType.F64), 12: Type("uint32", DType.U32), 13: Type("uint64", DType.U64),
    14: Type("complex64", DType.C64), 15: Type("complex128"), 16: Type("bfloat16", DType.BF16), 17: Type("float8e4m3fn", DType.F8_E4M3),
    18: Type("float8e4m3fnuz", DType.F8_E4M3FNUZ), 19: Type("float8e5m2", DType.F8_E5M2), 20: Type("float8e5m2fnuz", DType.F8_E5M2FNUZ),
    21: Type("uint4"), 22: Type("int4"), 23: Type("float4e2m1"), 24: Type("float8e8m0", DType.F8_E8M0), 25: Type("uint2"), 26: Type("int2"),
}  # fmt: skip


class OnnxTensors:
    """The tensors of one file."""

    def __init__(self, proto: Protobuf, file: SourceFile) -> None:
        self._proto = proto
        self._file = file
        self._beside: dict[str, SourceFile] = {}  # closed again; their sizes and stamps

    def read(self, tensor: Field) -> tuple[Constant, TensorEntry | None]:
        """What it is, and where it lies; None where its numbers are written one by one, or are of a type that no checkpoint holds."""
        name, kind, is_elsewhere = "", 0, False
        shape: list[int] = []
        outside: dict[str, str] = {}
        raw: Field | None = None
        once: set[int] = set()
        for part in self._proto.inside(tensor):
            if part.number in ONCE:  # where they are repeated, readers differ in which one they believe
                if part.number in once:
                    raise Refusal(f"its tensor {printable(name)} says twice what it is or where")
                once.add(part.number)
            if part.number == DIMENSIONS:
                shape += self._proto.counts(part, MOST_DIMENSIONS)
            elif part.number == TYPE and part.kind == COUNT:
                kind = part.value
            elif part.number == NAME:
                name = self._proto.text(part, LONGEST_NAME)
            elif part.number == RAW or (part.number == FLOATS and part.kind == STRETCH):
                if raw is not None:
                    raise Refusal(f"its tensor {printable(name)} has its numbers twice")
                raw = part
            elif part.number == OUTSIDE:
                key, value = self._pair(part)
                if key in outside:
                    raise Refusal(f"its tensor {printable(name)} says twice what it is or where")
                outside[key] = value
            elif part.number == PLACE:
                if part.kind != COUNT or part.value not in (HERE, ELSEWHERE):
                    raise Refusal(f"its tensor {printable(name)} lies in the place {part.value}, which is not known")
                is_elsewhere = part.value == ELSEWHERE
        if kind not in TYPES:
            raise Refusal(f"its tensor {printable(name)} has the element type {kind}, which is not known")
        if len(shape) > MOST_DIMENSIONS or any(side >= LARGEST for side in shape) or math.prod(filter(None, shape)) >= LARGEST:
            raise Refusal(f"its tensor {printable(name)} has the impossible shape {shown(shape)}")
        constant, dtype = Constant(name, TYPES[kind].name, tuple(shape)), TYPES[kind].dtype
        if is_elsewhere:
            size = None if dtype is None else math.prod(shape) * dtype.size
            record = self._outside(constant, outside, size)
        elif raw is None or (raw.number == FLOATS and dtype is not DType.F32):
            return constant, None
        else:
            self._proto.refuse_other(raw)
            record = Record(self._file.path, name, raw.begin, raw.end - raw.begin, raw.end - raw.begin, stamp=self._file.stamp)
        if dtype is None:
            return constant, None
        entry = TensorEntry(name, dtype, constant.shape, record, 0)
        if entry.size != record.size:
            raise Refusal(
                f"its tensor {printable(name)} of {constant.type} {shown(shape)} takes {entry.size:,} bytes, and {record.size:,} are there"
            )
        return constant, entry

    def _outside(self, constant: Constant, place: dict[str, str], size: int | None) -> Record:
        """In a file of the same folder, as many bytes as the tensor takes, and all of them there."""
        name = constant.name
        file = self._opened(place.get("location", ""))
        numbers = {key: _number(name, key, place[key]) for key in ("offset", "length") if key in place}
        offset = numbers.get("offset", 0)
        length = numbers.get("length", size if size is not None else 0)
        if offset + length > file.size:
            raise Refusal(
                f"its tensor {printable(name)} lies in {printable(file.path.name)} from byte {offset:,} to {offset + length:,}, and that has "
                f"{file.size:,}; it is cut off, or belongs to another graph"
            )
        return Record(file.path, name, offset, length, length, stamp=file.stamp)

    def _opened(self, location: str) -> SourceFile:
        if location not in self._beside:
            if len(self._beside) >= MOST_FILES:
                raise Refusal(f"its tensors lie in more than {MOST_FILES:,} other files")
            with SourceFile(beside(self._file.path, location, "file of weights")) as file:
                self._beside[location] = file
        return self._beside[location]

    def _pair(self, part: Field) -> tuple[str, str]:
        key = value = ""
        for inner in self._proto.inside(part):
            if inner.number == 1:
                key = self._proto.text(inner, LONGEST_NAME)
            elif inner.number == 2:
                value = self._proto.text(inner, LONGEST_NAME)
        return key, value


def is_outside(proto: Protobuf, tensor: Field) -> bool:
    """Whether a tensor says that its numbers are in another file."""
    return any(
        part.number == OUTSIDE or (part.number == PLACE and (part.kind != COUNT or part.value != HERE)) for part in proto.inside(tensor)
    )


def _number(name: str, key: str, text: str) -> int:
    if re.fullmatch(r"[0-9]{1,18}", text) is None:
        raise Refusal(f"its tensor {printable(name)} has the {key} {printable(text)!r} in another file, which is no number of bytes")
    return int(text)
