"""From a configuration to the network."""

from __future__ import annotations

from importlib import import_module

from model_defs.config import DPTConfig
from model_defs.network import Network


def build(config: DPTConfig) -> Network:
    """The network of the encoder's kind, as `model_defs/encoders/<kind>.py` puts it together; its weights are whatever torch makes them."""
    network: Network = import_module(f"model_defs.encoders.{config.encoder.kind}").network(config, config.encoder)
    return network
