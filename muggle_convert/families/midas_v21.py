"""MiDaS v2.1: a ResNeXt under the decoder that DPT's grew out of."""

from __future__ import annotations

import re

from model_defs.config import DPTConfig, ResNeXtConfig
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import fused, fusion
from muggle_convert.families.shared.evidence import Contradiction
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.midas import DEPTH_HEAD, OUTPUT_SETTINGS, compose_from_maps
from muggle_convert.families.shared.midas_v21 import imagenet_image, stem
from muggle_convert.families.shared.published import of_midas
from muggle_convert.families.shared.reading import Reading
from muggle_convert.rules import Row, RuleSet, each, normalized_convolution, where
from muggle_convert.rules.sizes import Fields, Size

BLOCK, HERE = "pretrained.{s:layer1.4|layer2|layer3|layer4}.{n}", "imgencoder.stages.{s}.{n}"


def _inputs(encoder: ResNeXtConfig, fields: Fields) -> int:
    """Channels that go into a block: the first of a stage takes what the stage before gives."""
    return (encoder.stem_width, *encoder.widths)[fields["s"] + (fields["n"] > 0)]


def _in_a_group(encoder: ResNeXtConfig, fields: Fields) -> int:
    return encoder.inner_widths[fields["s"]] // encoder.groups


def _has_shortcut(encoder: ResNeXtConfig, fields: Fields) -> bool:
    """Where a block gives a map of another size than it takes."""
    return fields["n"] == 0 and (fields["s"] > 0 or encoder.stem_width != encoder.widths[0])


def _layer(convolution: str, norm: str, here: str, outputs: Size, inputs: Size, kernel: int) -> tuple[Row, ...]:
    return normalized_convolution(f"{BLOCK}.{convolution}", f"{BLOCK}.{norm}", f"{HERE}.{here}", outputs, inputs, kernel)


ORIGINAL = RuleSet(
    stem(7),
    each(
        "s",
        4,
        each(
            "n",
            "depths[s]",
            _layer("conv1", "bn1", "reduce", "inner_widths[s]", _inputs, 1),
            _layer("conv2", "bn2", "grouped", "inner_widths[s]", _in_a_group, 3),
            _layer("conv3", "bn3", "expand", "widths[s]", "inner_widths[s]", 1),
            where(_has_shortcut, _layer("downsample.0", "downsample.1", "shortcut", "widths[s]", _inputs, 1)),
        ),
    ),
    fused("widths[s]"),
    fusion(),  # all of one width, so that nothing is projected
    DEPTH_HEAD,
)


def _configure(reading: Reading) -> DPTConfig:
    grouped = "imgencoder.stages.0.0.grouped.weight"
    groups = reading.measure("encoder.groups", grouped, lambda shape: max(1, shape[0] // shape[1]))
    widths = reading.value("fusion.widths")
    if len(set(widths)) > 1:
        raise Contradiction(f"{reading.looks} but its fusion is {widths} wide, where all blocks have one width.")
    encoder = reading.compose(ResNeXtConfig, "encoder", groups=groups)
    return compose_from_maps(reading, encoder, imagenet_image(reading, 384), "double unaligned", "double")


MIDAS_V21 = Family(
    name="midas_v21",
    title="MiDaS v2.1",
    citations=(papers.MIDAS,),
    encoder=ResNeXtConfig,
    layouts={"original": ORIGINAL},
    configure=_configure,
    file_names=re.compile(r"midas[_-]v21(?![_-]small)|model-f6b98070", re.IGNORECASE),
    glance=Glance("the end of each stage", "maps as they are", "its own fusion; doubling, unaligned", "384, at most, multiples of 32"),
    released=(
        Released("midas_v21_384", {"encoder.depths": (3, 4, 23, 3), "encoder.inner_widths": (256, 512, 1024, 2048), "encoder.groups": 32}),
    ),
    published=(of_midas("v2_1", "midas_v21_384", 105), of_midas("v2_1", "midas_v21-f6b98070", 105)),
    settings=OUTPUT_SETTINGS,
)
