from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.build import build
from model_defs.config import BEiTConfig, DPTConfig, ReassembleConfig
from model_defs.encoders.beit import relative_position_index
from muggle_convert import Refusal, convert, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.dpt_beit import LAYOUTS
from tests.families.variants.dpt_beit import configuration
from tests.goldens import TOLERANCE, golden
from tests.originals import match_file, original_state, save_original

FAMILY, ORIGINAL = BY_NAME["dpt_beit"], LAYOUTS["original"]
INDEX = "pretrained.model.blocks.7.attn.relative_position_index"


def saved(config: DPTConfig, path: Path) -> Path:
    return save_original(build(config), ORIGINAL, path)


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
    derived = drop.rule.derive(configuration(grid=grid), {"n": 7})  # type: ignore[union-attr, misc]
    assert np.array_equal(derived, relative_position_index((grid, grid), torch.device("cpu")).numpy())


def test_distances_of_no_square_grid_are_refused(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    for name in [name for name in state if name.endswith("relative_position_bias_table")]:
        state[name] = torch.zeros(3 * 5 + 3, 3)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(Refusal, match=r"is \[15, 3\], where .* distances in a square grid, such as 2209 = 47 x 47"):
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
    assert FAMILY.nearest_released(config) == (name, True)


def test_other_sizes_are_told_the_nearest_release() -> None:
    assert FAMILY.nearest_released(configuration(384, 24, 6, grid=24)) == ("dpt_beit_large_384", False)
