"""Which kernel stands in for which modules, and putting them there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from model_defs.encoders.hybrid import StandardizedConvolution
from model_defs.encoders.levit import NormalizedLinear
from model_defs.encoders.transformer import MLP, Attention
from model_defs.fast.attention import attention
from model_defs.fast.choosing import mode
from model_defs.fast.convolutions import convolution, normalized_convolution, standardized_convolution
from model_defs.fast.enlarging import head, project_then_enlarge
from model_defs.fast.kernel import Kernel, installed
from model_defs.fast.products import linear, mlp, normalized_linear
from model_defs.fast.suiting import anywhere, followed_by_nothing, through_onednn
from model_defs.parts.convolution import NormalizedConvolution
from model_defs.parts.fusion import RefineEnlargeProject
from model_defs.parts.head import DepthHead

# What is replaced, where the kernel suits, and the kernel, which may return None to leave a call to the plain path.
KERNELS: dict[Callable[..., Any], tuple[Callable[[Tensor], bool], Callable[..., Tensor | None]]] = {
    nn.Linear.forward: (through_onednn, linear),
    nn.Conv2d.forward: (through_onednn, convolution),
    NormalizedLinear.forward: (through_onednn, normalized_linear),
    MLP.forward: (through_onednn, mlp),
    Attention.forward: (through_onednn, attention),
    DepthHead.forward: (through_onednn, head),
    NormalizedConvolution.forward: (followed_by_nothing, normalized_convolution),
    StandardizedConvolution.forward: (followed_by_nothing, standardized_convolution),
    RefineEnlargeProject.forward: (anywhere, project_then_enlarge),
}


def install(network: nn.Module) -> None:
    """Give every module of a network the kernel there is for its class."""
    if (chosen := mode()) == "plain":
        return
    for module in network.modules():
        row = KERNELS.get(type(module).forward)
        if row is not None and "forward" not in vars(module):
            module.forward = Kernel(module, *row, tries=chosen == "auto")


def remove(network: nn.Module) -> None:
    """Leave every module with the `forward` of its class."""
    for module, _ in installed(network):
        del module.forward
