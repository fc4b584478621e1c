"""Small configurations of DPT with BEiT, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from model_defs.config import BEiTConfig, DepthHeadConfig, DPTConfig, FusionConfig, ImageConfig, OutputConfig, ReassembleConfig
from tests.families.small import BLOCKS, FROM_TOKENS, TAPPED, Small, Variant, config_of


def configuration(
    width: int = 48,
    depth: int = 12,
    heads: int = 3,
    taps: tuple[int, ...] = (2, 5, 8, 11),
    grid: int = 3,
    readout: Any = "project",
    batch_norm: bool = False,
    channels: int = 3,
    outputs: int = 1,
) -> DPTConfig:
    return DPTConfig(
        family="dpt_beit",
        encoder=BEiTConfig(width, depth, heads, 2 * width, 16, (grid, grid), taps),
        reassemble=ReassembleConfig((8, 16, 24, 32), readout),
        fusion=FusionConfig((16,) * 4, "to next", batch_norm),
        head=DepthHeadConfig(8, 32, outputs, "double"),
        image=ImageConfig(channels, 16 * grid, True, "closest", 32, (0.5,) * channels, (0.5,) * channels),
        output=OutputConfig("relative inverse depth" if outputs == 1 else "channels", "relu"),
    )


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "as released": lambda: configuration(),
    "24 blocks": lambda: configuration(depth=24, taps=(5, 11, 17, 23)),
    "two heads": lambda: configuration(heads=2),
    "an even grid": lambda: configuration(grid=4),
    "one patch": lambda: configuration(grid=1),
    "batch norm": lambda: configuration(batch_norm=True),
    "four input channels": lambda: configuration(channels=4),
    "three output channels": lambda: configuration(outputs=3),
}

ROWS = {f"BEiT, {name}": Variant(make) for name, make in VARIANTS.items()}


SMALL = {
    "dpt_beit": Small(config_of("dpt_beit", BEiTConfig(64, 4, 2, 128, 16, (3, 3), BLOCKS), 48, reassemble=FROM_TOKENS), 48, 64, TAPPED),
}
