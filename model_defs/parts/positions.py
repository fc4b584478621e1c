"""Where each token stands: learned embeddings, of which only the patches' part follows the size of the image."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import Grid


class PositionEncoding(nn.Module):
    """Adds the learned positions, resized bilinearly where the image has another grid than the one in training."""

    def __init__(self, width: int, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.cls_embedding = nn.Parameter(torch.zeros(1, 1, width))
        self.base_patch_embedding = nn.Parameter(torch.zeros(1, math.prod(grid), width))

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        positions = self.base_patch_embedding if grid == self.grid else self.patch_embedding(grid)
        return tokens + torch.cat([self.cls_embedding, positions], dim=1)

    def patch_embedding(self, grid: Grid) -> Tensor:
        """The patches' positions on another grid: (1, N, C) -> (1, h * w, C)."""
        base = self.base_patch_embedding.unflatten(1, self.grid).permute(0, 3, 1, 2)  # (1, C, h0, w0)
        return self.resize(base, grid).flatten(2).transpose(1, 2)

    def resize(self, base: Tensor, grid: Grid) -> Tensor:
        return F.interpolate(base, size=grid, mode="bilinear", align_corners=False)


class AlignedPositionEncoding(PositionEncoding):
    """Bilinear, with the corners of both grids on each other."""

    def resize(self, base: Tensor, grid: Grid) -> Tensor:
        return F.interpolate(base, size=grid, mode="bilinear", align_corners=True)


POSITION_ENCODINGS: dict[str, type[PositionEncoding]] = {"bilinear": PositionEncoding, "bilinear aligned": AlignedPositionEncoding}


class BicubicPositionEncoding(PositionEncoding):
    """DINOv2's way: bicubic, by a scale factor that is a tenth of a patch too large, as in training."""

    def resize(self, base: Tensor, grid: Grid) -> Tensor:
        factors = ((grid[0] + 0.1) / self.grid[0], (grid[1] + 0.1) / self.grid[1])
        # The factor, not the size it leads to, decides where samples are taken; it is part of what the weights were trained with.
        return F.interpolate(base, scale_factor=factors, mode="bicubic", align_corners=False)


class AntialiasedPositionEncoding(PositionEncoding):
    """Bicubic, by size; where the grid is smaller than in training, every place is a mean of those it covers."""

    def resize(self, base: Tensor, grid: Grid) -> Tensor:
        precise = base if base.dtype is torch.float64 else base.float()  # torch has no other arithmetic for this on a CPU
        return F.interpolate(precise, size=grid, mode="bicubic", align_corners=False, antialias=True).to(base.dtype)
