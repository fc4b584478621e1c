"""Counting weights that are NaN or infinite."""

from __future__ import annotations

from muggle_convert.checkpoints import DType

_EXPONENTS = {"F64": ("u8", 0x7FF << 52), "F32": ("u4", 0xFF << 23), "F16": ("u2", 0x1F << 10), "BF16": ("u2", 0xFF << 7)}


def count_not_finite(dtype: DType, elements: bytes | memoryview) -> int:
    """How many elements are NaN or infinite; only the four usual float types are examined."""
    if dtype.code not in _EXPONENTS or not elements:
        return 0
    import numpy as np

    if dtype.code == "F32":
        # A finite sum proves that every element is finite, at memory speed; only otherwise does each have to be examined.
        with np.errstate(all="ignore"):
            if np.isfinite(np.add.reduce(np.frombuffer(elements, np.float32))):
                return 0
    kind, exponent = _EXPONENTS[dtype.code]
    bits = np.frombuffer(elements, kind)
    return int(np.count_nonzero((bits & bits.dtype.type(exponent)) == exponent))
