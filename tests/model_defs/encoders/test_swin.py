from __future__ import annotations

import pytest
import torch

from model_defs.dpt import DPT
from model_defs.encoders.swin import WindowAttention
from model_defs.window_layout import Windows
from tests.configurations import SMALL

SMALL_SWIN = SMALL["dpt_swin"]


@pytest.fixture
def network() -> DPT:
    return SMALL_SWIN.network()


def test_four_maps_are_handed_over_each_half_as_large_and_twice_as_wide(network: DPT) -> None:
    maps, grid = network.encode(SMALL_SWIN.images())
    assert [tuple(one.shape) for one in maps] == [(1, 8, 16, 16), (1, 16, 8, 8), (1, 32, 4, 4), (1, 64, 2, 2)]
    assert grid == (16, 16)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 128), (128, 64), (192, 320)])
def test_any_size_is_fine_that_the_windows_fit(network: DPT, height: int, width: int) -> None:
    with torch.inference_mode():
        assert network(torch.randn(1, 3, height, width)).isfinite().all()


@pytest.mark.parametrize(("height", "width", "near"), [(96, 64, "128 x 64"), (96, 160, "128 x 192"), (64, 288, "64 x 320")])
def test_a_size_that_they_do_not_fit_is_refused_with_one_that_they_do(network: DPT, height: int, width: int, near: str) -> None:
    with pytest.raises(ValueError, match=f"windows of 4, 4, 4, 2 patches fit in the 4 stages, got {height} x {width}; {near} is near"):
        network(torch.zeros(1, 3, height, width))


def test_smaller_windows_use_the_middle_of_the_table() -> None:
    attention = WindowAttention(4, heads=1, window=3)
    with torch.no_grad():
        attention.position_bias += torch.arange(25.0)[:, None]
    assert attention.positions(Windows((2, 2), (2, 2)))[0].tolist() == [[6, 7, 8], [11, 12, 13], [16, 17, 18]]
    assert attention.positions(Windows((3, 3), (3, 3)))[0].flatten().tolist() == list(range(25))


def test_every_second_block_sees_across_the_windows_of_the_first() -> None:
    torch.manual_seed(0)
    encoder = SMALL_SWIN.network().imgencoder
    feature_map = torch.randn(1, 8, 16, 16)
    changed = feature_map.clone()
    changed[:, :, 0, 0] += torch.randn(8)  # in the first window of four by four
    before, after = encoder(feature_map)[0], encoder(changed)[0]
    touched = (before != after).any(dim=1)[0]
    assert touched[:4, :4].all() and touched[:6, :6].all()  # two further, where the windows shifted by two end
    assert not touched[6:14, 6:14].any()
