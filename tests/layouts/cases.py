"""A small network of every kind that transformers has, within what its classes can be built with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from muggle_convert import convert, load_any_dpt
from muggle_convert.families import BY_NAME
from tests.configurations import SMALL
from tests.families.small import Small
from tests.originals import save_original


def _within_reach(small: Small) -> Small:
    config, encoder, head = small.config, small.config.encoder, small.config.head
    if head.kind == "depth":
        dpt = {} if config.family.startswith("depth_anything") else {"projection_width": 32}
        head = replace(head, upsampler_width=config.fusion.widths[0] // 2, **dpt)
    if getattr(encoder, "mlp", "") == "swiglu":
        encoder = replace(encoder, mlp_width=176)  # two thirds of four times the width, in steps of eight
    if encoder.kind in ("vit", "hybrid", "beit"):
        encoder = replace(encoder, grid=(4, 4))  # even, as transformers doubles every map
    if encoder.kind == "swin2":
        encoder = replace(encoder, position_mlp_width=512)
    image = config.image if head.kind == "segmentation" else replace(config.image, size=encoder.grid[0] * _patch_size(encoder))
    return replace(small, config=replace(config, encoder=encoder, head=head, image=image))


def _patch_size(encoder: Any) -> int:
    return int(getattr(encoder, "patch_size", 16))


CASES: dict[str, Small] = {
    name: _within_reach(small)
    for name, small in SMALL.items()
    if BY_NAME[small.config.family].transformers and small.layout in ("original", "segmentation", "routed")
}


@dataclass(frozen=True)
class Files:
    """One network, as its original would have saved it and converted from that."""

    small: Small
    network: torch.nn.Module
    original: Path
    converted: Path

    @property
    def picture(self) -> Tensor:
        """A square of the size that positions were learned at, where interpolation differs between implementations."""
        config = self.small.config
        side = config.encoder.grid[0] * _patch_size(config.encoder)
        return torch.randn(1, config.image.channels, side, side, generator=torch.Generator().manual_seed(5))


def files(small: Small, folder: Path) -> Files:
    config = small.config
    layouts = BY_NAME[config.family].layouts
    rules = layouts[small.layout]
    original = save_original(small.network(), rules, folder / f"{config.family}.pth")
    converted = folder / "converted.safetensors"
    convert(original, converted, family=config.family, overrides=small.told, sync=False)
    return Files(small, load_any_dpt(converted), original, converted)
