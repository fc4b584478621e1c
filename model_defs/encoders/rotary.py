"""Attention that knows places by rotation: queries and keys are turned by where their tokens stand, here by row and by column.

"RoFormer", Su et al., https://arxiv.org/abs/2104.09864.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import Grid
from model_defs.encoders.transformer import SelfAttention


def places(grid: Grid, like: Tensor) -> Tensor:
    """The row and the column of every patch: (N, 2)."""
    rows, columns = (torch.arange(side, device=like.device, dtype=torch.float32) for side in grid)
    return torch.cartesian_prod(rows, columns)


def places_after(special: int, patches: Tensor) -> Tensor:
    """Places that leave the first one, (0, 0), to the special tokens in front: (special + N, 2)."""
    return torch.cat([patches.new_zeros(special, 2), 1 + patches])


def rotation(places: Tensor, head_width: int, base: float, like: Tensor) -> Tensor:
    """Cosines and sines of every token's angles: (2, N, head width). Half of a head's channels turn with the row, half with the column.

    Of two channels that turn together, the first has the sine with a minus.
    """
    pairs = head_width // 4  # of channels that turn together, for each axis
    rates = base ** -(torch.arange(pairs, device=like.device, dtype=torch.float32) / pairs)
    by_row, by_column = (places[:, None, axis] * rates for axis in (0, 1))  # (N, pairs)
    angles = torch.cat([by_row, by_row, by_column, by_column], dim=-1)  # (N, head width)
    sines = torch.cat([-by_row.sin(), by_row.sin(), -by_column.sin(), by_column.sin()], dim=-1)
    return torch.stack([angles.cos(), sines]).to(like.dtype)


def rotate(heads: Tensor, rotation: Tensor) -> Tensor:
    """Turn queries or keys of shape (B, heads, N, C) by their tokens' angles."""
    cosines, sines = rotation
    others = heads.unflatten(-1, (2, 2, -1)).flip(-2).flatten(-3)  # the other of each pair of channels, (B, heads, N, C)
    return torch.addcmul(heads * cosines, others, sines)


class RotaryAttention(SelfAttention):
    """Tokens are compared by how far they are apart."""

    def forward(self, tokens: Tensor, rotation: Tensor) -> Tensor:
        queries, keys, values = self.apart(tokens)
        return self.together(F.scaled_dot_product_attention(rotate(queries, rotation), rotate(keys, rotation), values))


class NormalizedRotaryAttention(SelfAttention):
    """The same, with queries and keys of each head normalised before they are turned."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.query_norm = nn.LayerNorm(width // heads, eps=1e-5)
        self.key_norm = nn.LayerNorm(width // heads, eps=1e-5)

    def forward(self, tokens: Tensor, rotation: Tensor) -> Tensor:
        queries, keys, values = self.apart(tokens)
        queries, keys = rotate(self.query_norm(queries), rotation), rotate(self.key_norm(keys), rotation)
        return self.together(F.scaled_dot_product_attention(queries, keys, values))
