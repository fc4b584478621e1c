"""DPT with a BeitBackbone."""

from __future__ import annotations

from typing import Any

from model_defs.config import BEiTConfig, DPTConfig
from muggle_convert.families.shared.family import Transformers
from muggle_convert.families.shared.transformers.dpt import dpt_config, dpt_layouts
from muggle_convert.families.shared.transformers.neck import require
from muggle_convert.rules import Rule, rename, split, stack

_BLOCK_HERE, _BIAS_HERE = "imgencoder.blocks.{n}", "imgencoder.position_biases.{n}"


def _encoder(backbone: str, block: str, parts: tuple[str, ...], after_attention: str, mlp: str, table: str) -> tuple[Rule, ...]:
    """Keys have no bias. The last three rows of each table are for the class token."""
    query, key, value = (f"{block}.attention.{part}" for part in parts)
    return (
        rename(f"{backbone}.embeddings.cls_token", "patch_embed.cls_token"),
        rename(f"{backbone}.embeddings.patch_embeddings.projection.{{p:parameter}}", "patch_embed.proj.{p:parameter}"),
        rename(f"{block}.lambda_{{i+1}}", _BLOCK_HERE + ".{i:scale_attn|scale_mlp}"),
        rename(f"{block}.layernorm_{{i:before|after}}.{{p:parameter}}", _BLOCK_HERE + ".norm{i+1}.{p:parameter}"),
        stack((f"{query}.weight", f"{key}.weight", f"{value}.weight"), _BLOCK_HERE + ".attn.qkv.weight", parts=(0, 1, 2)),
        stack((f"{query}.bias", f"{value}.bias"), _BLOCK_HERE + ".attn.qkv.bias", parts=(0, None, 1)),
        rename(f"{block}.attention.{after_attention}.{{p:parameter}}", _BLOCK_HERE + ".attn.proj.{p:parameter}"),
        rename(f"{block}.{mlp}.{{p:parameter}}", _BLOCK_HERE + ".mlp.fc{i+1}.{p:parameter}"),
        split(
            f"{block}.{table}.relative_position_bias_table",
            _BIAS_HERE + ".between_patches",
            _BIAS_HERE + ".with_cls",
            axis=0,
            count=3,
            at_end=True,
        ),
    )


VERSION_4 = _encoder(
    backbone="backbone",
    block="backbone.encoder.layer.{n}",
    parts=("attention.query", "attention.key", "attention.value"),
    after_attention="output.dense",
    mlp="{i:intermediate|output}.dense",
    table="attention.attention.relative_position_bias",
)
VERSION_5 = _encoder(
    backbone="backbone.beit",
    block="backbone.beit.layers.{n}",
    parts=("q_proj", "k_proj", "v_proj"),
    after_attention="o_proj",
    mlp="mlp.fc{i+1}",
    table="relative_position_bias",
)


def backbone_config(config: DPTConfig, encoder: BEiTConfig) -> dict[str, Any]:
    require(encoder.grid[0] == encoder.grid[1], f"a square grid of positions, not {encoder.grid[0]} x {encoder.grid[1]}")
    stages = [tap + 1 for tap in encoder.taps]  # stage 0 is what goes into the first block
    return {
        "model_type": "beit",
        "add_fpn": False,
        "hidden_act": "gelu",
        "hidden_size": encoder.width,
        "image_size": encoder.grid[0] * encoder.patch_size,
        "intermediate_size": encoder.mlp_width,
        "layer_norm_eps": 1e-6,
        "num_attention_heads": encoder.heads,
        "num_channels": config.image.channels,
        "num_hidden_layers": encoder.depth,
        "out_features": [f"stage{stage}" for stage in stages],
        "out_indices": stages,
        "patch_size": encoder.patch_size,
        "reshape_hidden_states": False,
        "use_absolute_position_embeddings": False,
        "use_mask_token": False,
        "use_relative_position_bias": True,
        "use_shared_relative_position_bias": False,
    }


def _config(config: DPTConfig, encoder: BEiTConfig) -> dict[str, Any]:
    own = {
        "backbone_config": backbone_config(config, encoder),
        "backbone_out_indices": None,
        "hidden_size": encoder.width,
        "is_hybrid": False,
        "neck_hidden_sizes": list(config.reassemble.features),
        "readout_type": config.reassemble.readout,
        "reassemble_factors": [4, 2, 1, 0.5],
    }
    return dpt_config(config, own)


TRANSFORMERS = Transformers({**dpt_layouts("transformers", VERSION_4), **dpt_layouts("transformers 5", VERSION_5)}, _config)
