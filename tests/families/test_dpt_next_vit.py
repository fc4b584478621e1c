from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.build import build
from model_defs.config import DPTConfig, FusionConfig, HeadConfig, ImageConfig, OutputConfig, ReassembleConfig
from model_defs.encoder_config import NextViTConfig
from model_defs.plain_values import leaves
from muggle_convert import Refusal, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.dpt_next_vit import ORIGINAL
from muggle_convert.families.evidence import Source
from muggle_convert.families.family import nearest_released
from muggle_convert.rules import Drop
from tests.goldens import TOLERANCE, golden
from tests.originals import match_file, original_state, save_original

FAMILY = BY_NAME["dpt_next_vit"]


def configuration(
    depths: tuple[int, int, int, int] = (3, 4, 10, 3),
    widths: tuple[int, int, int, int] = (16, 24, 32, 40),
    transformer_widths: tuple[int, int, int] = (32, 40, 48),
    attention_widths: tuple[int, int, int] = (24, 32, 40),
    head_width: int = 8,
    stem_width: int = 12,
    batch_norm: bool = False,
    channels: int = 3,
    outputs: int = 1,
) -> DPTConfig:
    """The hybrid strategy of the paper: a transformer block ends the second and the last stage, and every five blocks of the third."""
    _, second, third, fourth = accumulate(depths)
    encoder = NextViTConfig(
        stem_widths=(8, 4, 8, stem_width),
        depths=depths,
        transformers=(second - 1, *range(second + 4, third, 5), fourth - 1),
        widths=tuple(0 if stage and depth == 1 else width for stage, (depth, width) in enumerate(zip(depths, widths, strict=True))),
        mlp_widths=tuple(0 if stage and depth == 1 else 3 * width for stage, (depth, width) in enumerate(zip(depths, widths, strict=True))),
        transformer_widths=(0, *transformer_widths),
        attention_widths=(0, *attention_widths),
        transformer_mlp_widths=(0, 64, 80, 96),
        head_width=head_width,
        reductions=(8, 4, 2, 1),
    )
    return DPTConfig(
        family="dpt_next_vit",
        encoder=encoder,
        reassemble=ReassembleConfig((), "ignore"),
        fusion=FusionConfig((12,) * 4, "to next", batch_norm),
        head=HeadConfig("depth", 6, 8, outputs, "double"),
        image=ImageConfig(channels, 384, True, "closest", 32, (0.5,) * channels, (0.5,) * channels),
        output=OutputConfig("relative inverse depth" if outputs == 1 else "channels", "relu"),
    )


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "small": lambda: configuration(),
    "base": lambda: configuration((3, 4, 20, 3)),
    "large": lambda: configuration((3, 4, 30, 3)),
    "five blocks in the third stage": lambda: configuration((2, 2, 5, 2)),
    "stages of one transformer block": lambda: configuration((1, 1, 5, 1)),
    "a stem as wide as the first stage": lambda: configuration(stem_width=16),
    "all stages equally wide": lambda: configuration(widths=(32,) * 4, transformer_widths=(32,) * 3, attention_widths=(24,) * 3),
    "as much from attention as from convolutions": lambda: configuration(transformer_widths=(48, 64, 80)),
    "wider heads": lambda: configuration(widths=(32, 32, 64, 64), transformer_widths=(64,) * 3, attention_widths=(48,) * 3, head_width=16),
    "batch norm": lambda: configuration(batch_norm=True),
    "four input channels": lambda: configuration(channels=4),
    "three output channels": lambda: configuration(outputs=3),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_inventory_is_what_the_network_holds(variant: str) -> None:
    config = VARIANTS[variant]()
    with torch.device("meta"):
        held = {name: tuple(tensor.shape) for name, tensor in build(config).state_dict().items()}
    assert FAMILY.inventory(config) == held


@settings(max_examples=50, deadline=None)
@given(first=st.integers(1, 6), second=st.integers(1, 6), fives=st.integers(1, 6), last=st.integers(1, 6), batch_norm=st.booleans())
def test_every_name_has_one_rule_in_both_directions(first: int, second: int, fives: int, last: int, batch_norm: bool) -> None:
    ORIGINAL.check(FAMILY.inventory(configuration((first, second, 5 * fives, last), batch_norm=batch_norm)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_configuration_is_read_back_from_the_shapes(variant: str, tmp_path: Path) -> None:
    config = VARIANTS[variant]()
    assert match_file(save_original(build(config), ORIGINAL, tmp_path / "model.pt")).config == config


def test_every_value_of_the_configuration_has_evidence(tmp_path: Path) -> None:
    matched = match_file(save_original(build(configuration()), ORIGINAL, tmp_path / "model.pt"))
    assert {path for path, value in leaves(matched.config).items() if value is not None} <= set(matched.evidence)
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
    assert nearest_released(FAMILY, released) == ("dpt_next_vit_large_384", True)
    assert nearest_released(FAMILY, configuration()) == ("dpt_next_vit_large_384", False)
