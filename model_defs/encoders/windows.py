"""What the networks of Swin and Swin V2 share: attention within windows, and stages of blocks that see every second grid shifted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import DPTConfig, Grid, Swin2Config, SwinConfig
from model_defs.dpt import HierarchicalDPT
from model_defs.encoders.traced_windows import TracedWindows, traced_layout
from model_defs.parts.fusion import fusion
from model_defs.parts.head import head
from model_defs.parts.patch_embed import NormalizedPatchEmbedding
from model_defs.parts.reassemble import reassemble_maps
from model_defs.tracing import is_known, laid_out
from model_defs.window_layout import Windows, largest_windows, window_layout, windows_fit


def cut(tokens: Tensor, windows: Windows | TracedWindows) -> Tensor:
    """(B, h, w, C) -> (B, W, N, C): W windows of N tokens."""
    if isinstance(windows, TracedWindows):
        return windows.cut(tokens)
    tokens = rolled(tokens, windows, -1)
    apart = tokens.unflatten(2, (-1, windows.size[1])).unflatten(1, (-1, windows.size[0]))  # (B, rows, y, columns, x, C)
    return apart.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def join(tokens: Tensor, windows: Windows | TracedWindows) -> Tensor:
    """The way back: (B, W, N, C) -> (B, h, w, C)."""
    if isinstance(windows, TracedWindows):
        return windows.join(tokens)
    apart = tokens.unflatten(2, windows.size).unflatten(1, windows.across)  # (B, rows, columns, y, x, C)
    tokens = apart.transpose(2, 3).flatten(3, 4).flatten(1, 2)
    return rolled(tokens, windows, 1)


def rolled(tokens: Tensor, windows: Windows, sign: int) -> Tensor:
    """(B, h, w, C), as far as the windows say."""
    if not any(windows.shift):
        return tokens
    return tokens.roll((sign * windows.shift[0], sign * windows.shift[1]), dims=(1, 2))


def regions(windows: Windows | TracedWindows, like: Tensor) -> Tensor | None:
    """Which of the parts of the image that rolling brings together a token comes from: (h * w,), window by window; None where nothing rolls."""
    if isinstance(windows, TracedWindows):
        return windows.regions(like)
    if not any(windows.shift):
        return None
    moved = zip(windows.grid, windows.shift, strict=True)
    down, right = (torch.arange(side, device=like.device) >= side - shift for side, shift in moved)
    parts = (2 * down.to(torch.uint8)[:, None] + right).view(1, *windows.grid, 1)
    return cut(parts, windows.unshifted).flatten()


def score_bias(positions: Tensor, windows: Windows | TracedWindows) -> Tensor:
    """What is added to the scores, from what belongs to each relative position: (heads, 2y - 1, 2x - 1) -> (1 or W, heads, N, N).

    Rolling puts opposite sides of the image into one window. They are kept apart by a number, as in the paper's code, and
    not by infinity: where scores are a hundred times a cosine, that number does not always decide.
    """
    bias = of_each_pair(positions)
    region = regions(windows, bias)
    if region is None:
        return bias[None]
    region = region.view(-1, 1, windows.tokens)  # (W, 1, N)
    return bias - 100.0 * (region[..., None] != region[..., None, :]).to(bias.dtype)


def of_each_pair(positions: Tensor) -> Tensor:
    """What belongs to each query and key of a window: (heads, 2y - 1, 2x - 1) -> (heads, N, N)."""
    rows, columns = (positions.shape[1] + 1) // 2, (positions.shape[2] + 1) // 2
    # A query in row q and a key in row k meet in row q - k + rows - 1 of the table.
    down, right = (torch.arange(side, device=positions.device) for side in (rows, columns))
    down, right = down[:, None] - down + rows - 1, right[:, None] - right + columns - 1
    places = down[:, None, :, None] * (2 * columns - 1) + right[None, :, None, :]  # (y, x, y, x)
    return positions.flatten(1).index_select(1, places.flatten()).unflatten(1, (rows * columns, -1))


def apart_by_head(qkv: Tensor, heads: int) -> Tensor:
    """Queries, keys and values: (B, W, N, 3 * C) -> (3, B, W, heads, N, C / heads)."""
    return qkv.unflatten(-1, (3, heads, -1)).permute(3, 0, 1, 4, 2, 5)


def attend(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor, scale: float | None = None) -> Tensor:
    """Each window on its own: three of (B, W, heads, N, C / heads) and (1 or W, heads, N, N) -> (B, W, N, C)."""
    # Windows that have a bias each stand beside the heads, all others beside the images: no bias is repeated.
    shape = (-1, bias.shape[0] * bias.shape[1], *queries.shape[3:])
    mixed = F.scaled_dot_product_attention(
        queries.reshape(shape), keys.reshape(shape), values.reshape(shape), attn_mask=bias.flatten(0, 1)[None], scale=scale
    )
    return laid_out(laid_out(mixed).view(queries.shape).transpose(2, 3)).flatten(3)


def neighbours_joined(tokens: Tensor) -> Tensor:
    """Every 2 x 2 tokens become one: (B, h, w, C) -> (B, h / 2, w / 2, 4 * C), the left column's two first."""
    apart = tokens.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))  # (B, h / 2, y, w / 2, x, C)
    return apart.permute(0, 1, 3, 4, 2, 5).flatten(3)


class WindowStage(nn.Module):
    """Blocks on one grid, every second one with shifted windows; all stages but the first halve the grid before that."""

    def __init__(self, blocks: Iterable[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.downsample = downsample or nn.Identity()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, tokens: Tensor, windows: Windows | TracedWindows) -> Tensor:
        tokens = self.downsample(tokens)  # (B, h, w, C) -> (B, h / 2, w / 2, 2 * C)
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, windows if number % 2 else windows.unshifted)
        return tokens


class WindowEncoder(nn.Module):
    """Stages one after the other, each on a quarter of the tokens and with twice the width of the one before; each hands over its map."""

    def __init__(self, config: SwinConfig | Swin2Config, stages: Iterable[WindowStage]) -> None:
        super().__init__()
        self.config = config
        self.stages = nn.ModuleList(stages)

    def forward(self, feature_map: Tensor) -> list[Tensor]:
        tokens = feature_map.permute(0, 2, 3, 1)  # (B, C, h, w) -> (B, h, w, C)
        grid = (tokens.shape[1], tokens.shape[2])
        layout: Sequence[Windows | TracedWindows]
        if is_known(*grid):
            self.check(grid)
            layout = window_layout(self.config, grid)
        else:
            layout = traced_layout(self.config, grid, tokens)
        maps = []
        for stage, windows in zip(self.stages, layout, strict=True):
            tokens = stage(tokens, windows)
            maps.append(tokens.permute(0, 3, 1, 2))
        return maps

    def check(self, grid: Grid) -> None:
        """A sentence where the windows of a stage do not fit its grid."""
        if windows_fit(self.config, grid):
            return
        sides, step = largest_windows(self.config), 1 << (len(self.stages) - 1)
        reach = step * max(sides)  # a side that all windows fit in is no further away than that
        rows, columns = (range(max(step, (side - reach) // step * step), side + reach + 1, step) for side in grid)
        near = min(
            (other for other in product(rows, columns) if windows_fit(self.config, other)),
            key=lambda other: math.prod(max(side / wanted, wanted / side) for side, wanted in zip(other, grid, strict=True)),
        )
        got, right = ([side * self.config.patch_size for side in one] for one in (grid, near))
        raise ValueError(
            f"expected an image that windows of {', '.join(map(str, sides))} patches fit in the {len(sides)} stages, "
            f"got {got[0]} x {got[1]}; {right[0]} x {right[1]} is near"
        )


def windowed(config: DPTConfig, encoder: SwinConfig | Swin2Config, imgencoder: WindowEncoder) -> HierarchicalDPT:
    """The network around either encoder."""
    return HierarchicalDPT(
        config,
        patch_embed=NormalizedPatchEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        imgencoder=imgencoder,
        reassemble=reassemble_maps(config, [encoder.width << stage for stage in range(len(encoder.depths))]),
        fusion=fusion(config.fusion),
        head=head(config),
    )
