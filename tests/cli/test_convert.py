from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.goldens import golden

CASE = golden("depth_anything_v2")


def test_convert_is_the_default_command(checkpoint: Path, muggle_convert: Command) -> None:
    done = muggle_convert(checkpoint, "-o", checkpoint.with_name("out.safetensors"))
    assert done.returncode == 0, done.stderr
    assert "Depth-Anything V2" in done.stdout and "239 tensors: 233 renamed, 1 split or joined, 5 dropped (" in done.stdout
    assert "(dropped:" not in done.stdout and "of a source with the fingerprint" in done.stdout


def test_the_same_command_spelled_out_writes_the_same_file(checkpoint: Path, muggle_convert: Command) -> None:
    one, two = checkpoint.with_name("one.safetensors"), checkpoint.with_name("two.safetensors")
    muggle_convert(checkpoint, "-o", one)
    muggle_convert("convert", checkpoint, "-o", two)
    assert one.read_bytes() == two.read_bytes()


def test_an_ambiguous_file_is_refused_in_one_line_and_converts_with_the_flag(checkpoint: Path, muggle_convert: Command) -> None:
    latest = checkpoint.rename(checkpoint.with_name("latest.pth"))
    target = checkpoint.with_name("out.safetensors")
    refused = muggle_convert(latest, "-o", target)
    assert refused.returncode == 1 and refused.stdout == "" and not target.exists()
    assert refused.stderr.count("\n") == 1 and "--family depth_anything_v1 or --family depth_anything_v2" in refused.stderr
    assert muggle_convert(latest, "-o", target, "--family", "depth_anything_v2").returncode == 0


def test_a_dry_run_shows_every_tensor_and_writes_nothing(checkpoint: Path, muggle_convert: Command) -> None:
    done = muggle_convert(checkpoint, "--dry-run")
    assert done.returncode == 0
    assert "pretrained.blocks.0.ls1.gamma -> imgencoder.blocks.0.scale_attn  F32 [64]" in done.stdout
    assert "pretrained.mask_token -> dropped: only DINOv2's own training masks patches" in done.stdout
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_the_report_is_json_where_asked(checkpoint: Path, muggle_convert: Command) -> None:
    report = json.loads(muggle_convert(checkpoint, "-o", checkpoint.with_name("out.safetensors"), "--json").stdout)
    assert report["family"] == "depth_anything_v2" and report["tensors"]["written"] == 235


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--dtype", "float8"]])
def test_wrong_usage_has_status_two(arguments: list[str], checkpoint: Path, muggle_convert: Command) -> None:
    assert muggle_convert(checkpoint, "-o", checkpoint.with_name("out.safetensors"), *arguments).returncode == 2


def test_a_target_of_another_kind_is_refused(checkpoint: Path, muggle_convert: Command) -> None:
    done = muggle_convert(checkpoint, "-o", checkpoint.with_name("o\x1bt.pth"))
    assert done.returncode == 1 and r"o\x1bt.pth does not end in .safetensors" in done.stderr and "\x1b" not in done.stderr


def test_standard_output_is_refused_as_a_target(checkpoint: Path, muggle_convert: Command) -> None:
    done = muggle_convert(checkpoint, "-o", "-")
    assert done.returncode == 1 and "cannot go to standard output; name a file" in done.stderr


def test_a_target_without_a_name_is_refused_in_one_line(checkpoint: Path, muggle_convert: Command) -> None:
    done = muggle_convert(checkpoint, "-o", "")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "name it model.safetensors" in done.stderr


def test_a_missing_file_is_refused_in_one_line(tmp_path: Path, muggle_convert: Command) -> None:
    done = muggle_convert(tmp_path / "nothing.pt", "-o", tmp_path / "out.safetensors")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "nothing.pt" in done.stderr


def test_assumptions_are_reported(tmp_path: Path, muggle_convert: Command) -> None:
    path = CASE.save(tmp_path, "latest.pth")
    target = tmp_path / "out.safetensors"
    for more in (["--dry-run"], ["-o", target]):
        shown = muggle_convert(path, "--family", "depth_anything_v2", *more).stdout
        assert "assumed: output.kind = relative inverse depth (nothing says that it is metric" in shown
    report = json.loads(muggle_convert(path, "--family", "depth_anything_v2", "-o", target, "--force", "--json").stdout)
    assert report["evidence"] == json.loads(muggle_convert("inspect", path, "--family", "depth_anything_v2", "--json").stdout)["evidence"]
    assert report["evidence"]["output.kind"][0] == "assumed"
