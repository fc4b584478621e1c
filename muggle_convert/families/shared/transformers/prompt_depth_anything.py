"""PromptDepthAnythingForDepthEstimation: Depth-Anything's model, with a branch for the prompt in every fusion layer."""

from __future__ import annotations

from typing import Any

from model_defs.config import DINOv2Config, DPTConfig
from muggle_convert.families.shared.family import Transformers
from muggle_convert.families.shared.transformers.depth_anything import depth_anything_config, depth_anything_layouts
from muggle_convert.rules import rename

_BRANCHES = rename(
    "neck.fusion_stage.layers.{3-n}.prompt_depth_layer.convolution{i+1}.{p:parameter}",
    "fusion.blocks.{n}.prompt_branch.{2*i}.{p:parameter}",
)


def _config(config: DPTConfig, encoder: DINOv2Config) -> dict[str, Any]:
    own = {"architectures": ["PromptDepthAnythingForDepthEstimation"], "model_type": "prompt_depth_anything"}
    return {**depth_anything_config(config, encoder), **own}


TRANSFORMERS = Transformers(
    depth_anything_layouts(_BRANCHES),
    _config,
    preprocessor={
        "image_processor_type": "PromptDepthAnythingImageProcessor",
        "size": {"height": 756, "width": 756},  # of the released folders; transformers has no rule for the original's own
        "prompt_scale_to_meter": 0.001,
    },
)
