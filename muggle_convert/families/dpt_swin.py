"""DPT with Swin: MiDaS v3.1's Swin-L."""

from __future__ import annotations

import math
import re

from model_defs.config import DPTConfig, ReassembleConfig, SwinConfig
from muggle_convert.errors import Contradiction
from muggle_convert.families.ends import OUTPUT_SETTINGS, read_output
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Family, Reading, Released
from muggle_convert.families.parts import (
    Inventory,
    depth_head_inventory,
    fusion_inventory,
    map_reassembly_of,
    norm,
    read_depth_head,
    read_fusion,
)
from muggle_convert.families.windows import (
    BLOCK,
    CONVERTED_BLOCK,
    SIZE,
    STAGES,
    layouts,
    read_grid,
    read_square_image,
    read_stages,
    stage_inventory,
)
from muggle_convert.rules import Shape, rename

ATTENTION = (
    rename(BLOCK + ".attn.qkv.{p:parameter}", CONVERTED_BLOCK + ".attn.qkv.{p:parameter}"),
    rename(BLOCK + ".attn.relative_position_bias_table", CONVERTED_BLOCK + ".attn.position_bias"),
)
LAYOUTS = layouts(ATTENTION)


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    encoder = _encoder(reading, findings)
    head = read_depth_head(reading, findings, "double")
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=findings.rest("reassemble", ReassembleConfig((), "ignore"), Source.CONVENTION, "the stages hand over maps"),
        fusion=read_fusion(reading, findings, "to next"),
        head=head,
        image=read_square_image(reading, findings, encoder.grid, encoder.patch_size),
        output=read_output(reading, findings, head),
    )


def _encoder(reading: Reading, findings: Findings) -> SwinConfig:
    stages = read_stages(reading, findings)
    tables = [f"imgencoder.stages.{stage}.blocks.0.attn.position_bias" for stage in range(STAGES)]
    windows = reading.measure_all(findings, "encoder.windows", tables, _window)
    if 0 in windows:
        raise Contradiction(f"{reading.file} looks like {reading.family} but {reading.describe(tables[windows.index(0)])}, which is no square of positions.")
    whole = max(windows) << (STAGES - 1)  # patches along a side where the last stage's grid is one window
    return SwinConfig(
        **stages,
        heads=reading.measure_all(findings, "encoder.heads", tables, lambda shape: shape[1]),
        windows=windows,
        grid=read_grid(reading, findings, windows, windows, stages["patch_size"], assumed=whole),
    )


def _window(table: Shape) -> int:
    """The side of a window that has so many relative positions; zero where none has."""
    side = math.isqrt(table[0])
    return (side + 1) // 2 if side * side == table[0] and side % 2 else 0


def _inventory(config: DPTConfig) -> Inventory:
    encoder = config.encoder
    assert isinstance(encoder, SwinConfig)
    tensors = stage_inventory(encoder, config.image.channels)
    for stage, depth in enumerate(encoder.depths):
        positions = ((2 * encoder.windows[stage] - 1) ** 2, encoder.heads[stage])
        tensors |= {f"imgencoder.stages.{stage}.blocks.{number}.attn.position_bias": positions for number in range(depth)}
        tensors |= norm(f"imgencoder.stages.{stage}.downsample.norm", 2 * encoder.width << stage) if stage else {}
    return {
        **tensors,
        **map_reassembly_of(config, [encoder.width << stage for stage in range(STAGES)]),
        **fusion_inventory(config.fusion),
        **depth_head_inventory(config.head, config.fusion.widths[0]),
    }


DPT_SWIN = Family(
    name="dpt_swin",
    title="DPT, Swin",
    layouts=LAYOUTS,
    configure=_configure,
    inventory=_inventory,
    file_names=re.compile(r"swin(?!_?v?2)", re.IGNORECASE),
    released=(
        Released("dpt_swin_large_384", {"encoder.width": 192, "encoder.depths": (2, 2, 18, 2), "encoder.windows": (12, 12, 12, 12), "image.size": 384}),
    ),
    settings={"size": SIZE, **OUTPUT_SETTINGS},
)
