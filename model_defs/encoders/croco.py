"""Two views that look at each other: a shared vision transformer, and decoders in step, each attending to the other's tokens.

"CroCo v2", Weinzaepfel et al., https://arxiv.org/abs/2211.10408, as "DUSt3R", Wang et al., uses it, https://arxiv.org/abs/2312.14132.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import CroCoConfig, DPTConfig, Grid
from model_defs.encoders.rotary import RotaryAttention, places, rotate, rotation
from model_defs.encoders.transformer import MLP, Block
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
        turned = rotation(places(grid, tokens), self.head_width, self.base, tokens)
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
        here, there = (rotation(places(grid, one), self.head_width, self.base, one) for grid in grids)
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
    views = nn.ModuleDict({view: DensePoints(**behind(config, encoder)) for view in ("first", "second")})
    return DUSt3R(config, **parts(config, encoder), views=views, multiple=encoder.patch_size)


def parts(config: DPTConfig, encoder: CroCoConfig) -> dict[str, nn.Module]:
    """Everything below the heads."""
    return {
        "patch_embed": ViewEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        "imgencoder": ViewEncoder(encoder),
        "decoder": TwoViewDecoder(encoder),
    }


def behind(config: DPTConfig, encoder: CroCoConfig) -> dict[str, nn.Module]:
    """What each view has behind its decoder."""
    tapped = [encoder.decoder_width if tap else encoder.width for tap in encoder.taps]
    return {"reassemble": reassemble_tokens(config, tapped), "fusion": fusion(config.fusion), "head": head(config)}
