from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from muggle_convert import load_any_dpt
from tests.goldens import golden


@pytest.fixture(params=["vit", "vit_seg_19", "hybrid", "hybrid_kitti", "beit"])
def network(request: pytest.FixtureRequest, tmp_path: Path) -> nn.Module:
    return load_any_dpt(golden(request.param).save(tmp_path))


@pytest.mark.parametrize(("height", "width", "near"), [(50, 64, "48 x 64"), (64, 70, "64 x 64"), (7, 32, "16 x 32"), (0, 32, "16 x 32")])
def test_a_side_that_patches_do_not_divide_is_refused_with_one_that_they_do(network: nn.Module, height: int, width: int, near: str) -> None:
    with pytest.raises(ValueError, match=f"multiples of 16, got {height} x {width}; {near} is near"):
        network(torch.zeros(1, 3, height, width))


def test_grids_that_the_decoder_cannot_halve_evenly_are_fine(network: nn.Module) -> None:
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 48, 80)).shape[-2:] == (48, 80)
        assert network(torch.zeros(1, 3, 16, 16)).shape[-2:] == (16, 16)
