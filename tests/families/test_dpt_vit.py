from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.build import build
from model_defs.config import DPTConfig, ReassembleConfig, ViTConfig
from muggle_convert import Refusal, convert, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.dpt_vit import LAYOUTS
from muggle_convert.families.shared.evidence import Source
from tests.families.variants.dpt_vit import configuration, segmentation
from tests.goldens import golden
from tests.originals import match_file, original_state, save_original


def saved(config: DPTConfig, path: Path) -> Path:
    return save_original(build(config), LAYOUTS["original" if config.head.kind == "depth" else "segmentation"], path)


@settings(max_examples=50, deadline=None)
@given(
    depth=st.integers(4, 40),
    heads=st.integers(1, 24),
    readout=st.sampled_from(["ignore", "add", "project"]),
    batch_norm=st.booleans(),
    bias=st.booleans(),
)
def test_every_name_has_one_rule_in_both_directions(depth: int, heads: int, readout: str, batch_norm: bool, bias: bool) -> None:
    config = configuration(width=64 * heads, depth=depth, readout=readout, batch_norm=batch_norm, bias=bias)
    LAYOUTS["original"].check(BY_NAME["dpt_vit"].inventory(config))


@given(classes=st.integers(1, 1000))
def test_every_name_of_a_segmentation_model_has_one_rule_in_both_directions(classes: int) -> None:
    LAYOUTS["segmentation"].check(BY_NAME["dpt_vit"].inventory(segmentation(classes)))


def test_what_only_training_used_is_dropped_with_a_reason(tmp_path: Path) -> None:
    state = original_state(build(segmentation()), LAYOUTS["segmentation"])
    state |= {
        "auxlayer.0.weight": torch.zeros(16, 16, 3, 3),
        "auxlayer.4.bias": torch.zeros(150),
        "pretrained.model.head.bias": torch.zeros(10),
    }
    torch.save(state, tmp_path / "model.pt")
    report = convert(tmp_path / "model.pt", tmp_path / "model.safetensors")
    assert {name: left_out.reason for name, left_out in report.document.dropped.items()} == {
        "auxlayer.0.weight": "the auxiliary head only helped training",
        "auxlayer.4.bias": "the auxiliary head only helped training",
        "pretrained.model.head.bias": "the classifier of the encoder's own training",
    }


@pytest.mark.parametrize("readout", ["ignore", "add"])
def test_a_readout_without_tensors_is_asked_for(readout: str, tmp_path: Path) -> None:
    config = configuration(readout=readout)
    file = saved(config, tmp_path / "model.pt")
    with pytest.raises(Refusal, match=r"--set readout=ignore or --set readout=add"):
        match_file(file)
    assert match_file(file, readout=readout).config == config


@pytest.mark.parametrize("readout", ["ignore", "add"])
def test_a_readout_projection_cannot_be_overruled(readout: str, tmp_path: Path) -> None:
    file = saved(configuration(), tmp_path / "model.pt")
    with pytest.raises(Refusal, match="the checkpoint has a readout projection"):
        match_file(file, readout=readout)


def test_heads_that_no_tensor_tells_are_asked_for(tmp_path: Path) -> None:
    file = saved(configuration(width=96), tmp_path / "model.pt")
    with pytest.raises(Refusal, match=r"--set heads="):
        match_file(file)
    encoder = match_file(file, heads="3").config.encoder
    assert isinstance(encoder, ViTConfig) and encoder.heads == 3
    with pytest.raises(Refusal, match="5 attention heads do not fit"):
        match_file(file, heads=5)


def test_a_depth_nobody_released_needs_its_taps(tmp_path: Path) -> None:
    config = configuration(depth=8, taps=(1, 3, 5, 7))
    file = saved(config, tmp_path / "model.pt")
    with pytest.raises(Refusal, match=r"released with 12 and 24.*--set taps="):
        match_file(file)
    assert match_file(file, taps="1,3,5,7").config == config


def test_predictions_below_zero_become_zero_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    case = golden("vit_negative")
    file = case.save(tmp_path)
    with torch.inference_mode():
        assert load_any_dpt(file)(case.inputs()[0]).min() == 0
        assert load_any_dpt(file, non_negative="false")(case.inputs()[0]).min() < -4


def test_a_segmentation_model_cannot_be_inverted(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="the model predicts classes"):
        match_file(saved(segmentation(), tmp_path / "model.pt"), scale=1, shift=0, invert=True)


def test_relative_depth_is_assumed_aloud_where_nothing_is_said(tmp_path: Path) -> None:
    matched = match_file(saved(configuration(), tmp_path / "model.pt"))
    assert matched.evidence["output.kind"].source is Source.ASSUMED


def at_released_size(config: DPTConfig) -> DPTConfig:
    return replace(
        config,
        encoder=ViTConfig(1024, 24, 16, 4096, 16, (24, 24), (5, 11, 17, 23)),
        reassemble=ReassembleConfig((256, 512, 1024, 1024), "project"),
        fusion=replace(config.fusion, widths=(256,) * 4),
    )


@pytest.mark.parametrize(("config", "name"), [(configuration(), "dpt_large_384"), (segmentation(), "dpt_large-ade20k")])
def test_released_sizes_are_named_and_others_are_near_to_one(config: DPTConfig, name: str) -> None:
    assert BY_NAME["dpt_vit"].nearest_released(at_released_size(config)) == (name, True)
    assert BY_NAME["dpt_vit"].nearest_released(config) == (name, False)
