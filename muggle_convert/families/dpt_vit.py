"""DPT with a plain vision transformer: DPT-Large of MiDaS v3.0 and of DPT itself."""

from __future__ import annotations

import re

from model_defs.config import DPTConfig, ViTConfig
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.attention import full, full_attention, told_heads
from muggle_convert.families.shared.decoder import scratch
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.midas import OUTPUT_SETTINGS, depth_and_segmentation
from muggle_convert.families.shared.published import of_dpt, of_midas
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import HEADS, READOUT, TAPS
from muggle_convert.families.shared.timm_vit import (
    BLOCK,
    CLASS_TOKEN,
    HEAD,
    LAST_NORM,
    REASSEMBLY,
    blocks,
    by_positions,
    compose_network,
    patches,
    positions,
    told_taps,
)
from muggle_convert.families.shared.transformers.vit import VIT

LAYOUTS = depth_and_segmentation(
    CLASS_TOKEN,
    patches("image.channels", "patch_size"),
    positions("pretrained.model.pos_embed"),
    blocks(full(BLOCK + ".attn")),
    LAST_NORM,
    HEAD,
    REASSEMBLY,
    scratch("reassemble.features[s]"),
)

KNOWN_TAPS = {12: (2, 5, 8, 11), 24: (5, 11, 17, 23)}


def _configure(reading: Reading) -> DPTConfig:
    encoder = reading.compose(
        ViTConfig,
        "encoder",
        heads=told_heads(reading, reading.value("encoder.width")),
        attention=full_attention(reading),
        taps=told_taps(reading, reading.value("encoder.depth"), TAPS, KNOWN_TAPS),
    )
    return compose_network(reading, encoder, by_positions(encoder.grid, encoder.patch_size))


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
    file_names=re.compile(r"dpt[_-]large|dpt[_-]vit", re.IGNORECASE),
    glance=Glance(
        "blocks 2, 5, 8, 11 of 12; 5, 11, 17, 23 of 24",
        "tokens, class token projected",
        "to the next map's size; doubling",
        "384, closest, multiples of 32",
    ),
    released=(
        Released("dpt_large_384", {**_LARGE, "head.kind": "depth", "head.channels": 1}),
        Released("dpt_large-ade20k", {**_LARGE, "head.kind": "segmentation", "head.channels": 150}),
    ),
    published=(
        of_midas("v3", "dpt_large_384", 344),
        of_dpt("dpt_large-midas-2f21e586", 344),
        of_dpt("dpt_large-ade20k-b12dca68", 344, "150 classes"),
    ),
    settings={"taps": TAPS, "heads": HEADS, "readout": READOUT, **OUTPUT_SETTINGS},
    transformers=VIT,
)
