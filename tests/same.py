"""Comparing state dicts to the last bit."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def assert_same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert sorted(found) == sorted(expected)
    for name, tensor in expected.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape), name
        assert torch.equal(_bits(found[name]), _bits(tensor)), name


def _bits(tensor: Tensor) -> Tensor:
    """So that two NaNs are equal, and two zeros of different signs are not."""
    flat = tensor.contiguous().reshape(-1)
    return flat.view(torch.uint8) if len(flat) else flat
