"""ResNeXt, the image encoder of MiDaS v2.1.

"Aggregated Residual Transformations for Deep Neural Networks", Xie et al., https://arxiv.org/abs/1611.05431
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import DPTConfig, ResNeXtConfig
from model_defs.dpt import HierarchicalDPT
from model_defs.networks.midas_v21 import MidasV21Fusion
from model_defs.parts.convolution import NormalizedConvolution
from model_defs.parts.head import head
from model_defs.parts.reassemble import reassemble_maps


class ResNeXtStem(nn.Module):
    """A quarter of the image's sides, by a wide convolution and a maximum."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.proj = NormalizedConvolution(channels, width, 7, stride=2, padding=3)

    def forward(self, image: Tensor) -> Tensor:
        feature_map = F.relu(self.proj(image), inplace=True)  # (B, 3, H, W) -> (B, C, H / 2, W / 2)
        return F.max_pool2d(feature_map, kernel_size=3, stride=2, padding=1)  # (B, C, H / 4, W / 4)


class ResNeXtBlock(nn.Module):
    """The paper's figure 3 (c): fewer channels, a grouped convolution among them, all channels again."""

    def __init__(self, inputs: int, width: int, outputs: int, groups: int, stride: int) -> None:
        super().__init__()
        self.reduce = NormalizedConvolution(inputs, width, 1)
        self.grouped = NormalizedConvolution(width, width, 3, stride=stride, padding=1, groups=groups)
        self.expand = NormalizedConvolution(width, outputs, 1)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else NormalizedConvolution(inputs, outputs, 1, stride=stride)

    def forward(self, feature_map: Tensor) -> Tensor:
        branch = F.relu(self.reduce(feature_map), inplace=True)
        branch = F.relu(self.grouped(branch), inplace=True)
        return F.relu(self.expand(branch) + self.shortcut(feature_map), inplace=True)


class ResNeXt(nn.Module):
    """Stages of blocks; the first block of every stage but the first halves the map."""

    def __init__(self, config: ResNeXtConfig) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        inputs = config.stem_width
        for stage, depth in enumerate(config.depths):
            width, outputs = config.inner_widths[stage], config.widths[stage]
            first = ResNeXtBlock(inputs, width, outputs, config.groups, stride=1 if stage == 0 else 2)
            self.stages.append(
                nn.Sequential(first, *(ResNeXtBlock(outputs, width, outputs, config.groups, stride=1) for _ in range(depth - 1)))
            )
            inputs = outputs

    def forward(self, feature_map: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            feature_map = stage(feature_map)  # (B, C, H / 4, W / 4), then / 8, / 16, / 32
            maps.append(feature_map)
        return maps


def network(config: DPTConfig, encoder: ResNeXtConfig) -> HierarchicalDPT:
    return HierarchicalDPT(
        config,
        patch_embed=ResNeXtStem(config.image.channels, encoder.stem_width),
        imgencoder=ResNeXt(encoder),
        reassemble=reassemble_maps(config, encoder.widths),
        fusion=MidasV21Fusion(config.fusion),
        head=head(config),
    )
