"""Folders and indexes: which files belong to one model, and that they hold what was promised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.errors import Refusal


def write_shards(folder: Path, state_dict: dict[str, torch.Tensor], extension: str = "safetensors") -> Path:
    places = {}
    for number, (name, tensor) in enumerate(state_dict.items()):
        shard = f"model-{number}.{extension}"
        if extension == "safetensors":
            safetensors.torch.save_file({name: tensor}, folder / shard)
        else:
            torch.save({name: tensor}, folder / shard)
        places[name] = shard
    index = folder / ("model.safetensors.index.json" if extension == "safetensors" else "pytorch_model.bin.index.json")
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return index


@pytest.mark.parametrize("extension", ["safetensors", "bin"])
def test_shards_are_one_checkpoint_whether_the_folder_or_the_index_is_given(tmp_path, state_dict, holds, extension) -> None:
    index = write_shards(tmp_path, state_dict, extension)
    for path in (tmp_path, index):
        checkpoint = holds(path, state_dict)
        assert checkpoint.container == "sharded folder"
        assert len(checkpoint.files) == len(state_dict)


def test_a_folder_stands_for_its_usual_file(tmp_path, state_dict, holds) -> None:
    torch.save({"other": torch.ones(1)}, tmp_path / "optimizer.pt")
    torch.save(state_dict, tmp_path / "pytorch_model.bin")
    holds(tmp_path, state_dict)
    better = {"name": torch.ones(3)}
    safetensors.torch.save_file(better, tmp_path / "model.safetensors")
    holds(tmp_path, better)


def test_a_folder_stands_for_the_only_checkpoint_in_it(tmp_path, state_dict, holds) -> None:
    (tmp_path / "README.md").write_text("# A model")
    torch.save(state_dict, tmp_path / "latest")
    holds(tmp_path, state_dict)
    torch.save(state_dict, tmp_path / "other.pth")
    with pytest.raises(Refusal, match=r"holds 2 checkpoints, such as latest and other.pth; give the path of one file"):
        open_checkpoint(tmp_path)


def test_config_json_is_read_beside_a_file_and_in_a_folder(tmp_path, state_dict) -> None:
    torch.save(state_dict, tmp_path / "model.pth")
    (tmp_path / "config.json").write_text('{"max_depth": 20}')
    assert open_checkpoint(tmp_path).sidecar == {"max_depth": 20}
    assert open_checkpoint(tmp_path / "model.pth").sidecar == {"max_depth": 20}


@pytest.mark.parametrize("broken", ["", "[1]", "{", '{"a": 1, "a": 2}', "[" * 100_000, '{"a": ' + "1" * 5000 + "}"])
def test_a_broken_config_json_is_a_warning(tmp_path, state_dict, broken) -> None:
    torch.save(state_dict, tmp_path / "model.pth")
    (tmp_path / "config.json").write_text(broken)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.sidecar == {}
    assert "ignored a broken config.json" in checkpoint.warnings[0]


def test_links_into_the_blobs_of_the_hugging_face_cache_are_followed(tmp_path, state_dict, holds) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "0123abcd"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    write_shards(blobs, state_dict)
    for file in list(blobs.iterdir()):
        (snapshot / file.name).symlink_to(Path("..") / ".." / "blobs" / file.name)
    holds(snapshot, state_dict)
