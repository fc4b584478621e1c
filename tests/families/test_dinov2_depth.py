"""What DINOv2's heads have of their own: two files, pictures of any size, and metres between two limits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from model_defs.build import build
from model_defs.config import BoundedDepthHeadConfig, FusionConfig
from model_defs.parts import fusion
from muggle_convert import Refusal, convert, export, inspect, load_any_dpt, verify
from muggle_convert.families.dinov2_depth import LAYOUTS
from tests.conftest import Command
from tests.families.variants.dinov2_depth import configuration
from tests.goldens import TOLERANCE, Golden, golden, uint8_picture
from tests.originals import original_state
from tests.same import assert_same

DPT, LINEAR = golden("dinov2_dpt_nyu_small"), golden("dinov2_linear4_nyu_small")


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return DPT.save_halves(tmp_path_factory.mktemp("halves"))


@pytest.fixture(scope="module")
def converted(halves: tuple[Path, Path]) -> Path:
    head, backbone = halves
    convert(head, head.with_name("converted.safetensors"), backbone=backbone, keep_unused=True, sync=False)
    return head.with_name("converted.safetensors")


@pytest.mark.parametrize("case", [DPT, LINEAR], ids=lambda case: case.name)
def test_a_head_and_its_backbone_predict_what_the_original_does(tmp_path: Path, case: Golden) -> None:
    head, backbone = case.save_halves(tmp_path)
    assert case.error(load_any_dpt(head, backbone=backbone)) <= TOLERANCE


def test_both_files_come_back_bit_for_bit(halves: tuple[Path, Path], converted: Path, tmp_path: Path) -> None:
    head, backbone = halves
    assert verify(head, converted, backbone=backbone).holds
    export(converted, tmp_path / "head.pth", backbone_out=tmp_path / "backbone.pth", sync=False)
    for written, original in (("head.pth", head), ("backbone.pth", backbone)):
        found, expected = (torch.load(path, weights_only=True) for path in (tmp_path / written, original))
        assert ("state_dict" in found) == ("state_dict" in expected)
        assert_same(found.get("state_dict", found), expected.get("state_dict", expected))


def test_what_was_not_kept_comes_from_both_originals(halves: tuple[Path, Path], tmp_path: Path) -> None:
    head, backbone = halves
    convert(head, tmp_path / "without.safetensors", backbone=backbone, sync=False)
    out = {"backbone_out": tmp_path / "backbone.pth", "sync": False}
    with pytest.raises(Refusal, match="is a head without its backbone"):
        export(tmp_path / "without.safetensors", tmp_path / "head.pth", keeper=head, **out)
    export(tmp_path / "without.safetensors", tmp_path / "head.pth", keeper=head, backbone=backbone, **out)
    assert_same(torch.load(tmp_path / "backbone.pth", weights_only=True), torch.load(backbone, weights_only=True))


def test_an_export_without_a_place_for_the_backbone_is_refused(converted: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"--backbone-out BACKBONE\.pth"):
        export(converted, tmp_path / "head.pth")
    with pytest.raises(Refusal, match="name two files"):
        export(converted, tmp_path / "head.pth", backbone_out=tmp_path / "head.pth")
    assert not list(tmp_path.iterdir())


def test_a_head_alone_asks_for_its_backbone_by_name_and_width(halves: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"head without its backbone, the DINOv2 of width 64: pass that file with --backbone FILE"):
        inspect(halves[0])
    for taps, sizes in ((1, r"width 384 \(dinov2_vits14_pretrain\.pth\)"), (4, r"width 384 .* or the DINOv2 of width|width 1536")):
        scores = {"decode_head.conv_depth.weight": torch.zeros(7, 768 * taps, 1, 1), "decode_head.conv_depth.bias": torch.zeros(7)}
        torch.save({"state_dict": scores}, tmp_path / "head.pth")
        with pytest.raises(Refusal, match=sizes):
            inspect(tmp_path / "head.pth")


def test_a_backbone_alone_says_that_its_head_is_missing(halves: tuple[Path, Path]) -> None:
    with pytest.raises(Refusal, match=r"backbone without a head, a DINOv2 of width 64 with 12 blocks.*give the head.*with --backbone FILE"):
        inspect(halves[1])


def test_two_files_that_are_no_pair_are_refused(halves: tuple[Path, Path], converted: Path, tmp_path: Path) -> None:
    head, backbone = halves
    whole = golden("depth_anything_v2").save(tmp_path, "depth_anything_v2_vits.pth")
    pairs = {
        (backbone, head): "is a backbone, not a head",
        (head, head): "is not a backbone for",
        (whole, backbone): "is not a head that lacks its backbone; leave --backbone out",
        (converted, backbone): "is converted and holds its backbone; leave --backbone out",
    }
    for (first, second), sentence in pairs.items():
        with pytest.raises(Refusal, match=sentence):
            inspect(first, backbone=second)


def test_a_head_on_a_backbone_of_another_width_is_refused(halves: tuple[Path, Path], tmp_path: Path) -> None:
    scores = {"decode_head.conv_depth.weight": torch.zeros(7, 300, 1, 1), "decode_head.conv_depth.bias": torch.zeros(7)}
    torch.save(scores, tmp_path / "nyu_head.pth")
    with pytest.raises(Refusal, match="the head is for another backbone"):
        inspect(tmp_path / "nyu_head.pth", backbone=halves[1])


def test_a_backbone_with_registers_is_refused(halves: tuple[Path, Path], tmp_path: Path) -> None:
    state = {**torch.load(halves[1], weights_only=True), "register_tokens": torch.zeros(1, 4, 64)}
    torch.save(state, tmp_path / "dinov2_vits14_reg4_pretrain.pth")
    with pytest.raises(Refusal, match="backbone with registers"):
        inspect(halves[0], backbone=tmp_path / "dinov2_vits14_reg4_pretrain.pth")


def test_the_largest_depth_is_told_by_the_name_or_asked_for(halves: tuple[Path, Path], tmp_path: Path) -> None:
    head, backbone = halves
    (tmp_path / "latest.pth").write_bytes(head.read_bytes())
    with pytest.raises(Refusal, match="--set max_depth=10"):
        inspect(tmp_path / "latest.pth", backbone=backbone)
    told = inspect(tmp_path / "latest.pth", backbone=backbone, overrides={"max_depth": "80"}).match.config.output
    named = inspect(head, backbone=backbone).match.config.output
    assert (told.max_depth, named.max_depth, named.min_depth) == (80.0, 10.0, 0.001)


def test_pictures_of_any_size_are_taken_as_they_are(converted: Path) -> None:
    depth = load_any_dpt(converted).predict(uint8_picture(45, 33, 1))
    assert depth.shape == (45, 33)
    assert np.all((depth >= 0.001) & (depth <= 10))


def test_the_command_line_takes_both_files(halves: tuple[Path, Path], tmp_path: Path, muggle_convert_here: Command) -> None:
    head, backbone = halves
    assert muggle_convert_here(head, "--backbone", backbone, "-o", tmp_path / "nyu.safetensors").returncode == 0
    done = muggle_convert_here("verify", head, tmp_path / "nyu.safetensors", "--backbone", backbone)
    assert done.returncode == 0, done.stderr
    two = ("--to", "original", "-o", tmp_path / "head.pth", "--backbone-out", tmp_path / "backbone.pth", "--fill-unused")
    assert muggle_convert_here("export", tmp_path / "nyu.safetensors", *two).returncode == 0
    assert json.loads(muggle_convert_here("inspect", head, "--backbone", backbone, "--json").stdout)["family"] == "dinov2_depth"


@pytest.mark.parametrize("size", [(70, 98), (57, 29), (14, 43)], ids=lambda size: "x".join(map(str, size)))
def test_a_graph_that_fits_every_map_computes_the_same_bits(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = build(configuration()).eval()
    picture = torch.randn(1, 3, *size)
    with torch.inference_mode():
        expected = network(picture)
        monkeypatch.setattr(fusion, "is_known", lambda *sides: False)  # as it is for whoever writes graphs
        assert torch.equal(network(picture), expected)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For transformers, within what its class can be built with; beside it the converted file."""
    made = tmp_path_factory.mktemp("transformers")
    wide = replace(configuration(), fusion=FusionConfig((256,) * 4, "double and fit maps", bias=False))
    torch.manual_seed(0)
    network = build(replace(wide, head=BoundedDepthHeadConfig(128, 32, 1, "double")))
    torch.save(original_state(network, LAYOUTS["original"]), made / "dinov2_nyu.pth")
    convert(made / "dinov2_nyu.pth", made / "converted.safetensors", sync=False)
    export(made / "converted.safetensors", made / "folder", "transformers", sync=False)
    return made


def test_transformers_predicts_the_same_but_for_a_millimetre_and_the_limit(folder: Path) -> None:
    import transformers

    model, info = transformers.DPTForDepthEstimation.from_pretrained(folder / "folder", output_loading_info=True)
    assert not any(info[keys] for keys in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    ours, picture = load_any_dpt(folder / "converted.safetensors"), torch.randn(1, 3, 56, 56, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        expected, found = ours(picture), model.eval()(picture).predicted_depth
    found = F.interpolate((found + 0.001).clamp(max=10.0)[None], size=(56, 56), mode="bilinear", align_corners=False)[0]
    assert float((found - expected).abs().max() / expected.std()) <= TOLERANCE


def test_a_folder_of_transformers_leads_back_to_the_same_tensors_and_to_both_files(folder: Path, tmp_path: Path) -> None:
    convert(folder / "folder", tmp_path / "again.safetensors", sync=False)
    assert_same(load_file(tmp_path / "again.safetensors"), load_file(folder / "converted.safetensors"))
    export(folder / "folder", tmp_path / "head.pth", backbone_out=tmp_path / "backbone.pth", fill_unused=True, sync=False)
    head = torch.load(tmp_path / "head.pth", weights_only=True)["state_dict"]
    state = torch.load(folder / "dinov2_nyu.pth", weights_only=True)
    assert_same(head, {name: tensor for name, tensor in state.items() if name.startswith("decode_head.")})


def test_colours_from_0_to_255_in_a_preprocessor_are_the_same_colours(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "dpt-dinov2-small-nyu").mkdir()
    for file in (folder / "folder").iterdir():
        (tmp_path / "dpt-dinov2-small-nyu" / file.name).write_bytes(file.read_bytes())
    said = {"do_rescale": False, "image_mean": [123.675, 116.28, 103.53], "image_std": [58.395, 57.12, 57.375]}
    (tmp_path / "dpt-dinov2-small-nyu" / "preprocessor_config.json").write_text(json.dumps(said))
    image = inspect(tmp_path / "dpt-dinov2-small-nyu").match.config.image
    assert image.mean == pytest.approx((0.485, 0.456, 0.406)) and image.std == pytest.approx((0.229, 0.224, 0.225))
