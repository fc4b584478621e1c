"""Resizing as training did: by OpenCV's cubic kernel without antialiasing, bilinearly with corners on each other, or by areas.

Torch has the cubic kernel but rounds sample positions differently from OpenCV, which shows in networks whose last step is a division.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from muggle_convert.predict.photographs import Pixels
from muggle_convert.predict.sizes import Size

Samples = npt.NDArray[np.float32]
Taps = tuple[npt.NDArray[np.intp], Samples]  # which samples each new one is mixed from, and their shares: both (taps, after)

_SHARPNESS = np.float32(-0.75)


def resized(picture: Pixels, size: Size, kernel: str = "cubic") -> Samples:
    """(height, width, 3) -> (*size, 3), from 0 to 255 and slightly beyond where edges ring; only pixels that contribute are read."""
    taps = TAPS[kernel]
    across, shares_across = taps(picture.shape[1], size[1])
    read, across = np.unique(across, return_inverse=True)
    picture = picture if len(read) == picture.shape[1] else picture[:, read]
    tall = np.zeros((size[0], len(read), 3), np.float32)
    for rows, shares in zip(*taps(picture.shape[0], size[0]), strict=True):
        tall += picture[rows] * shares[:, None, None]
    samples = np.zeros((*size, 3), np.float32)
    for columns, shares in zip(across.reshape(shares_across.shape), shares_across, strict=True):
        samples += tall[:, columns] * shares[:, None]
    return samples


def _cubic(before: int, after: int) -> Taps:
    """The four samples that each new one is mixed from, and their shares."""
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


def _bilinear_aligned(before: int, after: int) -> Taps:
    """The two samples that each new one lies between, of which the first and the last are those of before."""
    position = np.linspace(0, before - 1, after)
    first = position.astype(np.intp)
    share = (position - first).astype(np.float32)
    return np.stack([first, first + 1]).clip(0, before - 1), np.stack([1 - share, share])


def _area(before: int, after: int) -> Taps:
    """All samples that each new one covers, and how much of it each is; those it covers less than a thousandth of do not count."""
    start = np.arange(after) * (before / after)
    end = np.minimum(start + before / after, before)
    samples = np.floor(start).astype(np.intp) + np.arange(math.ceil(before / after) + 1)[:, None]
    covered = np.minimum(samples + 1, end) - np.maximum(samples, start)
    covered = np.where((covered > 1e-3) & (samples < before), covered, 0.0)
    return samples.clip(0, before - 1), (covered / (end - start)).astype(np.float32)


TAPS: Mapping[str, Callable[[int, int], Taps]] = {"cubic": _cubic, "bilinear aligned": _bilinear_aligned, "area": _area}


def resized_in_steps(picture: Pixels, steps: Sequence[Size]) -> Pixels:
    """To one size after the other, each in eight bits: by OpenCV's area kernel where no side grows, and else by its cubic one."""
    for size in steps:
        before = picture.shape[0], picture.shape[1]
        if size == before:
            continue
        if size[0] > before[0] or size[1] > before[1]:
            samples = resized(picture, size, "cubic")
        elif before[0] % size[0] or before[1] % size[1]:
            across_first = resized(picture.transpose(1, 0, 2), (size[1], size[0]), "area")  # which rounds as OpenCV does
            samples = across_first.transpose(1, 0, 2)
        else:
            samples = _means_of_blocks(picture, size)
        picture = np.rint(samples).clip(0, 255).astype(np.uint8)
    return picture


def _means_of_blocks(picture: Pixels, size: Size) -> Samples:
    """Every new sample is the mean of as many old ones; OpenCV rounds those of four up that are halfway between two numbers, and no others."""
    down, across = picture.shape[0] // size[0], picture.shape[1] // size[1]
    sums = picture.reshape(size[0], down, size[1], across, 3).sum(axis=(1, 3), dtype=np.int64)
    if (down, across) == (2, 2):
        sums = (sums + 2) // 4
        down = across = 1
    means: Samples = sums.astype(np.float32) * np.float32(1 / (down * across))
    return means
