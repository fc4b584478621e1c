"""What Swin and Swin V2 share: stages of blocks on windows, and stored buffers, which tell windows and grids and can be computed again."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from model_defs.config import DPTConfig, ImageConfig, Swin2Config, SwinConfig
from muggle_convert.checkpoints import TensorEntry, printable
from muggle_convert.errors import Contradiction, Refusal
from muggle_convert.families.ends import DEPTH_HEAD_RULES
from muggle_convert.families.evidence import Evidence, Findings, Source
from muggle_convert.families.family import Reading, Setting
from muggle_convert.families.parts import Inventory, convolution, fusion_drops, fusion_owned, fusion_rules, linear, norm
from muggle_convert.families.settings import whole_number
from muggle_convert.rules import Drop, Rule, RuleSet, derivable, rename, unused

if TYPE_CHECKING:
    import numpy as np

BLOCK, CONVERTED_BLOCK = "pretrained.model.layers.{s}.blocks.{n}", "imgencoder.stages.{s}.blocks.{n}"
MASK = BLOCK + ".attn_mask"
INDEX = BLOCK + ".attn.relative_position_index"
STAGES = 4
SIZED_FILE = re.compile(r"swin(_?v?2)?[_-](tiny|small|base|large)[_-](?P<size>\d{3})(?!\d)", re.IGNORECASE)


def layouts(attention: Sequence[Rule], buffers: Sequence[Drop] = ()) -> Mapping[str, RuleSet]:
    """What is between two stages counts with the one before, or with the one after as in timm since 0.9."""
    return {
        "original": _layout("imgencoder.stages.{s+1}.downsample.", attention, buffers),
        "timm 0.9": _layout("imgencoder.stages.{s}.downsample.", attention, buffers),
    }


def _layout(downsample: str, attention: Sequence[Rule], buffers: Sequence[Drop]) -> RuleSet:
    classifier = "the classifier of the encoder's own training"
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
            unused("pretrained.model.head.{p:parameter}", classifier),
            unused("pretrained.model.head.fc.{p:parameter}", classifier),
            derivable(MASK, "follows from the grid and the windows", derive_mask),
            derivable(INDEX, "follows from the windows", derive_index),
            *buffers,
            *fusion_drops(),
        ),
        owned=_owned,
    )


def _owned(config: DPTConfig) -> Inventory:
    """What a model of timm owns beside what its network reads; the other buffers are not among what it saves."""
    encoder: Any = config.encoder
    last = encoder.width << (STAGES - 1)
    masks: Inventory = {}
    for stage, depth in enumerate(encoder.depths):
        window, side = windows_of(encoder)[stage], encoder.grid[0] >> stage
        shifted = range(1, depth, 2) if side > window else ()
        masks |= {
            f"pretrained.model.layers.{stage}.blocks.{number}.attn_mask": ((side // window) ** 2, window**2, window**2)
            for number in shifted
        }
    return {**masks, **norm("pretrained.model.norm", last), **linear("pretrained.model.head", 1000, last), **fusion_owned(config)}


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
        "patch_size": reading.measure(findings, "encoder.patch_size", "patch_embed.proj.weight", lambda shape: shape[3]),
    }


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
    """The side of the square that a buffer has one row for every token of."""
    count = entry.shape[axis] if len(entry.shape) > axis else 0
    side = math.isqrt(count)
    if not count or side * side != count:
        raise Contradiction(
            f"{reading.file} stores {printable(entry.name)} of shape {list(entry.shape)}, which belongs to no square grid of windows."
        )
    return side


def read_grid(
    reading: Reading, findings: Findings, windows: Sequence[int], held: Sequence[int], patch_size: int, assumed: int
) -> tuple[int, int]:
    """Rows and columns of patches in training, from the most telling thing there is.

    `windows` are the largest each stage may have, `held` those it has tensors for, where there are any: a stage whose windows
    are smaller than others' has a grid of one window.
    """
    masks = stored_by_stage(reading, MASK)
    clipped = [stage for stage, window in enumerate(held) if window < max(held)]
    name = SIZED_FILE.search(reading.checkpoint.path.name)
    if (told := reading.told("size", SIZE)) is not None:
        side, evidence = told[0] // patch_size, told[1]
    elif masks:
        side, evidence = _masked_side(reading, masks), Evidence(Source.BUFFER, describe_stored(masks))
    elif clipped:
        side = held[clipped[0]] << clipped[0]
        evidence = Evidence(
            Source.SHAPE, f"stage {clipped[0]} has windows of {held[clipped[0]]} where others have {max(held)}: its grid is one"
        )
    elif name is not None and fits(int(name["size"]) // patch_size, windows):
        side, evidence = int(name["size"]) // patch_size, Evidence(Source.FILE_NAME, reading.file)
    else:
        side, evidence = assumed, Evidence(Source.ASSUMED, f"usual for windows of {max(windows)}; --set size=PIXELS would tell")
    if not fits(side, windows):
        raise Contradiction(
            f"{reading.file} has windows of {list(windows)}, which do not fit a grid of {side} x {side} patches ({evidence})."
        )
    findings.evidence["image.size"] = evidence
    return findings.note("encoder.grid", (side, side), evidence.source, evidence.detail)


def read_square_image(reading: Reading, findings: Findings, grid: tuple[int, int], patch_size: int) -> ImageConfig:
    """Pictures become squares of the size in training, whatever their own shape; how that size is known, `read_grid` has noted."""
    channels = reading.measure(findings, "image.channels", "patch_embed.proj.weight", lambda shape: shape[1])
    image = ImageConfig(channels, grid[0] * patch_size, False, "closest", 32, (0.5,) * channels, (0.5,) * channels)
    return findings.rest(
        "image", image, Source.CONVENTION, "how MiDaS was trained: squares, mean and deviation one half, sides in steps of 32"
    )


def _masked_side(reading: Reading, masks: Mapping[int, TensorEntry]) -> int:
    sides = {side_of(reading, entry, 0) * side_of(reading, entry, 1) << stage for stage, entry in masks.items()}
    if len(sides) > 1:
        raise Contradiction(f"{reading.file} stores masks of different grids: {describe_stored(masks)}.")
    return sides.pop()


def windows_of(encoder: Any) -> tuple[int, ...]:
    """The largest window of each stage."""
    return encoder.windows if isinstance(encoder, SwinConfig) else (encoder.window,) * len(encoder.depths)


def fits(side: int, windows: Sequence[int]) -> bool:
    """Whether every stage's grid can be cut into its windows."""
    grids = [side >> stage for stage in range(len(windows))]
    return (
        side > 0
        and side % (1 << (len(windows) - 1)) == 0
        and all(grid <= window or grid % window == 0 for grid, window in zip(grids, windows, strict=True))
    )


def stage_inventory(encoder: SwinConfig | Swin2Config, channels: int) -> Inventory:
    """Everything but how a block attends and what joins the stages."""
    tensors = convolution("patch_embed.proj", encoder.width, channels, encoder.patch_size) | norm("patch_embed.norm", encoder.width)
    for stage, (depth, mlp_width) in enumerate(zip(encoder.depths, encoder.mlp_widths, strict=True)):
        width = encoder.width << stage
        for number in range(depth):
            block = f"imgencoder.stages.{stage}.blocks.{number}"
            tensors |= norm(f"{block}.norm1", width) | norm(f"{block}.norm2", width)
            tensors |= linear(f"{block}.attn.qkv", 3 * width, width) | linear(f"{block}.attn.proj", width, width)
            tensors |= linear(f"{block}.mlp.fc1", mlp_width, width) | linear(f"{block}.mlp.fc2", width, mlp_width)
        if stage:
            tensors[f"imgencoder.stages.{stage}.downsample.reduction.weight"] = (width, 2 * width)
    return tensors


def derive_mask(config: DPTConfig, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """What keeps opposite sides of the image apart in the shifted windows of a block; nothing where it does not shift."""
    import numpy as np

    encoder: Any = config.encoder
    window = stage_window(encoder, fields)
    if window is None or encoder.grid[0] >> fields["s"] <= window or fields["n"] % 2 == 0:
        return np.zeros(0, np.float32)
    return _mask(encoder.grid[0] >> fields["s"], window)


def derive_index(config: DPTConfig, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """Where in a table of relative positions each pair of a window's tokens is found."""
    import numpy as np

    encoder: Any = config.encoder
    window = stage_window(encoder, fields)
    return np.zeros(0, np.int64) if window is None else _index(min(window, encoder.grid[0] >> fields["s"]))


def stage_window(encoder: Any, fields: Mapping[str, int]) -> int | None:
    """The largest window of the block a name belongs to; None where there is no such block."""
    known = fields["s"] < len(encoder.depths) and fields["n"] < encoder.depths[fields["s"]]
    return windows_of(encoder)[fields["s"]] if known else None


@lru_cache(maxsize=4)
def _mask(side: int, window: int) -> np.ndarray[Any, Any]:
    import numpy as np

    over = np.arange(side) >= side - window // 2
    regions = 2 * over[:, None] + over
    across = side // window
    regions = regions.reshape(across, window, across, window).transpose(0, 2, 1, 3).reshape(-1, window * window)
    mask: np.ndarray[Any, Any] = np.where(regions[:, :, None] == regions[:, None, :], np.float32(0), np.float32(-100))
    return mask


@lru_cache(maxsize=4)
def _index(window: int) -> np.ndarray[Any, Any]:
    import numpy as np

    rows, columns = np.divmod(np.arange(window * window), window)
    apart = [place[:, None] - place[None, :] + window - 1 for place in (rows, columns)]
    index: np.ndarray[Any, Any] = apart[0] * (2 * window - 1) + apart[1]
    return index


def _apply_size(config: DPTConfig, size: int) -> DPTConfig:
    encoder: Any = config.encoder
    side, left_over = divmod(size, encoder.patch_size)
    if left_over or not fits(side, windows_of(encoder)):
        raise Refusal(
            f"size {size} does not fit: windows of {list(windows_of(encoder))} patches of {encoder.patch_size} pixels cannot cover it."
        )
    return replace(config, encoder=replace(encoder, grid=(side, side)), image=replace(config.image, size=size))


SIZE = Setting("pixels along each side of the pictures in training, such as 384", whole_number, _apply_size)
