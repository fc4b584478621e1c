"""DPT-Hybrid: a plain vision transformer on the maps of a convolutional network, of MiDaS v3.0, DPT and Omnidata."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from model_defs.config import HYBRID_STRIDE, SCALES, DPTConfig, HeadConfig, HybridConfig, ImageConfig, OutputConfig
from muggle_convert.errors import Refusal
from muggle_convert.families import papers
from muggle_convert.families.efficient_attention import (
    MEMORY_COMPRESSED_RULES,
    PERFORMER_RULES,
    blocks_inventory,
    is_of_fork,
    read_attention,
)
from muggle_convert.families.efficient_attention import REASSEMBLY_RULES as FORK_REASSEMBLY_RULES
from muggle_convert.families.ends import (
    INVERSIONS,
    OUTPUT_SETTINGS,
    TO_INVERT,
    depth_and_segmentation,
    head_inventory,
    read_head,
    read_image,
    read_output,
)
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Family, Reading, Released
from muggle_convert.families.parts import (
    Inventory,
    convolution,
    fusion_drops,
    fusion_inventory,
    fusion_rules,
    map_reassembly_of,
    norm,
    read_fusion,
    token_reassembly,
)
from muggle_convert.families.settings import HEADS, LAST_TAPS, READOUT
from muggle_convert.families.tokens import (
    ATTENTION_RULES,
    DROPS,
    REASSEMBLY_RULES,
    VIT_RULES,
    encoder_owned,
    position_inventory,
    read_blocks,
    read_reassembly,
    read_square_grid,
    read_taps,
    size_by_positions,
)
from muggle_convert.families.transformers_layout.vit import HYBRID
from muggle_convert.rules import Rule, RuleSet, rename

_STAGE, _STAGE_HERE = "pretrained.model.patch_embed.backbone.stages.{s}.blocks.{n}", "patch_embed.stages.{s}.{n}"
_RESNET_RULES = (
    rename("pretrained.model.patch_embed.backbone.stem.conv.weight", "patch_embed.stem.weight"),
    rename("pretrained.model.patch_embed.backbone.stem.norm.{p:parameter}", "patch_embed.stem.norm.{p:parameter}"),
    rename(_STAGE + ".{m:conv1|conv2|conv3}.weight", _STAGE_HERE + ".{m:reduce|spatial|expand}.weight"),
    rename(_STAGE + ".{m:norm1|norm2|norm3}.{p:parameter}", _STAGE_HERE + ".{m:reduce|spatial|expand}.norm.{p:parameter}"),
    rename(_STAGE + ".downsample.conv.weight", _STAGE_HERE + ".shortcut.weight"),
    rename(_STAGE + ".downsample.norm.{p:parameter}", _STAGE_HERE + ".shortcut.norm.{p:parameter}"),
)


def _layouts(positions: str, *rules: Rule) -> dict[str, RuleSet]:
    """`positions` is how the code that reads such files resizes them, which no tensor tells."""

    def owned(encoder: HybridConfig) -> Inventory:
        if encoder.positions != positions:
            raise Refusal(
                f"the model resizes its positions {encoder.positions}, and the code that reads the only layout with a place for its "
                f"tensors resizes them {positions}; a file for it would be of another model."
            )
        return encoder_owned(encoder)

    return depth_and_segmentation((*_RESNET_RULES, *VIT_RULES, *rules, *fusion_rules()), (*DROPS, *fusion_drops()), owned)


def _fork(*attention: Rule) -> RuleSet:
    return _layouts("bilinear aligned", *attention, *FORK_REASSEMBLY_RULES)["original"]


LAYOUTS = {
    **_layouts("bilinear", *ATTENTION_RULES, *REASSEMBLY_RULES),
    "fork": _fork(*ATTENTION_RULES),
    "fork, performer": _fork(*PERFORMER_RULES),
    "fork, memory compressed": _fork(*MEMORY_COMPRESSED_RULES),
}

KNOWN_TAPS = {12: (8, 11)}
METRIC_FILE = re.compile(r"dpt.*[_-](?P<data>kitti|nyu)", re.IGNORECASE)
NET_SIZES = {"kitti": (352, 1216), "nyu": (480, 640)}  # rows and columns DPT feeds its metric models
OMNIDATA_FILE = re.compile(r"omnidata.*[_-](?P<task>normal|depth)", re.IGNORECASE)


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    head = read_head(reading, findings)
    encoder = _encoder(reading, findings)
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=read_reassembly(reading, findings, SCALES[2:]),
        fusion=read_fusion(reading, findings, "to next"),
        head=head,
        image=_image(reading, findings, head, encoder.grid),
        output=_output(reading, findings, head),
    )


def _encoder(reading: Reading, findings: Findings) -> HybridConfig:
    blocks = read_blocks(reading, findings)
    stages = [f"patch_embed.stages.{stage}.0.expand.weight" for stage in range(3)]
    widths = reading.measure_all(findings, "encoder.stage_widths", stages, lambda shape: shape[0])
    depths = tuple(reading.count(f"patch_embed.stages.{stage}.{{n}}.expand.weight") for stage in range(3))
    stem_width = reading.measure(findings, "encoder.stem_width", "patch_embed.stem.weight", lambda shape: shape[0])
    if any(width % 32 for width in (stem_width, *(width // 4 for width in widths))):
        raise Refusal(
            f"{reading.file} has maps of {stem_width} and {widths} channels; the norms of {reading.family} divide them into 32 groups."
        )
    heads, attention = read_attention(reading, findings, blocks["width"])
    return HybridConfig(
        stem_width=stem_width,
        stage_widths=widths,
        stage_depths=findings.note("encoder.stage_depths", depths, Source.SHAPE, "how many blocks there are in each stage"),
        **blocks,
        heads=heads,
        grid=read_square_grid(reading, findings),
        taps=read_taps(reading, findings, blocks["depth"], LAST_TAPS, KNOWN_TAPS),
        attention=attention,
        positions=_positions(reading, findings),
    )


def _positions(reading: Reading, findings: Findings) -> Literal["bilinear", "bilinear aligned"]:
    if is_of_fork(reading):
        findings.convention("encoder.positions", "bilinear aligned", "how the fork runs that counts reassembly's convolutions from zero")
        return "bilinear aligned"
    findings.convention("encoder.positions", "bilinear", "how this family's code runs")
    return "bilinear"


def _image(reading: Reading, findings: Findings, head: HeadConfig, grid: tuple[int, int]) -> ImageConfig:
    size, why = size_by_positions(grid, HYBRID_STRIDE)
    image = read_image(reading, findings, head, "patch_embed.stem.weight", size, why)
    if head.kind == "depth" and (named := reading.named(METRIC_FILE)) is not None:
        rows, columns = NET_SIZES[named.value["data"].lower()]
        findings.because(named.evidence, "image.size", "image.size_across")
        return replace(image, size=rows, size_across=columns)
    if head.channels == 3 and (named := reading.named(OMNIDATA_FILE)) is not None and named.value["task"].lower() == "normal":
        findings.because(named.evidence, "image.mean", "image.std")
        return replace(image, mean=(0.0,) * image.channels, std=(1.0,) * image.channels)  # its pictures are not normalised
    return image


def _output(reading: Reading, findings: Findings, head: HeadConfig) -> OutputConfig:
    output = read_output(reading, findings, head, None if is_of_fork(reading) else METRIC_FILE)  # the fork inverts nothing
    if findings.evidence["output.kind"].source is Source.ASSUMED and (metric := reading.named(METRIC_FILE)) is not None:
        why = f"the fork's code inverts no prediction, whatever {metric.evidence.detail} was trained on; {TO_INVERT} would"
        findings.note("output.kind", output.kind, Source.ASSUMED, why)
    named = reading.named(OMNIDATA_FILE)
    if output.kind == "relative inverse depth" and named is not None and named.value["task"].lower() == "depth":
        return replace(output, kind=named.noted(findings, "output.kind", "relative depth"))
    return output


def _inventory(config: DPTConfig, encoder: HybridConfig) -> Inventory:
    tensors: Inventory = {
        "patch_embed.cls_token": (1, 1, encoder.width),
        **_standardized("patch_embed.stem", encoder.stem_width, config.image.channels, 7),
        **convolution("patch_embed.proj", encoder.width, encoder.stage_widths[-1], 1),
        **position_inventory(encoder.width, encoder.grid),
    }
    inputs = encoder.stem_width
    for stage, (depth, outputs) in enumerate(zip(encoder.stage_depths, encoder.stage_widths, strict=True)):
        tensors |= _standardized(f"patch_embed.stages.{stage}.0.shortcut", outputs, inputs, 1)
        for number in range(depth):
            block = f"patch_embed.stages.{stage}.{number}"
            tensors |= _standardized(f"{block}.reduce", outputs // 4, inputs, 1)
            tensors |= _standardized(f"{block}.spatial", outputs // 4, outputs // 4, 3)
            tensors |= _standardized(f"{block}.expand", outputs, outputs // 4, 1)
            inputs = outputs
    return {
        **tensors,
        **blocks_inventory(encoder),
        **_reassembly(config, encoder),
        **fusion_inventory(config.fusion),
        **head_inventory(config.head, config.fusion.widths[0]),
    }


def _standardized(name: str, outputs: int, inputs: int, kernel: int) -> Inventory:
    return {**convolution(name, outputs, inputs, kernel, bias=False), **norm(f"{name}.norm", outputs)}


def _reassembly(config: DPTConfig, encoder: HybridConfig) -> Inventory:
    """Maps at the two finer scales, tokens at the two coarser ones."""
    features, widths, readout = config.reassemble.features, config.fusion.widths, config.reassemble.readout
    return {
        **map_reassembly_of(config, encoder.stage_widths[:2]),
        **token_reassembly("spatial_noscale", encoder.width, features[0], widths[2], readout),
        **token_reassembly("spatial_downx2", encoder.width, features[1], widths[3], readout),
    }


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
    tensors=_inventory,
    file_names=re.compile(r"dpt[_-]hybrid|omnidata[_-]dpt", re.IGNORECASE),
    released=(
        Released("dpt_hybrid_384", {**_FULL, "output.kind": "relative inverse depth"}),
        _metric("kitti"),
        _metric("nyu"),
        Released("dpt_hybrid-ade20k", {**_FULL, "head.kind": "segmentation", "head.channels": 150}),
        Released("omnidata_dpt_normal_v2", {**_FULL, "output.kind": "channels", "head.channels": 3}),
        Released("omnidata_dpt_depth_v2", {**_FULL, "output.kind": "relative depth"}),
    ),
    settings={"taps": LAST_TAPS, "heads": HEADS, "readout": READOUT, **OUTPUT_SETTINGS},
    transformers=HYBRID,
)
