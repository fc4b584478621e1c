"""What the config.json of a folder decides, and what it is not allowed to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from muggle_convert import Refusal, convert, export, inspect
from muggle_convert.families.shared.evidence import Evidence, Source
from tests.goldens import golden
from tests.layouts.cases import CASES, files


def folder_of(case: str, path: Path) -> Path:
    """A golden case, converted and exported."""
    source = golden(case).save(path)
    export(source, path / "folder", "transformers", **golden(case).told, sync=False)
    return path / "folder"


def edit(folder: Path, change: Callable[[dict[str, Any]], object], name: str = "config.json") -> Path:
    config = json.loads((folder / name).read_text())
    change(config)
    (folder / name).write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_stages_tell_the_versions_of_depth_anything_apart(version: str, tmp_path: Path) -> None:
    match = inspect(folder_of(f"depth_anything_v{version}", tmp_path)).match
    assert match.family.name == f"depth_anything_v{version}" and match.layout == "transformers"
    assert match.evidence["family"] == Evidence(Source.METADATA, "taps in config.json")


def test_stages_by_their_names_tell_them_apart_too(tmp_path: Path) -> None:
    folder = edit(folder_of("depth_anything_v1", tmp_path), lambda config: config["backbone_config"].pop("out_indices"))
    assert inspect(folder).match.family.name == "depth_anything_v1"


def test_without_stages_nothing_tells_them_apart_and_the_user_is_asked(tmp_path: Path) -> None:
    folder = folder_of("depth_anything_v2", tmp_path)
    (folder / "config.json").unlink()
    with pytest.raises(Refusal, match=r"--family depth_anything_v1 or --family depth_anything_v2"):
        inspect(folder)
    assert inspect(folder, family="depth_anything_v2").match.config.encoder.taps == (2, 5, 8, 11)


def test_other_taps_than_released_are_taken_from_there(tmp_path: Path) -> None:
    def retap(config: dict[str, Any]) -> None:
        config["backbone_config"] |= {"out_indices": [2, 4, 7, 12], "out_features": ["stage2", "stage4", "stage7", "stage12"]}

    match = inspect(edit(folder_of("depth_anything_v2", tmp_path), retap)).match
    assert match.family.name == "depth_anything_v2" and match.config.encoder.taps == (1, 3, 6, 11)
    assert match.evidence["encoder.taps"].source is Source.METADATA


def test_the_largest_depth_of_a_metric_model_is_taken_from_there(tmp_path: Path) -> None:
    folder = folder_of("depth_anything_v2_metric", tmp_path)
    assert json.loads((folder / "config.json").read_text())["depth_estimation_type"] == "metric"
    match = inspect(edit(folder, lambda config: config.update(max_depth=60))).match
    assert (match.config.output.kind, match.config.output.max_depth) == ("metric depth", 60.0)
    assert match.evidence["output.max_depth"].source is Source.METADATA


def test_the_largest_depth_that_every_relative_model_carries_means_nothing(tmp_path: Path) -> None:
    folder = folder_of("depth_anything_v2", tmp_path)
    assert json.loads((folder / "config.json").read_text())["max_depth"] == 1
    assert inspect(folder).match.config.output.kind == "relative inverse depth"


@pytest.mark.parametrize("change", [lambda config: None, lambda config: config.pop("depth_estimation_type")])
def test_relative_depth_is_known_from_there_whether_it_is_spelled_out_or_left_at_its_default(
    change: Callable[[dict[str, Any]], object], tmp_path: Path
) -> None:
    match = inspect(edit(folder_of("depth_anything_v2", tmp_path), change)).match
    assert match.evidence["output.kind"] == Evidence(Source.METADATA, "depth_estimation_type in config.json")
    assert Source.ASSUMED not in {one.source for one in match.evidence.values()}


@pytest.mark.parametrize("case", ["depth_anything_v1", "depth_anything_v2"])
def test_a_metric_model_without_its_largest_depth_asks_for_it(case: str, tmp_path: Path) -> None:
    def leave_open(config: dict[str, Any]) -> None:
        config |= {"depth_estimation_type": "metric", "max_depth": None}

    folder = edit(folder_of(case, tmp_path), leave_open)
    with pytest.raises(Refusal, match="up to which depth: pass --set max_depth=METRES"):
        inspect(folder)
    assert inspect(folder, overrides={"max_depth": 20}).match.config.output.max_depth == 20.0


def test_a_flag_outweighs_it(tmp_path: Path) -> None:
    match = inspect(folder_of("depth_anything_v2_metric", tmp_path), overrides={"max_depth": 7}).match
    assert match.config.output.max_depth == 7.0 and match.evidence["output.max_depth"].source is Source.FLAG


def test_pictures_are_normalised_as_the_folder_says(tmp_path: Path) -> None:
    def renormalise(config: dict[str, Any]) -> None:
        config |= {"image_mean": [0, 0, 0], "image_std": [1, 1, 1]}

    match = inspect(edit(folder_of("depth_anything_v2", tmp_path), renormalise, "preprocessor_config.json")).match
    assert match.config.image.mean == (0.0, 0.0, 0.0) and match.config.image.std == (1.0, 1.0, 1.0)
    assert match.evidence["image.mean"].source is Source.METADATA


@pytest.mark.parametrize("mean", [[0.5], "half", [0.5, 0.5, None], [float("nan")] * 3, None])
def test_a_normalisation_that_makes_no_sense_is_passed_over(mean: Any, tmp_path: Path) -> None:
    folder = edit(folder_of("depth_anything_v2", tmp_path), lambda config: config.update(image_mean=mean), "preprocessor_config.json")
    assert inspect(folder).match.config.image.mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize(
    ("key", "value", "said"), [("hidden_act", "relu", "relu"), ("apply_layernorm", False, "False"), ("head_in_index", 0, "0")]
)
def test_a_network_that_computes_something_else_is_refused(key: str, value: Any, said: str, tmp_path: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        (config if key == "head_in_index" else config["backbone_config"])[key] = value

    with pytest.raises(Refusal, match=f"has {key} {said}"):
        inspect(edit(folder_of("depth_anything_v2", tmp_path), change))


@pytest.mark.parametrize("taps", [["a"], [-1, -2], [[1]], {"0": 1}, 7, []])
def test_stages_that_make_no_sense_are_passed_over(taps: Any, tmp_path: Path) -> None:
    def spoil(config: dict[str, Any]) -> None:
        config["backbone_config"] |= {"out_indices": taps, "out_features": None}

    folder = edit(folder_of("depth_anything_v2", tmp_path), spoil)
    assert inspect(folder, family="depth_anything_v2").match.config.encoder.taps == (2, 5, 8, 11)


def test_the_windows_of_swin_are_taken_from_there(tmp_path: Path) -> None:
    made = files(CASES["dpt_swin2"], tmp_path)
    export(made.converted, tmp_path / "folder", "transformers", sync=False)
    match = inspect(tmp_path / "folder").match
    assert match.config == inspect(made.converted).match.config
    assert {match.evidence[path].source for path in ("encoder.window", "encoder.pretrained_windows", "encoder.grid")} == {Source.METADATA}


def test_query_key_and_value_need_each_other(tmp_path: Path) -> None:
    folder = folder_of("depth_anything_v2", tmp_path)
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["backbone.encoder.layer.3.attention.attention.key.bias"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(Refusal, match=r"lacks backbone\.encoder\.layer\.3\.attention\.attention\.key\.bias"):
        inspect(folder)


def test_unused_tensors_travel_between_layouts_under_the_names_of_the_original(tmp_path: Path) -> None:
    source = golden("depth_anything_v2").save(tmp_path)
    convert(source, tmp_path / "kept.safetensors", family="depth_anything_v2", keep_unused=True, sync=False)
    export(tmp_path / "kept.safetensors", tmp_path / "folder", "transformers", sync=False)
    convert(tmp_path / "folder", tmp_path / "again.safetensors", keep_unused=True, sync=False)
    assert (tmp_path / "again.safetensors").stat().st_size > 0
    back = export(tmp_path / "again.safetensors", tmp_path / "back.pth", sync=False)
    assert not back.restored.zeros
    loaded, original = torch.load(tmp_path / "back.pth", weights_only=True), golden("depth_anything_v2").state_dict()
    assert sorted(loaded) == sorted(original) and all(torch.equal(loaded[name], original[name]) for name in original)
