"""Small configurations of the hybrid, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from model_defs.config import (
    DepthHeadConfig,
    DPTConfig,
    FusionConfig,
    HybridConfig,
    ImageConfig,
    OutputConfig,
    ReassembleConfig,
    SegmentationHeadConfig,
)
from tests.families.small import FROM_FEWER_TOKENS, Small, Variant, config_of

KITTI = OutputConfig("metric depth", "relu", scale=0.00006016, shift=0.00579, invert=True)
NYU = OutputConfig("metric depth", "relu", scale=0.000305, shift=0.1378, invert=True)


def configuration(
    width: int = 64,
    depth: int = 12,
    taps: tuple[int, ...] = (8, 11),
    stem_width: int = 32,
    stage_widths: tuple[int, ...] = (128, 256, 384),
    stage_depths: tuple[int, ...] = (1, 2, 1),
    readout: Any = "project",
    batch_norm: bool = False,
    channels: int = 3,
    outputs: int = 1,
) -> DPTConfig:
    return DPTConfig(
        family="dpt_hybrid",
        encoder=HybridConfig(stem_width, stage_widths, stage_depths, width, depth, width // 64, 2 * width, (3, 3), taps),
        reassemble=ReassembleConfig((24, 32), readout),
        fusion=FusionConfig((16,) * 4, "to next", batch_norm),
        head=DepthHeadConfig(8, 32, outputs, "double"),
        image=ImageConfig(channels, 48, True, "closest", 32, (0.5,) * channels, (0.5,) * channels),
        output=OutputConfig("relative inverse depth" if outputs == 1 else "channels", "relu"),
    )


def segmentation() -> DPTConfig:
    config = configuration()
    return replace(
        config,
        fusion=FusionConfig((16,) * 4, "to next", batch_norm=True, bias=False),
        head=SegmentationHeadConfig(16, 16, 150, "double"),
        image=replace(config.image, size=480),
        output=OutputConfig("classes", "none"),
    )


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "as released": lambda: configuration(),
    "deeper stages": lambda: configuration(stage_depths=(3, 4, 9)),
    "a stem as wide as the first stage": lambda: configuration(stem_width=128),
    "stages of one width": lambda: configuration(stage_widths=(128, 128, 128)),
    "two heads": lambda: configuration(width=128),
    "batch norm": lambda: configuration(batch_norm=True),
    "four input channels": lambda: configuration(channels=4),
    "three output channels": lambda: configuration(outputs=3),
    "segmentation": lambda: segmentation(),
}

ROWS = {f"hybrid, {name}": Variant(make, "original" if make().head.kind == "depth" else "segmentation") for name, make in VARIANTS.items()}

HYBRID = HybridConfig(32, (128, 128, 256), (1, 2, 1), 64, 4, 1, 128, (3, 3), (1, 3))

SMALL = {
    "dpt_hybrid": Small(config_of("dpt_hybrid", HYBRID, 48, reassemble=FROM_FEWER_TOKENS), 48, 64, {"taps": "1,3"}),
}
