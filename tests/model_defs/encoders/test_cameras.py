from __future__ import annotations

import math

import pytest
import torch

from model_defs.encoders.cameras import matrices, nine_numbers, quaternions, rotations


def test_a_quarter_turn_about_the_viewing_direction() -> None:
    half = math.sqrt(0.5)
    turned = rotations(torch.tensor([0.0, 0.0, half, half])) @ torch.tensor([1.0, 0.0, 0.0])
    assert torch.allclose(turned, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6)


def test_the_length_of_a_quaternion_says_nothing() -> None:
    quaternion = torch.randn(5, 4)
    assert torch.allclose(rotations(quaternion), rotations(7 * quaternion), atol=1e-5)


@pytest.mark.parametrize("largest", range(4))
def test_rotations_become_the_quaternions_they_came_from(largest: int) -> None:
    quaternion = 0.2 * torch.randn(20, 4, generator=torch.Generator().manual_seed(largest))
    quaternion[:, largest] += 3
    quaternion = quaternion / quaternion.norm(dim=-1, keepdim=True) * quaternion[:, 3:].sign()
    assert torch.allclose(quaternions(rotations(quaternion)), quaternion, atol=1e-5)


def test_an_angle_of_view_of_a_right_angle_is_a_focal_length_of_half_the_side() -> None:
    camera = torch.tensor([1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 1.0, math.pi / 2, math.pi / 2])
    pose, intrinsics = matrices(camera, (60, 80))
    assert torch.allclose(pose, torch.cat([torch.eye(3), torch.tensor([[1.0], [2.0], [3.0]])], dim=1))
    assert torch.allclose(intrinsics, torch.tensor([[40.0, 0.0, 40.0], [0.0, 30.0, 30.0], [0.0, 0.0, 1.0]]), atol=1e-4)


def test_cameras_become_nine_numbers_and_matrices_again() -> None:
    cameras = torch.randn(2, 3, 9, generator=torch.Generator().manual_seed(0))
    cameras[..., 7:] = 0.3 + cameras[..., 7:].abs().clamp(max=2)
    pose, intrinsics = matrices(cameras, (70, 98))
    again = matrices(nine_numbers(pose, intrinsics, (70, 98)), (70, 98))
    assert torch.allclose(again[0], pose, atol=1e-5) and torch.allclose(again[1], intrinsics, rtol=1e-4)
