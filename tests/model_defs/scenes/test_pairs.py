"""A room whose walls, cameras and focal lengths are known, told in pairs as a two-view network tells it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import pytest
import torch
from torch import Tensor

from model_defs.scenes.geometry import centred, focal_length, similarity
from model_defs.scenes.pairs import Pair, relative, scene_of
from model_defs.scenes.seen import pixels, seen_by_depth, to_camera

SIZE = (48, 64)
FOCALS = (60.0, 75.0, 50.0, 66.0)


def turned(angle: float, position: tuple[float, float, float]) -> Tensor:
    """A camera that is turned about the vertical axis, and stands there: (3, 4)."""
    cosine, sine = torch.tensor(angle).cos().item(), torch.tensor(angle).sin().item()
    rotation = torch.tensor([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]], dtype=torch.float64)
    return torch.cat([rotation, -(rotation @ torch.tensor(position, dtype=torch.float64))[:, None]], dim=1)


CAMERAS = (turned(0, (0, 0, 0)), turned(0.2, (-0.8, 0.1, 0.2)), turned(-0.15, (0.7, -0.2, 0.1)), turned(0.05, (0.3, 0.3, -0.5)))


def intrinsics(view: int) -> Tensor:
    return centred(torch.tensor(FOCALS[view], dtype=torch.float64), SIZE)


def depths(view: int) -> Tensor:
    """A wavy wall, as this view sees it."""
    columns, rows = pixels(SIZE, torch.zeros(1, dtype=torch.float64)).unbind(-1)
    return 4 + torch.sin(columns / (9 + view)) + torch.cos(rows / 7)


def points(view: int, frame: int) -> Tensor:
    """Of one view, in the frame of another's camera."""
    own = seen_by_depth(depths(view), torch.ones(SIZE), torch.eye(4, dtype=torch.float64)[:3], intrinsics(view)).points.double()
    move = relative(CAMERAS[frame], CAMERAS[view])  # from the view's camera to the frame's
    return to_camera(own, move)


def pairs(count: int, noise: float = 0.0) -> Iterator[Pair]:
    """Every pair has a scale of its own, and the later view is told less well."""
    torch.manual_seed(0)
    for first, second in permutations(range(count), 2):
        scale, trust = 1 + 0.3 * first + 0.1 * second, torch.full(SIZE, 3.0 - 0.1 * (first + second))
        here, there = (scale * points(view, first) * (1 + noise * torch.randn(*SIZE, 1)) for view in (first, second))
        yield Pair(first, second, here.float(), trust, there.float(), trust)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_cameras_and_points_come_out_of_pairs(count: int) -> None:
    scene = scene_of(pairs(count))
    scale = float(scene[0].depth.mean() / depths(0).mean())
    for view, seen in enumerate(scene):
        true = relative(CAMERAS[view], CAMERAS[0])
        assert torch.allclose(seen.extrinsics[:, :3].double(), true[:, :3], atol=1e-3)
        assert torch.allclose(seen.extrinsics[:, 3].double() / scale, true[:, 3], atol=5e-3)
        assert torch.allclose(seen.intrinsics.double(), intrinsics(view), rtol=2e-3)
        assert torch.allclose(seen.points.double() / scale, points(view, 0), atol=5e-3)
        assert torch.allclose(seen.depth.double() / scale, depths(view), atol=5e-3)


def test_noise_in_every_point_moves_cameras_less_than_the_points() -> None:
    scene = scene_of(pairs(3, noise=0.03))
    scale = float(scene[0].depth.mean() / depths(0).mean())
    for view, seen in enumerate(scene):
        assert (seen.extrinsics[:, 3].double() / scale - relative(CAMERAS[view], CAMERAS[0])[:, 3]).norm() < 0.01 * depths(0).mean()


def test_two_pictures_keep_the_points_that_the_network_gives_them() -> None:
    (first, *_), scene = list(pairs(2)), scene_of(pairs(2))
    assert torch.equal(scene[0].points, first.here) and torch.equal(scene[1].points, first.there)


def test_a_tenth_of_wild_points_does_not_move_the_rest() -> None:
    torch.manual_seed(0)
    source = points(1, 1)
    target = 2 * source + torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    target[:5] *= 40
    found = similarity(source, target, torch.ones(SIZE))
    assert torch.allclose(found(source)[5:], target[5:], atol=0.05)


def test_a_focal_length_is_found_among_wild_points() -> None:
    seen = points(0, 0)
    seen[::7] *= torch.tensor([1.5, 1.5, 1.0])
    assert focal_length(seen).item() == pytest.approx(FOCALS[0], rel=0.01)


def test_depth_and_points_are_each_others_projection() -> None:
    seen = seen_by_depth(depths(2), torch.ones(SIZE), CAMERAS[2], intrinsics(2))
    x, y, z = to_camera(seen.points, seen.extrinsics).unbind(-1)
    back = torch.stack([FOCALS[2] * x / z + SIZE[1] / 2, FOCALS[2] * y / z + SIZE[0] / 2], dim=-1)
    assert torch.allclose(back, pixels(SIZE, back), atol=1e-3) and torch.allclose(z, seen.depth, atol=1e-4)
