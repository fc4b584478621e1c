from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.build import build
from model_defs.config import DPTConfig, FusionConfig, HeadConfig, ImageConfig, OutputConfig, ReassembleConfig
from model_defs.encoder_config import DINOv2Config
from model_defs.plain_values import leaves
from muggle_convert import Refusal
from muggle_convert.families import BY_NAME
from muggle_convert.families.depth_anything import ORIGINAL
from muggle_convert.families.evidence import Source
from tests.originals import match_file, save_original

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def configuration(
    width: int = 64,
    depth: int = 12,
    taps: tuple[int, ...] = (2, 5, 8, 11),
    family: str = "depth_anything_v2",
    grid: int = 3,
    mlp: Any = "gelu",
    readout: Any = "ignore",
    batch_norm: bool = False,
    channels: int = 3,
) -> DPTConfig:
    return DPTConfig(
        family=family,
        encoder=DINOv2Config(width, depth, width // 64, mlp, 2 * width, 14, (grid, grid), taps),
        reassemble=ReassembleConfig((8, 16, 24, 32), readout),
        fusion=FusionConfig((16,) * 4, "to next", batch_norm),
        head=HeadConfig("depth", 8, 32, 1, "to image"),
        image=ImageConfig(channels, 14 * grid, True, "at least", 14, *IMAGENET),
        output=OutputConfig("relative inverse depth", "relu", resize="bilinear aligned"),
    )


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "as released": lambda: configuration(),
    "24 blocks": lambda: configuration(depth=24, taps=(4, 11, 17, 23)),
    "giant": lambda: configuration(depth=40, taps=(9, 19, 29, 39), mlp="swiglu"),
    "two heads": lambda: configuration(width=128),
    "readout projection": lambda: configuration(readout="project"),
    "batch norm": lambda: configuration(batch_norm=True),
    "another grid": lambda: configuration(grid=5),
    "four input channels": lambda: configuration(channels=4),
    "V1": lambda: configuration(family="depth_anything_v1", taps=(8, 9, 10, 11)),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_inventory_is_what_the_network_holds(variant: str) -> None:
    config = VARIANTS[variant]()
    with torch.device("meta"):
        held = {name: tuple(tensor.shape) for name, tensor in build(config).state_dict().items()}
    assert BY_NAME[config.family].inventory(config) == held


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


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_configuration_is_read_back_from_the_shapes(variant: str, tmp_path: Path) -> None:
    config = VARIANTS[variant]()
    file = save_original(build(config), ORIGINAL, tmp_path / "model.pth")
    assert match_file(file, family=config.family).config == config


def test_every_value_of_the_configuration_has_evidence(tmp_path: Path) -> None:
    matched = match_file(save_original(build(configuration()), ORIGINAL, tmp_path / "model.pth"), family="depth_anything_v2")
    assert {path for path, value in leaves(matched.config).items() if value is not None} <= set(matched.evidence)


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
    assert matched.evidence["output.kind"].source is Source.ASSUMED


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
    from muggle_convert.families.family import nearest_released

    name, exact = nearest_released(BY_NAME["depth_anything_v2"], replace(configuration(width=width)))
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
