"""DPT's hybrid: a vision transformer whose patches come from the stem and three stages of a ResNet.

The ResNet has group norms and standardised weights.

"Big Transfer (BiT): General Visual Representation Learning", Kolesnikov et al., https://arxiv.org/abs/1912.11370
"Micro-Batch Training with Batch-Channel Normalization and Weight Standardization", Qiao et al., https://arxiv.org/abs/1903.10520
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import HYBRID_STRIDE, SCALES, DPTConfig, Grid, HybridConfig
from model_defs.dpt import HybridDPT
from model_defs.encoders.efficient_attention import attention
from model_defs.encoders.vit import ViT
from model_defs.parts.convolution import HalvingPadding
from model_defs.parts.fusion import fusion
from model_defs.parts.head import head
from model_defs.parts.positions import POSITION_ENCODINGS
from model_defs.parts.reassemble import REASSEMBLE_TOKENS, Reassemble, ReassembleMap

GROUPS = 32  # of every group norm


class StandardizedConvolution(nn.Conv2d):
    """Each filter has mean zero and deviation one when it is applied, and a group norm follows."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel_size, stride=stride, padding=kernel_size // 2 if stride == 1 else 0, bias=False)
        self.pad = HalvingPadding(kernel_size) if stride == 2 and kernel_size > 1 else nn.Identity()
        self.norm = nn.GroupNorm(GROUPS, outputs)

    def forward(self, feature_map: Tensor) -> Tensor:
        return self.normalized(F.conv2d(self.pad(feature_map), self.standardized(), None, self.stride, self.padding))

    def standardized(self) -> Tensor:
        # In half precision the variance of a filter would be lost.
        weight = self.weight.to(torch.promote_types(self.weight.dtype, torch.float32))
        return F.layer_norm(weight, weight.shape[1:], eps=1e-8).to(self.weight.dtype)

    def normalized(self, feature_map: Tensor) -> Tensor:
        # Contiguous, for on a map in channels-last order torch's group norm rounds three times as coarsely, and later stages multiply that.
        return self.norm(feature_map.contiguous())


class Bottleneck(nn.Module):
    """A quarter of the channels, a convolution over space among them, all channels again."""

    def __init__(self, inputs: int, outputs: int, stride: int, first: bool) -> None:
        super().__init__()
        self.reduce = StandardizedConvolution(inputs, outputs // 4, 1)
        self.spatial = StandardizedConvolution(outputs // 4, outputs // 4, 3, stride=stride)
        self.expand = StandardizedConvolution(outputs // 4, outputs, 1)
        self.shortcut = StandardizedConvolution(inputs, outputs, 1, stride=stride) if first else nn.Identity()

    def forward(self, feature_map: Tensor) -> Tensor:
        branch = F.relu(self.reduce(feature_map), inplace=True)
        branch = F.relu(self.spatial(branch), inplace=True)
        return F.relu(self.expand(branch) + self.shortcut(feature_map), inplace=True)


class ResNetPatchEmbedding(nn.Module):
    """Tokens from what a convolutional network makes of the image instead of from its pixels; the finer maps are handed over too."""

    keeps_float32 = True  # standardised filters multiply what half precision rounds, in the image already, some fifty times

    def __init__(self, channels: int, config: HybridConfig) -> None:
        super().__init__()
        self.stem = StandardizedConvolution(channels, config.stem_width, 7, stride=2)
        self.stages = nn.ModuleList()
        inputs = config.stem_width
        for stage, (depth, outputs) in enumerate(zip(config.stage_depths, config.stage_widths, strict=True)):
            first = Bottleneck(inputs, outputs, stride=1 if stage == 0 else 2, first=True)
            self.stages.append(nn.Sequential(first, *(Bottleneck(outputs, outputs, stride=1, first=False) for _ in range(depth - 1))))
            inputs = outputs
        self.proj = nn.Conv2d(inputs, config.width, kernel_size=1)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))

    def forward(self, image: Tensor) -> tuple[Tensor, Grid, list[Tensor]]:
        feature_map = F.relu(self.stem(image), inplace=True)  # (B, 3, H, W) -> (B, C, H / 2, W / 2)
        # Padded below and on the right; zeros never win, since nothing is below zero after a ReLU.
        feature_map = F.max_pool2d(F.pad(feature_map, (0, 1, 0, 1)), kernel_size=3, stride=2)  # (B, C, H / 4, W / 4)
        maps = []
        for stage in self.stages:
            feature_map = stage(feature_map)  # (B, C, H / 4, W / 4), then / 8, / 16
            maps.append(feature_map)
        patches = self.proj(feature_map)
        grid = (patches.shape[2], patches.shape[3])
        tokens = patches.flatten(2).transpose(1, 2)  # (B, h * w, C)
        return torch.cat([self.cls_token.expand(tokens.shape[0], -1, -1), tokens], dim=1), grid, maps[:-1]


def network(config: DPTConfig, encoder: HybridConfig) -> HybridDPT:
    # The maps of the first two stages take the place of the first two taps.
    maps = [ReassembleMap(*widths) for widths in zip(encoder.stage_widths[:2], config.fusion.widths[:2], strict=True)]
    kind = REASSEMBLE_TOKENS[config.reassemble.readout]
    rows = zip(config.reassemble.features, config.fusion.widths[2:], SCALES[2:], strict=True)
    tokens = [kind(encoder.width, features, fusion_width, scale) for features, fusion_width, scale in rows]
    return HybridDPT(
        config,
        patch_embed=ResNetPatchEmbedding(config.image.channels, encoder),
        posenc=POSITION_ENCODINGS[encoder.positions](encoder.width, encoder.grid),
        imgencoder=ViT(encoder, attention(encoder.attention)),
        reassemble=Reassemble([*maps, *tokens]),
        fusion=fusion(config.fusion),
        head=head(config),
        multiple=HYBRID_STRIDE,
    )
