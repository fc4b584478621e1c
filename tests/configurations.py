"""A small configuration of every family, with the real layout and few features: quick to build, to run, and to write to a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from model_defs.build import build
from model_defs.config import (
    BEiTConfig,
    DINOv2Config,
    DPTConfig,
    EfficientNetLiteConfig,
    EncoderConfig,
    FusionConfig,
    HeadConfig,
    HybridConfig,
    ImageConfig,
    LeViTConfig,
    MemoryCompressedConfig,
    NextViTConfig,
    OutputConfig,
    PerformerConfig,
    ReassembleConfig,
    ResNeXtConfig,
    Swin2Config,
    SwinConfig,
    ViTConfig,
)
from model_defs.dpt import DPT

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALVES = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
BLOCKS = (0, 1, 2, 3)  # taps of four
TAPPED = {"taps": "0,1,2,3"}
WIDTHS = (8, 8, 8, 8)  # of the fusion

FROM_TOKENS = ReassembleConfig((8, 12, 16, 20), "project")
FROM_FEWER_TOKENS = ReassembleConfig((16, 20), "project")
FROM_MAPS = ReassembleConfig((), "ignore")
RELATIVE = OutputConfig("relative inverse depth", "relu")


@dataclass(frozen=True)
class Small:
    """A configuration, an image it takes, and what has to be said for a file in one layout to be read as this configuration."""

    config: DPTConfig
    height: int
    width: int
    told: Mapping[str, Any] = field(default_factory=dict)
    layout: str = "original"

    def images(self, batch: int = 1) -> Tensor:
        generator = torch.Generator().manual_seed(batch)
        return torch.randn(batch, self.config.image.channels, self.height, self.width, generator=generator)

    def network(self) -> DPT:
        """In evaluation mode, with weights under which every part matters and predictions are four, give or take one."""
        torch.manual_seed(0)
        network = build(self.config).eval()
        with torch.no_grad():
            for tensor in (*network.parameters(), *filter(Tensor.is_floating_point, network.buffers())):
                if tensor.min() == tensor.max():  # ones or zeros, which would hide that a tensor is in the wrong place
                    tensor += 0.8 * (torch.rand_like(tensor) - 0.5)
                elif tensor.ndim > 1:
                    nn.init.kaiming_normal_(tensor, nonlinearity="linear")
            _spread(network, self.images())
        return network


def _spread(network: DPT, images: Tensor) -> None:
    """Give the last convolution the weights with which predictions have a mean of four and a deviation of one."""
    kept: list[Tensor] = []
    last = [layer for layer in network.head.modules() if isinstance(layer, nn.Conv2d)][-1]
    hook = last.register_forward_hook(lambda layer, inputs, scores: kept.append(scores))
    network(images)
    hook.remove()
    last.weight /= kept[0].std()
    assert last.bias is not None
    last.bias.copy_((last.bias - kept[0].mean()) / kept[0].std() + 4.0)


def _config(family: str, encoder: EncoderConfig, size: int, **changes: Any) -> DPTConfig:
    """What most families have in common, and what a family has of its own."""
    common: dict[str, Any] = {
        "reassemble": FROM_MAPS,
        "fusion": FusionConfig(WIDTHS, "to next"),
        "head": HeadConfig("depth", 8, 6, 1, "double"),
        "image": ImageConfig(3, size, True, "closest", 32, *HALVES),
        "output": RELATIVE,
    }
    return DPTConfig(family=family, encoder=encoder, **{**common, **changes})


VIT = ViTConfig(64, 4, 1, 128, 16, (3, 3), BLOCKS)
HYBRID = HybridConfig(32, (128, 128, 256), (1, 2, 1), 64, 4, 1, 128, (3, 3), (1, 3))
DINOV2 = DINOv2Config(64, 4, 1, "gelu", 128, 14, (3, 3), BLOCKS)
DEPTH_ANYTHING = {
    "reassemble": ReassembleConfig((8, 12, 16, 20), "ignore"),
    "head": HeadConfig("depth", 8, 6, 1, "to image"),
    "image": ImageConfig(3, 42, True, "at least", 14, *IMAGENET),
    "output": replace(RELATIVE, resize="bilinear aligned"),
}
MIDAS_V21 = {
    "fusion": FusionConfig(WIDTHS, "double"),
    "head": HeadConfig("depth", 8, 6, 1, "double unaligned"),
}
SEGMENTATION = {
    "fusion": FusionConfig(WIDTHS, "to next", batch_norm=True, bias=False),
    "head": HeadConfig("segmentation", 8, 8, 5, "double"),
    "output": OutputConfig("classes", "none"),
}

SMALL: dict[str, Small] = {
    "depth_anything_v1": Small(_config("depth_anything_v1", DINOV2, 42, **DEPTH_ANYTHING), 42, 56),
    "depth_anything_v2": Small(_config("depth_anything_v2", DINOV2, 42, **DEPTH_ANYTHING), 42, 56, TAPPED),
    "depth_anything_v2, gated": Small(_config("depth_anything_v2", replace(DINOV2, mlp="swiglu"), 42, **DEPTH_ANYTHING), 42, 42, TAPPED),
    "dpt_vit": Small(_config("dpt_vit", VIT, 48, reassemble=FROM_TOKENS), 48, 64, TAPPED),
    "dpt_vit, segmentation": Small(_config("dpt_vit", VIT, 480, reassemble=FROM_TOKENS, **SEGMENTATION), 48, 64, TAPPED, "segmentation"),
    "dpt_hybrid": Small(_config("dpt_hybrid", HYBRID, 48, reassemble=FROM_FEWER_TOKENS), 48, 64, {"taps": "1,3"}),
    "dpt_hybrid, performer": Small(
        _config(
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
        _config(
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
    "dpt_beit": Small(_config("dpt_beit", BEiTConfig(64, 4, 2, 128, 16, (3, 3), BLOCKS), 48, reassemble=FROM_TOKENS), 48, 64, TAPPED),
    "dpt_swin": Small(
        _config(
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
        _config(
            "dpt_swin2",
            Swin2Config(8, (2, 2, 2, 2), (1, 2, 2, 4), (16, 32, 64, 128), 4, (0, 0, 0, 0), 16, 4, (16, 16)),
            64,
            image=ImageConfig(3, 64, False, "closest", 32, *HALVES),
        ),
        64,
        64,
        {"window": 4, "size": 64},
    ),
    "dpt_levit": Small(
        _config(
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
    "dpt_next_vit": Small(
        _config(
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
    "midas_v21": Small(
        _config(
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
        _config(
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
