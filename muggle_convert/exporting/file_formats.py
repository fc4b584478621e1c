"""Files that belong together: all are laid out, then filled, and only then named, with those that refer to others last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from muggle_convert.exporting.exported_tensor import ExportedTensor
from muggle_convert.exporting.torch_zip_writer import lay_out_archive, write_archive
from muggle_convert.files.atomic import Target
from muggle_convert.files.safetensors_header import header


@dataclass(frozen=True)
class FileOut:
    """A file of known size, and what fills it."""

    size: int
    write: Callable[[Target], None]


def text_file(text: bytes) -> FileOut:
    """A small file, such as a config.json."""
    return FileOut(len(text), lambda target: target.write(0, text))


def safetensors_file(contents: Sequence[ExportedTensor]) -> FileOut:
    """A safetensors file, its tensors in order."""
    first = header(contents, {"format": "pt"})

    def write(target: Target) -> None:
        target.write(0, first)
        position = len(first)
        for content in contents:
            for chunk in content.chunks():
                target.write(position, chunk)
                position += len(chunk)

    return FileOut(len(first) + sum(content.size for content in contents), write)


def torch_file(contents: Sequence[ExportedTensor], wrap: str | None = None) -> FileOut:
    """What torch.save would write, of a state dict or of one under a key."""
    archive = lay_out_archive(contents, wrap)
    return FileOut(archive.size, lambda target: write_archive(archive, target))


def write_files(files: Mapping[Path, FileOut], *, force: bool, sync: bool) -> None:
    """The first gets its name last, so that once it exists everything does."""
    with ExitStack() as stack:
        targets = [stack.enter_context(Target(path, file.size, force=force, sync=sync)) for path, file in files.items()]
        for target, file in zip(targets, files.values(), strict=True):
            file.write(target)
