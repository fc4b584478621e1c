from __future__ import annotations

import torch

from model_defs.config import ResNeXtConfig
from model_defs.encoders.resnext import ResNeXt, ResNeXtBlock, ResNeXtStem

CONFIG = ResNeXtConfig(8, (1, 2, 1, 2), (8, 16, 16, 24), (16, 24, 32, 40), 4)


def test_the_stem_leaves_a_quarter_of_the_sides_and_each_later_stage_half_of_them() -> None:
    with torch.inference_mode():
        maps = ResNeXt(CONFIG).eval()(ResNeXtStem(3, 8).eval()(torch.zeros(1, 3, 64, 96)))
    assert [tuple(feature_map.shape[1:]) for feature_map in maps] == [(16, 16, 24), (24, 8, 12), (32, 4, 6), (40, 2, 3)]


def test_groups_of_channels_do_not_see_each_other() -> None:
    grouped = ResNeXtBlock(8, 8, 8, groups=4, stride=1).eval().grouped
    channels = torch.zeros(1, 8, 5, 5, requires_grad=True)
    grouped(channels)[:, :2].sum().backward()
    assert channels.grad is not None
    assert channels.grad[:, :2].abs().max() > 0 and channels.grad[:, 2:].abs().max() == 0


def test_a_block_that_changes_nothing_of_the_shape_adds_what_came_in() -> None:
    block = ResNeXtBlock(8, 4, 8, groups=1, stride=1).eval()
    torch.nn.init.zeros_(block.expand.weight)
    feature_map = torch.randn(1, 8, 5, 5)
    torch.testing.assert_close(block(feature_map), feature_map.relu())
