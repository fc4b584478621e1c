"""Small configurations of DINOv2's own heads, each other than the rest in one way."""

from __future__ import annotations

from typing import Any

from model_defs.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    BoundedDepthHeadConfig,
    DINOv2Config,
    DPTConfig,
    FusionConfig,
    ImageConfig,
    LinearDepthHeadConfig,
    OutputConfig,
    ReassembleConfig,
)
from tests.families.small import Variant


def configuration(depth: int = 12, taps: tuple[int, ...] = (2, 5, 8, 11), mlp: Any = "gelu", channels: int = 1) -> DPTConfig:
    activation: Any = "relu between limits" if channels == 1 else "shares of depths"
    return DPTConfig(
        family="dinov2_depth",
        encoder=DINOv2Config(64, depth, 1, mlp, 128, 14, (4, 4), taps),
        reassemble=ReassembleConfig((8, 12, 16, 20), "project"),
        fusion=FusionConfig((8,) * 4, "double and fit maps", bias=False),
        head=BoundedDepthHeadConfig(4, 6, channels, "double"),
        image=ImageConfig(3, 1216, True, "no larger", 1, IMAGENET_MEAN, IMAGENET_STD),
        output=OutputConfig("metric depth", activation, 10.0, min_depth=0.001, resize="bilinear"),
    )


def linear(taps: tuple[int, ...]) -> DPTConfig:
    return DPTConfig(
        family="dinov2_depth",
        encoder=DINOv2Config(64, 12, 1, "gelu", 128, 14, (4, 4), taps),
        reassemble=ReassembleConfig((), "beside"),
        fusion=FusionConfig((), "double", bias=False),
        head=LinearDepthHeadConfig(7, 4),
        image=ImageConfig(3, 1216, True, "no larger", 1, IMAGENET_MEAN, IMAGENET_STD),
        output=OutputConfig("metric depth", "shares of depths", 80.0, min_depth=0.001, resize="bilinear"),
    )


ROOMS = {"max_depth": 10}

ROWS = {
    "DINOv2's head, as released": Variant(configuration, told=ROOMS),
    "DINOv2's head, giant": Variant(lambda: configuration(40, (9, 19, 29, 39), "swiglu"), told=ROOMS),
    "DINOv2's head, scores of depths": Variant(lambda: configuration(channels=5), told=ROOMS),
    "DINOv2's linear head": Variant(lambda: linear((11,)), "linear"),
    "DINOv2's linear head on four taps": Variant(lambda: linear((2, 5, 8, 11)), "linear"),
}
