"""MASt3R: DUSt3R that also describes every pixel, so that it can be found in the other view."""

from __future__ import annotations

import re
from dataclasses import replace

from model_defs.config import CroCoConfig, DPTConfig, MatchingHeadConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.dust3r import PAPER as DUST3R_PAPER
from muggle_convert.families.shared import croco, papers
from muggle_convert.families.shared.decoder import depth_head
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import METRIC_FILE, Reading
from muggle_convert.families.shared.settings import Setting, yes_or_no
from muggle_convert.families.shared.training_call import told_by_training
from muggle_convert.rules import RuleSet, linear, under

KIND = "points and descriptors"
OUTPUTS = "(head.descriptors + 1) * patch_size * patch_size"  # of the MLP: for each pixel of a patch a description, and its trust

ORIGINAL = RuleSet(
    *croco.TWO_VIEWS,
    under(
        "downstream_head{v:1|2}.dpt.",
        croco.REASSEMBLED,
        depth_head("head.0", "head.2", "head.4", kind=KIND),
        canonical="views.{v:first|second}.",
    ),
    under(
        "downstream_head{v:1|2}.head_local_features.",
        linear("fc1", "descriptors.fc1", "head.descriptor_mlp_width", "width + decoder_width"),
        linear("fc2", "descriptors.fc2", OUTPUTS, "head.descriptor_mlp_width"),
        canonical="views.{v:first|second}.",
    ),
)


def _configure(reading: Reading) -> DPTConfig:
    told = told_by_training(reading)
    pixels, last = reading.value("encoder.patch_size") ** 2, "views.first.descriptors.fc2.weight"
    numbers = reading.measure("head.descriptors", last, lambda shape: shape[0] // pixels - 1)
    for key, known in {"two_confs": True, "desc_conf_mode": ("exp", 0, float("inf")), "output_mode": f"pts3d+desc{numbers}"}.items():
        croco.check_training(reading, told, key, known)
    resize = reading.convention("head.resize", "double", "how this family's code runs")
    head = reading.compose(MatchingHeadConfig, "head", resize=resize, descriptors=numbers)
    if head.channels != 4 or numbers < 1:
        raise Refusal(
            f"{reading.file} predicts {head.channels} channels for a point and {numbers} for a description; MASt3R predicts three for a point and "
            "one for how far to trust it, and at least one for a description."
        )
    return croco.compose_two_views(reading, told, head, _kind(reading))


def _kind(reading: Reading) -> str:
    """Points are in metres where somebody says so; nothing is said of a unit where nobody does."""
    if (stated := reading.told("metric", METRIC)) is not None:
        return reading.heard(stated, "output.kind", "metric points" if stated.value else "points")
    named = reading.named(METRIC_FILE)
    return reading.heard(named, "output.kind", "metric points") if named is not None else "points"


def _apply_metric(config: DPTConfig, metric: bool) -> DPTConfig:
    return replace(config, output=replace(config.output, kind="metric points" if metric else "points"))


METRIC = Setting("whether the points are in metres", yes_or_no, _apply_metric)

PAPER = """@inproceedings{leroy2024mast3r,
  title = {Grounding Image Matching in 3D with MASt3R},
  author = {Leroy, Vincent and Cabon, Yohann and Revaud, Jerome},
  booktitle = {European Conference on Computer Vision (ECCV)},
  year = {2024}
}"""

NAME = "MASt3R_ViTLarge_BaseDecoder_512_catmlpdpt_metric"

MAST3R = Family(
    name="mast3r",
    title="MASt3R, points in space and descriptions of every pixel from two views",
    citations=(PAPER, DUST3R_PAPER, papers.DPT),
    encoder=CroCoConfig,
    layouts={"original": ORIGINAL},
    configure=_configure,
    file_names=re.compile(r"mast3r", re.IGNORECASE),
    glance=Glance(
        "as DUSt3R",
        "tokens, there is no class token",
        "cropped to the next map; doubling, one head for each view; an MLP for descriptions",
        "512, two pictures",
    ),
    released=(Released(NAME, {**croco.FULL, "output.kind": "metric points"}),),
    published=(
        Published(
            NAME,
            689,
            "cc-by-nc-sa-4.0",
            "points of two views in metres, and descriptions to match by; see the notice on its training sets",
            url=f"https://download.europe.naverlabs.com/ComputerVision/MASt3R/{NAME}.pth",
        ),
    ),
    settings={**croco.SETTINGS, "metric": METRIC},
)
