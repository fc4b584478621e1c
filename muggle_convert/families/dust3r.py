"""DUSt3R: two photographs in, a point in space for each of their pixels out; DPT's decoder on CroCo's two-view transformer."""

from __future__ import annotations

import re

from model_defs.config import CroCoConfig, DPTConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.shared import croco, papers
from muggle_convert.families.shared.decoder import compose_head, depth_head
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.training_call import told_by_training
from muggle_convert.rules import RuleSet, rename, under

ORIGINAL = RuleSet(
    *croco.TWO_VIEWS,
    under(
        "downstream_head{v:1|2}.dpt.",
        croco.REASSEMBLED,
        depth_head("head.0", "head.2", "head.4"),
        canonical="views.{v:first|second}.",
    ),
    rename("downstream_head{v+1}.proj.{p:parameter}", "views.{v:first|second}.linear.{p:parameter}"),  # to be refused by name
)


def _configure(reading: Reading) -> DPTConfig:
    if reading.has("views.first.linear.weight"):
        raise Refusal(
            f"{reading.file} is a DUSt3R with the linear head ({reading.describe('views.first.linear.weight')}); this version knows the one with "
            "DPT heads: convert DUSt3R_ViTLarge_BaseDecoder_512_dpt."
        )
    head = compose_head(reading, "double")
    if head.channels != 4:
        raise Refusal(
            f"{reading.file} predicts {head.channels} channels; DUSt3R predicts three for a point and one for how far to trust it."
        )
    return croco.compose_two_views(reading, told_by_training(reading), head)


PAPER = """@inproceedings{wang2024dust3r,
  title = {DUSt3R: Geometric 3D Vision Made Easy},
  author = {Wang, Shuzhe and Leroy, Vincent and Cabon, Yohann and Chidlovskii, Boris and Revaud, Jerome},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2024}
}"""

DUST3R = Family(
    name="dust3r",
    title="DUSt3R, points in space from two views",
    citations=(PAPER, papers.DPT),
    encoder=CroCoConfig,
    layouts={"original": ORIGINAL},
    configure=_configure,
    file_names=re.compile(r"dust3r", re.IGNORECASE),
    glance=Glance(
        "the encoder's output; blocks 6, 9, 12 of the decoder's 12",
        "tokens, there is no class token",
        "cropped to the next map; doubling, one head for each view",
        "512, two pictures",
    ),
    released=(Released("DUSt3R_ViTLarge_BaseDecoder_512_dpt", croco.FULL),),
    published=(
        Published(
            "DUSt3R_ViTLarge_BaseDecoder_512_dpt",
            569,
            "cc-by-nc-sa-4.0",
            "points of two views",
            url="https://download.europe.naverlabs.com/ComputerVision/DUSt3R/DUSt3R_ViTLarge_BaseDecoder_512_dpt.pth",
        ),
    ),
    settings=croco.SETTINGS,
)
