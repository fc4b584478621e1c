"""Converting floats to another precision and measuring the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from muggle_convert.checkpoints import DType
from muggle_convert.checkpoints.element_types import decode, encode
from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    import numpy as np

FLOAT_TYPES = {"float32": DType.F32, "float16": DType.F16, "bfloat16": DType.BF16}


@dataclass
class Cast:
    """Converts chunk by chunk, and records the largest relative error and how many elements became zero."""

    target: DType
    largest_error: float = 0.0
    vanished: int = 0

    def __call__(self, name: str, source: DType, elements: bytes | memoryview) -> bytes:
        import numpy as np

        wide = _widen(source, elements)
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = encode(self.target, wide)
            back = _widen(self.target, rounded)
            overflowed = np.isfinite(wide) & ~np.isfinite(back)
            if overflowed.any():
                worst = float(np.abs(wide[overflowed]).max())
                raise Refusal(
                    f"{name} holds {worst:.3g}, which is beyond the range of {self.target.code}; convert to bfloat16 or keep the element type."
                )
            self.vanished += int(np.count_nonzero((wide != 0) & (back == 0)))
            large = np.abs(wide) > np.finfo(np.float32).tiny
            if large.any():
                errors = np.abs(back[large] - wide[large]) / np.abs(wide[large])
                self.largest_error = max(self.largest_error, float(np.nanmax(errors, initial=0.0)))
        return rounded


def _widen(dtype: DType, elements: bytes | memoryview) -> np.ndarray[Any, Any]:
    numbers = decode(dtype, elements)
    return numbers if dtype is DType.BF16 else numbers.astype("f8")
