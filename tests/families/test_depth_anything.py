from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.build import build
from model_defs.config import OutputConfig
from muggle_convert import Refusal
from muggle_convert.families import BY_NAME
from muggle_convert.families.depth_anything import ORIGINAL
from muggle_convert.families.shared.evidence import Source
from tests.families.variants.depth_anything import configuration
from tests.originals import match_file, save_original


@settings(max_examples=50, deadline=None)
@given(
    depth=st.integers(4, 40),
    heads=st.integers(1, 24),
    mlp=st.sampled_from(["gelu", "swiglu"]),
    readout=st.sampled_from(["ignore", "project"]),
    batch_norm=st.booleans(),
)
def test_every_name_has_one_rule_in_both_directions(depth: int, heads: int, mlp: str, readout: str, batch_norm: bool) -> None:
    config = configuration(width=64 * heads, depth=depth, taps=(0, 1, 2, 3), mlp=mlp, readout=readout, batch_norm=batch_norm)
    ORIGINAL.check(BY_NAME[config.family].inventory(config))


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("depth_anything_vits14.pth", "depth_anything_v1"),
        ("depth_anything_vitl14.pth", "depth_anything_v1"),
        ("depth_anything_v2_vitb.pth", "depth_anything_v2"),
        ("Depth-Anything-V2-Small.pth", "depth_anything_v2"),
    ],
)
def test_names_in_the_wild_tell_v1_from_v2(name: str, family: str, tmp_path: Path) -> None:
    matched = match_file(save_original(build(configuration()), ORIGINAL, tmp_path / name))
    assert matched.family.name == family
    assert matched.evidence["family"].source is Source.FILE_NAME


def test_a_file_that_could_be_v1_or_v2_is_refused_with_the_flags_that_decide(tmp_path: Path) -> None:
    file = save_original(build(configuration()), ORIGINAL, tmp_path / "latest.pth")
    with pytest.raises(Refusal, match=r"--family depth_anything_v1 or --family depth_anything_v2"):
        match_file(file)


@pytest.mark.parametrize(("data", "metres"), [("hypersim", 20.0), ("vkitti", 80.0)])
def test_a_metric_model_is_known_by_its_name(data: str, metres: float, tmp_path: Path) -> None:
    file = save_original(build(configuration()), ORIGINAL, tmp_path / f"depth_anything_v2_metric_{data}_vits.pth")
    assert match_file(file).config.output == OutputConfig("metric depth", "sigmoid", metres, resize="bilinear aligned")


def test_a_flag_is_trusted_more_than_the_name(tmp_path: Path) -> None:
    file = save_original(build(configuration()), ORIGINAL, tmp_path / "depth_anything_v2_metric_vkitti_vits.pth")
    matched = match_file(file, max_depth="20")
    assert matched.config.output.max_depth == 20.0
    assert matched.evidence["output.max_depth"].source is Source.FLAG


def test_relative_depth_is_assumed_aloud_where_nothing_is_said(tmp_path: Path) -> None:
    matched = match_file(save_original(build(configuration()), ORIGINAL, tmp_path / "latest.pth"), family="depth_anything_v2")
    assert matched.config.output.kind == "relative inverse depth"
    assert [path for path, evidence in matched.evidence.items() if evidence.source is Source.ASSUMED] == ["output.kind"]


@pytest.mark.parametrize(
    "name", ["depth_anything_v2_metric.pt", "Depth-Anything-V2-Metric-Indoor.pth", "depth_anything_v2_MetricDepth.pth"]
)
def test_a_name_that_says_metric_asks_for_the_depth_it_does_not_say(name: str, tmp_path: Path) -> None:
    file = save_original(build(configuration()), ORIGINAL, tmp_path / name)
    with pytest.raises(Refusal, match=r"pass --set max_depth=METRES, which was 20 for rooms .* and 80 for streets"):
        match_file(file)
    assert match_file(file, max_depth="10").config.output.max_depth == 10.0


@pytest.mark.parametrize("name", ["depth_anything_v2_symmetric.pt", "depth_anything_v2_best_metrics.pt"])
def test_other_words_with_the_same_letters_say_nothing(name: str, tmp_path: Path) -> None:
    assert match_file(save_original(build(configuration()), ORIGINAL, tmp_path / name)).config.output.kind == "relative inverse depth"


def test_v1_is_relative_whatever_its_file_is_called_but_says_so(tmp_path: Path) -> None:
    matched = match_file(save_original(build(configuration()), ORIGINAL, tmp_path / "depth_anything_v1_metric.pth"))
    assert matched.config.output.kind == "relative inverse depth"
    assert str(matched.evidence["output.kind"]).startswith("assumed: V1 predicts no other, although the file is called")


def test_the_meaning_and_the_size_of_a_prediction_are_known_from_two_things(tmp_path: Path) -> None:
    for name in ("depth_anything_vits14.pth", "depth_anything_v2_vits.pth"):
        evidence = match_file(save_original(build(configuration()), ORIGINAL, tmp_path / name)).evidence
        assert evidence["output.resize"] != evidence["output.kind"]
        assert "size of the picture" in evidence["output.resize"].detail


def test_a_depth_nobody_released_needs_its_taps(tmp_path: Path) -> None:
    config = configuration(depth=8, taps=(1, 3, 5, 7))
    file = save_original(build(config), ORIGINAL, tmp_path / "depth_anything_v2_tiny.pth")
    with pytest.raises(Refusal, match=r"--set taps="):
        match_file(file)
    assert match_file(file, taps="1,3,5,7").config == config


@pytest.mark.parametrize("taps", ["1,2,3", "3,2,1,0", "0,1,2,8", "a,b,c,d"])
def test_taps_that_do_not_fit_are_refused(taps: str, tmp_path: Path) -> None:
    file = save_original(build(configuration(depth=8, taps=(1, 3, 5, 7))), ORIGINAL, tmp_path / "depth_anything_v2_tiny.pth")
    with pytest.raises(Refusal, match=r"taps|whole numbers"):
        match_file(file, taps=taps)


@pytest.mark.parametrize("width", [384, 768, 1024])
def test_released_sizes_are_named(width: int) -> None:
    name, exact = BY_NAME["depth_anything_v2"].nearest_released(replace(configuration(width=width)))
    assert exact and name == {384: "depth_anything_v2_vits", 768: "depth_anything_v2_vitb", 1024: "depth_anything_v2_vitl"}[width]


def test_the_six_names_of_the_specification_hold(tmp_path: Path) -> None:
    converted = {
        "pretrained.blocks.0.ls1.gamma": ["imgencoder.blocks.0.scale_attn"],
        "depth_head.resize_layers.0.weight": ["reassemble.spatial_upx4.resample.1.weight"],
        "depth_head.scratch.refinenet1.resConfUnit1.conv1.weight": ["fusion.blocks.0.conv_reassembly.resconv_seq.1.weight"],
        "depth_head.scratch.output_conv1.weight": ["head.spatial_upsampler.0.weight"],
        "pretrained.pos_embed": ["posenc.cls_embedding", "posenc.base_patch_embedding"],
    }
    matched = match_file(save_original(build(configuration()), ORIGINAL, tmp_path / "model.pth"), family="depth_anything_v2")
    made = {original: [name for name, made in matched.translation.made.items() if original in made.origins] for original in converted}
    assert made == converted
