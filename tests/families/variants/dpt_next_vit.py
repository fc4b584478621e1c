"""Small configurations of DPT with Next-ViT, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from model_defs.config import DepthHeadConfig, DPTConfig, FusionConfig, ImageConfig, NextViTConfig, OutputConfig, ReassembleConfig
from tests.families.small import Small, Variant, config_of


def configuration(
    depths: tuple[int, int, int, int] = (3, 4, 10, 3),
    widths: tuple[int, int, int, int] = (16, 24, 32, 40),
    transformer_widths: tuple[int, int, int] = (32, 40, 48),
    attention_widths: tuple[int, int, int] = (24, 32, 40),
    head_width: int = 8,
    stem_width: int = 12,
    batch_norm: bool = False,
    channels: int = 3,
    outputs: int = 1,
) -> DPTConfig:
    """The hybrid strategy of the paper: a transformer block ends the second and the last stage, and every five blocks of the third."""
    _, second, third, fourth = accumulate(depths)
    encoder = NextViTConfig(
        stem_widths=(8, 4, 8, stem_width),
        depths=depths,
        transformers=(second - 1, *range(second + 4, third, 5), fourth - 1),
        widths=tuple(0 if stage and depth == 1 else width for stage, (depth, width) in enumerate(zip(depths, widths, strict=True))),
        mlp_widths=tuple(0 if stage and depth == 1 else 3 * width for stage, (depth, width) in enumerate(zip(depths, widths, strict=True))),
        transformer_widths=(0, *transformer_widths),
        attention_widths=(0, *attention_widths),
        transformer_mlp_widths=(0, 64, 80, 96),
        head_width=head_width,
        reductions=(8, 4, 2, 1),
    )
    return DPTConfig(
        family="dpt_next_vit",
        encoder=encoder,
        reassemble=ReassembleConfig((), "ignore"),
        fusion=FusionConfig((12,) * 4, "to next", batch_norm),
        head=DepthHeadConfig(6, 8, outputs, "double"),
        image=ImageConfig(channels, 384, True, "closest", 32, (0.5,) * channels, (0.5,) * channels),
        output=OutputConfig("relative inverse depth" if outputs == 1 else "channels", "relu"),
    )


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "small": lambda: configuration(),
    "base": lambda: configuration((3, 4, 20, 3)),
    "large": lambda: configuration((3, 4, 30, 3)),
    "five blocks in the third stage": lambda: configuration((2, 2, 5, 2)),
    "stages of one transformer block": lambda: configuration((1, 1, 5, 1)),
    "a stem as wide as the first stage": lambda: configuration(stem_width=16),
    "all stages equally wide": lambda: configuration(widths=(32,) * 4, transformer_widths=(32,) * 3, attention_widths=(24,) * 3),
    "as much from attention as from convolutions": lambda: configuration(transformer_widths=(48, 64, 80)),
    "wider heads": lambda: configuration(widths=(32, 32, 64, 64), transformer_widths=(64,) * 3, attention_widths=(48,) * 3, head_width=16),
    "batch norm": lambda: configuration(batch_norm=True),
    "four input channels": lambda: configuration(channels=4),
    "three output channels": lambda: configuration(outputs=3),
}

ROWS = {f"Next-ViT, {name}": Variant(make) for name, make in VARIANTS.items()}


SMALL = {
    "dpt_next_vit": Small(
        config_of(
            "dpt_next_vit",
            NextViTConfig(
                stem_widths=(8, 8, 8, 16),
                depths=(1, 2, 2, 2),
                transformers=(2, 4, 6),
                widths=(32, 32, 32, 32),
                mlp_widths=(64, 64, 64, 64),
                transformer_widths=(0, 64, 64, 64),
                attention_widths=(0, 32, 32, 32),
                transformer_mlp_widths=(0, 96, 96, 96),
                head_width=32,
                reductions=(8, 4, 2, 1),
            ),
            384,
        ),
        64,
        96,
    ),
}
