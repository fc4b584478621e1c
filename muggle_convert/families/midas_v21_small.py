"""MiDaS v2.1 small: EfficientNet-Lite under a decoder whose blocks grow wider from scale to scale."""

from __future__ import annotations

import re

from model_defs.config import DPTConfig, EfficientNetLiteConfig
from muggle_convert.families import papers
from muggle_convert.families.ends import OUTPUT_SETTINGS, read_output
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Family, Reading, Released
from muggle_convert.families.midas_v21_ends import layout, read_imagenet_image
from muggle_convert.families.parts import (
    Inventory,
    depth_head_inventory,
    fusion_inventory,
    map_reassembly_of,
    normalized_convolution,
    read_depth_head,
    read_fusion,
    read_map_reassembly,
)
from muggle_convert.rules import rename

FIRST, CONVERTED_FIRST = "pretrained.layer1.3.{n}", "imgencoder.stages.0.{n}"
LATER, CONVERTED_LATER = "pretrained.{s:layer1.4|layer2.0|layer3.0|layer3.1|layer4.0|layer4.1}.{n}", "imgencoder.stages.{s+1}.{n}"

ORIGINAL = layout(
    rename(FIRST + ".{m:conv_dw|conv_pw}.weight", CONVERTED_FIRST + ".{m:depthwise|project}.weight"),
    rename(FIRST + ".{m:bn1|bn2}.{p:batch_norm}", CONVERTED_FIRST + ".{m:depthwise|project}.norm.{p:batch_norm}"),
    rename(LATER + ".{m:conv_pw|conv_dw|conv_pwl}.weight", CONVERTED_LATER + ".{m:expand|depthwise|project}.weight"),
    rename(LATER + ".{m:bn1|bn2|bn3}.{p:batch_norm}", CONVERTED_LATER + ".{m:expand|depthwise|project}.norm.{p:batch_norm}"),
)

STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of the paper's stages 2 to 8
TAPS = (1, 2, 4, 6)  # the last stages at a quarter, an eighth, a sixteenth and a thirty-second of the image


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    head = read_depth_head(reading, findings, "double unaligned")
    return DPTConfig(
        family=reading.family,
        encoder=_encoder(reading, findings),
        reassemble=read_map_reassembly(findings),
        fusion=read_fusion(reading, findings, "double"),
        head=head,
        image=read_imagenet_image(reading, findings, 256),
        output=read_output(reading, findings, head),
    )


def _encoder(reading: Reading, findings: Findings) -> EfficientNetLiteConfig:
    depthwise = [f"imgencoder.stages.{stage}.0.depthwise.weight" for stage in range(7)]
    project = [f"imgencoder.stages.{stage}.0.project.weight" for stage in range(7)]
    depths = tuple(reading.count(f"imgencoder.stages.{stage}.{{n}}.project.weight") for stage in range(7))
    return EfficientNetLiteConfig(
        stem_width=reading.measure(findings, "encoder.stem_width", "patch_embed.proj.weight", lambda shape: shape[0]),
        depths=findings.note("encoder.depths", depths, Source.SHAPE, "the numbers of the blocks of its seven stages"),
        widths=reading.measure_all(findings, "encoder.widths", project, lambda shape: shape[0]),
        kernel_sizes=reading.measure_all(findings, "encoder.kernel_sizes", depthwise, lambda shape: shape[-1]),
        strides=findings.convention("encoder.strides", STRIDES, "EfficientNet's stages halve the map here"),
        expansion=reading.measure(findings, "encoder.expansion", "imgencoder.stages.1.0.expand.weight", lambda shape: shape[0] // shape[1]),
        taps=findings.convention("encoder.taps", TAPS, "the last stage before each halving"),
    )


def _inventory(config: DPTConfig, encoder: EfficientNetLiteConfig) -> Inventory:
    tensors = normalized_convolution("patch_embed.proj", encoder.stem_width, config.image.channels, 3)
    inputs = encoder.stem_width
    for stage, (depth, outputs, kernel_size) in enumerate(zip(encoder.depths, encoder.widths, encoder.kernel_sizes, strict=True)):
        for number in range(depth):
            block, inner = f"imgencoder.stages.{stage}.{number}", inputs * (encoder.expansion if stage else 1)
            if stage:
                tensors |= normalized_convolution(f"{block}.expand", inner, inputs, 1)
            tensors |= normalized_convolution(f"{block}.depthwise", inner, 1, kernel_size)
            tensors |= normalized_convolution(f"{block}.project", outputs, inner, 1)
            inputs = outputs
    return {
        **tensors,
        **map_reassembly_of(config, [encoder.widths[stage] for stage in encoder.taps]),
        **fusion_inventory(config.fusion),
        **depth_head_inventory(config.head, config.fusion.widths[0]),
    }


MIDAS_V21_SMALL = Family(
    name="midas_v21_small",
    title="MiDaS v2.1 small",
    citations=(papers.MIDAS,),
    encoder=EfficientNetLiteConfig,
    layouts={"original": ORIGINAL},
    configure=_configure,
    tensors=_inventory,
    file_names=re.compile(r"midas[_-]v21[_-]small|model-small-70d6b9c8", re.IGNORECASE),
    released=(Released("midas_v21_small_256", {"encoder.widths": (24, 32, 48, 96, 136, 232, 384), "fusion.widths": (64, 128, 256, 512)}),),
    settings=OUTPUT_SETTINGS,
)
