from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from model_defs.encoders.efficientnet_lite import EfficientNetLite, InvertedBlock, PaddedConvolution, SeparableBlock
from tests.configurations import SMALL


@pytest.mark.parametrize("kernel_size", [3, 5, 7])
@pytest.mark.parametrize("side", [8, 14])
def test_a_halving_convolution_pads_like_tensorflow(kernel_size: int, side: int) -> None:
    convolution, feature_map = PaddedConvolution(4, 6, kernel_size, stride=2).eval(), torch.randn(1, 4, side, side)
    total = (side // 2 - 1) * 2 + kernel_size - side
    before, after = total // 2, total - total // 2
    padded = F.pad(feature_map, (before, after, before, after))
    torch.testing.assert_close(convolution(feature_map), convolution.norm(F.conv2d(padded, convolution.weight, stride=2)))


def test_handed_over_are_a_quarter_an_eighth_a_sixteenth_and_a_thirty_second() -> None:
    network = SMALL["midas_v21_small"].network()
    assert isinstance(network.imgencoder, EfficientNetLite)
    with torch.inference_mode():
        maps = network.imgencoder(network.patch_embed(torch.zeros(1, 3, 64, 96)))
    assert [tuple(feature_map.shape[1:]) for feature_map in maps] == [(8, 16, 24), (12, 8, 12), (20, 4, 6), (32, 2, 3)]


@pytest.mark.parametrize("block", [SeparableBlock, InvertedBlock])
def test_a_block_that_changes_nothing_of_the_shape_adds_what_came_in(block: type[SeparableBlock]) -> None:
    same, halving, wider = (block(8, 8, outputs, 3, stride).eval() for outputs, stride in ((8, 1), (8, 2), (12, 1)))
    for one in (same, halving, wider):
        torch.nn.init.zeros_(one.project.weight)
    feature_map = torch.randn(1, 8, 6, 6)
    torch.testing.assert_close(same(feature_map), feature_map)
    assert halving(feature_map).abs().max() == 0 and wider(feature_map).abs().max() == 0


def test_nothing_inside_a_block_is_larger_than_six() -> None:
    block = SeparableBlock(1, 1, 1, 1, 1).eval()
    torch.nn.init.ones_(block.depthwise.weight)
    torch.nn.init.ones_(block.project.weight)
    with torch.inference_mode():
        branch = block.branch(torch.tensor([-5.0, 3.0, 50.0]).view(1, 1, 1, 3)).flatten()
    torch.testing.assert_close(branch, torch.tensor([0.0, 3.0, 6.0]), rtol=0, atol=0.02)
