"""Folders of the transformers library, held against the library itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file

from muggle_convert import convert, export, inspect, load_any_dpt, verify
from muggle_convert.identify.read import ReadOptions, read
from tests.goldens import TOLERANCE
from tests.layouts.cases import CASES, Files, files
from tests.same import assert_same


@dataclass(frozen=True)
class Loaded:
    """A network, the folder it was exported to, and what transformers makes of that."""

    files: Files
    folder: Path
    model: Any
    info: dict[str, Any]

    def predict(self) -> torch.Tensor:
        with torch.inference_mode():
            outputs = self.model(self.files.picture)
        return outputs.logits if "logits" in outputs else outputs.predicted_depth


@pytest.fixture(scope="module", params=CASES, ids=str)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("network")
    made = files(CASES[request.param], folder)
    exported = folder / made.small.config.family  # whose name tells versions of Depth-Anything apart where four blocks cannot
    export(made.converted, exported, "transformers", sync=False)
    transformers.utils.logging.set_verbosity_error()
    kind = transformers.DPTForSemanticSegmentation if "segmentation" in request.param else transformers.AutoModelForDepthEstimation
    model, info = kind.from_pretrained(exported, output_loading_info=True)
    yield Loaded(made, exported, model.eval(), info)


def test_transformers_misses_nothing_and_finds_nothing_unexpected(loaded: Loaded) -> None:
    assert not any(loaded.info[keys] for keys in ("missing_keys", "unexpected_keys", "mismatched_keys"))


def test_transformers_predicts_the_same(loaded: Loaded) -> None:
    with torch.inference_mode():
        expected = loaded.files.network(loaded.files.picture)
    found = loaded.predict()
    assert found.shape == expected.shape
    assert float((found - expected).abs().max() / expected.std()) <= TOLERANCE


def test_the_folder_converts_to_the_same_tensors_and_the_same_configuration(loaded: Loaded, tmp_path: Path) -> None:
    _same_network(loaded, loaded.folder, tmp_path)


def test_a_folder_that_transformers_saved_does_too(loaded: Loaded, tmp_path: Path) -> None:
    loaded.model.save_pretrained(tmp_path / "saved")
    _same_network(loaded, tmp_path / "saved", tmp_path)


def test_a_folder_of_shards_does_too(loaded: Loaded, tmp_path: Path) -> None:
    loaded.model.save_pretrained(tmp_path / "saved", max_shard_size="100KB")
    assert len(list((tmp_path / "saved").glob("*.safetensors"))) > 2
    _same_network(loaded, tmp_path / "saved", tmp_path)


def test_weights_in_the_names_of_the_running_version_do_too(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    torch.save(loaded.model.state_dict(), tmp_path / "saved" / "pytorch_model.bin")
    loaded.model.config.save_pretrained(tmp_path / "saved")
    _same_network(loaded, tmp_path / "saved", tmp_path)


def test_half_precision_stays_what_it_is(loaded: Loaded, tmp_path: Path) -> None:
    convert(loaded.files.converted, tmp_path / "half.safetensors", dtype="float16", sync=False)
    export(tmp_path / "half.safetensors", tmp_path / "folder", "transformers", sync=False)
    convert(tmp_path / "folder", tmp_path / "again.safetensors", family=loaded.files.small.config.family, sync=False)
    assert_same(load_file(tmp_path / "again.safetensors"), load_file(tmp_path / "half.safetensors"))


def test_a_folder_is_loaded_without_being_converted(loaded: Loaded) -> None:
    with torch.inference_mode():
        expected, found = (model(loaded.files.picture) for model in (loaded.files.network, load_any_dpt(loaded.folder)))
    assert float((found - expected).abs().max() / expected.std()) <= TOLERANCE


def test_a_folder_leads_back_to_the_original(loaded: Loaded, tmp_path: Path) -> None:
    assert verify(loaded.folder, loaded.files.converted).holds
    export(loaded.folder, tmp_path / "back.pth", fill_unused=True, sync=False)
    back, original = torch.load(tmp_path / "back.pth", weights_only=True), torch.load(loaded.files.original, weights_only=True)
    back = back.get("model", back)  # under which some originals look
    assert_same({name: back[name] for name in original}, original)


def test_the_pipeline_takes_pictures_of_any_shape(loaded: Loaded) -> None:
    from PIL import Image

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (61, 97, 3), dtype=np.uint8))
    if loaded.files.small.config.head.kind == "segmentation":
        masks = transformers.pipeline("image-segmentation", model=str(loaded.folder))(picture)
        assert {mask["mask"].size for mask in masks} == {picture.size}
    else:
        if loaded.files.small.config.family == "zoedepth":
            pytest.importorskip("torchvision", reason="what transformers does with ZoeDepth's predictions is written with it")
        depth = transformers.pipeline("depth-estimation", model=str(loaded.folder))(picture)
        assert tuple(depth["predicted_depth"].shape) == (61, 97)


def _same_network(loaded: Loaded, folder: Path, scratch: Path) -> None:
    """Without a word on what no tensor tells: config.json says it."""
    family = loaded.files.small.config.family
    assert inspect(folder, family=family).match.layout.startswith("transformers")
    convert(folder, scratch / "again.safetensors", family=family, sync=False)
    assert_same(load_file(scratch / "again.safetensors"), load_file(loaded.files.converted))
    assert read(scratch / "again.safetensors").config == read(loaded.files.converted, ReadOptions()).config


def test_at_another_size_only_the_interpolation_of_positions_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The original adds a tenth of a patch before it works out the scale; transformers gives the size that it wants."""
    from transformers.models.dinov2.modeling_dinov2 import Dinov2Embeddings

    def interpolated(self: Any, embeddings: torch.Tensor, height: int, width: int) -> torch.Tensor:
        positions, side = self.position_embeddings, int((self.position_embeddings.shape[1] - 1) ** 0.5)
        grid = positions[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
        scale = ((height / 14 + 0.1) / side, (width / 14 + 0.1) / side)
        resized = torch.nn.functional.interpolate(grid, scale_factor=scale, mode="bicubic")
        return torch.cat([positions[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)

    made = files(CASES["depth_anything_v1"], tmp_path)
    export(made.converted, tmp_path / "folder", "transformers", sync=False)
    model = transformers.AutoModelForDepthEstimation.from_pretrained(tmp_path / "folder").eval()
    picture = torch.randn(1, 3, 56, 70, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        expected, before = made.network(picture), model(picture).predicted_depth
        monkeypatch.setattr(Dinov2Embeddings, "interpolate_pos_encoding", interpolated)
        after = model(picture).predicted_depth
    assert float((before - expected).abs().max() / expected.std()) > TOLERANCE
    assert float((after - expected).abs().max() / expected.std()) <= TOLERANCE
