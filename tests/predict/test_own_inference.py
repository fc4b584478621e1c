"""What originals do around their networks besides resizing: a margin of reflection, and a second pass over the mirror image."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from model_defs.network import Network
from muggle_convert.predict.resizing import resized
from muggle_convert.predict.sizes import margins
from tests.goldens import uint8_picture

PICTURE = uint8_picture(50, 81, 1)


def with_image(model: Network, **changes: Any) -> Network:
    other = copy.deepcopy(model)
    other.config = replace(model.config, image=replace(model.config.image, **changes))
    return other


def test_the_mirror_image_counts_as_much_as_the_picture(model: Network) -> None:
    mirrored = with_image(model, mirrored=True)
    turned = model.predict(np.ascontiguousarray(PICTURE[:, ::-1]))[:, ::-1]
    assert np.allclose(mirrored.predict(PICTURE), (model.predict(PICTURE) + turned) / 2, atol=1e-4)


def test_without_the_second_pass_the_network_runs_once(model: Network) -> None:
    mirrored, passes = with_image(model, mirrored=True), []
    mirrored.register_forward_pre_hook(lambda _, inputs: passes.append(inputs))
    assert np.array_equal(mirrored.predict(PICTURE, mirror=False), model.predict(PICTURE))
    assert len(passes) == 1


def test_a_margin_of_reflection_is_seen_and_cut_off_again(model: Network) -> None:
    assert margins(replace(model.config.image, reflected=3.0), (50, 81)) == (15, 19)
    around = np.pad(PICTURE, ((15, 15), (19, 19), (0, 0)), "reflect")
    assert np.array_equal(with_image(model, reflected=3.0).predict(PICTURE), model.predict(around)[15:-15, 19:-19])


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2)])
def test_a_margin_wider_than_the_picture_reflects_it_repeatedly(model: Network, size: tuple[int, int]) -> None:
    assert with_image(model, reflected=3.0, mirrored=True).predict(uint8_picture(*size, 3)).shape == size


def test_a_network_that_judges_a_batch_as_a_whole_is_given_every_picture_alone(model: Network) -> None:
    other, batches = copy.deepcopy(model), []
    other.sees_each_alone = False
    other.register_forward_pre_hook(lambda _, inputs: batches.append(len(inputs[0])))
    assert len(other.predict([PICTURE, PICTURE, PICTURE])) == 3
    assert batches == [1, 1, 1]


@pytest.mark.parametrize("size", [(64, 96), (20, 30), (1, 1), (50, 81)])
def test_aligned_resizing_is_that_of_torch(size: tuple[int, int]) -> None:
    samples = torch.from_numpy(PICTURE).permute(2, 0, 1)[None].double()
    expected = torch.nn.functional.interpolate(samples, size=size, mode="bilinear", align_corners=True)[0].permute(1, 2, 0)
    assert np.allclose(resized(PICTURE, size, "bilinear aligned"), expected, atol=1e-3)
