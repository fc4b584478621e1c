"""Small configurations of both models of MiDaS v2.1, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable

from model_defs.config import (
    DepthHeadConfig,
    DPTConfig,
    EfficientNetLiteConfig,
    FusionConfig,
    ImageConfig,
    OutputConfig,
    ReassembleConfig,
    ResNeXtConfig,
)
from tests.families.small import WIDTHS, Small, Variant, config_of

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALVES = (0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5)


def large(
    depths: tuple[int, ...] = (1, 2, 1, 2),
    inner_widths: tuple[int, ...] = (8, 16, 16, 24),
    widths: tuple[int, ...] = (16, 24, 32, 40),
    groups: int = 4,
    stem_width: int = 8,
    fusion_width: int = 12,
    channels: int = 3,
    outputs: int = 1,
) -> DPTConfig:
    return DPTConfig(
        family="midas_v21",
        encoder=ResNeXtConfig(stem_width, depths, inner_widths, widths, groups),
        reassemble=ReassembleConfig((), "ignore"),
        fusion=FusionConfig((fusion_width,) * 4, "double"),
        head=DepthHeadConfig(10, 6, outputs, "double unaligned"),
        image=ImageConfig(channels, 384, True, "at most", 32, *(IMAGENET if channels == 3 else HALVES)),
        output=OutputConfig("relative inverse depth" if outputs == 1 else "channels", "relu"),
    )


def small(
    depths: tuple[int, ...] = (1, 2, 1, 1, 2, 1, 1),
    widths: tuple[int, ...] = (8, 8, 12, 16, 20, 24, 32),
    kernel_sizes: tuple[int, ...] = (3, 3, 5, 3, 5, 5, 3),
    stem_width: int = 8,
    expansion: int = 6,
    fusion_widths: tuple[int, ...] = (4, 8, 16, 32),
    channels: int = 3,
    outputs: int = 1,
) -> DPTConfig:
    return DPTConfig(
        family="midas_v21_small",
        encoder=EfficientNetLiteConfig(stem_width, depths, widths, kernel_sizes, (1, 2, 2, 2, 1, 2, 1), expansion, (1, 2, 4, 6)),
        reassemble=ReassembleConfig((), "ignore"),
        fusion=FusionConfig(fusion_widths, "double"),
        head=DepthHeadConfig(10, 6, outputs, "double unaligned"),
        image=ImageConfig(channels, 256, True, "at most", 32, *(IMAGENET if channels == 3 else HALVES)),
        output=OutputConfig("relative inverse depth" if outputs == 1 else "channels", "relu"),
    )


VARIANTS: dict[str, Callable[[], DPTConfig]] = {
    "large": lambda: large(),
    "large, other depths": lambda: large(depths=(3, 4, 6, 3)),
    "large, one group": lambda: large(groups=1),
    "large, no shortcut needed in the first stage": lambda: large(stem_width=16),
    "large, wider fusion": lambda: large(fusion_width=20),
    "large, four input channels": lambda: large(channels=4),
    "large, normals": lambda: large(outputs=3),
    "small": lambda: small(),
    "small, other depths": lambda: small(depths=(2, 1, 3, 2, 1, 2, 2)),
    "small, other kernels": lambda: small(kernel_sizes=(5, 3, 3, 7, 5, 3, 5)),
    "small, less expanded": lambda: small(expansion=4),
    "small, fusion of one width": lambda: small(fusion_widths=(8, 8, 8, 8)),
    "small, four input channels": lambda: small(channels=4),
    "small, normals": lambda: small(outputs=3),
}

ROWS = {f"MiDaS v2.1, {name}": Variant(make) for name, make in VARIANTS.items()}

MIDAS_V21 = {
    "fusion": FusionConfig(WIDTHS, "double"),
    "head": DepthHeadConfig(8, 6, 1, "double unaligned"),
}

SMALL = {
    "midas_v21": Small(
        config_of(
            "midas_v21",
            ResNeXtConfig(8, (1, 2, 1, 2), (8, 16, 16, 24), (16, 24, 32, 40), 4),
            384,
            image=ImageConfig(3, 384, True, "at most", 32, *IMAGENET),
            **MIDAS_V21,
        ),
        64,
        96,
    ),
    "midas_v21_small": Small(
        config_of(
            "midas_v21_small",
            EfficientNetLiteConfig(
                8, (1, 2, 1, 1, 2, 1, 1), (8, 8, 12, 16, 20, 24, 32), (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1), 6, (1, 2, 4, 6)
            ),
            256,
            **{**MIDAS_V21, "fusion": FusionConfig((4, 8, 16, 32), "double"), "image": ImageConfig(3, 256, True, "at most", 32, *IMAGENET)},
        ),
        64,
        96,
    ),
}
