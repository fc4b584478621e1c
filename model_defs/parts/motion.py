"""Looking across the frames of a film: every place of a map attends to the same place in all frames, and to nothing beside it.

"AnimateDiff", Guo et al., https://arxiv.org/abs/2307.04725, as "Video Depth Anything", Chen et al., uses it, https://arxiv.org/abs/2501.12375.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.tracing import pieces

HEADS, GROUPS = 8, 32  # of attention, and of channels that are normalised together; both at any width
PLACES = 512  # of a map that are looked at together; more would only take memory


class TimeAttention(nn.Module):
    """Frames are compared by what is seen there and by when it was; what is taken from them says when it was, too."""

    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self.register_buffer("positions", torch.zeros(1, frames, width))
        self.queries = nn.Linear(width, width, bias=False)
        self.keys = nn.Linear(width, width, bias=False)
        self.values = nn.Linear(width, width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.get_buffer("positions")[:, : tokens.shape[1]]  # (places, T, C)
        queries, keys, values = (self._apart(layer(tokens)) for layer in (self.queries, self.keys, self.values))
        return self.proj(F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2))

    def _apart(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(2, (HEADS, -1)).transpose(1, 2)  # (places, T, C) -> (places, heads, T, C / heads)


class GatedMLP(nn.Module):
    """Two layers, where one half of what the first gives decides how much of the other half passes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.value_and_gate = nn.Linear(width, 8 * width)
        self.out = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        value, gate = self.value_and_gate(tokens).chunk(2, dim=-1)
        return self.out(value * F.gelu(gate))


class TimeBlock(nn.Module):
    """Attention twice, then an MLP, each on normalised tokens and added to what came in."""

    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = TimeAttention(width, frames)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = TimeAttention(width, frames)
        self.norm3 = nn.LayerNorm(width)
        self.mlp = GatedMLP(width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn1(self.norm1(tokens))
        tokens = tokens + self.attn2(self.norm2(tokens))
        return tokens + self.mlp(self.norm3(tokens))


class Motion(nn.Module):
    """Adds to the maps of all frames what they tell each other."""

    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width)
        self.block = TimeBlock(width, frames)
        self.proj_out = nn.Linear(width, width)

    def forward(self, maps: Tensor, frames: int) -> Tensor:
        """(B * T, C, h, w) -> the same, of films with this many frames."""
        # Of maps with their channels last, torch takes the mean of squares less the square of the mean, in which small deviations are lost.
        films = self.norm(maps.contiguous()).unflatten(0, (-1, frames))  # (B, T, C, h, w)
        places = films.permute(0, 3, 4, 1, 2)  # (B, h, w, T, C)
        looked = [self.proj_out(self.block(self.proj_in(few))) for few in pieces(places.flatten(0, 2), PLACES)]
        told = torch.cat(looked).view(places.shape)
        return maps + told.permute(0, 3, 4, 1, 2).flatten(0, 1)
