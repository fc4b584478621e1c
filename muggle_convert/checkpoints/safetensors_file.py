"""Safetensors files: a length, a header in JSON, and the elements of all tensors without gaps."""

from __future__ import annotations

import math
from typing import Any

from muggle_convert.checkpoints.checkpoint import Record
from muggle_convert.checkpoints.element_types import DType
from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.pickle_values import FileContents, Pairs, Storage, Tensor
from muggle_convert.checkpoints.safe_text import printable, shown
from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.checkpoints.torch_globals import LARGEST, MOST_DIMENSIONS
from muggle_convert.errors import Refusal

CODES = {dtype.code: dtype for dtype in DType}


def read_safetensors(file: SourceFile, limits: Limits) -> FileContents:
    length = int.from_bytes(file.read(0, 8), "little")
    if length > limits.header_bytes:
        raise Refusal(f"its safetensors header claims {length:,} bytes, more than the {limits.header_bytes:,} that are allowed")
    header = parse_object(file.read(8, length))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise Refusal("its safetensors metadata is not an object of strings")
    if len(header) > limits.records:
        raise Refusal(f"it has {len(header):,} tensors, more than the {limits.records:,} that are allowed")
    data = Record(file.path, "data", 8 + length, file.size - 8 - length, file.size - 8 - length, stamp=file.stamp)
    storage = Storage("data", "safetensors", None, 1, data.size, data)
    tensors = [(name, _tensor(name, entry, storage)) for name, entry in header.items()]
    _refuse_gaps(tensors, data.size)
    return FileContents("safetensors", Pairs(list(tensors)), metadata)


def _tensor(name: str, entry: Any, storage: Storage) -> Tensor:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise Refusal(f"its safetensors header does not give tensor {printable(name)} a dtype, a shape and offsets, and nothing else")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in CODES:
        raise Refusal(f"tensor {printable(name)} has the element type {shown(code)}, which is not supported")
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
        raise Refusal(f"tensor {printable(name)} has an impossible shape {shown(shape)} or impossible offsets {shown(offsets)}")
    if 0 in shape and math.prod(filter(None, shape)) >= LARGEST:
        raise Refusal(f"tensor {printable(name)} is empty and of the impossible shape {shown(shape)}")
    size = math.prod(shape) * CODES[code].size
    if offsets[1] - offsets[0] != size:
        raise Refusal(
            f"tensor {printable(name)} of {code} {shown(shape)} takes {size:,} bytes, its offsets leave {offsets[1] - offsets[0]:,}"
        )
    return Tensor(storage, CODES[code], offsets[0], tuple(shape), None)


def _are_counts(values: Any) -> bool:
    return (
        isinstance(values, list) and len(values) <= MOST_DIMENSIONS and all(type(value) is int and 0 <= value < LARGEST for value in values)
    )


def _refuse_gaps(tensors: list[tuple[str, Tensor]], size: int) -> None:
    """The format demands that every byte of the data belongs to exactly one tensor."""
    position = 0
    for name, tensor in sorted(tensors, key=lambda pair: (pair[1].offset, math.prod(pair[1].shape))):
        if tensor.offset != position:
            raise Refusal(
                f"tensor {printable(name)} begins at byte {tensor.offset:,} of the data, where {position:,} was expected; tensors must "
                "neither overlap nor leave gaps"
            )
        position += math.prod(tensor.shape) * tensor.dtype.size
    if position != size:
        raise Refusal(f"its tensors take {position:,} bytes and the file has {size:,}; it is cut off or has bytes appended")
