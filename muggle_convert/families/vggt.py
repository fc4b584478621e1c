"""VGGT: cameras, depth and points of a scene from any number of its views; DPT's decoder on a transformer that looks across all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from model_defs.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    DPTConfig,
    ImageConfig,
    OutputConfig,
    ReassembleConfig,
    SceneHeadConfig,
    VGGTConfig,
)
from muggle_convert.errors import Refusal
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.attention import told_heads
from muggle_convert.families.shared.decoder import compose_fusion, enlarged, scratch
from muggle_convert.families.shared.dinov2 import EVEN_TAPS, MASK_TOKEN
from muggle_convert.families.shared.evidence import Source
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import HEADS, Setting, check_taps, on_encoder, one_of, whole_numbers
from muggle_convert.families.shared.timm_vit import by_positions, positions, told_taps
from muggle_convert.rules import Row, RuleSet, convolution, each, linear, norm, not_run, optional, tensor, under, unread
from muggle_convert.rules.sizes import Fields, Size

CAMERA_HEADS = 16  # of attention among cameras, whatever their width
WITHIN_AND_ACROSS = "{k:frame_blocks|global_blocks}.{n}", "{k:within|across}.{n}"
TRACKER = "tracks of points through the views are not followed here"


def _head_width(encoder: VGGTConfig, fields: Fields) -> int:
    return encoder.width // encoder.pair_heads


def _block(block: str, here: str, width: Size, mlp_width: Size) -> tuple[Row, ...]:
    """What all blocks have."""
    return (
        *norm(f"{block}.norm{{i:1|2}}", f"{here}.norm{{i:1|2}}", width),
        *linear(f"{block}.attn.qkv", f"{here}.attn.qkv", f"3*{width}", width),
        *linear(f"{block}.attn.proj", f"{here}.attn.proj", width, width),
        tensor(f"{block}.ls{{i:1|2}}.gamma", f"{here}.{{i:scale_attn|scale_mlp}}", width),
        *linear(f"{block}.mlp.fc1", f"{here}.mlp.fc1", mlp_width, width),
        *linear(f"{block}.mlp.fc2", f"{here}.mlp.fc2", width, mlp_width),
    )


def _decoder(channels: Size) -> tuple[Row, ...]:
    """One map for every view, from what was tapped of both blocks of a pair."""
    return (
        *norm("norm", "norm", "2*width"),
        each("s", 4, convolution("projects.{s}", "reassemble.{s:scale}.resample.0", "reassemble.features[s]", "2*width", 1)),
        *enlarged("resize_layers.{s}"),
        *scratch("reassemble.features[s]"),
        *convolution("scratch.output_conv1", "head.spatial_upsampler.0", "head.upsampler_width", "fusion.widths[0]", 3),
        *convolution("scratch.output_conv2.0", "head.proj_1ch.0", "head.projection_width", "head.upsampler_width", 3),
        *convolution("scratch.output_conv2.2", "head.proj_1ch.2", channels, "head.projection_width", 1),
    )


_ENCODER = (
    tensor("cls_token", "patch_embed.cls_token", 1, 1, "width"),
    *convolution("patch_embed.proj", "patch_embed.proj", "width", "image.channels", "patch_size"),
    positions("pos_embed"),
    tensor("register_tokens", "imgencoder.registers", 1, "registers", "width"),
    tensor("mask_token", unread(MASK_TOKEN), 1, "width"),
    each("n", "depth", _block("blocks.{n}", "imgencoder.blocks.{n}", "width", "mlp_width")),
    *norm("norm", "imgencoder.outnorm", "width"),
)

_PAIRS = (
    tensor("camera_token", "cameras", 1, 2, 1, "width"),
    tensor("register_token", "registers", 1, 2, "pair_registers", "width"),
    each(
        "n",
        "pairs",
        _block(*WITHIN_AND_ACROSS, "width", "pair_mlp_width"),
        norm(f"{WITHIN_AND_ACROSS[0]}.attn.{{m:q_norm|k_norm}}", f"{WITHIN_AND_ACROSS[1]}.attn.{{m:query_norm|key_norm}}", _head_width),
    ),
)

_CAMERAS = (
    *norm("token_norm", "token_norm", "2*width"),
    tensor("empty_pose_tokens", "unknown", 1, 1, 9),
    *linear("embed_pose", "embed", "2*width", 9),
    *linear("poseLN_modulation.1", "modulation", "6*width", "2*width"),
    each("n", "head.camera_depth", _block("trunk.{n}", "trunk.blocks.{n}", "2*width", "head.camera_mlp_width")),
    *norm("trunk_norm", "trunk.norm", "2*width"),
    *linear("pose_branch.fc1", "branch.fc1", "width", "2*width"),
    *linear("pose_branch.fc2", "branch.fc2", 9, "width"),
)

# The tracker has widths and a depth of its own, which no network here is built with, so that its tensors are known by name only.
_TRACKER_LAYERS = (
    "feature_extractor.norm.{p:parameter}",
    "feature_extractor.projects.{s}.{p:parameter}",
    "feature_extractor.resize_layers.{s}.{p:parameter}",
    "feature_extractor.scratch.layer{s}_rn.weight",
    "feature_extractor.scratch.refinenet{s}.out_conv.{p:parameter}",
    "feature_extractor.scratch.refinenet{s}.resConfUnit{i:1|2}.conv{j:1|2}.{p:parameter}",
    "feature_extractor.scratch.output_conv1.{p:parameter}",
    "tracker.query_ref_token",
    "tracker.corr_mlp.{m:fc1|fc2}.{p:parameter}",
    "tracker.{m:fmap_norm|ffeat_norm}.{p:parameter}",
    "tracker.{m:ffeat_updater|vis_predictor|conf_predictor}.0.{p:parameter}",
    "tracker.updateformer.virual_tracks",
    "tracker.updateformer.{m:input_norm|input_transform|output_norm|flow_head}.{p:parameter}",
    "tracker.updateformer.{b:time|space_virtual}_blocks.{n}.{m:norm1|norm2|attn.out_proj|mlp.fc1|mlp.fc2}.{p:parameter}",
    "tracker.updateformer.{b:time|space_virtual}_blocks.{n}.attn.in_proj_{p:parameter}",
    "tracker.updateformer.{b:space_point2virtual|space_virtual2point}_blocks.{n}.{m:norm1|norm_context|norm2|cross_attn.out_proj|mlp.fc1|mlp.fc2}"
    ".{p:parameter}",
    "tracker.updateformer.{b:space_point2virtual|space_virtual2point}_blocks.{n}.cross_attn.in_proj_{p:parameter}",
)

ORIGINAL = RuleSet(
    under("aggregator.patch_embed.", _ENCODER),
    under("aggregator.", _PAIRS, canonical="aggregator."),
    under("camera_head.", _CAMERAS, canonical="cameras."),
    under("depth_head.", _decoder("head.channels"), canonical="maps.depth."),
    optional("head.points", under("point_head.", _decoder("head.channels + 2"), canonical="maps.points.")),
    under("track_head.", *(not_run(layer, TRACKER) for layer in _TRACKER_LAYERS)),
)


def _configure(reading: Reading) -> DPTConfig:
    readout = reading.note("reassemble.readout", "none", Source.CONVENTION, "camera tokens and registers stay out of the maps")
    return DPTConfig(
        family=reading.family,
        encoder=_encoder(reading),
        reassemble=reading.compose(ReassembleConfig, "reassemble", readout=readout),
        fusion=compose_fusion(reading, "to next"),
        head=_head(reading),
        image=_image(reading),
        output=reading.rest(
            "output", OutputConfig(kind="points", activation="exp"), Source.CONVENTION, "how every released VGGT makes depth and points"
        ),
    )


def _encoder(reading: Reading) -> VGGTConfig:
    width = reading.value("encoder.width")
    return reading.compose(
        VGGTConfig,
        "encoder",
        heads=told_heads(reading, width),
        pair_heads=_pair_heads(reading, width),
        rotation_base=reading.convention("encoder.rotation_base", 100.0, "every released VGGT was trained with this base"),
        taps=told_taps(reading, reading.value("encoder.pairs"), TAPS, {24: EVEN_TAPS[24]}),
    )


def _pair_heads(reading: Reading, width: int) -> int:
    name = "aggregator.within.0.attn.query_norm.weight"
    heads = reading.measure("encoder.pair_heads", name, lambda shape: width // shape[0])
    head_width = reading.shape(name)[0]
    if width % head_width or head_width % 4:
        raise Refusal(
            f"{reading.describe(name)} in {reading.file}, where a head's share of {width} features was expected, in pairs for rows and for columns."
        )
    return heads


def _head(reading: Reading) -> SceneHeadConfig:
    width = 2 * reading.value("encoder.width")
    if width % CAMERA_HEADS:
        raise Refusal(f"{reading.file} has {width} features in its camera head, which {CAMERA_HEADS} attention heads cannot share.")
    if reading.value("head.channels") != 2:
        raise Refusal(
            f"{reading.file} predicts {reading.value('head.channels')} channels of depth; VGGT predicts depth and how far to trust it."
        )
    reading.note("head.kind", "scene", Source.SHAPE, "the names of its tensors")
    refinements = reading.convention("head.refinements", 4, "VGGT refines its cameras as often")
    return reading.compose(SceneHeadConfig, "head", refinements=refinements)


def _image(reading: Reading) -> ImageConfig:
    grid, patch_size = reading.value("encoder.grid"), reading.value("encoder.patch_size")
    channels = reading.value("image.channels")
    size = reading.note("image.size", grid[1] * patch_size, Source.SHAPE, by_positions(grid, patch_size))
    multiple = reading.note("image.multiple", patch_size, Source.SHAPE, reading.describe("patch_embed.proj.weight"))
    image = ImageConfig(channels, size, True, "across", multiple, IMAGENET_MEAN, IMAGENET_STD)
    if (told := reading.told("pictures", PICTURES)) is not None:
        image = replace(image, fit=reading.heard(told, "image.fit", FITS[told.value]))
    return reading.rest(
        "image", image, Source.CONVENTION, "how VGGT was trained: mean and standard deviation of ImageNet, the width at that size"
    )


def _apply_taps(encoder: VGGTConfig, taps: tuple[int, ...]) -> VGGTConfig:
    check_taps(taps, 4, encoder.pairs)
    return replace(encoder, taps=taps)


def _apply_heads(encoder: VGGTConfig, heads: int) -> VGGTConfig:
    if encoder.width % heads:
        raise Refusal(f"{heads} attention heads do not fit: {encoder.width} features cannot be shared out evenly among them.")
    return replace(encoder, heads=heads)


def _apply_pictures(config: DPTConfig, way: str) -> DPTConfig:
    return replace(config, image=replace(config.image, fit=FITS[way]))


FITS: Mapping[str, Any] = {"across": "across", "padded": "longest"}  # the two ways of the original, and what they do to a picture
PICTURES = Setting("how pictures are brought to the network: across, all as wide, or padded, white squares", one_of(*FITS), _apply_pictures)
TAPS = Setting("the four pairs of blocks whose outputs are used, such as 4,11,17,23", whole_numbers, on_encoder(_apply_taps))

_FULL = {"encoder.width": 1024, "encoder.depth": 24, "encoder.pairs": 24, "encoder.mlp_width": 4096, "fusion.widths": (256,) * 4}

PAPER = """@inproceedings{wang2025vggt,
  title = {VGGT: Visual Geometry Grounded Transformer},
  author = {Wang, Jianyuan and Chen, Minghao and Karaev, Nikita and Vedaldi, Andrea and Rupprecht, Christian and Novotny, David},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2025}
}"""

VGGT = Family(
    name="vggt",
    title="VGGT, cameras, depth and points of any number of views",
    citations=(PAPER, papers.DPT),
    encoder=VGGTConfig,
    layouts={"original": ORIGINAL},
    configure=_configure,
    file_names=re.compile(r"vggt", re.IGNORECASE),
    glance=Glance(
        "pairs 4, 11, 17, 23 of 24: what the block within a view and the one across all views give, side by side",
        "patches, told their place in the picture; camera tokens and registers are ignored",
        "to the next map's size; to the image, one decoder for depth and one for points",
        "518 across, any number of pictures",
    ),
    released=(Released("VGGT-1B", _FULL),),
    published=(
        Published("VGGT-1B", 1257, "cc-by-nc-4.0", "a scene from its views", repository="facebook/VGGT-1B", file="model.safetensors"),
        Published(
            "VGGT-1B-Commercial",
            1257,
            "vggt-aup-license",
            "a scene from its views",
            repository="facebook/VGGT-1B-Commercial",
            file="vggt_1B_commercial.pt",
        ),
    ),
    settings={"heads": Setting(HEADS.meaning, HEADS.parse, on_encoder(_apply_heads)), "taps": TAPS, "pictures": PICTURES},
)
