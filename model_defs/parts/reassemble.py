"""From what the encoder hands over to maps of four scales, as in section 3.1 of the DPT paper: read, concatenate, resample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import SCALES, DPTConfig, Grid
from model_defs.parts.view_plane import with_view_plane


class Reassemble(nn.Module):
    """One part for each scale, finest first."""

    def __init__(self, scales: Sequence[nn.Module]) -> None:
        super().__init__()
        for name, scale in zip(SCALES[: len(scales)], scales, strict=True):  # an encoder with three stages has no map of the fourth scale
            self.add_module(name, scale)

    def forward(self, taps: Sequence[Tensor], grid: Grid) -> list[Tensor]:
        return [scale(tap, grid) for scale, tap in zip(self.children(), taps, strict=True)]


class ReassembleMap(nn.Module):
    """An encoder's feature map, brought to the width of the fusion."""

    def __init__(self, width: int, fusion_width: int) -> None:
        super().__init__()
        self.fuse_proj = nn.Conv2d(width, fusion_width, kernel_size=3, padding=1, bias=False)

    def forward(self, feature_map: Tensor, grid: Grid) -> Tensor:
        return self.fuse_proj(feature_map)


class ReassembleTokens(nn.Module):
    """Tokens, laid out as the grid of patches they came from and resampled to one scale; the class token is ignored."""

    def __init__(self, width: int, features: int, fusion_width: int, scale: str) -> None:
        super().__init__()
        self.resample = nn.Sequential(nn.Conv2d(width, features, kernel_size=1), _resampling(scale, features))
        self.fuse_proj = nn.Conv2d(features, fusion_width, kernel_size=3, padding=1, bias=False)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        return self.fuse_proj(self.resampled(tokens, grid))

    def resampled(self, tokens: Tensor, grid: Grid) -> Tensor:
        """A map of this scale, as wide as the paper has it."""
        patches = self.read(tokens).transpose(1, 2).unflatten(2, grid)  # (B, 1 + N, C) -> (B, C, h, w)
        return self.resample(patches)

    def read(self, tokens: Tensor) -> Tensor:
        return tokens[:, 1:]


class ReassembleTokensWithoutReadout(ReassembleTokens):
    """There is no class token."""

    def read(self, tokens: Tensor) -> Tensor:
        return tokens


class ReassembleTokensInPlane(ReassembleTokensWithoutReadout):
    """Before they are resampled, the projected tokens are told where they lie in the picture."""

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        project, resample = self.resample
        patches = project(self.read(tokens).transpose(1, 2).unflatten(2, grid))  # (B, N, C) -> (B, C', h, w)
        return self.fuse_proj(resample(with_view_plane(patches, grid)))


class ReassembleTokensAddingReadout(ReassembleTokens):
    """The class token is added to every patch."""

    def read(self, tokens: Tensor) -> Tensor:
        return tokens[:, 1:] + tokens[:, :1]


class ReassembleTokensProjectingReadout(ReassembleTokens):
    """The class token is put beside every patch, and both are projected back to one token's width."""

    def __init__(self, width: int, features: int, fusion_width: int, scale: str) -> None:
        super().__init__(width, features, fusion_width, scale)
        self.readout_proj = nn.Linear(2 * width, width)

    def read(self, tokens: Tensor) -> Tensor:
        patches, readout = tokens[:, 1:], tokens[:, :1]
        return F.gelu(self.readout_proj(torch.cat([patches, readout.expand_as(patches)], dim=-1)))


REASSEMBLE_TOKENS: dict[str, type[ReassembleTokens]] = {
    "ignore": ReassembleTokens,
    "add": ReassembleTokensAddingReadout,
    "project": ReassembleTokensProjectingReadout,
    "none": ReassembleTokensWithoutReadout,
}


def reassemble_maps(config: DPTConfig, widths: Iterable[int]) -> Reassemble:
    """For an encoder that hands over maps of these widths."""
    return Reassemble([ReassembleMap(*pair) for pair in zip(widths, config.fusion.widths, strict=True)])


def reassemble_tokens(config: DPTConfig, widths: Iterable[int], kind: type[ReassembleTokens] | None = None) -> Reassemble:
    """For an encoder that hands over tokens of these widths."""
    kind = kind or REASSEMBLE_TOKENS[config.reassemble.readout]
    rows = zip(widths, config.reassemble.features, config.fusion.widths, SCALES, strict=True)
    return Reassemble([kind(width, features, fusion_width, scale) for width, features, fusion_width, scale in rows])


def _resampling(scale: str, features: int) -> nn.Module:
    if scale == "spatial_upx4":
        return nn.ConvTranspose2d(features, features, kernel_size=4, stride=4)
    if scale == "spatial_upx2":
        return nn.ConvTranspose2d(features, features, kernel_size=2, stride=2)
    if scale == "spatial_downx2":
        return nn.Conv2d(features, features, kernel_size=3, stride=2, padding=1)
    return nn.Identity()
