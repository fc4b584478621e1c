"""What the families share whose encoder is a plain transformer under timm's names: its rules, its tensors, its configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from model_defs.config import SCALES, BEiTConfig, DPTConfig, HybridConfig, ReassembleConfig, ViTConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.ends import read_head, read_image, read_output
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Reading, Setting
from muggle_convert.families.parts import CLASSIFIER, Inventory, linear, norm, read_fusion, read_readout, read_reassembled_features
from muggle_convert.families.settings import HEADS, READOUT
from muggle_convert.rules import Drop, Rule, rename, split, unused

_BLOCK, _BLOCK_HERE = "pretrained.model.blocks.{n}", "imgencoder.blocks.{n}"

BLOCK_RULES: tuple[Rule, ...] = (  # of everything but attention, which differs
    rename("pretrained.model.cls_token", "patch_embed.cls_token"),
    rename("pretrained.model.patch_embed.proj.{p:parameter}", "patch_embed.proj.{p:parameter}"),
    rename(_BLOCK + ".norm{i+1}.{p:parameter}", _BLOCK_HERE + ".norm{i+1}.{p:parameter}"),
    rename(_BLOCK + ".mlp.fc{i+1}.{p:parameter}", _BLOCK_HERE + ".mlp.fc{i+1}.{p:parameter}"),
)

DROPS: tuple[Drop, ...] = (
    unused("pretrained.model.norm.{p:parameter}", "only a classifier has a norm after the last block"),
    unused("pretrained.model.head.{p:parameter}", CLASSIFIER),
)


def encoder_owned(encoder: ViTConfig | HybridConfig) -> Inventory:
    """What a model of timm owns of that: it was trained to tell a thousand classes apart."""
    return {**norm("pretrained.model.norm", encoder.width), **linear("pretrained.model.head", 1000, encoder.width)}


VIT_RULES: tuple[Rule, ...] = (
    *BLOCK_RULES,
    split("pretrained.model.pos_embed", "posenc.cls_embedding", "posenc.base_patch_embedding", axis=1, count=1),
)

ATTENTION_RULES: tuple[Rule, ...] = (rename(_BLOCK + ".attn.{m:qkv|proj}.{p:parameter}", _BLOCK_HERE + ".attn.{m:qkv|proj}.{p:parameter}"),)

REASSEMBLY_RULES: tuple[Rule, ...] = (
    rename("pretrained.act_postprocess{s+1}.0.project.0.{p:parameter}", "reassemble.{s:scale}.readout_proj.{p:parameter}"),
    rename("pretrained.act_postprocess{s+1}.{i+3}.{p:parameter}", "reassemble.{s:scale}.resample.{i}.{p:parameter}"),
)


def block_inventory(block: str, width: int, mlp_width: int, attention: Inventory) -> Inventory:
    """The tensors of one block of some attention and an MLP, the same in every plain transformer."""
    return {
        **norm(f"{block}.norm1", width),
        **attention,
        **norm(f"{block}.norm2", width),
        **linear(f"{block}.mlp.fc1", mlp_width, width),
        **linear(f"{block}.mlp.fc2", width, mlp_width),
    }


def position_inventory(width: int, grid: tuple[int, int]) -> Inventory:
    return {"posenc.cls_embedding": (1, 1, width), "posenc.base_patch_embedding": (1, math.prod(grid), width)}


def read_blocks(reading: Reading, findings: Findings) -> dict[str, Any]:
    """Width, depth and MLP width of the stack of blocks, as its configuration names them."""
    depth = reading.count("imgencoder.blocks.{n}.norm1.weight")
    return {
        "width": reading.measure(findings, "encoder.width", "patch_embed.cls_token", lambda shape: shape[-1]),
        "depth": findings.note("encoder.depth", depth, Source.SHAPE, f"{depth} blocks, numbered from 0 to {depth - 1}"),
        "mlp_width": reading.measure(findings, "encoder.mlp_width", "imgencoder.blocks.0.mlp.fc1.weight", lambda shape: shape[0]),
    }


def read_taps(reading: Reading, findings: Findings, depth: int, setting: Setting, known: Mapping[int, tuple[int, ...]]) -> tuple[int, ...]:
    """The blocks that released models of this depth tap; for another depth somebody has to say."""
    if (told := reading.clue("taps")) is not None:
        taps: tuple[int, ...] = setting.parse(told.value)
        return told.noted(findings, "encoder.taps", taps)
    if depth not in known:
        released = " and ".join(map(str, known))
        raise Refusal(
            f"{reading.file} has {depth} transformer blocks; {reading.family} was released with {released}, and no tensor tells which "
            f"blocks another depth taps ({setting.meaning}): pass --set taps=NUMBERS."
        )
    return findings.convention("encoder.taps", known[depth], f"models of this family with {depth} blocks tap these")


def read_heads(reading: Reading, findings: Findings, width: int) -> int:
    if (told := reading.clue("heads")) is not None:
        heads: int = HEADS.parse(told.value)
        return told.noted(findings, "encoder.heads", heads)
    if width % 64:
        raise Refusal(
            f"{reading.file} has {width} features; {reading.family} has 64 for each attention head, which does not divide them: "
            "pass --set heads=NUMBER."
        )
    return findings.convention("encoder.heads", width // 64, "64 features for each head")


def read_square_grid(reading: Reading, findings: Findings) -> tuple[int, int]:
    patches = reading.shape("posenc.base_patch_embedding")[1]
    side = math.isqrt(patches)
    if side * side != patches:
        raise Refusal(
            f"{reading.file} has positions for {patches} patches; {reading.family} has a square grid of them, such as 576 = 24 x 24."
        )
    return findings.note("encoder.grid", (side, side), Source.SHAPE, reading.describe("posenc.base_patch_embedding"))


def read_token_network(reading: Reading, findings: Findings, encoder: ViTConfig | BEiTConfig, size: int, why: str) -> DPTConfig:
    """The decoder and both ends, where every scale is made from tokens; `why` is how the size of pictures in training is known."""
    head = read_head(reading, findings)
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=read_reassembly(reading, findings),
        fusion=read_fusion(reading, findings, "to next"),
        head=head,
        image=read_image(reading, findings, head, "patch_embed.proj.weight", size, why),
        output=read_output(reading, findings, head),
    )


def size_by_positions(grid: tuple[int, int], patch_size: int) -> tuple[int, str]:
    """The side of the pictures in training, whose patches have a stored position each, and how it is known."""
    return grid[0] * patch_size, f"{grid[0]} patches of {patch_size} pixels, the grid of the stored positions"


def read_reassembly(reading: Reading, findings: Findings, scales: Sequence[str] = SCALES) -> ReassembleConfig:
    """The readout is asked for where there is no projection: ignoring and adding the class token look the same in a file."""
    features = read_reassembled_features(reading, findings, scales)
    readout: Any = read_readout(reading, findings)
    if readout != "project":
        if (told := reading.clue("readout")) is None:
            raise Refusal(
                f"{reading.file} has no readout projection, and no tensor tells whether the class token is ignored or added: "
                "pass --set readout=ignore or --set readout=add."
            )
        readout = told.noted(findings, "reassemble.readout", READOUT.parse(told.value))
    return ReassembleConfig(features, readout)
