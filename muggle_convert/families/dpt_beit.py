"""DPT with BEiT, of MiDaS v3.1: tables of relative positions in every block instead of one embedding of absolute ones."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from model_defs.config import BEiTConfig, DPTConfig
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import CLASSIFIER, scratch
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.midas import OUTPUT_SETTINGS, depth_and_segmentation
from muggle_convert.families.shared.published import of_midas
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import READOUT, TAPS
from muggle_convert.families.shared.timm_vit import BLOCK, CLASS_TOKEN, HEAD, HERE, REASSEMBLY, blocks, compose_network, patches, told_taps
from muggle_convert.families.shared.transformers.beit import TRANSFORMERS
from muggle_convert.rules import Rows, Through, derivable, linear, norm, split, stack, tensor, unread, unused

if TYPE_CHECKING:
    import numpy as np


def _derive_index(config: Any, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """Which row of a block's table is for which query and key; the last three are for the class token."""
    import numpy as np

    rows, columns = config.encoder.grid
    down, right = (np.subtract.outer(np.arange(side), np.arange(side)) + side - 1 for side in (rows, columns))
    patches = down[:, None, :, None] * (2 * columns - 1) + right[None, :, None, :]
    first = (2 * rows - 1) * (2 * columns - 1)
    index = np.full((1 + rows * columns, 1 + rows * columns), first)
    index[1:, 1:] = patches.reshape(rows * columns, rows * columns)
    index[1:, 0] = first + 1
    index[0, 0] = first + 2
    return index


def _distances(grid: tuple[int, int]) -> int:
    """Between two patches there can be 2 * side - 1 distances each way."""
    return (2 * grid[0] - 1) * (2 * grid[1] - 1)


def _square_with(distances: int) -> tuple[int, int] | None:
    root = math.isqrt(distances)
    return ((root + 1) // 2, (root + 1) // 2) if root * root == distances and root % 2 else None


GRID = Through("grid", _distances, _square_with, "the number of distances in a square grid, such as 2209 = 47 x 47 in 24 x 24 patches,")
BIAS_HERE = "imgencoder.position_biases.{n}"


def _tokens(encoder: BEiTConfig, fields: Mapping[str, int]) -> int:
    return 1 + math.prod(encoder.grid)


BODY: tuple[Rows, ...] = (  # everything but the head
    CLASS_TOKEN,
    patches("image.channels", "patch_size"),
    blocks(
        tensor(BLOCK + ".gamma_{i:1|2}", HERE + ".{i:scale_attn|scale_mlp}", "width"),
        tensor(BLOCK + ".attn.qkv.weight", HERE + ".attn.qkv.weight", "3*width", "width"),
        # Keys have no bias.
        stack((BLOCK + ".attn.q_bias", BLOCK + ".attn.v_bias"), HERE + ".attn.qkv.bias", parts=(0, None, 1), sizes=("3*width",)),
        linear(BLOCK + ".attn.proj", HERE + ".attn.proj", "width", "width"),
        split(
            BLOCK + ".attn.relative_position_bias_table",
            BIAS_HERE + ".between_patches",
            BIAS_HERE + ".with_cls",
            axis=0,
            count=3,
            at_end=True,
            sizes=((GRID, "heads"), (3, "heads")),
        ),
        derivable(
            BLOCK + ".attn.relative_position_index", "the index follows from the grid of patches", _derive_index, sizes=(_tokens, _tokens)
        ),
    ),
    norm("pretrained.model.fc_norm", unread(f"the norm before {CLASSIFIER}"), "width"),
    unused("pretrained.model.norm.{p:parameter}", "only a classifier has a norm after the last block"),
    HEAD,
    REASSEMBLY,
    scratch("reassemble.features[s]"),
)
LAYOUTS = depth_and_segmentation(*BODY)

KNOWN_TAPS = {12: (2, 5, 8, 11), 24: (5, 11, 17, 23)}


def _configure(reading: Reading) -> DPTConfig:
    encoder = reading.compose(BEiTConfig, "encoder", taps=told_taps(reading, reading.value("encoder.depth"), TAPS, KNOWN_TAPS))
    why = f"{encoder.grid[0]} patches of {encoder.patch_size} pixels, whose distances the tables hold"
    return compose_network(reading, encoder, why)


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
    file_names=re.compile(r"dpt[_-]beit", re.IGNORECASE),
    glance=Glance(
        "blocks 2, 5, 8, 11 of 12; 5, 11, 17, 23 of 24",
        "tokens, class token projected",
        "to the next map's size; doubling",
        "384 or 512, closest, multiples of 32",
    ),
    released=(
        Released("dpt_beit_large_512", {**_LARGE, "encoder.grid": (32, 32)}),
        Released("dpt_beit_large_384", {**_LARGE, "encoder.grid": (24, 24)}),
        Released("dpt_beit_base_384", {**_BASE, "encoder.grid": (24, 24)}),
    ),
    published=(
        of_midas("v3_1", "dpt_beit_large_512", 345),
        of_midas("v3_1", "dpt_beit_large_384", 344),
        of_midas("v3_1", "dpt_beit_base_384", 112),
    ),
    settings={"taps": TAPS, "readout": READOUT, **OUTPUT_SETTINGS},
    transformers=TRANSFORMERS,
)
