"""BEiT, a vision transformer that knows where tokens stand only relative to each other, block by block.

"BEiT: BERT Pre-Training of Image Transformers", Bao, Dong, Piao and Wei, https://arxiv.org/abs/2106.08254
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import BEiTConfig, DPTConfig, Grid
from model_defs.dpt import RelativeDPT
from model_defs.encoders.transformer import MLP, Attention, ScaledBlock
from model_defs.parts.fusion import fusion
from model_defs.parts.head import head
from model_defs.parts.patch_embed import PatchEmbedding
from model_defs.parts.reassemble import reassemble_tokens
from model_defs.tracing import is_known


class RelativePositionBias(nn.Module):
    """What is added to a query's and a key's product, for each head: by how far apart they are, or by which of them is the class token."""

    def __init__(self, heads: int, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.between_patches = nn.Parameter(torch.zeros((2 * grid[0] - 1) * (2 * grid[1] - 1), heads))  # a row for each distance
        self.with_cls = nn.Parameter(torch.zeros(3, heads))  # from the class token to a patch, from a patch to it, from it to itself

    def forward(self, grid: Grid, index: Tensor) -> Tensor:
        table = self.between_patches if is_known(*grid) and grid == self.grid else self.resized(grid)
        rows = torch.cat([table, self.with_cls]).t().contiguous()
        return rows.index_select(1, index.flatten()).view(1, -1, *index.shape)  # (1, heads, 1 + N, 1 + N)

    def resized(self, grid: Grid) -> Tensor:
        """The rows for the distances on another grid."""
        before, after = ([2 * side - 1 for side in sides] for sides in (self.grid, grid))
        table = self.between_patches.t().unflatten(1, before).unsqueeze(0)  # (1, heads, 2 * h - 1, 2 * w - 1)
        return F.interpolate(table, size=after, mode="bilinear", align_corners=False)[0].flatten(1).t()


def relative_position_index(grid: Grid, device: torch.device) -> Tensor:
    """Which row of a table is for which query and key: (1 + N, 1 + N), the class token first."""
    rows, columns = grid
    down = torch.arange(rows, device=device)[:, None] - torch.arange(rows, device=device)  # from key to query
    right = torch.arange(columns, device=device)[:, None] - torch.arange(columns, device=device)
    distance = (down[:, None, :, None] + rows - 1) * (2 * columns - 1) + right[None, :, None, :] + columns - 1
    patches = distance.reshape(rows * columns, rows * columns)
    first = (2 * rows - 1) * (2 * columns - 1)  # of the three rows for the class token
    with_query = torch.cat([patches.new_full((1, rows * columns), first), patches])
    with_key = torch.cat([patches.new_full((1, 1), first + 2), patches.new_full((rows * columns, 1), first + 1)])
    return torch.cat([with_key, with_query], dim=1)


class BEiT(nn.Module):
    """A stack of blocks with scaled branches, each with position biases of its own; what is tapped is handed over as it is."""

    def __init__(self, config: BEiTConfig) -> None:
        super().__init__()
        self.taps = config.taps
        self.blocks = nn.ModuleList(
            ScaledBlock(config.width, Attention(config.width, config.heads), MLP(config.width, config.mlp_width))
            for _ in range(config.depth)
        )
        self.position_biases = nn.ModuleList(RelativePositionBias(config.heads, config.grid) for _ in range(config.depth))

    def forward(self, tokens: Tensor, grid: Grid) -> list[Tensor]:
        index = relative_position_index(grid, tokens.device)
        tapped = []
        for number in range(self.taps[-1] + 1):
            bias = self.position_biases[number](grid, index)  # (1, heads, 1 + N, 1 + N)
            tokens = self.blocks[number](tokens, bias)  # (B, 1 + N, C)
            if number in self.taps:
                tapped.append(tokens)
        return tapped


def network(config: DPTConfig, encoder: BEiTConfig) -> RelativeDPT:
    return RelativeDPT(config, **parts(config, encoder), fusion=fusion(config.fusion), head=head(config), multiple=encoder.patch_size)


def parts(config: DPTConfig, encoder: BEiTConfig) -> dict[str, nn.Module]:
    """Everything below fusion, for whatever decoder stands above it."""
    return {
        "patch_embed": PatchEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        "imgencoder": BEiT(encoder),
        "reassemble": reassemble_tokens(config, [encoder.width] * len(encoder.taps)),
    }
