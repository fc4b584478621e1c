"""Depth-Anything in transformers: a Dinov2Backbone under DepthAnythingForDepthEstimation."""

from __future__ import annotations

from typing import Any

from model_defs.config import DepthHeadConfig, DINOv2Config, DPTConfig
from muggle_convert.families.shared.dinov2 import MASK_TOKEN
from muggle_convert.families.shared.family import Transformers
from muggle_convert.families.shared.transformers.neck import (
    FUSION_RULES,
    REASSEMBLY_RULES,
    decoder_config,
    never_run,
    require,
)
from muggle_convert.rules import Rule, RuleSet, rename, split, stack, tensor, unread
from muggle_convert.rules.rows import Rows

_BLOCK, _BLOCK_HERE = "backbone.encoder.layer.{n}", "imgencoder.blocks.{n}"

# Version 4 nests what version 5 has side by side, and keeps the two halves of a gated MLP together.
VERSION_4: tuple[Rule, ...] = (
    stack(
        [_BLOCK + f".attention.attention.{part}.{{p:parameter}}" for part in ("query", "key", "value")],
        _BLOCK_HERE + ".attn.qkv.{p:parameter}",
        parts=(0, 1, 2),
    ),
    rename(_BLOCK + ".attention.output.dense.{p:parameter}", _BLOCK_HERE + ".attn.proj.{p:parameter}"),
    rename(_BLOCK + ".mlp.{m:weights_in|weights_out}.{p:parameter}", _BLOCK_HERE + ".mlp.{m:gate_and_value|out}.{p:parameter}"),
)
VERSION_5: tuple[Rule, ...] = (
    stack([_BLOCK + f".attention.{part}_proj.{{p:parameter}}" for part in "qkv"], _BLOCK_HERE + ".attn.qkv.{p:parameter}", parts=(0, 1, 2)),
    rename(_BLOCK + ".attention.o_proj.{p:parameter}", _BLOCK_HERE + ".attn.proj.{p:parameter}"),
    stack(
        [_BLOCK + f".mlp.{part}_proj.{{p:parameter}}" for part in ("gate", "up")],
        _BLOCK_HERE + ".mlp.gate_and_value.{p:parameter}",
        parts=(0, 1),
    ),
    rename(_BLOCK + ".mlp.down_proj.{p:parameter}", _BLOCK_HERE + ".mlp.out.{p:parameter}"),
)


def depth_anything_layouts(*own: Rule) -> dict[str, RuleSet]:
    """Either version's spelling, and what a model has beside the ones it shares."""
    return {"transformers": _layout(VERSION_4, own), "transformers 5": _layout(VERSION_5, own)}


def _layout(spelling: tuple[Rule, ...], own: tuple[Rule, ...]) -> RuleSet:
    return RuleSet(
        dinov2_backbone(spelling, rename("backbone.layernorm.{p:parameter}", "imgencoder.outnorm.{p:parameter}"), "pretrained.mask_token"),
        REASSEMBLY_RULES,
        FUSION_RULES,
        never_run("depth_head."),
        rename("head.conv1.{p:parameter}", "head.spatial_upsampler.0.{p:parameter}"),
        rename("head.conv{i+2}.{p:parameter}", "head.proj_1ch.{2*i}.{p:parameter}"),
        own,
    )


def dinov2_backbone(spelling: tuple[Rule, ...], last_norm: Rows, mask_token: str) -> tuple[Rows, ...]:
    """A Dinov2Backbone, and what the original calls the token that hides patches."""
    return (
        rename("backbone.embeddings.cls_token", "patch_embed.cls_token"),
        rename("backbone.embeddings.patch_embeddings.projection.{p:parameter}", "patch_embed.proj.{p:parameter}"),
        split("backbone.embeddings.position_embeddings", "posenc.cls_embedding", "posenc.base_patch_embedding", axis=1, count=1),
        tensor("backbone.embeddings.mask_token", unread(MASK_TOKEN, mask_token), 1, "width"),
        rename(_BLOCK + ".norm{i+1}.{p:parameter}", _BLOCK_HERE + ".norm{i+1}.{p:parameter}"),
        rename(_BLOCK + ".layer_scale{i+1}.lambda1", _BLOCK_HERE + ".{i:scale_attn|scale_mlp}"),
        rename(_BLOCK + ".mlp.fc{i+1}.{p:parameter}", _BLOCK_HERE + ".mlp.fc{i+1}.{p:parameter}"),
        spelling,
        last_norm,
    )


def depth_anything_config(config: DPTConfig, encoder: DINOv2Config) -> dict[str, Any]:
    head, output = config.head, config.output
    assert isinstance(head, DepthHeadConfig)
    require(output.activation != "none", "a rectifier or a sigmoid at its end")
    require(not output.invert, "no inversion to metres after its head, which this model has")
    require(output.max_depth is None or output.max_depth == int(output.max_depth), f"whole metres of largest depth, not {output.max_depth}")
    return {
        "architectures": ["DepthAnythingForDepthEstimation"],
        "model_type": "depth_anything",
        "backbone_config": dinov2_backbone_config(config, encoder),
        **decoder_config(config),
        "depth_estimation_type": "metric" if output.kind == "metric depth" else "relative",
        "head_hidden_size": head.projection_width,
        "max_depth": 1 if output.max_depth is None else int(output.max_depth),
        "neck_hidden_sizes": list(config.reassemble.features),
        "patch_size": encoder.patch_size,
        "reassemble_factors": [4, 2, 1, 0.5],
        "reassemble_hidden_size": encoder.width,
    }


def dinov2_backbone_config(config: DPTConfig, encoder: DINOv2Config) -> dict[str, Any]:
    """What a config.json says of the backbone."""
    require(encoder.grid[0] == encoder.grid[1], f"a square grid of positions, not {encoder.grid[0]} x {encoder.grid[1]}")
    inner = (8 * encoder.width // 3 + 7) // 8 * 8 if encoder.mlp == "swiglu" else encoder.mlp_width // encoder.width * encoder.width
    require(encoder.mlp_width == inner, f"an MLP of {inner} features inside, not {encoder.mlp_width}")
    stages = [tap + 1 for tap in encoder.taps]  # stage 0 is what goes into the first block
    return {
        "model_type": "dinov2",
        "apply_layernorm": True,
        "hidden_act": "gelu",
        "hidden_size": encoder.width,
        "image_size": encoder.grid[0] * encoder.patch_size,
        "layer_norm_eps": 1e-6,
        "mlp_ratio": 4 if encoder.mlp == "swiglu" else encoder.mlp_width // encoder.width,
        "num_attention_heads": encoder.heads,
        "num_channels": config.image.channels,
        "num_hidden_layers": encoder.depth,
        "out_features": [f"stage{stage}" for stage in stages],
        "out_indices": stages,
        "patch_size": encoder.patch_size,
        "qkv_bias": True,
        "reshape_hidden_states": False,
        "use_swiglu_ffn": encoder.mlp == "swiglu",
    }


TRANSFORMERS = Transformers(depth_anything_layouts(), depth_anything_config)
