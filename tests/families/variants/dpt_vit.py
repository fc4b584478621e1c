"""Small configurations of DPT with a plain vision transformer, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from model_defs.config import (
    DepthHeadConfig,
    DPTConfig,
    FusionConfig,
    ImageConfig,
    OutputConfig,
    ReassembleConfig,
    SegmentationHeadConfig,
    ViTConfig,
)
from tests.families.small import BLOCKS, FROM_TOKENS, TAPPED, WIDTHS, Small, Variant, config_of

RELATIVE = OutputConfig("relative inverse depth", "relu")
CLASSES = OutputConfig("classes", "none")


def configuration(
    width: int = 64,
    depth: int = 12,
    taps: tuple[int, ...] = (2, 5, 8, 11),
    grid: int = 3,
    readout: Any = "project",
    batch_norm: bool = False,
    bias: bool = True,
    channels: int = 3,
    outputs: int = 1,
) -> DPTConfig:
    return DPTConfig(
        family="dpt_vit",
        encoder=ViTConfig(width, depth, width // 64, 2 * width, 16, (grid, grid), taps),
        reassemble=ReassembleConfig((8, 16, 24, 32), readout),
        fusion=FusionConfig((16,) * 4, "to next", batch_norm, bias),
        head=DepthHeadConfig(8, 32, outputs, "double"),
        image=ImageConfig(channels, 16 * grid, True, "closest", 32, (0.5,) * channels, (0.5,) * channels),
        output=RELATIVE if outputs == 1 else OutputConfig("channels", "relu"),
    )


def segmentation(classes: int = 150) -> DPTConfig:
    return DPTConfig(
        family="dpt_vit",
        encoder=ViTConfig(64, 12, 1, 128, 16, (3, 3), (2, 5, 8, 11)),
        reassemble=ReassembleConfig((8, 16, 24, 32), "project"),
        fusion=FusionConfig((16,) * 4, "to next", batch_norm=True, bias=False),
        head=SegmentationHeadConfig(16, 16, classes, "double"),
        image=ImageConfig(3, 480, True, "closest", 32, (0.5,) * 3, (0.5,) * 3),
        output=CLASSES,
    )


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "as released": lambda: configuration(),
    "24 blocks": lambda: configuration(depth=24, taps=(5, 11, 17, 23)),
    "two heads": lambda: configuration(width=128),
    "batch norm as in MiDaS": lambda: configuration(batch_norm=True),
    "batch norm as in DPT": lambda: configuration(batch_norm=True, bias=False),
    "an odd grid": lambda: configuration(grid=5),
    "one input channel": lambda: configuration(channels=1),
    "three output channels": lambda: configuration(outputs=3),
    "segmentation": lambda: segmentation(),
    "segmentation of one class": lambda: segmentation(classes=1),
}

ROWS = {f"ViT, {name}": Variant(make, "original" if make().head.kind == "depth" else "segmentation") for name, make in VARIANTS.items()}

VIT = ViTConfig(64, 4, 1, 128, 16, (3, 3), BLOCKS)
SEGMENTATION = {
    "fusion": FusionConfig(WIDTHS, "to next", batch_norm=True, bias=False),
    "head": SegmentationHeadConfig(8, 8, 5, "double"),
    "output": OutputConfig("classes", "none"),
}

SMALL = {
    "dpt_vit": Small(config_of("dpt_vit", VIT, 48, reassemble=FROM_TOKENS), 48, 64, TAPPED),
    "dpt_vit, segmentation": Small(config_of("dpt_vit", VIT, 480, reassemble=FROM_TOKENS, **SEGMENTATION), 48, 64, TAPPED, "segmentation"),
}
