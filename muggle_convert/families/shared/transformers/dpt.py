"""What DPTForDepthEstimation and DPTForSemanticSegmentation have in common, whatever their encoder: heads, and most of config.json."""

from __future__ import annotations

from typing import Any

from model_defs.config import DepthHeadConfig, DPTConfig
from muggle_convert.families.shared.midas import auxiliary_head
from muggle_convert.families.shared.transformers.neck import (
    NECK_RULES,
    decoder_config,
    never_run,
    require,
)
from muggle_convert.rules import RuleSet, rename, unread
from muggle_convert.rules.rows import Rows

_DEPTH_HEAD_RULES = (
    rename("head.head.0.{p:parameter}", "head.spatial_upsampler.0.{p:parameter}"),
    rename("head.head.{2*i+2}.{p:parameter}", "head.proj_1ch.{2*i}.{p:parameter}"),
)
_SEGMENTATION_HEAD_RULES = (
    rename("head.head.0.weight", "head.refine.0.weight"),
    rename("head.head.1.{p:batch_norm}", "head.refine.1.{p:batch_norm}"),
    rename("head.head.4.{p:parameter}", "head.proj_classes.{p:parameter}"),
)
_AUXILIARY_HEAD = auxiliary_head(
    "auxiliary_head.head", lambda layer: unread("the auxiliary head only helped training", f"auxlayer.{layer}")
)


def dpt_layouts(name: str, *rows: Rows) -> dict[str, RuleSet]:
    """One spelling of an encoder under either head."""
    body = (*rows, NECK_RULES, never_run())
    return {
        name: RuleSet(*body, _DEPTH_HEAD_RULES),
        f"{name} segmentation": RuleSet(*body, _SEGMENTATION_HEAD_RULES, _AUXILIARY_HEAD),
    }


def dpt_config(config: DPTConfig, encoder: dict[str, Any]) -> dict[str, Any]:
    """config.json but for what the encoder says."""
    head, output, is_depth = config.head, config.output, config.head.kind == "depth"
    if isinstance(head, DepthHeadConfig):
        require(head.projection_width == 32, f"32 channels before the last of its head, not {head.projection_width}")
        require(output.activation == "relu", "a rectifier at its end, which this model has not")
    require(not output.invert, "no inversion to metres after its head, which this model has")
    labels = {str(number): f"LABEL_{number}" for number in range(head.channels)}
    return {
        "architectures": ["DPTForDepthEstimation" if is_depth else "DPTForSemanticSegmentation"],
        "model_type": "dpt",
        "hidden_act": "gelu",
        "num_channels": config.image.channels,
        "use_batch_norm_in_fusion_residual": config.fusion.batch_norm,
        "use_bias_in_fusion_residual": config.fusion.bias,
        "add_projection": False,
        "use_auxiliary_head": not is_depth,
        **decoder_config(config),
        **({} if is_depth else {"id2label": labels, "label2id": {label: int(number) for number, label in labels.items()}}),
        **encoder,
    }
