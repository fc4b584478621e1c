from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from muggle_convert import Refusal, convert, inspect, load_any_dpt
from muggle_convert.converting import preview
from muggle_convert.identify.document import KEY
from muggle_convert.writing.converted_file import WriteOptions, write
from tests.goldens import Golden, golden

CASE = golden("depth_anything_v2")


def converted(source: Path, name: str = "converted.safetensors", **options: object) -> Path:
    target = source.parent / name
    convert(source, target, **options)
    return target


def test_every_tensor_the_network_reads_arrives_bit_for_bit(checkpoint: Path) -> None:
    original, written = CASE.state_dict(), load_file(converted(checkpoint))
    for name, tensor in {
        "patch_embed.cls_token": original["pretrained.cls_token"],
        "posenc.cls_embedding": original["pretrained.pos_embed"][:, :1],
        "posenc.base_patch_embedding": original["pretrained.pos_embed"][:, 1:],
        "imgencoder.blocks.11.mlp.fc2.weight": original["pretrained.blocks.11.mlp.fc2.weight"],
        "fusion.blocks.3.scale_proj_seq.0.resconv_seq.3.bias": original["depth_head.scratch.refinenet4.resConfUnit2.conv2.bias"],
    }.items():
        assert torch.equal(written[name], tensor)
    assert len(written) == len(original) + 1 - 5


def test_the_same_input_gives_the_same_bytes(checkpoint: Path) -> None:
    assert converted(checkpoint, "one.safetensors").read_bytes() == converted(checkpoint, "two.safetensors").read_bytes()


def test_a_training_checkpoint_converts_to_the_same_tensors(checkpoint: Path) -> None:
    plain = load_file(converted(checkpoint))
    wrapped = {f"module.{name}": tensor for name, tensor in CASE.state_dict().items()}
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(3))])
    training = checkpoint.with_name("depth_anything_v2_training.pth")
    torch.save(
        {"model": OrderedDict(wrapped), "optimizer": optimizer.state_dict(), "args": argparse.Namespace(lr=1e-5), "epoch": 3}, training
    )
    again = load_file(converted(training, "training.safetensors"))
    assert plain.keys() == again.keys() and all(torch.equal(plain[name], again[name]) for name in plain)


def test_the_fingerprint_is_the_same_in_every_container(checkpoint: Path) -> None:
    in_safetensors = checkpoint.with_suffix(".safetensors")
    save_file(CASE.state_dict(), in_safetensors)
    legacy = checkpoint.with_name("depth_anything_v2_legacy.pth")
    torch.save(CASE.state_dict(), legacy, _use_new_zipfile_serialization=False)
    files = [checkpoint, in_safetensors, legacy]
    prints = {convert(file, file.with_name(f"{number}.safetensors")).document.source["fingerprint"] for number, file in enumerate(files)}
    assert len(prints) == 1
    assert inspect(checkpoint).source["fingerprint"] in prints, "a zip promises the checksums, so looking is enough"


def test_the_file_says_what_it_is_and_where_it_came_from(checkpoint: Path) -> None:
    with safe_open(converted(checkpoint), "pt") as file:
        metadata = file.metadata()
    document = json.loads(metadata[KEY])
    assert metadata["format"] == "pt"
    assert document["family"] == "depth_anything_v2" and document["config"]["encoder"]["taps"] == [2, 5, 8, 11]
    assert document["evidence"]["encoder.taps"][0] == "convention"
    assert document["source"]["file"] == checkpoint.name and document["source"]["size"] == checkpoint.stat().st_size
    assert document["dropped"]["pretrained.mask_token"][0].startswith("only DINOv2")


def test_the_sha256_is_recorded_where_it_is_asked_for(checkpoint: Path) -> None:
    report = convert(checkpoint, checkpoint.with_name("out.safetensors"), sha256=True)
    assert report.document.source["sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()


def test_a_converted_file_is_known_by_its_own_words(checkpoint: Path) -> None:
    target = converted(checkpoint).rename(checkpoint.with_name("anything.bin"))
    inspection = inspect(target)
    assert (inspection.match.layout, inspection.match.family.name) == ("converted", "depth_anything_v2")
    assert CASE.error(load_any_dpt(target)) < 5e-4


def test_converting_again_keeps_what_the_file_says_of_its_original(checkpoint: Path) -> None:
    first = convert(checkpoint, checkpoint.with_name("first.safetensors"), licence="mit")
    second = convert(first.target, checkpoint.with_name("second.safetensors"), dtype="float16", licence="apache-2.0")
    assert second.document.source == first.document.source
    assert inspect(second.target).match.document == second.document and second.document.licence == "apache-2.0"


def test_the_sha256_of_an_original_cannot_be_had_from_its_conversion(checkpoint: Path) -> None:
    with pytest.raises(Refusal, match="does not reveal the SHA-256"):
        convert(converted(checkpoint), checkpoint.with_name("again.safetensors"), sha256=True)


def test_settings_change_what_a_converted_file_predicts(checkpoint: Path) -> None:
    model = load_any_dpt(converted(checkpoint), max_depth=10)
    assert model.config.output.kind == "metric depth"
    assert model(CASE.inputs()[0]).max() <= 10


def test_tied_weights_are_kept_once_and_tied_again(tmp_path: Path) -> None:
    state = CASE.state_dict()
    state["pretrained.blocks.1.norm1.weight"] = state["pretrained.blocks.0.norm1.weight"]
    torch.save(state, tmp_path / "depth_anything_v2_tied.pth")
    target = converted(tmp_path / "depth_anything_v2_tied.pth")
    assert "imgencoder.blocks.1.norm1.weight" not in load_file(target)
    blocks = load_any_dpt(target).imgencoder.blocks
    assert blocks[0].norm1.weight is blocks[1].norm1.weight or blocks[0].norm1.weight.data_ptr() == blocks[1].norm1.weight.data_ptr()


def test_tensors_out_of_order_are_written_in_order(tmp_path: Path) -> None:
    state = CASE.state_dict()
    name = "pretrained.blocks.0.attn.qkv.weight"
    state[name] = state[name].t().contiguous().t()
    torch.save(state, tmp_path / "depth_anything_v2_vits.pth")
    assert torch.equal(load_file(converted(tmp_path / "depth_anything_v2_vits.pth"))["imgencoder.blocks.0.attn.qkv.weight"], state[name])


def test_unused_tensors_are_kept_where_asked(checkpoint: Path) -> None:
    written = load_file(converted(checkpoint, keep_unused=True))
    assert torch.equal(written["unused.pretrained.mask_token"], CASE.state_dict()["pretrained.mask_token"])
    assert CASE.error(load_any_dpt(checkpoint.with_name("converted.safetensors"))) < 5e-4


def refused(match: str, source: Path, **options: object) -> None:
    target = source.with_name("out.safetensors")
    before = sorted(source.parent.iterdir())
    with pytest.raises(Refusal, match=match):
        convert(source, target, **options)
    assert sorted(source.parent.iterdir()) == before, "nothing may be written"


def changed(case: Golden, folder: Path, **changes: torch.Tensor | None) -> Path:
    state: dict[str, torch.Tensor | None] = {**case.state_dict(), **{name.replace("__", "."): tensor for name, tensor in changes.items()}}
    path = folder / "depth_anything_v2_vits.pth"
    torch.save({name: tensor for name, tensor in state.items() if tensor is not None}, path)
    return path


def test_a_missing_tensor_is_refused_by_name(tmp_path: Path) -> None:
    refused(r"lacks pretrained\.norm\.weight; the file is incomplete", changed(CASE, tmp_path, pretrained__norm__weight=None))


def test_a_gap_in_the_blocks_is_refused(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in CASE.state_dict().items() if not name.startswith("pretrained.blocks.5.")}
    torch.save(state, tmp_path / "depth_anything_v2_vits.pth")
    refused("has a gap", tmp_path / "depth_anything_v2_vits.pth")


def test_a_wrong_shape_is_refused_with_the_right_one(tmp_path: Path) -> None:
    refused(r"\[63\] where \[64\] was expected", changed(CASE, tmp_path, pretrained__norm__weight=torch.zeros(63)))


def test_an_unknown_tensor_is_refused_with_the_nearest_family_and_the_way_out(tmp_path: Path) -> None:
    source = changed(CASE, tmp_path, surprise__3__weight=torch.zeros(2))
    refused(
        r"nearest is depth_anything_v\d \(original layout\), which knows 239 of its 240 tensors, .* surprise\.3\.weight; .* --drop", source
    )
    report = convert(source, tmp_path / "out.safetensors", drops=("surprise.{n}.weight",))
    assert [dropped.entry.name for dropped in report.plan.dropped if dropped.fate is None] == ["surprise.3.weight"]


def test_an_unknown_setting_is_refused_with_the_known_ones(checkpoint: Path) -> None:
    refused("has no setting 'depth'; its settings: max_depth", checkpoint, overrides={"depth": 3})


def test_a_value_that_a_setting_cannot_have_is_refused_with_the_name_of_the_setting(checkpoint: Path) -> None:
    refused("the setting max_depth .* 'abc' is not a number", checkpoint, overrides={"max_depth": "abc"})


def test_an_unknown_family_is_refused_with_the_known_ones(checkpoint: Path) -> None:
    refused("there is no family 'midas'; the families are depth_anything_v1", checkpoint, family="midas")


def test_an_existing_target_is_replaced_only_by_force(checkpoint: Path) -> None:
    target = checkpoint.with_name("out.safetensors")
    target.write_text("precious")
    refused("exists already; pass --force", checkpoint)
    assert target.read_text() == "precious"
    convert(checkpoint, target, force=True)
    assert len(load_file(target)) == 235


def test_the_source_is_never_the_target(checkpoint: Path) -> None:
    in_safetensors = checkpoint.with_suffix(".safetensors")
    save_file(CASE.state_dict(), in_safetensors)
    os.link(in_safetensors, checkpoint.with_name("other.safetensors"))
    with pytest.raises(Refusal, match="is the source itself"):
        convert(in_safetensors, checkpoint.with_name("other.safetensors"), force=True)


@pytest.mark.parametrize(("dtype", "bits"), [("float16", 11), ("bfloat16", 8)])
def test_another_precision_is_written_with_its_error_reported(checkpoint: Path, dtype: str, bits: int) -> None:
    target = checkpoint.with_name("half.safetensors")
    report = convert(checkpoint, target, dtype=dtype)
    written = load_file(target)["patch_embed.proj.weight"]
    original = CASE.state_dict()["pretrained.patch_embed.proj.weight"]
    assert torch.equal(written, original.to(getattr(torch, dtype)))
    # Rounding to the nearest costs half a unit in the last place; numbers below the normal range of float16 cost more.
    assert report.largest_cast_error is not None and report.largest_cast_error > 2.0 ** -(bits + 1)


def test_a_weight_beyond_the_precision_is_refused(tmp_path: Path) -> None:
    refused("is beyond the range of F16", changed(CASE, tmp_path, pretrained__norm__weight=torch.full((64,), 1e5)), dtype="float16")


def test_weights_that_become_zero_in_another_precision_are_counted_and_named(tmp_path: Path) -> None:
    tiny = torch.full((64,), 1e-12)
    torch.save({**CASE.state_dict(), "pretrained.norm.bias": tiny}, tmp_path / "depth_anything_v2_tiny.pth")
    source = tmp_path / "depth_anything_v2_tiny.pth"
    (warning,) = convert(source, tmp_path / "half.safetensors", dtype="float16").warnings
    assert warning.startswith("64 elements are too small for float16 and became zero: 64 in pretrained.norm.bias")
    assert not convert(source, tmp_path / "brain.safetensors", dtype="bfloat16").warnings


def test_nans_in_weights_are_counted_and_named(tmp_path: Path) -> None:
    weight = CASE.state_dict()["pretrained.norm.weight"]
    weight[:3] = torch.tensor([np.nan, np.inf, -np.inf])
    source = changed(CASE, tmp_path, pretrained__norm__weight=weight)
    refused(r"3 elements are NaN or infinite: 3 in pretrained\.norm\.weight", source, strict_finite=True)
    (warning,) = convert(source, tmp_path / "out.safetensors").warnings
    assert warning.startswith("3 elements are NaN or infinite")


def test_a_target_that_other_programs_would_not_know_is_refused(checkpoint: Path) -> None:
    with pytest.raises(Refusal, match=r"converted\.bin does not end in \.safetensors.*name it converted\.safetensors\.$"):
        convert(checkpoint, checkpoint.with_name("converted.bin"))


@pytest.mark.parametrize("made", ["original", "converted"])
def test_the_hash_of_the_result_is_known_when_it_is_written(made: str, checkpoint: Path, tmp_path: Path) -> None:
    source = checkpoint if made == "original" else converted(checkpoint)
    target = tmp_path / "again.safetensors"
    report = write(preview(source), target, WriteOptions(), hash_target=True)
    assert report.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
