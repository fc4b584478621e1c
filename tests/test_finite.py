from __future__ import annotations

import pytest
import torch

from muggle_convert.checkpoints import DType
from muggle_convert.files.finite import count_not_finite

TYPES = {DType.F64: torch.float64, DType.F32: torch.float32, DType.F16: torch.float16, DType.BF16: torch.bfloat16}


@pytest.mark.parametrize("dtype", TYPES)
def test_nans_and_infinities_are_counted(dtype: DType) -> None:
    weights = torch.linspace(-3, 3, 100).to(TYPES[dtype])
    assert count_not_finite(dtype, bytes(weights.view(torch.uint8).numpy())) == 0
    weights[[3, 50, 99]] = torch.tensor([float("nan"), float("inf"), -float("inf")]).to(TYPES[dtype])
    assert count_not_finite(dtype, bytes(weights.view(torch.uint8).numpy())) == 3


def test_large_but_finite_weights_are_not_counted() -> None:
    weights = torch.full((100,), 3e38)
    assert count_not_finite(DType.F32, bytes(weights.view(torch.uint8).numpy())) == 0
