"""DPT with Swin V2, of MiDaS v3.1. Its biases come from small networks that serve any window, so windows are told by buffers or not at all."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

from model_defs.config import DPTConfig, Swin2Config
from model_defs.window_layout import windows_fit
from muggle_convert.checkpoints import TensorEntry, shown
from muggle_convert.checkpoints.tensor_bytes import as_array
from muggle_convert.errors import Refusal
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.evidence import Contradiction, Source
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.midas import OUTPUT_SETTINGS
from muggle_convert.families.shared.published import of_midas
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import Setting, on_encoder, whole_number, whole_numbers
from muggle_convert.families.shared.transformers.swin2 import TRANSFORMERS
from muggle_convert.families.shared.window_buffers import BLOCK, INDEX, LARGEST, MASK, STAGES, TABLE, derive_table, pretrained_window
from muggle_convert.families.shared.window_grid import SIZE, describe_stored, stored_by_stage, told_grid
from muggle_convert.families.shared.windows import HERE, compose_network, layouts
from muggle_convert.rules import Flatten, derivable, linear, rename, stack

LAYOUTS = layouts(
    attention=(
        # Keys have no bias.
        stack((BLOCK + ".attn.q_bias", BLOCK + ".attn.v_bias"), HERE + ".attn.qkv.bias", parts=(0, None, 1), sizes=("3*width << s",)),
        rename(BLOCK + ".attn.logit_scale", HERE + ".attn.logit_scale", Flatten("n11"), sizes=("heads[s]",)),
        *linear(BLOCK + ".attn.cpb_mlp.0", HERE + ".attn.position_mlp.0", "position_mlp_width", 2),
        *linear(BLOCK + ".attn.cpb_mlp.2", HERE + ".attn.position_mlp.2", "heads[s]", "position_mlp_width", bias=False),
    ),
    merged="2*width << s",
    buffers=[derivable(TABLE, "follows from the windows", derive_table)],
)

# What MiDaS released, by the ends of the names, and the width and the depths that only one of them has.
KNOWN_WINDOWS = {"tiny_256": 16, "base_384": 24, "large_384": 24}
KNOWN_SIZES = {(96, (2, 2, 6, 2)): "tiny_256", (128, (2, 2, 18, 2)): "base_384", (192, (2, 2, 18, 2)): "large_384"}
KNOWN_FILE = re.compile(r"swin_?v?2[_-](?P<size>tiny[_-]256|base[_-]384|large[_-]384)", re.IGNORECASE)
PRETRAINED = {24: (12, 12, 12, 6)}  # windows of 24 are those of models that first learned at half the size


def _configure(reading: Reading) -> DPTConfig:
    held = _held_windows(reading)
    window = _told_window(reading, held)
    encoder = reading.compose(
        Swin2Config, "encoder", window=window, pretrained_windows=_told_pretrained(reading, window, held), grid=(0, 0)
    )
    # Every model released so far is trained at four windows across the finest grid.
    return compose_network(reading, replace(encoder, grid=told_grid(reading, encoder, held, usual=4 * window)))


def _held_windows(reading: Reading) -> tuple[tuple[int, int], ...]:
    """The sides of the windows of all four stages where buffers tell them; else nothing."""
    sizes = {}
    for stage, entry in stored_by_stage(reading, TABLE).items():
        if len(entry.shape) != 4 or entry.shape[::3] != (1, 2) or 0 in (side % 2 for side in entry.shape[1:3]) or entry.count > LARGEST:
            raise Contradiction(f"{reading.file} has {describe_stored({stage: entry})}, which is no table of relative positions.")
        sizes[stage] = ((entry.shape[1] + 1) // 2, (entry.shape[2] + 1) // 2)
    for stage, entry in stored_by_stage(reading, INDEX).items():
        side = math.isqrt(entry.shape[0]) if entry.shape else 0
        sizes.setdefault(stage, (side, side))
    return tuple(sizes[stage] for stage in range(STAGES)) if len(sizes) == STAGES else ()


def _told_window(reading: Reading, held: tuple[tuple[int, int], ...]) -> int:
    path, masks = "encoder.window", stored_by_stage(reading, MASK)
    if (told := reading.told("window", WINDOW)) is not None:
        return reading.heard(told, path, int(told.value))
    if masks:
        return reading.note(path, max(map(_window, masks.values())), Source.BUFFER, describe_stored(masks))
    if held:
        buffers = stored_by_stage(reading, TABLE) or stored_by_stage(reading, INDEX)
        return reading.note(path, max(map(max, held)), Source.BUFFER, describe_stored(buffers))
    if (named := reading.named(KNOWN_FILE)) is not None:
        return reading.heard(named, path, KNOWN_WINDOWS[named.value["size"].lower().replace("-", "_")])
    if known := KNOWN_SIZES.get((reading.value("encoder.width"), reading.value("encoder.depths"))):
        why = f"that of dpt_swin2_{known}, which has this width and these depths; --set window=… would tell"
        return reading.note(path, KNOWN_WINDOWS[known], Source.ASSUMED, why)
    raise Refusal(
        f"{reading.file} stores no masks and no tables of positions, and nothing else tells how large a Swin V2's windows are: "
        "pass --set window=PATCHES, such as 16, and --set size=PIXELS for the size of the pictures in training."
    )


def _window(mask: TensorEntry) -> int:
    """The side of a window, or less where a grid has no room for all of it one way."""
    return math.isqrt(mask.shape[1]) if len(mask.shape) == 3 else 0


def _told_pretrained(reading: Reading, window: int, held: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    path, tables = "encoder.pretrained_windows", stored_by_stage(reading, TABLE)
    if (told := reading.told("pretrained_windows", PRETRAINED_WINDOWS)) is not None:
        return reading.heard(told, path, tuple(told.value))
    if len(tables) == STAGES:
        read = tuple(pretrained_window(float(as_array(tables[stage]).max()), max(held[stage])) for stage in range(STAGES))
        return reading.note(path, read, Source.BUFFER, f"the largest numbers in {describe_stored(tables)}")
    why = f"how Swin V2 with windows of {window} was trained; --set pretrained_windows=A,B,C,D would tell otherwise"
    return reading.convention(path, PRETRAINED.get(window, (0,) * STAGES), why)


def _apply_window(before: Swin2Config, window: int) -> Swin2Config:
    encoder = replace(before, window=window)
    rows, columns = encoder.grid
    if not windows_fit(encoder, encoder.grid):
        raise Refusal(f"window {window} does not fit: a grid of {rows} x {columns} patches cannot be cut into such windows.")
    return encoder


def _apply_pretrained(encoder: Swin2Config, pretrained: tuple[int, ...]) -> Swin2Config:
    return replace(encoder, pretrained_windows=pretrained)


def _four_windows(text: Any) -> tuple[int, ...]:
    windows = whole_numbers(text)
    if len(windows) != STAGES or min(windows) < 0:
        raise Refusal(f"{shown(text)!r} is not four windows such as 12,12,12,6, where 0 stands for the window itself.")
    return windows


WINDOW = Setting("patches along a side of the largest windows, such as 16", whole_number, on_encoder(_apply_window))
PRETRAINED_WINDOWS = Setting(
    "the windows each stage first learned with, such as 12,12,12,6, or 0 for its own", _four_windows, on_encoder(_apply_pretrained)
)


def _released(width: int, depths: tuple[int, ...], size: str) -> Released:
    values = {"encoder.width": width, "encoder.depths": depths, "encoder.window": KNOWN_WINDOWS[size], "image.size": int(size[-3:])}
    return Released(f"dpt_swin2_{size}", values)


DPT_SWIN2 = Family(
    name="dpt_swin2",
    title="DPT, Swin V2",
    citations=(papers.MIDAS_V31, papers.MIDAS, papers.DPT),
    encoder=Swin2Config,
    layouts=LAYOUTS,
    configure=_configure,
    file_names=re.compile(r"swin_?v?2", re.IGNORECASE),
    glance=Glance("the end of each stage", "maps as they are", "to the next map's size; doubling", "384 x 384 or 256 x 256"),
    released=tuple(_released(width, depths, size) for (width, depths), size in KNOWN_SIZES.items()),
    published=(
        of_midas("v3_1", "dpt_swin2_large_384", 213),
        of_midas("v3_1", "dpt_swin2_base_384", 102),
        of_midas("v3_1", "dpt_swin2_tiny_256", 42),
    ),
    settings={"window": WINDOW, "pretrained_windows": PRETRAINED_WINDOWS, "size": SIZE, **OUTPUT_SETTINGS},
    transformers=TRANSFORMERS,
)
