"""The convolution that most convolutional networks are made of, and the padding of those that were trained with TensorFlow."""

from __future__ import annotations

from torch import Tensor, nn


class NormalizedConvolution(nn.Conv2d):
    """A convolution followed by batch normalisation; `before`, where given, prepares the map for it."""

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
        before: nn.Module | None = None,
    ) -> None:
        super().__init__(inputs, outputs, kernel_size, stride=stride, padding=padding, groups=groups, bias=bias)
        self.before = before or nn.Identity()
        self.norm = nn.BatchNorm2d(outputs, eps=eps)

    def forward(self, feature_map: Tensor) -> Tensor:
        return self.norm(super().forward(self.before(feature_map)))


class HalvingPadding(nn.ZeroPad2d):
    """What TensorFlow puts around a map with even sides that is about to be halved: one more after it than before it."""

    def __init__(self, kernel_size: int) -> None:
        before, after = (kernel_size - 2) // 2, (kernel_size - 1) // 2
        super().__init__((before, after, before, after))
