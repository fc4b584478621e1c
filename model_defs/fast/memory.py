"""Tensors that lie on the memory of others."""

from __future__ import annotations

import torch
from torch import Tensor


def sharing(tensor: Tensor) -> Tensor:
    """A tensor on the same memory: an inference tensor in inference mode, and else an ordinary one."""
    empty = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    return empty.set_(tensor.untyped_storage(), tensor.storage_offset(), tensor.shape, tensor.stride())
