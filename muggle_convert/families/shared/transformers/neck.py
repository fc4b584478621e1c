"""What every DPT of transformers shares: the neck, which is reassembly and fusion, and what it owns but never reads."""

from __future__ import annotations

from model_defs.config import DepthHeadConfig, DPTConfig
from muggle_convert.errors import Refusal
from muggle_convert.rules import Row, Rule, batch_norm, convolution, optional, rename, unread

_LAYER, _FUSION = "neck.reassemble_stage.layers.{s}", "neck.fusion_stage.layers."
_JOINED, _REFINED = "fusion.blocks.{n}.conv_reassembly.resconv_seq.{2*i+1}", "fusion.blocks.{n}.scale_proj_seq.0.resconv_seq.{2*i+1}"

REASSEMBLY_RULES: tuple[Rule, ...] = (
    rename(_LAYER + ".projection.{p:parameter}", "reassemble.{s:scale}.resample.0.{p:parameter}"),
    rename(_LAYER + ".resize.{p:parameter}", "reassemble.{s:scale}.resample.1.{p:parameter}"),
)
READOUT_RULES: tuple[Rule, ...] = (
    rename("neck.reassemble_stage.readout_projects.{s}.0.{p:parameter}", "reassemble.{s:scale}.readout_proj.{p:parameter}"),
)
# The coarsest layer comes first here and last in the network.
FUSION_RULES: tuple[Rule, ...] = (
    rename("neck.convs.{s}.weight", "reassemble.{s:scale}.fuse_proj.weight"),
    rename(_FUSION + "{3-n}.projection.{p:parameter}", "fusion.blocks.{n}.scale_proj_seq.2.{p:parameter}"),
    rename(_FUSION + "{n:3|2|1}.residual_layer1.convolution{i+1}.{p:parameter}", _JOINED + ".{p:parameter}"),
    rename(_FUSION + "{3-n}.residual_layer2.convolution{i+1}.{p:parameter}", _REFINED + ".{p:parameter}"),
)
FUSION_NORM_RULES: tuple[Rule, ...] = (
    rename(_FUSION + "{n:3|2|1}.residual_layer1.batch_norm{i+1}.{p:batch_norm}", _JOINED + ".norm.{p:batch_norm}"),
    rename(_FUSION + "{3-n}.residual_layer2.batch_norm{i+1}.{p:batch_norm}", _REFINED + ".norm.{p:batch_norm}"),
)
NECK_RULES = (*REASSEMBLY_RULES, *READOUT_RULES, *FUSION_RULES, *FUSION_NORM_RULES)


def never_run(original_prefix: str = "") -> tuple[Row, ...]:
    """The unit that would join a path to the coarsest map, under the name that the original has for it behind a prefix."""
    reason = "the coarsest fusion layer has no path to join, so this unit never runs"
    unit, original, width = _FUSION + "0.residual_layer1.", original_prefix + "scratch.refinenet4.resConfUnit1.", "fusion.widths[3]"
    return (
        *convolution(unit + "convolution{i:1|2}", unread(reason, original + "conv{i:1|2}"), width, width, 3, bias="fusion.bias"),
        optional("fusion.batch_norm", batch_norm(unit + "batch_norm{i:1|2}", unread(reason, original + "bn{i:1|2}"), width)),
    )


def decoder_config(config: DPTConfig) -> dict[str, object]:
    """What a config.json says of the decoder; refused where transformers fixes what this model has otherwise."""
    (width, *others), head = config.fusion.widths, config.head
    require(all(other == width for other in others), f"one width for all of the fusion, and these are {list(config.fusion.widths)}")
    if isinstance(head, DepthHeadConfig):
        require(head.upsampler_width == width // 2, f"half of {width} channels in its head, not {head.upsampler_width}")
        require(head.channels == 1, f"one channel of depth, not {head.channels}")
    return {"fusion_hidden_size": width, "head_in_index": -1}


def require(condition: bool, what: str) -> None:
    if not condition:
        raise Refusal(f"transformers cannot hold this model: its class has {what}. Export with --to original instead.")
