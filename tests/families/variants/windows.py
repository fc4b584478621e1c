"""Small configurations of Swin and Swin V2, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable

from model_defs.config import DPTConfig, Swin2Config, SwinConfig
from tests.families.swin_files import configuration

SIZES = (8, (2, 2, 4, 2), (1, 2, 2, 4), (16, 32, 64, 128))  # width, depths, heads, widths of the MLPs
VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "Swin": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 4), 4, (32, 32))),
    "Swin, one window at last": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 2), 4, (16, 16))),
    "Swin, windows of 7": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (7, 7, 7, 7), 4, (56, 56))),
    "Swin, wide pictures": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 4), 4, (32, 64))),
    "Swin, four channels in": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 4), 4, (32, 32)), channels=4),
    "Swin, three channels out": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 4), 4, (32, 32)), outputs=3),
    "Swin, batch norm": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 4), 4, (32, 32)), batch_norm=True),
    "Swin V2": lambda: configuration("dpt_swin2", Swin2Config(*SIZES, 4, (0, 0, 0, 0), 16, 4, (32, 32))),
    "Swin V2, one window twice": lambda: configuration("dpt_swin2", Swin2Config(*SIZES, 8, (0, 0, 0, 0), 16, 4, (32, 32))),
    "Swin V2, tall pictures": lambda: configuration("dpt_swin2", Swin2Config(*SIZES, 4, (0, 0, 0, 0), 16, 4, (64, 32))),
    "Swin V2, very wide pictures": lambda: configuration("dpt_swin2", Swin2Config(*SIZES, 8, (0, 0, 0, 0), 16, 4, (16, 64))),
    "Swin V2, windows of 24": lambda: configuration("dpt_swin2", Swin2Config(*SIZES, 24, (12, 12, 12, 6), 16, 4, (48, 48))),
}
