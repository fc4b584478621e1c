from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.build import build
from muggle_convert import Refusal, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.dpt_next_vit import ORIGINAL
from muggle_convert.families.shared.evidence import Source
from muggle_convert.rules import Drop
from tests.families.variants.dpt_next_vit import configuration
from tests.goldens import TOLERANCE, golden
from tests.originals import match_file, original_state, save_original

FAMILY = BY_NAME["dpt_next_vit"]


@settings(max_examples=50, deadline=None)
@given(first=st.integers(1, 6), second=st.integers(1, 6), fives=st.integers(1, 6), last=st.integers(1, 6), batch_norm=st.booleans())
def test_every_name_has_one_rule_in_both_directions(first: int, second: int, fives: int, last: int, batch_norm: bool) -> None:
    ORIGINAL.check(FAMILY.inventory(configuration((first, second, 5 * fives, last), batch_norm=batch_norm)))


def test_how_much_attention_reduces_is_said_to_be_convention(tmp_path: Path) -> None:
    matched = match_file(save_original(build(configuration()), ORIGINAL, tmp_path / "model.pt"))
    assert matched.evidence["encoder.reductions"].source is Source.CONVENTION


def test_keys_and_values_come_from_one_product_in_this_order(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    state["pretrained.model.features.6.e_mhsa.k.bias"].fill_(1.0)
    state["pretrained.model.features.6.e_mhsa.v.bias"].fill_(2.0)
    torch.save(state, tmp_path / "model.pt")
    assert load_any_dpt(tmp_path / "model.pt").state_dict()["imgencoder.blocks.6.attn.kv.bias"].tolist() == [1.0] * 24 + [2.0] * 24


def test_the_classifier_and_its_norm_are_left_out_with_the_reason(tmp_path: Path) -> None:
    places = match_file(golden("next_vit_small_narrow").save(tmp_path)).translation.dropped
    left_out = {name: place.rule.reason for name, place in places.items() if isinstance(place.rule, Drop)}
    assert "classifier" in left_out["pretrained.model.proj_head.0.weight"]
    assert "classifier" in left_out["pretrained.model.norm.running_var"]


def test_files_with_and_without_classifier_are_the_same_model(tmp_path: Path) -> None:
    case = golden("next_vit_small_narrow")
    state = case.state_dict()
    shorter = {
        name: tensor for name, tensor in state.items() if not name.startswith(("pretrained.model.norm", "pretrained.model.proj_head"))
    }
    assert len(shorter) < len(state)
    torch.save(shorter, tmp_path / "next_vit.pt")
    assert case.error(load_any_dpt(tmp_path / "next_vit.pt")) <= TOLERANCE


def test_a_last_stage_without_attention_is_refused(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    torch.save({name: tensor for name, tensor in state.items() if ".features.19." not in name}, tmp_path / "model.pt")
    with pytest.raises(Refusal, match="four stages, of which three end with attention"):
        match_file(tmp_path / "model.pt")


def test_widths_that_heads_cannot_share_are_refused(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    for name in [name for name in state if name.endswith("group_conv3x3.weight")]:
        state[name] = torch.zeros(state[name].shape[0], 7, 3, 3)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(Refusal, match="16 features are no whole number of heads of 7"):
        match_file(tmp_path / "model.pt")


def test_the_released_size_is_named_and_others_are_told_it() -> None:
    released = configuration((3, 4, 30, 3), (96, 192, 384, 768))
    assert FAMILY.nearest_released(released) == ("dpt_next_vit_large_384", True)
    assert FAMILY.nearest_released(configuration()) == ("dpt_next_vit_large_384", False)
