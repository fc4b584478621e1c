"""Resizing as training did: by OpenCV's cubic kernel without antialiasing, bilinearly with corners on each other, or by areas.

The originals called OpenCV in double precision. Where it is installed it is called so here too; elsewhere, on cards and for large pictures the
same kernel is two products of matrices. Torch has a cubic kernel of its own, but rounds sample positions differently, which shows in
networks whose last step is a division.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from model_defs.config import ImageConfig
from muggle_convert.predict.photographs import Pixels
from muggle_convert.predict.sizes import Size, steps_of

Samples = npt.NDArray[np.float32]
Taps = tuple[npt.NDArray[np.intp], Samples]  # which samples each new one is mixed from, and their shares: both (taps, after)

_SHARPNESS = np.float32(-0.75)
_BLOCK = 64  # rows or columns that are mixed together: their samples fit in a processor's cache, and a product of matrices is fast
_MIDDLE = 127.5  # is zero while samples are mixed, which halves how far sums are rounded
_KEPT = 3 << 21  # samples of a picture, for which a thread keeps eight bytes each: those of 1920 x 1080 fit
_DOUBLES = 1 << 23  # pixels; OpenCV would need 24 bytes for each of a larger picture


def fitted(picture: Pixels, image: ImageConfig, size: int | None = None) -> npt.NDArray[Any]:
    """(height, width, 3) -> (H, W, 3), at the size and by the kernel that a network was trained with."""
    steps = steps_of(image, (picture.shape[0], picture.shape[1]), size)
    return resized_in_steps(picture, steps) if image.resize == "area or cubic" else resized(picture, steps[-1], image.resize)


def resized(picture: Pixels, size: Size, kernel: str = "cubic") -> Samples:
    """(height, width, 3) -> (*size, 3), from 0 to 255 and slightly beyond where edges ring; only pixels that contribute are read."""
    opencv = _opencv()
    if opencv is not None and kernel == "cubic" and picture.shape[0] * picture.shape[1] <= _DOUBLES and max(picture.shape) < 1 << 15:
        found = opencv.resize(_in_doubles(picture), (size[1], size[0]), interpolation=opencv.INTER_CUBIC)
        return np.asarray(found, np.float32).reshape(*size, 3)
    return mixed(torch.from_numpy(np.require(picture, requirements=("C", "W"))), size, kernel).permute(1, 2, 0).numpy()


def _in_doubles(picture: Pixels) -> npt.NDArray[np.float64]:
    """In memory that each thread keeps, which the system would otherwise have to clear for every picture."""
    if picture.size > _KEPT:
        return picture.astype(np.float64)
    if len(_scratch.samples) < picture.size:
        _scratch.samples = np.empty(picture.size)
    samples = _scratch.samples[: picture.size].reshape(picture.shape)
    np.copyto(samples, picture)
    return samples


class _Scratch(threading.local):
    samples: npt.NDArray[np.float64] = np.empty(0)


_scratch = _Scratch()


def mixed(picture: Tensor, size: Size, kernel: str = "cubic") -> Tensor:
    """(height, width, 3) of bytes -> (3, *size), on the device where the picture is."""
    if picture.device.type != "cpu":
        return in_taps(picture, size, kernel)
    down, across = (_bands(kernel, *sides) for sides in zip(picture.shape[:2], size, strict=True))
    samples = torch.empty((3, *size))
    for rows in down:
        seen = picture[rows.places][:, across[0].used] if across[0].used is not None else picture[rows.places]
        columns = seen.shape[1]
        tall = rows.shares @ (seen.reshape(len(seen), -1).float() - _MIDDLE)  # (rows, columns * 3)
        tall = tall.view(-1, columns, 3).permute(2, 0, 1).reshape(-1, columns)  # (3 * rows, columns)
        wide = samples.new_empty(len(tall), size[1])
        for one in across:
            torch.mm(tall[:, one.old], one.shares.T, out=wide[:, one.new])
        samples[:, rows.new] = wide.view(3, -1, size[1])
    return samples.add_(_MIDDLE)


def in_taps(picture: Tensor, size: Size, kernel: str = "cubic") -> Tensor:
    """The same, one sample after the other of those that a new one is mixed from: cards may round the factors of a product of matrices."""
    (rows, down), (columns, across) = (_taps(kernel, *sides, picture.device) for sides in zip(picture.shape[:2], size, strict=True))
    tall = sum((picture[row].float() - _MIDDLE) * share[:, None, None] for row, share in zip(rows, down, strict=True))
    assert isinstance(tall, Tensor)
    wide = sum(tall[:, column] * share[:, None] for column, share in zip(columns, across, strict=True))
    assert isinstance(wide, Tensor)
    return (wide + _MIDDLE).permute(2, 0, 1)


@dataclass(frozen=True)
class Band:
    """Neighbouring new rows or columns, and the old ones that they are mixed from."""

    new: slice
    old: slice  # of the old ones that any new one reads
    used: Tensor | None  # which these are, where they are not all
    shares: Tensor  # (new, old)

    @property
    def places(self) -> slice | Tensor:
        return self.old if self.used is None else self.used[self.old]


@lru_cache(64)
def _bands(kernel: str, before: int, after: int) -> tuple[Band, ...]:
    samples, shares = TAPS[kernel](before, after)
    used, samples = np.unique(samples, return_inverse=True)
    samples = samples.reshape(shares.shape)
    which = torch.from_numpy(used) if len(used) < before else None
    bands = []
    for first in range(0, after, _BLOCK):
        new = slice(first, min(first + _BLOCK, after))
        old = slice(int(samples[:, new].min()), int(samples[:, new].max()) + 1)
        matrix = np.zeros((new.stop - first, old.stop - old.start), np.float32)
        np.add.at(matrix, (np.arange(len(matrix)), samples[:, new] - old.start), shares[:, new])
        bands.append(Band(new, old, which, torch.from_numpy(matrix)))
    return tuple(bands)


@lru_cache(64)
def _taps(kernel: str, before: int, after: int, place: torch.device) -> tuple[Tensor, Tensor]:
    samples, shares = TAPS[kernel](before, after)
    return torch.from_numpy(samples).to(place), torch.from_numpy(shares).to(place)


@lru_cache(1)
def _opencv() -> ModuleType | None:
    try:
        import cv2
    except ImportError:
        return None
    return cv2


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


TAPS: Mapping[str, Callable[[int, int], Taps]] = {"cubic": _cubic, "bilinear aligned": _bilinear_aligned}


def resized_in_steps(picture: Pixels, steps: Sequence[Size]) -> Pixels:
    """To one size after the other, each in eight bits: by OpenCV's area kernel where no side grows, and else by its cubic one."""
    for size in steps:
        before = picture.shape[0], picture.shape[1]
        if size == before:
            continue
        if size[0] > before[0] or size[1] > before[1]:
            samples = resized(picture, size, "cubic")
        elif before[0] % size[0] or before[1] % size[1]:
            samples = _by_areas(picture, size)
        else:
            samples = _means_of_blocks(picture, size)
        picture = np.rint(samples).clip(0, 255).astype(np.uint8)
    return picture


def _by_areas(picture: Pixels, size: Size) -> Samples:
    """Across first, and one sample after the other: sums are so often halfway between two numbers that they must be rounded as OpenCV does."""
    wide = np.zeros((picture.shape[0], size[1], 3), np.float32)
    for columns, shares in zip(*_area(picture.shape[1], size[1]), strict=True):
        wide += picture[:, columns] * shares[:, None]
    samples = np.zeros((*size, 3), np.float32)
    for rows, shares in zip(*_area(picture.shape[0], size[0]), strict=True):
        samples += wide[rows] * shares[:, None, None]
    return samples


def _means_of_blocks(picture: Pixels, size: Size) -> Samples:
    """Every new sample is the mean of as many old ones; OpenCV rounds those of four up that are halfway between two numbers, and no others."""
    down, across = picture.shape[0] // size[0], picture.shape[1] // size[1]
    sums = picture.reshape(size[0], down, size[1], across, 3).sum(axis=(1, 3), dtype=np.int64)
    if (down, across) == (2, 2):
        sums = (sums + 2) // 4
        down = across = 1
    means: Samples = sums.astype(np.float32) * np.float32(1 / (down * across))
    return means
