"""What a network is fed, held against what the original transforms computed for the same pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.goldens import GOLDENS, picture

from model_defs.config import ImageConfig
from muggle_convert import Refusal
from muggle_convert.images.sizes import input_size
from muggle_convert.images.tensors import prepare

CASES = GOLDENS.parent / "preprocess"
FITS = {"lower_bound": "at least", "upper_bound": "at most", "minimal": "closest"}
MIDAS = ImageConfig(channels=3, size=384, keep_aspect=True, fit="closest", multiple=32, mean=(0.5,) * 3, std=(0.5,) * 3)


def cases() -> list[dict[str, Any]]:
    return list(json.loads((CASES / "preprocess.json").read_text()))


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["case"])
def test_a_picture_becomes_what_the_original_transforms_make_of_it(case: dict[str, Any]) -> None:
    height, width, channels = case["image_shape"]
    waves = picture((1, channels, height, width), case["image_seed"])[0].transpose(1, 2, 0)
    pixels = np.clip(127.5 + 60 * waves, 0, 255).astype(np.uint8)
    fit: Any = FITS[case["method"]]
    config = ImageConfig(channels, case["net"], case["keep"], fit, case["mult"], tuple(case["mean"]), tuple(case["std"]))

    tensor = prepare(pixels, config)

    assert list(tensor.shape) == case["tensor_shape"]
    expected = np.load(CASES / "preprocess.npz")[case["case"]]
    value_range = expected.max() - expected.min()
    assert np.abs(tensor.numpy()[:, :: case["stride"], :: case["stride"]] - expected).max() < 1e-3 * value_range
