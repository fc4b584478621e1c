"""Windows for torch's exporters, who know no sides of grids: where each token goes is computed in the graph, for whatever grid comes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from model_defs.config import Grid, Swin2Config, SwinConfig
from model_defs.tracing import as_tensor
from model_defs.window_layout import is_full, largest_windows


@dataclass(frozen=True)
class TracedWindows:
    """As `Windows`; how far the grid is rolled is a value."""

    grid: Grid
    size: Grid
    shift: tuple[Tensor, Tensor] | None  # whole numbers in float64

    @property
    def unshifted(self) -> TracedWindows:
        return replace(self, shift=None)

    @property
    def tokens(self) -> int:
        return self.size[0] * self.size[1]

    def cut(self, tokens: Tensor) -> Tensor:
        """(B, h, w, C) -> (B, W, N, C)"""
        return tokens.flatten(1, 2).index_select(1, self.places(tokens)).unflatten(1, (-1, self.tokens))

    def join(self, tokens: Tensor) -> Tensor:
        """The way back: (B, W, N, C) -> (B, h, w, C)."""
        places = self.places(tokens)
        back = torch.zeros_like(places).scatter(0, places, torch.arange(self.grid[0] * self.grid[1], device=places.device))
        return tokens.flatten(1, 2).index_select(1, back).unflatten(1, self.grid)

    def places(self, like: Tensor) -> Tensor:
        """In the grid, of all tokens, window by window: (h * w,). A runtime refuses places outside it, as it gets where windows do not fit."""
        (height, width), (high, wide) = self._sides(like)
        row, column = self.rolled(like)
        if self.shift is not None:
            down, right = self.shift
            row, column = (row + down).remainder(height), (column + right).remainder(width)
        outside = height * width * (height.remainder(high) + width.remainder(wide))
        return (row * width + column + outside).long()

    def regions(self, like: Tensor) -> Tensor | None:
        """Which of the four parts of the image that rolling brings together a token comes from: (h * w,), window by window."""
        if self.shift is None:
            return None
        (height, width), _ = self._sides(like)
        row, column = self.rolled(like)
        down, right = self.shift
        return 2 * (row >= height - down).to(like.dtype) + (column >= width - right).to(like.dtype)

    def rolled(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Row and column in the rolled grid, of all tokens, window by window."""
        (_, width), (high, wide) = self._sides(like)
        token = torch.arange(self.grid[0] * self.grid[1], dtype=torch.float64, device=like.device)
        across = (width / wide).floor()  # windows
        window, inside = (token / (high * wide)).floor(), token.remainder(high * wide)
        row = (window / across).floor() * high + (inside / wide).floor()
        return row, window.remainder(across) * wide + inside.remainder(wide)

    def _sides(self, like: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [(exactly(down, like), exactly(right, like)) for down, right in (self.grid, self.size)]


def exactly(side: int, like: Tensor) -> Tensor:
    return as_tensor(side, like).double()


def traced_layout(encoder: SwinConfig | Swin2Config, grid: Grid, like: Tensor) -> list[TracedWindows]:
    """As `window_layout`, by the same rules. A stage whose windows were as large as they can be in training always has such windows."""
    layout = []
    for stage, side in enumerate(largest_windows(encoder)):
        here = (grid[0] // (1 << stage), grid[1] // (1 << stage))
        decisive = (torch.sym_min(*here),) * 2 if isinstance(encoder, SwinConfig) else here
        sizes = [side if full else torch.sym_min(length, side) for full, length in zip(is_full(encoder, stage), decisive, strict=True)]
        down, right = ((exactly(length, like) > side).double() * (side // 2) for length in decisive)
        layout.append(TracedWindows(here, (sizes[0], sizes[1]), (down, right)))
    return layout
