"""A tensor of an exported file, under its name in a layout and able to stream its elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from muggle_convert.checkpoints import DType, NamedTensor
from muggle_convert.identify.translation import Made
from muggle_convert.identify.translation_back import chunks_of
from muggle_convert.rules import Shape


@dataclass(frozen=True)
class ExportedTensor(NamedTensor):
    """One tensor of an exported file."""

    chunks: Callable[[], Iterator[bytes | memoryview]]  # its elements in order, each chunk valid until the next one is requested
    storage: object  # equal for tensors that share their elements, in file formats that allow it


def copied(made: Made, name: str | None = None) -> ExportedTensor:
    """A tensor assembled from stored ones, or from zeros."""
    name = name or made.name
    return ExportedTensor(name, made.dtype, made.shape, lambda: chunks_of(made), made.whole or name)


def computed(name: str, dtype: DType, shape: Shape, elements: Callable[[], bytes]) -> ExportedTensor:
    """A tensor that is recomputed on demand."""
    return ExportedTensor(name, dtype, shape, lambda: iter([elements()]), name)
