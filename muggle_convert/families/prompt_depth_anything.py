"""Prompt-Depth-Anything: Depth-Anything's network, shown a small map of measured depth, and metres within the range of that map."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from model_defs.config import IMAGENET_MEAN, IMAGENET_STD, DINOv2Config, DPTConfig, ImageConfig, OutputConfig, ReassembleConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import compose_fusion, compose_head, depth_head, enlarged, scratch
from muggle_convert.families.shared.dinov2 import EVEN_TAPS, compose_dinov2, dinov2
from muggle_convert.families.shared.evidence import Source
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import HEADS, TAPS, check_taps
from muggle_convert.families.shared.transformers.prompt_depth_anything import TRANSFORMERS
from muggle_convert.rules import Packing, RuleSet, convolution, derivable, each, under

if TYPE_CHECKING:
    import numpy as np


def _normalisation(encoder: DINOv2Config, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """The constants that the original stores among its weights: means, and deviations."""
    import numpy as np

    return np.array((IMAGENET_MEAN, IMAGENET_STD)[fields["m"]], np.float32).reshape(1, 3, 1, 1)


_BRANCH, _BRANCH_HERE = "scratch.refinenet{n+1}.resConfUnit_depth", "fusion.blocks.{n}.prompt_branch"
_WIDTH = "fusion.widths[n]"

ORIGINAL = RuleSet(
    derivable("{m:_mean|_std}", "pictures are normalised before they reach the network", _normalisation, sizes=(1, 3, 1, 1)),
    under("pretrained.", dinov2()),
    under(
        "depth_head.",
        each("s", 4, convolution("projects.{s}", "reassemble.{s:scale}.resample.0", "reassemble.features[s]", "width", 1)),
        enlarged("resize_layers.{s}"),
        scratch("reassemble.features[s]"),
        each(
            "n",
            4,
            convolution(f"{_BRANCH}.0", f"{_BRANCH_HERE}.0", _WIDTH, 1, 3),
            convolution(f"{_BRANCH}.{{i:2|4}}", f"{_BRANCH_HERE}.{{i:2|4}}", _WIDTH, _WIDTH, 3),
        ),
        depth_head("scratch.output_conv1", "scratch.output_conv2.0", "scratch.output_conv2.2", kind="prompted depth"),
    ),
    packing=Packing(wrap="state_dict", prefix="pipeline."),  # the original cuts nine characters off every name, whichever they are
)


def _configure(reading: Reading) -> DPTConfig:
    if not reading.has(f"{_BRANCH_HERE.format(n=0)}.0.weight"):  # everything else is as in Depth-Anything
        raise reading.lacks(f"{_BRANCH_HERE.format(n=0)}.0.weight")
    encoder = compose_dinov2(reading, _told_taps(reading, reading.value("encoder.depth")))
    readout = reading.note("reassemble.readout", "ignore", Source.SHAPE, "there is no projection for it")
    channels = reading.value("image.channels")
    image = ImageConfig(channels, 1008, True, "no larger", encoder.patch_size, IMAGENET_MEAN, IMAGENET_STD, resize="area or cubic")
    reading.note("image.multiple", image.multiple, Source.SHAPE, "the patch size")
    output = OutputConfig(kind="metric depth", activation="sigmoid of the prompt's range")
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=reading.compose(ReassembleConfig, "reassemble", readout=readout),
        fusion=compose_fusion(reading, "to next"),
        head=compose_head(reading, "to image"),
        image=reading.rest(
            "image", image, Source.CONVENTION, "how Prompt-Depth-Anything's code reads pictures: no side above 1008, cut to whole patches"
        ),
        output=reading.rest("output", output, Source.CONVENTION, "Prompt-Depth-Anything predicts metres between those of its prompt"),
    )


def _told_taps(reading: Reading, depth: int) -> tuple[int, ...]:
    if (told := reading.told("taps", TAPS)) is not None:
        check_taps(told.value, 4, depth)
        taps: tuple[int, ...] = told.value
        return reading.heard(told, "encoder.taps", taps)
    if depth not in EVEN_TAPS:
        raise Refusal(
            f"{reading.file} has {depth} transformer blocks; Prompt-Depth-Anything knows 12, 24 and 40, and no tensor tells which blocks "
            "another depth taps: pass --set taps=A,B,C,D."
        )
    return reading.convention("encoder.taps", EVEN_TAPS[depth], f"Prompt-Depth-Anything taps these of {depth} blocks")


def _published(letter: str, million_parameters: int, ending: str = "") -> Published:
    name = f"prompt-depth-anything-vit{letter}{ending}"
    file = "model.safetensors" if ending.endswith("-hf") else "model.ckpt"
    return Published(
        name, million_parameters, "apache-2.0", "metres, of a picture and a prompt", repository=f"depth-anything/{name}", file=file
    )


PAPER = """@inproceedings{lin2025prompting,
  title = {Prompting Depth Anything for 4K Resolution Accurate Metric Depth Estimation},
  author = {Lin, Haotong and Peng, Sida and Chen, Jingxiao and Peng, Songyou and Sun, Jiaming and Liu, Minghuan and Bao, Hujun and
    Feng, Jiashi and Zhou, Xiaowei and Kang, Bingyi},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2025}
}"""

PROMPT_DEPTH_ANYTHING = Family(
    name="prompt_depth_anything",
    title="Prompt-Depth-Anything",
    citations=(PAPER, papers.DPT),
    encoder=DINOv2Config,
    layouts={"original": ORIGINAL},
    configure=_configure,
    file_names=re.compile(r"prompt[_-]?d(epth[_-]anything|a)", re.IGNORECASE),
    glance=Glance(
        "blocks 2, 5, 8, 11 of 12; 4, 11, 17, 23 of 24",
        "tokens, class token passed over",
        "to the next map's size, with the prompt; to the image's size",
        "1008 at most, never enlarged, multiples of 14; and a map of measured depth",
    ),
    released=(
        Released("prompt-depth-anything-vits", {"encoder.width": 384, "encoder.depth": 12}),
        Released("prompt-depth-anything-vitl", {"encoder.width": 1024, "encoder.depth": 24}),
    ),
    published=tuple(
        _published(letter, million_parameters, kind + layout)
        for letter, million_parameters, kind in (("l", 340, ""), ("s", 25, ""), ("s", 25, "-transparent"))
        for layout in ("", "-hf")
    ),
    settings={"taps": TAPS, "heads": HEADS},
    transformers=TRANSFORMERS,
)
