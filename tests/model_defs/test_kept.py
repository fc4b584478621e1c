"""What is computed from parameters once must follow every change of theirs."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import nn

from model_defs.encoders.hybrid import StandardizedConvolution
from model_defs.parts.convolution import NormalizedConvolution


def _learned(layer: nn.Module) -> nn.Module:
    """As after training: every parameter and every statistic has a value of its own."""
    generator = torch.Generator().manual_seed(1)
    for tensor in layer.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.1)
    return layer.eval()


MAKERS: dict[str, Callable[[], nn.Module]] = {
    "batch norm": lambda: NormalizedConvolution(8, 32, 3, padding=1),
    "batch norm, own bias": lambda: NormalizedConvolution(8, 32, 3, padding=1, bias=True),
    "standardised": lambda: StandardizedConvolution(8, 32, 3),
}
CHANGES: dict[str, Callable[[nn.Module], object]] = {
    "in place": lambda layer: layer.get_parameter("weight").mul_(torch.linspace(0.5, 2, 9).view(3, 3)),
    "behind torch's back": lambda layer: [tensor.data.sqrt_() for tensor in layer.state_dict().values() if tensor.is_floating_point()],
    "loaded": lambda layer: layer.load_state_dict({name: tensor.sqrt() for name, tensor in layer.state_dict().items()}),
    "assigned": lambda layer: layer.load_state_dict({name: tensor.sqrt() for name, tensor in layer.state_dict().items()}, assign=True),
    "another parameter": lambda layer: setattr(layer, "weight", nn.Parameter(layer.get_parameter("weight") ** 2)),
    "rounded": lambda layer: layer.half().float(),
}
IMAGE = torch.randn(1, 8, 12, 12, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_with_and_without_gradients_the_same_is_computed(maker: Callable[[], nn.Module]) -> None:
    layer = _learned(maker())
    expected = layer(IMAGE).detach()
    with torch.inference_mode():
        torch.testing.assert_close(layer(IMAGE), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_what_is_kept_follows_a_change_of_the_weights(maker: Callable[[], nn.Module], change: Callable[[nn.Module], object]) -> None:
    layer = _learned(maker())
    with torch.no_grad():
        before = layer(IMAGE)
        change(layer)
        after = layer(IMAGE)
    assert not torch.equal(after, before)
    torch.testing.assert_close(after, layer(IMAGE).detach(), rtol=1e-4, atol=1e-4)


def test_what_is_kept_follows_the_statistics_of_training() -> None:
    layer = _learned(NormalizedConvolution(8, 32, 3))
    with torch.no_grad():
        layer(IMAGE)
        layer.train()(IMAGE + 3)
        layer.eval()
        after = layer(IMAGE)
    torch.testing.assert_close(after, layer(IMAGE).detach(), rtol=1e-4, atol=1e-4)


def test_a_repeated_image_computes_nothing_again() -> None:
    layer = _learned(StandardizedConvolution(8, 32, 3))
    assert isinstance(layer, StandardizedConvolution)
    with torch.inference_mode():
        (first,) = layer.kept(lambda: (layer.standardized(),), layer.weight)
        (second,) = layer.kept(lambda: (layer.standardized(),), layer.weight)
    assert first is second


def test_a_copy_keeps_nothing_of_the_network_it_was_made_from() -> None:
    layer = _learned(StandardizedConvolution(8, 32, 3))
    with torch.inference_mode():
        layer(IMAGE)
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert not copied.kept._results
        with torch.inference_mode():
            assert torch.equal(copied(IMAGE), layer(IMAGE))
