"""Swin and Swin V2 files with the buffers that some libraries save and others leave out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from model_defs.build import build
from model_defs.config import DepthHeadConfig, DPTConfig, EncoderConfig, FusionConfig, ImageConfig, OutputConfig, ReassembleConfig
from muggle_convert.families import BY_NAME
from muggle_convert.rules import Drop
from tests.originals import original_state

MASK = "pretrained.model.layers.{}.blocks.{}.attn_mask"
INDEX = "pretrained.model.layers.{}.blocks.{}.attn.relative_position_index"
TABLE = "pretrained.model.layers.{}.blocks.{}.attn.relative_coords_table"


def configuration(family: str, encoder: EncoderConfig, batch_norm: bool = False, channels: int = 3, outputs: int = 1) -> DPTConfig:
    grid: tuple[int, int] = encoder.grid  # type: ignore[union-attr]
    down, across = (4 * side for side in grid)
    return DPTConfig(
        family=family,
        encoder=encoder,
        reassemble=ReassembleConfig((), "ignore"),
        fusion=FusionConfig((8, 8, 8, 8), "to next", batch_norm),
        head=DepthHeadConfig(4, 6, outputs, "double"),
        image=ImageConfig(channels, down, False, "closest", 32, (0.5,) * channels, (0.5,) * channels, across if across != down else None),
        output=OutputConfig("relative inverse depth" if outputs == 1 else "channels", "relu"),
    )


def buffers(config: DPTConfig, *templates: str) -> dict[str, torch.Tensor]:
    """What these templates name in every block where there is any of it."""
    encoder: Any = config.encoder
    rules = BY_NAME[config.family].layouts["original"]
    made = {}
    for stage, depth in enumerate(encoder.depths):
        for name in (template.format(stage, number) for template in templates for number in range(depth)):
            place = rules.of_original(name)
            assert place is not None and isinstance(place.rule, Drop) and place.rule.derive is not None
            made[name] = torch.from_numpy(place.rule.derive(config, dict(place.fields)).copy())
    return {name: buffer for name, buffer in made.items() if buffer.numel()}


def save(config: DPTConfig, path: Path, *templates: str, layout: str = "original", more: Mapping[str, torch.Tensor] | None = None) -> Path:
    """A checkpoint with buffers of these kinds."""
    state = original_state(build(config), BY_NAME[config.family].layouts[layout])
    torch.save({**state, **buffers(config, *templates), **(more or {})}, path)
    return path
