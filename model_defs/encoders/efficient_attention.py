"""Attention whose cost does not grow with the square of the number of tokens, to take the place of the ordinary one in a block."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import AttentionConfig, MemoryCompressedConfig, PerformerConfig
from model_defs.encoders.transformer import Attention


class PerformerAttention(nn.Module):
    """Softmax attention by random features, "Rethinking Attention with Performers", https://arxiv.org/abs/2009.14794

    exp(q . k) is close to features(q) . features(k), so that keys and values are summed up once for all queries.
    """

    def __init__(self, width: int, heads: int, head_width: int, features: int) -> None:
        super().__init__()
        self.head_width = head_width
        self.heads = heads
        self.queries = nn.Linear(width, heads * head_width, bias=False)
        self.keys = nn.Linear(width, heads * head_width, bias=False)
        self.values = nn.Linear(width, heads * head_width, bias=False)
        self.proj = nn.Linear(heads * head_width, width)
        self.register_buffer("directions", random_directions(features, head_width))
        self.directions: Tensor

    def forward(self, tokens: Tensor) -> Tensor:
        queries, keys, values = (self._apart(layer(tokens)) for layer in (self.queries, self.keys, self.values))  # (B, heads, N, C')
        seen = self._features(queries, over=(-1,))  # (B, heads, N, features)
        kept = self._features(keys, over=(-2, -1))
        total = seen @ kept.sum(dim=-2).unsqueeze(-1)  # (B, heads, N, 1)
        mixed = seen @ (kept.mT @ values) / total
        return self.proj(mixed.transpose(1, 2).flatten(2))

    def _features(self, heads: Tensor, over: tuple[int, ...]) -> Tensor:
        """Positive, and with the largest at one, which numbers of little range take; whatever all keys or one query share cancels out."""
        scaled = heads * self.head_width**-0.25
        exponents = scaled @ self.directions.T - scaled.square().sum(dim=-1, keepdim=True) / 2
        largest = (scaled @ self.directions.T).amax(dim=over, keepdim=True).detach()
        return torch.exp(exponents - largest) + 1e-4

    def _apart(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(2, (self.heads, self.head_width)).transpose(1, 2)  # (B, N, C) -> (B, heads, N, C / heads)


def random_directions(count: int, width: int) -> Tensor:
    """(count, width): in blocks at right angles to each other, as long as drawn from a normal distribution."""
    blocks = [_random_rotation(width) for _ in range(math.ceil(count / width))]
    lengths = torch.randn(count, width, device="cpu").norm(dim=1, keepdim=True)
    return (torch.cat(blocks)[:count] * lengths).to(torch.get_default_device())


def _random_rotation(width: int) -> Tensor:
    """Any orthogonal matrix as likely as any other; the signs that the factorisation prefers are taken out."""
    rotation, triangle = torch.linalg.qr(torch.randn(width, width, device="cpu"))
    return (rotation * triangle.diag().sign()).T


class MemoryCompressedAttention(nn.Module):
    """Keys and values of a few tokens in a row become one, "Generating Wikipedia by Summarizing Long Sequences", https://arxiv.org/abs/1801.10198"""

    def __init__(self, width: int, heads: int, rate: int) -> None:
        super().__init__()
        self.heads = heads
        self.rate = rate
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.compress = nn.Conv1d(width, width, kernel_size=rate, stride=rate, groups=heads)
        self.null_key = nn.Parameter(torch.zeros(1, 1, width))  # what a query may attend to instead of any token
        self.null_value = nn.Parameter(torch.zeros(1, 1, width))
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        queries, keys, values = self.qkv(tokens).chunk(3, dim=-1)  # (B, N, C)
        keys, values = (
            torch.cat([null.expand(tokens.shape[0], -1, -1), self._compressed(part)], dim=1)  # (B, 1 + N / rate, C)
            for null, part in ((self.null_key, keys), (self.null_value, values))
        )
        queries, keys, values = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (queries, keys, values))
        # The whole width sets the scale, not a head's share of it: that is how these weights were trained.
        mixed = F.scaled_dot_product_attention(queries, keys, values, scale=tokens.shape[2] ** -0.5)
        return self.proj(mixed.transpose(1, 2).flatten(2))

    def _compressed(self, tokens: Tensor) -> Tensor:
        lacking = -tokens.shape[1] % self.rate
        padded = F.pad(tokens, (0, 0, lacking, 0))  # zeros before the first token
        return self.compress(padded.transpose(1, 2)).transpose(1, 2)


def attention(config: AttentionConfig) -> Callable[[int, int], nn.Module]:
    """What makes attention of this kind from a width and a number of heads."""
    if isinstance(config, PerformerConfig):
        return partial(PerformerAttention, head_width=config.head_width, features=config.features)
    if isinstance(config, MemoryCompressedConfig):
        return partial(MemoryCompressedAttention, rate=config.rate)
    return Attention
