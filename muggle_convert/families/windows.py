"""What the files of Swin and Swin V2 share: stages of blocks on windows, and stored buffers that tell how large windows and grids are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from model_defs.config import DPTConfig, ImageConfig
from model_defs.window_layout import largest_windows, window_layout, windows_fit
from muggle_convert.checkpoints import TensorEntry, as_array, printable
from muggle_convert.errors import Contradiction, Refusal
from muggle_convert.families.ends import DEPTH_HEAD_RULES, read_output
from muggle_convert.families.evidence import Evidence, Findings, Source, Told
from muggle_convert.families.family import Reading, Setting
from muggle_convert.families.parts import (
    CLASSIFIER,
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
    read_map_reassembly,
)
from muggle_convert.families.settings import whole_number
from muggle_convert.families.window_buffers import LARGEST, Windowed, derive_index, derive_mask, mask_of, masked
from muggle_convert.rules import Drop, Rule, RuleSet, derivable, rename, unused

BLOCK, CONVERTED_BLOCK = "pretrained.model.layers.{s}.blocks.{n}", "imgencoder.stages.{s}.blocks.{n}"
MASK = BLOCK + ".attn_mask"
INDEX = BLOCK + ".attn.relative_position_index"
STAGES = 4
SIZED_FILE = re.compile(r"swin(_?v?2)?[_-](tiny|small|base|large)[_-](?P<size>\d{3})(?!\d)", re.IGNORECASE)


def layouts(attention: Sequence[Rule], buffers: Sequence[Drop] = (), saved: Callable[[Windowed], Inventory] = masked) -> dict[str, RuleSet]:
    """What is between two stages counts with the one before, or with the one after as in timm since 0.9, which saves no buffers."""
    return {
        "original": _layout("imgencoder.stages.{s+1}.downsample.", attention, buffers, "head", saved),
        "timm 0.9": _layout("imgencoder.stages.{s}.downsample.", attention, buffers, "head.fc", lambda encoder: {}),
    }


def _layout(
    downsample: str, attention: Sequence[Rule], buffers: Sequence[Drop], classifier: str, saved: Callable[[Windowed], Inventory]
) -> RuleSet:
    def owned(config: DPTConfig, encoder: Windowed) -> Inventory:
        """What a model of that timm owns beside what its network reads."""
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


def read_network(reading: Reading, findings: Findings, encoder: Windowed) -> DPTConfig:
    """The decoder and both ends; how the size of the pictures is known, `read_grid` has noted."""
    head = read_depth_head(reading, findings, "double")
    channels = reading.measure(findings, "image.channels", "patch_embed.proj.weight", lambda shape: shape[1])
    size, across = _pixels(encoder, encoder.grid)
    image = ImageConfig(channels, size, False, "closest", 32, (0.5,) * channels, (0.5,) * channels, across)
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=read_map_reassembly(findings),
        fusion=read_fusion(reading, findings, "to next"),
        head=head,
        image=findings.rest(
            "image", image, Source.CONVENTION, "how MiDaS was trained: all pictures in one shape, mean and deviation one half"
        ),
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


def read_grid(reading: Reading, findings: Findings, encoder: Windowed, held: Sequence[tuple[int, int]], usual: int) -> tuple[int, int]:
    """Rows and columns of patches in training, from the most telling thing there is, for an encoder that lacks them yet.

    `held` are the sides of windows that the file has something for, where it has: a stage with less than others had one for its whole grid.
    """
    told = _grid(reading, encoder, held, usual)
    if not windows_fit(encoder, told.value):
        sides = ", ".join(map(str, largest_windows(encoder)))
        raise Contradiction(
            f"{reading.file} has windows of {sides}, which do not fit a grid of {told.value[0]} x {told.value[1]} patches ({told.evidence})."
        )
    findings.because(told.evidence, "encoder.grid", "image.size", "image.size_across")
    return told.value


def _grid(reading: Reading, encoder: Windowed, held: Sequence[tuple[int, int]], usual: int) -> Told[tuple[int, int]]:
    largest = max(map(max, held), default=0)
    whole = [(stage, size) for stage, size in enumerate(held) if max(size) < largest]
    if (told := reading.told("size", SIZE)) is not None:
        return Told(_patches(encoder, told.value), told.evidence)
    if masks := stored_by_stage(reading, MASK):
        return Told(_masked_grid(reading, encoder, masks), Evidence(Source.BUFFER, describe_stored(masks)))
    if whole:
        stage, (rows, columns) = whole[0]
        why = f"stage {stage} has windows of {rows} x {columns} where others have {largest} x {largest}, so one is its whole grid"
        return Told((rows << stage, columns << stage), Evidence(Source.SHAPE, why))
    if (named := reading.named(SIZED_FILE)) is not None:
        side = int(named.value["size"]) // encoder.patch_size
        if windows_fit(encoder, (side, side)):
            return Told((side, side), named.evidence)
    why = f"usual for windows of {max(largest_windows(encoder))}; --set size=PIXELS would tell"
    return Told((usual, usual), Evidence(Source.ASSUMED, why))


def _masked_grid(reading: Reading, encoder: Windowed, masks: Mapping[int, TensorEntry]) -> tuple[int, int]:
    """The grid whose masks are like a stored one; where none of as many windows has such, the square, for the comparison to refuse."""
    import numpy as np

    sides = largest_windows(encoder)
    stage = min((stage for stage, entry in masks.items() if entry.shape[1:2] == (sides[stage] ** 2,)), default=min(masks))
    entry, side = masks[stage], sides[stage]
    count = entry.shape[0] if entry.shape else 0
    square = math.isqrt(count)
    if entry.count <= LARGEST:
        stored = as_array(entry)
        fewer = [number for number in range(square, 0, -1) if count % number == 0]
        for rows, columns in [(one, count // one) for one in fewer] + [(count // one, one) for one in fewer]:
            grid = (rows * side << stage, columns * side << stage)
            if windows_fit(encoder, grid) and np.array_equal(stored, mask_of(window_layout(encoder, grid)[stage])):
                return grid
    if square * square != count:
        raise Contradiction(
            f"{reading.file} stores {describe_stored({stage: entry})}, which is the mask of no grid with windows of {side}."
        )
    return (square * side << stage, square * side << stage)


def _patches(encoder: Windowed, pixels: tuple[int, int]) -> tuple[int, int]:
    return pixels[0] // encoder.patch_size, pixels[1] // encoder.patch_size


def _pixels(encoder: Windowed, grid: tuple[int, int]) -> tuple[int, int | None]:
    """Down, and across where that is another number."""
    down, across = (side * encoder.patch_size for side in grid)
    return down, None if across == down else across


def network_inventory(config: DPTConfig, encoder: Windowed, attention: Inventory) -> Inventory:
    """Everything, given what only one of the two has in its blocks."""
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


def _apply_size(config: DPTConfig, pixels: tuple[int, int]) -> DPTConfig:
    encoder: Any = config.encoder
    grid = _patches(encoder, pixels)
    if any(side % encoder.patch_size for side in pixels) or not windows_fit(encoder, grid):
        sides = ", ".join(map(str, largest_windows(encoder)))
        raise Refusal(
            f"size {pixels[0]}x{pixels[1]} does not fit: windows of {sides} patches of {encoder.patch_size} pixels cannot cover it in every stage."
        )
    size, across = _pixels(encoder, grid)
    return replace(config, encoder=replace(encoder, grid=grid), image=replace(config.image, size=size, size_across=across))


def _size(text: Any) -> tuple[int, int]:
    sides = [whole_number(side) for side in str(text).lower().split("x")]
    if len(sides) > 2:
        raise Refusal(f"{text!r} is not a size such as 384, or 256x512 where pictures are 256 pixels high and 512 wide.")
    return sides[0], sides[-1]


SIZE = Setting("pixels along the sides of the pictures in training, such as 384, or 256x512 for height x width", _size, _apply_size)
