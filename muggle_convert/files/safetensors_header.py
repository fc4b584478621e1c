"""The header of a safetensors file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from muggle_convert.checkpoints import NamedTensor

ALIGNMENT = 64  # of the first tensor's bytes, so that any processor can use a mapped file


def header(tensors: Iterable[NamedTensor], metadata: Mapping[str, str]) -> bytes:
    """Names, types, shapes and offsets. Not left to the library, which writes several metadata keys in a different order each time."""
    table: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    offset = 0
    for tensor in tensors:
        table[tensor.name] = {"dtype": tensor.dtype.code, "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.size]}
        offset += tensor.size
    text = json.dumps(table, separators=(",", ":"), ensure_ascii=True).encode()
    text += b" " * (-(len(text) + 8) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text
