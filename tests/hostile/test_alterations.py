"""A converted file whose description somebody changed is not what was converted, and `verify` says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from muggle_convert import convert, verify
from tests.conftest import Command
from tests.goldens import golden
from tests.hostile.lies import Described, replaced

METRIC = golden("depth_anything_v2_metric")
OF_A_FLAG = {"max_depth": 20}


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return METRIC.save(tmp_path, "depth_anything_v2_metric.pth")


@pytest.fixture
def converted(original: Path) -> Path:
    target = original.with_name("converted.safetensors")
    convert(original, target, sync=False, sha256=True, licence="mit", family="depth_anything_v2", overrides=OF_A_FLAG)
    return target


def altered(file: Path, path: tuple[Any, ...], lie: Any) -> Path:
    described = Described(file)
    file.write_bytes(described.with_document(replaced(described.document, path, lie)))
    return file


ALTERED: dict[str, tuple[tuple[Any, ...], Any]] = {
    "encoder.heads": (("config", "encoder", "heads"), 2),
    "encoder.taps": (("config", "encoder", "taps"), [0, 1, 2, 3]),
    "image.mean": (("config", "image", "mean"), [0.5, 0.5, 0.5]),
    "image.size": (("config", "image", "size"), 140),
    "output.max_depth": (("config", "output", "max_depth"), 80.0),
    "fingerprint": (("source", "fingerprint"), "0" * 64),
    "sha256": (("source", "sha256"), "0" * 64),
    "size": (("source", "size"), 3),
    "layout": (("layout",), "transformers"),
}


@pytest.mark.parametrize("what", ALTERED)
def test_what_the_original_contradicts_is_listed_and_fails(original: Path, converted: Path, what: str) -> None:
    verification = verify(original, altered(converted, *ALTERED[what]), predict=what == "encoder.heads")
    assert not verification.holds
    assert [remark.what.endswith((what, f"the {what} of the source")) for remark in verification.different] == [True]


def test_a_size_that_is_not_that_of_the_file_that_is_named_fails_where_no_hash_was_kept(original: Path) -> None:
    target = original.with_name("without.safetensors")
    convert(original, target, sync=False, family="depth_anything_v2", overrides=OF_A_FLAG)
    verification = verify(original, altered(target, ("source", "size"), 3))
    assert [remark.what for remark in verification.different] == ["the size of the source"]


def test_a_file_that_says_that_it_is_of_another_family_fails(original: Path, converted: Path) -> None:
    described = Described(converted)
    config = {**described.document["config"], "family": "depth_anything_v1"}
    converted.write_bytes(described.with_document({**described.document, "family": config["family"], "config": config}))
    assert not verify(original, converted).holds


@pytest.mark.parametrize(
    ("path", "lie", "listed"),
    [
        (("source", "file"), "another.pth", "the name of the source is another.pth"),
        (("licence",), "apache-2.0", "the licence is apache-2.0: told by whoever converted it"),
        (("evidence", "output.max_depth"), ["flag", "max_depth=20"], "output.max_depth is 20.0: told by a flag: max_depth=20"),
    ],
    ids=["name", "licence", "flag"],
)  # fmt: skip
def test_what_only_a_word_told_is_listed(
    muggle_convert_here: Command, original: Path, converted: Path, path: tuple[Any, ...], lie: Any, listed: str
) -> None:
    done = muggle_convert_here("verify", original, altered(converted, path, lie))
    assert done.returncode == 0, done.stdout
    assert f"no tensor tells: {listed}" in done.stdout
    assert "what no tensor tells is listed above" in done.stdout


def test_a_value_that_hides_behind_a_flag_is_listed_as_told_by_one(muggle_convert_here: Command, original: Path, converted: Path) -> None:
    altered(converted, ("config", "encoder", "heads"), 2)
    altered(converted, ("evidence", "encoder.heads"), ["flag", "heads=2"])
    done = muggle_convert_here("verify", original, converted)
    assert "no tensor tells: encoder.heads is 2: told by a flag: heads=2" in done.stdout
