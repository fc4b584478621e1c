"""Small configurations of Depth-Anything, of either version, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from model_defs.config import DepthHeadConfig, DINOv2Config, DPTConfig, FusionConfig, ImageConfig, OutputConfig, ReassembleConfig
from tests.families.small import BLOCKS, RELATIVE, TAPPED, Small, Variant, config_of

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def configuration(
    width: int = 64,
    depth: int = 12,
    taps: tuple[int, ...] = (2, 5, 8, 11),
    family: str = "depth_anything_v2",
    grid: int = 3,
    mlp: Any = "gelu",
    readout: Any = "ignore",
    batch_norm: bool = False,
    channels: int = 3,
) -> DPTConfig:
    return DPTConfig(
        family=family,
        encoder=DINOv2Config(width, depth, width // 64, mlp, 2 * width, 14, (grid, grid), taps),
        reassemble=ReassembleConfig((8, 16, 24, 32), readout),
        fusion=FusionConfig((16,) * 4, "to next", batch_norm),
        head=DepthHeadConfig(8, 32, 1, "to image"),
        image=ImageConfig(channels, 14 * grid, True, "at least", 14, *IMAGENET),
        output=OutputConfig("relative inverse depth", "relu", resize="bilinear aligned"),
    )


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "as released": lambda: configuration(),
    "24 blocks": lambda: configuration(depth=24, taps=(4, 11, 17, 23)),
    "giant": lambda: configuration(depth=40, taps=(9, 19, 29, 39), mlp="swiglu"),
    "two heads": lambda: configuration(width=128),
    "readout projection": lambda: configuration(readout="project"),
    "batch norm": lambda: configuration(batch_norm=True),
    "another grid": lambda: configuration(grid=5),
    "four input channels": lambda: configuration(channels=4),
    "V1": lambda: configuration(family="depth_anything_v1", taps=(8, 9, 10, 11)),
}

ROWS = {f"Depth-Anything, {name}": Variant(make, told={"family": make().family}) for name, make in VARIANTS.items()}

ROWS |= {
    "Distill-Any-Depth": Variant(configuration, "distilled"),
    "Distill-Any-Depth, one chunk": Variant(configuration, "distilled, one chunk"),
    "Distill-Any-Depth, four chunks": Variant(configuration, "distilled, four chunks of 3"),
}

DINOV2 = DINOv2Config(64, 4, 1, "gelu", 128, 14, (3, 3), BLOCKS)
DEPTH_ANYTHING = {
    "reassemble": ReassembleConfig((8, 12, 16, 20), "ignore"),
    "head": DepthHeadConfig(8, 6, 1, "to image"),
    "image": ImageConfig(3, 42, True, "at least", 14, *IMAGENET),
    "output": replace(RELATIVE, resize="bilinear aligned"),
}

SMALL = {
    "depth_anything_v1": Small(config_of("depth_anything_v1", DINOV2, 42, **DEPTH_ANYTHING), 42, 56),
    "depth_anything_v2": Small(config_of("depth_anything_v2", DINOV2, 42, **DEPTH_ANYTHING), 42, 56, TAPPED),
    "depth_anything_v2, gated": Small(config_of("depth_anything_v2", replace(DINOV2, mlp="swiglu"), 42, **DEPTH_ANYTHING), 42, 42, TAPPED),
}
