"""The element types a tensor can have, under the codes the safetensors format gives them, and the numbers in their bytes."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


class DType(Enum):
    """A safetensors element type: its code and the bytes one element takes."""

    F64 = ("F64", 8)
    F32 = ("F32", 4)
    F16 = ("F16", 2)
    BF16 = ("BF16", 2)
    F8_E4M3 = ("F8_E4M3", 1)
    F8_E5M2 = ("F8_E5M2", 1)
    F8_E4M3FNUZ = ("F8_E4M3FNUZ", 1)
    F8_E5M2FNUZ = ("F8_E5M2FNUZ", 1)
    F8_E8M0 = ("F8_E8M0", 1)
    C64 = ("C64", 8)
    I64 = ("I64", 8)
    I32 = ("I32", 4)
    I16 = ("I16", 2)
    I8 = ("I8", 1)
    U64 = ("U64", 8)
    U32 = ("U32", 4)
    U16 = ("U16", 2)
    U8 = ("U8", 1)
    BOOL = ("BOOL", 1)

    def __init__(self, code: str, size: int) -> None:
        self.code = code
        self.size = size

    @property
    def is_floating(self) -> bool:
        return self.code.startswith(("F", "BF"))

    @property
    def is_complex(self) -> bool:
        return self.code.startswith("C")


NUMPY_KINDS = {
    DType.F64: "<f8", DType.F32: "<f4", DType.F16: "<f2", DType.I64: "<i8", DType.I32: "<i4", DType.I16: "<i2", DType.I8: "i1",
    DType.U8: "u1", DType.BOOL: "?",
}  # fmt: skip


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
