"""The network: the shape of Depth-Anything V2 in small, so that everything that reads one reads the other."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from model_defs.build import build
from model_defs.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    DepthHeadConfig,
    DINOv2Config,
    DPTConfig,
    FusionConfig,
    ImageConfig,
    OutputConfig,
    ReassembleConfig,
)
from model_defs.dpt import DPT

PATCH, GRID = 14, 10
CONFIG = DPTConfig(
    family="depth_anything_v2",
    encoder=DINOv2Config(
        width=128,
        depth=12,
        heads=2,
        mlp="gelu",
        mlp_width=512,
        patch_size=PATCH,
        grid=(GRID, GRID),
        taps=(2, 5, 8, 11),
    ),
    reassemble=ReassembleConfig(features=(32, 48, 64, 96), readout="ignore"),
    fusion=FusionConfig(widths=(32, 32, 32, 32), resize="to next"),
    head=DepthHeadConfig(upsampler_width=16, projection_width=32, channels=1, resize="to image"),
    image=ImageConfig(
        channels=3,
        size=PATCH * GRID,
        keep_aspect=True,
        fit="at least",
        multiple=PATCH,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    ),
    output=OutputConfig(kind="relative inverse depth", activation="relu", resize="bilinear aligned"),
)


def fresh_network(seed: int) -> DPT:
    """Weights to begin training with.

    Untrained transformers are slow to find out what a released one has long known, so three things are given to it: where a patch
    stands (waves over the grid), what is in it (a cosine transform, its fine detail as loud as its mean colour), and branches that
    begin small. The last bias is positive, because the prediction ends in a ReLU that would never wake again below zero.
    """
    torch.manual_seed(seed)
    model = build(CONFIG)
    encoder = CONFIG.encoder
    for module in model.imgencoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=math.sqrt(1 / module.in_features))
            nn.init.zeros_(module.bias)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("scale_attn", "scale_mlp")):
                parameter.fill_(0.5)
        model.get_parameter("posenc.base_patch_embedding").copy_(0.5 * _waves(GRID, encoder.width))
        model.get_parameter("patch_embed.proj.weight").copy_(_cosine_transform(PATCH, encoder.width))
        model.get_parameter("head.proj_1ch.2.bias").fill_(1.0)
    return model


def _waves(grid: int, width: int) -> Tensor:
    """(1, grid * grid, width): sines and cosines of rows and of columns, from half a wave over the grid to one over three patches."""
    place = torch.arange(grid) + 0.5
    frequency = torch.logspace(math.log10(math.pi / grid), math.log10(2 * math.pi / 3), width // 4)
    waves = torch.cat([torch.sin(place[:, None] * frequency), torch.cos(place[:, None] * frequency)], dim=1)
    rows, columns = waves[:, None].expand(-1, grid, -1), waves[None].expand(grid, -1, -1)
    return torch.cat([rows, columns], dim=2).reshape(1, grid * grid, width)


def _cosine_transform(size: int, width: int) -> Tensor:
    """(width, 3, size, size): the lowest frequencies, half of them of the brightness and a quarter of either colour difference.

    Detail in pictures is fainter by about the square of its frequency, which the filters make up for.
    """
    place = (torch.arange(size) + 0.5) * math.pi / size
    frequencies = sorted((row**2 + column**2, row, column) for row in range(size) for column in range(size))
    directions = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [0.5, -1.0, 0.5]])
    filters = []
    for direction, count, loudness in zip(directions, (width // 2, width // 4, width // 4), (0.03, 0.06, 0.06), strict=True):
        for squared, row, column in frequencies[:count]:
            wave = torch.cos(place * row)[:, None] * torch.cos(place * column)
            unit = direction[:, None, None] * wave
            filters.append(loudness * (1 + squared) * unit / unit.norm())
    return torch.stack(filters)
