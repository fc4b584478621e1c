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
from tests.families.small import FROM_FEWER_TOKENS, Small, Variant, config_of
from tests.families.variants.dpt_hybrid import HYBRID
from tests.families.variants.dpt_hybrid import SMALL as HYBRIDS

LAYOUT = {"full": "fork", "performer": "fork, performer", "memory compressed": "fork, memory compressed"}


def configuration(**changes: object) -> DPTConfig:
    config = HYBRIDS["dpt_hybrid"].config
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


ROWS = {f"hybrid of the fork, {name}": Variant(make, layout(make()), {"taps": "1,3"}) for name, make in VARIANTS.items()}


SMALL = {
    "dpt_hybrid, performer": Small(
        config_of(
            "dpt_hybrid",
            replace(HYBRID, heads=2, attention=PerformerConfig(32, 40), positions="bilinear aligned"),
            48,
            reassemble=FROM_FEWER_TOKENS,
        ),
        48,
        64,
        {"taps": "1,3"},
        "fork, performer",
    ),
    "dpt_hybrid, memory compressed": Small(
        config_of(
            "dpt_hybrid",
            replace(HYBRID, heads=2, attention=MemoryCompressedConfig(3), positions="bilinear aligned"),
            48,
            reassemble=FROM_FEWER_TOKENS,
        ),
        48,
        64,
        {"taps": "1,3"},
        "fork, memory compressed",
    ),
}
