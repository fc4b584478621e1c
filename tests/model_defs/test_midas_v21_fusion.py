from __future__ import annotations

import torch
from torch import nn

from model_defs.config import FusionConfig
from model_defs.networks.midas_v21 import MidasV21Fusion
from model_defs.parts.fusion import DoublingFusion, Fusion, RectifiedResidualConvolution

CONFIG = FusionConfig((4, 4, 4, 4), "double")


def maps(width: int = 4) -> list[torch.Tensor]:
    return [torch.randn(1, width, 2**power, 2**power) for power in (5, 4, 3, 2)]


def test_what_a_residual_unit_adds_to_is_rectified() -> None:
    unit = RectifiedResidualConvolution(4, CONFIG)
    for layer in (unit.resconv_seq[1], unit.resconv_seq[3]):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    feature_map = torch.randn(1, 4, 5, 5)
    torch.testing.assert_close(unit(feature_map), feature_map.relu())


def test_the_path_is_doubled_at_every_block() -> None:
    with torch.inference_mode():
        assert MidasV21Fusion(CONFIG)(maps()).shape == (1, 4, 64, 64)


def test_there_is_no_last_projection() -> None:
    fusion, projecting = MidasV21Fusion(CONFIG).state_dict(), DoublingFusion(CONFIG).state_dict()
    assert set(projecting) - set(fusion) == {
        f"blocks.{number}.scale_proj_seq.2.{parameter}" for number in range(4) for parameter in ("weight", "bias")
    }


def test_in_a_fusion_that_grows_wider_each_block_projects_to_the_width_of_the_next_finer_one() -> None:
    fusion = Fusion(FusionConfig((2, 4, 8, 16), "to next"))
    wide = [torch.randn(1, width, side, side) for width, side in ((2, 32), (4, 16), (8, 8), (16, 4))]
    with torch.inference_mode():
        assert fusion(wide).shape == (1, 2, 64, 64)
