"""MiDaS v2.1: a ResNeXt under the decoder that DPT's grew out of."""

from __future__ import annotations

import re

from model_defs.config import DPTConfig, FusionConfig, ResNeXtConfig
from muggle_convert.errors import Contradiction
from muggle_convert.families import papers
from muggle_convert.families.ends import OUTPUT_SETTINGS, read_output
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Family, Reading, Released
from muggle_convert.families.midas_v21_ends import layout, read_imagenet_image
from muggle_convert.families.parts import (
    Inventory,
    depth_head_inventory,
    map_reassembly_of,
    normalized_convolution,
    read_depth_head,
    read_fusion,
    read_map_reassembly,
    residual_inventory,
)
from muggle_convert.rules import rename

BLOCK, CONVERTED_BLOCK = "pretrained.{s:layer1.4|layer2|layer3|layer4}.{n}", "imgencoder.stages.{s}.{n}"

ORIGINAL = layout(
    rename(BLOCK + ".{m:conv1|conv2|conv3}.weight", CONVERTED_BLOCK + ".{m:reduce|grouped|expand}.weight"),
    rename(BLOCK + ".{m:bn1|bn2|bn3}.{p:batch_norm}", CONVERTED_BLOCK + ".{m:reduce|grouped|expand}.norm.{p:batch_norm}"),
    rename(BLOCK + ".downsample.0.weight", CONVERTED_BLOCK + ".shortcut.weight"),
    rename(BLOCK + ".downsample.1.{p:batch_norm}", CONVERTED_BLOCK + ".shortcut.norm.{p:batch_norm}"),
)


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    head = read_depth_head(reading, findings, "double unaligned")
    return DPTConfig(
        family=reading.family,
        encoder=_encoder(reading, findings),
        reassemble=read_map_reassembly(findings),
        fusion=_fusion(reading, findings),
        head=head,
        image=read_imagenet_image(reading, findings, 384),
        output=read_output(reading, findings, head),
    )


def _encoder(reading: Reading, findings: Findings) -> ResNeXtConfig:
    grouped = [f"imgencoder.stages.{stage}.0.grouped.weight" for stage in range(4)]
    expand = [f"imgencoder.stages.{stage}.0.expand.weight" for stage in range(4)]
    depths = tuple(reading.count(f"imgencoder.stages.{stage}.{{n}}.grouped.weight") for stage in range(4))
    return ResNeXtConfig(
        stem_width=reading.measure(findings, "encoder.stem_width", "patch_embed.proj.weight", lambda shape: shape[0]),
        depths=findings.note("encoder.depths", depths, Source.SHAPE, "the numbers of the blocks of its four stages"),
        inner_widths=reading.measure_all(findings, "encoder.inner_widths", grouped, lambda shape: shape[0]),
        widths=reading.measure_all(findings, "encoder.widths", expand, lambda shape: shape[0]),
        groups=reading.measure(findings, "encoder.groups", grouped[0], lambda shape: max(1, shape[0] // shape[1])),
    )


def _fusion(reading: Reading, findings: Findings) -> FusionConfig:
    fusion = read_fusion(reading, findings, "double")
    if len(set(fusion.widths)) > 1:
        raise Contradiction(
            f"{reading.file} looks like {reading.family} but its fusion is {fusion.widths} wide, where all blocks have one width."
        )
    return fusion


def _inventory(config: DPTConfig, encoder: ResNeXtConfig) -> Inventory:
    tensors = normalized_convolution("patch_embed.proj", encoder.stem_width, config.image.channels, 7)
    inputs = encoder.stem_width
    for stage, (depth, inner, outputs) in enumerate(zip(encoder.depths, encoder.inner_widths, encoder.widths, strict=True)):
        for number in range(depth):
            block = f"imgencoder.stages.{stage}.{number}"
            tensors |= normalized_convolution(f"{block}.reduce", inner, inputs, 1)
            tensors |= normalized_convolution(f"{block}.grouped", inner, inner // encoder.groups, 3)
            tensors |= normalized_convolution(f"{block}.expand", outputs, inner, 1)
            if inputs != outputs or (stage > 0 and number == 0):
                tensors |= normalized_convolution(f"{block}.shortcut", outputs, inputs, 1)
            inputs = outputs
    tensors |= map_reassembly_of(config, encoder.widths)
    for number in range(len(config.fusion.widths)):  # all of one width, so that nothing is projected
        tensors |= residual_inventory(config.fusion, number)
    return {**tensors, **depth_head_inventory(config.head, config.fusion.widths[0])}


MIDAS_V21 = Family(
    name="midas_v21",
    title="MiDaS v2.1",
    citations=(papers.MIDAS,),
    encoder=ResNeXtConfig,
    layouts={"original": ORIGINAL},
    configure=_configure,
    tensors=_inventory,
    file_names=re.compile(r"midas[_-]v21(?![_-]small)|model-f6b98070", re.IGNORECASE),
    released=(
        Released("midas_v21_384", {"encoder.depths": (3, 4, 23, 3), "encoder.inner_widths": (256, 512, 1024, 2048), "encoder.groups": 32}),
    ),
    settings=OUTPUT_SETTINGS,
)
