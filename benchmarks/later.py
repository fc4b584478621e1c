"""Cases of released size for the families that came later: their weights are drawn here, and written as their originals write them.

A case is what `tests.goldens.Golden` is: it has a name, says what is to be told of its file, saves it, and draws inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model_defs.build import build
from model_defs.config import (
    BEiTConfig,
    CroCoConfig,
    DepthAndRaysHeadConfig,
    DepthAndSkyHeadConfig,
    DPTConfig,
    FusionConfig,
    MetricBinsHeadConfig,
    ReassembleConfig,
)
from muggle_convert.families import BY_NAME
from tests.families.variants import (
    depth_anything_3,
    dinov2_depth,
    mast3r,
    metric_bins,
    prompt_depth_anything,
    vggt,
    video_depth_anything,
)
from tests.originals import original_state

LARGE = (4, 11, 17, 23)
FEATURES = {384: (48, 96, 192, 384), 768: (96, 192, 384, 768), 1024: (256, 512, 1024, 1024)}  # by width of the encoder
PATHS = {384: 64, 768: 128, 1024: 256}
NOISE = 0.02  # deviation of what is drawn in the place of ones and zeros


@dataclass(frozen=True)
class Later:
    """One checkpoint of released size."""

    name: str
    file: str
    make: Callable[[], DPTConfig]
    shapes: Sequence[tuple[int, ...]]  # of what the network takes
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def manifest(self) -> dict[str, Any]:
        return {"file": self.file}

    @property
    def family(self) -> str:
        return self.make().family

    def save(self, folder: Path) -> Path:
        torch.manual_seed(0)
        network = build(self.make())
        with torch.no_grad():
            for tensor in network.parameters():
                if tensor.numel() == 1:
                    tensor += 1.0  # a last layer's: a rectifier after it would leave nothing to compare
                elif tensor.min() == tensor.max():
                    tensor += NOISE * torch.randn_like(tensor)
        layout = BY_NAME[self.family].layouts["original"]
        state = original_state(network, layout)
        wrap = layout.packing.wrap if layout.packing is not None else None
        torch.save({wrap: state} if wrap else state, folder / self.file)
        return folder / self.file

    def inputs(self) -> list[tuple[Tensor, ...]]:
        generator = torch.Generator().manual_seed(0)
        return [tuple(torch.randn(*shape, generator=generator) for shape in self.shapes)]


def widened(config: DPTConfig, width: int, depth: int, taps: tuple[int, ...], **changes: Any) -> DPTConfig:
    """A small configuration at the width and depth that was released, with an encoder of DINOv2."""
    paths = PATHS[width]
    heads: dict[str, Any] = {"upsampler_width": paths // 2, "projection_width": 32, **changes}
    sizes = {"width": width, "depth": depth, "heads": width // 64, "mlp_width": 4 * width, "grid": (37, 37), "taps": taps}
    return replace(
        config,
        encoder=replace(config.encoder, **sizes),  # type: ignore[arg-type]
        reassemble=ReassembleConfig(FEATURES[width], config.reassemble.readout),
        fusion=replace(config.fusion, widths=(paths,) * 4),
        head=replace(config.head, **heads),
        image=replace(config.image, size=518 if config.image.size == 42 else config.image.size),
    )


def zoedepth() -> DPTConfig:
    config = metric_bins.zoedepth(24, (5, 11, 17, 23), attractors=(16, 8, 4, 1), bins=64, widths=(256,) * 4, embedding=128)
    assert isinstance(config.head, MetricBinsHeadConfig)
    return replace(
        config,
        encoder=BEiTConfig(1024, 24, 16, 4096, 16, (24, 24), (5, 11, 17, 23)),
        reassemble=ReassembleConfig(FEATURES[1024], "project"),
        head=replace(config.head, projection_width=32, distribution_width=80),
    )


def depth_anything_v1_metric() -> DPTConfig:
    bins = {"bins": 64, "seed_width": 256, "embedding_width": 128, "embedding_hidden_width": 128}
    more = {"attractor_channels": (16, 8, 4, 1), "distribution_width": 80}
    return widened(metric_bins.depth_anything(), 1024, 24, (20, 21, 22, 23), **bins, **more)


def any_view() -> DPTConfig:
    cameras = {"camera_depth": 4, "camera_mlp_width": 3072, "camera_branch_width": 384}
    config = widened(depth_anything_3.of_views(), 768, 12, (5, 7, 9, 11), **cameras)
    assert isinstance(config.head, DepthAndRaysHeadConfig)
    return config


def mono() -> DPTConfig:
    config = widened(depth_anything_3.of_one_picture(depth=24), 1024, 24, LARGE)
    assert isinstance(config.head, DepthAndSkyHeadConfig)
    return config


def released_mast3r() -> DPTConfig:
    config = mast3r.configuration(descriptors=24, mlp_width=7168)
    return replace(
        config,
        encoder=CroCoConfig(1024, 24, 16, 4096, 16, 768, 12, 12, 3072, True, 100.0, (0, 6, 9, 12)),
        reassemble=ReassembleConfig((96, 192, 384, 768), "none"),
        fusion=FusionConfig((256,) * 4, "double and crop"),
        head=replace(config.head, upsampler_width=128, projection_width=128),  # type: ignore[arg-type]
    )


def released_vggt() -> DPTConfig:
    config = vggt.configuration(1024, 24, 24, LARGE, 16, grid=37)
    return replace(
        config,
        encoder=replace(config.encoder, mlp_width=4096, pair_mlp_width=4096),  # type: ignore[arg-type]
        reassemble=ReassembleConfig(FEATURES[1024], "none"),
        fusion=FusionConfig((256,) * 4, "to next"),
        head=replace(config.head, upsampler_width=128, projection_width=32, camera_depth=4, camera_mlp_width=8192),  # type: ignore[arg-type]
    )


CASES = [
    Later("zoedepth.n", "ZoeD_M12_N.pt", zoedepth, [(1, 3, 384, 512)]),
    Later("depth_anything_v1_metric.indoor", "depth_anything_metric_depth_indoor.pt", depth_anything_v1_metric, [(1, 3, 392, 518)]),
    Later(
        "video_depth_anything.vits",
        "video_depth_anything_vits.pth",
        lambda: widened(video_depth_anything.configuration(), 384, 12, (2, 5, 8, 11)),
        [(1, 8, 3, 280, 280)],
    ),
    Later("depth_anything_3.mono", "DA3MONO-LARGE.pt", mono, [(1, 3, 378, 504)], {"metric": False}),
    Later("depth_anything_3.base", "DA3-BASE.pt", any_view, [(1, 3, 3, 280, 378)]),
    Later(
        "prompt_depth_anything.vits",
        "prompt-depth-anything-vits.ckpt",
        lambda: widened(prompt_depth_anything.configuration(), 384, 12, (2, 5, 8, 11)),
        [(1, 3, 518, 686), (1, 1, 192, 256)],
    ),
    Later(
        "dinov2_depth.vits_nyu",
        "dinov2_vits14_nyu_dpt.pth",
        lambda: replace(
            widened(dinov2_depth.configuration(channels=1), 384, 12, (2, 5, 8, 11), upsampler_width=128),
            fusion=FusionConfig((256,) * 4, "double and fit maps", bias=False),
        ),
        [(1, 3, 480, 640)],
        {"max_depth": 10},
    ),
    Later(
        "mast3r.large",
        "MASt3R_ViTLarge_BaseDecoder_512_catmlpdpt_metric.pth",
        released_mast3r,
        [(1, 3, 288, 512), (1, 3, 288, 512)],
    ),
    Later("vggt.1b", "model_vggt.pt", released_vggt, [(1, 2, 3, 294, 518)]),
]
