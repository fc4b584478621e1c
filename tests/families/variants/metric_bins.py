"""Small configurations of ZoeDepth and of the metric models of Depth-Anything V1, each other than the rest in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from model_defs.config import (
    BEiTConfig,
    DINOv2Config,
    DPTConfig,
    FusionConfig,
    ImageConfig,
    MetricBinsHeadConfig,
    OutputConfig,
    ReassembleConfig,
    RoutedMetricBinsHeadConfig,
    RouterConfig,
)
from tests.families.small import BLOCKS, HALVES, IMAGENET, TAPPED, Small, Variant

ZOE_IMAGE = ImageConfig(3, 384, True, "closest", 32, *HALVES, 512, resize="bilinear aligned", reflected=3.0, mirrored=True)
STREETS = ImageConfig(3, 384, True, "closest", 32, *HALVES, 768, resize="bilinear aligned", reflected=3.0, mirrored=True)


def zoedepth(
    depth: int = 4,
    taps: tuple[int, ...] = BLOCKS,
    centres: Any = "softplus",
    attractors: tuple[int, ...] = (4, 3, 2, 1),
    max_depth: float = 10.0,
    bins: int = 8,
    routed: bool = False,
    widths: tuple[int, ...] = (8, 8, 8, 8),
    embedding: int = 12,
) -> DPTConfig:
    sizes: dict[str, Any] = {
        "upsampler_width": widths[0] // 2,
        "projection_width": 6,
        "resize": "double",
        "bins": bins,
        "seed_width": embedding // 2 if routed else 256,
        "embedding_width": embedding,
        "embedding_hidden_width": embedding // 2 if routed else 128,
        "attractor_channels": tuple(count * (2 if centres == "normed" else 1) for count in attractors),
        "distribution_width": (6 + embedding) // 4 if routed else (7 + embedding) // 2,
        "centres": centres,
    }
    router = RouterConfig(128, 4, 4, 24, 128)
    return DPTConfig(
        family="zoedepth",
        encoder=BEiTConfig(64, depth, 2, 128, 16, (4, 4), taps),
        reassemble=ReassembleConfig((8, 12, 16, 20), "project"),
        fusion=FusionConfig(widths, "to next"),
        head=RoutedMetricBinsHeadConfig(**sizes, router=router) if routed else MetricBinsHeadConfig(**sizes),
        image=STREETS if centres == "normed" else ZOE_IMAGE,
        output=OutputConfig("metric depth", "none", max_depth=max_depth),
    )


def depth_anything(max_depth: float = 10.0) -> DPTConfig:
    return DPTConfig(
        family="depth_anything_v1_metric",
        encoder=DINOv2Config(64, 4, 1, "gelu", 128, 14, (3, 3), BLOCKS),
        reassemble=ReassembleConfig((8, 12, 16, 20), "ignore"),
        fusion=FusionConfig((8, 8, 8, 8), "to next"),
        head=MetricBinsHeadConfig(
            upsampler_width=4, projection_width=6, resize="to image", bins=8, seed_width=16, embedding_width=12, embedding_hidden_width=10,
            attractor_channels=(4, 3, 2, 1), distribution_width=9, centres="softplus",
        ),
        image=ImageConfig(3, 392, False, "closest", 14, *IMAGENET, 518, resize="bilinear aligned", mirrored=True),
        output=OutputConfig("metric depth", "none", max_depth=max_depth, resize="bilinear aligned"),
    )  # fmt: skip


N, K = {**TAPPED, "max_depth": 10}, {**TAPPED, "max_depth": 80, "bins": "normed"}
ROUTED = {"routed": True, "max_depth": 80.0, "attractors": (16,) * 4}
VARIANTS: dict[str, tuple[Callable[[], DPTConfig], str, dict[str, Any]]] = {
    "for rooms": (zoedepth, "original", N),
    "for streets, normed": (lambda: zoedepth(centres="normed", max_depth=80.0), "original", K),
    "for both": (lambda: zoedepth(**ROUTED), "routed", TAPPED),
    "for both, normed": (lambda: zoedepth(**{**ROUTED, "centres": "normed"}), "routed", TAPPED),
    "twelve blocks": (lambda: zoedepth(depth=12, taps=(2, 5, 8, 11)), "original", {"max_depth": 10}),
    "maps of several widths": (lambda: zoedepth(widths=(8, 12, 16, 20), bins=5), "original", N),
}

ROWS = {f"ZoeDepth, {name}": Variant(make, layout, told) for name, (make, layout, told) in VARIANTS.items()}
ROWS["Depth-Anything V1, metric"] = Variant(depth_anything, told={"max_depth": 10})

SMALL = {
    "zoedepth": Small(zoedepth(), 64, 96, N),
    "zoedepth, normed": Small(zoedepth(centres="normed"), 64, 96, {**K, "max_depth": 10}),
    "zoedepth, routed": Small(zoedepth(**ROUTED), 64, 96, TAPPED, layout="routed"),
    "depth_anything_v1_metric": Small(depth_anything(), 42, 56, {"max_depth": 10}),
}
