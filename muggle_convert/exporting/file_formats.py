"""Files that belong together: all are laid out, then filled, and only then named, with those that refer to others last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from muggle_convert.exporting.exported_tensor import ExportedTensor
from muggle_convert.exporting.torch_zip_writer import lay_out_archive, write_archive
from muggle_convert.files.atomic import Target
from muggle_convert.files.safetensors_header import header


class FileOut(Protocol):
    """A file of known length."""

    @property
    def size(self) -> int: ...

    def write(self, target: Target) -> None: ...


@dataclass(frozen=True)
class TextFile:
    """A small file, such as a config.json."""

    text: bytes

    @property
    def size(self) -> int:
        return len(self.text)

    def write(self, target: Target) -> None:
        target.write(0, self.text)


@dataclass(frozen=True)
class SafetensorsFile:
    """A safetensors file, its tensors in order."""

    contents: Sequence[ExportedTensor]

    @cached_property
    def header(self) -> bytes:
        return header(self.contents, {"format": "pt"})

    @property
    def size(self) -> int:
        return len(self.header) + sum(content.size for content in self.contents)

    def write(self, target: Target) -> None:
        target.write(0, self.header)
        position = len(self.header)
        for content in self.contents:
            for chunk in content.chunks():
                target.write(position, chunk)
                position += len(chunk)


class TorchFile:
    """What torch.save would write."""

    def __init__(self, contents: Sequence[ExportedTensor]) -> None:
        self.archive = lay_out_archive(contents)
        self.size = self.archive.size

    def write(self, target: Target) -> None:
        write_archive(self.archive, target)


def write_files(files: Mapping[Path, FileOut], *, force: bool, sync: bool) -> None:
    """The first gets its name last, so that once it exists everything does."""
    with ExitStack() as stack:
        targets = [stack.enter_context(Target(path, file.size, force=force, sync=sync)) for path, file in files.items()]
        for target, file in zip(targets, files.values(), strict=True):
            file.write(target)
