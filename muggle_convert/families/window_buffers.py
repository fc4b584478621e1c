"""Buffers that Swin and Swin V2 files may store, made again from the windows; `windows` reads what they tell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from model_defs.config import DPTConfig, SwinConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.parts import Inventory

if TYPE_CHECKING:
    import numpy as np

LARGEST = 1 << 25  # elements; the largest windows that were released have masks of 5 million


def windows_of(encoder: Any) -> tuple[int, ...]:
    """The largest window of each stage."""
    return encoder.windows if isinstance(encoder, SwinConfig) else (encoder.window,) * len(encoder.depths)


def derive_mask(config: DPTConfig, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """What keeps opposite sides of the image apart in the shifted windows of a block; nothing where it does not shift."""
    import numpy as np

    side, window = _grid_and_window(config, fields)
    return np.zeros(0, np.float32) if fields["n"] % 2 == 0 or side <= window else _mask(side, window)


def derive_index(config: DPTConfig, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """Where in a table of relative positions each pair of a window's tokens is found."""
    return _index(min(_grid_and_window(config, fields)))


def derive_table(config: DPTConfig, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """How far apart two tokens of a window can be, as the network that makes Swin V2's biases is told."""
    import numpy as np

    side = min(_grid_and_window(config, fields))
    encoder: Any = config.encoder
    pretrained = encoder.pretrained_windows[fields["s"]] if side else 0
    # The original computes this in single precision; only the logarithm, whose last bit differs between libraries, needs more.
    steps: Any = np.arange(1 - side, side, dtype=np.float32) / np.float32(max(1, (pretrained or side) - 1))
    steps = steps * np.float32(8)
    logarithms = np.log2(np.abs(steps) + np.float32(1), dtype=np.float64).astype(np.float32)
    steps = np.sign(steps) * logarithms / np.float32(3)
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)[None]


def masked(encoder: Any) -> Inventory:
    """The shapes of all masks, by their original names."""
    shapes: Inventory = {}
    for stage, (depth, window) in enumerate(zip(encoder.depths, windows_of(encoder), strict=True)):
        side = encoder.grid[0] >> stage
        shape = ((side // window) ** 2, window**2, window**2)
        shapes |= {f"pretrained.model.layers.{stage}.blocks.{number}.attn_mask": shape for number in range(1, depth, 2) if side > window}
    return shapes


def indexed(encoder: Any) -> Inventory:
    """The shapes of all indices into tables of positions, by their original names."""
    shapes: Inventory = {}
    for stage, (depth, window) in enumerate(zip(encoder.depths, windows_of(encoder), strict=True)):
        count = min(window, encoder.grid[0] >> stage) ** 2
        shapes |= {
            f"pretrained.model.layers.{stage}.blocks.{number}.attn.relative_position_index": (count, count) for number in range(depth)
        }
    return shapes


def pretrained_window(largest: float, window: int) -> int:
    """The window whose far end such a table calls 8, from its largest entry; zero where that is the window itself."""
    if not 0.0 < largest < 8.0:  # a window of one token has a single zero; whatever else it is, the comparison refuses it
        return 0
    pretrained = round(1 + 8 * (window - 1) / (8.0**largest - 1))
    return 0 if pretrained == window else pretrained


def _grid_and_window(config: DPTConfig, fields: Mapping[str, int]) -> tuple[int, int]:
    """Sides of the grid and of the largest windows of the block that a name belongs to; zero where there is no such block."""
    encoder: Any = config.encoder
    stage, number = fields["s"], fields["n"]
    if stage >= len(encoder.depths) or number >= encoder.depths[stage]:
        return 0, 0
    side, window = encoder.grid[0] >> stage, windows_of(encoder)[stage]
    if (elements := max(side * min(side, window), window * window) ** 2) > LARGEST:
        raise Refusal(
            f"windows of {window} on a grid of {side} make buffers of {elements:,} elements, more than the {LARGEST:,} that are compared with "
            "stored ones; leave those out with --drop 'pretrained.model.layers.{s}.blocks.{n}.attn_mask' and what else there is of their kind."
        )
    return side, window


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

    rows, columns = np.divmod(np.arange(window * window), max(1, window))
    apart = [place[:, None] - place[None, :] + window - 1 for place in (rows, columns)]
    index: np.ndarray[Any, Any] = apart[0] * (2 * window - 1) + apart[1]
    return index
