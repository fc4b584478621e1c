"""What each image encoder is built from, in the words of its paper; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, Union


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
class ViTConfig:
    """A plain vision transformer: one width, one grid of patches, a class token, absolute positions."""

    width: int
    depth: int
    heads: int
    mlp_width: int
    patch_size: int
    grid: tuple[int, int]  # rows and columns of the stored position embedding
    taps: tuple[int, ...]  # blocks whose outputs go on to reassembly
    attention: AttentionConfig = FullAttentionConfig()
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


HYBRID_STRIDE = 16  # pixels between patches: the stem, its pooling and two of the three stages halve the map


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
    attention: AttentionConfig = FullAttentionConfig()
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
