"""Every tensor of a network moves what it predicts: one that is never read would be listed as written and mean nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from model_defs.build import build
from model_defs.config import RoutedMetricBinsHeadConfig
from model_defs.network import Network
from tests.configurations import ROWS, SMALL
from tests.families.small import Small

OTHERS = (
    "Depth Anything 3, mono",
    "Depth Anything 3, any view",
    "DINOv2's linear head on four taps",
    "DUSt3R, two decoders",
    "MASt3R, six channels",
    "Prompt-Depth-Anything, as released",
    "VGGT, other registers",
)
RECTIFIED = SMALL | {"DINOv2's head": Small(ROWS["DINOv2's head, as released"].make(), 56, 70)}  # which may predict zeros everywhere


of_every_family = pytest.mark.parametrize("name", [*RECTIFIED, *OTHERS])


@of_every_family
def test_every_tensor_of_a_network_has_a_part_in_what_it_predicts(name: str) -> None:
    network = _network(name)
    for tensor in network.parameters():
        tensor.requires_grad_(True)
    for inputs in _inputs(name, network):
        sum((output * torch.randn_like(output)).sum() for output in _outputs(network, inputs)).backward()
    still = {name for name, tensor in network.named_parameters() if tensor.grad is None or not tensor.grad.abs().max() > 0}
    assert {tensor for tensor in still if not _is_about_a_choice(network, tensor)} == set()


@pytest.mark.full
@of_every_family
def test_every_tensor_that_is_drawn_anew_moves_what_a_network_predicts(name: str) -> None:
    network = _network(name)
    shown = _inputs(name, network)
    with torch.inference_mode():
        before = [output for inputs in shown for output in _outputs(network, inputs)]
        for called, tensor in network.named_parameters():
            kept = tensor.data
            tensor.data = kept.mean() + torch.randn_like(kept) * max(float(kept.std(correction=0)), 0.1)
            after = [output for inputs in shown for output in _outputs(network, inputs)]
            tensor.data = kept
            moved = max(float((new - old).abs().max() / old.std()) for new, old in zip(after, before, strict=True))
            assert moved > 1e-6 or _is_about_a_choice(network, called), called


def _network(name: str) -> Network:
    """Without ones and zeros, under which some tensors would mean nothing."""
    if name in RECTIFIED:
        return RECTIFIED[name].network()
    torch.manual_seed(0)
    network = build(ROWS[name].make()).eval()
    with torch.no_grad():
        for tensor in network.parameters():
            if tensor.min() == tensor.max():
                tensor += 0.4 * (torch.rand_like(tensor) - 0.5)
    return network


def _inputs(name: str, network: Network) -> list[tuple[Tensor, ...]]:
    """With cameras and without, where they may be told."""
    if name in RECTIFIED:
        return [(RECTIFIED[name].images(),)]
    side = 4 * network.multiple
    alone = network.trial(torch.randn(1, network.config.image.channels, side, side))
    if not network.takes_cameras:
        return [alone]
    views = alone[0].shape[1]
    poses = torch.eye(4)[None, None].repeat(1, views, 1, 1)
    poses[0, 1, 0, 3] = 1.0
    intrinsics = torch.tensor([[float(side), 0.0, side / 2], [0.0, float(side), side / 2], [0.0, 0.0, 1.0]])
    return [alone, (*alone, poses, intrinsics[None, None].repeat(1, views, 1, 1))]


def _outputs(network: Network, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    found = network(*inputs)
    return list(found.values()) if isinstance(found, dict) else [found]


def _is_about_a_choice(network: Network, name: str) -> bool:
    """Whether it only helps to choose between bins for two kinds of places, or belongs to those that were not chosen."""
    return isinstance(network.config.head, RoutedMetricBinsHeadConfig) and name.startswith(("bins.router.", "bins.places."))
