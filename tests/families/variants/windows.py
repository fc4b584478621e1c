"""Small configurations of Swin and Swin V2, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable

from model_defs.config import DPTConfig, ImageConfig, Swin2Config, SwinConfig
from tests.families.small import HALVES, Small, Variant, config_of
from tests.families.swin_files import configuration

SIZES = (8, (2, 2, 4, 2), (1, 2, 2, 4), (16, 32, 64, 128))  # width, depths, heads, widths of the MLPs
VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "Swin": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 4), 4, (32, 32))),
    "Swin, one window at last": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 2), 4, (16, 16))),
    "Swin, windows of 7": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (7, 7, 7, 7), 4, (56, 56))),
    "Swin, wide pictures": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 4), 4, (32, 64))),
    "Swin, four channels in": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 4), 4, (32, 32)), channels=4),
    "Swin, three channels out": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 4), 4, (32, 32)), outputs=3),
    "Swin, batch norm": lambda: configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 4), 4, (32, 32)), batch_norm=True),
    "Swin V2": lambda: configuration("dpt_swin2", Swin2Config(*SIZES, 4, (0, 0, 0, 0), 16, 4, (32, 32))),
    "Swin V2, one window twice": lambda: configuration("dpt_swin2", Swin2Config(*SIZES, 8, (0, 0, 0, 0), 16, 4, (32, 32))),
    "Swin V2, tall pictures": lambda: configuration("dpt_swin2", Swin2Config(*SIZES, 4, (0, 0, 0, 0), 16, 4, (64, 32))),
    "Swin V2, very wide pictures": lambda: configuration("dpt_swin2", Swin2Config(*SIZES, 8, (0, 0, 0, 0), 16, 4, (16, 64))),
    "Swin V2, windows of 24": lambda: configuration("dpt_swin2", Swin2Config(*SIZES, 24, (12, 12, 12, 6), 16, 4, (48, 48))),
}

ROWS = {
    **{name: Variant(make, masks=True) for name, make in VARIANTS.items()},
    **{f"{name}, newer names": Variant(make, "timm 0.9", masks=True) for name, make in VARIANTS.items()},
}


SMALL = {
    "dpt_swin": Small(
        config_of(
            "dpt_swin",
            SwinConfig(8, (2, 2, 2, 2), (1, 2, 2, 4), (16, 32, 64, 128), (4, 4, 4, 2), 4, (16, 16)),
            64,
            image=ImageConfig(3, 64, False, "closest", 32, *HALVES),
        ),
        64,
        64,
        {"size": 64},
    ),
    "dpt_swin2": Small(
        config_of(
            "dpt_swin2",
            Swin2Config(8, (2, 2, 2, 2), (1, 2, 2, 4), (16, 32, 64, 128), 4, (0, 0, 0, 0), 16, 4, (16, 16)),
            64,
            image=ImageConfig(3, 64, False, "closest", 32, *HALVES),
        ),
        64,
        64,
        {"window": 4, "size": 64},
    ),
}
