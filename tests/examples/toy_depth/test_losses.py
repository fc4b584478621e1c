"""The losses of the toy network, against values worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from examples.toy_depth.losses import anchor, correlation_loss


def _random(seed: int) -> Tensor:
    return torch.rand(2, 24, 32, generator=torch.Generator().manual_seed(seed))


def test_what_differs_by_scale_and_shift_only_has_no_correlation_loss() -> None:
    assert correlation_loss(3 * _random(1) - 7, _random(1)).item() == pytest.approx(0, abs=1e-8)


def test_without_gradients_it_is_twice_what_is_missing_from_full_correlation() -> None:
    prediction, target = _random(1), _random(2)
    correlations = [
        torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] for one, other in zip(prediction, target, strict=True)
    ]
    expected = 2 - 2 * torch.stack(correlations).mean()
    assert correlation_loss(prediction, target, gradient_weight=0).item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_step_counts_wherever_a_resolution_sees_it() -> None:
    target = torch.zeros(1, 16, 16)
    target[..., 8:] = 1  # one step between columns 7 and 8: seen by 16 of 16 rows at every one of the four resolutions
    residual_step = 4.0  # from a prediction of the opposite sign: -1 - 1 on the left, 1 + 1 on the right
    columns = [15, 7, 3, 1]  # differences in a row, of which one is the step
    expected = 4.0 + 0.5 * sum(residual_step**2 / count for count in columns)
    assert correlation_loss(-target, target).item() == pytest.approx(expected, rel=1e-5)


def test_a_constant_prediction_has_a_finite_loss_and_gradient() -> None:
    prediction = torch.zeros(2, 24, 32, requires_grad=True)
    loss = correlation_loss(prediction, _random(1))
    (gradient,) = torch.autograd.grad(loss, prediction)
    assert torch.isfinite(loss) and torch.isfinite(gradient).all()


def test_the_anchor_is_the_mean_distance_from_the_target_over_its_mean() -> None:
    target, prediction = torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[1.0, 1.0]]])
    # Over its mean of 2 the target is 0.5 and 1.5; the distances are 0.5 and 0.5.
    assert anchor(prediction, target, torch.ones_like(target, dtype=torch.bool)).item() == pytest.approx(0.5)
