"""Small stored tensors as arrays, where their values are evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muggle_convert.checkpoints.checkpoint import TensorEntry
from muggle_convert.checkpoints.dtypes import NUMPY_KINDS, DType
from muggle_convert.checkpoints.names import printable
from muggle_convert.checkpoints.reading import read_tensor
from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    import numpy as np


def as_array(entry: TensorEntry) -> np.ndarray[Any, Any]:
    """All of a tensor, in memory."""
    import numpy as np

    elements = read_tensor(entry)
    if entry.dtype is DType.BF16:
        return (np.frombuffer(elements, "<u2").astype("<u4") << 16).view("<f4").reshape(entry.shape)
    if entry.dtype not in NUMPY_KINDS:
        raise Refusal(f"{printable(entry.name)} is a {entry.dtype.code} tensor where numbers were expected; get the file again.")
    return np.frombuffer(elements, NUMPY_KINDS[entry.dtype]).reshape(entry.shape)
