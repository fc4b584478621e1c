"""MiDaS v2.1 small: EfficientNet-Lite under a decoder whose blocks grow wider from scale to scale."""

from __future__ import annotations

import re

from model_defs.config import DPTConfig, EfficientNetLiteConfig
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import scratch
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.midas import DEPTH_HEAD, OUTPUT_SETTINGS, compose_from_maps
from muggle_convert.families.shared.midas_v21 import imagenet_image, stem
from muggle_convert.families.shared.published import of_midas
from muggle_convert.families.shared.reading import Reading
from muggle_convert.rules import RuleSet, each, normalized_convolution
from muggle_convert.rules.sizes import Fields

FIRST, FIRST_HERE = "pretrained.layer1.3.{n}", "imgencoder.stages.0.{n}"
LATER, LATER_HERE = "pretrained.{s:layer1.4|layer2.0|layer3.0|layer3.1|layer4.0|layer4.1}.{n}", "imgencoder.stages.{s+1}.{n}"

STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of the paper's stages 2 to 8
TAPS = (1, 2, 4, 6)  # the last stages at a quarter, an eighth, a sixteenth and a thirty-second of the image


def _first_inputs(encoder: EfficientNetLiteConfig, fields: Fields) -> int:
    return encoder.widths[0] if fields["n"] else encoder.stem_width


def _later_inputs(encoder: EfficientNetLiteConfig, fields: Fields) -> int:
    """The first block of a stage takes what the stage before gives; the first of all stages counts apart."""
    return encoder.widths[fields["s"] + (fields["n"] > 0)]


def _expanded(encoder: EfficientNetLiteConfig, fields: Fields) -> int:
    return encoder.expansion * _later_inputs(encoder, fields)


def _tapped(encoder: EfficientNetLiteConfig, fields: Fields) -> int:
    return encoder.widths[encoder.taps[fields["s"]]]


ORIGINAL = RuleSet(
    stem(3),
    each(
        "n",
        "depths[0]",
        normalized_convolution(FIRST + ".conv_dw", FIRST + ".bn1", FIRST_HERE + ".depthwise", _first_inputs, 1, "kernel_sizes[0]"),
        normalized_convolution(FIRST + ".conv_pw", FIRST + ".bn2", FIRST_HERE + ".project", "widths[0]", _first_inputs, 1),
    ),
    each(
        "s",
        6,
        each(
            "n",
            "depths[s + 1]",
            normalized_convolution(LATER + ".conv_pw", LATER + ".bn1", LATER_HERE + ".expand", _expanded, _later_inputs, 1),
            normalized_convolution(LATER + ".conv_dw", LATER + ".bn2", LATER_HERE + ".depthwise", _expanded, 1, "kernel_sizes[s + 1]"),
            normalized_convolution(LATER + ".conv_pwl", LATER + ".bn3", LATER_HERE + ".project", "widths[s + 1]", _expanded, 1),
        ),
    ),
    scratch(_tapped),
    DEPTH_HEAD,
)


def _configure(reading: Reading) -> DPTConfig:
    encoder = reading.compose(
        EfficientNetLiteConfig,
        "encoder",
        strides=reading.convention("encoder.strides", STRIDES, "EfficientNet's stages halve the map here"),
        expansion=reading.measure("encoder.expansion", "imgencoder.stages.1.0.expand.weight", lambda shape: shape[0] // shape[1]),
        taps=reading.convention("encoder.taps", TAPS, "the last stage before each halving"),
    )
    return compose_from_maps(reading, encoder, imagenet_image(reading, 256), "double unaligned", "double")


MIDAS_V21_SMALL = Family(
    name="midas_v21_small",
    title="MiDaS v2.1 small",
    citations=(papers.MIDAS,),
    encoder=EfficientNetLiteConfig,
    layouts={"original": ORIGINAL},
    configure=_configure,
    file_names=re.compile(r"midas[_-]v21[_-]small|model-small-70d6b9c8", re.IGNORECASE),
    glance=Glance("four of seven stages", "maps as they are", "widths 64 to 512; doubling, unaligned", "256, at most, multiples of 32"),
    released=(Released("midas_v21_small_256", {"encoder.widths": (24, 32, 48, 96, 136, 232, 384), "fusion.widths": (64, 128, 256, 512)}),),
    published=(of_midas("v2_1", "midas_v21_small_256", 21), of_midas("v2_1", "midas_v21_small-70d6b9c8", 21)),
    settings=OUTPUT_SETTINGS,
)
