"""Row 9: indexes that lead elsewhere or promise what is not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.hostile import forge

INDEX = "model.safetensors.index.json"


@pytest.fixture
def shards(hostile) -> dict[str, str]:
    """The tiny model in two shards; what is returned is the weight map, and nothing is wrong yet."""
    names = list(hostile.arrays)
    places = {name: "first.safetensors" if name < "pretrained.blocks.1" else "second.safetensors" for name in names}
    for shard in ("first.safetensors", "second.safetensors"):
        save_file({name: hostile.arrays[name] for name in names if places[name] == shard}, hostile.folder / shard)
    return places


def index(hostile, content: object) -> Path:
    path = hostile.folder / INDEX
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_shards_in_order_convert(hostile, shards) -> None:
    hostile.source = index(hostile, {"weight_map": shards})
    assert hostile.convert().status == 0


@pytest.mark.parametrize(
    "shard",
    [
        "../outside.safetensors",
        "/etc/passwd",
        "sub/../first.safetensors",
        "..",
        ".",
        "",
        "first.safetensors\0",
        "C:first",
        "a\\b",
        "\x1b[31m/x",
    ],
)
def test_a_shard_that_is_not_a_plain_name_is_refused(hostile, shards, shard) -> None:
    save_file({"x": np.zeros(1)}, hostile.folder.parent / "outside.safetensors")
    shards["pretrained.cls_token"] = shard
    message = hostile.refused(source=index(hostile, {"weight_map": shards}))
    assert "not the plain name of a file" in message
    assert "\x1b" not in message


def test_a_link_out_of_the_folder_is_refused(hostile, shards) -> None:
    outside = hostile.folder.parent / "outside.safetensors"
    os.replace(hostile.folder / "first.safetensors", outside)  # noqa: PTH105
    (hostile.folder / "first.safetensors").symlink_to(outside)
    assert "a link that leads out of its folder" in hostile.refused(source=index(hostile, {"weight_map": shards}))


def test_a_link_to_itself_is_refused(hostile, shards) -> None:
    (hostile.folder / "first.safetensors").unlink()
    (hostile.folder / "first.safetensors").symlink_to("first.safetensors")
    hostile.refused(source=index(hostile, {"weight_map": shards}))


def test_a_link_within_the_folder_is_followed(hostile, shards) -> None:
    (hostile.folder / "first.safetensors").rename(hostile.folder / "blob")
    (hostile.folder / "first.safetensors").symlink_to("blob")
    hostile.source = index(hostile, {"weight_map": shards})
    assert hostile.convert().status == 0


def test_a_missing_shard_is_refused(hostile, shards) -> None:
    (hostile.folder / "second.safetensors").unlink()
    assert "second.safetensors" in hostile.refused(source=index(hostile, {"weight_map": shards}))


def test_a_shard_without_the_promised_tensor_is_refused(hostile, shards) -> None:
    shards["pretrained.more"] = "first.safetensors"
    assert "does not hold the tensor pretrained.more" in hostile.refused(source=index(hostile, {"weight_map": shards}))


def test_a_tensor_that_no_index_places_is_refused(hostile, shards) -> None:
    del shards["pretrained.norm.bias"]
    assert "pretrained.norm.bias" in hostile.refused(source=index(hostile, {"weight_map": shards}))


def test_a_tensor_in_two_shards_is_refused(hostile, shards) -> None:
    content = json.dumps({"weight_map": shards})
    twice = content.replace('"pretrained.cls_token"', '"pretrained.cls_token": "first.safetensors", "pretrained.cls_token"', 1)
    assert "two entries named pretrained.cls_token" in hostile.refused(source=index(hostile, twice))
    (hostile.folder / INDEX).unlink()
    names = [name for name, shard in shards.items() if shard == "first.safetensors"] + ["pretrained.norm.bias"]
    save_file({name: hostile.arrays[name] for name in names}, hostile.folder / "first.safetensors")
    assert "pretrained.norm.bias" in hostile.refused(source=index(hostile, {"weight_map": shards}))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"weight_map": []}',
        '{"weight_map": {}}',
        '{"weight_map": {"a": 1}}',
        '{"weight_map": {"a": ["b"]}}',
        "{",
        "[" * 100_000,
    ],
    ids=range(9),
)
def test_a_broken_index_is_refused(hostile, content) -> None:
    hostile.refused(source=index(hostile, content))


def test_an_index_as_its_own_shard_is_refused(hostile) -> None:
    hostile.refused(source=index(hostile, {"weight_map": {"a": INDEX}}))


def test_an_index_over_its_limit_is_refused(hostile) -> None:
    assert "that an index is allowed" in hostile.refused(source=index(hostile, " " * (5 << 20)))


def test_thousands_of_shards_are_refused_at_the_first_that_is_missing(hostile) -> None:
    hostile.refused(source=index(hostile, {"weight_map": {str(name): f"{name}.safetensors" for name in range(30_000)}}))


def test_a_shard_with_more_than_tensors_is_refused(hostile, shards) -> None:
    value = forge.mapping({"x": forge.tensor(forge.storage("0", 1), [1]), "args": forge.mapping({})})
    (hostile.folder / "first.safetensors").write_bytes(forge.torch_zip(value, {"data/0": bytes(4)}))
    assert "must hold tensors only" in hostile.refused(source=index(hostile, {"weight_map": {"x": "first.safetensors"}}))
