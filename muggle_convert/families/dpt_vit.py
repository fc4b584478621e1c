"""DPT with a plain vision transformer: DPT-Large of MiDaS v3.0 and of DPT itself."""

from __future__ import annotations

import re

from model_defs.config import DPTConfig, ViTConfig
from muggle_convert.families.ends import (
    DEPTH_HEAD_RULES,
    OUTPUT_SETTINGS,
    SEGMENTATION_HEAD_DROPS,
    SEGMENTATION_HEAD_RULES,
    head_inventory,
    read_head,
    read_image,
    read_output,
)
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Family, Reading, Released
from muggle_convert.families.parts import (
    Inventory,
    convolution,
    fusion_drops,
    fusion_inventory,
    fusion_rules,
    read_fusion,
    token_reassembly_of,
)
from muggle_convert.families.settings import HEADS, READOUT, TAPS
from muggle_convert.families.tokens import (
    REASSEMBLY_RULES,
    VIT_RULES,
    block_inventory,
    position_inventory,
    read_blocks,
    read_heads,
    read_reassembly,
    read_square_grid,
    read_taps,
)
from muggle_convert.rules import RuleSet, unused

_BODY = (*VIT_RULES, *REASSEMBLY_RULES, *fusion_rules())
_DROPS = (
    unused("pretrained.model.norm.{p:parameter}", "only a classifier has a norm after the last block"),
    unused("pretrained.model.head.{p:parameter}", "the classifier of the encoder's own training"),
    *fusion_drops(),
)
DEPTH = RuleSet((*_BODY, *DEPTH_HEAD_RULES), _DROPS)
SEGMENTATION = RuleSet((*_BODY, *SEGMENTATION_HEAD_RULES), (*_DROPS, *SEGMENTATION_HEAD_DROPS))

KNOWN_TAPS = {12: (2, 5, 8, 11), 24: (5, 11, 17, 23)}
ADE20K_SIZE = 480


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    stack = read_blocks(reading, findings)
    patch_size = reading.measure(findings, "encoder.patch_size", "patch_embed.proj.weight", lambda shape: shape[-1])
    encoder = ViTConfig(
        **stack,
        heads=read_heads(reading, findings, stack["width"]),
        patch_size=patch_size,
        grid=read_square_grid(reading, findings),
        taps=read_taps(reading, findings, stack["depth"], TAPS, KNOWN_TAPS),
    )
    head = read_head(reading, findings)
    channels = reading.measure(findings, "image.channels", "patch_embed.proj.weight", lambda shape: shape[1])
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=read_reassembly(reading, findings),
        fusion=read_fusion(reading, findings, "to next"),
        head=head,
        image=read_image(findings, channels, image_size(findings, head.kind, encoder.grid, patch_size)),
        output=read_output(reading, findings, head),
    )


def image_size(findings: Findings, head: str, grid: tuple[int, int], patch_size: int) -> int:
    """What the positions were learned at, except for DPT's segmentation models, which were trained on larger pictures than that."""
    if head == "segmentation":
        return findings.convention("image.size", ADE20K_SIZE, "DPT segments at this size")
    why = f"{grid[0]} patches of {patch_size} pixels, the grid of the stored positions"
    return findings.note("image.size", grid[0] * patch_size, Source.SHAPE, why)


def _inventory(config: DPTConfig) -> Inventory:
    encoder = config.encoder
    assert isinstance(encoder, ViTConfig)
    tensors: Inventory = {
        "patch_embed.cls_token": (1, 1, encoder.width),
        **convolution("patch_embed.proj", encoder.width, config.image.channels, encoder.patch_size),
        **position_inventory(encoder.width, encoder.grid),
    }
    for number in range(encoder.depth):
        tensors |= block_inventory(f"imgencoder.blocks.{number}", encoder.width, encoder.mlp_width)
    return {
        **tensors,
        **token_reassembly_of(config, encoder.width),
        **fusion_inventory(config.fusion),
        **head_inventory(config.head, config.fusion.widths[0]),
    }


DPT_VIT = Family(
    name="dpt_vit",
    title="DPT, plain vision transformer",
    layouts={"original": DEPTH, "segmentation": SEGMENTATION},
    configure=_configure,
    inventory=_inventory,
    file_names=re.compile(r"dpt[_-]large|dpt[_-]vit", re.IGNORECASE),
    released=(
        Released("dpt_large_384", {"encoder.width": 1024, "encoder.depth": 24, "head.kind": "depth", "head.channels": 1}),
        Released("dpt_large-ade20k", {"encoder.width": 1024, "encoder.depth": 24, "head.kind": "segmentation", "head.channels": 150}),
    ),
    settings={"taps": TAPS, "heads": HEADS, "readout": READOUT, **OUTPUT_SETTINGS},
)
