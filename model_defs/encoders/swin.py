"""Swin: attention within windows that shift from block to block.

"Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", Liu et al., https://arxiv.org/abs/2103.14030
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_defs.config import DPTConfig, SwinConfig
from model_defs.dpt import HierarchicalDPT
from model_defs.encoders.traced_windows import TracedWindows
from model_defs.encoders.transformer import MLP
from model_defs.encoders.windows import (
    WindowEncoder,
    WindowStage,
    apart_by_head,
    attend,
    cut,
    join,
    neighbours_joined,
    score_bias,
    windowed,
)
from model_defs.window_layout import Windows


class WindowAttention(nn.Module):
    """Self-attention within each window, with a learned bias for every relative position there can be in one."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.position_bias = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))  # row by row, from -(window - 1) on

    def forward(self, tokens: Tensor, windows: Windows | TracedWindows) -> Tensor:
        queries, keys, values = apart_by_head(self.qkv(cut(tokens, windows)), self.heads)
        mixed = attend(queries, keys, values, score_bias(self.positions(windows), windows))
        return join(self.proj(mixed), windows)

    def positions(self, windows: Windows | TracedWindows) -> Tensor:
        """(heads, 2y - 1, 2x - 1): the middle of the table where windows are smaller than in training."""
        table = self.position_bias.t().unflatten(1, (2 * self.window - 1, -1))
        rows, columns = (self.window - side + torch.arange(2 * side - 1, device=table.device) for side in windows.size)
        return table[:, rows[:, None], columns]


class SwinBlock(nn.Module):
    """Attention, then an MLP, each on normalised tokens and added to what came in."""

    def __init__(self, width: int, heads: int, mlp_width: int, window: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width, mlp_width)

    def forward(self, tokens: Tensor, windows: Windows | TracedWindows) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens), windows)
        return tokens + self.mlp(self.norm2(tokens))


class PatchMerging(nn.Module):
    """Four neighbours become one token of twice the width; normalised first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.reduction(self.norm(neighbours_joined(tokens)))


class Swin(WindowEncoder):
    """The stages; a block's windows are as large as its biases reach, or as a smaller grid."""

    def __init__(self, config: SwinConfig) -> None:
        super().__init__(config, [_stage(config, number) for number in range(len(config.depths))])


def _stage(config: SwinConfig, number: int) -> WindowStage:
    width, sizes = config.width << number, (config.heads[number], config.mlp_widths[number], config.windows[number])
    downsample = PatchMerging(width // 2) if number else None
    return WindowStage((SwinBlock(width, *sizes) for _ in range(config.depths[number])), downsample)


def network(config: DPTConfig, encoder: SwinConfig) -> HierarchicalDPT:
    return windowed(config, encoder, Swin(encoder))
