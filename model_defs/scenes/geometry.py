"""Cameras out of points: a focal length, a camera's pose, and the motion that brings one cloud of points onto another.

All three are least squares that trust far-off points less in every round, and work in double precision: points of networks have outliers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model_defs.config import Grid
from model_defs.scenes.seen import pixels, to_camera

TOLERATED = 5.0  # pixels by which a point may lie off before its pose is hardly asked any more


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation x + translation."""

    scale: Tensor  # a number
    rotation: Tensor  # (3, 3)
    translation: Tensor  # (3,)

    def __call__(self, points: Tensor) -> Tensor:
        moved = self.scale * (points.double() @ self.rotation.T) + self.translation
        return moved.to(points.dtype)

    def camera(self) -> Tensor:
        """The way back without the scale: from a scene to the camera whose points this moves into the scene, (3, 4)."""
        return torch.cat([self.rotation.T, -(self.rotation.T @ self.translation)[:, None]], dim=1)


def focal_length(points: Tensor) -> Tensor:
    """In pixels, from the points of a view in its own camera's frame, (H, W, 3), whose axis goes through the middle of the picture.

    The sum of distances in pixels is made smallest, not that of their squares (Weiszfeld's algorithm), and the angle of view stays between
    what long and wide lenses have.
    """
    height, width, _ = points.shape
    points = points.double()
    seen = pixels((height, width), points) - points.new_tensor([width / 2, height / 2])
    slopes = (points[..., :2] / points[..., 2:]).nan_to_num(posinf=0, neginf=0)
    along, across = (slopes * seen).sum(-1), (slopes * slopes).sum(-1)
    focal = along.mean() / across.mean()
    for _ in range(10):
        nearness = 1 / (seen - focal * slopes).norm(dim=-1).clamp(min=1e-8)
        focal = (nearness * along).mean() / (nearness * across).mean()
    usual = max(height, width) / (2 * 3**-0.5)  # 60 degrees across the longer side
    return focal.nan_to_num(usual).clamp(0.5 * usual, 3.5 * usual)


def similarity(source: Tensor, target: Tensor, trust: Tensor) -> Similarity:
    """The scale, rotation and translation that bring (H, W, 3) onto (H, W, 3), by trust (H, W)."""
    one, other, weights = (spread(found).double() for found in (source, target, trust))
    whole = torch.isfinite(one).all(-1) & torch.isfinite(other).all(-1) & torch.isfinite(weights)
    one, other, trusted = one[whole], other[whole], weights[whole]
    weights = trusted
    for _ in range(5):
        found = closest(one, other, weights)
        apart = (found(one) - other).norm(dim=-1)
        weights = trusted / (1 + (apart / apart.median().clamp(min=1e-12)) ** 2)
    return found


def closest(one: Tensor, other: Tensor, weights: Tensor) -> Similarity:
    """What brings points, (M, 3), onto others by weighted squares (Umeyama)."""
    shares = (weights / weights.sum())[:, None]
    middle, there = (shares * one).sum(0), (shares * other).sum(0)
    one, other = one - middle, other - there
    left, sizes, right = torch.linalg.svd((shares * other).T @ one)
    signs = torch.ones_like(sizes)
    signs[2] = torch.sign(torch.linalg.det(left) * torch.linalg.det(right))  # a mirror image is no motion
    rotation = left @ torch.diag(signs) @ right
    scale = ((sizes * signs).sum() / (shares * one * one).sum().clamp(min=1e-24)).clamp(min=1e-12)
    return Similarity(scale, rotation, there - scale * (rotation @ middle))


def refined_pose(pose: Tensor, points: Tensor, trust: Tensor, intrinsics: Tensor) -> Tensor:
    """The pose near this one under which the points of a view, (H, W, 3), fall on their own pixels: (3, 4) -> (3, 4).

    Levenberg and Marquardt's least squares of six numbers; a point that lies off by more than `TOLERATED` counts little (Cauchy's loss).
    """
    height, width, _ = points.shape
    seen, cloud, weights = (spread(found).double() for found in (pixels((height, width), points), points, trust))
    whole = torch.isfinite(cloud).all(-1) & torch.isfinite(weights)
    seen, cloud, weights = seen[whole], cloud[whole], weights[whole] / weights[whole].mean()
    pose, intrinsics, damping = pose.double(), intrinsics.double(), 1e-3
    cost, system = _misses(pose, cloud, seen, weights, intrinsics)
    for _ in range(30):
        matrix, side = system
        step = torch.linalg.lstsq(matrix + damping * torch.diag(matrix.diagonal() + 1e-12), -side[:, None]).solution[:, 0]
        moved = _moved(pose, step)
        new_cost, new_system = _misses(moved, cloud, seen, weights, intrinsics)
        if not new_cost < cost:
            damping *= 10
            continue
        is_settled = cost - new_cost < 1e-9 * cost
        pose, cost, system, damping = moved, new_cost, new_system, damping / 10
        if is_settled:
            break
    return pose


def _misses(pose: Tensor, cloud: Tensor, seen: Tensor, weights: Tensor, intrinsics: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """How far the points fall from their pixels, summed by the loss; and the equations of the step that brings them closer."""
    points = to_camera(cloud, pose)
    x, y, z = points.unbind(-1)
    ahead = z > 1e-6 * z.abs().max()
    z = torch.where(ahead, z, torch.ones_like(z))
    across, down = intrinsics[0, 0], intrinsics[1, 1]
    missed = torch.stack([across * x / z + intrinsics[0, 2], down * y / z + intrinsics[1, 2]], dim=-1) - seen  # (M, 2)
    missed = torch.where(ahead[:, None], missed, torch.full_like(missed, 1e6))
    off = (missed / TOLERATED).square().sum(-1)
    nothing = torch.zeros_like(z)
    by_point = torch.stack(  # how the pixel moves with the point: (M, 2, 3)
        [
            torch.stack([across / z, nothing, -across * x / z**2], dim=-1),
            torch.stack([nothing, down / z, -down * y / z**2], dim=-1),
        ],
        dim=-2,
    )
    by_rotation = torch.linalg.cross(points[:, None, :].expand_as(by_point), by_point, dim=-1)
    by_step = torch.cat([by_rotation, by_point], dim=-1)  # (M, 2, 6)
    shares = torch.where(ahead, weights / (1 + off), nothing)
    matrix = torch.einsum("m,mki,mkj->ij", shares, by_step, by_step)
    side = torch.einsum("m,mki,mk->i", shares, by_step, missed)
    return (weights * torch.log1p(off)).sum(), (matrix, side)


def _moved(pose: Tensor, step: Tensor) -> Tensor:
    """A pose, turned about the camera by the vector of a rotation and shifted."""
    x, y, z = step[:3]
    nothing = torch.zeros_like(x)
    turn = torch.linalg.matrix_exp(torch.stack([nothing, -z, y, z, nothing, -x, -y, x, nothing]).view(3, 3))
    return torch.cat([turn @ pose[:, :3], (turn @ pose[:, 3] + step[3:])[:, None]], dim=1)


def spread(found: Tensor, count: int = 1 << 14) -> Tensor:
    """About this many pixels, evenly over the picture: (H, W) -> (M,), or (H, W, C) -> (M, C)."""
    step = max(1, int((found.shape[0] * found.shape[1] / count) ** 0.5))
    return found[::step, ::step].flatten(0, 1)


def centred(focal: Tensor, size: Grid) -> Tensor:
    """Intrinsics of a camera whose axis goes through the middle of the picture: (3, 3)."""
    intrinsics = torch.eye(3, dtype=focal.dtype, device=focal.device)
    intrinsics[0, 0] = intrinsics[1, 1] = focal
    intrinsics[0, 2], intrinsics[1, 2] = size[1] / 2, size[0] / 2
    return intrinsics
