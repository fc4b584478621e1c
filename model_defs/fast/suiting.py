"""Where a kernel may stand in for a module: on what it computes with, and where nobody else stepped in between."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_defs.fast.constants import ConstantParameter
from model_defs.fast.kernel import Kernel, in_inference, is_watched

# torch's own compiler calls these. They are not promised to users: a torch without them takes the plain path.
HAS_OPERATORS = all(hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_convolution_pointwise"))


def anywhere(value: Tensor) -> bool:
    return True


def followed_by_nothing(value: Tensor) -> bool:
    return in_inference()


def through_onednn(value: Tensor) -> bool:
    """Whether oneDNN computes with a tensor in inference."""
    return in_inference() and is_plain(value) and value.numel() > 0 and has_onednn()


def has_onednn() -> bool:
    return HAS_OPERATORS and torch.backends.mkldnn.is_available() and bool(torch.backends.mkldnn.enabled)


def is_plain(*tensors: Tensor | None) -> bool:
    """Float32 on a CPU, and no subclass such as quantised or sharded weights."""
    return all(
        tensor is None
        or (type(tensor) in (Tensor, nn.Parameter, ConstantParameter) and tensor.dtype is torch.float32 and tensor.device.type == "cpu")
        for tensor in tensors
    )


def untouched(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether calling a module is nothing but its class's `forward`: what reaches past the call must not skip hooks or replacements."""
    return type(module) is kind and type(vars(module).get("forward")) in (Kernel, type(None)) and not is_watched(module)
