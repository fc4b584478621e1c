from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from muggle_convert import Refusal, convert, export, verify
from muggle_convert.verifying import Fared, Verification
from tests.conftest import Command
from tests.goldens import Golden, golden, goldens
from tests.roundtrip.conftest import Prepare

CASE = golden("depth_anything_v2")


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return CASE.save(tmp_path, "depth_anything_v2_vits.pth")


def converted(source: Path, **options: object) -> Path:
    target = source.with_name("converted.safetensors")
    convert(source, target, **{"sync": False, **options})
    return target


def changed(file: Path, change: Callable[[dict[str, Tensor]], object]) -> Path:
    """A converted file in which somebody changed something."""
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    tensors = {name: tensor.clone() for name, tensor in load_file(file).items()}
    change(tensors)
    save_file(tensors, file, metadata=metadata)
    return file


NOT_RUN = ("track_head.",)  # parts that are kept without being asked


def fared(verification: Verification, how: Fared) -> list[str]:
    return [verdict.name for verdict in verification.verdicts if verdict.fared is how]


@pytest.mark.parametrize("keep_unused", [False, True], ids=["without unused", "with unused"])
@pytest.mark.parametrize("case", goldens(), ids=lambda case: case.name)
def test_every_case_is_what_it_was(case: Golden, keep_unused: bool, prepare: Prepare) -> None:
    files = prepare(case, keep_unused)
    verification = verify(files.original, files.converted)
    assert verification.holds
    assert len(verification.verdicts) == len(case.state_dict())
    assert not fared(verification, Fared.COMPUTED_CLOSELY), "buffers are made again to the last bit"
    kept = [name for name in fared(verification, Fared.KEPT) if not name.startswith(NOT_RUN)]
    assert not (fared(verification, Fared.UNUSED) if keep_unused else kept)


def test_a_single_flipped_bit_is_noticed(original: Path) -> None:
    def flip(tensors: dict[str, Tensor]) -> None:
        tensors["imgencoder.blocks.7.mlp.fc2.weight"].view(torch.int32)[3, 5] ^= 1

    verification = verify(original, changed(converted(original), flip))
    assert not verification.holds
    assert fared(verification, Fared.DIFFERENT) == ["pretrained.blocks.7.mlp.fc2.weight"]


def test_a_converted_file_is_not_accepted_as_an_original(original: Path, tmp_path: Path) -> None:
    first = converted(original)
    convert(first, tmp_path / "half.safetensors", dtype="float16", sync=False)
    with pytest.raises(Refusal, match=r"converted\.safetensors was also written by muggle-convert; give .*depth_anything_v2_vits\.pth"):
        verify(first, tmp_path / "half.safetensors")


def test_predictions_that_are_nan_prove_nothing(original: Path) -> None:
    torch.save({**CASE.state_dict(), "pretrained.norm.bias": torch.full((64,), torch.nan)}, original)
    target = converted(original)
    assert verify(original, target).holds
    verification = verify(original, target, predict=True)
    assert not verification.holds and not verification.is_comparable


def test_half_of_a_split_tensor_is_not_enough(original: Path) -> None:
    verification = verify(original, changed(converted(original), lambda tensors: tensors["posenc.cls_embedding"].add_(1)))
    assert fared(verification, Fared.DIFFERENT) == ["pretrained.pos_embed"]


def test_a_zero_of_another_sign_is_another_number(original: Path) -> None:
    state = {**CASE.state_dict(), "depth_head.scratch.output_conv2.2.bias": torch.tensor([0.0])}
    torch.save(state, original)
    verification = verify(original, changed(converted(original), lambda tensors: tensors["head.proj_1ch.2.bias"].neg_()))
    assert fared(verification, Fared.DIFFERENT) == ["depth_head.scratch.output_conv2.2.bias"]


def test_another_original_is_told_apart(original: Path, tmp_path: Path) -> None:
    target = converted(original)
    torch.save({name: tensor + 1 for name, tensor in CASE.state_dict().items()}, tmp_path / "another.pth")
    verification = verify(tmp_path / "another.pth", target)
    assert len(fared(verification, Fared.DIFFERENT)) == len(CASE.state_dict()) - 5


def test_a_tensor_that_the_converted_file_never_mentions_is_missing(original: Path, tmp_path: Path) -> None:
    target = converted(original)
    torch.save({**CASE.state_dict(), "auxiliary.weight": torch.ones(3)}, tmp_path / "larger.pth")
    verification = verify(tmp_path / "larger.pth", target)
    assert not verification.holds and fared(verification, Fared.MISSING) == ["auxiliary.weight"]


def test_a_tensor_that_the_user_left_out_is_reported_as_such(tmp_path: Path) -> None:
    source = tmp_path / "depth_anything_v2_vits.pth"
    torch.save({**CASE.state_dict(), "auxiliary.weight": torch.ones(3)}, source)
    verification = verify(source, converted(source, drops=("auxiliary.weight",)))
    assert verification.holds and fared(verification, Fared.ASKED) == ["auxiliary.weight"]


def test_a_tensor_that_only_the_converted_file_has_is_noticed(original: Path, tmp_path: Path) -> None:
    target = converted(original)
    smaller = CASE.state_dict()
    del smaller["pretrained.norm.bias"]
    torch.save(smaller, tmp_path / "smaller.pth")
    assert fared(verify(tmp_path / "smaller.pth", target), Fared.ADDED) == ["pretrained.norm.bias"]


def test_what_the_original_takes_for_zero_has_to_be_zero(tmp_path: Path) -> None:
    source = golden("beit").save(tmp_path)

    def train_key_bias(tensors: dict[str, Tensor]) -> None:
        bias = tensors["imgencoder.blocks.0.attn.qkv.bias"]
        bias[len(bias) // 3] = 1e-9

    verification = verify(source, changed(converted(source), train_key_bias))
    assert fared(verification, Fared.ADDED) == ["imgencoder.blocks.0.attn.qkv.bias"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_another_precision_has_to_be_the_rounded_original(dtype: str, original: Path) -> None:
    target = original.with_name("rounded.safetensors")
    report = convert(original, target, dtype=dtype, sync=False)
    verification = verify(original, target)
    assert verification.holds and len(fared(verification, Fared.ROUNDED)) == len(CASE.state_dict()) - 5
    assert verification.largest_rounding == report.largest_cast_error
    assert not verify(original, changed(target, lambda tensors: tensors["head.proj_1ch.2.bias"].mul_(2))).holds


def test_kept_tensors_are_compared_too(original: Path) -> None:
    name = "unused.pretrained.mask_token"
    verification = verify(original, changed(converted(original, keep_unused=True), lambda tensors: tensors[name].add_(1)))
    assert fared(verification, Fared.DIFFERENT) == ["pretrained.mask_token"]


def test_an_original_in_another_container_or_layout_is_the_same_original(original: Path, tmp_path: Path) -> None:
    target = converted(original)
    save_file(CASE.state_dict(), tmp_path / "original.safetensors")
    torch.save({"model": {f"module.{name}": tensor for name, tensor in CASE.state_dict().items()}}, tmp_path / "training.pth")
    export(original, tmp_path / "folder", "transformers", sync=False)
    for same in ("original.safetensors", "training.pth", "folder"):
        assert verify(tmp_path / same, target).holds


def test_predictions_are_compared_where_that_is_asked(original: Path) -> None:
    same = verify(original, converted(original), predict=True)
    assert same.predictions is not None and len(same.predictions) == 3 and max(same.predictions.values()) <= 1e-5
    rounded = verify(original, converted(original, dtype="bfloat16", force=True), predict=True)
    assert rounded.predictions is not None and 1e-4 < max(rounded.predictions.values()) < 1


def test_a_file_that_was_not_converted_is_refused(original: Path) -> None:
    with pytest.raises(Refusal, match="original first and the converted file second"):
        verify(converted(original), original)


def test_the_command_tells_by_its_exit_status(original: Path, muggle_convert: Command) -> None:
    target = converted(original)
    good = muggle_convert("verify", original, target)
    assert good.returncode == 0 and "234 equal, bit for bit" in good.stdout and "5 left out: the network never reads it" in good.stdout
    assert "holds the original, except for the 5 left out" in good.stdout
    complete = muggle_convert("verify", original, converted(original, keep_unused=True, force=True))
    assert complete.returncode == 0 and "holds all of the original" in complete.stdout
    converted(original, force=True)
    bad = muggle_convert("verify", original, changed(target, lambda tensors: tensors["head.proj_1ch.2.bias"].add_(1)), "--json")
    report = json.loads(bad.stdout)
    assert bad.returncode == 1 and not report["holds"]
    assert report["tensors"]["depth_head.scratch.output_conv2.2.bias"] == ["different", ""]


def test_neither_verifying_nor_exporting_needs_torch(original: Path, tmp_path: Path) -> None:
    program = f"""
import sys
from muggle_convert import convert, export, verify
convert({str(original)!r}, {str(tmp_path / "c.safetensors")!r}, keep_unused=True)
assert verify({str(original)!r}, {str(tmp_path / "c.safetensors")!r}).holds
export({str(tmp_path / "c.safetensors")!r}, {str(tmp_path / "back.pth")!r})
export({str(tmp_path / "c.safetensors")!r}, {str(tmp_path / "folder")!r}, "transformers")
assert not [name for name in sys.modules if name.partition(".")[0] in ("torch", "transformers")]
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root, timeout=120)
