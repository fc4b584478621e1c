from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.build import build
from model_defs.config import (
    AttentionConfig,
    DPTConfig,
    FullAttentionConfig,
    HybridConfig,
    MemoryCompressedConfig,
    OutputConfig,
    PerformerConfig,
    ReassembleConfig,
)
from model_defs.plain_values import leaves
from muggle_convert import Refusal, convert, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.dpt_hybrid import LAYOUTS
from muggle_convert.families.shared.evidence import Source
from tests.families.variants.dpt_hybrid import KITTI, NYU, configuration, segmentation
from tests.goldens import TOLERANCE, golden
from tests.originals import match_file, original_state, save_original

FAMILY = BY_NAME["dpt_hybrid"]


def saved(config: DPTConfig, path: Path) -> Path:
    return save_original(build(config), LAYOUTS["original" if config.head.kind == "depth" else "segmentation"], path)


@settings(max_examples=50, deadline=None)
@given(
    depth=st.integers(1, 40),
    heads=st.integers(1, 24),
    stage_depths=st.tuples(*[st.integers(1, 30)] * 3),
    readout=st.sampled_from(["ignore", "add", "project"]),
    batch_norm=st.booleans(),
)
def test_every_name_has_one_rule_in_both_directions(depth: int, heads: int, stage_depths: Any, readout: str, batch_norm: bool) -> None:
    config = configuration(width=64 * heads, depth=depth, stage_depths=stage_depths, readout=readout, batch_norm=batch_norm)
    LAYOUTS["original"].check(FAMILY.inventory(config))


def test_every_name_of_a_segmentation_model_has_one_rule_in_both_directions() -> None:
    LAYOUTS["segmentation"].check(FAMILY.inventory(segmentation()))


@pytest.mark.parametrize("name", ["dpt_hybrid_kitti-cb926ef4.pt", "omnidata_dpt_depth_v2.ckpt"])
def test_every_value_that_the_name_tells_has_evidence(name: str, tmp_path: Path) -> None:
    matched = match_file(saved(configuration(), tmp_path / name))
    assert {path for path, value in leaves(matched.config).items() if value is not None} <= set(matched.evidence)


@pytest.mark.parametrize(
    ("name", "output", "size"),
    [
        ("dpt_hybrid_kitti-cb926ef4.pt", KITTI, (352, 1216)),
        ("DPT-Hybrid-KITTI.pth", KITTI, (352, 1216)),
        ("dpt_hybrid_nyu-2ce69ec7.pt", NYU, (480, 640)),
    ],
)
def test_the_name_tells_the_metric_models_apart(name: str, output: OutputConfig, size: tuple[int, int], tmp_path: Path) -> None:
    matched = match_file(saved(configuration(), tmp_path / name))
    assert matched.config.output == output
    assert (matched.config.image.size, matched.config.image.size_across) == size
    assert matched.evidence["output.scale"].source is matched.evidence["image.size"].source is Source.FILE_NAME


def test_the_same_shapes_under_another_name_are_relative_and_say_so(tmp_path: Path) -> None:
    matched = match_file(saved(configuration(), tmp_path / "dpt_hybrid_fine_tuned.pt"))
    assert matched.config.output == OutputConfig("relative inverse depth", "relu")
    assert [path for path, evidence in matched.evidence.items() if evidence.source is Source.ASSUMED] == ["output.kind"]


def test_a_name_that_says_metric_asks_how(tmp_path: Path) -> None:
    file = saved(configuration(), tmp_path / "dpt_hybrid_metric.pt")
    with pytest.raises(Refusal, match=r"pass --set scale=… --set shift=… --set invert=true, or --set invert=false"):
        match_file(file)
    assert match_file(file, invert="false").config.output.kind == "relative inverse depth"
    assert match_file(file, invert="true", scale=1, shift=2).config.output.kind == "metric depth"


def test_the_name_of_a_metric_model_tells_only_what_depends_on_it(tmp_path: Path) -> None:
    evidence = match_file(saved(configuration(), tmp_path / "dpt_hybrid_kitti-cb926ef4.pt")).evidence
    told = {path for path, one in evidence.items() if one.source is Source.FILE_NAME and path.startswith("output.")}
    assert told == {"output.kind", "output.scale", "output.shift", "output.invert"}
    assert evidence["output.resize"].source is evidence["output.max_depth"].source is Source.CONVENTION


def test_flags_are_trusted_more_than_the_name(tmp_path: Path) -> None:
    file = saved(configuration(), tmp_path / "dpt_hybrid_kitti-cb926ef4.pt")
    matched = match_file(file, scale="0.5")
    assert matched.config.output == replace(KITTI, scale=0.5)
    assert matched.evidence["output.scale"].source is Source.FLAG
    assert match_file(file, invert="false").config.output == OutputConfig("relative inverse depth", "relu")


def test_a_converted_file_carries_what_only_the_name_told(tmp_path: Path) -> None:
    convert(saved(configuration(), tmp_path / "dpt_hybrid_nyu-2ce69ec7.pt"), tmp_path / "anything.safetensors")
    assert load_any_dpt(tmp_path / "anything.safetensors").config.output == NYU


def test_a_converted_relative_model_can_be_made_metric(tmp_path: Path) -> None:
    case = golden("hybrid")
    convert(case.save(tmp_path), tmp_path / "model.safetensors")
    with torch.inference_mode():
        relative = load_any_dpt(tmp_path / "model.safetensors")(case.inputs()[0])
        metric = load_any_dpt(tmp_path / "model.safetensors", scale=2, shift=0.5, invert=True)(case.inputs()[0])
    torch.testing.assert_close(metric, 1 / (2 * relative + 0.5))


def test_depth_is_bounded_where_the_inverse_is_not_positive(tmp_path: Path) -> None:
    model = load_any_dpt(saved(configuration(), tmp_path / "model.pt"), scale=1, shift=-1e9, invert=True)
    with torch.inference_mode():
        torch.testing.assert_close(model(torch.ones(1, 3, 48, 48)), torch.full((1, 48, 48), 1e8))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"invert": True}, "--set scale="),
        ({"invert": True, "scale": 1}, "--set shift="),
        ({"scale": 1}, "--set invert=true"),
        ({"shift": 1}, "--set invert=true"),
        ({"scale": "wide"}, "'wide' is not a number"),
        ({"invert": "perhaps"}, "'perhaps' is neither true nor false"),
    ],
)
def test_half_of_an_inversion_is_refused(flags: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = saved(configuration(), tmp_path / "model.pt")
    convert(file, tmp_path / "model.safetensors")
    for path in (file, tmp_path / "model.safetensors"):
        with pytest.raises(Refusal, match=message):
            match_file(path, **flags)


def test_omnidata_normals_are_three_channels_of_a_picture_that_is_not_normalised(tmp_path: Path) -> None:
    matched = match_file(saved(configuration(outputs=3), tmp_path / "omnidata_dpt_normal_v2.ckpt"))
    assert matched.config.output.kind == "channels"
    assert (matched.config.image.mean, matched.config.image.std) == ((0.0,) * 3, (1.0,) * 3)


def test_omnidata_depth_grows_with_distance(tmp_path: Path) -> None:
    matched = match_file(saved(configuration(), tmp_path / "omnidata_dpt_depth_v2.ckpt"))
    assert matched.config.output.kind == "relative depth"
    assert matched.evidence["output.kind"].source is Source.FILE_NAME


def test_a_lightning_file_with_prefixes_is_the_same_model(tmp_path: Path) -> None:
    case = golden("hybrid_3_channels")
    state = {f"model.{name}": tensor for name, tensor in case.state_dict().items()}
    file = tmp_path / "omnidata_dpt_normal_v2.ckpt"
    torch.save({"epoch": 12, "global_step": 3, "pytorch-lightning_version": "1.5.0", "state_dict": state}, file)
    assert case.error(load_any_dpt(file)) <= TOLERANCE


def test_three_channels_are_predicted_as_three_maps(tmp_path: Path) -> None:
    with torch.inference_mode():
        assert load_any_dpt(saved(configuration(outputs=3), tmp_path / "model.pt"))(torch.ones(2, 3, 32, 64)).shape == (2, 3, 32, 64)


def test_maps_that_the_norms_cannot_divide_are_refused(tmp_path: Path) -> None:
    state = original_state(build(configuration()), LAYOUTS["original"])
    state["pretrained.model.patch_embed.backbone.stem.conv.weight"] = torch.zeros(24, 3, 7, 7)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(Refusal, match="32 groups"):
        match_file(tmp_path / "model.pt")


def test_a_depth_nobody_released_needs_its_two_taps(tmp_path: Path) -> None:
    config = configuration(depth=6, taps=(2, 5))
    file = saved(config, tmp_path / "model.pt")
    with pytest.raises(Refusal, match=r"--set taps="):
        match_file(file)
    with pytest.raises(Refusal, match="2 rising block numbers from 0 to 5"):
        match_file(file, taps="0,1,2,5")
    assert match_file(file, taps="2,5").config == config


def at_released_size(config: DPTConfig) -> DPTConfig:
    return replace(
        config,
        encoder=HybridConfig(64, (256, 512, 1024), (3, 4, 9), 768, 12, 12, 3072, (24, 24), (8, 11)),
        reassemble=ReassembleConfig((768, 768), "project"),
        fusion=replace(config.fusion, widths=(256,) * 4),
    )


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("dpt_hybrid_384", configuration()),
        ("dpt_hybrid_kitti", replace(configuration(), output=KITTI)),
        ("dpt_hybrid_nyu", replace(configuration(), output=NYU)),
        ("dpt_hybrid-ade20k", segmentation()),
        ("omnidata_dpt_normal_v2", configuration(outputs=3)),
        ("omnidata_dpt_depth_v2", replace(configuration(), output=OutputConfig("relative depth", "relu"))),
    ],
)
def test_released_sizes_are_named_and_others_are_near_to_one(name: str, config: DPTConfig) -> None:
    assert FAMILY.nearest_released(at_released_size(config)) == (name, True)
    assert FAMILY.nearest_released(config) == (name, False)


@pytest.mark.parametrize("attention", [PerformerConfig(64, 266), MemoryCompressedConfig(4), FullAttentionConfig()])
def test_no_model_of_the_fork_was_released_under_dpts_names(attention: AttentionConfig) -> None:
    config = at_released_size(configuration())
    of_fork = replace(config.encoder, attention=attention, positions="bilinear aligned")
    assert FAMILY.nearest_released(replace(config, encoder=of_fork)) == ("dpt_hybrid_384", False)
