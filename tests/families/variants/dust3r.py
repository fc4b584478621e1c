"""Small configurations of DUSt3R, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable

from model_defs.config import CroCoConfig, DepthHeadConfig, DPTConfig, FusionConfig, ImageConfig, OutputConfig, ReassembleConfig
from tests.families.small import Variant


def configuration(width: int = 64, decoder_width: int = 64, depth: int = 2, decoder_depth: int = 4, two_decoders: bool = True) -> DPTConfig:
    taps = (0, decoder_depth // 2, decoder_depth * 3 // 4, decoder_depth)
    blocks = (width, depth, width // 64, 2 * width, 16, decoder_width, decoder_depth, decoder_width // 64, 3 * decoder_width)
    return DPTConfig(
        family="dust3r",
        encoder=CroCoConfig(*blocks, two_decoders, 100.0, taps),
        reassemble=ReassembleConfig((8, 12, 16, 20), "none"),
        fusion=FusionConfig((8,) * 4, "double and crop"),
        head=DepthHeadConfig(8, 6, 4, "double"),
        image=ImageConfig(3, 512, True, "at most", 16, (0.5,) * 3, (0.5,) * 3),
        output=OutputConfig("points", "exp"),
    )


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "two decoders": lambda: configuration(),
    "one decoder": lambda: configuration(two_decoders=False),
    "a wide encoder": lambda: configuration(width=192),
    "a wide and deep decoder": lambda: configuration(decoder_width=128, decoder_depth=16),
}

ROWS = {f"DUSt3R, {name}": Variant(make) for name, make in VARIANTS.items()}
