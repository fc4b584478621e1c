"""What a network is fed, held against what the original transforms computed for the same pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from model_defs.config import ImageConfig
from muggle_convert import Refusal
from muggle_convert.predict import resizing
from muggle_convert.predict.resizing import in_taps, mixed, resized
from muggle_convert.predict.sizes import Size, input_size
from muggle_convert.predict.tensors import prepare
from tests.goldens import GOLDENS, uint8_picture

CASES = GOLDENS.parent / "preprocess"
FITS: dict[str, Any] = {"lower_bound": "at least", "upper_bound": "at most", "minimal": "closest"}
MIDAS = ImageConfig(channels=3, size=384, keep_aspect=True, fit="closest", multiple=32, mean=(0.5,) * 3, std=(0.5,) * 3)
ANYTHING = replace(MIDAS, size=518, fit="at least", multiple=14)
KITTI = replace(MIDAS, size=352, size_across=1216)


def cases() -> list[dict[str, Any]]:
    return list(json.loads((CASES / "preprocess.json").read_text()))


@pytest.fixture(params=["OpenCV", "products of matrices"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "OpenCV":
        pytest.importorskip("cv2")
    else:
        monkeypatch.setattr(resizing, "_opencv", lambda: None)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["case"])
def test_a_picture_becomes_what_the_original_transforms_make_of_it(case: dict[str, Any]) -> None:
    height, width, channels = case["image_shape"]
    fit = FITS[case["method"]]
    config = ImageConfig(channels, case["net"], case["keep"], fit, case["mult"], tuple(case["mean"]), tuple(case["std"]))

    tensor = prepare(uint8_picture(height, width, case["image_seed"]), config)

    assert list(tensor.shape) == case["tensor_shape"]
    expected = np.load(CASES / "preprocess.npz")[case["case"]]
    kept = tensor.numpy()[:, :: case["stride"], :: case["stride"]]
    assert np.abs(kept - expected).max() < 2e-7 * (expected.max() - expected.min())


@pytest.mark.parametrize("way", [mixed, in_taps], ids=["products of matrices", "taps, as on a card"])
@pytest.mark.parametrize("size", [(518, 924), (70, 98), (1400, 1400)])
def test_every_way_to_resize_gives_the_same(way: Callable[[torch.Tensor, Size], torch.Tensor], size: Size) -> None:
    pytest.importorskip("cv2")
    picture = uint8_picture(540, 960, 7)
    ours = way(torch.from_numpy(picture), size).permute(1, 2, 0).numpy()
    assert np.abs(ours - resized(picture, size)).max() < 2e-7 * 255


@pytest.mark.parametrize(
    ("config", "picture", "expected"),
    [
        (MIDAS, (480, 640), (384, 512)),
        (MIDAS, (100, 400), (96, 384)),  # the width changes least
        (replace(MIDAS, fit="at most"), (480, 640), (288, 384)),
        (replace(MIDAS, keep_aspect=False), (480, 640), (384, 384)),
        (ANYTHING, (480, 640), (518, 686)),
        (ANYTHING, (1080, 1920), (518, 924)),
        (replace(ANYTHING, fit="at least, up"), (480, 640), (518, 700)),  # 690 pixels take 50 patches
        (replace(ANYTHING, fit="at least, up"), (518, 532), (518, 532)),
        (KITTI, (375, 1242), (352, 1216)),
        (KITTI, (352, 1216), (352, 1216)),
    ],
)
def test_the_size_follows_the_rule_of_training(config: ImageConfig, picture: tuple[int, int], expected: tuple[int, int]) -> None:
    assert input_size(config, picture) == expected


def test_halves_round_to_even_multiples_as_in_training() -> None:
    whole = replace(MIDAS, size=32, keep_aspect=False)
    assert input_size(replace(whole, size=48), (100, 100)) == (64, 64)
    assert input_size(replace(whole, size=80), (100, 100)) == (64, 64)


@pytest.mark.parametrize("fit", ["closest", "at most"])
def test_a_sliver_of_a_picture_keeps_at_least_one_step_of_each_side(fit: Any) -> None:
    rows, columns = input_size(replace(MIDAS, fit=fit), (1, 3000))
    assert (rows, columns) == (32, 384)


def test_a_picture_of_one_pixel_is_enlarged() -> None:
    tensor = prepare(np.full((1, 1, 3), 255, np.uint8), ANYTHING)
    assert tensor.shape == (3, 518, 518)
    assert bool(torch.isclose(tensor, torch.ones(())).all())


def test_a_sliver_that_would_become_enormous_is_refused() -> None:
    with pytest.raises(Refusal, match=r"2000 x 1 pixels would be fed to the network as 1036000 x 518.*pass a smaller size"):
        input_size(ANYTHING, (1, 2000))


def test_another_size_is_worked_towards_with_the_same_rule() -> None:
    assert input_size(ANYTHING, (480, 640), size=140) == (140, 182)
    assert input_size(KITTI, (352, 1216), size=176) == (192, 608)


@pytest.mark.parametrize("size", [0, -14, 2.5, "518", True])
def test_a_size_that_is_not_a_number_of_pixels_is_refused(size: Any) -> None:
    with pytest.raises(Refusal, match="a whole number of pixels is needed, such as 518"):
        input_size(ANYTHING, (480, 640), size)


def test_a_network_for_other_channels_takes_tensors_only() -> None:
    with pytest.raises(Refusal, match="takes 4 channels and a picture has 3"):
        prepare(np.zeros((8, 8, 3), np.uint8), replace(MIDAS, channels=4))
