"""Swin V2: cosine attention within windows, norms after the branches, and a bias that a small network makes for windows of any size.

"Swin Transformer V2: Scaling Up Capacity and Resolution", Liu et al., https://arxiv.org/abs/2111.09883
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import DPTConfig, Swin2Config
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


class CosineWindowAttention(nn.Module):
    """Self-attention within each window; how alike two tokens are is their angle, times a learned scale of up to a hundred."""

    def __init__(self, width: int, heads: int, position_mlp_width: int, pretrained_window: int) -> None:
        super().__init__()
        self.heads = heads
        self.pretrained_window = pretrained_window
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.logit_scale = nn.Parameter(torch.full((heads,), math.log(10.0)))
        self.position_mlp = nn.Sequential(
            nn.Linear(2, position_mlp_width),
            nn.ReLU(),
            nn.Linear(position_mlp_width, heads, bias=False),
        )

    def forward(self, tokens: Tensor, windows: Windows | TracedWindows) -> Tensor:
        queries, keys, values = apart_by_head(self.qkv(cut(tokens, windows)), self.heads)
        scale = self.logit_scale.clamp(max=math.log(100.0)).exp()[:, None, None]
        mixed = attend(
            F.normalize(queries, dim=-1) * scale, F.normalize(keys, dim=-1), values, score_bias(self.positions(windows), windows), scale=1.0
        )
        return join(self.proj(mixed), windows)

    def positions(self, windows: Windows | TracedWindows) -> Tensor:
        """(heads, 2y - 1, 2x - 1), each between 0 and 16."""
        rows, columns = (self.coordinates(side) for side in windows.size)
        coordinates = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)  # (2y - 1, 2x - 1, 2)
        return 16.0 * self.position_mlp(coordinates).sigmoid().permute(2, 0, 1)

    def coordinates(self, side: int) -> Tensor:
        """How far apart two tokens can be along one side: 8 stands for the far end of the windows in pretraining, and far is crowded."""
        farthest = torch.sym_max((self.pretrained_window or side) - 1, 1)
        steps = torch.arange(1 - side, side, device=self.logit_scale.device) * 8.0 / farthest
        return (steps.sign() * (1.0 + steps.abs()).log2() / math.log2(8.0)).to(self.logit_scale.dtype)


class Swin2Block(nn.Module):
    """Attention, then an MLP, each normalised before it is added to what came in."""

    def __init__(self, width: int, attention: CosineWindowAttention, mlp_width: int) -> None:
        super().__init__()
        self.attn = attention
        self.norm1 = nn.LayerNorm(width)
        self.mlp = MLP(width, mlp_width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, windows: Windows | TracedWindows) -> Tensor:
        tokens = tokens + self.norm1(self.attn(tokens, windows))
        return tokens + self.norm2(self.mlp(tokens))


class PatchMerging2(nn.Module):
    """Four neighbours become one token of twice the width; normalised last."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(2 * width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.norm(self.reduction(neighbours_joined(tokens)))


class Swin2(WindowEncoder):
    """The stages; biases are made for the windows of whatever grid there is."""

    def __init__(self, config: Swin2Config) -> None:
        super().__init__(config, [_stage(config, number) for number in range(len(config.depths))])


def _stage(config: Swin2Config, number: int) -> WindowStage:
    width, heads, pretrained = config.width << number, config.heads[number], config.pretrained_windows[number]
    blocks = [
        Swin2Block(width, CosineWindowAttention(width, heads, config.position_mlp_width, pretrained), config.mlp_widths[number])
        for _ in range(config.depths[number])
    ]
    return WindowStage(blocks, PatchMerging2(width // 2) if number else None)


def network(config: DPTConfig, encoder: Swin2Config) -> HierarchicalDPT:
    return windowed(config, encoder, Swin2(encoder))
