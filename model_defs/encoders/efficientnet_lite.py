"""EfficientNet-Lite, the image encoder of MiDaS v2.1 small.

"EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", Tan and Le, https://arxiv.org/abs/1905.11946; lite is
its variant for small devices: no squeeze-and-excitation, ReLU6 instead of swish, and a stem and a head that do not grow with it.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import DPTConfig, EfficientNetLiteConfig
from model_defs.dpt import HierarchicalDPT
from model_defs.parts.convolution import HalvingPadding, NormalizedConvolution
from model_defs.parts.fusion import fusion
from model_defs.parts.head import head
from model_defs.parts.reassemble import reassemble_maps

EPSILON = 1e-3  # of every batch norm, as in TensorFlow, where the weights come from


class PaddedConvolution(NormalizedConvolution):
    """Normalised, and padded the way TensorFlow does where it halves the map."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, stride: int = 1, groups: int = 1) -> None:
        padding, before = (kernel_size // 2, None) if stride == 1 else (0, HalvingPadding(kernel_size))
        super().__init__(inputs, outputs, kernel_size, stride=stride, padding=padding, groups=groups, eps=EPSILON, before=before)


class EfficientNetLiteStem(nn.Module):
    """Half of the image's sides."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.proj = PaddedConvolution(channels, width, 3, stride=2)

    def forward(self, image: Tensor) -> Tensor:
        return F.relu6(self.proj(image), inplace=True)  # (B, 3, H, W) -> (B, C, H / 2, W / 2)


class SeparableBlock(nn.Module):
    """Each channel is filtered on its own, then all are mixed."""

    def __init__(self, inputs: int, inner: int, outputs: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.depthwise = PaddedConvolution(inner, inner, kernel_size, stride, groups=inner)
        self.project = PaddedConvolution(inner, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, feature_map: Tensor) -> Tensor:
        branch = self.branch(feature_map)
        return feature_map + branch if self.residual else branch

    def branch(self, feature_map: Tensor) -> Tensor:
        return self.project(F.relu6(self.depthwise(feature_map), inplace=True))


class InvertedBlock(SeparableBlock):
    """The same among several times as many channels: a block that is wide inside and narrow at its ends."""

    def __init__(self, inputs: int, inner: int, outputs: int, kernel_size: int, stride: int) -> None:
        super().__init__(inputs, inner, outputs, kernel_size, stride)
        self.expand = PaddedConvolution(inputs, inner, 1)

    def branch(self, feature_map: Tensor) -> Tensor:
        return super().branch(F.relu6(self.expand(feature_map), inplace=True))


class EfficientNetLite(nn.Module):
    """Seven stages, one row each of the paper's table 1; the first is made of separable blocks."""

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__()
        self.taps = config.taps
        self.stages = nn.ModuleList()
        inputs = config.stem_width
        for stage, (depth, outputs) in enumerate(zip(config.depths, config.widths, strict=True)):
            block, expansion = (SeparableBlock, 1) if stage == 0 else (InvertedBlock, config.expansion)
            blocks = []
            for number in range(depth):
                stride = config.strides[stage] if number == 0 else 1
                blocks.append(block(inputs, expansion * inputs, outputs, config.kernel_sizes[stage], stride))
                inputs = outputs
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, feature_map: Tensor) -> list[Tensor]:
        maps = []
        for number, stage in enumerate(self.stages):
            feature_map = stage(feature_map)  # tapped ones: (B, C, H / 4, W / 4), then / 8, / 16, / 32
            if number in self.taps:
                maps.append(feature_map)
        return maps


def network(config: DPTConfig, encoder: EfficientNetLiteConfig) -> HierarchicalDPT:
    return HierarchicalDPT(
        config,
        patch_embed=EfficientNetLiteStem(config.image.channels, encoder.stem_width),
        imgencoder=EfficientNetLite(encoder),
        reassemble=reassemble_maps(config, [encoder.widths[stage] for stage in encoder.taps]),
        fusion=fusion(config.fusion),
        head=head(config),
    )
