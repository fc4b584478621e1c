"""DPT with its own encoder: the plain vision transformer, and the hybrid with a BiT in front of it."""

from __future__ import annotations

from typing import Any

from model_defs.config import HYBRID_STRIDE, DPTConfig, HybridConfig, ViTConfig
from muggle_convert.families.shared.family import Transformers
from muggle_convert.families.shared.transformers.dpt import dpt_config, dpt_layouts
from muggle_convert.families.shared.transformers.neck import require
from muggle_convert.rules import norm, rename, split, stack, unread

_BLOCK, _BLOCK_HERE = "dpt.encoder.layer.{n}", "imgencoder.blocks.{n}"
_ENCODER = (
    rename("dpt.embeddings.cls_token", "patch_embed.cls_token"),
    split("dpt.embeddings.position_embeddings", "posenc.cls_embedding", "posenc.base_patch_embedding", axis=1, count=1),
    rename(_BLOCK + ".layernorm_{i:before|after}.{p:parameter}", _BLOCK_HERE + ".norm{i+1}.{p:parameter}"),
    stack(
        [_BLOCK + f".attention.attention.{part}.{{p:parameter}}" for part in ("query", "key", "value")],
        _BLOCK_HERE + ".attn.qkv.{p:parameter}",
        parts=(0, 1, 2),
    ),
    rename(_BLOCK + ".attention.output.dense.{p:parameter}", _BLOCK_HERE + ".attn.proj.{p:parameter}"),
    rename(_BLOCK + ".{i:intermediate|output}.dense.{p:parameter}", _BLOCK_HERE + ".mlp.fc{i+1}.{p:parameter}"),
)
_PATCHES = (rename("dpt.embeddings.patch_embeddings.projection.{p:parameter}", "patch_embed.proj.{p:parameter}"),)

_BIT = "dpt.embeddings.backbone.bit."
_LAYER, _LAYER_HERE = _BIT + "encoder.stages.{s}.layers.{n}", "patch_embed.stages.{s}.{n}"
_HYBRID_PATCHES = (
    rename(_BIT + "embedder.convolution.weight", "patch_embed.stem.weight"),
    rename(_BIT + "embedder.norm.{p:parameter}", "patch_embed.stem.norm.{p:parameter}"),
    rename(_LAYER + ".{m:conv1|conv2|conv3}.weight", _LAYER_HERE + ".{m:reduce|spatial|expand}.weight"),
    rename(_LAYER + ".{m:norm1|norm2|norm3}.{p:parameter}", _LAYER_HERE + ".{m:reduce|spatial|expand}.norm.{p:parameter}"),
    rename(_LAYER + ".downsample.conv.weight", _LAYER_HERE + ".shortcut.weight"),
    rename(_LAYER + ".downsample.norm.{p:parameter}", _LAYER_HERE + ".shortcut.norm.{p:parameter}"),
    rename("dpt.embeddings.projection.{p:parameter}", "patch_embed.proj.{p:parameter}"),
)
_LAST_NORM = norm("dpt.layernorm", unread("only a classifier reads what is after the last block", "pretrained.model.norm"), "width")


def _encoder_config(config: DPTConfig, encoder: ViTConfig | HybridConfig, patch_size: int) -> dict[str, Any]:
    require(encoder.grid[0] == encoder.grid[1], f"a square grid of positions, not {encoder.grid[0]} x {encoder.grid[1]}")
    return {
        "hidden_size": encoder.width,
        "image_size": encoder.grid[0] * patch_size,
        "intermediate_size": encoder.mlp_width,
        "layer_norm_eps": 1e-6,
        "num_attention_heads": encoder.heads,
        "num_hidden_layers": encoder.depth,
        "patch_size": patch_size,
        "qkv_bias": True,
        "readout_type": config.reassemble.readout,
    }


def _vit_config(config: DPTConfig, encoder: ViTConfig) -> dict[str, Any]:
    own = {
        "backbone_out_indices": list(encoder.taps),
        "is_hybrid": False,
        "neck_hidden_sizes": list(config.reassemble.features),
        "reassemble_factors": [4, 2, 1, 0.5],
    }
    return dpt_config(config, {**_encoder_config(config, encoder, encoder.patch_size), **own})


def _hybrid_config(config: DPTConfig, encoder: HybridConfig) -> dict[str, Any]:
    require(encoder.positions == "bilinear", "positions that are resized without aligned corners")
    require(config.reassemble.readout == "project", "a projected readout in a hybrid")
    own = {
        "backbone_config": {
            "model_type": "bit",
            "depths": list(encoder.stage_depths),
            "embedding_dynamic_padding": True,
            "embedding_size": encoder.stem_width,
            "global_padding": "same",
            "hidden_sizes": list(encoder.stage_widths),
            "layer_type": "bottleneck",
            "num_channels": config.image.channels,
            "out_features": ["stage1", "stage2", "stage3"],
        },
        "backbone_featmap_shape": [1, encoder.stage_widths[-1], *encoder.grid],
        "backbone_out_indices": [0, 1, *encoder.taps],  # the first two stand for maps of the BiT and are not looked at
        "is_hybrid": True,
        "neck_hidden_sizes": [*encoder.stage_widths[:2], *config.reassemble.features],
        "neck_ignore_stages": [0, 1],
        "reassemble_factors": [1, 1, 1, 0.5],
    }
    return dpt_config(config, {**_encoder_config(config, encoder, HYBRID_STRIDE), **own})


def _trained_side(config: DPTConfig, encoder: HybridConfig) -> int:
    """A hybrid refuses what its positions were not learned at."""
    return encoder.grid[0] * HYBRID_STRIDE


VIT = Transformers(dpt_layouts("transformers", _PATCHES, _ENCODER, _LAST_NORM), _vit_config, lambda config, encoder: config.image.size)
HYBRID = Transformers(dpt_layouts("transformers", _HYBRID_PATCHES, _ENCODER, _LAST_NORM), _hybrid_config, _trained_side)
