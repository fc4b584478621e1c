"""Cameras as nine numbers, as matrices, and as tokens that look at each other.

The nine numbers are a position, a rotation as a quaternion x, y, z, w of any length, and two angles of view in radians, high and wide.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_defs.config import Grid
from model_defs.encoders.transformer import MLP, Attention, ScaledBlock

NUMBERS = 9  # of a camera
HEADS = 16  # of attention among cameras, whatever its width


class CameraTrunk(nn.Module):
    """Blocks on one token for each view, (B, views, C), and a norm over what the last one gives."""

    def __init__(self, width: int, depth: int, mlp_width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ScaledBlock(width, Attention(width, HEADS), MLP(width, mlp_width), eps=1e-5) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-5)

    def forward(self, tokens: Tensor) -> Tensor:
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)


def matrices(cameras: Tensor, image_size: Grid) -> tuple[Tensor, Tensor]:
    """(..., 9) -> a rotation beside a position, (..., 3, 4), and intrinsics in pixels, (..., 3, 3), whose centre is the picture's."""
    position, quaternion, angles = cameras.split((3, 4, 2), dim=-1)
    pose = torch.cat([rotations(quaternion), position[..., None]], dim=-1)
    height, width = image_size
    down, across = ((side / 2) / torch.tan(angle / 2).clamp(min=1e-6) for side, angle in zip(image_size, angles.unbind(-1), strict=True))
    nothing, one = torch.zeros_like(down), torch.ones_like(down)
    rows = (across, nothing, one * width / 2), (nothing, down, one * height / 2), (nothing, nothing, one)
    return pose, torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def nine_numbers(poses: Tensor, intrinsics: Tensor, image_size: Grid) -> Tensor:
    """The inverse: (..., 3 or 4, 4) and (..., 3, 3) -> (..., 9), with quaternions of length one whose last number is not negative."""
    focal_lengths = (intrinsics[..., 1, 1], intrinsics[..., 0, 0])
    angles = [2 * torch.atan((side / 2) / focal) for side, focal in zip(image_size, focal_lengths, strict=True)]
    return torch.cat([poses[..., :3, 3], quaternions(poses[..., :3, :3]), torch.stack(angles, dim=-1)], dim=-1)


def rotations(quaternions: Tensor) -> Tensor:
    """(..., 4) of any length -> (..., 3, 3)."""
    x, y, z, w = quaternions.unbind(-1)
    twice = 2 / (quaternions * quaternions).sum(-1)
    rows = (
        (1 - twice * (y * y + z * z), twice * (x * y - z * w), twice * (x * z + y * w)),
        (twice * (x * y + z * w), 1 - twice * (x * x + z * z), twice * (y * z - x * w)),
        (twice * (x * z - y * w), twice * (y * z + x * w), 1 - twice * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def quaternions(rotations: Tensor) -> Tensor:
    """(..., 3, 3) -> (..., 4) of length one, the last number not negative."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(-1) for row in rotations.unbind(-2))
    # Four times the products of every two of x, y, z and w; each row is the quaternion times one of its own numbers.
    products = (
        (1 + xx - yy - zz, yx + xy, xz + zx, zy - yz),
        (yx + xy, 1 - xx + yy - zz, zy + yz, xz - zx),
        (xz + zx, zy + yz, 1 - xx - yy + zz, yx - xy),
        (zy - yz, xz - zx, yx - xy, 1 + xx + yy + zz),
    )
    table = torch.stack([torch.stack(row, dim=-1) for row in products], dim=-2)  # (..., 4, 4)
    largest = table.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)  # dividing by the largest loses least
    row = table.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4)).squeeze(-2)
    unit = row / row.norm(dim=-1, keepdim=True)
    return torch.where(unit[..., 3:] < 0, -unit, unit)
