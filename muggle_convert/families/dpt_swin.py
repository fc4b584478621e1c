"""DPT with Swin: Swin-L of MiDaS v3.1. A learned bias for each relative position tells the windows of each stage."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from model_defs.config import DPTConfig, SwinConfig
from muggle_convert.errors import Contradiction
from muggle_convert.families import papers
from muggle_convert.families.ends import OUTPUT_SETTINGS
from muggle_convert.families.evidence import Findings
from muggle_convert.families.family import Family, Reading, Released
from muggle_convert.families.parts import Inventory, norm
from muggle_convert.families.window_buffers import BLOCK, STAGES, indexed, masked
from muggle_convert.families.window_grid import SIZE, read_grid
from muggle_convert.families.windows import CONVERTED_BLOCK, layouts, network_inventory, read_network, read_stages
from muggle_convert.rules import Shape, rename

LAYOUTS = layouts(
    attention=(
        rename(BLOCK + ".attn.qkv.{p:parameter}", CONVERTED_BLOCK + ".attn.qkv.{p:parameter}"),
        rename(BLOCK + ".attn.relative_position_bias_table", CONVERTED_BLOCK + ".attn.position_bias"),
    ),
    saved=lambda encoder: {**masked(encoder), **indexed(encoder)},
)


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    stages = read_stages(reading, findings)
    tables = [f"imgencoder.stages.{stage}.blocks.0.attn.position_bias" for stage in range(STAGES)]
    windows = reading.measure_all(findings, "encoder.windows", tables, _window)
    if 0 in windows:
        table = reading.describe(tables[windows.index(0)])
        raise Contradiction(f"{reading.file} looks like {reading.family} but {table}, which is no square of relative positions.")
    encoder = SwinConfig(
        **stages,
        heads=reading.measure_all(findings, "encoder.heads", tables, lambda shape: shape[1]),
        windows=windows,
        grid=(0, 0),
    )
    # Of the grids whose last stage has whole windows, the smallest is what models are trained at.
    usual = max(windows) << (STAGES - 1)
    encoder = replace(encoder, grid=read_grid(reading, findings, encoder, [(window, window) for window in windows], usual))
    return read_network(reading, findings, encoder)


def _window(table: Shape) -> int:
    """The side of a window that has so many relative positions; zero where none has."""
    side = math.isqrt(table[0])
    return (side + 1) // 2 if side * side == table[0] and side % 2 else 0


def _inventory(config: DPTConfig, encoder: SwinConfig) -> Inventory:
    attention: Inventory = {}
    for stage, (depth, window, heads) in enumerate(zip(encoder.depths, encoder.windows, encoder.heads, strict=True)):
        for number in range(depth):
            attention[f"imgencoder.stages.{stage}.blocks.{number}.attn.position_bias"] = ((2 * window - 1) ** 2, heads)
        attention |= norm(f"imgencoder.stages.{stage}.downsample.norm", 2 * encoder.width << stage) if stage else {}
    return network_inventory(config, encoder, attention)


RELEASED = {"encoder.width": 192, "encoder.depths": (2, 2, 18, 2), "encoder.windows": (12, 12, 12, 12), "image.size": 384}

DPT_SWIN = Family(
    name="dpt_swin",
    title="DPT, Swin",
    citations=(papers.MIDAS_V31, papers.MIDAS, papers.DPT),
    encoder=SwinConfig,
    layouts=LAYOUTS,
    configure=_configure,
    tensors=_inventory,
    file_names=re.compile(r"swin(?!_?v?2)", re.IGNORECASE),
    released=(Released("dpt_swin_large_384", RELEASED),),
    settings={"size": SIZE, **OUTPUT_SETTINGS},
)
