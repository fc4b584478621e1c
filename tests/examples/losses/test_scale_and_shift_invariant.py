"""The loss of MiDaS, against values worked out by hand and against what it has to be blind to."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from examples.losses.scale_and_shift_invariant import gradient_mismatch, normalise, scale_and_shift_invariant_loss, trimmed_error


def everywhere(values: Tensor) -> Tensor:
    return torch.ones_like(values, dtype=torch.bool)


def random_maps(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 24, 32, generator=generator), torch.rand(2, 24, 32, generator=generator)


def test_normalising_moves_the_median_to_zero_and_the_mean_distance_from_it_to_one() -> None:
    values = torch.tensor([[[1.0, 2.0, 4.0, 6.0, 12.0]]])
    # The median is 4; the distances are 3, 2, 0, 2 and 8, on average 3.
    assert torch.allclose(normalise(values, everywhere(values)), torch.tensor([[[-1.0, -2 / 3, 0.0, 2 / 3, 8 / 3]]]))


def test_normalising_looks_at_known_pixels_only() -> None:
    values = torch.tensor([[[1.0, 2.0, 4.0, 6.0, 12.0, 1e9]]])
    mask = torch.tensor([[[True, True, True, True, True, False]]])
    assert torch.allclose(normalise(values, mask), torch.tensor([[[-1.0, -2 / 3, 0.0, 2 / 3, 8 / 3, 0.0]]]))


def test_each_image_is_normalised_by_itself() -> None:
    first, second = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[10.0, 30.0, 50.0]])
    together = normalise(torch.stack([first, second]), torch.ones(2, 1, 3, dtype=torch.bool))
    assert torch.allclose(together[0], together[1])


def test_the_largest_fifth_of_the_residuals_is_left_out() -> None:
    residual = torch.tensor([[[0.1, -0.2, 0.3, -0.4, 100.0]]])
    assert trimmed_error(residual, everywhere(residual)).item() == pytest.approx((0.1 + 0.2 + 0.3 + 0.4) / (2 * 5))


def test_unknown_pixels_neither_count_nor_are_trimmed() -> None:
    residual = torch.tensor([[[0.1, -0.2, 0.3, -0.4, 100.0, 7.0, 8.0]]])
    mask = torch.tensor([[[True, True, True, True, True, False, False]]])
    assert trimmed_error(residual, mask).item() == pytest.approx(1.0 / 10)


def test_the_gradient_of_a_ramp_is_the_same_hand_computed_sum_at_every_scale() -> None:
    row = torch.arange(16.0)
    ramp = row.expand(1, 16, 16)
    # Across, 16 rows of 15 steps of height 1 over 256 pixels; then 8 rows of 7 steps of 2 over 64, 4 of 3 of 4 over 16, 2 of 1 of 8 over 4.
    expected = 16 * 15 * 1 / 256 + 8 * 7 * 2 / 64 + 4 * 3 * 4 / 16 + 2 * 1 * 8 / 4
    assert gradient_mismatch(ramp, everywhere(ramp)).item() == pytest.approx(expected)
    assert gradient_mismatch(ramp.transpose(1, 2), everywhere(ramp)).item() == pytest.approx(expected)


def test_a_gradient_needs_both_of_its_pixels() -> None:
    residual = torch.tensor([[[0.0, 5.0, 0.0, 1.0]]])
    mask = torch.tensor([[[True, False, True, True]]])
    # At full resolution only the last step is between known pixels, over three known ones; at half, pixels 0 and 2 are equal.
    assert gradient_mismatch(residual, mask).item() == pytest.approx(1 / 3)


def test_a_perfect_prediction_costs_nothing() -> None:
    target, _ = random_maps(0)
    assert scale_and_shift_invariant_loss(target, target, everywhere(target)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("scale", "shift"), [(3.0, 0.0), (1.0, 5.0), (0.01, -2.0)])
def test_neither_scale_nor_shift_of_either_map_matters(scale: float, shift: float) -> None:
    prediction, target = random_maps(1)
    mask = everywhere(target)
    plain = scale_and_shift_invariant_loss(prediction, target, mask).item()
    assert scale_and_shift_invariant_loss(scale * prediction + shift, target, mask).item() == pytest.approx(plain, rel=1e-3)
    assert scale_and_shift_invariant_loss(prediction, scale * target + shift, mask).item() == pytest.approx(plain, rel=1e-3)


def test_near_and_far_exchanged_is_not_forgiven() -> None:
    _, target = random_maps(2)
    assert scale_and_shift_invariant_loss(-target, target, everywhere(target)).item() > 0.5


def test_what_is_under_the_mask_does_not_matter() -> None:
    prediction, target = random_maps(3)
    mask = torch.rand(target.shape, generator=torch.Generator().manual_seed(4)) < 0.7
    elsewhere = torch.where(mask, target, 1e4)
    known = scale_and_shift_invariant_loss(prediction, target, mask)
    assert scale_and_shift_invariant_loss(prediction, elsewhere, mask).item() == pytest.approx(known.item())


def test_a_few_wild_labels_barely_move_the_trimmed_error() -> None:
    prediction, target = random_maps(5)
    wild = target.clone()
    wild[:, :2, :8] = 50.0
    calm = trimmed_error(normalise(prediction, everywhere(target)) - normalise(target, everywhere(target)), everywhere(target))
    mask = everywhere(target)
    moved = trimmed_error((normalise(prediction, mask) - normalise(target, mask)).masked_fill(wild > 40, 1e6), mask)
    assert moved.item() == pytest.approx(calm.item(), rel=0.15)


def test_every_image_weighs_the_same_however_much_of_it_is_known() -> None:
    prediction, target = random_maps(6)
    mask = everywhere(target)
    mask[1, 4:] = False
    apart = [scale_and_shift_invariant_loss(prediction[i : i + 1], target[i : i + 1], mask[i : i + 1]).item() for i in (0, 1)]
    assert scale_and_shift_invariant_loss(prediction, target, mask).item() == pytest.approx(sum(apart) / 2, rel=1e-5)


@pytest.mark.parametrize("known", [0, 1])
def test_an_image_without_anything_to_learn_from_gives_no_gradient_rather_than_nan(known: int) -> None:
    prediction, target = random_maps(7)
    prediction.requires_grad_(True)
    mask = everywhere(target)
    mask[0] = False
    mask[0, 0, :known] = True
    loss = scale_and_shift_invariant_loss(prediction, target, mask)
    loss.backward()
    assert math.isfinite(loss.item())
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()
    assert torch.equal(prediction.grad[0], torch.zeros_like(prediction.grad[0]))
    assert prediction.grad[1].abs().sum() > 0


def test_following_the_gradient_makes_the_loss_smaller() -> None:
    prediction, target = random_maps(8)
    prediction.requires_grad_(True)
    mask = everywhere(target)
    before = scale_and_shift_invariant_loss(prediction, target, mask)
    before.backward()
    assert prediction.grad is not None
    after = scale_and_shift_invariant_loss(prediction.detach() - 0.5 * prediction.grad, target, mask)
    assert after.item() < before.item()
