"""What torch itself reads from a file is the truth that this reader is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from muggle_convert.checkpoints import Checkpoint
from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.checkpoints.tensor_bytes import read_tensor

Comparison = Callable[..., Checkpoint]


def bytes_of(tensor: torch.Tensor) -> bytes:
    """The elements in row-major order, as this (little-endian) machine has them."""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


@pytest.fixture
def holds() -> Comparison:
    """Open a file and compare every tensor with the given state dict: name, order, shape and every byte."""

    def compare(path: Path, expected: Mapping[str, torch.Tensor], state: str | None = None) -> Checkpoint:
        checkpoint = open_checkpoint(path, state)
        assert list(checkpoint.tensors) == list(expected)
        for name, tensor in expected.items():
            entry = checkpoint.tensors[name]
            assert entry.name == name
            assert entry.shape == tuple(tensor.shape), name
            assert read_tensor(entry) == bytes_of(tensor), name
        return checkpoint

    return compare


@pytest.fixture
def state_dict() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"blocks.0.weight": torch.randn(4, 3), "blocks.0.bias": torch.randn(4), "steps": torch.tensor(7)}
