"""What a network is built from: frozen, readable without torch, and the same words in Python, in JSON and in the code of the model."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import accumulate
from typing import Any, Literal, Union

SCALES = ("spatial_upx4", "spatial_upx2", "spatial_noscale", "spatial_downx2")  # of the decoder's maps, finest first


@dataclass(frozen=True)
class ViTConfig:
    """A plain vision transformer: one width, one grid of patches, a class token, absolute positions."""

    width: int
    depth: int
    heads: int
    mlp_width: int
    patch_size: int
    grid: tuple[int, int]  # rows and columns of the stored position embedding
    taps: tuple[int, ...]  # blocks whose outputs go on to reassembly
    kind: Literal["vit"] = "vit"


@dataclass(frozen=True)
class BEiTConfig:
    """A vision transformer with scaled residual branches and a table of relative positions in every block."""

    width: int
    depth: int
    heads: int
    mlp_width: int
    patch_size: int
    grid: tuple[int, int]  # rows and columns of patches whose distances the tables hold
    taps: tuple[int, ...]
    kind: Literal["beit"] = "beit"


@dataclass(frozen=True)
class FullAttentionConfig:
    """Every token looks at every other one."""

    kind: Literal["full"] = "full"


@dataclass(frozen=True)
class PerformerConfig:
    """Attention by random features."""

    head_width: int
    features: int
    kind: Literal["performer"] = "performer"


@dataclass(frozen=True)
class MemoryCompressedConfig:
    """Attention to groups of tokens."""

    rate: int  # tokens in a group
    kind: Literal["memory compressed"] = "memory compressed"


AttentionConfig = Union[FullAttentionConfig, PerformerConfig, MemoryCompressedConfig]


@dataclass(frozen=True)
class HybridConfig:
    """A plain vision transformer whose patches come out of a convolutional network with three stages."""

    stem_width: int
    stage_widths: tuple[int, ...]  # channels each stage hands over
    stage_depths: tuple[int, ...]  # blocks in each stage
    width: int
    depth: int
    heads: int
    mlp_width: int
    grid: tuple[int, int]
    taps: tuple[int, ...]  # blocks whose outputs go on to reassembly, after those of the first two stages
    attention: AttentionConfig = FullAttentionConfig()
    positions: Literal["bilinear", "bilinear aligned"] = "bilinear"  # how they are resized to the image's grid
    kind: Literal["hybrid"] = "hybrid"


@dataclass(frozen=True)
class DINOv2Config:
    """The vision transformer of DINOv2: scaled residual branches, and one norm over every tapped output."""

    width: int
    depth: int
    heads: int
    mlp: Literal["gelu", "swiglu"]
    mlp_width: int
    patch_size: int
    grid: tuple[int, int]
    taps: tuple[int, ...]
    kind: Literal["dinov2"] = "dinov2"


@dataclass(frozen=True)
class ResNeXtConfig:
    """Four stages of residual blocks with grouped convolutions; each but the first halves the map."""

    stem_width: int
    depths: tuple[int, ...]  # blocks in each stage
    inner_widths: tuple[int, ...]  # channels of the grouped convolutions of each stage
    widths: tuple[int, ...]  # channels each stage hands over
    groups: int
    kind: Literal["resnext"] = "resnext"


@dataclass(frozen=True)
class EfficientNetLiteConfig:
    """Seven stages of depthwise convolutions, a row each of the paper's table."""

    stem_width: int
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    strides: tuple[int, ...]  # of the first block of each stage
    expansion: int  # how many times wider the blocks are inside, except in the first stage
    taps: tuple[int, ...]  # stages whose outputs go on to reassembly
    kind: Literal["efficientnet_lite"] = "efficientnet_lite"


@dataclass(frozen=True)
class LeViTConfig:
    """Three stages on ever smaller square maps; between two of them is one more block, which shrinks the map."""

    stem_widths: tuple[int, ...]  # channels after each convolution of the stem
    side: int  # rows and columns of the first stage's map
    widths: tuple[int, ...]  # of the three stages
    depths: tuple[int, ...]  # blocks of each stage, without the shrinking ones
    heads: tuple[int, ...]
    key_widths: tuple[int, ...]  # channels of each head's queries and keys
    value_widths: tuple[int, ...]  # channels of each head's values
    mlp_widths: tuple[int, ...]
    shrinking_heads: tuple[int, ...]  # of the two blocks between the stages, and so on
    shrinking_key_widths: tuple[int, ...]
    shrinking_value_widths: tuple[int, ...]
    shrinking_mlp_widths: tuple[int, ...]
    taps: tuple[int, ...]  # blocks whose outputs go on to reassembly, one of each stage; shrinking blocks count
    transposed_stem_widths: tuple[int, ...]  # channels after each convolution between fusion and head
    kind: Literal["levit"] = "levit"


@dataclass(frozen=True)
class NextViTConfig:
    """Four stages of convolution blocks, among them some transformer blocks; widths of what a stage has none of are zero."""

    stem_widths: tuple[int, ...]  # channels after each convolution of the stem
    depths: tuple[int, ...]  # blocks in each stage
    transformers: tuple[int, ...]  # which blocks, counted through all stages, are transformer blocks
    widths: tuple[int, ...]  # channels of the convolution blocks of each stage
    mlp_widths: tuple[int, ...]
    transformer_widths: tuple[int, ...]  # channels the transformer blocks of each stage hand on
    attention_widths: tuple[int, ...]  # how many of them come from attention
    transformer_mlp_widths: tuple[int, ...]
    head_width: int  # channels of each head, in attention and in grouped convolutions
    reductions: tuple[int, ...]  # in each stage, means of this many squared tokens are attended to
    kind: Literal["next_vit"] = "next_vit"

    @property
    def handed_on(self) -> tuple[int, ...]:
        """Channels of the last block of each stage."""
        widths = zip(accumulate(self.depths), self.widths, self.transformer_widths, strict=True)
        return tuple(transformer_width if end - 1 in self.transformers else width for end, width, transformer_width in widths)


@dataclass(frozen=True)
class SwinConfig:
    """Stages of attention within shifted windows; each but the first halves the grid and doubles the width."""

    width: int  # of the first stage
    depths: tuple[int, ...]  # blocks in each stage
    heads: tuple[int, ...]
    mlp_widths: tuple[int, ...]
    windows: tuple[int, ...]  # tokens along a side, of the windows each stage has biases for
    patch_size: int
    grid: tuple[int, int]  # rows and columns of patches in training
    kind: Literal["swin"] = "swin"


@dataclass(frozen=True)
class Swin2Config:
    """The same with cosine attention, and biases that a small network makes for windows of any size."""

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    mlp_widths: tuple[int, ...]
    window: int  # the largest; a smaller grid is one window
    pretrained_windows: tuple[int, ...]  # of the windows each stage began its training with; 0: the same as now
    position_mlp_width: int
    patch_size: int
    grid: tuple[int, int]
    kind: Literal["swin2"] = "swin2"


@dataclass(frozen=True)
class CroCoConfig:
    """A vision transformer for two views, whose positions are rotations, and decoders that look at each other's tokens."""

    width: int
    depth: int
    heads: int
    mlp_width: int
    patch_size: int
    decoder_width: int
    decoder_depth: int
    decoder_heads: int
    decoder_mlp_width: int
    two_decoders: bool  # one for each view, or one for both
    rotation_base: float  # of the wavelengths by which positions are told apart
    taps: tuple[int, ...]  # what goes on to reassembly: 0 is what the encoder gives, n what the n-th block of the decoder does
    kind: Literal["croco"] = "croco"


EncoderConfig = Union[
    ViTConfig,
    BEiTConfig,
    HybridConfig,
    DINOv2Config,
    ResNeXtConfig,
    EfficientNetLiteConfig,
    LeViTConfig,
    NextViTConfig,
    SwinConfig,
    Swin2Config,
    CroCoConfig,
]


@dataclass(frozen=True)
class ReassembleConfig:
    """From what the encoder hands over to maps of four scales."""

    features: tuple[int, ...]  # channels of each map before it is projected for fusion, finest first; empty: the encoder's own
    readout: Literal["ignore", "add", "project", "none"]  # what becomes of the class token; none: there is none


@dataclass(frozen=True)
class FusionConfig:
    """From maps of four scales to one."""

    widths: tuple[int, ...]  # channels of each fusion block, finest first
    resize: Literal["to next", "double", "double and crop"]  # coarser paths are brought to the size of the next finer map, or doubled
    batch_norm: bool = False
    bias: bool = True  # of the convolutions in the residual units


@dataclass(frozen=True)
class HeadConfig:
    """From one map to the prediction."""

    kind: Literal["depth", "segmentation"]
    upsampler_width: int  # channels after the first convolution
    projection_width: int  # channels before the last convolution
    channels: int  # of the prediction
    resize: Literal["to image", "double", "double unaligned"]  # between the first convolution and the projection


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


class ConfigError(ValueError):
    """A configuration that does not fit its definition."""


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain values that JSON can hold."""
    return {field.name: _plain(getattr(config, field.name)) for field in fields(config)}


def from_dict(data: Mapping[str, Any]) -> DPTConfig:
    """The way back; nothing unknown is overlooked and nothing missing is made up."""
    config = _decode(DPTConfig, data, "config")
    assert isinstance(config, DPTConfig)
    return config


def leaves(config: Any, path: str = "") -> dict[str, Any]:
    """Every value of a configuration under its dotted path, such as encoder.width."""
    found: dict[str, Any] = {}
    for field in fields(config):
        value, here = getattr(config, field.name), f"{path}.{field.name}".lstrip(".")
        found.update(leaves(value, here) if is_dataclass(value) else {here: value})
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return to_dict(value)
    return list(map(_plain, value)) if isinstance(value, tuple) else value


def _decode(kind: Any, value: Any, path: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        return _decode_dataclass(kind, value, path)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{path} is {value!r}; expected one of {', '.join(map(repr, arguments))}")
        return value
    if origin in (Union, types.UnionType):
        return _decode_union(arguments, value, path)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{path} is {value!r}; expected a list")
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) != len(value):
            raise ConfigError(f"{path} has {len(value)} entries; expected {len(kinds)}")
        return tuple(_decode(kind, item, f"{path}[{index}]") for index, (kind, item) in enumerate(zip(kinds, value, strict=True)))
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ConfigError(f"{path} is {value!r}; expected {kind.__name__}")
    return value


def _decode_union(kinds: tuple[Any, ...], value: Any, path: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    by_name = {kind.__dataclass_fields__["kind"].default: kind for kind in kinds if is_dataclass(kind)}
    if not by_name:
        return _decode(next(kind for kind in kinds if kind is not type(None)), value, path)
    name = value.get("kind") if isinstance(value, Mapping) else None
    if name not in by_name:
        raise ConfigError(f"{path}.kind is {name!r}; expected one of {', '.join(map(repr, by_name))}")
    return _decode(by_name[name], value, path)


def _decode_dataclass(kind: Any, value: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path} is {value!r}; expected a table of values")
    kinds = typing.get_type_hints(kind)
    if unknown := sorted(set(value) - set(kinds)):
        raise ConfigError(f"{path} has {unknown[0]!r}, which this version does not know; expected {', '.join(kinds)}")
    if missing := [name for name in kinds if name not in value]:
        raise ConfigError(f"{path} lacks {missing[0]!r}")
    return kind(**{name: _decode(kinds[name], value[name], f"{path}.{name}") for name in kinds})
