"""Two photographs of a scene -> a point in space for each of their pixels: the dense prediction transformer on a two-view encoder.

    first,  second -> patch_embed -> imgencoder -> decoder -> views.first  -> points of the first view
                                                          \\-> views.second -> points of the second view, in the frame of the first

"DUSt3R: Geometric 3D Vision Made Easy", Wang, Leroy, Cabon, Chidlovskii and Revaud, https://arxiv.org/abs/2312.14132
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

import torch
from torch import Tensor, nn

from model_defs.config import Grid
from model_defs.network import Network
from model_defs.precision import as_weights
from model_defs.scenes.pairs import Pair, scene_of
from model_defs.scenes.seen import Seen
from model_defs.tracing import is_known


class DensePoints(nn.Module):
    """The decoder of DPT for one view: what was tapped -> four numbers for each pixel."""

    keeps_float32 = True  # as the original's code has it: how far a point is grows exponentially with what was rounded

    def __init__(self, reassemble: nn.Module, fusion: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.reassemble = reassemble
        self.fusion = fusion
        self.head = head

    def forward(self, taps: Sequence[Tensor], grid: Grid, image_size: Grid) -> tuple[Tensor, ...]:
        channels = self.head(self.fusion(self.reassemble(taps, grid)), image_size)  # (B, 4, H, W)
        return points(channels[:, :3].permute(0, 2, 3, 1)), 1 + channels[:, 3].exp()


def points(directions: Tensor) -> Tensor:
    """(..., 3): the same direction, at a distance that grows exponentially with the length."""
    length = directions.norm(dim=-1, keepdim=True)
    return directions / length.clamp(min=1e-8) * torch.expm1(length)


class DUSt3R(Network):
    """Points of both views in the frame of the first, each with how far it is to be trusted."""

    inputs = ("first", "second")
    outputs: tuple[str, ...] = ("pts3d_1", "conf_1", "pts3d_2", "conf_2")
    framing = "cropped"
    fewest_views = 2

    patch_embed: nn.Module
    imgencoder: nn.Module
    decoder: nn.Module
    views: nn.ModuleDict  # first and second: what stands behind the encoder is there twice

    def forward(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """Two batches of images, whose sizes may differ -> pts3d_1 and pts3d_2 of (B, H, W, 3), conf_1 and conf_2 of (B, H, W)."""
        self.check(first)
        self.check(second)
        if first.shape[0] != second.shape[0]:
            raise ValueError(f"expected a second view for each first one, got {first.shape[0]} first and {second.shape[0]} second views")
        one, other = self._encoded(first, second)
        found = self._decoded(one, other, (first.shape[2], first.shape[3]), (second.shape[2], second.shape[3]))
        return dict(zip(self.outputs, found, strict=True))

    def scene(self, views: Sequence[Tensor], **cameras: Tensor) -> list[Seen]:
        """All pairs of views in both orders, as the original's code has it, made one scene."""
        return scene_of(self._pairs(views))

    def _pairs(self, views: Sequence[Tensor]) -> Iterator[Pair]:
        encoded = [self._tokens(view[None]) for view in views]
        sizes = [(view.shape[1], view.shape[2]) for view in views]
        for first, second in permutations(range(len(views)), 2):
            found = self._decoded(encoded[first], encoded[second], sizes[first], sizes[second])
            maps = {name: tensor[0].float().cpu() for name, tensor in zip(self.outputs, found, strict=True)}
            yield Pair(first, second, maps["pts3d_1"], maps["conf_1"], maps["pts3d_2"], maps["conf_2"])

    def _decoded(self, one: tuple[Tensor, Grid], other: tuple[Tensor, Grid], size: Grid, other_size: Grid) -> tuple[Tensor, ...]:
        """What both heads say about the tokens of two views."""
        (here, grid), (there, other_grid) = one, other
        taps, other_taps = self.decoder(here, there, (grid, other_grid))
        first, second = self.views["first"], self.views["second"]
        taps, other_taps = ([as_weights(first, tap) for tap in tapped] for tapped in (taps, other_taps))
        return *first(taps, grid, size), *second(other_taps, other_grid, other_size)

    def _encoded(self, first: Tensor, second: Tensor) -> tuple[tuple[Tensor, Grid], tuple[Tensor, Grid]]:
        """The tokens of each view; views of one size are encoded as one batch."""
        if not is_known(*first.shape, *second.shape) or first.shape != second.shape:
            return self._tokens(first), self._tokens(second)
        tokens, grid = self._tokens(torch.cat([first, second]))
        one, other = tokens.chunk(2)
        return (one, grid), (other, grid)

    def _tokens(self, image: Tensor) -> tuple[Tensor, Grid]:
        tokens, grid = self.patch_embed(image)
        return self.imgencoder(tokens, grid), grid
