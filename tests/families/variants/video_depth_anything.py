"""Small configurations of Video-Depth-Anything, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from model_defs.config import (
    DINOv2Config,
    DPTConfig,
    FilmDepthHeadConfig,
    FusionConfig,
    ImageConfig,
    OutputConfig,
    ReassembleConfig,
)
from tests.families.small import BLOCKS, IMAGENET, TAPPED, Small, Variant


def configuration(
    kind: Any = "relative inverse depth",
    depth: int = 12,
    taps: tuple[int, ...] = (2, 5, 8, 11),
    widths: tuple[int, ...] = (8, 12, 32, 64),
    frames: int = 32,
    readout: Any = "ignore",
) -> DPTConfig:
    return DPTConfig(
        family="video_depth_anything",
        encoder=DINOv2Config(64, depth, 1, "gelu", 128, 14, (3, 3), taps),
        reassemble=ReassembleConfig(widths, readout),
        fusion=FusionConfig((32,) * 4, "to next"),
        head=FilmDepthHeadConfig(8, 6, 1, "to image", frames=frames),
        image=ImageConfig(3, 42, True, "at least", 14, *IMAGENET, widest=1.78),
        output=OutputConfig(kind, "relu", resize="bilinear aligned"),
    )


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "relative": lambda: configuration(),
    "metric": lambda: configuration("metric depth"),
    "24 blocks": lambda: configuration(depth=24, taps=(4, 11, 17, 23)),
    "wider maps": lambda: configuration(widths=(16, 24, 96, 32)),
    "fewer frames": lambda: configuration(frames=8),
    "readout projection": lambda: configuration(readout="project"),
}

ROWS = {f"Video-Depth-Anything, {name}": Variant(make, told={"metric": name == "metric"}) for name, make in VARIANTS.items()}

SMALL = {
    "video_depth_anything": Small(configuration(depth=4, taps=BLOCKS), 42, 56, {**TAPPED, "metric": False}),
}
