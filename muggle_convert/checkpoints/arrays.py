"""Small stored tensors as arrays, where their values are evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muggle_convert.checkpoints.checkpoint import TensorEntry
from muggle_convert.checkpoints.dtypes import DType
from muggle_convert.checkpoints.names import printable
from muggle_convert.checkpoints.reading import tensor_chunks
from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    import numpy as np

_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def as_array(entry: TensorEntry) -> np.ndarray[Any, Any]:
    """All of a tensor, in memory."""
    import numpy as np

    elements = b"".join(tensor_chunks(entry))
    if entry.dtype is DType.BF16:
        return (np.frombuffer(elements, "<u2").astype("<u4") << 16).view("<f4").reshape(entry.shape)
    if entry.dtype.code not in _KINDS:
        raise Refusal(f"{printable(entry.name)} is a {entry.dtype.code} tensor where numbers were expected; get the file again.")
    return np.frombuffer(elements, _KINDS[entry.dtype.code]).reshape(entry.shape)
