"""Writing pickles, zip archives and torch files by hand, so that any part of them can be a lie."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

# Pickles. Each function gives the opcodes that put one value on the stack.


def text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def numbers(values: Iterable[int]) -> bytes:
    return group(*map(number, values))


def group(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def glob(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + group(*arguments) + b"R"


def mapping(entries: Mapping[str, bytes] | Iterable[tuple[bytes, bytes]]) -> bytes:
    pairs = [(text(key), value) for key, value in entries.items()] if isinstance(entries, Mapping) else list(entries)
    return b"}(" + b"".join(key + value for key, value in pairs) + b"u"


def storage(key: bytes | str, count: int, kind: bytes = glob("torch", "FloatStorage"), legacy: bool = False) -> bytes:
    key = text(key) if isinstance(key, str) else key
    return group(text("storage"), kind, key, text("cpu"), number(count), *([b"N"] if legacy else [])) + b"Q"


def tensor(place: bytes, shape: Iterable[int], stride: Iterable[int] | None = None, offset: int = 0) -> bytes:
    shape = tuple(shape)
    stride = row_major(shape) if stride is None else tuple(stride)
    return call(glob("torch._utils", "_rebuild_tensor_v2"), place, number(offset), numbers(shape), numbers(stride), b"\x89", b"N")


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[place + 1 :]) for place in range(len(shape)))


def pickled(value: bytes) -> bytes:
    return b"\x80\x02" + value + b"."


def state(arrays: Mapping[str, np.ndarray], legacy: bool = False) -> dict[str, bytes]:
    """The entries of a state dict, with storages numbered in order."""
    return {name: tensor(storage(str(key), array.size, legacy=legacy), array.shape) for key, (name, array) in enumerate(arrays.items())}


# Zip archives.


@dataclass
class Entry:
    """A zip entry, with room for what the directory (central) or the header before the data (local) says otherwise."""

    name: str
    data: bytes  # once inflated
    deflated: bool = False
    flags: int = 0x800
    crc32: int | None = None
    before: bytes = b""  # bytes between the entry before and this one
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)

    def fields(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        crc32 = zlib.crc32(self.data) if self.crc32 is None else self.crc32
        method = 8 if self.deflated else 0
        stored = len(self.packed)
        return {
            "name": self.name,
            "flags": self.flags,
            "method": method,
            "crc32": crc32,
            "stored": stored,
            "size": len(self.data),
            "extra": b"",
            **changes,
        }

    @property
    def packed(self) -> bytes:
        return deflated(self.data) if self.deflated else self.data


@lru_cache(maxsize=256)
def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


def zipped(
    entries: list[Entry], before: bytes = b"", between: bytes = b"", after: bytes = b"", end: Mapping[str, int] | None = None
) -> bytes:
    """`before` the first entry, `between` the last entry and the directory, `after` the end record; `end` replaces what that says."""
    body = bytearray(before)
    directory = bytearray()
    for entry in entries:
        body += entry.before
        place = len(body)
        said = entry.fields(entry.local)
        name = said["name"].encode()
        header = struct.pack(
            "<4s5H3L2H",
            b"PK\x03\x04",
            20,
            said["flags"],
            said["method"],
            0,
            0,
            said["crc32"],
            said["stored"],
            said["size"],
            len(name),
            len(said["extra"]),
        )
        body += header + name + said["extra"] + entry.packed
        said = entry.fields({"offset": place, **entry.central})
        name = said["name"].encode()
        header = struct.pack(
            "<4s6H3L5H2L",
            b"PK\x01\x02",
            20,
            20,
            said["flags"],
            said["method"],
            0,
            0,
            said["crc32"],
            said["stored"],
            said["size"],
            len(name),
            len(said["extra"]),
            0,
            0,
            0,
            0,
            said["offset"],
        )
        directory += header + name + said["extra"]
    body += between
    ending = {"count": len(entries), "size": len(directory), "offset": len(body), "comment": 0, **(end or {})}
    body += directory
    return (
        bytes(body)
        + struct.pack(
            "<4s4H2LH", b"PK\x05\x06", 0, 0, ending["count"], ending["count"], ending["size"], ending["offset"], ending["comment"]
        )
        + after
    )


def archive(pickle: bytes, records: Mapping[str, bytes] | None = None, root: str = "archive") -> list[Entry]:
    """The entries of a torch file."""
    return [Entry(f"{root}/{name}", data) for name, data in {"data.pkl": pickle, **(records or {}), "version": b"3\n"}.items()]


def records_of(arrays: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    return {f"data/{key}": array.tobytes() for key, array in enumerate(arrays.values())}


def torch_zip(value: bytes, records: Mapping[str, bytes] | None = None) -> bytes:
    """A file of torch.save around opcodes and records."""
    return zipped(archive(pickled(value), records))


def torch_legacy(value: bytes, arrays: Mapping[str, np.ndarray]) -> bytes:
    """A file of torch.save before 1.6."""
    machine = mapping({"protocol_version": number(1001), "little_endian": b"\x88", "type_sizes": b"}"})
    keys = b"](" + b"".join(text(str(key)) for key in range(len(arrays))) + b"e"
    storages = b"".join(struct.pack("<q", array.size) + array.tobytes() for array in arrays.values())
    return MAGIC + pickled(number(1001)) + pickled(machine) + pickled(value) + pickled(keys) + storages


def safetensors(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data
