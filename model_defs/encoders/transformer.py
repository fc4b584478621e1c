"""The block that every plain vision transformer is a stack of, and the parts that are plugged into it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.tracing import laid_out


class SelfAttention(nn.Module):
    """Many heads, whose queries, keys and values come from one matrix; the kinds differ in how they compare tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def apart(self, tokens: Tensor) -> Tensor:
        """Queries, keys and values: (B, N, C) -> (3, B, heads, N, C / heads)."""
        return self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)

    def together(self, mixed: Tensor) -> Tensor:
        """What the heads found, projected: (B, heads, N, C / heads) -> (B, N, C)."""
        return self.proj(laid_out(mixed.transpose(1, 2)).flatten(2))


class Attention(SelfAttention):
    """Tokens are compared by what they are and, where there is a bias for every pair of them, by where they are."""

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        queries, keys, values = self.apart(tokens)
        return self.together(F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias))


class MLP(nn.Module):
    """Two layers with a GELU between them."""

    def __init__(self, width: int, hidden: int, outputs: int | None = None) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, outputs or width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens)))


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
    """Attention, then an MLP, each on normalised tokens and added to what came in.

    What tells the tokens' places, if anything does, goes to the attention: biases, or a rotation.
    """

    def __init__(self, width: int, attention: nn.Module, mlp: nn.Module, eps: float = 1e-6) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attn = attention
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.mlp = mlp

    def forward(self, tokens: Tensor, *places: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens), *places)
        return tokens + self.mlp(self.norm2(tokens))


class ScaledBlock(Block):
    """A block whose two branches are scaled channel by channel before they are added."""

    def __init__(self, width: int, attention: nn.Module, mlp: nn.Module, eps: float = 1e-6) -> None:
        super().__init__(width, attention, mlp, eps)
        self.scale_attn = nn.Parameter(torch.ones(width))
        self.scale_mlp = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor, *places: Tensor) -> Tensor:
        tokens = tokens + self.scale_attn * self.attn(self.norm1(tokens), *places)
        return tokens + self.scale_mlp * self.mlp(self.norm2(tokens))
