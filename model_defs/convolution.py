"""The convolution that most convolutional networks are made of."""

from __future__ import annotations

from torch import Tensor, nn

from model_defs.arithmetic import Convolution


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

    def forward(self, feature_map: Tensor) -> Tensor:
        return self.norm(super().forward(feature_map))
