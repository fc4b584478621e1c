"""Small configurations of Prompt-Depth-Anything, each other than the rest in one way."""

from __future__ import annotations

from model_defs.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    DINOv2Config,
    DPTConfig,
    FusionConfig,
    ImageConfig,
    OutputConfig,
    PromptedDepthHeadConfig,
    ReassembleConfig,
)
from tests.families.small import Variant


def configuration(depth: int = 12, taps: tuple[int, ...] = (2, 5, 8, 11), grid: int = 4) -> DPTConfig:
    return DPTConfig(
        family="prompt_depth_anything",
        encoder=DINOv2Config(64, depth, 1, "gelu", 128, 14, (grid, grid), taps),
        reassemble=ReassembleConfig((8, 12, 16, 20), "ignore"),
        fusion=FusionConfig((8,) * 4, "to next"),
        head=PromptedDepthHeadConfig(4, 6, 1, "to image"),
        image=ImageConfig(3, 1008, True, "no larger", 14, IMAGENET_MEAN, IMAGENET_STD, resize="area or cubic"),
        output=OutputConfig("metric depth", "sigmoid of the prompt's range"),
    )


ROWS = {
    "Prompt-Depth-Anything, as released": Variant(configuration),
    "Prompt-Depth-Anything, 24 blocks": Variant(lambda: configuration(24, (4, 11, 17, 23))),
}
