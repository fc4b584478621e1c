from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from muggle_convert import Refusal, convert, export, load_any_dpt
from muggle_convert.exporting.shards import size_in_bytes
from tests.goldens import TOLERANCE, golden
from tests.same import assert_same

CASE = golden("depth_anything_v2")


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return CASE.save(tmp_path, "depth_anything_v2_vits.pth")


@pytest.mark.parametrize(("text", "size"), [("5GB", 5 * 10**9), ("500 mb", 500 * 10**6), ("1KiB", 1024), ("2GiB", 2 << 30)])
def test_sizes_are_counted_as_the_hub_does(text: str, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "5", "GB", "-1GB", "0MB", "5 parsecs"])
def test_an_invalid_size_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="write one such as 5GB"):
        size_in_bytes(text)


def test_no_shard_is_larger_than_asked_and_together_they_are_everything(original: Path, tmp_path: Path) -> None:
    exported = export(original, tmp_path / "model.safetensors", max_shard_size=1_000_000, sync=False)
    index, *shards = exported.files
    assert index.name == "model.safetensors.index.json" and len(shards) > 2
    assert shards[0].name == f"model-00001-of-{len(shards):05}.safetensors"
    tensors = {name: tensor for shard in shards for name, tensor in load_file(shard).items()}
    assert_same(tensors, CASE.state_dict())
    assert all(sum(tensor.nbytes for tensor in load_file(shard).values()) <= 1_000_000 for shard in shards)
    table = json.loads(index.read_text())
    assert table["metadata"]["total_size"] == sum(tensor.nbytes for tensor in tensors.values())
    assert {name: (tmp_path / place).name for name, place in table["weight_map"].items()} == table["weight_map"]


def test_shards_convert_like_one_file(original: Path, tmp_path: Path) -> None:
    (tmp_path / "depth_anything_v2").mkdir()
    export(original, tmp_path / "depth_anything_v2" / "model.safetensors", max_shard_size=1_000_000, sync=False)
    convert(tmp_path / "depth_anything_v2", tmp_path / "from_shards.safetensors", sync=False)
    convert(original, tmp_path / "from_one.safetensors", sync=False)
    assert_same(load_file(tmp_path / "from_shards.safetensors"), load_file(tmp_path / "from_one.safetensors"))
    assert CASE.error(load_any_dpt(tmp_path / "depth_anything_v2")) <= TOLERANCE


def test_what_fits_is_one_file_without_an_index(original: Path, tmp_path: Path) -> None:
    exported = export(original, tmp_path / "model.safetensors", max_shard_size=1 << 30, sync=False)
    assert [path.name for path in exported.files] == ["model.safetensors"]


def test_a_tensor_larger_than_a_shard_has_one_to_itself(original: Path, tmp_path: Path) -> None:
    _, *shards = export(original, tmp_path / "model.safetensors", max_shard_size=1, sync=False).files
    assert len(shards) == len(CASE.state_dict())


def test_a_torch_file_is_never_split(original: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="a torch file is one file"):
        export(original, tmp_path / "model.pth", max_shard_size=1_000_000)
