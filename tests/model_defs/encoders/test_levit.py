from __future__ import annotations

import pytest
import torch
from torch import nn

from model_defs.dpt import DPT
from model_defs.encoders.levit import NormalizedLinear, ShrinkingAttention, distances
from tests.configurations import SMALL

SMALL_LEVIT = SMALL["dpt_levit"]


@pytest.fixture
def network() -> DPT:
    return SMALL_LEVIT.network()


@pytest.mark.parametrize(("height", "width"), [(128, 96), (64, 64), (0, 128), (127, 128), (256, 256)])
def test_any_size_but_the_one_of_its_biases_is_refused_with_that_size(network: DPT, height: int, width: int) -> None:
    with pytest.raises(
        ValueError, match=f"expected 128 x 128, got {height} x {width}; this LeViT learned where things are on a map of 8 x 8"
    ):
        network(torch.zeros(1, 3, height, width))


def test_biases_are_shared_by_pairs_equally_far_apart() -> None:
    # 0 1   from 0 to 3 there is one row and one column, from 1 to 2 too
    # 2 3
    assert distances(2, 1, torch.device("cpu")).tolist() == [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]]


def test_every_second_place_of_every_second_row_asks_when_the_map_shrinks() -> None:
    every, second = (distances(5, step, torch.device("cpu")) for step in (1, 2))
    asking = [5 * row + column for row in (0, 2, 4) for column in (0, 2, 4)]
    assert torch.equal(second, every[asking])


@pytest.mark.parametrize(("side", "after"), [(4, 2), (5, 3), (1, 1)])
def test_shrinking_halves_the_sides_and_rounds_up(side: int, after: int) -> None:
    attention = ShrinkingAttention(8, 12, heads=2, key_width=4, value_width=8, side=side).eval()
    assert attention(torch.zeros(1, side * side, 8)).shape == (1, after * after, 12)


def test_a_linear_layer_is_normalised_over_images_and_places() -> None:
    layer = NormalizedLinear(3, 5).train()
    tokens = layer(torch.randn(4, 7, 3))
    torch.testing.assert_close(tokens.mean(dim=(0, 1)), torch.zeros(5), atol=1e-6, rtol=0)


def test_three_maps_are_handed_over_each_half_as_large(network: DPT) -> None:
    maps, grid = network.encode(SMALL_LEVIT.images())
    assert [tuple(one.shape) for one in maps] == [(1, 16, 8, 8), (1, 24, 4, 4), (1, 32, 2, 2)]
    assert grid == (8, 8)


def test_the_transposed_stem_gives_back_two_halvings(network: DPT) -> None:
    assert network.get_submodule("transposed_stem")(torch.zeros(1, 8, 5, 7)).shape == (1, 4, 20, 28)


def test_training_moves_the_statistics_of_every_norm(network: DPT) -> None:
    norms = {name: one for name, one in network.named_modules() if isinstance(one, (nn.BatchNorm1d, nn.BatchNorm2d))}
    before = {name: one.running_mean.clone() for name, one in norms.items() if one.running_mean is not None}
    network.train()(SMALL_LEVIT.images(2))
    assert [name for name, one in norms.items() if one.running_mean is None or torch.equal(one.running_mean, before[name])] == []
