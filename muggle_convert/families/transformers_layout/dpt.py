"""What DPTForDepthEstimation and DPTForSemanticSegmentation have in common, whatever their encoder: heads, and most of config.json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from model_defs.config import DPTConfig, EncoderConfig
from muggle_convert.families.parts import Inventory, batch_norm, convolution
from muggle_convert.families.transformers_layout.neck import (
    FUSION_NORM_RULES,
    FUSION_RULES,
    READOUT_RULES,
    REASSEMBLY_RULES,
    decoder_config,
    neck_drops,
    neck_owned,
    require,
)
from muggle_convert.rules import Drop, Rule, RuleSet, rename, unused

_NECK_RULES = (*REASSEMBLY_RULES, *READOUT_RULES, *FUSION_RULES, *FUSION_NORM_RULES)
_DEPTH_HEAD_RULES = (
    rename("head.head.0.{p:parameter}", "head.spatial_upsampler.0.{p:parameter}"),
    rename("head.head.{2*i+2}.{p:parameter}", "head.proj_1ch.{2*i}.{p:parameter}"),
)
_SEGMENTATION_HEAD_RULES = (
    rename("head.head.0.weight", "head.refine.0.weight"),
    rename("head.head.1.{p:batch_norm}", "head.refine.1.{p:batch_norm}"),
    rename("head.head.4.{p:parameter}", "head.proj_classes.{p:parameter}"),
)
_AUXILIARY = "the auxiliary head only helped training"
_SEGMENTATION_HEAD_DROPS = (
    unused("auxiliary_head.head.0.weight", _AUXILIARY, "auxlayer.0.weight"),
    unused("auxiliary_head.head.1.{p:batch_norm}", _AUXILIARY, "auxlayer.1.{p:batch_norm}"),
    unused("auxiliary_head.head.4.{p:parameter}", _AUXILIARY, "auxlayer.4.{p:parameter}"),
)


def dpt_layouts(
    name: str, rules: tuple[Rule, ...], drops: tuple[Drop, ...] = (), owned: Callable[[Any], Inventory] | None = None
) -> dict[str, RuleSet]:
    """One spelling of an encoder under either head; `owned` is what the encoder owns of the drops."""

    def all_owned(config: DPTConfig, encoder: EncoderConfig) -> Inventory:
        return {**(owned(encoder) if owned else {}), **neck_owned(config), **_auxiliary(config)}

    body, left = (*rules, *_NECK_RULES), (*drops, *neck_drops())
    return {
        name: RuleSet((*body, *_DEPTH_HEAD_RULES), left, all_owned),
        f"{name} segmentation": RuleSet((*body, *_SEGMENTATION_HEAD_RULES), (*left, *_SEGMENTATION_HEAD_DROPS), all_owned),
    }


def dpt_config(config: DPTConfig, encoder: dict[str, Any]) -> dict[str, Any]:
    """config.json but for what the encoder says."""
    head, output, is_depth = config.head, config.output, config.head.kind == "depth"
    require(not is_depth or head.projection_width == 32, f"32 channels before the last of its head, not {head.projection_width}")
    require(not is_depth or output.activation == "relu", "a rectifier at its end, which this model has not")
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


def _auxiliary(config: DPTConfig) -> Inventory:
    if config.head.kind == "depth":
        return {}
    width, head = config.fusion.widths[0], "auxiliary_head.head"
    return {
        **convolution(f"{head}.0", width, width, 3, bias=False),
        **batch_norm(f"{head}.1", width),
        **convolution(f"{head}.4", config.head.channels, width, 1),
    }
