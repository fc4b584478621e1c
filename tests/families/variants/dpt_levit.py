"""Small configurations of DPT with LeViT, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable

from model_defs.config import DepthHeadConfig, DPTConfig, FusionConfig, ImageConfig, LeViTConfig, OutputConfig, ReassembleConfig
from tests.families.small import HALVES, WIDTHS, Small, Variant, config_of


def configuration(
    widths: tuple[int, int, int] = (16, 24, 32),
    depths: tuple[int, int, int] = (4, 4, 1),
    heads: tuple[int, int, int] = (1, 2, 3),
    key_width: int = 8,
    value_width: int = 16,
    side: int = 4,
    taps: tuple[int, int, int] = (1, 5, 10),
    batch_norm: bool = False,
    channels: int = 3,
    outputs: int = 1,
) -> DPTConfig:
    encoder = LeViTConfig(
        stem_widths=(2, 4, 8, widths[0]),
        side=side,
        widths=widths,
        depths=depths,
        heads=heads,
        key_widths=(key_width,) * 3,
        value_widths=(value_width,) * 3,
        mlp_widths=(32, 40, 64),
        shrinking_heads=(2, 3),
        shrinking_key_widths=(key_width,) * 2,
        shrinking_value_widths=(4 * key_width,) * 2,
        shrinking_mlp_widths=(48, 56),
        taps=taps,
        transposed_stem_widths=(6, 4),
    )
    return DPTConfig(
        family="dpt_levit",
        encoder=encoder,
        reassemble=ReassembleConfig((), "ignore"),
        fusion=FusionConfig((12,) * 3, "to next", batch_norm),
        head=DepthHeadConfig(4, 8, outputs, "double"),
        image=ImageConfig(channels, 16 * side, False, "closest", 16, (0.5,) * channels, (0.5,) * channels),
        output=OutputConfig("relative inverse depth" if outputs == 1 else "channels", "relu"),
    )


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "as released": lambda: configuration(),
    "128S": lambda: configuration(depths=(2, 3, 4)),
    "an odd side": lambda: configuration(side=5),
    "other heads": lambda: configuration(heads=(4, 2, 1), key_width=4, value_width=12),
    "batch norm": lambda: configuration(batch_norm=True),
    "four input channels": lambda: configuration(channels=4),
    "three output channels": lambda: configuration(outputs=3),
    "fewer blocks": lambda: configuration(depths=(1, 2, 1), taps=(0, 3, 5)),
}

ROWS = {f"LeViT, {name}": Variant(make) for name, make in VARIANTS.items()}


SMALL = {
    "dpt_levit": Small(
        config_of(
            "dpt_levit",
            LeViTConfig(
                stem_widths=(4, 8, 12, 16),
                side=8,
                widths=(16, 24, 32),
                depths=(4, 4, 1),
                heads=(1, 2, 2),
                key_widths=(8, 8, 8),
                value_widths=(16, 16, 16),
                mlp_widths=(32, 48, 64),
                shrinking_heads=(2, 2),
                shrinking_key_widths=(8, 8),
                shrinking_value_widths=(32, 32),
                shrinking_mlp_widths=(48, 64),
                taps=(1, 5, 10),
                transposed_stem_widths=(6, 4),
            ),
            128,
            fusion=FusionConfig(WIDTHS[:3], "to next"),
            image=ImageConfig(3, 128, False, "closest", 16, *HALVES),
        ),
        128,
        128,
    ),
}
