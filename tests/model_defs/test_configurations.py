from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model_defs.config import CroCoConfig, DINOv2ViewsConfig, EncoderConfig, VGGTConfig
from model_defs.plain_values import from_dict, to_dict
from muggle_convert.families import BY_NAME
from tests.configurations import SMALL
from tests.originals import match_file, save_original


def test_every_family_that_makes_one_map_of_one_image_has_a_small_configuration() -> None:
    assert {small.config.family for small in SMALL.values()} == set(BY_NAME) - {
        "dust3r",
        "mast3r",
        "depth_anything_3",
        "prompt_depth_anything",
        "vggt",
        "dinov2_depth",
    }


def test_every_kind_of_encoder_of_one_image_has_a_small_configuration() -> None:
    assert {type(small.config.encoder) for small in SMALL.values()} == set(EncoderConfig.kinds.values()) - {
        CroCoConfig,
        DINOv2ViewsConfig,
        VGGTConfig,
    }


@pytest.mark.parametrize("name", SMALL)
def test_a_configuration_survives_being_written_down(name: str) -> None:
    assert from_dict(to_dict(SMALL[name].config)) == SMALL[name].config


@pytest.mark.parametrize("name", SMALL)
def test_a_file_of_its_tensors_is_read_as_the_configuration(name: str, tmp_path: Path) -> None:
    small = SMALL[name]
    file = save_original(small.network(), BY_NAME[small.config.family].layouts[small.layout], tmp_path / "model.pth")
    assert match_file(file, small.config.family, **small.told).config == small.config


@pytest.mark.parametrize("name", SMALL)
def test_small_predictions_vary_enough_to_tell_networks_apart(name: str) -> None:
    with torch.inference_mode():
        prediction = SMALL[name].network()(SMALL[name].images())
    assert 0.5 < prediction.std() < 2.0
    assert 3.0 < prediction.mean() < 5.0
