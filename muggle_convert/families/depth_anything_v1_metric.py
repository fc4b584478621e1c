"""The metric models of Depth-Anything V1: its network under ZoeDepth's bins, for rooms (NYU) or for streets (KITTI)."""

from __future__ import annotations

import re

from model_defs.config import IMAGENET_MEAN, IMAGENET_STD, DINOv2Config, DPTConfig, ImageConfig, ReassembleConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.depth_anything import BODY, HEAD, PAPER_V1, last_four
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import compose_fusion, head_features, head_projection, told_readout
from muggle_convert.families.shared.dinov2 import compose_dinov2
from muggle_convert.families.shared.evidence import Source
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.metric_bins import BINS, CENTRES, EMBEDDINGS, RANGE, compose_bins, told_metres
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import HEADS
from muggle_convert.families.zoedepth import PAPER
from muggle_convert.rules import Packing, RuleSet, given, under

_FIRST, _SECOND, _LAST = HEAD
ORIGINAL = RuleSet(
    under("core.core.", BODY, head_features(_FIRST, _SECOND), given("head.kind", "metric bins", head_projection(_LAST))),
    EMBEDDINGS,
    BINS,
    packing=Packing(wrap="model"),
)

RELEASED = re.compile(r"metric[-_]depth[-_](?P<place>indoor|outdoor)", re.IGNORECASE)
REACH = {"indoor": 10.0, "outdoor": 80.0}  # metres
ADVICE = "pass --set max_depth=METRES, which was 10 for the indoor model and 80 for the outdoor one"


def _configure(reading: Reading) -> DPTConfig:
    depth = reading.value("encoder.depth")
    if depth < 4:
        raise Refusal(f"{reading.file} has {depth} transformer blocks; Depth-Anything V1 taps the last four, so it has four at least.")
    encoder = compose_dinov2(reading, reading.convention("encoder.taps", last_four(depth), "V1 taps the last four blocks"))
    head = compose_bins(reading, "to image")
    output = told_metres(reading, RELEASED, REACH, ADVICE, resize="bilinear aligned")
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=reading.compose(ReassembleConfig, "reassemble", readout=told_readout(reading)),
        fusion=compose_fusion(reading, "to next"),
        head=head,
        image=_image(reading, encoder),
        output=reading.rest("output", output, Source.CONVENTION, "how the code that evaluates these models ends"),
    )


def _image(reading: Reading, encoder: DINOv2Config) -> ImageConfig:
    reading.note("image.multiple", encoder.patch_size, Source.SHAPE, "the patch size")
    image = ImageConfig(
        reading.value("image.channels"), 392, False, "closest", encoder.patch_size, IMAGENET_MEAN, IMAGENET_STD, 518,
        resize="bilinear aligned", mirrored=True,
    )  # fmt: skip
    return reading.rest("image", image, Source.CONVENTION, "how the code that evaluates these models treats pictures")


_ALL = {"image.channels": 3, "encoder.width": 1024, "encoder.depth": 24, "encoder.grid": (37, 37), "fusion.widths": (256,) * 4}
_URL = "https://huggingface.co/spaces/LiheYoung/Depth-Anything/resolve/main/checkpoints_metric_depth/"


def _published(place: str, predicts: str) -> Published:
    """No card says a licence of them."""
    name = f"depth_anything_metric_depth_{place}"
    return Published(name, 336, "unknown", predicts, url=f"{_URL}{name}.pt")


DEPTH_ANYTHING_V1_METRIC = Family(
    name="depth_anything_v1_metric",
    title="Depth-Anything V1, metric",
    citations=(PAPER_V1, PAPER, papers.DPT),
    encoder=DINOv2Config,
    layouts={"original": ORIGINAL},
    configure=_configure,
    file_names=re.compile(r"depth[_-]anything[_-](v1[_-])?metric[_-]depth", re.IGNORECASE),
    glance=Glance(
        "the last four blocks",
        "tokens, class token passed over",
        "to the next map's size; to the image's size; bins on every path",
        "392 × 518, stretched to it; and mirrored",
    ),
    released=tuple(Released(f"depth_anything_metric_depth_{place}", {**_ALL, "output.max_depth": reach}) for place, reach in REACH.items()),
    published=(_published("indoor", "metres, rooms to 10"), _published("outdoor", "metres, streets to 80")),
    settings={"max_depth": RANGE, "bins": CENTRES, "heads": HEADS},
)
