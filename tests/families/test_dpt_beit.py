from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.build import build
from model_defs.config import DPTConfig, FusionConfig, HeadConfig, ImageConfig, OutputConfig, ReassembleConfig
from model_defs.encoder_config import BEiTConfig
from model_defs.encoders.beit import relative_position_index
from model_defs.plain_values import leaves
from muggle_convert import Refusal, convert, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.dpt_beit import LAYOUTS
from muggle_convert.families.family import nearest_released
from tests.goldens import TOLERANCE, golden
from tests.originals import match_file, original_state, save_original

FAMILY, ORIGINAL = BY_NAME["dpt_beit"], LAYOUTS["original"]
INDEX = "pretrained.model.blocks.7.attn.relative_position_index"


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
        head=HeadConfig("depth", 8, 32, outputs, "double"),
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


def saved(config: DPTConfig, path: Path) -> Path:
    return save_original(build(config), ORIGINAL, path)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_inventory_is_what_the_network_holds(variant: str) -> None:
    config = VARIANTS[variant]()
    with torch.device("meta"):
        held = {name: tuple(tensor.shape) for name, tensor in build(config).state_dict().items()}
    assert FAMILY.inventory(config) == held


@settings(max_examples=50, deadline=None)
@given(
    depth=st.integers(4, 40),
    heads=st.integers(1, 24),
    grid=st.integers(1, 40),
    readout=st.sampled_from(["ignore", "add", "project"]),
    batch_norm=st.booleans(),
)
def test_every_name_has_one_rule_in_both_directions(depth: int, heads: int, grid: int, readout: str, batch_norm: bool) -> None:
    ORIGINAL.check(FAMILY.inventory(configuration(64 * heads, depth, heads, grid=grid, readout=readout, batch_norm=batch_norm)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_configuration_is_read_back_from_the_shapes(variant: str, tmp_path: Path) -> None:
    config = VARIANTS[variant]()
    assert match_file(saved(config, tmp_path / "model.pt")).config == config


def test_every_value_of_the_configuration_has_evidence(tmp_path: Path) -> None:
    matched = match_file(saved(configuration(), tmp_path / "model.pt"))
    assert {path for path, value in leaves(matched.config).items() if value is not None} <= set(matched.evidence)


def test_keys_get_a_bias_of_zero_between_those_of_queries_and_values(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    state["pretrained.model.blocks.0.attn.q_bias"].fill_(1.0)
    state["pretrained.model.blocks.0.attn.v_bias"].fill_(2.0)
    torch.save(state, tmp_path / "model.pt")
    bias = load_any_dpt(tmp_path / "model.pt").state_dict()["imgencoder.blocks.0.attn.qkv.bias"]
    assert bias.tolist() == [1.0] * 48 + [0.0] * 48 + [2.0] * 48


def test_files_with_and_without_the_index_are_the_same_model(tmp_path: Path) -> None:
    case = golden("beit")
    state = case.state_dict()
    shorter = {name: tensor for name, tensor in state.items() if not name.endswith("relative_position_index")}
    assert len(shorter) == len(state) - 12
    torch.save(shorter, tmp_path / "beit.pt")
    assert case.error(load_any_dpt(tmp_path / "beit.pt")) <= TOLERANCE


def test_an_index_that_is_not_the_grids_is_refused_by_name(tmp_path: Path) -> None:
    state = golden("beit").state_dict()
    state[INDEX][3, 4] += 1
    torch.save(state, tmp_path / "beit.pt")
    with pytest.raises(Refusal, match=rf"other values in {INDEX}"):
        load_any_dpt(tmp_path / "beit.pt")
    with pytest.raises(Refusal, match=rf"other values in {INDEX}"):
        convert(tmp_path / "beit.pt", tmp_path / "beit.safetensors")
    assert not (tmp_path / "beit.safetensors").exists()


def test_an_index_of_another_grid_is_refused_by_name(tmp_path: Path) -> None:
    state = golden("beit").state_dict()
    state[INDEX] = torch.zeros(10, 10, dtype=torch.int64)
    torch.save(state, tmp_path / "beit.pt")
    with pytest.raises(Refusal, match=rf"{INDEX} of shape \[10, 10\], but its configuration gives \[17, 17\]"):
        load_any_dpt(tmp_path / "beit.pt")


@given(grid=st.integers(1, 12))
def test_the_network_and_the_comparison_agree_on_the_index(grid: int) -> None:
    drop = ORIGINAL.of_original(INDEX)
    assert drop is not None
    derived = drop.rule.derive(configuration(grid=grid).encoder, {"n": 7})  # type: ignore[union-attr, misc]
    assert np.array_equal(derived, relative_position_index((grid, grid), torch.device("cpu")).numpy())


def test_distances_of_no_square_grid_are_refused(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    for name in [name for name in state if name.endswith("relative_position_bias_table")]:
        state[name] = torch.zeros(3 * 5 + 3, 3)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(Refusal, match="15 distances between patches"):
        match_file(tmp_path / "model.pt")


def test_a_block_with_another_grid_is_refused(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    state["pretrained.model.blocks.5.attn.relative_position_bias_table"] = torch.zeros(7 * 7 + 3, 3)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(Refusal, match=r"blocks\.5\.attn\.relative_position_bias_table"):
        match_file(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("name", "encoder", "features"),
    [
        ("dpt_beit_large_512", BEiTConfig(1024, 24, 16, 4096, 16, (32, 32), (5, 11, 17, 23)), (256, 512, 1024, 1024)),
        ("dpt_beit_large_384", BEiTConfig(1024, 24, 16, 4096, 16, (24, 24), (5, 11, 17, 23)), (256, 512, 1024, 1024)),
        ("dpt_beit_base_384", BEiTConfig(768, 12, 12, 3072, 16, (24, 24), (2, 5, 8, 11)), (96, 192, 384, 768)),
    ],
)
def test_released_sizes_are_named(name: str, encoder: BEiTConfig, features: tuple[int, ...]) -> None:
    small = configuration()
    config = replace(
        small, encoder=encoder, reassemble=ReassembleConfig(features, "project"), fusion=replace(small.fusion, widths=(256,) * 4)
    )
    assert nearest_released(FAMILY, config) == (name, True)


def test_other_sizes_are_told_the_nearest_release() -> None:
    assert nearest_released(FAMILY, configuration(384, 24, 6, grid=24)) == ("dpt_beit_large_384", False)
