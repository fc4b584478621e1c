"""DPT with Swin: Swin-L of MiDaS v3.1. A learned bias for each relative position tells the windows of each stage."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from model_defs.config import DPTConfig, SwinConfig
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.midas import OUTPUT_SETTINGS
from muggle_convert.families.shared.published import of_midas
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.window_buffers import BLOCK, STAGES
from muggle_convert.families.shared.window_grid import SIZE, told_grid
from muggle_convert.families.shared.windows import HERE, compose_network, layouts
from muggle_convert.rules import Through, tensor


def _relative_positions(window: int) -> int:
    return int((2 * window - 1) ** 2)


def _window(positions: int) -> int | None:
    """The side of a window that has so many relative positions."""
    side = math.isqrt(positions)
    return (side + 1) // 2 if side * side == positions and side % 2 else None


POSITIONS = Through("windows[s]", _relative_positions, _window, "a square of relative positions, such as 529 = 23 x 23 of windows of 12,")

LAYOUTS = layouts(
    attention=(
        tensor(BLOCK + ".attn.qkv.bias", HERE + ".attn.qkv.bias", "3*width << s"),
        tensor(BLOCK + ".attn.relative_position_bias_table", HERE + ".attn.position_bias", POSITIONS, "heads[s]"),
    ),
    merged="4*width << s",
    saves_index=True,
)


def _configure(reading: Reading) -> DPTConfig:
    windows = reading.value("encoder.windows")
    encoder = reading.compose(SwinConfig, "encoder", grid=(0, 0))
    # Of the grids whose last stage has whole windows, the smallest is what models are trained at.
    usual = max(windows) << (STAGES - 1)
    return compose_network(reading, replace(encoder, grid=told_grid(reading, encoder, [(window, window) for window in windows], usual)))


RELEASED = {"encoder.width": 192, "encoder.depths": (2, 2, 18, 2), "encoder.windows": (12, 12, 12, 12), "image.size": 384}

DPT_SWIN = Family(
    name="dpt_swin",
    title="DPT, Swin",
    citations=(papers.MIDAS_V31, papers.MIDAS, papers.DPT),
    encoder=SwinConfig,
    layouts=LAYOUTS,
    configure=_configure,
    file_names=re.compile(r"swin(?!_?v?2)", re.IGNORECASE),
    glance=Glance("the end of each stage", "maps as they are", "to the next map's size; doubling", "384 x 384"),
    released=(Released("dpt_swin_large_384", RELEASED),),
    published=(of_midas("v3_1", "dpt_swin_large_384", 213),),
    settings={"size": SIZE, **OUTPUT_SETTINGS},
)
