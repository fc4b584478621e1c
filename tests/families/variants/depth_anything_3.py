"""Small configurations of Depth Anything 3, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from model_defs.config import DepthAndSkyHeadConfig, DINOv2Config, DPTConfig, FusionConfig, ImageConfig, OutputConfig, ReassembleConfig
from tests.families.small import IMAGENET, Variant


def of_one_picture(kind: Any = "relative depth", width: int = 64, depth: int = 12) -> DPTConfig:
    taps = {12: (2, 5, 8, 11), 24: (4, 11, 17, 23)}[depth]
    return DPTConfig(
        family="depth_anything_3",
        encoder=DINOv2Config(width, depth, width // 64, "gelu", 2 * width, 14, (3, 3), taps),
        reassemble=ReassembleConfig((8, 12, 16, 20), "ignore"),
        fusion=FusionConfig((8,) * 4, "to next"),
        head=DepthAndSkyHeadConfig(8, 6, 1, "to image"),
        image=ImageConfig(3, 504, True, "longest", 14, *IMAGENET, resize="area or cubic"),
        output=OutputConfig(kind, "exp", resize="bilinear"),
    )


VARIANTS: dict[str, tuple[Callable[[], DPTConfig], dict[str, Any]]] = {
    "mono": (of_one_picture, {"metric": "no"}),
    "metric": (lambda: of_one_picture("canonical depth", depth=24), {"metric": "yes"}),
}

ROWS = {f"Depth Anything 3, {name}": Variant(make, told=told) for name, (make, told) in VARIANTS.items()}
