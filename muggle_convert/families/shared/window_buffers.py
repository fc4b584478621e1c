"""Buffers that Swin and Swin V2 files may store, made again from the windows; `window_grid` reads what they tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from model_defs.config import Swin2Config, SwinConfig
from model_defs.window_layout import Windows, window_layout
from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    import numpy as np

Windowed = SwinConfig | Swin2Config
STAGES = 4
BLOCK = "pretrained.model.layers.{s}.blocks.{n}"
MASK = BLOCK + ".attn_mask"
INDEX = BLOCK + ".attn.relative_position_index"
TABLE = BLOCK + ".attn.relative_coords_table"
LARGEST = 1 << 23  # elements; the largest windows that were released have masks of 5 million


def derive_mask(config: Any, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """What keeps opposite sides of the image apart in the shifted windows of a block; nothing where it does not shift."""
    import numpy as np

    windows = _windows(config.encoder, fields)
    return np.zeros(0, np.float32) if windows is None or fields["n"] % 2 == 0 else mask_of(windows)


def derive_index(config: Any, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """Where in a table of relative positions each pair of a window's tokens is found."""
    import numpy as np

    windows = _windows(config.encoder, fields)
    return np.zeros(0, np.int64) if windows is None else _index(windows.size)


def derive_table(config: Any, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """How far apart two tokens of a window can be, as the network that makes Swin V2's biases is told."""
    import numpy as np

    windows = _windows(config.encoder, fields)
    if windows is None:
        return np.zeros(0, np.float32)
    down, right = (_distances(side, config.encoder.pretrained_windows[fields["s"]] or side) for side in windows.size)
    return np.stack(np.meshgrid(down, right, indexing="ij"), axis=-1)[None]


def pretrained_window(largest: float, window: int) -> int:
    """The window whose far end such a table calls 8, from its largest entry; zero where that is the window itself."""
    if not 0.0 < largest < 8.0:  # a window of one token has a single zero; whatever else it is, the comparison refuses it
        return 0
    pretrained = round(1 + 8 * (window - 1) / (8.0**largest - 1))
    return 0 if pretrained == window else pretrained


def is_shifted(encoder: Windowed, fields: Mapping[str, int]) -> bool:
    """Whether a block's windows are shifted, so that it has a mask."""
    return fields["n"] % 2 == 1 and any(_layout(encoder, fields).shift)


def windows(encoder: Windowed, fields: Mapping[str, int]) -> int:
    """How many a block's grid is cut into."""
    return math.prod(_layout(encoder, fields).across)


def tokens(encoder: Windowed, fields: Mapping[str, int]) -> int:
    """How many there are in one window of a block."""
    return _layout(encoder, fields).tokens


def _layout(encoder: Windowed, fields: Mapping[str, int]) -> Windows:
    return window_layout(encoder, encoder.grid)[fields["s"]]


@lru_cache(maxsize=4)
def mask_of(windows: Windows) -> np.ndarray[Any, Any]:
    """(W, N, N): nothing between tokens that were neighbours before rolling, -100 between others."""
    import numpy as np

    if not any(windows.shift):
        return np.zeros(0, np.float32)
    _refuse_what_is_too_large(math.prod(windows.across) * windows.tokens**2)
    down, right = (np.arange(side) >= side - shift for side, shift in zip(windows.grid, windows.shift, strict=True))
    (rows, columns), (height, width) = windows.across, windows.size
    regions = (2 * down[:, None] + right).reshape(rows, height, columns, width).transpose(0, 2, 1, 3).reshape(-1, height * width)
    mask: np.ndarray[Any, Any] = np.where(regions[:, :, None] == regions[:, None, :], np.float32(0), np.float32(-100))
    return mask


@lru_cache(maxsize=4)
def _index(size: tuple[int, int]) -> np.ndarray[Any, Any]:
    import numpy as np

    _refuse_what_is_too_large(math.prod(size) ** 2)
    down, right = np.divmod(np.arange(math.prod(size), dtype=np.int64), size[1])
    index: np.ndarray[Any, Any] = np.subtract.outer(down, down)
    index += size[0] - 1
    index *= 2 * size[1] - 1
    index += right[:, None]
    index -= right
    index += size[1] - 1
    return index


def _distances(side: int, pretrained: int) -> np.ndarray[Any, Any]:
    import numpy as np

    _refuse_what_is_too_large(2 * (2 * side - 1) ** 2)
    # The original computes this in single precision; only the logarithm, whose last bit differs between libraries, needs more.
    steps: Any = np.arange(1 - side, side, dtype=np.float32) / np.float32(max(1, pretrained - 1)) * np.float32(8)
    logarithms = np.log2(np.abs(steps) + np.float32(1), dtype=np.float64).astype(np.float32)
    distances: np.ndarray[Any, Any] = np.sign(steps) * logarithms / np.float32(3)
    return distances


def _windows(encoder: Windowed, fields: Mapping[str, int]) -> Windows | None:
    """The windows of the block that a name belongs to; None where there is no such block."""
    if fields["s"] >= len(encoder.depths) or fields["n"] >= encoder.depths[fields["s"]]:
        return None
    return window_layout(encoder, encoder.grid)[fields["s"]]


def _refuse_what_is_too_large(count: int) -> None:
    if count > LARGEST:
        raise Refusal(
            f"its windows make buffers of {count:,} elements, more than the {LARGEST:,} that are compared with stored ones; leave those out "
            "with --drop 'pretrained.model.layers.{s}.blocks.{n}.attn_mask' and what else there is of their kind."
        )
