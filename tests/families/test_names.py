"""What a file is called is looked up in one place, wherever a family asks: its name on the Hub, or under which it was published."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from muggle_convert import inspect
from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.families import FAMILIES
from muggle_convert.families.shared.evidence import Source
from muggle_convert.families.shared.midas import RELATIVE_FILE
from muggle_convert.identify.match import Match, match
from tests.configurations import SMALL
from tests.families.swin_files import save
from tests.goldens import golden


def match_known_as(name: str, case: str, folder: Path, **overrides: object) -> Match:
    """The case as it lies in the Hub's cache."""
    file = golden(case).save(folder, "model.bin")
    return match(replace(open_checkpoint(file), known_as=name), overrides=overrides)


def test_a_metric_hybrid_from_the_hub_is_metric_at_its_own_size(tmp_path: Path) -> None:
    matched = match_known_as("somebody/dpt_hybrid_kitti/model.safetensors", "hybrid", tmp_path)
    assert matched.config.output.kind == "metric depth"
    assert (matched.config.image.size, matched.config.image.size_across) == (352, 1216)
    assert str(matched.evidence["image.size"]) == "file name: somebody/dpt_hybrid_kitti/model.safetensors"


def test_omnidata_from_the_hub_predicts_depth(tmp_path: Path) -> None:
    matched = match_known_as("somebody/omnidata-dpt-depth/model.safetensors", "hybrid", tmp_path)
    assert matched.config.output.kind == "relative depth"


def test_normals_of_omnidata_from_the_hub_take_pictures_as_they_are(tmp_path: Path) -> None:
    matched = match_known_as("somebody/omnidata-dpt-normal/model.safetensors", "hybrid_3_channels", tmp_path)
    assert matched.config.image.mean == (0.0, 0.0, 0.0)


def test_the_windows_of_swin2_are_told_on_the_hub_too(tmp_path: Path) -> None:
    file = save(SMALL["dpt_swin2"].config, tmp_path / "model.bin")
    matched = match(replace(open_checkpoint(file), known_as="somebody/dpt-swinv2-base-384/model.bin"))
    assert (matched.config.encoder.window, matched.config.image.size) == (24, 384)  # type: ignore[union-attr]
    assert matched.evidence["encoder.window"].source is matched.evidence["image.size"].source is Source.FILE_NAME


def test_the_size_of_swin_is_told_on_the_hub_too(tmp_path: Path) -> None:
    matched = match_known_as("somebody/dpt-swin-large-768/model.bin", "swin_no_buffers", tmp_path)
    assert (matched.config.image.size, matched.evidence["image.size"].source) == (768, Source.FILE_NAME)


def test_a_relative_model_from_the_hub_is_known_to_be_one(tmp_path: Path) -> None:
    matched = match_known_as("depth-anything/Depth-Anything-V2-Small/depth_anything_v2_vits.pth", "depth_anything_v2", tmp_path)
    assert matched.evidence["output.kind"].source is Source.FILE_NAME


@pytest.mark.parametrize("name", ["dpt_hybrid-midas-501f0c75.pt", "dpt_hybrid_384.pt", "Intel/dpt-hybrid-midas/model.safetensors"])
def test_a_relative_hybrid_is_known_to_be_one(name: str, tmp_path: Path) -> None:
    assert match_known_as(name, "hybrid", tmp_path).evidence["output.kind"].source is Source.FILE_NAME


@pytest.mark.parametrize("name", ["midas_v21_small-70d6b9c8.pt", "midas_v21_small_256.pt"])
def test_a_relative_model_of_midas_is_known_to_be_one(name: str, tmp_path: Path) -> None:
    assert match_known_as(name, "midas_v21_small_deep", tmp_path).evidence["output.kind"].source is Source.FILE_NAME


def test_every_published_model_of_midas_and_dpt_is_known_to_be_relative_or_not() -> None:
    of_midas = [family for family in FAMILIES if family.name.startswith(("dpt_", "midas_"))]
    for known in (one for family in of_midas for one in family.published):
        assert (RELATIVE_FILE.search(f"{known.name}.pt") is not None) == (known.predicts == "relative inverse depth"), known.name


@pytest.mark.parametrize("name", ["my_dpt_hybrid_384.pt", "dpt_hybrid_fine_tuned.pt", "Intel/dpt-large-ade/model.safetensors"])
def test_what_only_begins_with_a_published_name_is_assumed_to_be_relative(name: str, tmp_path: Path) -> None:
    assert match_known_as(name, "hybrid", tmp_path).evidence["output.kind"].source is Source.ASSUMED


def test_a_published_hybrid_is_known_under_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latest = golden("hybrid").save(tmp_path, "latest.pt")
    row = {"family": "dpt_hybrid", "licence": "mit", "predicts": "metres", "million_parameters": 1, "url": "https://example.org/x.pt"}
    published = {"name": "dpt_hybrid_nyu", "fingerprint": inspect(latest).source["fingerprint"], **row}
    (tmp_path / "zoo.json").write_text(json.dumps([published]))
    monkeypatch.setenv("MUGGLE_CONVERT_ZOO", str(tmp_path / "zoo.json"))
    matched = inspect(latest).match
    assert (matched.config.image.size, matched.config.image.size_across) == (480, 640)
    assert matched.evidence["image.size"].source is matched.evidence["output.scale"].source is Source.KNOWN_FILE
