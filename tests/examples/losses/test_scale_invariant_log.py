"""The scale-invariant logarithmic loss, against values worked out by hand and against what it has to be blind to."""

from __future__ import annotations

import math

import pytest
import torch

from examples.losses.scale_invariant_log import scale_invariant_log_loss

TRUTH = torch.tensor([[[1.0, 2.0, 4.0, 8.0]]])
EVERYWHERE = torch.ones(1, 1, 4, dtype=torch.bool)


def test_four_pixels_worked_out_by_hand() -> None:
    prediction = TRUTH * torch.exp(torch.tensor([0.1, 0.3, -0.2, 0.2]))
    # The mean of the squares is (0.01 + 0.09 + 0.04 + 0.04) / 4 = 0.045, the mean is 0.1, and half of its square is 0.005.
    assert scale_invariant_log_loss(prediction, TRUTH, EVERYWHERE).item() == pytest.approx(math.sqrt(0.04))


def test_an_error_in_scale_costs_what_is_not_forgiven() -> None:
    for forgiven, cost in ((0.0, 1.0), (0.5, math.sqrt(0.5)), (0.75, 0.5)):
        loss = scale_invariant_log_loss(math.e * TRUTH, TRUTH, EVERYWHERE, forgiven)
        assert loss.item() == pytest.approx(cost, rel=1e-5)


@pytest.mark.parametrize("scale", [0.1, 3.0, 20.0])
def test_where_all_is_forgiven_no_scale_matters(scale: float) -> None:
    prediction = torch.tensor([[[1.5, 1.0, 5.0, 7.0]]])
    plain = scale_invariant_log_loss(prediction, TRUTH, EVERYWHERE, forgiven=1.0)
    assert scale_invariant_log_loss(scale * prediction, TRUTH, EVERYWHERE, forgiven=1.0).item() == pytest.approx(plain.item(), rel=1e-4)


def test_the_unit_does_not_matter() -> None:
    prediction = torch.tensor([[[1.5, 1.0, 5.0, 7.0]]])
    metres = scale_invariant_log_loss(prediction, TRUTH, EVERYWHERE)
    assert scale_invariant_log_loss(100 * prediction, 100 * TRUTH, EVERYWHERE).item() == pytest.approx(metres.item(), rel=1e-5)


def test_too_near_costs_as_much_as_too_far() -> None:
    factors = torch.tensor([1.0, 1.2, 2.0, 1.1])
    near, far = (scale_invariant_log_loss(prediction, TRUTH, EVERYWHERE) for prediction in (TRUTH / factors, TRUTH * factors))
    assert near.item() == pytest.approx(far.item(), rel=1e-5)


def test_unknown_pixels_count_for_nothing_whatever_is_in_them() -> None:
    prediction = torch.tensor([[[1.5, 1.0, 5.0, -3.0]]])
    mask = torch.tensor([[[True, True, True, False]]])
    alone = scale_invariant_log_loss(prediction[..., :3], TRUTH[..., :3], mask[..., :3])
    for unknown in (0.0, torch.nan, torch.inf):
        truth = TRUTH.clone()
        truth[..., 3] = unknown
        assert scale_invariant_log_loss(prediction, truth, mask).item() == pytest.approx(alone.item())


def test_every_image_weighs_the_same_however_much_of_it_is_known() -> None:
    prediction, truth = torch.rand(2, 3, 4) + 0.5, torch.rand(2, 3, 4) + 0.5
    mask = torch.ones(2, 3, 4, dtype=torch.bool)
    mask[1, 1:] = False
    apart = [scale_invariant_log_loss(prediction[i : i + 1], truth[i : i + 1], mask[i : i + 1]).item() for i in (0, 1)]
    assert scale_invariant_log_loss(prediction, truth, mask).item() == pytest.approx(sum(apart) / 2, rel=1e-5)


@pytest.mark.parametrize("known", [0, 4])
def test_where_there_is_nothing_to_learn_the_gradient_is_nothing_and_not_nan(known: int) -> None:
    prediction = TRUTH.clone().requires_grad_(True)
    mask = torch.arange(4)[None, None] < known
    torch.autograd.backward(scale_invariant_log_loss(prediction, TRUTH, mask))
    assert prediction.grad is not None
    assert torch.equal(prediction.grad, torch.zeros_like(prediction))
