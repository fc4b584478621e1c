"""What holds for every family, in every way its networks differ; a family's own file has what is its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model_defs.build import build
from model_defs.config import DPTConfig
from model_defs.plain_values import leaves
from muggle_convert.families import BY_NAME
from muggle_convert.identify.match import Match
from tests.configurations import ROWS
from tests.families.small import Variant
from tests.families.swin_files import MASK, buffers
from tests.originals import match_file, original_state

of_every_variant = pytest.mark.parametrize("variant", ROWS.values(), ids=ROWS)


def read(variant: Variant, folder: Path) -> tuple[DPTConfig, Match]:
    config = variant.make()
    state = original_state(build(config), BY_NAME[config.family].layouts[variant.layout])
    torch.save({**state, **(buffers(config, MASK) if variant.masks else {})}, folder / "model.pt")
    return config, match_file(folder / "model.pt", **variant.told)


def test_every_family_has_variants() -> None:
    assert {variant.make().family for variant in ROWS.values()} == set(BY_NAME)


@of_every_variant
def test_the_inventory_is_what_the_network_holds(variant: Variant) -> None:
    config = variant.make()
    with torch.device("meta"):
        held = {name: tuple(tensor.shape) for name, tensor in build(config).state_dict().items()}
    assert BY_NAME[config.family].inventory(config) == held


@of_every_variant
def test_the_configuration_is_read_back_from_the_file(variant: Variant, tmp_path: Path) -> None:
    config, matched = read(variant, tmp_path)
    assert (matched.layout, matched.config) == (variant.layout, config)


@of_every_variant
def test_every_value_of_the_configuration_has_evidence(variant: Variant, tmp_path: Path) -> None:
    _, matched = read(variant, tmp_path)
    assert {path for path, value in leaves(matched.config).items() if value is not None} <= set(matched.evidence)
