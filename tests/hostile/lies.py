"""Converted files whose description lies: any value of it replaced by any other that JSON has."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from muggle_convert.identify.document import KEY

JSON_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, 3, 7, -1, -30_000_000, 10**6, 30_000_000, 10**19, 10**20 - 1, 0.0, 0.5, -1.5, 1e300, "", "a", "x" * 300,
    "\x1b[31m[/b]](x)|<b>`\n# y\u202e", "C64", "F32", "I64", "relative depth", "metric depth", "classes", "points", "channels", "sigmoid", "exp",
    "project", "add", "none", "double", "bilinear aligned", "at most", "full", "performer",
    [], [0], [0, 0, 0, 0], [1, 2, 3, 4], [3, 2, 1, 0], [30_000_000, -30_000_000, 2, 2], [10**19] * 4, [0, 10**19 * 4], [[]], ["a"], [None], [1] * 2000,
    {}, {"a": "b"}, {"kind": "vit"}, {"a": ["", "F32", [1, 2]]}, {"a": ["", "C64", [0, 10**18]]}, {"encoder.heads": ["flag", "heads=3"]},
)  # fmt: skip


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every part of a value of JSON."""
    yield here
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in entries:
        yield from paths(part, (*here, key))


def replaced(value: Any, path: tuple[Any, ...], lie: Any) -> Any:
    if not path:
        return lie
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], lie)
    return copy


class Described:
    """A converted file, taken apart."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        raw = path.read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        self.header: dict[str, Any] = json.loads(raw[8 : 8 + length])
        self.data = raw[8 + length :]
        self.document: dict[str, Any] = json.loads(self.header["__metadata__"][KEY])

    def with_document(self, document: Any) -> bytes:
        """The file with another description."""
        header = {**self.header, "__metadata__": {**self.header["__metadata__"], KEY: json.dumps(document)}}
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + self.data
