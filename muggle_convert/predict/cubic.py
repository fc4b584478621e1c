"""Resizing as training did: OpenCV's cubic kernel without antialiasing, down to how it rounds sample positions.

Torch has the same kernel but rounds positions differently, which shows in networks whose last step is a division.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from muggle_convert.predict.photographs import Pixels
from muggle_convert.predict.sizes import Size

Samples = npt.NDArray[np.float32]

_SHARPNESS = np.float32(-0.75)


def resized(picture: Pixels, size: Size) -> Samples:
    """(height, width, 3) -> (*size, 3), from 0 to 255 and slightly beyond where edges ring; only pixels that contribute are read."""
    tall = np.zeros((size[0], picture.shape[1], 3), np.float32)
    for rows, shares in zip(*_taps(picture.shape[0], size[0]), strict=True):
        tall += picture[rows] * shares[:, None, None]
    samples = np.zeros((*size, 3), np.float32)
    for columns, shares in zip(*_taps(picture.shape[1], size[1]), strict=True):
        samples += tall[:, columns] * shares[:, None]
    return samples


def _taps(before: int, after: int) -> tuple[npt.NDArray[np.intp], Samples]:
    """The four samples that each new one is mixed from, and their shares: both (4, after)."""
    position = ((np.arange(after) + 0.5) * (before / after) - 0.5).astype(np.float32)
    first = np.floor(position)
    samples = first.astype(np.intp) + np.arange(-1, 3)[:, None]
    before_it, after_it = position - first, 1 - (position - first)
    shares = [_outer(before_it), _inner(before_it), _inner(after_it)]
    return samples.clip(0, before - 1), np.stack([*shares, 1 - shares[0] - shares[1] - shares[2]])


def _inner(distance: Samples) -> Samples:
    """The share of a sample at most one step away."""
    share: Samples = ((_SHARPNESS + 2) * distance - (_SHARPNESS + 3)) * distance * distance + 1
    return share


def _outer(distance: Samples) -> Samples:
    """The share of a sample one step farther away."""
    step = distance + 1
    share: Samples = ((_SHARPNESS * step - 5 * _SHARPNESS) * step + 8 * _SHARPNESS) * step - 4 * _SHARPNESS
    return share
