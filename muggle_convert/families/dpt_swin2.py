"""DPT with Swin V2, of MiDaS v3.1: where it has no table of positions, some of its windows are in no tensor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from model_defs.config import DPTConfig, ReassembleConfig, Swin2Config
from muggle_convert.checkpoints import TensorEntry, as_array
from muggle_convert.errors import Contradiction, Refusal
from muggle_convert.families.ends import OUTPUT_SETTINGS, read_output
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Family, Reading, Released, Setting
from muggle_convert.families.parts import (
    Inventory,
    depth_head_inventory,
    fusion_inventory,
    map_reassembly_of,
    norm,
    read_depth_head,
    read_fusion,
)
from muggle_convert.families.settings import whole_number, whole_numbers
from muggle_convert.families.transformers_layout.swin2 import TRANSFORMERS
from muggle_convert.families.windows import (
    BLOCK,
    CONVERTED_BLOCK,
    INDEX,
    MASK,
    SIZE,
    STAGES,
    describe_stored,
    fits,
    layouts,
    read_grid,
    read_square_image,
    read_stages,
    side_of,
    stage_inventory,
    stage_window,
    stored_by_stage,
)
from muggle_convert.rules import Flatten, derivable, rename, stack

if TYPE_CHECKING:
    import numpy as np

TABLE = BLOCK + ".attn.relative_coords_table"


def derive_table(config: DPTConfig, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """How far apart two tokens of a window can be, as the network that makes the biases is told."""
    import numpy as np

    encoder: Any = config.encoder
    window = stage_window(encoder, fields)
    if window is None:
        return np.zeros(0, np.float32)
    side = min(window, encoder.grid[0] >> fields["s"])
    # The original computes this in single precision; only the logarithm, whose last bit differs between libraries, needs more.
    steps: Any = np.arange(1 - side, side, dtype=np.float32) / np.float32(max(1, (encoder.pretrained_windows[fields["s"]] or side) - 1))
    steps = steps * np.float32(8)
    logarithms = np.log2(np.abs(steps) + np.float32(1), dtype=np.float64).astype(np.float32)
    steps = np.sign(steps) * logarithms / np.float32(3)
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)[None]


ATTENTION = (
    rename(BLOCK + ".attn.qkv.weight", CONVERTED_BLOCK + ".attn.qkv.weight"),
    stack((BLOCK + ".attn.q_bias", BLOCK + ".attn.v_bias"), CONVERTED_BLOCK + ".attn.qkv.bias", parts=(0, None, 1)),
    rename(BLOCK + ".attn.logit_scale", CONVERTED_BLOCK + ".attn.logit_scale", Flatten("n11")),
    rename(BLOCK + ".attn.cpb_mlp.0.{p:parameter}", CONVERTED_BLOCK + ".attn.position_mlp.0.{p:parameter}"),
    rename(BLOCK + ".attn.cpb_mlp.2.weight", CONVERTED_BLOCK + ".attn.position_mlp.2.weight"),
)
LAYOUTS = layouts(ATTENTION, [derivable(TABLE, "follows from the windows", derive_table)])

# What the files released by MiDaS were built with, by their names and by the width and depths that only they have.
KNOWN_FILE = re.compile(r"swin(_?v)?2[_-](?P<size>tiny[_-]256|base[_-]384|large[_-]384)", re.IGNORECASE)
KNOWN_WINDOWS = {"tiny_256": 16, "base_384": 24, "large_384": 24}
KNOWN_SIZES = {(96, (2, 2, 6, 2)): "tiny_256", (128, (2, 2, 18, 2)): "base_384", (192, (2, 2, 18, 2)): "large_384"}
# Windows of 24 are those of models that first learned at 192 pixels, with windows of 12.
PRETRAINED = {24: (12, 12, 12, 6)}


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    encoder = _encoder(reading, findings)
    head = read_depth_head(reading, findings, "double")
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=findings.rest("reassemble", ReassembleConfig((), "ignore"), Source.CONVENTION, "the stages hand over maps"),
        fusion=read_fusion(reading, findings, "to next"),
        head=head,
        image=read_square_image(reading, findings, encoder.grid, encoder.patch_size),
        output=read_output(reading, findings, head),
    )


def _encoder(reading: Reading, findings: Findings) -> Swin2Config:
    stages = read_stages(reading, findings)
    scales = [f"imgencoder.stages.{stage}.blocks.0.attn.logit_scale" for stage in range(STAGES)]
    first = "imgencoder.stages.0.blocks.0.attn.position_mlp.0.weight"
    held = _held_windows(reading)
    window = _read_window(reading, findings, held, stages)
    grid = read_grid(reading, findings, (window,) * STAGES, held, stages["patch_size"], assumed=4 * window)
    return Swin2Config(
        **stages,
        heads=reading.measure_all(findings, "encoder.heads", scales, lambda shape: shape[0]),
        window=window,
        pretrained_windows=_read_pretrained(reading, findings, window, held),
        position_mlp_width=reading.measure(findings, "encoder.position_mlp_width", first, lambda shape: shape[0]),
        grid=grid,
    )


def _held_windows(reading: Reading) -> tuple[int, ...]:
    """The windows of the four stages where buffers tell them all; else nothing."""
    sides = {stage: side_of(reading, entry, 0) for stage, entry in stored_by_stage(reading, INDEX).items()}
    for stage, entry in stored_by_stage(reading, TABLE).items():
        if (
            len(entry.shape) != 4
            or entry.shape[0] != 1
            or entry.shape[1] != entry.shape[2]
            or entry.shape[1] % 2 == 0
            or entry.shape[3] != 2
        ):
            raise Contradiction(f"{reading.file} stores {describe_stored({stage: entry})}, which is no table of relative positions.")
        sides[stage] = (entry.shape[1] + 1) // 2
    return tuple(sides[stage] for stage in range(STAGES)) if len(sides) == STAGES else ()


def _read_window(reading: Reading, findings: Findings, held: tuple[int, ...], stages: Mapping[str, Any]) -> int:
    path, masks = "encoder.window", stored_by_stage(reading, MASK)
    if (told := reading.told("window", WINDOW)) is not None:
        return findings.note(path, int(told[0]), told[1].source, told[1].detail)
    if masks:
        sides = [side_of(reading, entry, 1) for entry in masks.values()]
        return findings.note(path, max(sides), Source.BUFFER, describe_stored(masks))
    if held:
        return findings.note(
            path, max(held), Source.BUFFER, describe_stored(stored_by_stage(reading, INDEX) or stored_by_stage(reading, TABLE))
        )
    if name := KNOWN_FILE.search(reading.checkpoint.path.name):
        return findings.note(path, KNOWN_WINDOWS[name["size"].lower().replace("-", "_")], Source.FILE_NAME, reading.file)
    if known := KNOWN_SIZES.get((stages["width"], stages["depths"])):
        why = f"that of dpt_swin2_{known}, which has this width and these depths; --set window=… would tell"
        return findings.note(path, KNOWN_WINDOWS[known], Source.ASSUMED, why)
    raise Refusal(
        f"{reading.file} stores neither masks nor tables of positions, and Swin V2 takes windows of any size: "
        "pass --set window=16 (or whatever its windows measured in patches; --set size=… tells the training pictures' pixels)."
    )


def _read_pretrained(reading: Reading, findings: Findings, window: int, held: tuple[int, ...]) -> tuple[int, ...]:
    path, tables = "encoder.pretrained_windows", stored_by_stage(reading, TABLE)
    if (told := reading.told("pretrained_windows", PRETRAINED_WINDOWS)) is not None:
        return findings.note(path, tuple(told[0]), told[1].source, told[1].detail)
    if len(tables) == STAGES:
        read = tuple(_pretrained(tables[stage], held[stage]) for stage in range(STAGES))
        return findings.note(path, read, Source.BUFFER, f"the largest entries of {describe_stored(tables)}")
    why = f"how Swin V2 with windows of {window} was trained; --set pretrained_windows=A,B,C,D would tell otherwise"
    return findings.convention(path, PRETRAINED.get(window, (0,) * STAGES), why)


def _pretrained(table: TensorEntry, window: int) -> int:
    """The window whose far end the table calls 8; zero where that is the window itself."""
    largest = float(as_array(table).max())
    if not 0.0 < largest < 8.0:  # a window of one token has a single zero; what else is outside, the comparison refuses
        return 0
    pretrained = round(1 + 8 * (window - 1) / (8.0**largest - 1))
    return 0 if pretrained == window else pretrained


def _inventory(config: DPTConfig) -> Inventory:
    encoder = config.encoder
    assert isinstance(encoder, Swin2Config)
    tensors, inner = stage_inventory(encoder, config.image.channels), encoder.position_mlp_width
    for stage, (depth, heads) in enumerate(zip(encoder.depths, encoder.heads, strict=True)):
        for attention in (f"imgencoder.stages.{stage}.blocks.{number}.attn" for number in range(depth)):
            tensors |= {f"{attention}.logit_scale": (heads,), f"{attention}.position_mlp.2.weight": (heads, inner)}
            tensors |= {f"{attention}.position_mlp.0.weight": (inner, 2), f"{attention}.position_mlp.0.bias": (inner,)}
        tensors |= norm(f"imgencoder.stages.{stage}.downsample.norm", encoder.width << stage) if stage else {}
    return {
        **tensors,
        **map_reassembly_of(config, [encoder.width << stage for stage in range(STAGES)]),
        **fusion_inventory(config.fusion),
        **depth_head_inventory(config.head, config.fusion.widths[0]),
    }


def _apply_window(config: DPTConfig, window: int) -> DPTConfig:
    encoder: Any = config.encoder
    if not fits(encoder.grid[0], (window,) * STAGES):
        raise Refusal(
            f"window {window} does not fit: a grid of {encoder.grid[0]} x {encoder.grid[1]} patches cannot be cut into such windows."
        )
    return replace(config, encoder=replace(encoder, window=window))


def _apply_pretrained(config: DPTConfig, pretrained: tuple[int, ...]) -> DPTConfig:
    encoder: Any = config.encoder
    return replace(config, encoder=replace(encoder, pretrained_windows=pretrained))


def _four_windows(text: Any) -> tuple[int, ...]:
    windows = whole_numbers(text)
    if len(windows) != STAGES or min(windows) < 0:
        raise Refusal(f"{text!r} is not four windows such as 12,12,12,6; 0 stands for the window itself.")
    return windows


WINDOW = Setting("patches along a side of the largest windows, such as 16", whole_number, _apply_window)
PRETRAINED_WINDOWS = Setting(
    "the windows each stage was first trained with, such as 12,12,12,6, or 0 for the same", _four_windows, _apply_pretrained
)


def _released(size: str, width: int, depths: tuple[int, ...], pixels: int) -> Released:
    window = KNOWN_WINDOWS[size]
    return Released(f"dpt_swin2_{size}", {"encoder.width": width, "encoder.depths": depths, "encoder.window": window, "image.size": pixels})


DPT_SWIN2 = Family(
    name="dpt_swin2",
    title="DPT, Swin V2",
    layouts=LAYOUTS,
    configure=_configure,
    inventory=_inventory,
    file_names=re.compile(r"swin_?v?2", re.IGNORECASE),
    released=tuple(_released(size, width, depths, int(size[-3:])) for (width, depths), size in KNOWN_SIZES.items()),
    settings={"window": WINDOW, "pretrained_windows": PRETRAINED_WINDOWS, "size": SIZE, **OUTPUT_SETTINGS},
    transformers=TRANSFORMERS,
)
