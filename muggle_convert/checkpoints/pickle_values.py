"""The values that a pickle's instructions produce here: plain values, descriptions of tensors, and inert objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from muggle_convert.checkpoints.checkpoint import Record, TensorEntry
from muggle_convert.checkpoints.element_types import DType
from muggle_convert.checkpoints.graphs.graph import OnnxGraph

Value = Any  # None, bool, int, float, str, bytes, list, tuple, or one of the classes below


@dataclass(eq=False, slots=True)
class Global:
    """A pair of names, which are never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Pairs:
    """A dictionary as the list of its entries: hashing a stranger's keys is an attack surface that is not needed."""

    items: list[tuple[Value, Value]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Inert:
    """An object that the pickle wanted to build, or a function that it wanted to call, and that was neither built nor called."""

    kind: Global | None  # None if the callee is itself the result of a call
    arguments: tuple[Value, ...] = ()
    state: Value = None
    items: list[Value] = field(default_factory=list)  # appended values, or pairs where it was used like a dictionary


LONGEST_KEY = 16  # values of a tuple that is a dictionary key


def is_key(key: Value) -> bool:
    """A name or a number, or a short flat tuple of them. Hashing nested tuples could take as long as an attacker likes."""
    if type(key) is tuple:
        return len(key) <= LONGEST_KEY and all(type(part) is not tuple and is_key(part) for part in key)
    return key is None or type(key) in (str, int, float, bool, bytes, Global, Inert)


@dataclass(eq=False, slots=True)
class Storage:
    """A run of elements that tensors are views of."""

    key: str
    kind: str  # such as "FloatStorage"
    dtype: DType | None  # None for element types that safetensors does not have
    element_size: int
    count: int
    record: Record | None = None  # None until a legacy file, where storages come last, has been read to the end


@dataclass(eq=False, slots=True)
class Tensor:
    """A view of a storage that a safetensors file can hold."""

    storage: Storage
    dtype: DType
    offset: int  # in bytes
    shape: tuple[int, ...]
    stride: tuple[int, ...] | None

    def entry(self, name: str) -> TensorEntry:
        assert self.storage.record is not None, "storages are found before tensors are named"
        return TensorEntry(name, self.dtype, self.shape, self.storage.record, self.offset, self.stride)


@dataclass(eq=False, slots=True)
class Unsupported:
    """A tensor that no safetensors file can hold; it matters only if the model needs it."""

    what: str


@dataclass(frozen=True)
class FileContents:
    """What one file holds, before it is known which part of it is the model. The root of a safetensors file is a dictionary; a graph has tensors
    of its own instead."""

    container: str
    root: Value
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    graph: OnnxGraph | None = None
    entries: Mapping[str, TensorEntry] = field(default_factory=dict)  # of the graph, by name
