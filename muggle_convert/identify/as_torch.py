"""The tensors of a checkpoint, and those that a translation makes of them, for torch."""

from __future__ import annotations

import torch
from torch import Tensor

from muggle_convert.checkpoints import DType, TensorEntry, printable
from muggle_convert.checkpoints.tensor_bytes import MappedFiles, gathered, tensor_chunks
from muggle_convert.errors import Refusal
from muggle_convert.identify.translation import Made

TORCH_TYPES = {
    DType.F64: torch.float64, DType.F32: torch.float32, DType.F16: torch.float16, DType.BF16: torch.bfloat16,
    DType.I64: torch.int64, DType.I32: torch.int32, DType.I16: torch.int16, DType.I8: torch.int8, DType.U8: torch.uint8, DType.BOOL: torch.bool,
}  # fmt: skip


def tensor_of(made: Made, files: MappedFiles) -> Tensor:
    """The mapped file itself where one entry is all of it, otherwise a copy."""
    parts = [
        torch.zeros(run.count, dtype=TORCH_TYPES[made.dtype])
        if entry is None
        else _elements(entry, files)[run.start : run.start + run.count]
        for entry, run in made.runs
    ]
    return (parts[0] if len(parts) == 1 else torch.cat(parts)).view(made.shape)


def _elements(entry: TensorEntry, files: MappedFiles) -> Tensor:
    """All elements of a stored tensor in order: the mapped file itself if it stores them so, otherwise a copy."""
    dtype = TORCH_TYPES.get(entry.dtype)
    if dtype is None:
        raise Refusal(
            f"{printable(entry.name)} holds {entry.dtype.code}, in which no network here can compute; convert it with --dtype float32 first."
        )
    if not entry.count:
        return torch.empty(0, dtype=dtype)
    if entry.is_in_order and not entry.record.deflated:
        return torch.frombuffer(files.record(entry.record), dtype=dtype, count=entry.count, offset=entry.offset)
    return torch.frombuffer(gathered(tensor_chunks(entry)), dtype=dtype)
