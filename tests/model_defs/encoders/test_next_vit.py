from __future__ import annotations

import pytest
import torch
from torch import nn

from model_defs.dpt import DPT
from model_defs.encoders.next_vit import Embedding, HalvingEmbedding, ReducedAttention, embedding
from tests.configurations import SMALL

SMALL_NEXT_VIT = SMALL["dpt_next_vit"]


@pytest.fixture
def network() -> DPT:
    return SMALL_NEXT_VIT.network()


@pytest.mark.parametrize(("height", "width", "near"), [(66, 64, "64 x 64"), (64, 97, "64 x 96"), (0, 64, "4 x 64")])
def test_a_side_that_the_stem_does_not_divide_is_refused_with_one_that_it_does(network: DPT, height: int, width: int, near: str) -> None:
    with pytest.raises(ValueError, match=f"multiples of 4, got {height} x {width}; {near} is near"):
        network(torch.zeros(1, 3, height, width))


def test_an_image_too_small_to_take_means_of_is_refused_with_a_size_that_is_large_enough(network: DPT) -> None:
    with pytest.raises(ValueError, match="expected a map of 16 pixels or more, got 3 x 3; an image of 32 x 32 is large enough"):
        network(torch.zeros(1, 3, 24, 24))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (80, 112), (84, 132)])
def test_maps_with_odd_sides_are_fine(network: DPT, height: int, width: int) -> None:
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, height, width)).shape == (1, height, width)


def test_an_odd_row_is_a_mean_of_fewer_pixels() -> None:
    halve = HalvingEmbedding(1, 1)
    nn.init.ones_(halve.weight)
    halve.norm = nn.Identity()  # type: ignore[assignment]
    feature_map = torch.arange(9.0).view(1, 1, 3, 3)
    assert halve(feature_map).flatten().tolist() == [2.0, 3.5, 6.5, 8.0]


def test_there_is_an_embedding_only_where_channels_or_sides_change() -> None:
    assert isinstance(embedding(8, 8, stride=1), nn.Identity)
    assert type(embedding(8, 16, stride=1)) is Embedding
    assert type(embedding(8, 8, stride=2)) is HalvingEmbedding


def test_means_of_tokens_are_taken_along_rows_and_leave_out_what_is_over() -> None:
    attention = ReducedAttention(8, head_width=8, reduction=2).eval()
    feature_map = torch.randn(1, 8, 3, 3)
    changed = feature_map.clone()
    changed[:, :, 2, 2] += 1.0  # the ninth token, after two means of four
    before, after = attention(feature_map).flatten(2), attention(changed).flatten(2)
    assert torch.equal(before[:, :, :8], after[:, :, :8])
    assert not torch.equal(before[:, :, 8], after[:, :, 8])


def test_four_maps_are_handed_over_each_half_as_large(network: DPT) -> None:
    maps, grid = network.encode(SMALL_NEXT_VIT.images())
    assert [tuple(one.shape) for one in maps] == [(1, 32, 16, 24), (1, 64, 8, 12), (1, 64, 4, 6), (1, 64, 2, 3)]
    assert grid == (16, 24)


def test_training_moves_the_statistics_of_every_norm(network: DPT) -> None:
    norms = {name: one for name, one in network.named_modules() if isinstance(one, (nn.BatchNorm1d, nn.BatchNorm2d))}
    before = {name: one.running_mean.clone() for name, one in norms.items() if one.running_mean is not None}
    network.train()(SMALL_NEXT_VIT.images(2))
    assert [name for name, one in norms.items() if one.running_mean is None or torch.equal(one.running_mean, before[name])] == []
