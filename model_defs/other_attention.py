"""A trained transformer with another attention in its blocks, to be trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from model_defs.build import build
from model_defs.config import AttentionConfig, DINOv2Config, HybridConfig, ViTConfig
from model_defs.network import Network

JOINT, APART = "qkv.weight", ("queries.weight", "keys.weight", "values.weight")


@dataclass(frozen=True)
class Swapped:
    """The network, which weights of the one before it have no place in it, and which of its own are new and untrained."""

    network: Network
    left: tuple[str, ...]
    fresh: tuple[str, ...]


def with_attention(network: Network, attention: AttentionConfig) -> Swapped:
    """The same network around another attention, with every weight that fits; queries, keys and values may be one matrix or three."""
    encoder = network.config.encoder
    if not isinstance(encoder, (ViTConfig, HybridConfig, DINOv2Config)):
        raise ValueError(f"expected a vit, hybrid or dinov2, whose attention can be another one, got an encoder of kind {encoder.kind!r}")
    other = build(replace(network.config, encoder=replace(encoder, attention=attention))).train(network.training)
    wanted = other.state_dict()
    given = network.state_dict()
    offered = {**_apart(given), **_joint(given), **given}
    taken = {name: offered[name] for name, tensor in wanted.items() if name in offered and offered[name].shape == tensor.shape}
    other.load_state_dict({name: tensor.clone() for name, tensor in taken.items()}, strict=False)
    weight = next(network.parameters())
    return Swapped(other.to(weight.device, weight.dtype), tuple(sorted(_unused(given, taken))), tuple(sorted(wanted.keys() - taken.keys())))


def _apart(given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each joint matrix as three."""
    joint = {name.removesuffix(JOINT): tensor for name, tensor in given.items() if name.endswith(f".{JOINT}")}
    return {block + part: third for block, tensor in joint.items() for part, third in zip(APART, tensor.chunk(3), strict=True)}


def _joint(given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each three matrices as one."""
    blocks = [name.removesuffix(APART[0]) for name in given if name.endswith(f".attn.{APART[0]}")]
    return {block + JOINT: torch.cat([given[block + part] for part in APART]) for block in blocks}


def _unused(given: dict[str, Tensor], taken: dict[str, Tensor]) -> set[str]:
    """What was not taken over, neither by its own name nor in parts or joined."""
    gone = set(taken)
    gone |= {name.removesuffix(APART[0]) + JOINT for name in taken if name.endswith(f".{APART[0]}")}
    gone |= {name.removesuffix(JOINT) + part for name in taken if name.endswith(f".{JOINT}") for part in APART}
    return given.keys() - gone
