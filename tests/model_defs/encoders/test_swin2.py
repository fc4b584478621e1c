from __future__ import annotations

import math

import pytest
import torch

from model_defs.dpt import DPT
from model_defs.encoders.swin2 import CosineWindowAttention, PatchMerging2, Swin2Block
from model_defs.window_layout import Windows
from tests.configurations import SMALL

SMALL_SWIN2 = SMALL["dpt_swin2"]
ONE_WINDOW = Windows((2, 2), (2, 2))


@pytest.fixture
def network() -> DPT:
    return SMALL_SWIN2.network()


@pytest.fixture
def attention() -> CosineWindowAttention:
    torch.manual_seed(0)
    return CosineWindowAttention(8, heads=2, position_mlp_width=16, pretrained_window=0)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 64), (64, 128), (128, 64), (256, 384)])
def test_any_size_is_fine_that_the_windows_fit(network: DPT, height: int, width: int) -> None:
    with torch.inference_mode():
        assert network(torch.randn(1, 3, height, width)).isfinite().all()


@pytest.mark.parametrize(("height", "width", "near"), [(96, 64, "128 x 64"), (64, 160, "64 x 128")])
def test_a_size_that_they_do_not_fit_is_refused_with_one_that_they_do(network: DPT, height: int, width: int, near: str) -> None:
    with pytest.raises(ValueError, match=f"got {height} x {width}; {near} is near"):
        network(torch.zeros(1, 3, height, width))


def test_how_long_tokens_are_does_not_matter_to_queries_and_keys(attention: CosineWindowAttention) -> None:
    with torch.no_grad():
        attention.qkv.bias.zero_()
    tokens = torch.randn(1, 2, 2, 8)
    lengths = torch.tensor([[0.5, 2.0], [3.0, 1.0]])[None, :, :, None]

    def scores(tokens: torch.Tensor) -> torch.Tensor:
        queries, keys, _ = (part.unflatten(-1, (2, 4)) for part in attention.qkv(tokens).view(4, 24).chunk(3, dim=-1))
        return torch.nn.functional.cosine_similarity(queries[:, None], keys[None], dim=-1)

    torch.testing.assert_close(scores(tokens), scores(tokens * lengths))
    with torch.no_grad():
        attention.qkv.weight[16:] = 0  # all values alike: only how they are mixed could tell, and nothing is left to mix
        attention.qkv.bias[16:] = 1
    torch.testing.assert_close(attention(tokens, ONE_WINDOW), attention(tokens * lengths, ONE_WINDOW))


def test_scores_are_a_hundred_times_a_cosine_at_most(attention: CosineWindowAttention) -> None:
    tokens = torch.randn(1, 2, 2, 8)
    with torch.no_grad():
        attention.logit_scale.fill_(math.log(100.0))
        expected = attention(tokens, ONE_WINDOW)
        attention.logit_scale.fill_(math.log(1000.0))
        assert torch.equal(attention(tokens, ONE_WINDOW), expected)
        attention.logit_scale.fill_(math.log(10.0))
        assert not torch.allclose(attention(tokens, ONE_WINDOW), expected)


def test_positions_lie_between_zero_and_sixteen(attention: CosineWindowAttention) -> None:
    with torch.no_grad():
        attention.position_mlp[2].weight *= 1000
    positions = attention.positions(Windows((4, 3), (4, 3)))
    assert positions.shape == (2, 7, 5)
    assert positions.min() == 0.0 and positions.max() == 16.0


def test_the_far_end_of_a_window_in_pretraining_is_one_step_from_nine() -> None:
    own = CosineWindowAttention(8, 2, 16, pretrained_window=0)
    pretrained = CosineWindowAttention(8, 2, 16, pretrained_window=3)
    end = math.log2(9.0) / 3.0  # log2(8 + 1) / log2(8)
    assert own.coordinates(5)[-1].item() == pytest.approx(end)
    assert pretrained.coordinates(5)[-3].item() == pytest.approx(end)
    assert pretrained.coordinates(5)[-1].item() == pytest.approx(math.log2(17.0) / 3.0)
    assert own.coordinates(5).tolist() == [-value for value in reversed(own.coordinates(5).tolist())]
    assert own.coordinates(1).tolist() == [0.0]


def test_what_a_block_adds_is_normalised_last(attention: CosineWindowAttention) -> None:
    block = Swin2Block(8, attention, mlp_width=16)
    with torch.no_grad():
        for norm in (block.norm1, block.norm2):
            norm.weight.zero_()
        tokens = torch.randn(1, 2, 2, 8)
        assert torch.equal(block(tokens, ONE_WINDOW), tokens)


def test_merged_patches_are_normalised_last() -> None:
    merged = PatchMerging2(4)(torch.randn(1, 4, 6, 4))
    assert merged.shape == (1, 2, 3, 8)
    torch.testing.assert_close(merged.mean(dim=-1), torch.zeros(1, 2, 3), atol=1e-6, rtol=0)
