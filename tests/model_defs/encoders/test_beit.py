from __future__ import annotations

import torch
from torch import nn

from model_defs.encoders.beit import RelativePositionBias, relative_position_index

CPU = torch.device("cpu")


def bias(stored: tuple[int, int], grid: tuple[int, int]) -> torch.Tensor:
    """(query, key) for one head whose table holds the numbers of its rows."""
    part = RelativePositionBias(1, stored)
    count = len(part.between_patches)
    nn.init.zeros_(part.between_patches)
    with torch.no_grad():
        part.between_patches += torch.arange(count, dtype=torch.float32)[:, None]
        part.with_cls += count + torch.arange(3, dtype=torch.float32)[:, None]
    return part(grid, relative_position_index(grid, CPU))[0, 0].detach()


def test_queries_and_keys_equally_far_apart_share_a_bias() -> None:
    patches = bias((3, 4), (3, 4))[1:, 1:].unflatten(1, (3, 4)).unflatten(0, (3, 4))  # from row and column to row and column
    assert patches[0, 0, 1, 2] == patches[1, 1, 2, 3]
    assert patches[2, 3, 0, 0] == patches.max()
    assert patches[0, 0, 2, 3] == patches.min() == 0


def test_every_row_of_the_table_is_used() -> None:
    assert set(bias((3, 4), (3, 4)).unique().tolist()) == set(range(5 * 7 + 3))


def test_the_class_token_has_biases_of_its_own() -> None:
    found = bias((2, 2), (2, 2))
    assert found[0, 1:].unique().tolist() == [9.0]
    assert found[1:, 0].unique().tolist() == [10.0]
    assert found[0, 0] == 11.0


def test_on_another_grid_the_distances_of_patches_are_stretched_and_the_class_tokens_stay() -> None:
    found = bias((2, 2), (4, 3))
    assert found.shape == (13, 13)
    assert found[0, 0] == 11.0
    assert found[1, 1] == found[12, 12] == 4.0  # no distance: the middle of the table
