from __future__ import annotations

import pytest
import torch
from torch import nn

from model_defs.config import AttentionConfig, FullAttentionConfig, MemoryCompressedConfig, PerformerConfig
from model_defs.encoders.efficient_attention import MemoryCompressedAttention, PerformerAttention, random_directions
from model_defs.encoders.transformer import Attention
from model_defs.other_attention import with_attention
from model_defs.parts.positions import AlignedPositionEncoding
from muggle_convert.families import BY_NAME
from tests.configurations import SMALL


def test_random_features_come_close_to_the_attention_they_stand_for() -> None:
    torch.manual_seed(0)
    tokens = torch.randn(1, 30, 16)
    exact, performer = Attention(16, 2), PerformerAttention(16, 2, 8, 32768)
    nn.init.zeros_(exact.qkv.bias)
    weights = exact.qkv.weight.chunk(3)
    for part, weight in zip((performer.queries, performer.keys, performer.values), weights, strict=True):
        part.weight = nn.Parameter(weight)
    performer.proj.load_state_dict(exact.proj.state_dict())
    with torch.inference_mode():
        assert (performer(tokens) - exact(tokens)).abs().mean() < 0.05 * exact(tokens).std()


def test_directions_are_at_right_angles_within_a_block() -> None:
    directions = random_directions(20, 8)
    assert directions.shape == (20, 8)
    products = directions[:8] @ directions[:8].T
    assert torch.allclose(products, torch.diag(products.diag()), atol=1e-4)


def test_tokens_that_do_not_fill_a_group_are_joined_by_zeros_in_front() -> None:
    attention = MemoryCompressedAttention(8, 2, 3)
    tokens = torch.randn(1, 7, 8)
    padded = torch.cat([torch.zeros(1, 2, 8), tokens], dim=1)
    with torch.inference_mode():
        assert torch.allclose(attention._compressed(tokens), attention._compressed(padded), atol=1e-6)


def test_aligned_positions_keep_their_corners() -> None:
    positions = AlignedPositionEncoding(4, (3, 3))
    nn.init.normal_(positions.base_patch_embedding)
    resized = positions.patch_embedding((5, 7))[0]
    for corner, number in ((0, 0), (6, 2), (28, 6), (34, 8)):
        assert torch.allclose(resized[corner], positions.base_patch_embedding[0, number], atol=1e-6)


@pytest.mark.parametrize("plugged_into", ["dpt_hybrid", "dpt_vit", "depth_anything_v2", "depth_anything_v2, gated"])
@pytest.mark.parametrize(
    ("attention", "left", "fresh"),
    [
        (PerformerConfig(64, 40), {"qkv.bias"}, {"directions"}),  # one head of the width that the joint matrix has for it
        (PerformerConfig(32, 40), {"qkv.weight", "qkv.bias", "proj.weight"}, {"directions", "queries.weight", "keys.weight", "values.weight", "proj.weight"}),
        (MemoryCompressedConfig(2), {"qkv.bias"}, {"compress.weight", "compress.bias", "null_key", "null_value"}),
        (FullAttentionConfig(), set(), set()),
    ],
)  # fmt: skip
def test_another_attention_takes_over_what_fits_and_says_what_does_not(
    attention: PerformerConfig | MemoryCompressedConfig | FullAttentionConfig, left: set[str], fresh: set[str], plugged_into: str
) -> None:
    network = SMALL[plugged_into].network()
    swapped = with_attention(network, attention)
    assert {name.split(".attn.")[1] for name in swapped.left} == left
    assert {name.split(".attn.")[1] for name in swapped.fresh} == fresh
    before, after = network.state_dict(), swapped.network.state_dict()
    same = before.keys() & after.keys() - set(swapped.fresh)
    assert same and all(torch.equal(before[name], after[name]) for name in same)


@pytest.mark.parametrize("attention", [PerformerConfig(64, 40), MemoryCompressedConfig(2)], ids=lambda config: config.kind)
@pytest.mark.parametrize("plugged_into", ["dpt_hybrid", "dpt_vit", "depth_anything_v2"])
def test_the_inventory_of_the_family_is_what_such_a_network_holds(plugged_into: str, attention: AttentionConfig) -> None:
    network = with_attention(SMALL[plugged_into].network(), attention).network
    held = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert BY_NAME[network.config.family].inventory(network.config) == held
    assert network(SMALL[plugged_into].images()).isfinite().all()


def test_joined_and_parted_matrices_are_the_same_weights() -> None:
    network = SMALL["dpt_hybrid"].network()
    performer = with_attention(network, PerformerConfig(64, 40)).network
    back = with_attention(performer, FullAttentionConfig())
    name = "imgencoder.blocks.2.attn.qkv.weight"
    assert torch.equal(back.network.state_dict()[name], network.state_dict()[name])
    assert {one.split(".attn.")[1] for one in back.left} == {"directions"}


def test_a_family_without_such_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="whose attention can be another one"):
        with_attention(SMALL["dpt_beit"].network(), PerformerConfig(64, 40))
