"""DPT with a plain vision transformer: DPT-Large of MiDaS v3.0 and of DPT itself."""

from __future__ import annotations

import re

from model_defs.config import DPTConfig, ViTConfig
from muggle_convert.families import papers
from muggle_convert.families.efficient_attention import blocks_inventory, full_attention
from muggle_convert.families.ends import (
    OUTPUT_SETTINGS,
    depth_and_segmentation,
    head_inventory,
)
from muggle_convert.families.evidence import Findings
from muggle_convert.families.family import Family, Reading, Released
from muggle_convert.families.parts import (
    Inventory,
    convolution,
    fusion_drops,
    fusion_inventory,
    fusion_rules,
    token_reassembly_of,
)
from muggle_convert.families.settings import HEADS, READOUT, TAPS
from muggle_convert.families.tokens import (
    ATTENTION_RULES,
    DROPS,
    REASSEMBLY_RULES,
    VIT_RULES,
    encoder_owned,
    position_inventory,
    read_blocks,
    read_heads,
    read_square_grid,
    read_taps,
    read_token_network,
    size_by_positions,
)
from muggle_convert.families.transformers_layout.vit import VIT

LAYOUTS = depth_and_segmentation(
    (*VIT_RULES, *ATTENTION_RULES, *REASSEMBLY_RULES, *fusion_rules()), (*DROPS, *fusion_drops()), encoder_owned
)

KNOWN_TAPS = {12: (2, 5, 8, 11), 24: (5, 11, 17, 23)}


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    blocks = read_blocks(reading, findings)
    grid = read_square_grid(reading, findings)
    encoder = ViTConfig(
        **blocks,
        attention=full_attention(findings),
        heads=read_heads(reading, findings, blocks["width"]),
        patch_size=reading.measure(findings, "encoder.patch_size", "patch_embed.proj.weight", lambda shape: shape[-1]),
        grid=grid,
        taps=read_taps(reading, findings, blocks["depth"], TAPS, KNOWN_TAPS),
    )
    return read_token_network(reading, findings, encoder, *size_by_positions(grid, encoder.patch_size))


def _inventory(config: DPTConfig, encoder: ViTConfig) -> Inventory:
    return {
        "patch_embed.cls_token": (1, 1, encoder.width),
        **convolution("patch_embed.proj", encoder.width, config.image.channels, encoder.patch_size),
        **position_inventory(encoder.width, encoder.grid),
        **blocks_inventory(encoder),
        **token_reassembly_of(config, encoder.width),
        **fusion_inventory(config.fusion),
        **head_inventory(config.head, config.fusion.widths[0]),
    }


_LARGE = {
    "encoder.width": 1024,
    "encoder.depth": 24,
    "encoder.grid": (24, 24),
    "reassemble.features": (256, 512, 1024, 1024),
    "fusion.widths": (256,) * 4,
    "image.channels": 3,
}

DPT_VIT = Family(
    name="dpt_vit",
    title="DPT, plain vision transformer",
    citations=(papers.DPT, papers.MIDAS),
    encoder=ViTConfig,
    layouts=LAYOUTS,
    configure=_configure,
    tensors=_inventory,
    file_names=re.compile(r"dpt[_-]large|dpt[_-]vit", re.IGNORECASE),
    released=(
        Released("dpt_large_384", {**_LARGE, "head.kind": "depth", "head.channels": 1}),
        Released("dpt_large-ade20k", {**_LARGE, "head.kind": "segmentation", "head.channels": 150}),
    ),
    settings={"taps": TAPS, "heads": HEADS, "readout": READOUT, **OUTPUT_SETTINGS},
    transformers=VIT,
)
