"""LeViT, a vision transformer laid out like a convolutional network: a convolutional stem, and stages that shrink the map.

"LeViT: a Vision Transformer in ConvNet's Clothing for Faster Inference", Graham et al., https://arxiv.org/abs/2104.01136
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import DPTConfig, LeViTConfig
from model_defs.networks.levit import LeViTDPT, TransposedStem
from model_defs.parts.convolution import NormalizedConvolution
from model_defs.parts.fusion import fusion
from model_defs.parts.head import head
from model_defs.parts.reassemble import reassemble_maps
from model_defs.tracing import laid_out


class LeViTStem(nn.Sequential):
    """Four convolutions that halve the map, so that attention sees a sixteenth of the image's sides."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((channels, *widths)):
            layers += [NormalizedConvolution(inputs, outputs, 3, stride=2, padding=1), nn.Hardswish()]
        super().__init__(*layers[:-1])


class NormalizedLinear(nn.Linear):
    """A linear layer with batch normalisation after it, as everywhere in LeViT in place of layer norms before."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.normalized(super().forward(tokens))

    def normalized(self, tokens: Tensor) -> Tensor:
        return self.norm(tokens.flatten(0, 1)).view_as(tokens)  # (B, N, C), normalised as (B * N, C)


class Attention(nn.Module):
    """Attention that knows where tokens are by one learned number for each head and distance between two places of the map."""

    def __init__(self, width: int, heads: int, key_width: int, value_width: int, side: int) -> None:
        super().__init__()
        self.heads, self.side = heads, side
        self.widths = (key_width, key_width, value_width)
        self.qkv = NormalizedLinear(width, heads * sum(self.widths))
        self.distance_bias = nn.Parameter(torch.zeros(heads, side * side))
        self.proj = NormalizedLinear(heads * value_width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        queries, keys, values = by_head(self.qkv(tokens), self.heads).split(self.widths, dim=-1)
        bias = self.distance_bias[:, distances(self.side, 1, tokens.device)]  # (heads, N, N)
        mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
        return self.proj(F.hardswish(laid_out(mixed.transpose(1, 2)).flatten(2)))


class ShrinkingAttention(nn.Module):
    """The same from every second place in every second row: a quarter of the tokens ask, all of them answer."""

    def __init__(self, inputs: int, outputs: int, heads: int, key_width: int, value_width: int, side: int) -> None:
        super().__init__()
        self.heads, self.side = heads, side
        self.widths = (key_width, value_width)
        self.q = NormalizedLinear(inputs, heads * key_width)
        self.kv = NormalizedLinear(inputs, heads * sum(self.widths))
        self.distance_bias = nn.Parameter(torch.zeros(heads, side * side))
        self.proj = NormalizedLinear(heads * value_width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        asking = tokens.unflatten(1, (self.side, self.side))[:, ::2, ::2].flatten(1, 2)  # (B, N, C) -> (B, about N / 4, C)
        queries = by_head(self.q(asking), self.heads)
        keys, values = by_head(self.kv(tokens), self.heads).split(self.widths, dim=-1)
        bias = self.distance_bias[:, distances(self.side, 2, tokens.device)]  # (heads, about N / 4, N)
        mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
        return self.proj(F.hardswish(laid_out(mixed.transpose(1, 2)).flatten(2)))


class MLP(nn.Module):
    """Two layers with a hard-swish between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = NormalizedLinear(width, hidden)
        self.fc2 = NormalizedLinear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.hardswish(self.fc1(tokens)))


class Block(nn.Module):
    """Attention, then an MLP, each added to what came in."""

    def __init__(self, attention: Attention, mlp: MLP) -> None:
        super().__init__()
        self.attn = attention
        self.mlp = mlp

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(tokens)
        return tokens + self.mlp(tokens)


class ShrinkingBlock(nn.Module):
    """Between two stages: half the sides and more channels, so there is nothing to add the attention to."""

    def __init__(self, attention: ShrinkingAttention, mlp: MLP) -> None:
        super().__init__()
        self.shrink = attention
        self.mlp = mlp

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.shrink(tokens)
        return tokens + self.mlp(tokens)


class LeViT(nn.Module):
    """Three stages; what is tapped is handed over as a map."""

    def __init__(self, config: LeViTConfig) -> None:
        super().__init__()
        self.taps = config.taps
        self.blocks = nn.ModuleList()
        side = config.side
        for stage, width in enumerate(config.widths):
            if stage:
                shrinking = (
                    config.shrinking_heads[stage - 1],
                    config.shrinking_key_widths[stage - 1],
                    config.shrinking_value_widths[stage - 1],
                )
                attention = ShrinkingAttention(config.widths[stage - 1], width, *shrinking, side)
                self.blocks.append(ShrinkingBlock(attention, MLP(width, config.shrinking_mlp_widths[stage - 1])))
                side = (side + 1) // 2
            heads = config.heads[stage], config.key_widths[stage], config.value_widths[stage]
            for _ in range(config.depths[stage]):
                self.blocks.append(Block(Attention(width, *heads, side), MLP(width, config.mlp_widths[stage])))

    def forward(self, feature_map: Tensor) -> list[Tensor]:
        tokens = feature_map.flatten(2).transpose(1, 2)  # (B, C, side, side) -> (B, side * side, C)
        maps = []
        for number, block in enumerate(self.blocks[: self.taps[-1] + 1]):
            tokens = block(tokens)
            if number in self.taps:
                side = math.isqrt(tokens.shape[1])
                maps.append(tokens.transpose(1, 2).unflatten(2, (side, side)))
        return maps


def by_head(tokens: Tensor, heads: int) -> Tensor:
    """(B, N, heads * C) -> (B, heads, N, C)"""
    return tokens.unflatten(2, (heads, -1)).transpose(1, 2)


def distances(side: int, step: int, device: torch.device) -> Tensor:
    """Which number of a bias is for each query and key: as many rows apart, times the side, plus columns apart; queries are `step` apart."""
    places = torch.arange(side, device=device)
    apart = (places[::step, None] - places).abs()  # (side / step, side), along one axis
    return (side * apart[:, None, :, None] + apart[None, :, None, :]).flatten(2).flatten(0, 1)  # queries by row and column, and keys


def network(config: DPTConfig, encoder: LeViTConfig) -> LeViTDPT:
    return LeViTDPT(
        config,
        patch_embed=LeViTStem(config.image.channels, encoder.stem_widths),
        imgencoder=LeViT(encoder),
        reassemble=reassemble_maps(config, encoder.widths),
        fusion=fusion(config.fusion),
        transposed_stem=TransposedStem(config.fusion.widths[0], encoder.transposed_stem_widths),
        head=head(config, encoder.transposed_stem_widths[-1]),
    )
