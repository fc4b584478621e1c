from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.build import build
from model_defs.config import DPTConfig
from model_defs.encoders.levit import distances
from muggle_convert import Refusal, convert, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.dpt_levit import EVERY_BLOCK, ORIGINAL
from muggle_convert.families.shared.evidence import Source
from muggle_convert.rules import Drop
from tests.families.variants.dpt_levit import configuration
from tests.goldens import TOLERANCE, golden
from tests.originals import match_file, original_state, save_original

FAMILY = BY_NAME["dpt_levit"]
INDEX, SHRINKING_INDEX = "pretrained.model.blocks.10.m.attention_bias_idxs", "pretrained.model.blocks.8.attention_bias_idxs"


def saved(config: DPTConfig, path: Path, **more: torch.Tensor) -> Path:
    torch.save({**original_state(build(config), ORIGINAL), **more}, path)
    return path


def reasons(path: Path, **overrides: Any) -> dict[str, str]:
    places = match_file(path, **overrides).translation.dropped
    return {name: place.rule.reason for name, place in places.items() if isinstance(place.rule, Drop)}


@settings(max_examples=50, deadline=None)
@given(depths=st.tuples(*[st.integers(1, 9)] * 3), side=st.integers(1, 20), batch_norm=st.booleans())
def test_every_name_has_one_rule_in_both_directions(depths: tuple[int, int, int], side: int, batch_norm: bool) -> None:
    names = FAMILY.inventory(configuration(depths=depths, side=side, batch_norm=batch_norm))
    EVERY_BLOCK.check(names)
    if sum(depths) + 2 <= 11:
        ORIGINAL.check(names)


def test_blocks_after_the_last_tap_are_left_out_with_the_reason(tmp_path: Path) -> None:
    left_out = reasons(golden("levit").save(tmp_path))
    unread = [name for name, reason in left_out.items() if "after the last tap" in reason]
    assert {int(name.split(".")[3]) for name in unread} == {22, 23, 24, 25, 26, 27}
    convert(tmp_path / "levit.pt", tmp_path / "levit.safetensors")
    assert "imgencoder.blocks.11.attn.qkv.weight" not in match_file(tmp_path / "levit.safetensors").translation.made


def test_both_classifiers_of_a_distilled_encoder_are_left_out_with_the_reason(tmp_path: Path) -> None:
    left_out = reasons(golden("levit_distilled").save(tmp_path))
    classifiers = {name: reason for name, reason in left_out.items() if ".head" in name}
    assert {"pretrained.model.head.l.weight", "pretrained.model.head_dist.bn.running_mean"} <= set(classifiers)
    assert set(classifiers.values()) == {"the classifier of the encoder's own training"}


def test_files_with_and_without_classifier_and_index_are_the_same_model(tmp_path: Path) -> None:
    case = golden("levit")
    state = case.state_dict()
    shorter = {name: tensor for name, tensor in state.items() if ".head." not in name and not name.endswith("attention_bias_idxs")}
    assert len(shorter) < len(state)
    torch.save(shorter, tmp_path / "levit.pt")
    assert case.error(load_any_dpt(tmp_path / "levit.pt")) <= TOLERANCE


@pytest.mark.parametrize("name", [INDEX, SHRINKING_INDEX, "pretrained.model.blocks.26.m.attention_bias_idxs"])
def test_an_index_that_is_not_the_maps_is_refused_by_name(name: str, tmp_path: Path) -> None:
    state = golden("levit").state_dict()
    state[name][2, 3] += 1
    torch.save(state, tmp_path / "levit.pt")
    with pytest.raises(Refusal, match=f"other values in {name}"):
        load_any_dpt(tmp_path / "levit.pt")
    with pytest.raises(Refusal, match=f"other values in {name}"):
        convert(tmp_path / "levit.pt", tmp_path / "levit.safetensors")
    assert not (tmp_path / "levit.safetensors").exists()


@pytest.mark.parametrize(("name", "step"), [(INDEX, 1), (SHRINKING_INDEX, 2)])
@given(side=st.integers(1, 9))
def test_the_network_and_the_comparison_agree_on_the_index(name: str, step: int, side: int) -> None:
    place = ORIGINAL.of_original(name)
    assert place is not None and isinstance(place.rule, Drop) and place.rule.derive is not None
    derived = place.rule.derive(configuration(side=side), {"n": 0})
    assert np.array_equal(derived, distances(side, step, torch.device("cpu")).numpy())


def test_the_taps_of_midas_are_a_convention(tmp_path: Path) -> None:
    matched = match_file(saved(configuration(), tmp_path / "model.pt"))
    assert matched.evidence["encoder.taps"].source is Source.CONVENTION


@pytest.mark.parametrize(
    ("depths", "taps"),
    [((6, 6, 6), (5, 12, 19)), ((4, 6, 4), (3, 10, 15)), ((5, 4, 4), (4, 9, 14)), ((1, 2, 9), (0, 3, 13)), ((1, 1, 1), (0, 2, 4))],
)
def test_where_they_do_not_fit_the_last_block_of_each_stage_is_assumed_aloud(
    depths: tuple[int, int, int], taps: tuple[int, int, int], tmp_path: Path
) -> None:
    config = configuration(depths=depths, taps=taps)
    matched = match_file(save_original(build(config), EVERY_BLOCK, tmp_path / "model.pt"))
    assert matched.config == config
    assert matched.evidence["encoder.taps"].source is Source.ASSUMED


def test_taps_may_be_asked_for_as_the_original_counts_them(tmp_path: Path) -> None:
    matched = match_file(saved(configuration(depths=(2, 3, 4)), tmp_path / "model.pt"), taps="1,9,17")
    assert matched.config == configuration(depths=(2, 3, 4), taps=(0, 4, 8))
    assert matched.evidence["encoder.taps"].source is Source.FLAG


def test_taps_in_a_config_json_are_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"taps": [1, 9, 17]}')
    matched = match_file(saved(configuration(depths=(2, 3, 4)), tmp_path / "model.pt"))
    assert matched.config == configuration(depths=(2, 3, 4), taps=(0, 4, 8))
    assert matched.evidence["encoder.taps"].source is Source.METADATA


def test_taps_beyond_those_of_midas_bring_back_the_blocks_they_need(tmp_path: Path) -> None:
    config = configuration(depths=(4, 4, 4), taps=(3, 8, 13))
    file = save_original(build(config), EVERY_BLOCK, tmp_path / "model.pt")
    assert match_file(file).config == configuration(depths=(4, 4, 1))
    assert match_file(file, taps="7,17,27").config == config


@pytest.mark.parametrize("taps", ["3,11", "2,11,21", "3,8,21", "3,11,23", "11,3,21", "a,b,c"])
def test_taps_that_do_not_fit_are_refused(taps: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"taps|whole numbers"):
        match_file(saved(configuration(), tmp_path / "model.pt"), taps=taps)


def test_biases_of_no_square_map_are_refused(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    for name in [name for name in state if name.endswith("attention_biases")]:
        state[name] = torch.zeros(state[name].shape[0], 15)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(Refusal, match=r"attention_biases is \[1, 15\]"):
        match_file(tmp_path / "model.pt")


def test_a_network_with_one_shrinking_block_is_refused(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    torch.save(
        {name: tensor for name, tensor in state.items() if not name.startswith("pretrained.model.blocks.18.")}, tmp_path / "model.pt"
    )
    with pytest.raises(Refusal, match="three stages with a shrinking block between each two"):
        match_file(tmp_path / "model.pt")


def test_heads_without_room_for_queries_are_refused(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    state["pretrained.model.blocks.0.m.qkv.c.weight"] = torch.zeros(16, 16)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(Refusal, match="no room for queries and keys"):
        match_file(tmp_path / "model.pt")


def test_the_released_size_is_named_and_others_are_told_it() -> None:
    released = configuration((384, 512, 768), heads=(6, 9, 12), key_width=32, value_width=64, side=14)
    assert FAMILY.nearest_released(released) == ("dpt_levit_224", True)
    assert released.image.size == 224
    assert FAMILY.nearest_released(configuration()) == ("dpt_levit_224", False)
