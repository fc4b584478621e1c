"""Whether the numbers of a configuration that a file brought along can be those of a network at all, held against it once where they are read."""

from __future__ import annotations

import math
from typing import Any

from model_defs.config import DPTConfig, ImageConfig
from model_defs.plain_values import leaves
from muggle_convert.checkpoints import shown

LARGEST = 1 << 24  # of any whole number: the widest layer, the most pixels along a side
LONGEST = 1000  # of any list
LONGEST_SIDE = 1 << 14  # pixels, of the pictures in training
MOST_REFLECTED = 100.0


def check_numbers(config: DPTConfig) -> None:
    """A `ValueError` names the first value that no network has."""
    for path, value in leaves(config).items():
        if isinstance(value, tuple) and len(value) > LONGEST:
            raise ValueError(f"{path} is a list of {len(value):,} values")
        for one in value if isinstance(value, tuple) else (value,):
            if not _is_possible(one):
                raise ValueError(f"{path} has {shown(one)}")
    _check_image(config.image)
    values = leaves(config)
    for path in ("encoder.taps", "encoder.depths", "encoder.heads", "encoder.patch_size"):
        if values.get(path, 1) in ((), 0):
            raise ValueError(f"{path} is {shown(values[path])}")
    _check_output(config)


def _is_possible(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, bool) or not isinstance(value, int) or 0 <= value <= LARGEST


def _check_image(image: ImageConfig) -> None:
    if not image.channels or not image.multiple or image.multiple > LONGEST_SIDE:
        raise ValueError(f"image.channels is {image.channels} and image.multiple {image.multiple}")
    for side in (image.size, image.size_across):
        if side is not None and not 0 < side <= LONGEST_SIDE:
            raise ValueError(f"a side of the pictures in training is {side}")
    if len(image.mean) != image.channels or len(image.std) != image.channels or any(value <= 0 for value in image.std):
        raise ValueError(f"pictures of {image.channels} channels are normalised by {shown(image.mean)} and {shown(image.std)}")
    if not 0 <= image.reflected <= MOST_REFLECTED:
        raise ValueError(f"image.reflected is {image.reflected}")


def _check_output(config: DPTConfig) -> None:
    output = config.output
    if output.max_depth is not None and output.max_depth <= 0:
        raise ValueError(f"output.max_depth is {output.max_depth}")
    if not config.head.channels:
        raise ValueError("head.channels is 0")
