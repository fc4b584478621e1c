"""What transformers cannot hold is refused in a sentence, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from muggle_convert import Refusal, export
from tests.conftest import Command
from tests.goldens import golden


def exported(case: str, path: Path, **more: object) -> Path:
    export(golden(case).save(path), path / "folder", "transformers", **golden(case).told, sync=False, **more)  # type: ignore[arg-type]
    return path / "folder"


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("midas_v21_g8", r"has no model for midas_v21; it has depth_anything_v1, .*Export with --to original"),
        ("levit", "has no model for dpt_levit"),
        ("hybrid_kitti", "no inversion to metres"),
        ("hybrid_3_channels", "one channel of depth, not 3"),
        ("vit_w128_odd", "32 channels before the last of its head"),
        ("vit_negative", "a rectifier at its end"),
    ],
)
def test_a_network_that_transformers_does_not_have_is_refused(case: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=reason):
        exported(case, tmp_path)
    assert not (tmp_path / "folder").exists()


def test_a_tensor_without_a_place_is_named(tmp_path: Path) -> None:
    import torch

    state = golden("depth_anything_v2").state_dict()
    width = state["pretrained.norm.weight"].shape[0]
    for number in range(4):
        state |= {f"depth_head.readout_projects.{number}.0.weight": torch.ones(width, 2 * width)}
        state |= {f"depth_head.readout_projects.{number}.0.bias": torch.ones(width)}
    torch.save(state, tmp_path / "depth_anything_v2_vits.pth")
    with pytest.raises(Refusal, match=r"reassemble\.spatial_upx4\.readout_proj\.weight, for which the transformers layout .* has no place"):
        export(tmp_path / "depth_anything_v2_vits.pth", tmp_path / "folder", "transformers")


def test_another_checkpoint_in_the_folder_would_be_confusing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "pytorch_model.bin").write_bytes(b"old")
    with pytest.raises(Refusal, match=r"holds pytorch_model\.bin.*give a new folder"):
        exported("depth_anything_v2", tmp_path)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["pytorch_model.bin"]


def test_a_folder_is_written_to_again_only_with_force(tmp_path: Path) -> None:
    folder = exported("depth_anything_v2", tmp_path)
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(Refusal, match="exists already"):
        exported("depth_anything_v2", tmp_path)
    exported("depth_anything_v2", tmp_path, force=True)
    assert (folder / "model.safetensors").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "preprocessor_config.json"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").write_bytes(b"")
    with pytest.raises(Refusal, match="exists already"):
        exported("depth_anything_v2", tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pth"])
def test_a_folder_named_like_a_file_is_not_what_anybody_means(tmp_path: Path, name: str) -> None:
    source = golden("depth_anything_v2").save(tmp_path, "depth_anything_v2_vits.pth")
    with pytest.raises(Refusal, match=r"is named like a file; name a folder, such as model"):
        export(source, tmp_path / name, "transformers")
    assert not (tmp_path / name).exists()


def test_the_command_says_what_it_filled_with_zeros(tmp_path: Path, muggle_convert: Command) -> None:
    source = golden("depth_anything_v2").save(tmp_path, "depth_anything_v2_vits.pth")
    assert muggle_convert(source, "-o", tmp_path / "c.safetensors").returncode == 0
    done = muggle_convert("export", tmp_path / "c.safetensors", "--to", "transformers", "-o", tmp_path / "folder")
    assert done.returncode == 0, done.stderr
    assert "filled with zeros" in done.stdout and "config.json" in done.stdout
    refused = muggle_convert("export", tmp_path / "c.safetensors", "--to", "transformers", "-o", tmp_path / "folder")
    assert refused.returncode == 1 and refused.stdout == "" and "exists already" in refused.stderr
