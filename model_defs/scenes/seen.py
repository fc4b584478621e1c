"""What is known of one view of a scene. A network that sees scenes makes one for each view, in its method `scene`.

Cameras look along z, with x to the right and y down. `extrinsics` takes a point of the scene to the camera, (R | t); `intrinsics` takes it on to
pixels, which are counted from the top left corner of the picture as the network saw it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model_defs.config import Grid


@dataclass(frozen=True)
class Seen:
    """One view; all tensors are float32."""

    depth: Tensor  # (H, W), along the camera's axis
    confidence: Tensor  # (H, W)
    points: Tensor  # (H, W, 3), in the frame that all views share
    extrinsics: Tensor  # (3, 4)
    intrinsics: Tensor  # (3, 3)


def seen_by_points(points: Tensor, confidence: Tensor, extrinsics: Tensor, intrinsics: Tensor) -> Seen:
    """From points in the scene's frame; depth is how far along its axis a camera has them."""
    return _in_single_precision(to_camera(points, extrinsics)[..., 2], confidence, points, extrinsics, intrinsics)


def seen_by_depth(depth: Tensor, confidence: Tensor, extrinsics: Tensor, intrinsics: Tensor, centre: float = 0.0) -> Seen:
    """From depth, (H, W); `centre` is where in a pixel its ray begins: 0 as in most originals, or 0.5."""
    height, width = depth.shape
    rays = pixels((height, width), depth) + centre
    rays = torch.cat([rays, torch.ones_like(rays[..., :1])], dim=-1) @ intrinsics.to(depth.dtype).inverse().T  # (H, W, 3)
    rotation, translation = extrinsics[..., :3].to(depth.dtype), extrinsics[..., 3].to(depth.dtype)
    points = (rays * depth[..., None] - translation) @ rotation  # the transpose of a rotation turns back
    return _in_single_precision(depth, confidence, points, extrinsics, intrinsics)


def pixels(size: Grid, like: Tensor) -> Tensor:
    """The column and the row of every pixel, from zero: (H, W, 2)."""
    rows, columns = (torch.arange(side, dtype=like.dtype, device=like.device) for side in size)
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)


def to_camera(points: Tensor, extrinsics: Tensor) -> Tensor:
    """(..., 3) in the scene's frame -> (..., 3) in the camera's."""
    return points @ extrinsics[:, :3].to(points.dtype).T + extrinsics[:, 3].to(points.dtype)


def _in_single_precision(*maps: Tensor) -> Seen:
    return Seen(*(found.float() for found in maps))
