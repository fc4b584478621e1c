"""What holds for every family, in every way its networks differ; a family's own file has what is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from model_defs.build import build
from model_defs.config import DPTConfig
from model_defs.plain_values import leaves
from muggle_convert.families import BY_NAME
from muggle_convert.identify.match import Match
from tests.families.swin_files import MASK, buffers
from tests.families.variants import (
    depth_anything,
    dpt_beit,
    dpt_hybrid,
    dpt_levit,
    dpt_next_vit,
    dpt_vit,
    dust3r,
    efficient_attention,
    midas_v21,
    windows,
)
from tests.originals import match_file, original_state


@dataclass(frozen=True)
class Variant:
    """A configuration, the layout of its file, and what has to be said for the file to be read as this configuration."""

    make: Callable[[], DPTConfig]
    layout: str
    told: Mapping[str, Any] = field(default_factory=dict)
    masks: bool = False  # a file that stores them tells its grid

    def read(self, folder: Path) -> tuple[DPTConfig, Match]:
        config = self.make()
        state = original_state(build(config), BY_NAME[config.family].layouts[self.layout])
        torch.save({**state, **(buffers(config, MASK) if self.masks else {})}, folder / "model.pt")
        return config, match_file(folder / "model.pt", **self.told)


def _by_head(make: Callable[[], DPTConfig]) -> Variant:
    return Variant(make, "original" if make().head.kind == "depth" else "segmentation")


VARIANTS: dict[str, Variant] = {
    **{f"Depth-Anything, {name}": Variant(make, "original", {"family": make().family}) for name, make in depth_anything.VARIANTS.items()},
    **{f"ViT, {name}": _by_head(make) for name, make in dpt_vit.VARIANTS.items()},
    **{f"hybrid, {name}": _by_head(make) for name, make in dpt_hybrid.VARIANTS.items()},
    **{
        f"hybrid of the fork, {name}": Variant(make, efficient_attention.layout(make()), {"taps": "1,3"})
        for name, make in efficient_attention.VARIANTS.items()
    },
    **{f"BEiT, {name}": Variant(make, "original") for name, make in dpt_beit.VARIANTS.items()},
    **{name: Variant(make, "original", masks=True) for name, make in windows.VARIANTS.items()},
    **{f"{name}, newer names": Variant(make, "timm 0.9", masks=True) for name, make in windows.VARIANTS.items()},
    **{f"LeViT, {name}": Variant(make, "original") for name, make in dpt_levit.VARIANTS.items()},
    **{f"Next-ViT, {name}": Variant(make, "original") for name, make in dpt_next_vit.VARIANTS.items()},
    **{f"MiDaS v2.1, {name}": Variant(make, "original") for name, make in midas_v21.VARIANTS.items()},
    **{f"DUSt3R, {name}": Variant(make, "original") for name, make in dust3r.VARIANTS.items()},
}

of_every_variant = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)


def test_every_family_has_variants() -> None:
    assert {variant.make().family for variant in VARIANTS.values()} == set(BY_NAME)


@of_every_variant
def test_the_inventory_is_what_the_network_holds(variant: Variant) -> None:
    config = variant.make()
    with torch.device("meta"):
        held = {name: tuple(tensor.shape) for name, tensor in build(config).state_dict().items()}
    assert BY_NAME[config.family].inventory(config) == held


@of_every_variant
def test_the_configuration_is_read_back_from_the_file(variant: Variant, tmp_path: Path) -> None:
    config, matched = variant.read(tmp_path)
    assert (matched.layout, matched.config) == (variant.layout, config)


@of_every_variant
def test_every_value_of_the_configuration_has_evidence(variant: Variant, tmp_path: Path) -> None:
    _, matched = variant.read(tmp_path)
    assert {path for path, value in leaves(matched.config).items() if value is not None} <= set(matched.evidence)
