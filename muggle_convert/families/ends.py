"""What MiDaS and DPT models share at both ends: how a picture goes in, the heads, and what the prediction means."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from model_defs.config import DPTConfig, EncoderConfig, HeadConfig, ImageConfig, OutputConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Reading, Setting
from muggle_convert.families.parts import Inventory, batch_norm, convolution, depth_head_inventory, fusion_owned, read_depth_head
from muggle_convert.families.settings import INVERT, NON_NEGATIVE, SCALE, SHIFT
from muggle_convert.rules import Drop, Rule, RuleSet, rename, unused

DEPTH_HEAD_RULES: tuple[Rule, ...] = (
    rename("scratch.output_conv.0.{p:parameter}", "head.spatial_upsampler.0.{p:parameter}"),
    rename("scratch.output_conv.{2*i+2}.{p:parameter}", "head.proj_1ch.{2*i}.{p:parameter}"),
)

SEGMENTATION_HEAD_RULES: tuple[Rule, ...] = (
    rename("scratch.output_conv.0.weight", "head.refine.0.weight"),
    rename("scratch.output_conv.1.{p:batch_norm}", "head.refine.1.{p:batch_norm}"),
    rename("scratch.output_conv.4.{p:parameter}", "head.proj_classes.{p:parameter}"),
)

_AUXILIARY = "the auxiliary head only helped training"
SEGMENTATION_HEAD_DROPS: tuple[Drop, ...] = (
    unused("auxlayer.0.weight", _AUXILIARY),
    unused("auxlayer.1.{p:batch_norm}", _AUXILIARY),
    unused("auxlayer.4.{p:parameter}", _AUXILIARY),
)


def depth_and_segmentation(
    rules: tuple[Rule, ...], drops: tuple[Drop, ...], encoder_owned: Callable[[Any], Inventory]
) -> dict[str, RuleSet]:
    """The layouts of a family with either head; the names of the heads overlap, so each has a table of its own.

    `encoder_owned` is what the encoder of a model owns beside what its network reads.
    """

    def owned(config: DPTConfig, encoder: EncoderConfig) -> Inventory:
        return {**encoder_owned(encoder), **fusion_owned(config), **_auxiliary_owned(config)}

    return {
        "original": RuleSet((*rules, *DEPTH_HEAD_RULES), drops, owned),
        "segmentation": RuleSet((*rules, *SEGMENTATION_HEAD_RULES), (*drops, *SEGMENTATION_HEAD_DROPS), owned),
    }


def _auxiliary_owned(config: DPTConfig) -> Inventory:
    if config.head.kind == "depth":
        return {}
    width = config.fusion.widths[0]
    return {
        **convolution("auxlayer.0", width, width, 3, bias=False),
        **batch_norm("auxlayer.1", width),
        **convolution("auxlayer.4", config.head.channels, width, 1),
    }


OUTPUT_SETTINGS: dict[str, Setting] = {"scale": SCALE, "shift": SHIFT, "invert": INVERT, "non_negative": NON_NEGATIVE}

# What DPT's code holds for its metric models and no file does: inverse depth = scale * prediction + shift.
INVERSIONS = {"kitti": {"scale": 0.00006016, "shift": 0.00579}, "nyu": {"scale": 0.000305, "shift": 0.1378}}
TO_INVERT = "--set scale=… --set shift=… --set invert=true"


def read_head(reading: Reading, findings: Findings) -> HeadConfig:
    """A segmentation head where there are scores of classes, else a depth head."""
    refine, scores = "head.refine.0.weight", "head.proj_classes.weight"
    if not reading.has(scores):
        return read_depth_head(reading, findings, "double")
    return HeadConfig(
        kind=findings.note("head.kind", "segmentation", Source.SHAPE, reading.describe("head.refine.1.weight")),
        upsampler_width=reading.measure(findings, "head.upsampler_width", refine, lambda shape: shape[0]),
        projection_width=reading.measure(findings, "head.projection_width", scores, lambda shape: shape[1]),
        channels=reading.measure(findings, "head.channels", scores, lambda shape: shape[0]),
        resize=findings.convention("head.resize", "double", "how this family's code runs"),
    )


def head_inventory(head: HeadConfig, fusion_width: int) -> Inventory:
    if head.kind == "depth":
        return depth_head_inventory(head, fusion_width)
    return {
        **convolution("head.refine.0", head.upsampler_width, fusion_width, 3, bias=False),
        **batch_norm("head.refine.1", head.upsampler_width),
        **convolution("head.proj_classes", head.channels, head.projection_width, 1),
    }


def read_image(reading: Reading, findings: Findings, head: HeadConfig, first: str, size: int, why: str) -> ImageConfig:
    """Pictures at mean and standard deviation one half, of which the side that has to change least sets the scale.

    `first` is the convolution that sees the picture. DPT's segmentation models were trained at another size than their encoders.
    """
    channels = reading.measure(findings, "image.channels", first, lambda shape: shape[1])
    if head.kind == "segmentation":
        size = findings.convention("image.size", 480, "DPT segments at this size")
    else:
        findings.note("image.size", size, Source.SHAPE, why)
    image = ImageConfig(channels, size, True, "closest", 32, (0.5,) * channels, (0.5,) * channels)
    return findings.rest(
        "image", image, Source.CONVENTION, "how MiDaS and DPT were trained: mean and standard deviation one half, sides in steps of 32"
    )


def read_output(reading: Reading, findings: Findings, head: HeadConfig, metric_file: re.Pattern[str] | None = None) -> OutputConfig:
    """Scores of classes, channels as they are, or inverse depth, which is turned into metres where something says how."""
    findings.convention("output.resize", "bicubic", "how the code of MiDaS and DPT brings predictions to the size of the picture")
    if head.kind == "segmentation":
        scores = OutputConfig(kind="classes", activation="none")
        return findings.rest("output", scores, Source.CONVENTION, "a segmentation head predicts a score for each class")
    activation = _activation(reading, findings)
    if head.channels != 1:
        findings.note("output.kind", "channels", Source.SHAPE, reading.describe("head.proj_1ch.2.weight"))
        channels = OutputConfig(kind="channels", activation=activation)
        return findings.rest("output", channels, Source.CONVENTION, "nothing tells what more than one channel means")
    told = reading.clue("invert", metric_file)
    if told is None:
        reading.ask_for_metres(f"pass {TO_INVERT}, or --set invert=false if they are relative")
        findings.note("output.kind", "relative inverse depth", Source.ASSUMED, f"nothing says that it is metric; {TO_INVERT} would")
    else:
        findings.because(told.evidence, "output.kind", "output.invert")
    if told is None or (not isinstance(told.value, re.Match) and not INVERT.parse(told.value)):
        relative = OutputConfig(kind="relative inverse depth", activation=activation)
        return findings.rest(
            "output", relative, Source.CONVENTION, "relative depth is neither scaled nor inverted, and has no largest value"
        )
    scale = _constant(reading, findings, "scale", SCALE, metric_file)
    shift = _constant(reading, findings, "shift", SHIFT, metric_file)
    metres = OutputConfig(kind="metric depth", activation=activation, scale=scale, shift=shift, invert=True)
    return findings.rest("output", metres, Source.CONVENTION, "metres that come of an inversion are no share of a largest depth")


def _activation(reading: Reading, findings: Findings) -> Any:
    told = reading.clue("non_negative")
    if told is None:
        return findings.convention("output.activation", "relu", "every released model of MiDaS and DPT ends in a ReLU")
    return told.noted(findings, "output.activation", "relu" if NON_NEGATIVE.parse(told.value) else "none")


def _constant(reading: Reading, findings: Findings, name: str, setting: Setting, metric_file: re.Pattern[str] | None) -> Any:
    told = reading.clue(name, metric_file)
    if told is None:
        raise Refusal(f"{reading.file} is to be inverted, but nothing says with which {name}: pass --set {name}=NUMBER too.")
    number = INVERSIONS[told.value["data"].lower()][name] if isinstance(told.value, re.Match) else setting.parse(told.value)
    return told.noted(findings, f"output.{name}", number)
