"""Depth Anything 3: depth and sky of one picture, relative or up to the focal length; and geometry of any number of views."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from model_defs.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    DINOv2Config,
    DINOv2ViewsConfig,
    DPTConfig,
    ImageConfig,
    OutputConfig,
    ReassembleConfig,
)
from muggle_convert.errors import Refusal
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.attention import full_attention, told_heads
from muggle_convert.families.shared.decoder import compose_fusion, compose_head, enlarged, fused, fusion_projections, fusion_units
from muggle_convert.families.shared.dinov2 import EVEN_TAPS, compose_dinov2, dinov2
from muggle_convert.families.shared.evidence import Evidence, Source, Told
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import HEADS, TAPS, Setting, yes_or_no
from muggle_convert.families.shared.timm_vit import told_taps
from muggle_convert.rules import (
    Packing,
    Row,
    RuleSet,
    beside,
    convolution,
    duplicate,
    each,
    given,
    linear,
    norm,
    not_run,
    tensor,
    under,
    unused,
    where,
)
from muggle_convert.rules.sizes import Fields, Size

NOT_READ = "only what is told of the finest of four scales becomes rays"
GAUSSIANS = "Gaussians are not made here"
ANY_VIEW_TAPS: Mapping[int, tuple[int, ...]] = {12: (5, 7, 9, 11), 24: (11, 15, 19, 23), 40: (19, 27, 33, 39)}  # by the number of blocks

KIND = re.compile(r"da3[_-]?(?P<kind>mono|metric)", re.IGNORECASE)  # in a released name


def _tapped(encoder: DINOv2Config, fields: Fields) -> int:
    """Of each of several views is tapped what it last found alone, beside what it found among the others."""
    return 2 * encoder.width if isinstance(encoder, DINOv2ViewsConfig) else encoder.width


def _head_width(encoder: DINOv2Config, fields: Fields) -> int:
    return encoder.width // encoder.heads


def _alternates(encoder: DINOv2Config, fields: Fields) -> bool:
    return isinstance(encoder, DINOv2ViewsConfig) and fields["n"] >= encoder.alternates_from


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

_VIEWS = given(
    "kind",
    "dinov2_views",
    tensor("camera_token", "imgencoder.camera_tokens", 1, 2, "width"),
    each(
        "n",
        "depth",
        where(
            _alternates,
            norm("blocks.{n}.attn.{m:q_norm|k_norm}", "imgencoder.blocks.{n}.attn.{m:query_norm|key_norm}", _head_width),
        ),
    ),
)

_RAYS = given(
    "head.kind",
    "depth and rays",
    norm("norm", "tapnorm", _tapped),
    fusion_units(suffix="_aux", here="ray_fusion"),
    fusion_projections(suffix="_aux", here="ray_fusion"),
    *(
        convolution(f"scratch.output_conv1_aux.3.{number}", f"ray_head.neck.{number}", *widths, 3)
        for number, widths in enumerate([("head.upsampler_width", "fusion.widths[0]"), ("fusion.widths[0]", "head.upsampler_width")] * 2)
    ),
    convolution("scratch.output_conv1_aux.3.4", "ray_head.neck.4", "head.upsampler_width", "fusion.widths[0]", 3),
    convolution("scratch.output_conv2_aux.3.0", "ray_head.conv", "head.projection_width", "head.upsampler_width", 3),
    norm("scratch.output_conv2_aux.0.2", "ray_head.norm", "head.projection_width"),
    duplicate("scratch.output_conv2_aux.{n+1}.2.{p:parameter}", same_as="scratch.output_conv2_aux.0.2.{p:parameter}"),
    convolution("scratch.output_conv2_aux.3.5", "ray_head.proj", 7, "head.projection_width", 1),
    unused("scratch.output_conv1_aux.{s:0|1|2}.{n}.{p:parameter}", NOT_READ),
    unused("scratch.output_conv2_aux.{s:0|1|2}.{m:0|5}.{p:parameter}", NOT_READ),
)

_TRUNK, _TRUNK_HERE = "trunk.{n}", "trunk.blocks.{n}"

_CAMERAS = given(
    "head.kind",
    "depth and rays",
    under(
        "cam_enc.",
        linear("pose_branch.fc1", "branch.fc1", "head.camera_branch_width", 9),
        linear("pose_branch.fc2", "branch.fc2", "width", "head.camera_branch_width"),
        norm("token_norm", "token_norm", "width"),
        each(
            "n",
            "head.camera_depth",
            norm(_TRUNK + ".norm{i:1|2}", _TRUNK_HERE + ".norm{i:1|2}", "width"),
            linear(_TRUNK + ".attn.qkv", _TRUNK_HERE + ".attn.qkv", "3*width", "width"),
            linear(_TRUNK + ".attn.proj", _TRUNK_HERE + ".attn.proj", "width", "width"),
            tensor(_TRUNK + ".ls{i:1|2}.gamma", _TRUNK_HERE + ".{i:scale_attn|scale_mlp}", "width"),
            linear(_TRUNK + ".mlp.fc1", _TRUNK_HERE + ".mlp.fc1", "head.camera_mlp_width", "width"),
            linear(_TRUNK + ".mlp.fc2", _TRUNK_HERE + ".mlp.fc2", "width", "head.camera_mlp_width"),
        ),
        norm("trunk_norm", "trunk.norm", "width"),
        canonical="camera_encoder.",
    ),
    under(
        "cam_dec.",
        linear("backbone.{i:0|2}", "layers.{i:0|2}", "2*width", "2*width"),
        linear("fc_t", "position", 3, "2*width"),
        linear("fc_qvec", "quaternion", 4, "2*width"),
        linear("fc_fov.0", "angles", 2, "2*width"),
        canonical="camera_decoder.",
    ),
)

_GAUSSIANS = under(
    "gs_head.",
    *(
        not_run(layer, GAUSSIANS)
        for layer in (
            "{m:projects|resize_layers|images_merger}.{s}.{p:parameter}",
            "scratch.layer{s}_rn.weight",
            "scratch.refinenet{s}.resConfUnit{i:1|2}.conv{j:1|2}.{p:parameter}",
            "scratch.refinenet{s}.out_conv.{p:parameter}",
            "scratch.output_conv1.{p:parameter}",
            "scratch.output_conv2.{s}.{p:parameter}",
        )
    ),
)

_NETWORK = (
    *under("backbone.pretrained.", dinov2(), _VIEWS),
    *under("head.", _decoder(_tapped), _SKY, _RAYS),
    _CAMERAS,
    *_GAUSSIANS,
)
_OF_ONE_PICTURE = (*under("backbone.pretrained.", dinov2()), *under("head.", _decoder("width"), _SKY))

ORIGINAL = RuleSet(*_NETWORK, packing=Packing(prefix="model."))
NESTED = RuleSet(under("da3.", _NETWORK), beside("metric", under("da3_metric.", _OF_ONE_PICTURE)), packing=Packing(prefix="model."))


def _configure(reading: Reading) -> DPTConfig:
    if any(name.startswith("metric.") for name in reading.shapes):
        return _nested(reading)
    if reading.value("head.kind") == "depth and rays":
        return _of_views(reading)
    return _of_one_picture(reading, _told_output(reading))


def _of_one_picture(reading: Reading, output: OutputConfig) -> DPTConfig:
    taps = told_taps(reading, reading.value("encoder.depth"), TAPS, EVEN_TAPS)
    return _compose(reading, compose_dinov2(reading, taps), output)


def _of_views(reading: Reading) -> DPTConfig:
    depth = reading.value("encoder.depth")
    normed = [number for number in range(depth) if reading.has(f"imgencoder.blocks.{number}.attn.query_norm.weight")]
    if not normed:
        raise reading.lacks(f"imgencoder.blocks.{depth - 1}.attn.query_norm.weight")
    first = f"imgencoder.blocks.{normed[0]}.attn.query_norm.weight"
    encoder = reading.compose(
        DINOv2ViewsConfig,
        "encoder",
        heads=told_heads(reading, reading.value("encoder.width")),
        taps=told_taps(reading, depth, TAPS, ANY_VIEW_TAPS),
        attention=full_attention(reading),
        alternates_from=reading.measure("encoder.alternates_from", first, lambda shape: normed[0]),
        rotation_base=reading.convention("encoder.rotation_base", 100.0, "every released Depth Anything 3 has rotations of this base"),
    )
    why = "depth is the exponential of what the last convolution gives, and has no unit"
    return _compose(reading, encoder, reading.rest("output", RELATIVE, Source.CONVENTION, why))


def _nested(reading: Reading) -> DPTConfig:
    """The network of views, beside one whose depth is metric; what both make is metres."""
    inside = reading.of_part("metric")
    why = Evidence(Source.SHAPE, f"there is {reading.called('metric.patch_embed.cls_token')}: a network for one picture runs beside")
    metric = _of_one_picture(inside, inside.rest("output", _as_metric(RELATIVE, True), why.source, why.detail))
    reading.because_of_part("metric", inside)
    reading.because(why, "metric.family", "metric.encoder.kind")
    metres = reading.rest("output", replace(RELATIVE, kind="metric depth"), why.source, why.detail)
    return replace(_of_views(reading), output=metres, metric=metric)


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
    if config.head.kind != "depth and sky":
        raise Refusal(
            f"metric={is_metric} does not fit: the model sees several views, and only those for one picture are told apart by it."
        )
    return replace(config, output=_as_metric(config.output, is_metric))


METRIC = Setting("whether depth times the focal length is metric, as of DA3METRIC and not of DA3MONO", yes_or_no, _apply_metric)

PAPER = """@article{lin2025depthanything3,
  title = {Depth Anything 3: Recovering the Visual Space from Any Views},
  author = {Lin, Haotong and Chen, Sili and Liew, Jun Hao and Chen, Donny Y. and Li, Zhenyu and Shi, Guang and Feng, Jiashi and Kang, Bingyi},
  journal = {arXiv preprint arXiv:2511.10647},
  year = {2025}
}"""


VIEWS = "depth and cameras of views"
SIZES = {  # width, millions of parameters, licence
    "SMALL": (384, 80, "apache-2.0"),
    "BASE": (768, 120, "apache-2.0"),
    "LARGE": (1024, 350, "cc-by-nc-4.0"),
    "GIANT": (1536, 1150, "cc-by-nc-4.0"),
}
_OF_VIEWS = {"encoder.kind": "dinov2_views", "output.kind": "relative depth"}


def _published(name: str, million_parameters: int, licence: str, predicts: str) -> Published:
    return Published(name, million_parameters, licence, predicts, repository=f"depth-anything/{name}", file="model.safetensors")


DEPTH_ANYTHING_3 = Family(
    name="depth_anything_3",
    title="Depth Anything 3",
    citations=(PAPER, papers.DPT),
    encoder=DINOv2Config,
    layouts={"original": ORIGINAL, "nested": NESTED},
    configure=_configure,
    file_names=re.compile(r"da3|depth[_-]?anything[_-]?3", re.IGNORECASE),
    glance=Glance(
        "blocks 4, 11, 17, 23 of 24; of views 5, 7, 9, 11 of 12; 11, 15, 19, 23 of 24; 19, 27, 33, 39 of 40",
        "tokens, class token passed over; of views two states of each, told where they lie",
        "to the next map's size; to the image's size, with the sky or with rays and cameras beside it",
        "504, the longer side, multiples of 14",
    ),
    released=(
        *(Released(f"DA3-{size}", {**_OF_VIEWS, "encoder.width": width}) for size, (width, _, _) in SIZES.items()),
        Released("DA3MONO-LARGE", {"encoder.width": 1024, "output.kind": "relative depth", "head.kind": "depth and sky"}),
        Released("DA3METRIC-LARGE", {"encoder.width": 1024, "output.kind": "canonical depth"}),
        Released("DA3NESTED-GIANT-LARGE", {"encoder.width": 1536, "metric.encoder.width": 1024, "output.kind": "metric depth"}),
    ),
    published=(
        *(_published(f"DA3-{size}", million, licence, VIEWS) for size, (_, million, licence) in SIZES.items()),
        *(_published(f"DA3-{size}-1.1", million, licence, VIEWS) for size, (_, million, licence) in SIZES.items() if million > 300),
        _published("DA3MONO-LARGE", 350, "apache-2.0", "relative depth, and the sky"),
        _published("DA3METRIC-LARGE", 350, "apache-2.0", "metres times 300 / focal length, and the sky"),
        *(
            _published(f"DA3NESTED-GIANT-LARGE{version}", 1400, "cc-by-nc-4.0", "metres and cameras of views, and the sky")
            for version in ("", "-1.1")
        ),
    ),
    settings={"metric": METRIC, "taps": TAPS, "heads": HEADS},
)
