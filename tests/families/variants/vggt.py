"""Small configurations of VGGT, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from model_defs.config import DPTConfig, FusionConfig, ImageConfig, OutputConfig, ReassembleConfig, SceneHeadConfig, VGGTConfig
from tests.families.small import IMAGENET, Variant


def configuration(
    width: int = 64,
    depth: int = 2,
    pairs: int = 4,
    taps: tuple[int, ...] = (0, 1, 2, 3),
    pair_heads: int = 1,
    registers: int = 4,
    pair_registers: int = 4,
    grid: int = 3,
    points: bool = True,
) -> DPTConfig:
    return DPTConfig(
        family="vggt",
        encoder=VGGTConfig(
            width, depth, width // 64, 2 * width, 14, (grid, grid), registers, pairs, pair_heads, 3 * width, pair_registers, 100.0, taps
        ),
        reassemble=ReassembleConfig((8, 12, 16, 20), "none"),
        fusion=FusionConfig((8,) * 4, "to next"),
        head=SceneHeadConfig(8, 6, 2, 2, 64, 4, points),
        image=ImageConfig(3, 14 * grid, True, "across", 14, *IMAGENET),
        output=OutputConfig("points", "exp"),
    )


TAPPED: dict[str, Any] = {"taps": "0,1,2,3"}
VARIANTS: dict[str, tuple[Callable[[], DPTConfig], dict[str, Any]]] = {
    "as released": (lambda: configuration(depth=3, pairs=24, taps=(4, 11, 17, 23)), {}),
    "two heads of the pairs": (lambda: configuration(pair_heads=2), TAPPED),
    "other registers": (lambda: configuration(registers=2, pair_registers=3, grid=4), TAPPED),
    "without points": (lambda: configuration(points=False), TAPPED),
}

ROWS = {f"VGGT, {name}": Variant(make, told=told) for name, (make, told) in VARIANTS.items()}
