"""From a path to a `Checkpoint`: what is in the file, without torch and without running anything it says.

Importing this loads the value types only. What opens files and reads tensors is loaded when it is first used, so that
code which merely talks about checkpoints does not depend on their readers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muggle_convert.checkpoints.checkpoint import Checkpoint, Record, TensorEntry
from muggle_convert.checkpoints.element_types import NUMPY_KINDS, DType
from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.safe_text import printable, shown

if TYPE_CHECKING:
    from muggle_convert.checkpoints.opening import open_checkpoint
    from muggle_convert.checkpoints.tensor_bytes import (
        MappedFiles,
        as_array,
        element_chunks,
        read_tensor,
        record_chunks,
        same_bytes,
        tensor_chunks,
        verify_checksums,
    )

__all__ = [
    "NUMPY_KINDS",
    "Checkpoint",
    "DType",
    "Limits",
    "MappedFiles",
    "Record",
    "TensorEntry",
    "as_array",
    "element_chunks",
    "open_checkpoint",
    "printable",
    "read_tensor",
    "record_chunks",
    "same_bytes",
    "shown",
    "tensor_chunks",
    "verify_checksums",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{'opening' if name == 'open_checkpoint' else 'tensor_bytes'}"), name)
