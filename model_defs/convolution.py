"""The convolution that most convolutional networks are made of, and the padding of those that were trained with TensorFlow."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_defs.arithmetic import Convolution, convolution, side_by_side
from model_defs.kept import Kept


class NormalizedConvolution(Convolution):
    """A convolution with batch normalisation after it, whose bias makes one of its own superfluous."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        bias: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__(inputs, outputs, kernel_size, stride=stride, padding=padding, groups=groups, bias=bias)
        self.norm = nn.BatchNorm2d(outputs, eps=eps)
        self.kept = Kept()

    def forward(self, feature_map: Tensor) -> Tensor:
        if self.norm.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self.norm(super().forward(feature_map))
        # torch's batch norm changes its statistics without counting it, but counts the batches.
        statistics = [self.norm.get_buffer(name) for name in ("running_mean", "running_var", "num_batches_tracked")]
        learned = [self.weight, self.norm.weight, self.norm.bias, *([] if self.bias is None else [self.bias])]
        weight, bias = self.kept(self.folded, *learned, *statistics)
        return convolution(side_by_side(feature_map), weight, bias, self.stride, self.padding, self.groups)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of one convolution that does both: what a batch norm has learned is a factor and a summand for each channel."""
        factor = self.norm.weight * torch.rsqrt(self.norm.get_buffer("running_var") + self.norm.eps)
        bias = self.norm.bias - self.norm.get_buffer("running_mean") * factor
        if self.bias is not None:
            bias = bias + self.bias * factor
        return self.weight * factor[:, None, None, None], bias


class HalvingPadding(nn.ZeroPad2d):
    """What TensorFlow puts around a map of even sides that is to be halved: one more after it than before it."""

    def __init__(self, kernel_size: int) -> None:
        before, after = (kernel_size - 2) // 2, (kernel_size - 1) // 2
        super().__init__((before, after, before, after))
