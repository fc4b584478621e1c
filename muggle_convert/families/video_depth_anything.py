"""Video-Depth-Anything: Depth-Anything V2 whose decoder looks across the frames of a film. Relative or metric, no tensor tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from model_defs.config import IMAGENET_MEAN, IMAGENET_STD, DINOv2Config, DPTConfig, ImageConfig, OutputConfig, ReassembleConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.depth_anything import LEVELS
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import compose_fusion, compose_head, depth_head, told_readout
from muggle_convert.families.shared.dinov2 import EVEN_TAPS, compose_dinov2, dinov2
from muggle_convert.families.shared.evidence import Contradiction, Evidence, Source, Told
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import METRIC_FILE, Reading
from muggle_convert.families.shared.settings import HEADS, TAPS, Setting, check_taps, yes_or_no
from muggle_convert.families.shared.timm_vit import by_positions, told_taps
from muggle_convert.rules import Row, RuleSet, given, linear, norm, tensor, under

KIND = "film depth"


def _motion(number: int, here: str, width: str) -> tuple[Row, ...]:
    """One transformer over time; its numbers of blocks and of attentions in them were never other than these."""
    attention, there = "transformer_blocks.0.attention_blocks.{a:0|1}", "block.{a:attn1|attn2}"
    return under(
        f"motion_modules.{number}.temporal_transformer.",
        norm("norm", "norm", width),
        linear("proj_in", "proj_in", width, width),
        norm("transformer_blocks.0.norms.{a:0|1}", "block.{a:norm1|norm2}", width),
        tensor(f"{attention}.pos_encoder.pe", f"{there}.positions", 1, "head.frames", width),
        linear(f"{attention}.{{m:to_q|to_k|to_v}}", f"{there}.{{m:queries|keys|values}}", width, width, bias=False),
        linear(f"{attention}.to_out.0", f"{there}.proj", width, width),
        norm("transformer_blocks.0.ff_norm", "block.norm3", width),
        linear("transformer_blocks.0.ff.net.0.proj", "block.mlp.value_and_gate", f"8*{width}", width),
        linear("transformer_blocks.0.ff.net.2", "block.mlp.out", width, f"4*{width}"),
        linear("proj_out", "proj_out", width, width),
        canonical=f"motion.{here}.",
    )


MOTION = (
    _motion(0, "spatial_noscale", "reassemble.features[2]"),
    _motion(1, "spatial_downx2", "reassemble.features[3]"),
    _motion(2, "path_3", "fusion.widths[2]"),
    _motion(3, "path_2", "fusion.widths[1]"),
)

ORIGINAL = RuleSet(
    under("pretrained.", dinov2()),
    under(
        "head.",
        LEVELS,
        depth_head("scratch.output_conv1", "scratch.output_conv2.0", "scratch.output_conv2.2", kind=KIND),
        given("head.kind", KIND, *MOTION),
    ),
)

RELATIVE_FILE = re.compile(r"(^|/)video[_-]depth[_-]anything[_-]vit[sbl]\.", re.IGNORECASE)  # what the relative ones were published as
WIDEST = 1.78  # ratio of its sides up to which a frame is worked on at the full size


def _configure(reading: Reading) -> DPTConfig:
    taps = told_taps(reading, reading.value("encoder.depth"), TAPS, EVEN_TAPS)
    check_taps(taps, 4, reading.value("encoder.depth"))
    reassemble = reading.compose(ReassembleConfig, "reassemble", readout=told_readout(reading))
    fusion = compose_fusion(reading, "to next")
    for width in (*reassemble.features[2:], *fusion.widths[1:3]):
        if width % 32:
            raise Contradiction(f"{reading.looks} but has a map of {width} channels, which are no groups of 32 to be normalised together.")
    encoder = compose_dinov2(reading, taps)
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=reassemble,
        fusion=fusion,
        head=compose_head(reading, "to image"),
        image=_image(reading, encoder),
        output=_output(reading),
    )


def _image(reading: Reading, encoder: DINOv2Config) -> ImageConfig:
    size, multiple = encoder.grid[0] * encoder.patch_size, encoder.patch_size
    reading.note("image.size", size, Source.SHAPE, by_positions(encoder.grid, encoder.patch_size))
    reading.note("image.multiple", multiple, Source.SHAPE, "the patch size")
    image = ImageConfig(reading.value("image.channels"), size, True, "at least", multiple, IMAGENET_MEAN, IMAGENET_STD, widest=WIDEST)
    why = "how Video-Depth-Anything's code reads films: the shorter side at the image size, or less where they are wider than 16:9"
    return reading.rest("image", image, Source.CONVENTION, why)


def _output(reading: Reading) -> OutputConfig:
    output = OutputConfig(kind="relative inverse depth", activation="relu", resize="bilinear aligned")
    told = _told_metric(reading)
    reading.because(told.evidence, "output.kind")
    reading.convention("output.resize", output.resize, "how Video-Depth-Anything's code brings predictions to the size of the frame")
    why = "a rectifier comes last in relative and metric models alike"
    return reading.rest("output", _as_metric(output) if told.value else output, Source.CONVENTION, why)


def _told_metric(reading: Reading) -> Told[bool]:
    """Whether its predictions are metres, which is no guess."""
    if (told := reading.told("metric", METRIC)) is not None:
        return told
    kind = reading.said.get("depth_estimation_type")
    if kind in ("metric", "relative"):
        return Told(kind == "metric", Evidence(Source.METADATA, "depth_estimation_type in config.json"))
    for pattern, is_metric in ((METRIC_FILE, True), (RELATIVE_FILE, False)):
        if (named := reading.named(pattern)) is not None:
            return Told(is_metric, named.evidence)
    raise Refusal(
        f"{reading.file} is a Video-Depth-Anything, and nothing says whether it predicts metres or relative inverse depth, for which its "
        "tensors are the same: pass --set metric=true or --set metric=false."
    )


def _as_metric(output: OutputConfig) -> OutputConfig:
    """The last rectifier gives metres, up to any distance."""
    return replace(output, kind="metric depth")


def _apply_metric(config: DPTConfig, is_metric: bool) -> DPTConfig:
    output = replace(config.output, kind="relative inverse depth")
    return replace(config, output=_as_metric(output) if is_metric else output)


METRIC = Setting("whether the model predicts metres: true or false", yes_or_no, _apply_metric)


def _published(letter: str, size: str, million_parameters: int, is_metric: bool) -> Published:
    name = f"{'metric_' if is_metric else ''}video_depth_anything_vit{letter}"
    return Published(
        name,
        million_parameters,
        "apache-2.0" if letter == "s" else "cc-by-nc-4.0",
        "metres, steady over films" if is_metric else "relative inverse depth, steady over films",
        repository=f"depth-anything/{'Metric-' if is_metric else ''}Video-Depth-Anything-{size}",
        file=f"{name}.pth",
    )


SIZES: Mapping[str, tuple[str, int]] = {"s": ("Small", 28), "b": ("Base", 113), "l": ("Large", 382)}
WIDTHS = {"s": 384, "b": 768, "l": 1024}

PAPER = """@inproceedings{chen2025videodepthanything,
  title = {Video Depth Anything: Consistent Depth Estimation for Super-Long Videos},
  author = {Chen, Sili and Guo, Hengkai and Zhu, Shengnan and Zhang, Feihu and Huang, Zilong and Feng, Jiashi and Kang, Bingyi},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2025}
}"""

VIDEO_DEPTH_ANYTHING = Family(
    name="video_depth_anything",
    title="Video-Depth-Anything, depth that is steady over a film",
    citations=(PAPER, papers.DPT),
    encoder=DINOv2Config,
    layouts={"original": ORIGINAL},
    configure=_configure,
    file_names=re.compile(r"video[_-]?depth[_-]?anything", re.IGNORECASE),
    glance=Glance(
        "blocks 2, 5, 8, 11 of 12; 4, 11, 17, 23 of 24",
        "tokens, class token passed over; two coarse maps look across 32 frames",
        "to the next map's size, two coarse paths look across 32 frames; to the image's size",
        "518, at least, multiples of 14; less where frames are wider than 16:9",
    ),
    released=tuple(
        Released(f"{prefix}video_depth_anything_vit{letter}", {"encoder.width": width, "output.kind": kind})
        for prefix, kind in (("", "relative inverse depth"), ("metric_", "metric depth"))
        for letter, width in WIDTHS.items()
    ),
    published=tuple(_published(letter, *size, is_metric) for is_metric in (False, True) for letter, size in SIZES.items()),
    settings={"metric": METRIC, "taps": TAPS, "heads": HEADS},
)
