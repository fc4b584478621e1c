"""How large the pictures in training were for Swin and Swin V2: the grid of patches, told by a flag, stored buffers or a name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from model_defs.config import DPTConfig
from model_defs.window_layout import largest_windows, window_layout, windows_fit
from muggle_convert.checkpoints import TensorEntry, printable, shown
from muggle_convert.checkpoints.tensor_bytes import as_array
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.evidence import Contradiction, Evidence, Source, Told
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import Setting, whole_number
from muggle_convert.families.shared.window_buffers import LARGEST, MASK, STAGES, Windowed, mask_of

SIZED_FILE = re.compile(r"swin(_?v?2)?[_-](tiny|small|base|large)[_-](?P<size>\d{3})(?!\d)", re.IGNORECASE)


def stored_by_stage(reading: Reading, template: str) -> dict[int, TensorEntry]:
    """The first stored buffer of a kind in each stage that has one."""
    found: dict[int, TensorEntry] = {}
    for name, (drop, fields) in reading.dropped.items():
        if drop.template.text == template and fields["s"] < STAGES:
            found.setdefault(fields["s"], reading.checkpoint.tensors[name])
    return found


def describe_stored(entries: Mapping[int, TensorEntry]) -> str:
    return "; ".join(f"{printable(entry.name)} is {list(entry.shape)}" for entry in entries.values())


def told_grid(reading: Reading, encoder: Windowed, held: Sequence[tuple[int, int]], usual: int) -> tuple[int, int]:
    """Rows and columns of patches in training, from the most telling thing there is, for an encoder that lacks them yet.

    `held` are the sides of windows that the file has something for, where it has: a stage with less than others had one for its whole grid.
    """
    told = _grid(reading, encoder, held, usual)
    if not windows_fit(encoder, told.value):
        sides = ", ".join(map(str, largest_windows(encoder)))
        raise Contradiction(
            f"{reading.file} has windows of {sides}, which do not fit a grid of {told.value[0]} x {told.value[1]} patches ({told.evidence})."
        )
    reading.because(told.evidence, "encoder.grid", "image.size", "image.size_across")
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


def pixels_of(encoder: Windowed, grid: tuple[int, int]) -> tuple[int, int | None]:
    """Down, and across where that is another number."""
    down, across = (side * encoder.patch_size for side in grid)
    return down, None if across == down else across


def _apply_size(config: DPTConfig, pixels: tuple[int, int]) -> DPTConfig:
    encoder: Any = config.encoder
    grid = _patches(encoder, pixels)
    if any(side % encoder.patch_size for side in pixels) or not windows_fit(encoder, grid):
        sides = ", ".join(map(str, largest_windows(encoder)))
        raise Refusal(
            f"size {pixels[0]}x{pixels[1]} does not fit: windows of {sides} patches of {encoder.patch_size} pixels cannot cover it in every stage."
        )
    size, across = pixels_of(encoder, grid)
    return replace(config, encoder=replace(encoder, grid=grid), image=replace(config.image, size=size, size_across=across))


def _size(text: Any) -> tuple[int, int]:
    sides = [whole_number(side) for side in str(text).lower().split("x")]
    if len(sides) > 2:
        raise Refusal(f"{shown(text)!r} is not a size such as 384, or 256x512 where pictures are 256 pixels high and 512 wide.")
    return sides[0], sides[-1]


SIZE = Setting("pixels along the sides of the pictures in training, such as 384, or 256x512 for height x width", _size, _apply_size)
