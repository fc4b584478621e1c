"""DPTForDepthEstimation on a Dinov2Backbone: DINOv2's own heads. Its depth is neither raised by a millimetre nor limited, as the original's is."""

from __future__ import annotations

from typing import Any

from model_defs.config import BoundedDepthHeadConfig, DINOv2Config, DPTConfig
from muggle_convert.families.shared.family import Transformers
from muggle_convert.families.shared.transformers.depth_anything import VERSION_4, VERSION_5, dinov2_backbone, dinov2_backbone_config
from muggle_convert.families.shared.transformers.neck import FUSION_RULES, READOUT_RULES, REASSEMBLY_RULES, decoder_config, require
from muggle_convert.rules import Rule, RuleSet, convolution, given, norm, rename, unread

_NEVER_RUN = unread("the coarsest fusion layer has no path to join, so this unit never runs")
_LAST_NORM = norm("backbone.layernorm", unread("heads see tokens as the blocks leave them", "backbone.norm"), "width")


def _layout(spelling: tuple[Rule, ...]) -> RuleSet:
    width, unit = "fusion.widths[3]", "neck.fusion_stage.layers.0.residual_layer1.convolution{i:1|2}"
    return RuleSet(
        dinov2_backbone(spelling, _LAST_NORM, "backbone.mask_token"),
        REASSEMBLY_RULES,
        READOUT_RULES,
        FUSION_RULES,
        given("head.kind", "bounded depth", convolution(unit, _NEVER_RUN, width, width, 3, bias=False)),
        rename("head.projection.{p:parameter}", "refine.0.{p:parameter}"),
        rename("head.head.0.{p:parameter}", "head.spatial_upsampler.0.{p:parameter}"),
        rename("head.head.{2*i+2}.{p:parameter}", "head.proj_1ch.{2*i}.{p:parameter}"),
    )


def _config(config: DPTConfig, encoder: DINOv2Config) -> dict[str, Any]:
    head = config.head
    require(isinstance(head, BoundedDepthHeadConfig), "the head of a dense prediction transformer, not one product")
    assert isinstance(head, BoundedDepthHeadConfig)
    require(head.projection_width == 32, f"32 channels before the last of its head, not {head.projection_width}")
    require(config.fusion.widths[0] == 256, f"256 channels in its fusion, not {config.fusion.widths[0]}")
    require(not config.fusion.bias and not config.fusion.batch_norm, "neither biases nor norms in its fusion")
    return {
        "architectures": ["DPTForDepthEstimation"],
        "model_type": "dpt",
        "add_projection": True,
        "backbone_config": {**dinov2_backbone_config(config, encoder), "apply_layernorm": False},
        "depth_estimation_type": "metric",  # this and the next are read by nobody but this project
        "max_depth": config.output.max_depth,
        "is_hybrid": False,
        "neck_hidden_sizes": list(config.reassemble.features),
        "num_channels": config.image.channels,
        "readout_type": config.reassemble.readout,
        "reassemble_factors": [4, 2, 1, 0.5],
        "use_auxiliary_head": False,
        "use_batch_norm_in_fusion_residual": False,
        "use_bias_in_fusion_residual": False,
        **decoder_config(config),
    }


TRANSFORMERS = Transformers(
    {"transformers": _layout(VERSION_4), "transformers 5": _layout(VERSION_5)},
    _config,
    fixed={"apply_layernorm": (False,), "add_projection": (True,)},
    preprocessor={"do_resize": False, "do_pad": True, "size_divisor": 14},
)
