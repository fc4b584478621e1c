"""Any number of views of a scene -> their cameras, depth, and points in the frame of the first view.

    views -> patch_embed -> posenc -> imgencoder -> aggregator -> cameras  -> a camera for every view
                                                              \\-> depth    -> a map for every view
                                                              \\-> points   -> a point for every pixel

"VGGT: Visual Geometry Grounded Transformer", Wang et al., https://arxiv.org/abs/2503.11651
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import DPTConfig, Grid, SceneHeadConfig
from model_defs.encoders.cameras import NUMBERS, CameraTrunk, matrices
from model_defs.encoders.transformer import MLP
from model_defs.network import Network
from model_defs.precision import as_weights
from model_defs.scenes.seen import Seen, seen_by_depth
from model_defs.tracing import view_by_view, views_joined


class CameraHead(nn.Module):
    """Cameras from camera tokens: what was found of a camera so far modulates its token, and the trunk finds what is to be added."""

    def __init__(self, width: int, config: SceneHeadConfig) -> None:
        super().__init__()
        self.refinements = config.refinements
        self.token_norm = nn.LayerNorm(width, eps=1e-5)
        self.unknown = nn.Parameter(torch.zeros(1, 1, NUMBERS))  # takes the place of a camera of which nothing was found yet
        self.embed = nn.Linear(NUMBERS, width)
        self.modulation = nn.Linear(width, 3 * width)
        self.plain_norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.trunk = CameraTrunk(width, config.camera_depth, config.camera_mlp_width)
        self.branch = MLP(width, width // 2, NUMBERS)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, views, C) -> (B, views, 9): position, quaternion x, y, z, w of any length, and the angles of view, high and wide."""
        tokens = self.token_norm(tokens)
        normalized = self.plain_norm(tokens)
        cameras = self.branch(self.trunk(self._modulated(tokens, normalized, self.unknown)))
        for _ in range(self.refinements - 1):
            cameras = cameras + self.branch(self.trunk(self._modulated(tokens, normalized, cameras)))
        return torch.cat([cameras[..., :7], F.relu(cameras[..., 7:])], dim=-1)

    def _modulated(self, tokens: Tensor, normalized: Tensor, cameras: Tensor) -> Tensor:
        shift, scale, gate = self.modulation(F.silu(self.embed(cameras))).chunk(3, dim=-1)  # (B, views, C) each
        return tokens + gate * (normalized * (1 + scale) + shift)


class DenseHead(nn.Module):
    """The decoder of DPT on what was tapped of one view: some numbers for each pixel, the last of which is how far to trust the others."""

    keeps_float32 = True  # as the original's code has it: depth and points grow exponentially with what was rounded

    def __init__(self, width: int, reassemble: nn.Module, fusion: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.reassemble = reassemble
        self.fusion = fusion
        self.head = head

    def forward(self, taps: Sequence[Tensor], grid: Grid, image_size: Grid) -> tuple[Tensor, Tensor]:
        """(B, N, C) each -> (B, channels - 1, H, W) and (B, H, W)."""
        maps = self.reassemble([self.norm(tap) for tap in taps], grid)
        channels = self.head(self.fusion(maps), image_size)  # (B, channels, H, W)
        return channels[:, :-1], 1 + channels[:, -1].exp()


class VGGT(Network):
    """Cameras, depth and points of a scene, without a unit."""

    inputs = ("views",)
    usual_trust = "50%"
    outputs = ("pose_enc", "depth", "depth_conf", "world_points", "world_points_conf")

    patch_embed: nn.Module
    posenc: nn.Module
    imgencoder: nn.Module
    aggregator: nn.Module
    cameras: nn.Module
    maps: nn.ModuleDict  # depth and, where there is a decoder for them, points

    def __init__(self, config: DPTConfig, **parts: Any) -> None:
        super().__init__(config, **parts)
        self.framing = "padded" if config.image.fit == "longest" else "across"

    def forward(self, views: Tensor) -> dict[str, Tensor]:
        """(B, N, 3, H, W), the views of each scene, normalised -> maps of (B, N, H, W), points with three numbers more, and cameras (B, N, 9)."""
        self.check_views(views)
        image_size = (views.shape[3], views.shape[4])
        tokens, grid = self.patch_embed(views.flatten(0, 1))
        patches = self.imgencoder(self.posenc(tokens, grid)).unflatten(0, views.shape[:2])  # (B, N, h * w, C)
        taps, cameras = self.aggregator(patches, grid)
        predictions = {"pose_enc": self.cameras(cameras)}
        depth, trust = self._dense(self.maps["depth"], taps, grid, image_size)
        predictions |= {"depth": depth.squeeze(2).exp(), "depth_conf": trust}
        if "points" in self.maps:
            points, trust = self._dense(self.maps["points"], taps, grid, image_size)
            points = points.permute(0, 1, 3, 4, 2)
            predictions |= {"world_points": points.sign() * torch.expm1(points.abs()), "world_points_conf": trust}
        return predictions

    def scene(self, views: Sequence[Tensor], **cameras: Tensor) -> list[Seen]:
        """Points are where depth and cameras put them, which is more exact than those of the decoder for points (section 4.3 of the paper)."""
        found = self(torch.stack(list(views))[None])
        poses, intrinsics = matrices(found["pose_enc"][0].float(), (views[0].shape[1], views[0].shape[2]))
        each = zip(found["depth"][0].float(), found["depth_conf"][0].float(), poses, intrinsics, strict=True)
        return [seen_by_depth(*view) for view in each]

    def trial(self, image: Tensor) -> tuple[Tensor, ...]:
        return (torch.stack([image, image.flip(-1)], dim=1),)

    def _dense(self, head: nn.Module, taps: Sequence[Tensor], grid: Grid, image_size: Grid) -> tuple[Tensor, Tensor]:
        """One view after another: maps of all of them at once would be the largest thing in memory."""
        views = ([as_weights(head, tap) for tap in view] for view in zip(*map(view_by_view, taps), strict=True))
        each = [head(view, grid, image_size) for view in views]
        scenes = (taps[0].shape[0], taps[0].shape[1])
        values, trust = (views_joined(found, scenes) for found in zip(*each, strict=True))
        return values, trust
