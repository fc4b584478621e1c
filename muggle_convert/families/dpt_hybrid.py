"""DPT-Hybrid: a plain vision transformer on the maps of a convolutional network, of MiDaS v3.0, DPT and Omnidata."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from model_defs.config import HYBRID_STRIDE, DPTConfig, HeadConfig, HybridConfig, ImageConfig, OutputConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.attention import full, memory_compressed, performer, told_attention
from muggle_convert.families.shared.decoder import compose_fusion, compose_head, enlarged, fusion, fusion_projections
from muggle_convert.families.shared.evidence import Source
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.midas import INVERSIONS, OUTPUT_SETTINGS, TO_INVERT, depth_and_segmentation, told_image, told_output
from muggle_convert.families.shared.published import of_dpt, of_midas
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import HEADS, LAST_TAPS, READOUT
from muggle_convert.families.shared.timm_vit import (
    BLOCK,
    CLASS_TOKEN,
    HEAD,
    LAST_NORM,
    blocks,
    by_positions,
    patches,
    positions,
    told_reassembly,
    told_taps,
)
from muggle_convert.families.shared.transformers.vit import HYBRID
from muggle_convert.rules import Row, RuleSet, convolution, each, given, linear, norm, where
from muggle_convert.rules.sizes import Fields, Size

STAGE, STAGE_HERE = "pretrained.model.patch_embed.backbone.stages.{s}.blocks.{n}", "patch_embed.stages.{s}.{n}"
TOKEN_SCALES = "{s:spatial_noscale|spatial_downx2}"  # the finer two are maps of the convolutional network


def _inputs(encoder: HybridConfig, fields: Fields) -> int:
    """Channels that go into a block: the first of a stage takes what the stage before gives."""
    return (encoder.stem_width, *encoder.stage_widths)[fields["s"] + (fields["n"] > 0)]


def _is_first(encoder: HybridConfig, fields: Fields) -> bool:
    return fields["n"] == 0


def _standardized(original: str, original_norm: str, here: str, outputs: Size, inputs: Size, kernel: int) -> tuple[Row, ...]:
    """A convolution with standardised weights, and the group norm after it."""
    return (*convolution(original, here, outputs, inputs, kernel, bias=False), *norm(original_norm, f"{here}.norm", outputs))


def _bottleneck(convolution: str, norm: str, here: str, outputs: Size, inputs: Size, kernel: int) -> tuple[Row, ...]:
    return _standardized(f"{STAGE}.{convolution}", f"{STAGE}.{norm}", f"{STAGE_HERE}.{here}", outputs, inputs, kernel)


_RESNET = (
    _standardized(
        "pretrained.model.patch_embed.backbone.stem.conv",
        "pretrained.model.patch_embed.backbone.stem.norm",
        "patch_embed.stem",
        "stem_width",
        "image.channels",
        7,
    ),
    each(
        "s",
        3,
        each(
            "n",
            "stage_depths[s]",
            _bottleneck("conv1", "norm1", "reduce", "stage_widths[s]//4", _inputs, 1),
            _bottleneck("conv2", "norm2", "spatial", "stage_widths[s]//4", "stage_widths[s]//4", 3),
            _bottleneck("conv3", "norm3", "expand", "stage_widths[s]", "stage_widths[s]//4", 1),
            where(_is_first, _bottleneck("downsample.conv", "downsample.norm", "shortcut", "stage_widths[s]", _inputs, 1)),
        ),
    ),
)


def _reassembly(readout: str, project: str, resize: str) -> tuple[Row, ...]:
    return (
        each(
            "s",
            2,
            given("reassemble.readout", "project", linear(readout, f"reassemble.{TOKEN_SCALES}.readout_proj", "width", "2*width")),
            convolution(project, f"reassemble.{TOKEN_SCALES}.resample.0", "reassemble.features[s]", "width", 1),
        ),
        *enlarged(resize, first=2),
        each(
            "s",
            2,
            convolution(
                "scratch.layer{s:1|2}_rn",
                "reassemble.{s:spatial_upx4|spatial_upx2}.fuse_proj",
                "fusion.widths[s]",
                "stage_widths[s]",
                3,
                bias=False,
            ),
            convolution(
                "scratch.layer{s:3|4}_rn",
                f"reassemble.{TOKEN_SCALES}.fuse_proj",
                "fusion.widths[s + 2]",
                "reassemble.features[s]",
                3,
                bias=False,
            ),
        ),
    )


def _layouts(resized: str, attention: tuple[Row, ...], reassembly: tuple[Row, ...]) -> dict[str, RuleSet]:
    """`resized` is how the code that reads such files resizes positions, which no tensor tells."""

    def suits(config: DPTConfig) -> None:
        encoder = config.encoder
        assert isinstance(encoder, HybridConfig)
        if encoder.positions != resized:
            raise Refusal(
                f"the model resizes its positions {encoder.positions}, and the code that reads the only layout with a place for its "
                f"tensors resizes them {resized}; a file for it would be of another model."
            )

    return depth_and_segmentation(
        CLASS_TOKEN,
        _RESNET,
        patches("stage_widths[2]", 1),
        positions("pretrained.model.pos_embed"),
        blocks(attention),
        LAST_NORM,
        HEAD,
        reassembly,
        fusion(),
        fusion_projections(),
        suits=suits,
    )


_REASSEMBLY = _reassembly(
    "pretrained.act_postprocess{s+3}.0.project.0", "pretrained.act_postprocess{s+3}.3", "pretrained.act_postprocess{s+1}.4"
)
_REASSEMBLY_OF_FORK = _reassembly(
    "pretrained.readout_oper{s+3}.0.project.0", "pretrained.act_postprocess{s+3}.0", "pretrained.act_postprocess{s+1}.1"
)


def _fork(attention: tuple[Row, ...]) -> RuleSet:
    return _layouts("bilinear aligned", attention, _REASSEMBLY_OF_FORK)["original"]


ATTENTION = BLOCK + ".attn"
LAYOUTS = {
    **_layouts("bilinear", full(ATTENTION), _REASSEMBLY),
    "fork": _fork(full(ATTENTION)),
    "fork, performer": _fork(performer(ATTENTION)),
    "fork, memory compressed": _fork(memory_compressed(ATTENTION)),
}

KNOWN_TAPS = {12: (8, 11)}
METRIC_FILE = re.compile(r"dpt.*[_-](?P<data>kitti|nyu)", re.IGNORECASE)
NET_SIZES = {"kitti": (352, 1216), "nyu": (480, 640)}  # rows and columns DPT feeds its metric models
OMNIDATA_FILE = re.compile(r"omnidata.*[_-](?P<task>normal|depth)", re.IGNORECASE)


def _configure(reading: Reading) -> DPTConfig:
    head = compose_head(reading, "double")
    encoder = _encoder(reading)
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=told_reassembly(reading),
        fusion=compose_fusion(reading, "to next"),
        head=head,
        image=_image(reading, head, encoder.grid),
        output=_output(reading, head),
    )


def _encoder(reading: Reading) -> HybridConfig:
    stem_width, widths = reading.value("encoder.stem_width"), reading.value("encoder.stage_widths")
    if any(width % 32 for width in (stem_width, *(width // 4 for width in widths))):
        raise Refusal(
            f"{reading.file} has maps of {stem_width} and {widths} channels; the norms of {reading.family} divide them into 32 groups."
        )
    heads, attention = told_attention(reading, reading.value("encoder.width"))
    return reading.compose(
        HybridConfig,
        "encoder",
        heads=heads,
        taps=told_taps(reading, reading.value("encoder.depth"), LAST_TAPS, KNOWN_TAPS),
        attention=attention,
        positions=_positions(reading),
    )


def _is_of_fork(reading: Reading) -> bool:
    """Whether the convolutions of reassembly are counted from zero, as only the fork does."""
    return "pretrained.act_postprocess3.0.weight" in reading.origins.get("reassemble.spatial_noscale.resample.0.weight", ())


def _positions(reading: Reading) -> Literal["bilinear", "bilinear aligned"]:
    if _is_of_fork(reading):
        reading.convention("encoder.positions", "bilinear aligned", "how the fork runs that counts reassembly's convolutions from zero")
        return "bilinear aligned"
    reading.convention("encoder.positions", "bilinear", "how this family's code runs")
    return "bilinear"


def _image(reading: Reading, head: HeadConfig, grid: tuple[int, int]) -> ImageConfig:
    image = told_image(reading, head, grid[0] * HYBRID_STRIDE, by_positions(grid, HYBRID_STRIDE))
    if head.kind == "depth" and (named := reading.named(METRIC_FILE)) is not None:
        rows, columns = NET_SIZES[named.value["data"].lower()]
        reading.because(named.evidence, "image.size", "image.size_across")
        return replace(image, size=rows, size_across=columns)
    if head.channels == 3 and (named := reading.named(OMNIDATA_FILE)) is not None and named.value["task"].lower() == "normal":
        reading.because(named.evidence, "image.mean", "image.std")
        return replace(image, mean=(0.0,) * image.channels, std=(1.0,) * image.channels)  # its pictures are not normalised
    return image


def _output(reading: Reading, head: HeadConfig) -> OutputConfig:
    is_of_fork = _is_of_fork(reading)  # whose code inverts nothing
    output = told_output(reading, head, None if is_of_fork else METRIC_FILE, may_be_metric=not is_of_fork)
    if reading.evidence["output.kind"].source is Source.ASSUMED and (metric := reading.named(METRIC_FILE)) is not None:
        why = f"the fork's code inverts no prediction, whatever {metric.evidence.detail} was trained on; {TO_INVERT} would"
        reading.note("output.kind", output.kind, Source.ASSUMED, why)
    named = reading.named(OMNIDATA_FILE)
    if output.kind == "relative inverse depth" and named is not None and named.value["task"].lower() == "depth":
        return replace(output, kind=reading.heard(named, "output.kind", "relative depth"))
    return output


_FULL = {
    "encoder.attention.kind": "full",
    "encoder.positions": "bilinear",
    "encoder.stage_depths": (3, 4, 9),
    "encoder.width": 768,
    "encoder.depth": 12,
    "encoder.grid": (24, 24),
    "reassemble.features": (768, 768),
    "fusion.widths": (256,) * 4,
    "image.channels": 3,
}


def _metric(data: str) -> Released:
    constants = {f"output.{name}": number for name, number in INVERSIONS[data].items()}
    return Released(f"dpt_hybrid_{data}", {**_FULL, **constants, "output.invert": True})


DPT_HYBRID = Family(
    name="dpt_hybrid",
    title="DPT, hybrid of a convolutional network and a vision transformer",
    citations=(papers.DPT, papers.MIDAS),
    encoder=HybridConfig,
    layouts=LAYOUTS,
    configure=_configure,
    file_names=re.compile(r"dpt[_-]hybrid|omnidata[_-]dpt", re.IGNORECASE),
    glance=Glance(
        "stages 0 and 1, blocks 8 and 11",
        "two maps as they are, two from tokens",
        "to the next map's size; doubling",
        "384, closest, multiples of 32",
    ),
    released=(
        Released("dpt_hybrid_384", {**_FULL, "output.kind": "relative inverse depth"}),
        _metric("kitti"),
        _metric("nyu"),
        Released("dpt_hybrid-ade20k", {**_FULL, "head.kind": "segmentation", "head.channels": 150}),
        Released("omnidata_dpt_normal_v2", {**_FULL, "output.kind": "channels", "head.channels": 3}),
        Released("omnidata_dpt_depth_v2", {**_FULL, "output.kind": "relative depth"}),
    ),
    published=(
        of_midas("v3", "dpt_hybrid_384", 123),
        of_dpt("dpt_hybrid-midas-501f0c75", 123),
        of_dpt("dpt_hybrid-ade20k-53898607", 124, "150 classes"),
        of_dpt("dpt_hybrid_kitti-cb926ef4", 123, "metres, streets"),
        of_dpt("dpt_hybrid_nyu-2ce69ec7", 123, "metres, rooms"),
    ),
    settings={"taps": LAST_TAPS, "heads": HEADS, "readout": READOUT, **OUTPUT_SETTINGS},
    transformers=HYBRID,
)
