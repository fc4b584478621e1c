"""transformers' own way from a picture to depth, on an exported folder, against `predict`: what docs/round-trip.md tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import transformers
from PIL import Image

from model_defs.network import Network
from muggle_convert import export, load_any_dpt
from tests.conftest import ROOT

Depth = Callable[[Image.Image], np.ndarray]


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Depth]:
    """The toy model, which was trained at 140 pixels, here and in transformers."""
    folder = tmp_path_factory.mktemp("toy")
    model = load_any_dpt(ROOT / "fixtures" / "toy_depth_anything_v2_vit.pth", dtype="float32")
    model.save(folder / "toy.safetensors", sync=False)
    export(folder / "toy.safetensors", folder / "depth_anything_v2", "transformers", sync=False)
    pipeline = transformers.pipeline("depth-estimation", model=str(folder / "depth_anything_v2"))
    return model, lambda picture: np.asarray(pipeline(picture)["predicted_depth"])


def picture(width: int, height: int) -> Image.Image:
    with Image.open(Path(ROOT / "fixtures" / "images" / "photograph_like.jpg")) as image:
        return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).mean() / expected.std())


@pytest.mark.parametrize(("width", "height"), [(200, 150), (320, 240), (640, 480)])
def test_of_a_picture_as_large_as_in_training_or_larger_the_pipeline_predicts_nearly_the_same(
    ways: tuple[Network, Depth], width: int, height: int
) -> None:
    model, pipeline = ways
    assert difference(pipeline(picture(width, height)), model.predict(picture(width, height))) < 0.04


def test_a_smaller_picture_it_shows_to_the_network_smaller_still_unless_it_is_enlarged_first(ways: tuple[Network, Depth]) -> None:
    model, pipeline = ways
    small = picture(160, 120)
    expected = model.predict(small)
    assert difference(pipeline(small), expected) > 0.3
    enlarged = pipeline(small.resize((187, 140), Image.Resampling.BICUBIC))
    back = np.asarray(Image.fromarray(enlarged).resize(small.size, Image.Resampling.BILINEAR))
    assert difference(back, expected) < 0.04
