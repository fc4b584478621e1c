from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.configurations import SMALL

UNMOVED = {"zoedepth, routed": ("bins.router.", "bins.places.kitti.")}  # what chooses learns nothing from the depth, nor what is not chosen


def moved(gradient: Tensor | None) -> bool:
    return gradient is not None and bool(gradient.isfinite().all()) and bool(gradient.abs().max() > 0)


@pytest.mark.parametrize("name", SMALL)
def test_a_loss_moves_every_weight_and_the_image(name: str) -> None:
    network, images = SMALL[name].network(), SMALL[name].images(2).requires_grad_()
    network(images).square().mean().backward()
    unmoved = [weight for weight, parameter in network.named_parameters() if not moved(parameter.grad)]
    assert [weight for weight in unmoved if not weight.startswith(UNMOVED.get(name, ()))] == []
    assert moved(images.grad)


@pytest.mark.parametrize("name", SMALL)
def test_a_step_against_the_gradient_lowers_the_loss(name: str) -> None:
    # Double precision, because a step that is small enough for every network moves some by less than single precision shows.
    network, images = SMALL[name].network().train().double(), SMALL[name].images(2).double()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-7)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = network(images).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]
