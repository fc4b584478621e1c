"""Training arguments as plain values: a Namespace, hyper-parameters, a configuration tree."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from muggle_convert.checkpoints.pickle_values import Global, Inert, Pairs, Value

KEYS = ("args", "hyper_parameters", "opt", "config", "cfg", "hparams", "options", "model_args", "model_config")
DEEPEST = 8
MOST_STEPS = 20_000
MOST_ENTRIES = 200_000  # of all the objects that are stepped into
LONGEST_TEXT = 4096
LONGEST_NAME = 256  # of an argument, including the names of everything it is nested in
LONGEST_LIST = 64
LARGEST = 1 << 64  # of an integer, as seeds can be
LONGEST_NUMBER = 16  # bytes
NUMPY_FORMATS = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u1": "B", "b1": "?"}


def arguments_of(siblings: list[tuple[Value, Value]]) -> dict[str, Any]:
    """What lies beside a state dict: entries of the usual containers under their own names, joined by dots where they
    are nested, and after them all other plain values, such as an epoch."""
    found: dict[str, Any] = {}
    walk = _Walk()
    named = [(key, value) for key, value in siblings[:MOST_STEPS] if type(key) is str]
    for key, value in sorted(named, key=lambda pair: pair[0] not in KEYS):
        for name, leaf in walk.leaves(value, "" if key in KEYS else f"{key}.", DEEPEST):
            found.setdefault(name, leaf)
    return found


class _Walk:
    """A walk that always ends: one object can be an entry of a million others, so counting objects would not bound it."""

    def __init__(self) -> None:
        self.steps = MOST_STEPS
        self.entries = MOST_ENTRIES

    def leaves(self, value: Value, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
        self.steps -= 1
        if self.steps < 0 or not depth or len(prefix) > LONGEST_NAME:
            return
        leaf = plain(value)
        if leaf is not None and prefix:
            yield prefix.removesuffix("."), leaf
            return
        for key, child in self._entries(value).items():
            if self.steps < 0:
                return
            yield from self.leaves(child, f"{prefix}{key[:LONGEST_NAME]}.", depth - 1)

    def _entries(self, value: Value) -> dict[str, Value]:
        """The named entries of a dictionary, or of an inert object that was used as one."""
        if type(value) not in (Pairs, Inert) or self.entries < 0:
            return {}
        self.entries -= len(value.items)
        if type(value) is Pairs:
            return {key: child for key, child in value.items if type(key) is str}
        state = value.state[0] if type(value.state) is tuple and value.state else value.state  # attributes, or those and slots
        attributes = self._entries(state) if type(state) is Pairs else {}
        if _package(value) == "omegaconf":
            content = attributes.get("_content")
            return self._entries(content) if type(content) is Pairs else {}
        named = [item for item in value.items if type(item) is tuple and len(item) == 2 and type(item[0]) is str]
        return dict(named) | attributes


def _package(value: Inert) -> str:
    return value.kind.module.partition(".")[0] if value.kind else ""


def plain(value: Value) -> Any:
    """A scalar or a short list of scalars; None for everything else."""
    if type(value) is str:
        return value if len(value) <= LONGEST_TEXT else None
    if type(value) in (bool, float):
        return value
    if type(value) is int:
        return value if abs(value) < LARGEST else None
    if type(value) in (list, tuple):
        if len(value) > LONGEST_LIST or any(type(part) in (list, tuple) for part in value):
            return None
        parts = [plain(part) for part in value]
        return parts if None not in parts else None
    return _plain_object(value, value.kind) if type(value) is Inert and value.kind is not None else None


def _plain_object(value: Inert, kind: Global) -> Any:
    if _package(value) == "pathlib":
        return _joined("/", value.arguments)
    if str(kind) == "torch.device":
        return _joined(":", value.arguments[:2])
    if _package(value) == "numpy" and kind.name == "scalar" and len(value.arguments) == 2:
        return _numpy_scalar(*value.arguments)
    if _package(value) == "omegaconf" and type(value.state) is Pairs:
        leaf = next((child for key, child in value.state.items[:LONGEST_LIST] if key == "_val"), None)
        return plain(leaf) if type(leaf) in (str, bool, int, float) else None
    return None


def _joined(separator: str, parts: tuple[Value, ...]) -> str | None:
    """Short strings and numbers joined; the parts of a path begin with its root."""
    if len(parts) > LONGEST_LIST or any(type(part) not in (str, int) or plain(part) is None for part in parts):
        return None
    text = separator.join(map(str, parts)).replace("//", "/")
    return text if len(text) <= LONGEST_TEXT else None


def _numpy_scalar(dtype: Value, raw: Value) -> Any:
    """The arguments of `numpy.core.multiarray.scalar`: an element type and the bytes of one element."""
    if type(raw) is Inert and raw.kind is not None and raw.kind.name == "encode" and raw.arguments and type(raw.arguments[0]) is str:
        raw = raw.arguments[0][:LONGEST_NUMBER].encode("latin-1", "replace")  # how protocol 2 spells bytes
    code = dtype.arguments[0] if type(dtype) is Inert and dtype.arguments else None
    if type(raw) is not bytes or type(code) is not str or code not in NUMPY_FORMATS:
        return None
    form = struct.Struct("<" + NUMPY_FORMATS[code])
    return form.unpack(raw)[0] if len(raw) == form.size else None
