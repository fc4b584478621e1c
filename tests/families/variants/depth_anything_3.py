"""Small configurations of Depth Anything 3, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from model_defs.config import (
    DepthAndRaysHeadConfig,
    DepthAndSkyHeadConfig,
    DINOv2Config,
    DINOv2ViewsConfig,
    DPTConfig,
    FusionConfig,
    ImageConfig,
    OutputConfig,
    ReassembleConfig,
)
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


def of_views(width: int = 64, depth: int = 12, mlp: Any = "gelu", **changes: Any) -> DPTConfig:
    taps, first = {12: ((5, 7, 9, 11), 4), 24: ((11, 15, 19, 23), 8), 40: ((19, 27, 33, 39), 13)}[depth]
    blocks = (width, depth, width // 64, mlp, 2 * width, 14, (3, 3), taps)
    config = replace(
        of_one_picture(),
        encoder=DINOv2ViewsConfig(*blocks, alternates_from=first, rotation_base=100.0),
        head=DepthAndRaysHeadConfig(8, 6, 2, "to image", camera_depth=4, camera_mlp_width=96, camera_branch_width=24),
    )
    return replace(config, **changes)


def nested() -> DPTConfig:
    beside = of_one_picture("canonical depth", depth=24)
    return of_views(depth=40, mlp="swiglu", metric=beside, output=OutputConfig("metric depth", "exp", resize="bilinear"))


VARIANTS: dict[str, tuple[Callable[[], DPTConfig], dict[str, Any]]] = {
    "mono": (of_one_picture, {"metric": "no"}),
    "metric": (lambda: of_one_picture("canonical depth", depth=24), {"metric": "yes"}),
    "any view": (of_views, {}),
    "any view, large": (lambda: of_views(width=128, depth=24), {}),
    "any view, giant": (lambda: of_views(depth=40, mlp="swiglu"), {}),
}

ROWS = {f"Depth Anything 3, {name}": Variant(make, told=told) for name, (make, told) in VARIANTS.items()}
ROWS["Depth Anything 3, nested"] = Variant(nested, layout="nested")
