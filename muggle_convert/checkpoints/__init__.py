"""From a path to a `Checkpoint`: what is in the file, without torch and without running anything it says."""

from __future__ import annotations

from muggle_convert.checkpoints.arrays import as_array
from muggle_convert.checkpoints.checkpoint import Checkpoint, Record, TensorEntry
from muggle_convert.checkpoints.dtypes import NUMPY_KINDS, DType
from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.names import printable, shown
from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.checkpoints.reading import (
    MappedFiles,
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
