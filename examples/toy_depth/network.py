"""The network: the shape of Depth-Anything V2 in small, so that everything that reads one reads the other."""

from __future__ import annotations

import math

import torch
from torch import nn

from model_defs.build import build
from model_defs.config import DINOv2Config, DPTConfig, FusionConfig, HeadConfig, ImageConfig, OutputConfig, ReassembleConfig
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
    reassemble=ReassembleConfig(features=(48, 64, 96, 128), readout="ignore"),
    fusion=FusionConfig(widths=(64, 64, 64, 64), resize="to next"),
    head=HeadConfig(kind="depth", upsampler_width=32, projection_width=32, channels=1, resize="to image"),
    image=ImageConfig(
        channels=3,
        size=PATCH * GRID,
        keep_aspect=True,
        fit="at least",
        multiple=PATCH,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
    output=OutputConfig(kind="relative inverse depth", activation="relu", resize="bilinear aligned"),
)


def fresh_network(seed: int) -> DPT:
    """Weights to begin training with.

    The branches of the transformer begin small (DINOv2's scales), so that twelve blocks pass gradients from the first step on; the
    last bias begins positive, because the prediction ends in a ReLU that would never wake again if all of it were negative.
    """
    torch.manual_seed(seed)
    model = build(CONFIG)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=math.sqrt(1 / module.in_features))
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d) and not name.startswith("patch_embed"):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("scale_attn", "scale_mlp")):
                parameter.fill_(0.2)
            elif name.endswith("base_patch_embedding"):
                nn.init.trunc_normal_(parameter, std=0.02)
        model.get_parameter("head.proj_1ch.2.weight").mul_(0.1)
        model.get_parameter("head.proj_1ch.2.bias").fill_(1.0)
    return model
