"""What evaluation asks for, as losses: against values worked out by hand, and against the evaluation's own numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from examples.losses.aligned import LARGEST_ERROR, missed_share, relative_error
from examples.toy_depth.metrics import aligned

LOSSES = (relative_error, missed_share)


def _random(seed: int) -> Tensor:
    return 0.1 + torch.rand(2, 24, 32, generator=torch.Generator().manual_seed(seed))


def _everywhere(values: Tensor) -> Tensor:
    return torch.ones_like(values, dtype=torch.bool)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_differs_by_scale_and_shift_only_costs_nothing(loss: object) -> None:
    assert callable(loss)
    assert float(loss(3 * _random(1) + 2, _random(1), _everywhere(_random(1)))) == pytest.approx(0, abs=1e-5)


def test_a_relative_error_is_one_of_the_aligned_prediction_in_shares_of_the_target() -> None:
    nearness = np.array([1.0, 0.5, 0.25, 0.2, 0.1])
    predicted = np.array([2.0, 1.2, 0.4, 0.4, 0.3])
    expected = np.abs(aligned(predicted, nearness) - nearness) / nearness
    target = torch.tensor(nearness).view(1, 1, 5)
    error = relative_error(torch.tensor(predicted).view(1, 1, 5), target, _everywhere(target))
    assert float(error) == pytest.approx(expected.clip(max=LARGEST_ERROR).mean())


def test_a_pixel_at_the_edge_of_delta_1_is_most_of_a_miss_and_one_far_beyond_it_a_whole_one() -> None:
    nearness = np.array([1.0, 0.5, 0.25, 0.2, 0.1])
    predicted = np.array([2.0, 1.2, 0.4, 0.4, 0.3])
    misses = np.log(aligned(predicted, nearness) / nearness) / math.log(1.25)
    target = torch.tensor(nearness).view(1, 1, 5)
    share = missed_share(torch.tensor(predicted).view(1, 1, 5), target, _everywhere(target))
    assert float(share) == pytest.approx((1 - np.exp(-(misses**2))).mean())


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_not_known_neither_counts_nor_is_aligned_with(loss: object) -> None:
    assert callable(loss)
    nearness = torch.tensor([[[1.0, 0.5, 0.25, 0.0]]])
    assert float(loss(torch.tensor([[[1.0, 0.5, 0.25, 9.0]]]), nearness, nearness > 0)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_constant_prediction_and_a_picture_without_measurements_have_finite_gradients(loss: object) -> None:
    assert callable(loss)
    prediction, mask = torch.zeros(2, 24, 32, requires_grad=True), _everywhere(_random(1))
    mask[1] = False
    value = loss(prediction, _random(1), mask)
    (gradient,) = torch.autograd.grad(value, prediction)
    assert torch.isfinite(value) and torch.isfinite(gradient).all()
