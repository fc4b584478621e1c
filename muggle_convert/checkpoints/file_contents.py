"""What one file holds, before it is known which part of it is the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from muggle_convert.checkpoints.pickle_values import Value


@dataclass(frozen=True)
class FileContents:
    """The value at the root of a file; for a safetensors file, a dictionary of its tensors."""

    container: str
    root: Value
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
