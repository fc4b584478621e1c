"""From a configuration to the network."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from model_defs.config import DPTConfig
from model_defs.network import Network

# Kinds of heads that need a network of another shape, and its file in `model_defs/networks/`.
AROUND_HEADS: Mapping[str, str] = {
    "depth and rays": "any_view",
    "depth and sky": "depth_and_sky",
    "film depth": "video_depth_anything",
    "metric bins": "metric_bins",
    "points and descriptors": "mast3r",
    "prompted depth": "prompt_depth_anything",
    "routed metric bins": "metric_bins",
    "bounded depth": "dinov2_depth",
    "linear depth": "dinov2_depth",
}


def build(config: DPTConfig) -> Network:
    """The network as the file of its encoder puts it together, or that of its head where that is a network of another shape; its weights are
    whatever torch makes them."""
    home = f"networks.{AROUND_HEADS[config.head.kind]}" if config.head.kind in AROUND_HEADS else f"encoders.{config.encoder.kind}"
    network: Network = import_module(f"model_defs.{home}").network(config, config.encoder)
    return network
