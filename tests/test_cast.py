from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from muggle_convert.checkpoints import DType
from muggle_convert.files.casting import FLOAT_TYPES, Cast

TORCH = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
SOURCES = {DType.F32: torch.float32, DType.F16: torch.float16, DType.BF16: torch.bfloat16, DType.F64: torch.float64}


def bytes_of(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("target", FLOAT_TYPES)
def test_rounding_is_what_torch_does(source: DType, target: str) -> None:
    generator = torch.Generator().manual_seed(0)
    tensor = (torch.randn(4096, generator=generator) * 10.0 ** torch.randint(-7, 4, (4096,), generator=generator)).to(SOURCES[source])
    assert Cast(FLOAT_TYPES[target])("w", source, bytes_of(tensor)) == bytes_of(tensor.to(TORCH[target]))


@given(st.lists(st.floats(width=32, allow_nan=True), min_size=1))
def test_any_float_becomes_the_nearest_bfloat16(numbers: list[float]) -> None:
    tensor = torch.tensor(numbers, dtype=torch.float32)
    wanted = tensor.to(torch.bfloat16)
    if bool((torch.isfinite(tensor) & ~torch.isfinite(wanted)).any()):
        return
    cast = torch.frombuffer(bytearray(Cast(DType.BF16)("w", DType.F32, bytes_of(tensor))), dtype=torch.bfloat16)
    assert torch.equal(cast.isnan(), wanted.isnan()) and torch.equal(cast.nan_to_num(), wanted.nan_to_num())


def test_the_largest_relative_error_of_all_chunks_is_kept() -> None:
    cast = Cast(DType.BF16)
    cast("w", DType.F32, np.array([1.0, 1.0 + 2**-9], np.float32).tobytes())
    cast("w", DType.F32, np.array([2.0], np.float32).tobytes())
    assert cast.largest_error == pytest.approx(2**-9 / (1 + 2**-9))
