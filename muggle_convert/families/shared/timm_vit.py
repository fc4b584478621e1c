"""The families whose encoder is a plain transformer under timm's names: its table, and what no tensor of it tells."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from model_defs.config import BEiTConfig, DPTConfig, ReassembleConfig, ViTConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.decoder import CLASSIFIER, compose_fusion, compose_head, enlarged, told_readout
from muggle_convert.families.shared.midas import told_image, told_output
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import READOUT, Setting
from muggle_convert.rules import Row, Rule, Through, convolution, each, given, linear, norm, split, tensor, unread

BLOCK, HERE = "pretrained.model.blocks.{n}", "imgencoder.blocks.{n}"


def square_side(patches: int) -> tuple[int, int] | None:
    side = math.isqrt(patches)
    return (side, side) if side * side == patches else None


GRID = Through("grid", math.prod, square_side, "a square grid of positions, such as 576 = 24 x 24,")
CLASS_TOKEN = tensor("pretrained.model.cls_token", "patch_embed.cls_token", 1, 1, "width")


def positions(original: str) -> Rule:
    """One embedding of all positions, of which only the patches' part follows the size of the image."""
    sizes = (1, 1, "width"), (1, GRID, "width")
    return split(original, "posenc.cls_embedding", "posenc.base_patch_embedding", axis=1, count=1, sizes=sizes)


def patches(inputs: str, kernel: str | int) -> tuple[Row, ...]:
    return convolution("pretrained.model.patch_embed.proj", "patch_embed.proj", "width", inputs, kernel)


def blocks(*own: Any) -> Row:
    """The stack of blocks: what all have, and the attention that differs."""
    return each(
        "n",
        "depth",
        norm(BLOCK + ".norm{i:1|2}", HERE + ".norm{i:1|2}", "width"),
        own,
        linear(BLOCK + ".mlp.fc1", HERE + ".mlp.fc1", "mlp_width", "width"),
        linear(BLOCK + ".mlp.fc2", HERE + ".mlp.fc2", "width", "mlp_width"),
    )


LAST_NORM = norm("pretrained.model.norm", unread("only a classifier has a norm after the last block"), "width")
HEAD = linear("pretrained.model.head", unread(CLASSIFIER), 1000, "width")  # of ImageNet's thousand classes

REASSEMBLY: tuple[Row, ...] = (
    each(
        "s",
        4,
        given(
            "reassemble.readout",
            "project",
            linear("pretrained.act_postprocess{s+1}.0.project.0", "reassemble.{s:scale}.readout_proj", "width", "2*width"),
        ),
        convolution("pretrained.act_postprocess{s+1}.3", "reassemble.{s:scale}.resample.0", "reassemble.features[s]", "width", 1),
    ),
    *enlarged("pretrained.act_postprocess{s+1}.4"),
)


def told_taps(reading: Reading, depth: int, setting: Setting, known: Mapping[int, tuple[int, ...]]) -> tuple[int, ...]:
    """The blocks that released models of this depth tap; for another depth somebody has to say."""
    if (told := reading.clue("taps")) is not None:
        taps: tuple[int, ...] = setting.parse(told.value)
        return reading.heard(told, "encoder.taps", taps)
    if depth not in known:
        released = " and ".join(map(str, known))
        raise Refusal(
            f"{reading.file} has {depth} transformer blocks; {reading.family} was released with {released}, and no tensor tells which "
            f"blocks another depth taps ({setting.meaning}): pass --set taps=NUMBERS."
        )
    return reading.convention("encoder.taps", known[depth], f"models of this family with {depth} blocks tap these")


def compose_network(reading: Reading, encoder: ViTConfig | BEiTConfig, why: str) -> DPTConfig:
    """The decoder and both ends, where every scale is made from tokens; `why` is how the size of pictures in training is known."""
    head = compose_head(reading, "double")
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=told_reassembly(reading),
        fusion=compose_fusion(reading, "to next"),
        head=head,
        image=told_image(reading, head, encoder.grid[0] * encoder.patch_size, why),
        output=told_output(reading, head),
    )


def by_positions(grid: tuple[int, int], patch_size: int) -> str:
    """How the side of the pictures in training is known, whose patches have a stored position each."""
    return f"{grid[0]} patches of {patch_size} pixels, the grid of the stored positions"


def told_reassembly(reading: Reading) -> ReassembleConfig:
    """The readout is asked for where there is no projection: ignoring and adding the class token look the same in a file."""
    readout: Any = told_readout(reading)
    if readout != "project":
        if (told := reading.clue("readout")) is None:
            raise Refusal(
                f"{reading.file} has no readout projection, and no tensor tells whether the class token is ignored or added: "
                "pass --set readout=ignore or --set readout=add."
            )
        readout = reading.heard(told, "reassemble.readout", READOUT.parse(told.value))
    return reading.compose(ReassembleConfig, "reassemble", readout=readout)
