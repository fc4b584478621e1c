"""What a network is built from: frozen, readable without torch, and the same words in Python, in JSON and in the code of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from model_defs.encoder_config import EncoderConfig

FusionResize = Literal["to next", "double", "double and crop"]  # coarser paths are brought to the size of the next finer map, or doubled
HeadResize = Literal["to image", "double", "double unaligned"]  # between the first convolution and the projection
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of its three channels
SCALES = ("spatial_upx4", "spatial_upx2", "spatial_noscale", "spatial_downx2")  # of the decoder's maps, finest first


@dataclass(frozen=True)
class ReassembleConfig:
    """From what the encoder hands over to maps of four scales."""

    features: tuple[int, ...]  # channels of each map before it is projected for fusion, finest first; empty: the encoder's own
    readout: Literal["ignore", "add", "project", "none"]  # what becomes of the class token; none: there is none


@dataclass(frozen=True)
class FusionConfig:
    """From maps of four scales to one."""

    widths: tuple[int, ...]  # channels of each fusion block, finest first
    resize: FusionResize
    batch_norm: bool = False
    bias: bool = True  # of the convolutions in the residual units


@dataclass(frozen=True)
class HeadConfig:
    """From one map to the prediction."""

    kind: Literal["depth", "segmentation"]
    upsampler_width: int  # channels after the first convolution
    projection_width: int  # channels before the last convolution
    channels: int  # of the prediction
    resize: HeadResize


@dataclass(frozen=True)
class ImageConfig:
    """How a picture becomes the network's input."""

    channels: int
    size: int  # pixels the rule below works towards
    keep_aspect: bool
    fit: Literal["at least", "at most", "closest"]  # both sides at least `size`, both at most, or the side that changes least
    multiple: int  # of which both sides have to be
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size_across: int | None = None  # where the rule works towards another number of pixels across than down


@dataclass(frozen=True)
class OutputConfig:
    """What the numbers of a prediction mean."""

    kind: Literal["relative inverse depth", "relative depth", "metric depth", "classes", "channels", "points"]
    activation: Literal["relu", "sigmoid", "none", "exp"]  # after the last convolution
    max_depth: float | None = None  # metres; the sigmoid is multiplied by it
    scale: float | None = None  # with shift: disparity = scale * prediction + shift
    shift: float | None = None
    invert: bool = False  # depth = 1 / disparity
    resize: Literal["bicubic", "bilinear aligned"] = "bicubic"  # back to the size of the picture


@dataclass(frozen=True)
class DPTConfig:
    """A dense prediction transformer, part by part in the order of the paper."""

    family: str
    encoder: EncoderConfig
    reassemble: ReassembleConfig
    fusion: FusionConfig
    head: HeadConfig
    image: ImageConfig
    output: OutputConfig
