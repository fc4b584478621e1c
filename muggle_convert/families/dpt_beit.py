"""DPT with BEiT, of MiDaS v3.1: tables of relative positions in every block instead of one embedding of absolute ones."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from model_defs.config import BEiTConfig, DPTConfig
from muggle_convert.errors import Refusal
from muggle_convert.families import papers
from muggle_convert.families.ends import OUTPUT_SETTINGS, depth_and_segmentation, head_inventory
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Family, Reading, Released
from muggle_convert.families.parts import (
    CLASSIFIER,
    Inventory,
    convolution,
    fusion_drops,
    fusion_inventory,
    fusion_rules,
    linear,
    norm,
    token_reassembly_of,
)
from muggle_convert.families.settings import READOUT, TAPS
from muggle_convert.families.tokens import BLOCK_RULES, DROPS, REASSEMBLY_RULES, block_inventory, read_blocks, read_taps, read_token_network
from muggle_convert.families.transformers_layout.beit import TRANSFORMERS
from muggle_convert.rules import derivable, rename, split, stack, unused

if TYPE_CHECKING:
    import numpy as np

_BLOCK, _BLOCK_HERE, _BIAS_HERE = "pretrained.model.blocks.{n}", "imgencoder.blocks.{n}", "imgencoder.position_biases.{n}"
_BEIT_RULES = (
    *BLOCK_RULES,
    rename(_BLOCK + ".gamma_{i+1}", _BLOCK_HERE + ".{i:scale_attn|scale_mlp}"),
    rename(_BLOCK + ".attn.qkv.weight", _BLOCK_HERE + ".attn.qkv.weight"),
    rename(_BLOCK + ".attn.proj.{p:parameter}", _BLOCK_HERE + ".attn.proj.{p:parameter}"),
    stack((_BLOCK + ".attn.q_bias", _BLOCK + ".attn.v_bias"), _BLOCK_HERE + ".attn.qkv.bias", parts=(0, None, 1)),  # keys have none
    split(
        _BLOCK + ".attn.relative_position_bias_table",
        _BIAS_HERE + ".between_patches",
        _BIAS_HERE + ".with_cls",
        axis=0,
        count=3,
        at_end=True,
    ),
)


def _derive_index(encoder: BEiTConfig, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """Which row of a block's table is for which query and key; the last three are for the class token."""
    import numpy as np

    rows, columns = encoder.grid
    down, right = (np.subtract.outer(np.arange(side), np.arange(side)) + side - 1 for side in (rows, columns))
    patches = down[:, None, :, None] * (2 * columns - 1) + right[None, :, None, :]
    first = (2 * rows - 1) * (2 * columns - 1)
    index = np.full((1 + rows * columns, 1 + rows * columns), first)
    index[1:, 1:] = patches.reshape(rows * columns, rows * columns)
    index[1:, 0] = first + 1
    index[0, 0] = first + 2
    return index


_DROPS = (
    derivable(_BLOCK + ".attn.relative_position_index", "the index follows from the grid of patches", _derive_index),
    unused("pretrained.model.fc_norm.{p:parameter}", f"the norm before {CLASSIFIER}"),
    *DROPS,
    *fusion_drops(),
)


def _owned(encoder: BEiTConfig) -> Inventory:
    tokens = 1 + math.prod(encoder.grid)
    indices = {f"pretrained.model.blocks.{number}.attn.relative_position_index": (tokens, tokens) for number in range(encoder.depth)}
    return {**indices, **norm("pretrained.model.fc_norm", encoder.width), **linear("pretrained.model.head", 1000, encoder.width)}


LAYOUTS = depth_and_segmentation((*_BEIT_RULES, *REASSEMBLY_RULES, *fusion_rules()), _DROPS, _owned)

KNOWN_TAPS = {12: (2, 5, 8, 11), 24: (5, 11, 17, 23)}


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    encoder = _encoder(reading, findings)
    rows = encoder.grid[0]
    size, why = rows * encoder.patch_size, f"{rows} patches of {encoder.patch_size} pixels, whose distances the tables hold"
    return read_token_network(reading, findings, encoder, size, why)


def _encoder(reading: Reading, findings: Findings) -> BEiTConfig:
    blocks = read_blocks(reading, findings)
    return BEiTConfig(
        **blocks,
        heads=reading.measure(findings, "encoder.heads", "imgencoder.position_biases.0.with_cls", lambda shape: shape[1]),
        patch_size=reading.measure(findings, "encoder.patch_size", "patch_embed.proj.weight", lambda shape: shape[-1]),
        grid=_grid(reading, findings),
        taps=read_taps(reading, findings, blocks["depth"], TAPS, KNOWN_TAPS),
    )


def _grid(reading: Reading, findings: Findings) -> tuple[int, int]:
    """The grid whose distances a table holds: 2 * side - 1 of them in each direction."""
    table = "imgencoder.position_biases.0.between_patches"
    distances = reading.shape(table)[0]
    root = math.isqrt(distances)
    if root * root != distances or root % 2 == 0:
        raise Refusal(
            f"{reading.file} has relative positions for {distances} distances between patches; {reading.family} has them for a square grid, "
            "such as 2209 = 47 x 47 for 24 x 24 patches."
        )
    return findings.note("encoder.grid", ((root + 1) // 2, (root + 1) // 2), Source.SHAPE, reading.describe(table))


def _inventory(config: DPTConfig, encoder: BEiTConfig) -> Inventory:
    rows, columns = encoder.grid
    tensors: Inventory = {
        "patch_embed.cls_token": (1, 1, encoder.width),
        **convolution("patch_embed.proj", encoder.width, config.image.channels, encoder.patch_size),
    }
    for number in range(encoder.depth):
        block = f"imgencoder.blocks.{number}"
        tensors |= {f"{block}.scale_attn": (encoder.width,), f"{block}.scale_mlp": (encoder.width,)}
        attention = {
            **linear(f"{block}.attn.qkv", 3 * encoder.width, encoder.width),
            **linear(f"{block}.attn.proj", encoder.width, encoder.width),
        }
        tensors |= block_inventory(block, encoder.width, encoder.mlp_width, attention)
        tensors[f"imgencoder.position_biases.{number}.between_patches"] = ((2 * rows - 1) * (2 * columns - 1), encoder.heads)
        tensors[f"imgencoder.position_biases.{number}.with_cls"] = (3, encoder.heads)
    return {
        **tensors,
        **token_reassembly_of(config, encoder.width),
        **fusion_inventory(config.fusion),
        **head_inventory(config.head, config.fusion.widths[0]),
    }


_ALL = {"fusion.widths": (256,) * 4, "image.channels": 3, "head.kind": "depth", "head.channels": 1}
_LARGE = {**_ALL, "encoder.width": 1024, "encoder.depth": 24, "reassemble.features": (256, 512, 1024, 1024)}
_BASE = {**_ALL, "encoder.width": 768, "encoder.depth": 12, "reassemble.features": (96, 192, 384, 768)}

DPT_BEIT = Family(
    name="dpt_beit",
    title="DPT with BEiT",
    citations=(papers.MIDAS_V31, papers.MIDAS, papers.DPT),
    encoder=BEiTConfig,
    layouts=LAYOUTS,
    configure=_configure,
    tensors=_inventory,
    file_names=re.compile(r"dpt[_-]beit", re.IGNORECASE),
    released=(
        Released("dpt_beit_large_512", {**_LARGE, "encoder.grid": (32, 32)}),
        Released("dpt_beit_large_384", {**_LARGE, "encoder.grid": (24, 24)}),
        Released("dpt_beit_base_384", {**_BASE, "encoder.grid": (24, 24)}),
    ),
    settings={"taps": TAPS, "readout": READOUT, **OUTPUT_SETTINGS},
    transformers=TRANSFORMERS,
)
