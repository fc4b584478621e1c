"""Depth Anything 3: depth and sky of one picture, relative or up to the focal length; and geometry of any number of views."""

from __future__ import annotations

import re
from dataclasses import replace

from model_defs.config import IMAGENET_MEAN, IMAGENET_STD, DINOv2Config, DPTConfig, ImageConfig, OutputConfig, ReassembleConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import compose_fusion, compose_head, enlarged, fused, fusion_projections, fusion_units
from muggle_convert.families.shared.dinov2 import EVEN_TAPS, compose_dinov2, dinov2
from muggle_convert.families.shared.evidence import Evidence, Source, Told
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import HEADS, TAPS, Setting, yes_or_no
from muggle_convert.families.shared.timm_vit import told_taps
from muggle_convert.rules import Packing, Row, RuleSet, convolution, each, given, under
from muggle_convert.rules.sizes import Size

KIND = re.compile(r"da3[_-]?(?P<kind>mono|metric)", re.IGNORECASE)  # in a released name


def _decoder(tapped: Size) -> tuple[Row, ...]:
    """What every head has, on tokens of some width."""
    return (
        each("s", 4, convolution("projects.{s}", "reassemble.{s:scale}.resample.0", "reassemble.features[s]", tapped, 1)),
        *enlarged("resize_layers.{s}"),
        fused("reassemble.features[s]"),
        *fusion_units(),
        fusion_projections(),
        *convolution("scratch.output_conv1", "head.spatial_upsampler.0", "head.upsampler_width", "fusion.widths[0]", 3),
        *convolution("scratch.output_conv2.0", "head.proj_1ch.0", "head.projection_width", "head.upsampler_width", 3),
        *convolution("scratch.output_conv2.2", "head.proj_1ch.2", "head.channels", "head.projection_width", 1),
    )


_SKY = given(
    "head.kind",
    "depth and sky",
    convolution("scratch.sky_output_conv2.0", "head.proj_sky.0", "head.projection_width", "head.upsampler_width", 3),
    convolution("scratch.sky_output_conv2.2", "head.proj_sky.2", 1, "head.projection_width", 1),
)

ORIGINAL = RuleSet(
    under("backbone.pretrained.", dinov2()),
    under("head.", _decoder("width"), _SKY),
    packing=Packing(prefix="model."),
)


def _configure(reading: Reading) -> DPTConfig:
    return _of_one_picture(reading, _told_output(reading))


def _of_one_picture(reading: Reading, output: OutputConfig) -> DPTConfig:
    taps = told_taps(reading, reading.value("encoder.depth"), TAPS, EVEN_TAPS)
    return _compose(reading, compose_dinov2(reading, taps), output)


def _compose(reading: Reading, encoder: DINOv2Config, output: OutputConfig) -> DPTConfig:
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=reading.compose(
            ReassembleConfig,
            "reassemble",
            readout=reading.convention("reassemble.readout", "ignore", "Depth Anything 3 passes the class token over"),
        ),
        fusion=compose_fusion(reading, "to next"),
        head=compose_head(reading, "to image"),
        image=_image(reading, encoder),
        output=output,
    )


def _image(reading: Reading, encoder: DINOv2Config) -> ImageConfig:
    multiple = reading.note("image.multiple", encoder.patch_size, Source.SHAPE, "the patch size")
    image = ImageConfig(
        reading.value("image.channels"), 504, True, "longest", multiple, IMAGENET_MEAN, IMAGENET_STD, resize="area or cubic"
    )
    return reading.rest(
        "image",
        image,
        Source.CONVENTION,
        "how Depth Anything 3's own code prepares pictures: ImageNet's mean and standard deviation, the longer side at 504",
    )


def _told_output(reading: Reading) -> OutputConfig:
    told = _told_metric(reading)
    if told is None:
        raise Refusal(
            f"{reading.file} is a Depth Anything 3 for one picture, of which there is one for relative depth (DA3MONO) and one whose depth times the "
            "focal length is metric (DA3METRIC); their files look alike, and no name or config.json tells which it is: pass --set metric=no or "
            "--set metric=yes."
        )
    output = _as_metric(RELATIVE, told.value)
    reading.heard(told, "output.kind", output.kind)
    return reading.rest("output", output, Source.CONVENTION, "depth is the exponential of what the last convolution gives")


def _told_metric(reading: Reading) -> Told[bool] | None:
    """Whether the numbers times a focal length are metric, as a flag, a config.json or a name has it."""
    if (told := reading.told("metric", METRIC)) is not None:
        return told
    if (match := KIND.search(str(reading.checkpoint.sidecar.get("model_name")))) is not None:
        return Told(_says_metric(match), Evidence(Source.METADATA, "model_name in config.json"))
    named = reading.named(KIND)
    return Told(_says_metric(named.value), named.evidence) if named is not None else None


def _says_metric(match: re.Match[str]) -> bool:
    return match["kind"].lower() == "metric"


RELATIVE = OutputConfig(kind="relative depth", activation="exp", resize="bilinear")


def _as_metric(output: OutputConfig, is_metric: bool) -> OutputConfig:
    return replace(output, kind="canonical depth" if is_metric else "relative depth")


def _apply_metric(config: DPTConfig, is_metric: bool) -> DPTConfig:
    return replace(config, output=_as_metric(config.output, is_metric))


METRIC = Setting("whether depth times the focal length is metric, as of DA3METRIC and not of DA3MONO", yes_or_no, _apply_metric)

PAPER = """@article{lin2025depthanything3,
  title = {Depth Anything 3: Recovering the Visual Space from Any Views},
  author = {Lin, Haotong and Chen, Sili and Liew, Jun Hao and Chen, Donny Y. and Li, Zhenyu and Shi, Guang and Feng, Jiashi and Kang, Bingyi},
  journal = {arXiv preprint arXiv:2511.10647},
  year = {2025}
}"""


def _published(name: str, million_parameters: int, licence: str, predicts: str) -> Published:
    return Published(name, million_parameters, licence, predicts, repository=f"depth-anything/{name}", file="model.safetensors")


DEPTH_ANYTHING_3 = Family(
    name="depth_anything_3",
    title="Depth Anything 3",
    citations=(PAPER, papers.DPT),
    encoder=DINOv2Config,
    layouts={"original": ORIGINAL},
    configure=_configure,
    file_names=re.compile(r"da3|depth[_-]?anything[_-]?3", re.IGNORECASE),
    glance=Glance(
        "blocks 4, 11, 17, 23 of 24",
        "tokens, class token passed over",
        "to the next map's size; to the image's size, with the sky beside it",
        "504, the longer side, multiples of 14",
    ),
    released=(
        Released("DA3MONO-LARGE", {"encoder.width": 1024, "output.kind": "relative depth"}),
        Released("DA3METRIC-LARGE", {"encoder.width": 1024, "output.kind": "canonical depth"}),
    ),
    published=(
        _published("DA3MONO-LARGE", 350, "apache-2.0", "relative depth, and the sky"),
        _published("DA3METRIC-LARGE", 350, "apache-2.0", "metres times 300 / focal length, and the sky"),
    ),
    settings={"metric": METRIC, "taps": TAPS, "heads": HEADS},
)
