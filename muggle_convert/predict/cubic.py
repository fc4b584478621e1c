"""Resizing as the training pictures were resized: OpenCV's cubic kernel, without smoothing first, to the rounding of its positions.

Torch has the same kernel, but rounds the positions of its samples otherwise; through a network whose last step is a division that is visible.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from muggle_convert.predict.reading import Pixels
from muggle_convert.predict.sizes import Size

Samples = npt.NDArray[np.float32]

_SHARPNESS = np.float32(-0.75)


def resized(picture: Pixels, size: Size) -> Samples:
    """(height, width, 3) -> (*size, 3), still from 0 to 255 and, where edges ring, a little beyond; only pixels that matter are looked at."""
    tall = np.zeros((size[0], picture.shape[1], 3), np.float32)
    for rows, shares in zip(*_taps(picture.shape[0], size[0]), strict=True):
        tall += picture[rows] * shares[:, None, None]
    samples = np.zeros((*size, 3), np.float32)
    for columns, shares in zip(*_taps(picture.shape[1], size[1]), strict=True):
        samples += tall[:, columns] * shares[:, None]
    return samples


def _taps(before: int, after: int) -> tuple[npt.NDArray[np.intp], Samples]:
    """The four samples that each new one is a mixture of, and their shares: both (4, after)."""
    position = ((np.arange(after) + 0.5) * (before / after) - 0.5).astype(np.float32)
    first = np.floor(position)
    samples = first.astype(np.intp) + np.arange(-1, 3)[:, None]
    past, ahead = position - first, 1 - (position - first)
    shares = [_outer(past), _inner(past), _inner(ahead)]
    return samples.clip(0, before - 1), np.stack([*shares, 1 - shares[0] - shares[1] - shares[2]])


def _inner(distance: Samples) -> Samples:
    """The share of a sample at most one step away."""
    share: Samples = ((_SHARPNESS + 2) * distance - (_SHARPNESS + 3)) * distance * distance + 1
    return share


def _outer(distance: Samples) -> Samples:
    """The share of a sample that is one step farther."""
    step = distance + 1
    share: Samples = ((_SHARPNESS * step - 5 * _SHARPNESS) * step + 8 * _SHARPNESS) * step - 4 * _SHARPNESS
    return share
