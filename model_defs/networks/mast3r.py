"""Two photographs of a scene -> points in space, and for each of their pixels a description by which it is found in the other view.

    views.first,  views.second:  taps -> reassemble -> fusion -> head -> points
                                 first and last tap -> descriptors   -> descriptions

"Grounding Image Matching in 3D with MASt3R", Leroy, Cabon and Revaud, https://arxiv.org/abs/2406.09756
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import CroCoConfig, DPTConfig, Grid, MatchingHeadConfig
from model_defs.encoders.croco import behind, parts
from model_defs.encoders.transformer import MLP
from model_defs.networks.dust3r import DensePoints, DUSt3R


class Descriptors(MLP):
    """What the encoder and the decoder made of each patch -> a description of each of its pixels, and how far to trust it."""

    def __init__(self, encoder: CroCoConfig, head: MatchingHeadConfig) -> None:
        channels = head.descriptors + 1
        super().__init__(encoder.width + encoder.decoder_width, head.descriptor_mlp_width, channels * encoder.patch_size**2)
        self.patch_size = encoder.patch_size

    def forward(self, tokens: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:  # type: ignore[override]  # needs to know the grid
        patches = super().forward(tokens).transpose(1, 2).unflatten(2, grid)  # (B, N, C) -> (B, channels * patch * patch, h, w)
        channels = F.pixel_shuffle(patches, self.patch_size).permute(0, 2, 3, 1)  # (B, H, W, channels)
        described, trust = channels[..., :-1], channels[..., -1]
        return described / described.norm(dim=-1, keepdim=True), trust.exp()


class DescribedPoints(DensePoints):
    """The decoder of DPT for one view, and descriptions beside it."""

    def __init__(self, descriptors: Descriptors, **parts: nn.Module) -> None:
        super().__init__(**parts)
        self.descriptors = descriptors

    def forward(self, taps: Sequence[Tensor], grid: Grid, image_size: Grid) -> tuple[Tensor, ...]:
        tokens = torch.cat([taps[0], taps[-1]], dim=-1)  # (B, N, encoder's width + decoder's width)
        return *super().forward(taps, grid, image_size), *self.descriptors(tokens, grid)


class MASt3R(DUSt3R):
    """DUSt3R, which also says of every pixel how to find it again: desc_1 and desc_2 of (B, H, W, C) and length one, and their trust."""

    outputs = ("pts3d_1", "conf_1", "desc_1", "desc_conf_1", "pts3d_2", "conf_2", "desc_2", "desc_conf_2")


def network(config: DPTConfig, encoder: CroCoConfig) -> MASt3R:
    assert isinstance(config.head, MatchingHeadConfig), "this network is for such heads"
    views = {view: DescribedPoints(Descriptors(encoder, config.head), **behind(config, encoder)) for view in ("first", "second")}
    return MASt3R(config, **parts(config, encoder), views=nn.ModuleDict(views), multiple=encoder.patch_size)
