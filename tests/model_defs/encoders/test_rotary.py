from __future__ import annotations

import torch

from model_defs.encoders.rotary import NormalizedRotaryAttention, places, places_after, rotate, rotation


def test_attention_by_rotation_only_knows_how_far_apart_tokens_are() -> None:
    queries, keys = (torch.randn(1, 1, 1, 32).expand(1, 1, 20, 32) for _ in range(2))  # the same at every place
    turned = rotation(places((4, 5), queries), 32, 100.0, queries)
    scores = (rotate(queries, turned) @ rotate(keys, turned).mT)[0, 0].view(4, 5, 4, 5)
    assert torch.allclose(scores[1, 2, 2, 4], scores[0, 0, 1, 2], atol=1e-4)
    assert not torch.allclose(scores[1, 2, 2, 4], scores[0, 0, 2, 1], atol=1e-4)


def test_rotations_keep_lengths() -> None:
    queries = torch.randn(2, 3, 6, 16)
    assert torch.allclose(
        rotate(queries, rotation(places((2, 3), queries), 16, 100.0, queries)).norm(dim=-1), queries.norm(dim=-1), atol=1e-5
    )


def test_special_tokens_stand_at_a_place_of_their_own_before_the_patches() -> None:
    found = places_after(2, places((1, 3), torch.zeros(())))
    assert found.tolist() == [[0, 0], [0, 0], [1, 1], [1, 2], [1, 3]]


def test_normalised_queries_and_keys_do_not_know_how_large_they_were() -> None:
    torch.manual_seed(0)
    attention = NormalizedRotaryAttention(32, 2)
    tokens = torch.randn(1, 6, 32)
    turned = rotation(places((2, 3), tokens), 16, 100.0, tokens)
    with torch.no_grad():
        attention.qkv.bias.zero_()
        before = attention(tokens, turned)
        attention.qkv.weight[:64] *= 100
        assert torch.allclose(attention(tokens, turned), before, atol=1e-3)
