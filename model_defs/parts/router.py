"""A small transformer on the coarsest map, which tells of what kind the place in a picture is.

Its blocks are those of "Attention Is All You Need": normalisation comes after each branch is added, and positions are waves.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import RouterConfig
from model_defs.encoders.transformer import Attention


class PostNormBlock(nn.Module):
    """Attention, then two layers with a rectifier between them, each added to what came in and normalised."""

    def __init__(self, width: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, mlp_width), nn.ReLU(inplace=True), nn.Linear(mlp_width, width))
        self.norm2 = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.norm1(tokens + self.attn(tokens))
        return self.norm2(tokens + self.mlp(tokens))


class Router(nn.Module):
    """A score for each kind of place: (B, C, h, w) -> (B, places)."""

    def __init__(self, inputs: int, places: int, config: RouterConfig) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(inputs, config.width, kernel_size=1)
        self.blocks = nn.ModuleList(PostNormBlock(config.width, config.heads, config.mlp_width) for _ in range(config.depth))
        hidden = config.classifier_width
        self.classifier = nn.Sequential(nn.Linear(config.width, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, places))

    def forward(self, summary: Tensor) -> Tensor:
        patches = self.patch_embed(summary).flatten(2).transpose(1, 2)  # (B, N, C)
        tokens = F.pad(patches, (0, 0, 1, 0))  # a class token of zeros goes first
        tokens = tokens + waves(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        return self.classifier(tokens[:, 0])


def waves(tokens: Tensor) -> Tensor:
    """The sines of every token's number at ever longer wavelengths, and then the cosines: (1 + N, C)."""
    count, width = tokens.shape[1:]
    numbers = torch.arange(count, dtype=tokens.dtype, device=tokens.device)[:, None]
    rates = torch.exp(torch.arange(0, width, 2, dtype=tokens.dtype, device=tokens.device) * (-math.log(10000.0) / width))
    return torch.cat([torch.sin(numbers * rates), torch.cos(numbers * rates)], dim=1)
