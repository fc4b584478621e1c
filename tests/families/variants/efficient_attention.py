"""Small configurations of the fork's hybrids, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from model_defs.config import (
    DPTConfig,
    HybridConfig,
    MemoryCompressedConfig,
    PerformerConfig,
)
from tests.configurations import SMALL

LAYOUT = {"full": "fork", "performer": "fork, performer", "memory compressed": "fork, memory compressed"}


def configuration(**changes: object) -> DPTConfig:
    config = SMALL["dpt_hybrid"].config
    assert isinstance(config.encoder, HybridConfig)
    return replace(config, encoder=replace(config.encoder, positions="bilinear aligned", **changes))


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "the fork's names around ordinary attention": lambda: configuration(),
    "performer": lambda: configuration(attention=PerformerConfig(64, 266)),
    "performer with several heads of their own width": lambda: configuration(heads=4, attention=PerformerConfig(24, 30)),
    "memory compressed": lambda: configuration(heads=8, attention=MemoryCompressedConfig(2)),
    "memory compressed five times": lambda: configuration(heads=2, attention=MemoryCompressedConfig(5)),
}


def layout(config: DPTConfig) -> str:
    assert isinstance(config.encoder, HybridConfig)
    return LAYOUT[config.encoder.attention.kind]
