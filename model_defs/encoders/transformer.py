"""The block every plain vision transformer is a stack of, and the parts that can be plugged into it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.arithmetic import LinearGELU, attention


class Attention(nn.Module):
    """Multi-head self-attention; all heads' queries, keys and values come from one matrix product."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        batch, count, width = tokens.shape
        # (B, N, 3 * C) -> (3, B, heads, N, C / heads)
        queries, keys, values = self.qkv(tokens).view(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = attention(queries, keys, values, bias)
        return self.proj(mixed.transpose(1, 2).reshape(batch, count, width))


class MLP(nn.Module):
    """Two layers with a GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = LinearGELU(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(self.fc1(tokens))


class SwiGLU(nn.Module):
    """A gated pair of layers: one half of the first product decides how much of the other half passes."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_and_value = nn.Linear(width, 2 * hidden)
        self.out = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        gate, value = self.gate_and_value(tokens).chunk(2, dim=-1)
        return self.out(F.silu(gate) * value)


class Block(nn.Module):
    """Attention, then an MLP, each on normalised tokens and added to what came in."""

    def __init__(self, width: int, attention: nn.Module, mlp: nn.Module) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = attention
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = mlp

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens), bias)
        return tokens + self.mlp(self.norm2(tokens))


class ScaledBlock(Block):
    """A block whose two branches are scaled channel by channel before they are added."""

    def __init__(self, width: int, attention: nn.Module, mlp: nn.Module) -> None:
        super().__init__(width, attention, mlp)
        self.scale_attn = nn.Parameter(torch.ones(width))
        self.scale_mlp = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        tokens = tokens + self.scale_attn * self.attn(self.norm1(tokens), bias)
        return tokens + self.scale_mlp * self.mlp(self.norm2(tokens))
