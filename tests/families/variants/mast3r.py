"""Small configurations of MASt3R, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from model_defs.config import DPTConfig, MatchingHeadConfig
from tests.families.small import Variant
from tests.families.variants import dust3r


def configuration(descriptors: int = 5, mlp_width: int = 24, two_decoders: bool = True) -> DPTConfig:
    head = MatchingHeadConfig(8, 6, 4, "double", descriptors=descriptors, descriptor_mlp_width=mlp_width)
    return replace(dust3r.configuration(two_decoders=two_decoders), family="mast3r", head=head)


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "six channels": lambda: configuration(),
    "one decoder, longer descriptions": lambda: configuration(descriptors=9, two_decoders=False),
}

ROWS = {f"MASt3R, {name}": Variant(make) for name, make in VARIANTS.items()}
