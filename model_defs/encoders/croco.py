"""Two views that look at each other: a shared vision transformer, and decoders in step, each attending to the other's tokens.

"CroCo v2", Weinzaepfel et al., https://arxiv.org/abs/2211.10408, as "DUSt3R", Wang et al., uses it, https://arxiv.org/abs/2312.14132.
Positions are rotations of queries and keys ("RoFormer", https://arxiv.org/abs/2104.09864), here by row and by column.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import CroCoConfig, DPTConfig, Grid
from model_defs.encoders.transformer import MLP, Block, SelfAttention
from model_defs.networks.dust3r import DensePoints, DUSt3R
from model_defs.parts.fusion import fusion
from model_defs.parts.head import head
from model_defs.parts.reassemble import reassemble_tokens


class ViewEmbedding(nn.Module):
    """Every patch of a view, seen through one matrix; there is no class token."""

    def __init__(self, channels: int, width: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, kernel_size=patch_size, stride=patch_size)

    def forward(self, image: Tensor) -> tuple[Tensor, Grid]:
        patches = self.proj(image)  # (B, 3, H, W) -> (B, C, h, w)
        return patches.flatten(2).transpose(1, 2), (patches.shape[2], patches.shape[3])  # (B, h * w, C)


def rotation(grid: Grid, head_width: int, base: float, like: Tensor) -> Tensor:
    """Cosines and sines of every token's angles: (2, N, head width). Half of a head's channels turn with the row, half with the column."""
    pairs = head_width // 4  # of channels that turn together, for each axis
    rates = base ** -(torch.arange(pairs, device=like.device, dtype=torch.float32) / pairs)
    rows, columns = (torch.arange(side, device=like.device, dtype=torch.float32) for side in grid)
    by_row = (rows[:, None, None] * rates).expand(-1, grid[1], -1)  # (h, w, pairs)
    by_column = (columns[None, :, None] * rates).expand(grid[0], -1, -1)
    angles = torch.cat([by_row, by_row, by_column, by_column], dim=-1).flatten(0, 1)  # (N, head width)
    return torch.stack([angles.cos(), angles.sin()]).to(like.dtype)


def rotate(heads: Tensor, rotation: Tensor) -> Tensor:
    """Turn queries or keys of shape (B, heads, N, C) by their tokens' angles."""
    cosines, sines = rotation
    one, other = heads.unflatten(-1, (2, 2, -1)).unbind(-2)  # of each pair of channels: (B, heads, N, axes, pairs)
    return heads * cosines + torch.stack([-other, one], dim=-2).flatten(-3) * sines


class RotaryAttention(SelfAttention):
    """Tokens are compared by how far they are apart."""

    def forward(self, tokens: Tensor, rotation: Tensor) -> Tensor:
        queries, keys, values = self.apart(tokens)
        return self.together(F.scaled_dot_product_attention(rotate(queries, rotation), rotate(keys, rotation), values))


class CrossAttention(nn.Module):
    """Queries from one view, keys and values from the other, each turned by its own positions."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries = nn.Linear(width, width)
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, others: Tensor, rotation: Tensor, others_rotation: Tensor) -> Tensor:
        queries = rotate(self._apart(self.queries(tokens)), rotation)
        keys = rotate(self._apart(self.keys(others)), others_rotation)
        mixed = F.scaled_dot_product_attention(queries, keys, self._apart(self.values(others)))
        return self.proj(mixed.transpose(1, 2).flatten(2))

    def _apart(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, N, C) -> (B, heads, N, C / heads)


class DecoderBlock(nn.Module):
    """Attention within the view, attention to the other view, then an MLP."""

    def __init__(self, width: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = RotaryAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.norm_other = nn.LayerNorm(width, eps=1e-6)
        self.cross_attn = CrossAttention(width, heads)
        self.norm3 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width, mlp_width)

    def forward(self, tokens: Tensor, others: Tensor, rotation: Tensor, others_rotation: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens), rotation)
        tokens = tokens + self.cross_attn(self.norm2(tokens), self.norm_other(others), rotation, others_rotation)
        return tokens + self.mlp(self.norm3(tokens))


class ViewEncoder(nn.Module):
    """A stack of blocks with a norm over what the last one gives; it sees one view at a time."""

    def __init__(self, config: CroCoConfig) -> None:
        super().__init__()
        self.head_width = config.width // config.heads
        self.base = config.rotation_base
        self.blocks = nn.ModuleList(
            Block(config.width, RotaryAttention(config.width, config.heads), MLP(config.width, config.mlp_width))
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width, eps=1e-6)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        turned = rotation(grid, self.head_width, self.base, tokens)
        for block in self.blocks:
            tokens = block(tokens, turned)  # (B, N, C)
        return self.norm(tokens)


class TwoViewDecoder(nn.Module):
    """A stack of blocks for each view, or one stack for both; after every step each view knows what the other found."""

    def __init__(self, config: CroCoConfig) -> None:
        super().__init__()
        self.taps = config.taps
        self.head_width = config.decoder_width // config.decoder_heads
        self.base = config.rotation_base
        self.embed = nn.Linear(config.width, config.decoder_width)
        self.first = nn.ModuleList(_decoder_blocks(config))
        self.second = nn.ModuleList(_decoder_blocks(config)) if config.two_decoders else None
        self.norm = nn.LayerNorm(config.decoder_width, eps=1e-6)

    def forward(self, first: Tensor, second: Tensor, grids: tuple[Grid, Grid]) -> tuple[list[Tensor], list[Tensor]]:
        """What is tapped of each view: 0 is what came in, n what the n-th block made of it; the norm is over the last block's output."""
        one, other = self.embed(first), self.embed(second)  # (B, N, C), (B, M, C)
        here, there = (rotation(grid, self.head_width, self.base, one) for grid in grids)
        seen_first, seen_second = [first], [second]
        for block_one, block_other in zip(self.first, self.second or self.first, strict=True):
            one, other = block_one(one, other, here, there), block_other(other, one, there, here)
            seen_first.append(one)
            seen_second.append(other)
        seen_first[-1], seen_second[-1] = self.norm(one), self.norm(other)
        return [seen_first[tap] for tap in self.taps], [seen_second[tap] for tap in self.taps]


def _decoder_blocks(config: CroCoConfig) -> Iterable[nn.Module]:
    return (DecoderBlock(config.decoder_width, config.decoder_heads, config.decoder_mlp_width) for _ in range(config.decoder_depth))


def network(config: DPTConfig, encoder: CroCoConfig) -> DUSt3R:
    return DUSt3R(
        config,
        patch_embed=ViewEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        imgencoder=ViewEncoder(encoder),
        decoder=TwoViewDecoder(encoder),
        views=nn.ModuleDict({view: _points(config, encoder) for view in ("first", "second")}),
    )


def _points(config: DPTConfig, encoder: CroCoConfig) -> DensePoints:
    tapped = [encoder.decoder_width if tap else encoder.width for tap in encoder.taps]
    return DensePoints(reassemble_tokens(config, tapped), fusion(config.fusion), head(config))
