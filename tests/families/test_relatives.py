"""Checkpoints that others fine-tuned from a family's, or built beside it: known by their names, and run where that is all they differ in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from muggle_convert import Refusal, convert, export, inspect, verify
from tests.goldens import golden
from tests.same import assert_same

CASE = golden("depth_anything_v2")
LARGE = {name.replace("pretrained.", "backbone."): tensor for name, tensor in CASE.state_dict().items()}


@pytest.mark.parametrize("name", ["Distill-Any-Depth-small.safetensors", "depth_anything_AC_vits.pth", "DepthAnything-AC.pth"])
def test_fine_tunes_of_depth_anything_v2_are_known_by_their_names(name: str, tmp_path: Path) -> None:
    state = CASE.state_dict()
    save_file(state, tmp_path / name) if name.endswith(".safetensors") else torch.save(state, tmp_path / name)
    assert inspect(tmp_path / name).match.family.name == "depth_anything_v2"


def test_distill_any_depth_sees_squares_as_its_own_code_shows_them(tmp_path: Path) -> None:
    save_file(LARGE, tmp_path / "Distill-Any-Depth-large.safetensors")
    image = inspect(tmp_path / "Distill-Any-Depth-large.safetensors").match.config.image
    assert (image.size, image.keep_aspect) == (700, False)


def test_depth_anything_ac_fills_up_patches_as_its_own_code_does(tmp_path: Path) -> None:
    torch.save(CASE.state_dict(), tmp_path / "depth_anything_AC_vits.pth")
    assert inspect(tmp_path / "depth_anything_AC_vits.pth").match.config.image.fit == "at least, up"


def test_distill_any_depth_comes_back_bit_for_bit_in_chunks_or_not(tmp_path: Path) -> None:
    chunked = {name.replace("backbone.blocks.", "backbone.blocks.0."): tensor for name, tensor in LARGE.items()}
    for number, state in enumerate((LARGE, chunked)):
        source, target = tmp_path / f"{number}.safetensors", tmp_path / f"{number} converted.safetensors"
        save_file(state, source)
        convert(source, target, keep_unused=True, sync=False)
        assert verify(source, target).holds
        export(target, tmp_path / f"{number}.pth", sync=False)
        assert_same(torch.load(tmp_path / f"{number}.pth", weights_only=True), state)


@pytest.mark.parametrize(
    ("file", "names", "said"),
    [
        (
            "dinov3_vit7b16_synthmix_dpt_head-02040be1.pth",
            ["conv_depth.head.0.weight"],
            "a head for depth on DINOv3.*missing is its backbone",
        ),
        (
            "latest.pth",
            ["reassemble_blocks.projects.0.conv.weight", "fusion_blocks.1.res_conv_unit1.conv1.conv.weight", "project.conv.weight"],
            "latest.pth is a head for depth on DINOv3",
        ),
        ("tipsv2-b14-dpt.safetensors", ["depth_neck.convs.0.weight"], "TIPSv2.*missing is its backbone"),
    ],
)
def test_what_has_a_name_and_cannot_run_is_refused_by_that_name(file: str, names: list[str], said: str, tmp_path: Path) -> None:
    state = {name: torch.zeros(2) for name in names}
    save_file(state, tmp_path / file) if file.endswith(".safetensors") else torch.save(state, tmp_path / file)
    with pytest.raises(Refusal, match=said):
        inspect(tmp_path / file)


def test_a_folder_is_known_by_its_config_json_too(tmp_path: Path) -> None:
    save_file({"decoder.head.weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "tipsv2_dpt"}))
    with pytest.raises(Refusal, match="TIPSv2"):
        inspect(tmp_path)
