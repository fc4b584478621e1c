"""The network: the shape of DPT-Hybrid in small, so that everything that reads one reads the other."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from model_defs.build import build
from model_defs.config import (
    HYBRID_STRIDE,
    DepthHeadConfig,
    DPTConfig,
    FusionConfig,
    HybridConfig,
    ImageConfig,
    OutputConfig,
    ReassembleConfig,
)
from model_defs.dpt import DPT

GRID = 10
CONFIG = DPTConfig(
    family="dpt_hybrid",
    encoder=HybridConfig(
        stem_width=32,
        stage_widths=(128, 128, 256),
        stage_depths=(2, 2, 3),
        width=128,
        depth=12,
        heads=2,
        mlp_width=512,
        grid=(GRID, GRID),
        taps=(8, 11),
    ),
    reassemble=ReassembleConfig(features=(64, 96), readout="project"),
    fusion=FusionConfig(widths=(32, 32, 32, 32), resize="to next"),
    head=DepthHeadConfig(upsampler_width=16, projection_width=16, channels=1, resize="double"),
    image=ImageConfig(
        channels=3,
        size=HYBRID_STRIDE * GRID,
        keep_aspect=True,
        fit="closest",
        multiple=32,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    ),
    output=OutputConfig(kind="relative inverse depth", activation="relu", resize="bicubic"),
)


def fresh_network(seed: int) -> DPT:
    """Weights to begin training with.

    Untrained transformers are slow to find out what a released one has long known, so two things are given to it: where a patch
    stands (waves over the grid), and branches that begin small. The last bias is positive, because the prediction ends in a ReLU that
    would never wake again below zero.
    """
    torch.manual_seed(seed)
    model = build(CONFIG)
    for module in model.imgencoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=math.sqrt(1 / module.in_features))
            nn.init.zeros_(module.bias)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("attn.proj.weight", "mlp.fc2.weight", "expand.norm.weight")):
                parameter.mul_(0.5)
        model.get_parameter("posenc.base_patch_embedding").copy_(0.5 * _waves(GRID, CONFIG.encoder.width))
        model.get_parameter("head.proj_1ch.2.bias").fill_(1.0)
    return model


def _waves(grid: int, width: int) -> Tensor:
    """(1, grid * grid, width): sines and cosines of rows and of columns, from half a wave over the grid to one over three patches."""
    place = torch.arange(grid) + 0.5
    frequency = torch.logspace(math.log10(math.pi / grid), math.log10(2 * math.pi / 3), width // 4)
    waves = torch.cat([torch.sin(place[:, None] * frequency), torch.cos(place[:, None] * frequency)], dim=1)
    rows, columns = waves[:, None].expand(-1, grid, -1), waves[None].expand(grid, -1, -1)
    return torch.cat([rows, columns], dim=2).reshape(1, grid * grid, width)
