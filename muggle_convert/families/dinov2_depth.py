"""DINOv2's own heads for depth, each released without the backbone it was trained on: two files make one model."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from model_defs.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    DINOv2Config,
    DPTConfig,
    FusionConfig,
    HeadConfig,
    ImageConfig,
    LinearDepthHeadConfig,
    OutputConfig,
    ReassembleConfig,
)
from muggle_convert.errors import Refusal
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import compose_fusion, compose_head, depth_head, enlarged
from muggle_convert.families.shared.dinov2 import EVEN_TAPS, compose_dinov2, dinov2
from muggle_convert.families.shared.evidence import Contradiction, Source
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import HEADS, Blocks, Setting, check_taps, on_encoder, positive_number, whole_numbers
from muggle_convert.families.shared.transformers.dinov2_depth import TRANSFORMERS
from muggle_convert.rules import Packing, RuleSet, convolution, each, given, linear, rename, under, unread
from muggle_convert.rules.sizes import Fields

_BACKBONE = dinov2(unread("heads see tokens as the blocks leave them"))
_REGISTERS = "patch_embed.register_tokens"  # to be refused by name
_JOINED, _REFINED = "fusion.blocks.{n}.conv_reassembly.resconv_seq.{i:1|3}", "fusion.blocks.{n}.scale_proj_seq.0.resconv_seq.{i:1|3}"
_WIDTH = "fusion.widths[n]"


def _seen(encoder: DINOv2Config, fields: Fields) -> int:
    """What a linear head multiplies: every tap, and the class token beside it."""
    return 2 * encoder.width * len(encoder.taps)


_HEAD = given(
    "head.kind",
    "bounded depth",
    under(
        "decode_head.",
        each(
            "s",
            4,
            given(
                "reassemble.readout",
                "project",
                linear("reassemble_blocks.readout_projects.{s}.0", "reassemble.{s:scale}.readout_proj", "width", "2*width"),
            ),
            convolution("reassemble_blocks.projects.{s}.conv", "reassemble.{s:scale}.resample.0", "reassemble.features[s]", "width", 1),
            convolution("convs.{s}.conv", "reassemble.{s:scale}.fuse_proj", "fusion.widths[s]", "reassemble.features[s]", 3, bias=False),
        ),
        enlarged("reassemble_blocks.resize_layers.{s}"),
        # The coarsest block comes first here and last in the network, and its first unit is left out.
        each("n", 3, convolution("fusion_blocks.{3-n}.res_conv_unit1.conv{i:1|2}.conv", _JOINED, _WIDTH, _WIDTH, 3, bias=False)),
        each("n", 4, convolution("fusion_blocks.{3-n}.res_conv_unit2.conv{i:1|2}.conv", _REFINED, _WIDTH, _WIDTH, 3, bias=False)),
        each(
            "n",
            4,
            convolution(
                "fusion_blocks.{3-n}.project.conv", "fusion.blocks.{n}.scale_proj_seq.2", "fusion.widths[max(n - 1, 0)]", _WIDTH, 1
            ),
        ),
        convolution("project.conv", "refine.0", "fusion.widths[0]", "fusion.widths[0]", 3),
        depth_head("conv_depth.head.0", "conv_depth.head.2", "conv_depth.head.4", kind="bounded depth"),
    ),
)
_LINEAR_HEAD = given("head.kind", "linear depth", convolution("decode_head.conv_depth", "head.scores", "head.channels", _seen, 1))
_PACKING = Packing(wrap="state_dict", backbone="backbone.")


def _under_backbone(*head: Any) -> RuleSet:
    return RuleSet(under("backbone.", _BACKBONE), rename("backbone.register_tokens", _REGISTERS), head, packing=_PACKING)


LAYOUTS = {
    "original": _under_backbone(_HEAD),
    "linear": _under_backbone(_LINEAR_HEAD),
    "backbone": RuleSet(_BACKBONE, rename("register_tokens", _REGISTERS)),  # alone, to be refused by name
}

LETTERS = {384: "s", 768: "b", 1024: "l", 1536: "g"}  # by width
DATA = re.compile(r"(?<![a-z])(?P<data>nyu|kitti)", re.IGNORECASE)
LINEAR = re.compile(r"vit(?P<letter>[sblg])14.*linear(?P<taps>4?)_", re.IGNORECASE)
METRES = {"nyu": 10.0, "kitti": 80.0}
NEAREST, LINEAR_FARTHEST = 0.001, 80.0  # metres


def _configure(reading: Reading) -> DPTConfig:
    _refuse_halves(reading)
    depth = reading.value("encoder.depth")
    is_linear = reading.value("head.kind") == "linear depth"
    encoder = compose_dinov2(reading, _taps(reading, depth, is_linear))
    head = _linear_head(reading) if is_linear else compose_head(reading, "double")
    image = ImageConfig(reading.value("image.channels"), 1216, True, "no larger", 1, IMAGENET_MEAN, IMAGENET_STD)
    why = "DINOv2's heads take pictures as they are, in whole patches with zeros around them; here no side is above 1216, the longest in training"
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=_reassemble(reading, is_linear),
        fusion=_fusion(reading, is_linear),
        head=head,
        image=reading.rest("image", image, Source.CONVENTION, why),
        output=_output(reading, head),
    )


def _refuse_halves(reading: Reading) -> None:
    if reading.has(_REGISTERS):
        raise Refusal(f"{reading.file} has a backbone with registers, on which no head for depth was released; give the one without.")
    if not reading.has("patch_embed.proj.weight"):
        raise Refusal(
            f"{reading.file} is a head without its backbone, {_wanted_backbone(reading)}: pass that file with --backbone FILE (backbone= in Python)."
        )
    if "head.kind" not in reading.measured.values:
        width, depth = reading.value("encoder.width"), reading.value("encoder.depth")
        name = f"dinov2_vit{LETTERS.get(width, '…')}14_nyu_dpt_head.pth"
        raise Refusal(
            f"{reading.file} is a backbone without a head, a DINOv2 of width {width} with {depth} blocks, which predicts no depth by itself: give the "
            f"head, such as {name}, and this file with --backbone FILE (backbone= in Python)."
        )


def _wanted_backbone(reading: Reading) -> str:
    """What a head alone tells of it."""
    if "encoder.width" in reading.measured.values:
        return _described(reading.value("encoder.width"))
    seen = reading.shape("head.scores.weight")[1]
    if (named := reading.named(LINEAR)) is not None:
        return _described(seen // (8 if named.value["taps"] else 2))
    fitting = [seen // (2 * taps) for taps in (1, 4) if seen // (2 * taps) in LETTERS]
    return " or ".join(map(_described, fitting)) or f"a DINOv2 of width {seen // 2} or {seen // 8}"


def _described(width: int) -> str:
    name = f" (dinov2_vit{LETTERS[width]}14_pretrain.pth)" if width in LETTERS else ""
    return f"the DINOv2 of width {width}{name}"


def _taps(reading: Reading, depth: int, is_linear: bool) -> tuple[int, ...]:
    count = 4
    if is_linear:
        width, seen = reading.value("encoder.width"), reading.shape("head.scores.weight")[1]
        count, left_over = divmod(seen, 2 * width)
        if left_over or count not in (1, 4):
            raise Contradiction(
                f"{reading.looks} but {reading.describe('head.scores.weight')}, where twice the width of one or four taps of its backbone was "
                f"expected, {2 * width} or {8 * width}; the head is for another backbone."
            )
    if (told := reading.told("taps", TAPS)) is not None:
        check_taps(told.value, count, depth)
        taps: tuple[int, ...] = told.value
        return reading.heard(told, "encoder.taps", taps)
    if count == 1:
        return reading.convention("encoder.taps", (depth - 1,), "linear heads for one tap see the last block")
    if depth not in EVEN_TAPS:
        raise Refusal(
            f"{reading.file} has {depth} transformer blocks; DINOv2 was released with 12, 24 and 40, and no tensor tells which blocks another depth "
            "taps: pass --set taps=A,B,C,D."
        )
    return reading.convention("encoder.taps", EVEN_TAPS[depth], f"DINOv2's heads tap these of {depth} blocks")


def _linear_head(reading: Reading) -> HeadConfig:
    enlarging = reading.convention("head.enlarging", 4, "how DINOv2's code runs")
    return reading.compose(LinearDepthHeadConfig, "head", enlarging=enlarging)


def _reassemble(reading: Reading, is_linear: bool) -> ReassembleConfig:
    if is_linear:
        beside = ReassembleConfig((), "beside")
        return reading.rest("reassemble", beside, Source.SHAPE, "the head sees twice the width: the class token beside every patch")
    if "reassemble.readout" not in reading.measured.values:
        raise reading.lacks("reassemble.spatial_upx4.readout_proj.weight")
    return reading.compose(ReassembleConfig, "reassemble")


def _fusion(reading: Reading, is_linear: bool) -> FusionConfig:
    if is_linear:
        return reading.rest("fusion", FusionConfig((), "double", bias=False), Source.SHAPE, "a linear head has nothing to fuse")
    reading.note("fusion.bias", False, Source.SHAPE, "there is no bias in its residual units")
    reading.note("fusion.batch_norm", False, Source.SHAPE, "there is no norm in its residual units")
    return replace(compose_fusion(reading, "double and fit maps"), bias=False)


def _output(reading: Reading, head: HeadConfig) -> OutputConfig:
    activation: Any = "shares of depths" if head.channels > 1 else "relu between limits"
    reading.note("output.activation", activation, Source.SHAPE, f"{head.channels} channels" if head.channels > 1 else "one channel")
    if head.kind == "linear depth" and "max_depth" not in reading.overrides:
        farthest = reading.convention("output.max_depth", LINEAR_FARTHEST, "the original's code has 80 for every linear head, on NYU too")
    else:
        farthest = _farthest(reading)
    output = OutputConfig("metric depth", activation, farthest, min_depth=NEAREST, resize="bilinear")
    return reading.rest("output", output, Source.CONVENTION, "DINOv2's heads predict metres from a millimetre on")


def _farthest(reading: Reading) -> float:
    told = reading.clue("max_depth", DATA)
    if told is None:
        raise Refusal(
            f"{reading.file} predicts metres up to a largest depth that no tensor tells: pass --set max_depth=10 (NYU, rooms) or "
            "--set max_depth=80 (KITTI, streets)."
        )
    metres = METRES[told.value["data"].lower()] if isinstance(told.value, re.Match) else positive_number(told.value)
    return reading.heard(told, "output.max_depth", metres)


def _apply_farthest(config: DPTConfig, metres: float) -> DPTConfig:
    return replace(config, output=replace(config.output, max_depth=metres))


def _apply_taps(encoder: Blocks, taps: tuple[int, ...]) -> Blocks:
    check_taps(taps, len(encoder.taps), encoder.depth)
    return replace(encoder, taps=taps)


FARTHEST = Setting("the largest depth in metres, 10 for NYU or 80 for KITTI", positive_number, _apply_farthest)
TAPS = Setting("the blocks whose outputs are used, such as 2,5,8,11", whole_numbers, on_encoder(_apply_taps))


def _released(width: int, depth: int) -> tuple[Released, ...]:
    size = {"encoder.width": width, "encoder.depth": depth}
    name = f"dinov2_vit{LETTERS[width]}14"
    return (
        Released(f"{name}_nyu_dpt_head", {**size, "head.kind": "bounded depth", "output.max_depth": 10.0}),
        Released(f"{name}_kitti_dpt_head", {**size, "head.kind": "bounded depth", "output.max_depth": 80.0}),
    )


MILLIONS = {"s": 22, "b": 86, "l": 304, "g": 1136}  # of the backbones


def _published(letter: str) -> tuple[Published, ...]:
    """Every head on a backbone of this size, and the backbone itself."""
    model = f"dinov2_vit{letter}14"
    heads = {f"{data}_{head}": f"metres to {metres:g}" for data, metres in METRES.items() for head in ("dpt",)}
    heads |= {f"{data}_{head}": "metres to 80" for data in METRES for head in ("linear", "linear4")}
    rows = {f"{model}_{head}_head": f"{predicts}, on {model}_pretrain" for head, predicts in heads.items()}
    rows[f"{model}_pretrain"] = "nothing alone; a backbone"
    place = "https://dl.fbaipublicfiles.com/dinov2"
    return tuple(
        Published(name, MILLIONS[letter], "apache-2.0", predicts, url=f"{place}/{model}/{name}.pth") for name, predicts in rows.items()
    )


PAPER = """@article{oquab2024dinov2,
  title = {DINOv2: Learning Robust Visual Features without Supervision},
  author = {Oquab, Maxime and Darcet, Timoth{\\'e}e and Moutakanni, Th{\\'e}o and Vo, Huy and Szafraniec, Marc and Khalidov, Vasil and
    Fernandez, Pierre and Haziza, Daniel and Massa, Francisco and El-Nouby, Alaaeldin and others},
  journal = {Transactions on Machine Learning Research},
  year = {2024}
}"""

DINOV2_DEPTH = Family(
    name="dinov2_depth",
    title="DINOv2 with its heads for depth",
    citations=(PAPER, papers.DPT),
    encoder=DINOv2Config,
    layouts=LAYOUTS,
    configure=_configure,
    file_names=re.compile(r"dinov2", re.IGNORECASE),
    glance=Glance(
        "blocks 2, 5, 8, 11 of 12; 4, 11, 17, 23 of 24; 9, 19, 29, 39 of 40; the last",
        "tokens, class token projected; or none",
        "doubling, maps fitted to paths; doubling; or one product, enlarged fourfold",
        "as they are, with zeros around them to multiples of 14",
    ),
    released=tuple(row for width, depth in ((384, 12), (768, 12), (1024, 24), (1536, 40)) for row in _released(width, depth)),
    published=tuple(row for letter in MILLIONS for row in _published(letter)),
    settings={"max_depth": FARTHEST, "taps": TAPS, "heads": HEADS},
    transformers=TRANSFORMERS,
)
