"""What a checkpoint file holds: names, shapes, element types and byte ranges. No tensor's bytes are here."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints.brief import Brief
from muggle_convert.checkpoints.element_types import DType
from muggle_convert.checkpoints.graphs.graph import OnnxGraph


@dataclass(frozen=True)
class FileStamp:
    """Tells one state of a file from another."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileStamp:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Record:
    """One run of bytes that tensors are cut from: a storage in a zip, the data section of a safetensors file, or what is in memory."""

    file: Path
    name: str  # as messages call it, such as "archive/data/3"
    offset: int  # of its first byte in the file
    stored_size: int  # bytes in the file
    size: int  # bytes once inflated
    crc32: int | None = None  # as promised by the container; None if it promises nothing
    deflated: bool = False
    byteorder: str = "little"
    stamp: FileStamp | None = None  # of the file when it was opened, to reveal later changes
    memory: Callable[[], memoryview] | None = None  # gives the bytes themselves where they are in no file


@dataclass(frozen=True)
class NamedTensor:
    """What the header of a file states about a tensor."""

    name: str
    dtype: DType
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        return self.count * self.dtype.size


@dataclass(frozen=True)
class TensorEntry(NamedTensor):
    """Where one named tensor is stored."""

    record: Record
    offset: int  # of its first element, in bytes, within the inflated record
    stride: tuple[int, ...] | None = None  # in elements; None if they are stored in row-major order

    @property
    def span(self) -> int:
        """Bytes of the record from the first element to the last."""
        if self.stride is None:
            return self.size
        return self.dtype.size * (1 + sum((side - 1) * step for side, step in zip(self.shape, self.stride, strict=True)))

    @property
    def is_in_order(self) -> bool:
        """Whether its bytes can be copied chunk by chunk as they are."""
        return self.stride is None and self.record.byteorder == "little"

    @property
    def place(self) -> tuple[object, ...]:
        """Equal where two names mean the same bytes, as tied weights are saved."""
        return self.record, self.offset, self.shape, self.stride, self.dtype


@dataclass(frozen=True, repr=False)
class Checkpoint(Brief):
    """A file, a folder of shards, a training checkpoint or a dictionary of tensors, read without running anything it says."""

    path: Path
    container: str  # "torch zip", "legacy torch pickle", "safetensors", "sharded folder", "ONNX graph", "dictionary"
    tensors: Mapping[str, TensorEntry]  # by name, prefixes already taken off
    metadata: Mapping[str, str] = field(default_factory=dict)  # the strings of a safetensors header, or of an ONNX file
    sidecar: Mapping[str, Any] = field(default_factory=dict)  # the config.json beside the file
    preprocessor: Mapping[str, Any] = field(default_factory=dict)  # the preprocessor_config.json beside it
    arguments: Mapping[str, Any] = field(default_factory=dict)  # training arguments and hyper-parameters in the file
    unwrapped: tuple[str, ...] = ()  # what was removed, outermost first, each in words
    ignored: tuple[str, ...] = ()  # everything else in the file, each in words
    warnings: tuple[str, ...] = ()  # what is odd but not wrong, each a sentence
    graph: OnnxGraph | None = None  # of an ONNX file
    left_out: Mapping[str, str] = field(default_factory=dict)  # tensors that are not the model's, each with the reason in words
    prefix: str = ""  # what was taken off the beginning of all names that are not left out
    known_as: str = ""  # its origin, if that says more than the name of the file

    def told(self) -> Mapping[str, object]:
        return {"file": self.name, "container": self.container, "holds": f"{len(self.tensors):,} tensors"}

    @property
    def name(self) -> str:
        """The name used in messages, and a clue to what the checkpoint is."""
        return self.known_as or self.path.name

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(dict.fromkeys(entry.record for entry in self.tensors.values()))

    @property
    def stored_size(self) -> int:
        """Bytes of all files at the time they were opened."""
        return sum({record.file: record.stamp.size for record in self.records if record.stamp is not None}.values())

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(entry.record.file for entry in self.tensors.values() if entry.record.memory is None))
