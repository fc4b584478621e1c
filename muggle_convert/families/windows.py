"""What the files of Swin and Swin V2 share: stages of blocks on windows, and stored buffers that tell how large windows and grids are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from model_defs.config import DPTConfig, ImageConfig, ReassembleConfig, Swin2Config, SwinConfig
from muggle_convert.checkpoints import TensorEntry, printable
from muggle_convert.errors import Contradiction, Refusal
from muggle_convert.families.ends import DEPTH_HEAD_RULES, read_output
from muggle_convert.families.evidence import Evidence, Findings, Source
from muggle_convert.families.family import Reading, Setting
from muggle_convert.families.parts import (
    Inventory,
    convolution,
    depth_head_inventory,
    fusion_drops,
    fusion_inventory,
    fusion_owned,
    fusion_rules,
    linear,
    map_reassembly_of,
    norm,
    read_depth_head,
    read_fusion,
)
from muggle_convert.families.settings import whole_number
from muggle_convert.families.window_buffers import derive_index, derive_mask, masked, windows_of
from muggle_convert.rules import Drop, Rule, RuleSet, derivable, rename, unused

BLOCK, CONVERTED_BLOCK = "pretrained.model.layers.{s}.blocks.{n}", "imgencoder.stages.{s}.blocks.{n}"
MASK = BLOCK + ".attn_mask"
INDEX = BLOCK + ".attn.relative_position_index"
STAGES = 4
CLASSIFIER = "the classifier of the encoder's own training"
SIZED_FILE = re.compile(r"swin(_?v?2)?[_-](tiny|small|base|large)[_-](?P<size>\d{3})(?!\d)", re.IGNORECASE)


def layouts(attention: Sequence[Rule], buffers: Sequence[Drop] = (), saved: Callable[[Any], Inventory] = masked) -> dict[str, RuleSet]:
    """What is between two stages counts with the one before, or with the one after as in timm since 0.9, which saves no buffers."""
    return {
        "original": _layout("imgencoder.stages.{s+1}.downsample.", attention, buffers, "head", saved),
        "timm 0.9": _layout("imgencoder.stages.{s}.downsample.", attention, buffers, "head.fc", lambda encoder: {}),
    }


def _layout(
    downsample: str, attention: Sequence[Rule], buffers: Sequence[Drop], classifier: str, saved: Callable[[Any], Inventory]
) -> RuleSet:
    def owned(config: DPTConfig) -> Inventory:
        """What a model of that timm owns beside what its network reads."""
        encoder: Any = config.encoder
        last = encoder.width << (STAGES - 1)
        unread = norm("pretrained.model.norm", last) | linear(f"pretrained.model.{classifier}", 1000, last)
        return {**saved(encoder), **unread, **fusion_owned(config)}

    return RuleSet(
        rules=(
            rename("pretrained.model.patch_embed.{m:proj|norm}.{p:parameter}", "patch_embed.{m:proj|norm}.{p:parameter}"),
            rename(BLOCK + ".norm{i+1}.{p:parameter}", CONVERTED_BLOCK + ".norm{i+1}.{p:parameter}"),
            rename(BLOCK + ".mlp.fc{i+1}.{p:parameter}", CONVERTED_BLOCK + ".mlp.fc{i+1}.{p:parameter}"),
            rename(BLOCK + ".attn.proj.{p:parameter}", CONVERTED_BLOCK + ".attn.proj.{p:parameter}"),
            *attention,
            rename("pretrained.model.layers.{s}.downsample.norm.{p:parameter}", downsample + "norm.{p:parameter}"),
            rename("pretrained.model.layers.{s}.downsample.reduction.weight", downsample + "reduction.weight"),
            *fusion_rules(),
            *DEPTH_HEAD_RULES,
        ),
        drops=(
            unused("pretrained.model.norm.{p:parameter}", "only a classifier has a norm after the last stage"),
            unused("pretrained.model.head.{p:parameter}", CLASSIFIER),
            unused("pretrained.model.head.fc.{p:parameter}", CLASSIFIER),
            derivable(MASK, "follows from the grid and the windows", derive_mask),
            derivable(INDEX, "follows from the windows", derive_index),
            *buffers,
            *fusion_drops(),
        ),
        owned=owned,
    )


def read_stages(reading: Reading, findings: Findings) -> dict[str, Any]:
    """What the shapes tell of the stages of either."""
    stages = reading.count("imgencoder.stages.{n}.blocks.0.norm1.weight")
    if stages != STAGES:
        raise Contradiction(
            f"{reading.file} looks like {reading.family} but has {stages} stages, where the decoder takes the maps of four."
        )
    depths = tuple(reading.count(f"imgencoder.stages.{stage}.blocks.{{n}}.norm1.weight") for stage in range(STAGES))
    mlps = [f"imgencoder.stages.{stage}.blocks.0.mlp.fc1.weight" for stage in range(STAGES)]
    return {
        "width": reading.measure(findings, "encoder.width", "patch_embed.proj.weight", lambda shape: shape[0]),
        "depths": findings.note("encoder.depths", depths, Source.SHAPE, "the numbers of the blocks of its four stages"),
        "mlp_widths": reading.measure_all(findings, "encoder.mlp_widths", mlps, lambda shape: shape[0]),
        "patch_size": reading.measure(findings, "encoder.patch_size", "patch_embed.proj.weight", lambda shape: max(1, shape[3])),
    }


def read_network(reading: Reading, findings: Findings, encoder: SwinConfig | Swin2Config) -> DPTConfig:
    """The decoder and both ends; how the size of the pictures is known, `read_grid` has noted."""
    head = read_depth_head(reading, findings, "double")
    channels = reading.measure(findings, "image.channels", "patch_embed.proj.weight", lambda shape: shape[1])
    squares = ImageConfig(channels, encoder.grid[0] * encoder.patch_size, False, "closest", 32, (0.5,) * channels, (0.5,) * channels)
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=findings.rest("reassemble", ReassembleConfig((), "ignore"), Source.CONVENTION, "the stages hand over maps"),
        fusion=read_fusion(reading, findings, "to next"),
        head=head,
        image=findings.rest("image", squares, Source.CONVENTION, "how MiDaS was trained: squares, mean and deviation one half"),
        output=read_output(reading, findings, head),
    )


def stored_by_stage(reading: Reading, template: str) -> dict[int, TensorEntry]:
    """The first stored buffer of a kind in each stage that has one."""
    found: dict[int, TensorEntry] = {}
    for name, (drop, fields) in reading.dropped.items():
        if drop.template.text == template and fields["s"] < STAGES:
            found.setdefault(fields["s"], reading.checkpoint.tensors[name])
    return found


def describe_stored(entries: Mapping[int, TensorEntry]) -> str:
    return "; ".join(f"{printable(entry.name)} is {list(entry.shape)}" for entry in entries.values())


def side_of(reading: Reading, entry: TensorEntry, axis: int) -> int:
    """The side of the square whose places an axis of a buffer counts."""
    count = entry.shape[axis] if len(entry.shape) > axis else 0
    side = math.isqrt(count)
    if not count or side * side != count:
        shape = list(entry.shape)
        raise Contradiction(
            f"{reading.file} stores {printable(entry.name)} of shape {shape}, which belongs to no square of windows or patches."
        )
    return side


def read_grid(
    reading: Reading, findings: Findings, windows: Sequence[int], held: Sequence[int], patch_size: int, usual: int
) -> tuple[int, int]:
    """Rows and columns of patches in training, from the most telling thing there is.

    `windows` are the largest that each stage cuts its grid into. `held` are those that the file has something for: where a
    stage has less than others, one window was its whole grid.
    """
    side, evidence = _side(reading, windows, held, patch_size, usual)
    if not fits(side, windows):
        raise Contradiction(
            f"{reading.file} has windows of {list(windows)}, which do not fit a grid of {side} x {side} patches ({evidence})."
        )
    findings.evidence["image.size"] = evidence
    return findings.note("encoder.grid", (side, side), evidence.source, evidence.detail)


def _side(reading: Reading, windows: Sequence[int], held: Sequence[int], patch_size: int, usual: int) -> tuple[int, Evidence]:
    masks = stored_by_stage(reading, MASK)
    whole = [stage for stage, window in enumerate(held) if window < max(held)]
    name = SIZED_FILE.search(reading.checkpoint.path.name)
    if (told := reading.told("size", SIZE)) is not None:
        return int(told[0]) // patch_size, told[1]
    if masks:
        sides = {side_of(reading, entry, 0) * side_of(reading, entry, 1) << stage for stage, entry in masks.items()}
        if len(sides) > 1:
            raise Contradiction(f"{reading.file} stores masks of different grids: {describe_stored(masks)}.")
        return sides.pop(), Evidence(Source.BUFFER, describe_stored(masks))
    if whole:
        why = f"stage {whole[0]} has windows of {held[whole[0]]} where others have {max(held)}, so one is its whole grid"
        return held[whole[0]] << whole[0], Evidence(Source.SHAPE, why)
    if name is not None and fits(int(name["size"]) // patch_size, windows):
        return int(name["size"]) // patch_size, Evidence(Source.FILE_NAME, reading.file)
    return usual, Evidence(Source.ASSUMED, f"usual for windows of {max(windows)}; --set size=PIXELS would tell")


def fits(side: int, windows: Sequence[int]) -> bool:
    """Whether every stage can cut its grid into its windows."""
    grids = [side >> stage for stage in range(len(windows))]
    if side <= 0 or side % (1 << (len(windows) - 1)) or not all(windows):
        return False
    return all(grid <= window or grid % window == 0 for grid, window in zip(grids, windows, strict=True))


def network_inventory(config: DPTConfig, attention: Inventory) -> Inventory:
    """Everything, given what only one of the two has in its blocks."""
    encoder = config.encoder
    assert isinstance(encoder, (SwinConfig, Swin2Config))
    tensors = convolution("patch_embed.proj", encoder.width, config.image.channels, encoder.patch_size) | norm(
        "patch_embed.norm", encoder.width
    )
    for stage, (depth, mlp_width) in enumerate(zip(encoder.depths, encoder.mlp_widths, strict=True)):
        width = encoder.width << stage
        for number in range(depth):
            block = f"imgencoder.stages.{stage}.blocks.{number}"
            tensors |= norm(f"{block}.norm1", width) | norm(f"{block}.norm2", width)
            tensors |= linear(f"{block}.attn.qkv", 3 * width, width) | linear(f"{block}.attn.proj", width, width)
            tensors |= linear(f"{block}.mlp.fc1", mlp_width, width) | linear(f"{block}.mlp.fc2", width, mlp_width)
        if stage:
            tensors[f"imgencoder.stages.{stage}.downsample.reduction.weight"] = (width, 2 * width)
    return {
        **tensors,
        **attention,
        **map_reassembly_of(config, [encoder.width << stage for stage in range(STAGES)]),
        **fusion_inventory(config.fusion),
        **depth_head_inventory(config.head, config.fusion.widths[0]),
    }


def _apply_size(config: DPTConfig, size: int) -> DPTConfig:
    encoder: Any = config.encoder
    side, left_over = divmod(size, encoder.patch_size)
    if left_over or not fits(side, windows_of(encoder)):
        windows = ", ".join(map(str, windows_of(encoder)))
        raise Refusal(
            f"size {size} does not fit: windows of {windows} patches of {encoder.patch_size} pixels do not cover it in every stage."
        )
    return replace(config, encoder=replace(encoder, grid=(side, side)), image=replace(config.image, size=size))


SIZE = Setting("pixels along each side of the pictures in training, such as 384", whole_number, _apply_size)
