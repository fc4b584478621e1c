"""DPT with a Swinv2Backbone."""

from __future__ import annotations

from typing import Any

from model_defs.config import DPTConfig, Swin2Config
from muggle_convert.families.shared.family import Transformers
from muggle_convert.families.shared.transformers.dpt import dpt_config, dpt_layouts
from muggle_convert.families.shared.transformers.neck import require
from muggle_convert.rules import Flatten, rename, stack

_STAGE, _STAGE_HERE = "backbone.encoder.layers.{s}", "imgencoder.stages.{s+1}"
_BLOCK, _BLOCK_HERE = "backbone.encoder.layers.{s}.blocks.{n}", "imgencoder.stages.{s}.blocks.{n}"
_ATTENTION = _BLOCK + ".attention.self."

_ENCODER = (
    rename("backbone.embeddings.patch_embeddings.projection.{p:parameter}", "patch_embed.proj.{p:parameter}"),
    rename("backbone.embeddings.norm.{p:parameter}", "patch_embed.norm.{p:parameter}"),
    rename(_BLOCK + ".layernorm_{i:before|after}.{p:parameter}", _BLOCK_HERE + ".norm{i+1}.{p:parameter}"),
    stack([_ATTENTION + f"{part}.weight" for part in ("query", "key", "value")], _BLOCK_HERE + ".attn.qkv.weight", parts=(0, 1, 2)),
    stack([_ATTENTION + f"{part}.bias" for part in ("query", "value")], _BLOCK_HERE + ".attn.qkv.bias", parts=(0, None, 1)),
    rename(_ATTENTION + "logit_scale", _BLOCK_HERE + ".attn.logit_scale", Flatten("n11")),
    rename(_ATTENTION + "continuous_position_bias_mlp.0.{p:parameter}", _BLOCK_HERE + ".attn.position_mlp.0.{p:parameter}"),
    rename(_ATTENTION + "continuous_position_bias_mlp.2.weight", _BLOCK_HERE + ".attn.position_mlp.2.weight"),
    rename(_BLOCK + ".attention.output.dense.{p:parameter}", _BLOCK_HERE + ".attn.proj.{p:parameter}"),
    rename(_BLOCK + ".{i:intermediate|output}.dense.{p:parameter}", _BLOCK_HERE + ".mlp.fc{i+1}.{p:parameter}"),
    rename(_STAGE + ".downsample.norm.{p:parameter}", _STAGE_HERE + ".downsample.norm.{p:parameter}"),
    rename(_STAGE + ".downsample.reduction.weight", _STAGE_HERE + ".downsample.reduction.weight"),
)


def _config(config: DPTConfig, encoder: Swin2Config) -> dict[str, Any]:
    widths = [encoder.width << stage for stage in range(len(encoder.depths))]
    ratio = encoder.mlp_widths[0] // encoder.width
    require(
        all(inner == ratio * width for inner, width in zip(encoder.mlp_widths, widths, strict=True)),
        f"MLPs {ratio} times as wide as its stages, not of {list(encoder.mlp_widths)} features",
    )
    rows, columns = encoder.grid
    require(rows == columns, f"square pictures in training, not {rows} x {columns} patches")
    require(encoder.position_mlp_width == 512, f"512 features where it makes biases of positions, not {encoder.position_mlp_width}")
    backbone = {
        "model_type": "swinv2",
        "depths": list(encoder.depths),
        "embed_dim": encoder.width,
        "hidden_act": "gelu",
        "image_size": encoder.grid[0] * encoder.patch_size,
        "layer_norm_eps": 1e-5,
        "mlp_ratio": float(ratio),
        "num_channels": config.image.channels,
        "num_heads": list(encoder.heads),
        "out_features": ["stage1", "stage2", "stage3", "stage4"],
        "out_indices": [1, 2, 3, 4],
        "patch_size": encoder.patch_size,
        "pretrained_window_sizes": list(encoder.pretrained_windows),
        "qkv_bias": True,
        "window_size": encoder.window,
    }
    own = {
        "backbone_config": backbone,
        "backbone_out_indices": None,
        "hidden_size": encoder.width,
        "is_hybrid": False,
        "neck_hidden_sizes": widths,
        "reassemble_factors": [1, 1, 1, 1],
    }
    return dpt_config(config, own)


TRANSFORMERS = Transformers(dpt_layouts("transformers", _ENCODER), _config)
