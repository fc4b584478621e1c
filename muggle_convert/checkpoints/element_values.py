"""Stored elements as numbers, and numbers as a file stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muggle_convert.checkpoints.element_types import NUMPY_KINDS, DType

if TYPE_CHECKING:
    import numpy as np


def decode(dtype: DType, elements: bytes | memoryview) -> np.ndarray[Any, Any]:
    """Numbers from the bytes of a file; bfloat16, which NumPy lacks, becomes float32."""
    import numpy as np

    if dtype is DType.BF16:
        return (np.frombuffer(elements, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(elements, NUMPY_KINDS[dtype])


def encode(dtype: DType, numbers: np.ndarray[Any, Any]) -> bytes:
    """The bytes that a file holds for these numbers."""
    import numpy as np

    if dtype is DType.BF16:
        bits = numbers.astype(np.float32).view(np.uint32)
        # Round to nearest, ties to even, as hardware does; a NaN keeps a bit of its payload so that it stays one.
        rounded = ((bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        return np.where(np.isnan(numbers), (bits >> 16 | 0x40).astype(np.uint16), rounded).astype(np.uint16).tobytes()
    return numbers.astype(NUMPY_KINDS[dtype]).tobytes()
