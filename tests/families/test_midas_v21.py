from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.build import build
from model_defs.config import DPTConfig
from muggle_convert import Refusal
from muggle_convert.families import BY_NAME
from muggle_convert.families.shared.evidence import Source
from tests.families.variants.midas_v21 import large, small
from tests.originals import match_file, original_state, save_original


def saved(config: DPTConfig, path: Path) -> Path:
    return save_original(build(config), BY_NAME[config.family].layouts["original"], path)


@settings(max_examples=50, deadline=None)
@given(depths=st.lists(st.integers(1, 30), min_size=4, max_size=4), groups=st.integers(1, 4), stem_width=st.integers(1, 64))
def test_every_name_of_a_large_model_has_one_rule_in_both_directions(depths: list[int], groups: int, stem_width: int) -> None:
    config = large(depths=tuple(depths), inner_widths=(groups * 2,) * 4, groups=groups, stem_width=stem_width)
    BY_NAME["midas_v21"].layouts["original"].check(BY_NAME["midas_v21"].inventory(config))


@settings(max_examples=50, deadline=None)
@given(depths=st.lists(st.integers(1, 12), min_size=7, max_size=7), expansion=st.integers(1, 6))
def test_every_name_of_a_small_model_has_one_rule_in_both_directions(depths: list[int], expansion: int) -> None:
    config = small(depths=tuple(depths), expansion=expansion)
    BY_NAME["midas_v21_small"].layouts["original"].check(BY_NAME["midas_v21_small"].inventory(config))


def test_where_the_small_model_halves_the_map_is_said_to_be_convention(tmp_path: Path) -> None:
    matched = match_file(saved(small(), tmp_path / "model.pt"))
    assert {matched.evidence[path].source for path in ("encoder.strides", "encoder.taps")} == {Source.CONVENTION}


def test_released_sizes_are_named() -> None:
    released = large(depths=(3, 4, 23, 3), inner_widths=(256, 512, 1024, 2048), widths=(256, 512, 1024, 2048), groups=32)
    assert BY_NAME["midas_v21"].nearest_released(released) == ("midas_v21_384", True)
    lite3 = small(widths=(24, 32, 48, 96, 136, 232, 384), fusion_widths=(64, 128, 256, 512))
    assert BY_NAME["midas_v21_small"].nearest_released(lite3) == ("midas_v21_small_256", True)


@pytest.mark.parametrize("config", [large(), small()], ids=["large", "small"])
def test_the_unit_that_never_runs_is_dropped_with_its_reason(config: DPTConfig, tmp_path: Path) -> None:
    state = original_state(build(config), BY_NAME[config.family].layouts["original"])
    unit = "scratch.refinenet4.resConfUnit1.conv1.weight"
    torch.save({**state, unit: state["scratch.refinenet4.resConfUnit2.conv1.weight"]}, tmp_path / "model.pt")
    place = match_file(tmp_path / "model.pt").translation.dropped[unit]
    assert "never runs" in place.rule.reason  # type: ignore[union-attr]


def test_a_stage_with_a_gap_is_refused(tmp_path: Path) -> None:
    state = original_state(build(large(depths=(1, 3, 1, 1))), BY_NAME["midas_v21"].layouts["original"])
    torch.save({name: tensor for name, tensor in state.items() if not name.startswith("pretrained.layer2.1.")}, tmp_path / "model.pt")
    with pytest.raises(
        Refusal, match=r"gap: pretrained\.layer2\.1\.conv1\.weight is missing while pretrained\.layer2\.2\.conv1\.weight is there"
    ):
        match_file(tmp_path / "model.pt")


def test_fusion_blocks_of_several_widths_are_refused_in_the_large_model(tmp_path: Path) -> None:
    state = original_state(build(large()), BY_NAME["midas_v21"].layouts["original"])
    torch.save({**state, "scratch.layer2_rn.weight": torch.zeros(13, 24, 3, 3)}, tmp_path / "model.pt")
    with pytest.raises(Refusal, match="one width"):
        match_file(tmp_path / "model.pt")


@pytest.mark.parametrize("shape", [(), (8,), (8, 0, 3, 3), (4, 8, 3, 3)])
def test_a_grouped_convolution_of_an_impossible_shape_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    state = original_state(build(large()), BY_NAME["midas_v21"].layouts["original"])
    torch.save({**state, "pretrained.layer1.4.0.conv2.weight": torch.zeros(shape)}, tmp_path / "model.pt")
    with pytest.raises(Refusal, match="looks like midas_v21 but"):
        match_file(tmp_path / "model.pt")
