"""DPT with Swin V2, of MiDaS v3.1. Its biases come from small networks that serve any window, so windows are told by buffers or not at all."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from model_defs.config import DPTConfig, Swin2Config
from model_defs.window_layout import windows_fit
from muggle_convert.checkpoints import TensorEntry, as_array
from muggle_convert.errors import Contradiction, Refusal
from muggle_convert.families import papers
from muggle_convert.families.ends import OUTPUT_SETTINGS
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Family, Reading, Released, Setting
from muggle_convert.families.parts import Inventory, norm
from muggle_convert.families.settings import on_encoder, whole_number, whole_numbers
from muggle_convert.families.transformers_layout.swin2 import TRANSFORMERS
from muggle_convert.families.window_buffers import BLOCK, INDEX, LARGEST, MASK, STAGES, TABLE, derive_table, pretrained_window
from muggle_convert.families.window_grid import SIZE, describe_stored, read_grid, stored_by_stage
from muggle_convert.families.windows import CONVERTED_BLOCK, layouts, network_inventory, read_network, read_stages
from muggle_convert.rules import Flatten, derivable, rename, stack

LAYOUTS = layouts(
    attention=(
        rename(BLOCK + ".attn.qkv.weight", CONVERTED_BLOCK + ".attn.qkv.weight"),
        stack((BLOCK + ".attn.q_bias", BLOCK + ".attn.v_bias"), CONVERTED_BLOCK + ".attn.qkv.bias", parts=(0, None, 1)),
        rename(BLOCK + ".attn.logit_scale", CONVERTED_BLOCK + ".attn.logit_scale", Flatten("n11")),
        rename(BLOCK + ".attn.cpb_mlp.0.{p:parameter}", CONVERTED_BLOCK + ".attn.position_mlp.0.{p:parameter}"),
        rename(BLOCK + ".attn.cpb_mlp.2.weight", CONVERTED_BLOCK + ".attn.position_mlp.2.weight"),
    ),
    buffers=[derivable(TABLE, "follows from the windows", derive_table)],
)

# What MiDaS released, by the ends of the names, and the width and the depths that only one of them has.
KNOWN_WINDOWS = {"tiny_256": 16, "base_384": 24, "large_384": 24}
KNOWN_SIZES = {(96, (2, 2, 6, 2)): "tiny_256", (128, (2, 2, 18, 2)): "base_384", (192, (2, 2, 18, 2)): "large_384"}
KNOWN_FILE = re.compile(r"swin_?v?2[_-](?P<size>tiny[_-]256|base[_-]384|large[_-]384)", re.IGNORECASE)
PRETRAINED = {24: (12, 12, 12, 6)}  # windows of 24 are those of models that first learned at half the size


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    stages = read_stages(reading, findings)
    scales = [f"imgencoder.stages.{stage}.blocks.0.attn.logit_scale" for stage in range(STAGES)]
    first = "imgencoder.stages.0.blocks.0.attn.position_mlp.0.weight"
    held = _held_windows(reading)
    window = _read_window(reading, findings, held, stages)
    encoder = Swin2Config(
        **stages,
        heads=reading.measure_all(findings, "encoder.heads", scales, lambda shape: shape[0]),
        window=window,
        pretrained_windows=_read_pretrained(reading, findings, window, held),
        position_mlp_width=reading.measure(findings, "encoder.position_mlp_width", first, lambda shape: shape[0]),
        grid=(0, 0),
    )
    # Every model released so far is trained at four windows across the finest grid.
    encoder = replace(encoder, grid=read_grid(reading, findings, encoder, held, usual=4 * window))
    return read_network(reading, findings, encoder)


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


def _read_window(reading: Reading, findings: Findings, held: tuple[tuple[int, int], ...], stages: Mapping[str, Any]) -> int:
    path, masks = "encoder.window", stored_by_stage(reading, MASK)
    if (told := reading.told("window", WINDOW)) is not None:
        return told.noted(findings, path, int(told.value))
    if masks:
        return findings.note(path, max(map(_window, masks.values())), Source.BUFFER, describe_stored(masks))
    if held:
        buffers = stored_by_stage(reading, TABLE) or stored_by_stage(reading, INDEX)
        return findings.note(path, max(map(max, held)), Source.BUFFER, describe_stored(buffers))
    if (named := reading.named(KNOWN_FILE)) is not None:
        return named.noted(findings, path, KNOWN_WINDOWS[named.value["size"].lower().replace("-", "_")])
    if known := KNOWN_SIZES.get((stages["width"], stages["depths"])):
        why = f"that of dpt_swin2_{known}, which has this width and these depths; --set window=… would tell"
        return findings.note(path, KNOWN_WINDOWS[known], Source.ASSUMED, why)
    raise Refusal(
        f"{reading.file} stores no masks and no tables of positions, and nothing else tells how large a Swin V2's windows are: "
        "pass --set window=PATCHES, such as 16, and --set size=PIXELS for the size of the pictures in training."
    )


def _window(mask: TensorEntry) -> int:
    """The side of a window, or less where a grid has no room for all of it one way."""
    return math.isqrt(mask.shape[1]) if len(mask.shape) == 3 else 0


def _read_pretrained(reading: Reading, findings: Findings, window: int, held: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    path, tables = "encoder.pretrained_windows", stored_by_stage(reading, TABLE)
    if (told := reading.told("pretrained_windows", PRETRAINED_WINDOWS)) is not None:
        return told.noted(findings, path, tuple(told.value))
    if len(tables) == STAGES:
        read = tuple(pretrained_window(float(as_array(tables[stage]).max()), max(held[stage])) for stage in range(STAGES))
        return findings.note(path, read, Source.BUFFER, f"the largest numbers in {describe_stored(tables)}")
    why = f"how Swin V2 with windows of {window} was trained; --set pretrained_windows=A,B,C,D would tell otherwise"
    return findings.convention(path, PRETRAINED.get(window, (0,) * STAGES), why)


def _inventory(config: DPTConfig, encoder: Swin2Config) -> Inventory:
    attention: Inventory = {}
    for stage, (depth, heads) in enumerate(zip(encoder.depths, encoder.heads, strict=True)):
        for block in (f"imgencoder.stages.{stage}.blocks.{number}.attn" for number in range(depth)):
            hidden = encoder.position_mlp_width
            attention |= {f"{block}.logit_scale": (heads,), f"{block}.position_mlp.2.weight": (heads, hidden)}
            attention |= {f"{block}.position_mlp.0.weight": (hidden, 2), f"{block}.position_mlp.0.bias": (hidden,)}
        attention |= norm(f"imgencoder.stages.{stage}.downsample.norm", encoder.width << stage) if stage else {}
    return network_inventory(config, encoder, attention)


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
        raise Refusal(f"{text!r} is not four windows such as 12,12,12,6, where 0 stands for the window itself.")
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
    tensors=_inventory,
    file_names=re.compile(r"swin_?v?2", re.IGNORECASE),
    released=tuple(_released(width, depths, size) for (width, depths), size in KNOWN_SIZES.items()),
    settings={"window": WINDOW, "pretrained_windows": PRETRAINED_WINDOWS, "size": SIZE, **OUTPUT_SETTINGS},
    transformers=TRANSFORMERS,
)
