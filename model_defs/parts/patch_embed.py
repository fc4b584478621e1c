"""From an image to tokens: one for each patch, and the class token in front of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_defs.config import Grid


class PatchEmbedding(nn.Module):
    """Every patch of the image, seen through one matrix; a learned class token goes first."""

    def __init__(self, channels: int, width: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, kernel_size=patch_size, stride=patch_size)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, image: Tensor) -> tuple[Tensor, Grid]:
        patches = self.proj(image)  # (B, 3, H, W) -> (B, C, h, w)
        grid = (patches.shape[2], patches.shape[3])
        tokens = patches.flatten(2).transpose(1, 2)  # (B, h * w, C)
        return torch.cat([self.cls_token.expand(tokens.shape[0], -1, -1), tokens], dim=1), grid  # (B, 1 + h * w, C)


class NormalizedPatchEmbedding(nn.Module):
    """Every patch of the image, seen through one matrix and normalised; a map, for encoders that work on a grid."""

    def __init__(self, channels: int, width: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, kernel_size=patch_size, stride=patch_size)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.norm(self.proj(image).permute(0, 2, 3, 1))  # (B, 3, H, W) -> (B, h, w, C)
        return tokens.permute(0, 3, 1, 2)  # (B, C, h, w)
