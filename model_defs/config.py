"""What a network is built from: frozen, readable without torch, and in the same words in Python, in JSON and in the code of the networks.

A new encoder is one more dataclass with a `kind` of its own, and the file `model_defs/encoders/<kind>.py`. A head of another kind is one, too;
`model_defs/build.py` says which of them need a network of another shape around them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, ClassVar, Literal

# Coarser paths are brought to the size of the next finer map, or doubled; where that is not the same, path or map gives way.
FusionResize = Literal["to next", "double", "double and crop", "double and fit maps"]
PictureResize = Literal["cubic", "bilinear aligned", "area or cubic"]  # from a picture to the network's input; by areas where it shrinks
HeadResize = Literal["to image", "double", "double unaligned"]  # between the first convolution and the projection
Framing = Literal[
    "cropped", "resized", "across", "padded"
]  # how pictures of one scene become inputs; `muggle_convert.predict.framing` does it
Grid = tuple[int, int]  # rows and columns of patches
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of its three channels
SCALES = ("spatial_upx4", "spatial_upx2", "spatial_noscale", "spatial_downx2")  # of the decoder's maps, finest first


class OfSeveralKinds:
    """What comes in several kinds, each a dataclass with a field `kind` by which a written configuration is read back."""

    kind: str
    kinds: ClassVar[dict[str, type[Any]]]

    def __init_subclass__(cls) -> None:
        if "kind" in vars(cls):
            cls.kinds[cls.kind] = cls
        else:
            cls.kinds = {}


class AttentionConfig(OfSeveralKinds):
    """How tokens look at each other."""


class EncoderConfig(OfSeveralKinds):
    """An image encoder, in the words of its paper."""


@dataclass(frozen=True)
class FullAttentionConfig(AttentionConfig):
    """Every token looks at every other one."""

    kind: Literal["full"] = "full"


@dataclass(frozen=True)
class PerformerConfig(AttentionConfig):
    """Attention by random features."""

    head_width: int
    features: int
    kind: Literal["performer"] = "performer"


@dataclass(frozen=True)
class MemoryCompressedConfig(AttentionConfig):
    """Attention to groups of tokens."""

    rate: int  # tokens in a group
    kind: Literal["memory compressed"] = "memory compressed"


@dataclass(frozen=True)
class ViTConfig(EncoderConfig):
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
class BEiTConfig(EncoderConfig):
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
class HybridConfig(EncoderConfig):
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
class DINOv2Config(EncoderConfig):
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
class DINOv2ViewsConfig(DINOv2Config):
    """The same on several views of a scene: from one block on every other block looks across all of them, and positions are rotations too."""

    alternates_from: int = field(kw_only=True)  # the first block with rotations; of those, the odd ones look across views
    rotation_base: float = field(kw_only=True)  # of the wavelengths by which positions are told apart
    kind: Literal["dinov2_views"] = "dinov2_views"  # type: ignore[assignment]  # a kind of its own


@dataclass(frozen=True)
class ResNeXtConfig(EncoderConfig):
    """Four stages of residual blocks with grouped convolutions; each but the first halves the map."""

    stem_width: int
    depths: tuple[int, ...]  # blocks in each stage
    inner_widths: tuple[int, ...]  # channels of the grouped convolutions of each stage
    widths: tuple[int, ...]  # channels each stage hands over
    groups: int
    kind: Literal["resnext"] = "resnext"


@dataclass(frozen=True)
class EfficientNetLiteConfig(EncoderConfig):
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
class LeViTConfig(EncoderConfig):
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
class NextViTConfig(EncoderConfig):
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
class SwinConfig(EncoderConfig):
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
class Swin2Config(EncoderConfig):
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
class CroCoConfig(EncoderConfig):
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


@dataclass(frozen=True)
class VGGTConfig(EncoderConfig):
    """A vision transformer with registers that sees each view alone, then pairs of blocks: one within every view, one across all of them."""

    width: int
    depth: int  # blocks that see each view alone
    heads: int
    mlp_width: int
    patch_size: int
    grid: tuple[int, int]  # rows and columns of the stored position embedding
    registers: int  # tokens without a place, in front of the patches
    pairs: int
    pair_heads: int
    pair_mlp_width: int
    pair_registers: int
    rotation_base: float  # of the wavelengths by which positions are told apart in the pairs
    taps: tuple[int, ...]  # pairs whose outputs, of both blocks side by side, go on to reassembly
    kind: Literal["vggt"] = "vggt"


@dataclass(frozen=True)
class ReassembleConfig:
    """From what the encoder hands over to maps of four scales."""

    features: tuple[int, ...]  # channels of each map before it is projected for fusion, finest first; empty: the encoder's own
    readout: Literal["ignore", "add", "project", "beside", "none"]  # what becomes of the class token; none: there is none


@dataclass(frozen=True)
class FusionConfig:
    """From maps of four scales to one."""

    widths: tuple[int, ...]  # channels of each fusion block, finest first
    resize: FusionResize
    batch_norm: bool = False
    bias: bool = True  # of the convolutions in the residual units


class HeadConfig(OfSeveralKinds):
    """From what fusion gives to the prediction."""

    channels: int  # of the prediction


@dataclass(frozen=True)
class DepthHeadConfig(HeadConfig):
    """Two convolutions, with enlarging between them, and a projection of each pixel."""

    upsampler_width: int  # channels after the first convolution
    projection_width: int  # channels before the last convolution
    channels: int  # of the prediction
    resize: HeadResize
    kind: Literal["depth"] = "depth"


@dataclass(frozen=True)
class PromptedDepthHeadConfig(DepthHeadConfig):
    """The same above a fusion that is shown a map of measured depth; what it predicts is a share of that map's range."""

    kind: Literal["prompted depth"] = "prompted depth"  # type: ignore[assignment]  # a kind of its own


@dataclass(frozen=True)
class DepthAndSkyHeadConfig(DepthHeadConfig):
    """The same with a second projection, which tells the sky from everything else."""

    kind: Literal["depth and sky"] = "depth and sky"  # type: ignore[assignment]  # a kind of its own


@dataclass(frozen=True)
class MatchingHeadConfig(DepthHeadConfig):
    """The same for points, beside an MLP on tokens that describes every pixel; what is the same in two views is described alike."""

    descriptors: int = field(kw_only=True)  # numbers that describe a pixel
    descriptor_mlp_width: int = field(kw_only=True)
    kind: Literal["points and descriptors"] = "points and descriptors"  # type: ignore[assignment]  # a kind of its own


@dataclass(frozen=True)
class BoundedDepthHeadConfig(DepthHeadConfig):
    """The same after a convolution more, on pictures that are padded to whole patches; its metres lie between two limits."""

    kind: Literal["bounded depth"] = "bounded depth"  # type: ignore[assignment]


@dataclass(frozen=True)
class LinearDepthHeadConfig(HeadConfig):
    """One product with what was tapped at each patch: scores of depths, which are enlarged."""

    channels: int  # one for each depth
    enlarging: int
    kind: Literal["linear depth"] = "linear depth"


@dataclass(frozen=True)
class DepthAndRaysHeadConfig(DepthHeadConfig):
    """Depth and trust; beside them, from a fusion of its own, the ray of every pixel; and a camera for every view, which may also be told."""

    camera_depth: int = field(kw_only=True)  # blocks among cameras that are told
    camera_mlp_width: int = field(kw_only=True)
    camera_branch_width: int = field(kw_only=True)  # between the numbers of a camera and its token
    kind: Literal["depth and rays"] = "depth and rays"  # type: ignore[assignment]  # a kind of its own


@dataclass(frozen=True)
class FilmDepthHeadConfig(DepthHeadConfig):
    """The same above a decoder whose coarse maps look at each other across the frames of a film."""

    frames: int = field(kw_only=True)  # that have a position each: the longest film that is seen at once
    kind: Literal["film depth"] = "film depth"  # type: ignore[assignment]  # a kind of its own


@dataclass(frozen=True)
class SegmentationHeadConfig(HeadConfig):
    """A convolution and a projection of each pixel, with enlarging last."""

    upsampler_width: int  # channels after the first convolution
    projection_width: int  # channels before the last convolution
    channels: int  # one for each class
    resize: HeadResize
    kind: Literal["segmentation"] = "segmentation"


@dataclass(frozen=True, kw_only=True)
class MetricBinsHeadConfig(HeadConfig):
    """Metres as a mean of bins, whose centres every path of the fusion moves; it reads the features of a head for relative depth."""

    upsampler_width: int  # of the head for relative depth, as above
    projection_width: int
    channels: int = 1
    resize: HeadResize
    bins: int
    seed_width: int  # hidden channels where the first centres are made
    embedding_width: int  # channels that every path is brought to
    embedding_hidden_width: int
    attractor_channels: tuple[
        int, ...
    ]  # for each path, coarsest first: an attractor each, or, where centres are normed, two for each attractor
    distribution_width: int  # hidden channels where bins are weighed
    centres: Literal["softplus", "normed"]  # metres without bound, or shares of the largest depth
    kind: Literal["metric bins"] = "metric bins"


PLACES = {"nyu": 10.0, "kitti": 80.0}  # rooms and streets, by the data their bins were trained with, and how many metres those reach


@dataclass(frozen=True)
class RouterConfig:
    """A transformer on the coarsest map, which tells what kind of place a picture shows."""

    width: int
    depth: int
    heads: int
    mlp_width: int
    classifier_width: int


@dataclass(frozen=True, kw_only=True)
class RoutedMetricBinsHeadConfig(MetricBinsHeadConfig):
    """The same with bins for rooms and bins for streets, between which a router chooses."""

    router: RouterConfig
    kind: Literal["routed metric bins"] = "routed metric bins"  # type: ignore[assignment]  # a kind of its own


@dataclass(frozen=True)
class SceneHeadConfig(HeadConfig):
    """A camera for every view, refined step by step, and depth and points of its pixels, each from a decoder of its own."""

    upsampler_width: int  # channels after the first convolution of a decoder
    projection_width: int  # channels before its last convolution
    channels: int  # of depth: itself, and how far it is to be trusted
    camera_depth: int  # blocks among cameras
    camera_mlp_width: int
    refinements: int
    points: bool = True  # whether there is a decoder for points
    kind: Literal["scene"] = "scene"


@dataclass(frozen=True)
class ImageConfig:
    """How a picture becomes the network's input."""

    channels: int
    size: int  # pixels the rule below works towards
    keep_aspect: bool
    # Both sides at least `size` (and then up to whole multiples), both at most, the side that changes least, both at most and never enlarged, the longer side exactly, or the width.
    fit: Literal["at least", "at least, up", "at most", "closest", "no larger", "longest", "across"]
    multiple: int  # of which both sides have to be
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size_across: int | None = None  # where the rule works towards another number of pixels across than down
    widest: float | None = None  # sides in a larger ratio than this are worked on at a size that is smaller by as much
    resize: PictureResize = "cubic"
    reflected: float = 0.0  # put around a picture first, and cut off again last: its reflection, this times the root of half of each side
    mirrored: bool = False  # its mirror image is predicted too, and the mean of both is the prediction


@dataclass(frozen=True)
class OutputConfig:
    """What the numbers of a prediction mean."""

    kind: Literal[
        "relative inverse depth", "relative depth", "canonical depth", "metric depth", "classes", "channels", "points", "metric points"
    ]
    # After the last convolution.
    activation: Literal["relu", "sigmoid", "sigmoid of the prompt's range", "relu between limits", "shares of depths", "none", "exp"]
    max_depth: float | None = None  # metres; what shares of depth, such as a sigmoid's, are multiplied by
    scale: float | None = None  # with shift: disparity = scale * prediction + shift
    shift: float | None = None
    invert: bool = False  # depth = 1 / disparity
    resize: Literal["bicubic", "bilinear", "bilinear aligned"] = "bicubic"  # back to the size of the picture
    min_depth: float | None = None  # metres, where there is such a limit too


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
    metric: DPTConfig | None = None  # of a network for one picture that runs beside this one, and tells the scale of its scenes
