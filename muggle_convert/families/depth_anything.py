"""Depth-Anything V1 and V2: DINOv2 under a DPT decoder. The two differ only in which blocks are tapped, which no tensor tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from model_defs.config import IMAGENET_MEAN, IMAGENET_STD, DINOv2Config, DPTConfig, ImageConfig, OutputConfig, ReassembleConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import (
    compose_fusion,
    compose_head,
    depth_head,
    enlarged,
    scratch,
    told_readout,
)
from muggle_convert.families.shared.dinov2 import EVEN_TAPS, compose_dinov2, dinov2
from muggle_convert.families.shared.evidence import Contradiction, Evidence, Source, Told
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import METRIC_FILE, Reading
from muggle_convert.families.shared.settings import HEADS, MAX_DEPTH, TAPS, check_taps, metric
from muggle_convert.families.shared.timm_vit import by_positions
from muggle_convert.families.shared.transformers.depth_anything import TRANSFORMERS
from muggle_convert.rules import Row, Rows, RuleSet, convolution, each, given, linear, under

# Everything above the encoder but the head, under whatever name the decoder has.
LEVELS: tuple[Row, ...] = (
    each(
        "s",
        4,
        given(
            "reassemble.readout",
            "project",
            linear("readout_projects.{s}.0", "reassemble.{s:scale}.readout_proj", "width", "2*width"),
        ),
        convolution("projects.{s}", "reassemble.{s:scale}.resample.0", "reassemble.features[s]", "width", 1),
    ),
    *enlarged("resize_layers.{s}"),
    *scratch("reassemble.features[s]"),
)
DECODER: tuple[Row, ...] = under("depth_head.", LEVELS)
BODY: tuple[Rows, ...] = (under("pretrained.", dinov2()), DECODER)
HEAD = "depth_head.scratch.output_conv1", "depth_head.scratch.output_conv2.0", "depth_head.scratch.output_conv2.2"
ORIGINAL = RuleSet(*BODY, depth_head(*HEAD))

# Distill-Any-Depth's own code calls the encoder otherwise, and its blocks may be in one chunk, or in four, numbered through.
DISTILLED = {
    f"distilled{chunks}": RuleSet(under("backbone.", dinov2(block=block)), DECODER, depth_head(*HEAD))
    for chunks, block in {
        "": "blocks.{n}",
        ", one chunk": "blocks.0.{n}",
        ", four chunks of 3": "blocks.{n//3}.{n}",
        ", four chunks of 6": "blocks.{n//6}.{n}",
    }.items()
}
DISTILLED_FILE = re.compile(r"distill[_-]any[_-]depth", re.IGNORECASE)
ANY_CONDITION_FILE = re.compile(r"depth[_-]?anything[_-]ac(?![a-z])", re.IGNORECASE)

V2_FILE = re.compile(r"metric[_-](?P<data>hypersim|vkitti)|(^|/)depth_anything_v2_vit[sblg]\.", re.IGNORECASE)
METRIC_DEPTHS = {"hypersim": 20.0, "vkitti": 80.0}  # metres: rooms, and streets


def _configure_v1(reading: Reading) -> DPTConfig:
    depth = reading.value("encoder.depth")
    if depth < 4:
        raise Refusal(f"{reading.file} has {depth} transformer blocks; Depth-Anything V1 taps the last four, so it has four at least.")
    taps = reading.convention("encoder.taps", last_four(depth), "V1 taps the last four blocks")
    if (told := reading.told("taps", TAPS)) is not None and told.value != taps:
        raise Contradiction(
            f"{reading.file} taps the blocks {list(told.value)} ({told.evidence}), where Depth-Anything V1 taps the last four.",
            because=told.evidence,
        )
    if _is_said_to_be_metric(reading):
        raise Contradiction(
            f"{reading.file} is metric, as its config.json says, which Depth-Anything V1 is not.",
            because=Evidence(Source.METADATA, "max_depth in config.json"),
        )
    output = OutputConfig(kind="relative inverse depth", activation="relu", resize="bilinear aligned")
    if (named := reading.named(METRIC_FILE)) is None:
        reading.convention("output.kind", output.kind, "V1 predicts relative inverse depth")
    else:
        reading.note(
            "output.kind", output.kind, Source.ASSUMED, f"V1 predicts no other, although the file is called {named.evidence.detail}"
        )
    _rest_of_output(reading, output)
    return _configure(reading, taps, output)


def _configure_v2(reading: Reading) -> DPTConfig:
    depth = reading.value("encoder.depth")
    taps = _told_taps_v2(reading, depth)
    if taps is None and depth not in EVEN_TAPS:
        raise Refusal(
            f"{reading.file} has {depth} transformer blocks; Depth-Anything V2 was released with 12, 24 and 40, and no tensor tells "
            "which blocks another depth taps: pass --set taps=A,B,C,D."
        )
    if taps is None:
        taps = reading.convention("encoder.taps", EVEN_TAPS[depth], f"V2 taps these of {depth} blocks")
    return _configure(reading, taps, _output_v2(reading))


def _told_taps_v2(reading: Reading, depth: int) -> tuple[int, ...] | None:
    """What a flag says, or a config.json that does not say what makes it V1."""
    told = reading.told("taps", TAPS)
    if told is None:
        return None
    taps: tuple[int, ...] = told.value
    check_taps(taps, 4, depth)
    is_v1 = taps == last_four(depth) and depth in EVEN_TAPS and not _is_said_to_be_metric(reading)
    if is_v1 and told.evidence.source is Source.METADATA:
        raise Contradiction(
            f"{reading.file} taps the last four blocks ({told.evidence}), as Depth-Anything V1 does and V2 does not.", because=told.evidence
        )
    return reading.heard(told, "encoder.taps", taps)


def last_four(depth: int) -> tuple[int, ...]:
    return tuple(range(depth - 4, depth))


def _configure(reading: Reading, taps: tuple[int, ...], output: OutputConfig) -> DPTConfig:
    encoder = compose_dinov2(reading, taps)
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=reading.compose(ReassembleConfig, "reassemble", readout=told_readout(reading)),
        fusion=compose_fusion(reading, "to next"),
        head=compose_head(reading, "to image"),
        image=_image(reading, encoder),
        output=output,
    )


def _image(reading: Reading, encoder: DINOv2Config) -> ImageConfig:
    size, multiple = encoder.grid[0] * encoder.patch_size, encoder.patch_size
    reading.note("image.size", size, Source.SHAPE, by_positions(encoder.grid, encoder.patch_size))
    reading.note("image.multiple", multiple, Source.SHAPE, "the patch size")
    image = ImageConfig(reading.value("image.channels"), size, True, "at least", multiple, IMAGENET_MEAN, IMAGENET_STD)
    if (distilled := reading.named(DISTILLED_FILE)) is not None:  # whose own inference makes every picture a square
        image = replace(
            image, size=reading.heard(distilled, "image.size", 700), keep_aspect=reading.heard(distilled, "image.keep_aspect", False)
        )
    if (named := reading.named(ANY_CONDITION_FILE)) is not None:  # whose own inference never takes fewer patches than a side would fill
        image = replace(image, fit=reading.heard(named, "image.fit", "at least, up"))
    return reading.rest(
        "image",
        image,
        Source.CONVENTION,
        "how Depth-Anything was trained: ImageNet's mean and standard deviation, the shorter side at the image size",
    )


def _output_v2(reading: Reading) -> OutputConfig:
    output = OutputConfig(kind="relative inverse depth", activation="relu", resize="bilinear aligned")
    told = _told_largest_depth(reading)
    if told is None:
        reading.note(
            "output.kind", output.kind, Source.ASSUMED, "nothing says that it is metric; --set max_depth=20 (rooms) or 80 (streets) would"
        )
    else:
        reading.because(told.evidence, "output.kind", "output.max_depth")
        output = output if told.value is None else metric(output, told.value)
    return _rest_of_output(reading, output)


def _told_largest_depth(reading: Reading) -> Told[float | None] | None:
    """In metres; None as what is told of a relative model, which has none."""
    if "max_depth" not in reading.overrides:
        said = Evidence(Source.METADATA, "depth_estimation_type in config.json")
        if reading.said.get("depth_estimation_type") == "relative":
            return Told(None, said)
        if _is_said_to_be_metric(reading) and reading.said.get("max_depth") is None:
            raise Refusal(f"{reading.file} is metric ({said.detail}), and nothing says up to which depth: pass --set max_depth=METRES.")
    told = reading.clue("max_depth", V2_FILE)
    if told is None:
        reading.ask_for_metres(
            "pass --set max_depth=METRES, which was 20 for rooms (Hypersim) and 80 for streets (VKITTI), or max_depth=none if it is relative"
        )
        return None
    if not isinstance(told.value, re.Match):
        return Told(MAX_DEPTH.parse(told.value), told.evidence)
    data = told.value["data"]
    return Told(METRIC_DEPTHS[data.lower()] if data else None, told.evidence)


def _is_said_to_be_metric(reading: Reading) -> bool:
    """By the config.json beside it."""
    kind = reading.said.get("depth_estimation_type")
    return reading.said.get("max_depth") is not None if kind is None else kind == "metric"


def _rest_of_output(reading: Reading, output: OutputConfig) -> OutputConfig:
    reading.convention("output.activation", output.activation, "a sigmoid in metric models, a rectifier in relative ones")
    reading.convention("output.resize", output.resize, "how Depth-Anything's code brings predictions to the size of the picture")
    return reading.rest("output", output, Source.CONVENTION, "Depth-Anything inverts nothing, and relative depth has no largest value")


def _released(pattern: str, sizes: Mapping[str, int], **more: Any) -> tuple[Released, ...]:
    return tuple(Released(pattern.format(letter), {"encoder.width": width, **more}) for letter, width in sizes.items())


MILLIONS = {"s": 25, "b": 97, "l": 335}
SIZES = {"s": "Small", "b": "Base", "l": "Large"}


def _published_v1(letter: str) -> Published:
    name = f"depth_anything_vit{letter}14"
    return Published(name, MILLIONS[letter], "apache-2.0", repository=f"LiheYoung/{name}", file="pytorch_model.bin")


def _published_v2(letter: str, title: str = "", name: str = "", predicts: str = "relative inverse depth") -> Published:
    """No card says a licence of the metric ones; of the others only the small one may be used commercially."""
    licence = "unknown" if name else "apache-2.0" if letter == "s" else "cc-by-nc-4.0"
    name = f"depth_anything_v2_{name}vit{letter}"
    repository = f"depth-anything/Depth-Anything-V2-{title}{SIZES[letter]}"
    return Published(name, MILLIONS[letter], licence, predicts, repository=repository, file=f"{name}.pth")


def _distilled(name: str, folder: str, letter: str) -> Published:
    """All have one card, which says Apache-2.0; but the larger ones were trained on from weights that may not be used commercially."""
    licence = "apache-2.0" if letter == "s" else "unknown"
    return Published(name, MILLIONS[letter], licence, repository="xingyang1/Distill-Any-Depth", file=f"{folder}/model.safetensors")


_GLANCE = ("tokens, class token passed over", "to the next map's size; to the image's size", "518, at least, multiples of 14")

PAPER_V1 = """@inproceedings{yang2024depthanything,
  title = {Depth Anything: Unleashing the Power of Large-Scale Unlabeled Data},
  author = {Yang, Lihe and Kang, Bingyi and Huang, Zilong and Xu, Xiaogang and Feng, Jiashi and Zhao, Hengshuang},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2024}
}"""

PAPER_V2 = """@inproceedings{yang2024depthanythingv2,
  title = {Depth Anything V2},
  author = {Yang, Lihe and Kang, Bingyi and Huang, Zilong and Zhao, Zhen and Xu, Xiaogang and Feng, Jiashi and Zhao, Hengshuang},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)},
  year = {2024}
}"""

DEPTH_ANYTHING_V1 = Family(
    name="depth_anything_v1",
    title="Depth-Anything V1",
    citations=(PAPER_V1, papers.DPT),
    encoder=DINOv2Config,
    layouts={"original": ORIGINAL},
    configure=_configure_v1,
    file_names=re.compile(r"depth[_-]anything[_-](v1[_-])?vit[sblg]14|depth[_-]anything[_-]v1", re.IGNORECASE),
    glance=Glance("the last four blocks", *_GLANCE),
    released=_released("depth_anything_vit{}14", {"s": 384, "b": 768, "l": 1024}),
    published=tuple(map(_published_v1, MILLIONS)),
    settings={"heads": HEADS},
    transformers=TRANSFORMERS,
)

DEPTH_ANYTHING_V2 = Family(
    name="depth_anything_v2",
    title="Depth-Anything V2",
    citations=(PAPER_V2, papers.DPT),
    encoder=DINOv2Config,
    layouts={"original": ORIGINAL, **DISTILLED},
    configure=_configure_v2,
    # Also two that others fine-tuned: Distill-Any-Depth and Depth-Anything-AC.
    file_names=re.compile(r"depth[_-]anything[_-]v2|distill[_-]any[_-]depth|depth[_-]?anything[_-]ac(?![a-z])", re.IGNORECASE),
    glance=Glance("blocks 2, 5, 8, 11 of 12; 4, 11, 17, 23 of 24; 9, 19, 29, 39 of 40", *_GLANCE),
    released=(
        *_released("depth_anything_v2_vit{}", {"s": 384, "b": 768, "l": 1024, "g": 1536}, **{"output.kind": "relative inverse depth"}),
        *_released("depth_anything_v2_metric_hypersim_vit{}", {"s": 384, "b": 768, "l": 1024}, **{"output.max_depth": 20.0}),
        *_released("depth_anything_v2_metric_vkitti_vit{}", {"s": 384, "b": 768, "l": 1024}, **{"output.max_depth": 80.0}),
    ),
    published=(
        *map(_published_v2, MILLIONS),
        *(_published_v2(letter, "Metric-Hypersim-", "metric_hypersim_", "metres, rooms to 20") for letter in MILLIONS),
        *(_published_v2(letter, "Metric-VKITTI-", "metric_vkitti_", "metres, streets to 80") for letter in MILLIONS),
        *(_distilled(f"Distill-Any-Depth-{size}", size.lower(), letter) for letter, size in SIZES.items()),
        _distilled("Distill-Any-Depth-Dav2-Teacher-Large-2w-iter", "Distill-Any-Depth-Dav2-Teacher-Large-2w-iter", "l"),
        Published(
            "depth_anything_AC_vits", 25, "cc-by-nc-4.0", repository="ghost233lism/DepthAnything-AC", file="depth_anything_AC_vits.pth"
        ),
    ),
    settings={"max_depth": MAX_DEPTH, "taps": TAPS, "heads": HEADS},
    transformers=TRANSFORMERS,
)
