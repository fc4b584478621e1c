"""What the models of MiDaS and DPT share: their heads, how a picture goes in, and what the prediction means."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from model_defs.config import DPTConfig, EncoderConfig, FusionResize, HeadConfig, HeadResize, ImageConfig, OutputConfig, ReassembleConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.decoder import compose_fusion, compose_head, depth_head
from muggle_convert.families.shared.evidence import Evidence, Source
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import INVERT, NON_NEGATIVE, SCALE, SHIFT, Setting
from muggle_convert.rules import Row, RuleSet, batch_norm, convolution, given, unread
from muggle_convert.rules.layers import Here

DEPTH_HEAD = depth_head("scratch.output_conv.0", "scratch.output_conv.2", "scratch.output_conv.4")

_AUXILIARY = unread("the auxiliary head only helped training")


def segmentation_head(first: str, norm: str, last: str) -> Row:
    return given(
        "head.kind",
        "segmentation",
        convolution(first, "head.refine.0", "head.upsampler_width", "fusion.widths[0]", 3, bias=False),
        batch_norm(norm, "head.refine.1", "head.upsampler_width"),
        convolution(last, "head.proj_classes", "head.channels", "head.projection_width", 1),
    )


def auxiliary_head(prefix: str, here: Callable[[str], Here] = lambda layer: _AUXILIARY) -> Row:
    width = "fusion.widths[0]"
    return given(
        "head.kind",
        "segmentation",
        convolution(f"{prefix}.0", here("0"), width, width, 3, bias=False),
        batch_norm(f"{prefix}.1", here("1"), width),
        convolution(f"{prefix}.4", here("4"), "head.channels", width, 1),
    )


SEGMENTATION_HEAD = segmentation_head("scratch.output_conv.0", "scratch.output_conv.1", "scratch.output_conv.4")


def depth_and_segmentation(*rows: Any, suits: Callable[[DPTConfig], None] = lambda config: None) -> dict[str, RuleSet]:
    """The layouts of a family with either head; the names of the heads overlap, so each has a table of its own."""
    return {
        "original": RuleSet(*rows, DEPTH_HEAD, suits=suits),
        "segmentation": RuleSet(*rows, SEGMENTATION_HEAD, auxiliary_head("auxlayer"), suits=suits),
    }


OUTPUT_SETTINGS: dict[str, Setting] = {"scale": SCALE, "shift": SHIFT, "invert": INVERT, "non_negative": NON_NEGATIVE}

# What DPT's code holds for its metric models and no file does: inverse depth = scale * prediction + shift.
INVERSIONS = {"kitti": {"scale": 0.00006016, "shift": 0.00579}, "nyu": {"scale": 0.000305, "shift": 0.1378}}
# Names under which MiDaS, DPT and Intel on the Hub published what was trained for relative depth alone.
RELATIVE_FILE = re.compile(
    r"(^|/)(midas_v21(_small)?(_\d{3}|-[0-9a-f]{8})|dpt[-_]((hybrid|large)-midas(-[0-9a-f]+)?|large|"
    r"(hybrid|large|levit|beit[-_](base|large)|swin[-_]large|swin(2|v2)[-_](tiny|base|large)|next[-_]vit[-_]large)[-_]\d{3}))[./]",
    re.IGNORECASE,
)
TO_INVERT = "--set scale=… --set shift=… --set invert=true"


def compose_from_maps(
    reading: Reading, encoder: EncoderConfig, image: ImageConfig, head: HeadResize = "double", fusion: FusionResize = "to next"
) -> DPTConfig:
    """The network of an encoder whose stages hand over maps: nothing to project, and no class token."""
    ending = compose_head(reading, head)
    maps = reading.rest("reassemble", ReassembleConfig((), "ignore"), Source.SHAPE, "the stages hand over maps, and no class token")
    fused, output = compose_fusion(reading, fusion), told_output(reading, ending)
    return DPTConfig(reading.family, encoder, maps, fused, ending, image, output)


def told_image(reading: Reading, head: HeadConfig, size: int, why: str) -> ImageConfig:
    """Pictures at mean and standard deviation one half, of which the side that has to change least sets the scale.

    DPT's segmentation models were trained at another size than their encoders.
    """
    channels = reading.value("image.channels")
    if head.kind == "segmentation":
        size = reading.convention("image.size", 480, "DPT segments at this size")
    else:
        reading.note("image.size", size, Source.SHAPE, why)
    image = ImageConfig(channels, size, True, "closest", 32, (0.5,) * channels, (0.5,) * channels)
    return reading.rest(
        "image", image, Source.CONVENTION, "how MiDaS and DPT were trained: mean and standard deviation one half, sides in steps of 32"
    )


def told_output(reading: Reading, head: HeadConfig, metric_file: re.Pattern[str] | None = None, may_be_metric: bool = True) -> OutputConfig:
    """Scores of classes, channels as they are, or inverse depth, which is turned into metres where something says how.

    Code that never does so, whatever its models are trained on, leaves nothing to ask: `may_be_metric` is then false.
    """
    reading.convention("output.resize", "bicubic", "how the code of MiDaS and DPT brings predictions to the size of the picture")
    if head.kind == "segmentation":
        scores = OutputConfig(kind="classes", activation="none")
        return reading.rest("output", scores, Source.CONVENTION, "a segmentation head predicts a score for each class")
    activation = _activation(reading)
    if head.channels != 1:
        reading.note("output.kind", "channels", Source.SHAPE, reading.describe("head.proj_1ch.2.weight"))
        channels = OutputConfig(kind="channels", activation=activation)
        return reading.rest("output", channels, Source.CONVENTION, "nothing tells what more than one channel means")
    told = reading.clue("invert", metric_file)
    if told is None:
        if may_be_metric:
            reading.ask_for_metres(f"pass {TO_INVERT}, or --set invert=false if they are relative")
        _note_relative(reading)
    else:
        reading.because(told.evidence, "output.kind", "output.invert")
    if told is None or (not isinstance(told.value, re.Match) and not INVERT.parse(told.value)):
        relative = OutputConfig(kind="relative inverse depth", activation=activation)
        return reading.rest(
            "output", relative, Source.CONVENTION, "relative depth is neither scaled nor inverted, and has no largest value"
        )
    scale = _constant(reading, "scale", SCALE, metric_file)
    shift = _constant(reading, "shift", SHIFT, metric_file)
    metres = OutputConfig(kind="metric depth", activation=activation, scale=scale, shift=shift, invert=True)
    return reading.rest("output", metres, Source.CONVENTION, "metres that come of an inversion are no share of a largest depth")


def _note_relative(reading: Reading) -> None:
    why = Evidence(Source.ASSUMED, f"nothing says that it is metric; {TO_INVERT} would")
    named = reading.named(RELATIVE_FILE)
    reading.because(named.evidence if named is not None else why, "output.kind")


def _activation(reading: Reading) -> Any:
    told = reading.clue("non_negative")
    if told is None:
        return reading.convention("output.activation", "relu", "every released model of MiDaS and DPT ends in a ReLU")
    return reading.heard(told, "output.activation", "relu" if NON_NEGATIVE.parse(told.value) else "none")


def _constant(reading: Reading, name: str, setting: Setting, metric_file: re.Pattern[str] | None) -> Any:
    told = reading.clue(name, metric_file)
    if told is None:
        raise Refusal(f"{reading.file} is to be inverted, but nothing says with which {name}: pass --set {name}=NUMBER too.")
    number = INVERSIONS[told.value["data"].lower()][name] if isinstance(told.value, re.Match) else setting.parse(told.value)
    return reading.heard(told, f"output.{name}", number)
