"""Where each token stands: learned embeddings, of which only the patches' part follows the size of the image."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import Grid
from model_defs.tracing import as_tensor, is_known


class PositionEncoding(nn.Module):
    """Adds the learned positions, resized bilinearly where the image has another grid than the one in training."""

    def __init__(self, width: int, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.cls_embedding = nn.Parameter(torch.zeros(1, 1, width))
        self.base_patch_embedding = nn.Parameter(torch.zeros(1, math.prod(grid), width))

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        is_same = is_known(*grid) and grid == self.grid
        positions = self.base_patch_embedding if is_same else self.patch_embedding(grid)
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
    """DINOv2's way: bicubic, by a scale factor that is a tenth of a patch too large, as in training, and one on the grid in training."""

    def resize(self, base: Tensor, grid: Grid) -> Tensor:
        sides = [as_tensor(side, base) for side in grid]
        is_same = (sides[0] == self.grid[0]) & (sides[1] == self.grid[1])
        excess = torch.where(is_same, 0.0, 0.1)
        # The factor, not the size it leads to, decides where samples are taken; it is part of what the weights were trained with.
        down, right = (
            _cubic_weights(before, after, (side + excess) / before) for before, after, side in zip(self.grid, grid, sides, strict=True)
        )
        return (down @ base.to(down.dtype) @ right.mT).to(base.dtype)


class AntialiasedPositionEncoding(PositionEncoding):
    """Bicubic, by size; where the grid is smaller than in training, every place is a mean of those it covers."""

    def resize(self, base: Tensor, grid: Grid) -> Tensor:
        down, right = (_mean_weights(before, after, as_tensor(after, base) / before) for before, after in zip(self.grid, grid, strict=True))
        return (down @ base.to(down.dtype) @ right.mT).to(base.dtype)


def _cubic_weights(before: int, after: int, factor: Tensor) -> Tensor:
    """How much each of some samples counts in each of those in their place: (after, before). Beyond the edges the outermost ones go on."""
    places = (torch.arange(after, dtype=factor.dtype, device=factor.device) + 0.5) / factor - 0.5
    samples = torch.arange(-2, before + 2, device=factor.device)
    weights = _cubic((places[:, None] - samples).abs(), sharpness=-0.75)
    return weights @ (samples.clamp(0, before - 1)[:, None] == torch.arange(before, device=factor.device)).to(weights.dtype)


def _mean_weights(before: int, after: int, factor: Tensor) -> Tensor:
    """The same where fewer samples are means of those they cover. Beyond the edges there are none."""
    places = (torch.arange(after, dtype=factor.dtype, device=factor.device) + 0.5) / factor - 0.5
    distances = (places[:, None] - torch.arange(before, device=factor.device)).abs()
    weights = _cubic(distances * factor.clamp(max=1.0), sharpness=-0.5)
    return weights / weights.sum(dim=1, keepdim=True)


def _cubic(distances: Tensor, sharpness: float) -> Tensor:
    """Keys' kernel, which reaches two samples far; torch takes another sharpness where it smooths."""
    near = ((sharpness + 2) * distances - (sharpness + 3)) * distances**2 + 1
    far = sharpness * (((distances - 5) * distances + 8) * distances - 4)
    return torch.where(distances <= 1, near, torch.where(distances < 2, far, 0.0))
