"""A network of the converter made ready for training: in memory of its own, in single precision, each half at its own rate."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from model_defs.network import Network
from muggle_convert.errors import Refusal

ENCODER = ("patch_embed", "posenc", "imgencoder")
"""The parts that were pretrained on pictures; all others belong to the decoder."""


def trainable(network: Network) -> Network:
    """A copy of its own, for the weights of a loaded network lie in the file it came from."""
    if len(network.inputs) != 1:
        raise Refusal(f"{network.config.family} looks at {len(network.inputs)} pictures together, for which there are no losses here.")
    own = copy.deepcopy(network).float()
    freeze_batch_norms(own)
    return own


def decoder(network: nn.Module) -> list[nn.Module]:
    return [part for name, part in network.named_children() if name not in ENCODER]


def batch_norms(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """Those of the decoder."""
    return [part for top in decoder(network) for part in top.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]


def freeze_batch_norms(network: nn.Module) -> None:
    """Batches of a few crops say little about means; the decoder keeps those that it was trained with, and their scales."""
    for norm in batch_norms(network):
        norm.requires_grad_(False)


def to_training(network: nn.Module) -> None:
    network.train()
    for norm in batch_norms(network):
        norm.eval()


def adam(network: nn.Module, encoder_rate: float, decoder_rate: float) -> torch.optim.Adam:
    """What was pretrained on pictures moves slower than what was only trained on depth."""
    slow = [parameter for name, part in network.named_children() if name in ENCODER for parameter in part.parameters()]
    fast = [parameter for part in decoder(network) for parameter in part.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [{"params": slow, "lr": encoder_rate}, {"params": fast, "lr": decoder_rate}]
    return torch.optim.Adam(groups)
