from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from muggle_convert import Refusal, convert, export
from tests.conftest import Command
from tests.goldens import Golden, golden, goldens
from tests.roundtrip.conftest import Prepare
from tests.same import assert_same

CASE = golden("depth_anything_v2")
IN_ONE_FILE = [case for case in goldens() if not case.halves]


def converted(case: Golden, folder: Path, **options: object) -> Path:
    target = folder / "converted.safetensors"
    convert(case.save(folder), target, **{"sync": False, **case.told, **options})
    return target


@pytest.mark.parametrize("case", IN_ONE_FILE, ids=lambda case: case.name)
def test_every_case_comes_back_exactly_from_a_file_that_kept_unused_tensors(case: Golden, prepare: Prepare, tmp_path: Path) -> None:
    export(prepare(case, True).converted, tmp_path / "back.pth", sync=False)
    assert_same(case.of_saved(torch.load(tmp_path / "back.pth", weights_only=True)), case.state_dict())


@pytest.mark.parametrize("case", IN_ONE_FILE, ids=lambda case: case.name)
def test_every_case_comes_back_exactly_with_the_help_of_the_original(case: Golden, prepare: Prepare, tmp_path: Path) -> None:
    files = prepare(case, False)
    export(files.converted, tmp_path / "back.safetensors", keeper=files.original, sync=False)
    assert_same(load_file(tmp_path / "back.safetensors"), case.state_dict())


def test_of_an_original_with_several_models_the_one_that_was_converted_helps(tmp_path: Path) -> None:
    weights = CASE.state_dict()
    student = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    torch.save({"student": student, "teacher": weights}, tmp_path / "both.pth")
    source = converted(CASE, tmp_path)
    with pytest.raises(Refusal, match="'student', 'teacher'; say which with --state KEY"):
        export(source, tmp_path / "back.pth", keeper=tmp_path / "both.pth")
    export(source, tmp_path / "back.pth", keeper=tmp_path / "both.pth", state="teacher", sync=False)
    assert_same(torch.load(tmp_path / "back.pth", weights_only=True), weights)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_another_checkpoint_of_the_same_shapes_is_refused_as_a_helper(tmp_path: Path, ending: str) -> None:
    source = converted(CASE, tmp_path)
    other = tmp_path / f"other.{ending}"
    weights = {**CASE.state_dict(), "pretrained.norm.bias": torch.ones(64)}
    save_file(weights, other) if ending == "safetensors" else torch.save(weights, other)
    with pytest.raises(Refusal, match=rf"other\.{ending} is not the checkpoint that converted\.safetensors was made from"):
        export(source, tmp_path / "back.pth", keeper=other)
    assert not (tmp_path / "back.pth").exists()


def test_the_original_in_another_container_helps_too(tmp_path: Path) -> None:
    source = converted(CASE, tmp_path)
    save_file(CASE.state_dict(), tmp_path / "same.safetensors")
    export(source, tmp_path / "back.pth", keeper=tmp_path / "same.safetensors", sync=False)
    assert_same(torch.load(tmp_path / "back.pth", weights_only=True), CASE.state_dict())


@pytest.mark.parametrize("case", IN_ONE_FILE, ids=lambda case: case.name)
def test_every_case_comes_back_with_zeros_for_what_is_unused_and_nothing_else(case: Golden, prepare: Prepare, tmp_path: Path) -> None:
    exported = export(prepare(case, False).converted, tmp_path / "back.pth", fill_unused=True, sync=False)
    expected: dict[str, Tensor] = case.state_dict()
    for name in exported.restored.zeros:
        expected[case.prefix + name] = torch.zeros_like(expected[case.prefix + name])
    assert_same(case.of_saved(torch.load(tmp_path / "back.pth", weights_only=True)), expected)


def test_tensors_that_were_not_kept_are_not_invented_without_being_asked(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"5 tensors.*resConfUnit1.*--with ORIGINAL.*--fill-unused"):
        export(converted(CASE, tmp_path), tmp_path / "back.pth")
    assert not (tmp_path / "back.pth").exists()


def test_the_command_says_which_tensors_are_zeros(tmp_path: Path, muggle_convert: Command) -> None:
    source = converted(CASE, tmp_path)
    done = muggle_convert("export", source, "--to", "original", "-o", tmp_path / "back.pth", "--fill-unused")
    assert done.returncode == 0, done.stderr
    assert "zeros" in done.stdout and "resConfUnit1.conv1.weight" in done.stdout and "and 2 more" in done.stdout


def test_a_conversion_to_another_type_is_exported_in_that_type(tmp_path: Path) -> None:
    export(converted(CASE, tmp_path, dtype="float16"), tmp_path / "back.pth", fill_unused=True, sync=False)
    back = torch.load(tmp_path / "back.pth", weights_only=True)
    assert {tensor.dtype for tensor in back.values()} == {torch.float16}
    original = CASE.state_dict()["pretrained.blocks.0.attn.qkv.weight"]
    assert torch.equal(back["pretrained.blocks.0.attn.qkv.weight"], original.half())


def test_a_conversion_can_be_converted_again_before_it_is_exported(tmp_path: Path) -> None:
    convert(converted(CASE, tmp_path, keep_unused=True), tmp_path / "again.safetensors", dtype="bfloat16", sync=False)
    export(tmp_path / "again.safetensors", tmp_path / "back.pth", sync=False)
    assert_same(torch.load(tmp_path / "back.pth", weights_only=True), {n: t.bfloat16() for n, t in CASE.state_dict().items()})


def test_an_original_is_exported_without_being_converted_first(tmp_path: Path) -> None:
    export(CASE.save(tmp_path, "depth_anything_v2_vits.pth"), tmp_path / "same.safetensors", sync=False)
    assert_same(load_file(tmp_path / "same.safetensors"), CASE.state_dict())


def test_tensors_that_the_user_left_out_are_reported_and_not_invented(tmp_path: Path) -> None:
    state = {**CASE.state_dict(), "auxiliary.0.weight": torch.ones(3)}
    torch.save(state, tmp_path / "depth_anything_v2_vits.pth")
    target = tmp_path / "converted.safetensors"
    convert(tmp_path / "depth_anything_v2_vits.pth", target, drops=("auxiliary.{n}.weight",), keep_unused=True, sync=False)
    exported = export(target, tmp_path / "back.pth", sync=False)
    assert list(exported.restored.gone) == ["auxiliary.0.weight"]
    assert_same(torch.load(tmp_path / "back.pth", weights_only=True), CASE.state_dict())


def test_a_key_bias_that_the_original_has_no_place_for_is_refused(tmp_path: Path) -> None:
    source = converted(golden("beit"), tmp_path, keep_unused=True)
    tensors = load_file(source)
    width = len(tensors["imgencoder.blocks.3.attn.qkv.bias"]) // 3
    tensors["imgencoder.blocks.3.attn.qkv.bias"][width] = 0.5
    save_file(tensors, source, metadata=_metadata(source))
    with pytest.raises(Refusal, match=rf"imgencoder\.blocks\.3\.attn\.qkv\.bias has {width} elements.*cannot hold this model"):
        export(source, tmp_path / "back.pth")


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    source = converted(CASE, tmp_path, keep_unused=True)
    (tmp_path / "back.pth").write_bytes(b"precious")
    with pytest.raises(Refusal, match="exists already"):
        export(source, tmp_path / "back.pth")
    assert (tmp_path / "back.pth").read_bytes() == b"precious"
    export(source, tmp_path / "back.pth", force=True, sync=False)
    assert_same(torch.load(tmp_path / "back.pth", weights_only=True), CASE.state_dict())


def test_a_name_that_says_nothing_of_the_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"ends in neither \.safetensors nor \.pth"):
        export(converted(CASE, tmp_path, keep_unused=True), tmp_path / "back.weights")


def test_a_description_that_asks_for_more_zeros_than_allowed_is_refused(tmp_path: Path) -> None:
    source = converted(CASE, tmp_path)
    metadata = {key: text.replace('"F32",[1,64]', '"F32",[1000000,1000000]') for key, text in _metadata(source).items()}
    save_file(load_file(source), source, metadata=metadata)
    with pytest.raises(Refusal, match=r"more than the .* that are allowed"):
        export(source, tmp_path / "back.pth", fill_unused=True)


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return dict(file.metadata())
