"""What the network is shown in training: a random part of a picture at the size it will see whole pictures at, perhaps mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from model_defs.config import ImageConfig
from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.datasets import Dataset, Pair, Truth
from muggle_convert.evaluation.judging import Rules, kitti_window
from muggle_convert.evaluation.running import read_pair
from muggle_convert.predict.resizing import resized
from muggle_convert.predict.sizes import Size, input_size
from muggle_convert.predict.tensors import normalised

ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)  # the field in which a camera says how it was held
Crop = tuple[Tensor, Tensor]  # (3, H, W) as the network takes it, (H, W) metres with zero where nothing counts


@dataclass(frozen=True)
class Cropping:
    """How a pair of files becomes one crop; the same random numbers give the same crop."""

    image: ImageConfig
    rules: Rules
    dataset: Dataset
    size: Size

    def __call__(self, pair: Pair, random: np.random.Generator) -> Crop:
        picture, truth = read_pair(pair, self.dataset)
        if picture.shape[:2] != truth.shape:
            raise Refusal(
                f"{printable(pair.name)}: the picture is {picture.shape[1]} x {picture.shape[0]} and its measurements are "
                f"{truth.shape[1]} x {truth.shape[0]}; both have to be of one size."
            )
        counted = np.where(self.rules.counted(truth), truth, 0)
        window = self.rules.window(truth)
        picture, counted = picture[window], counted[window]
        scaled = input_size(self.image, counted.shape)
        top, left = (int(random.integers(side - part + 1)) for side, part in zip(scaled, self.size, strict=True))
        rows, columns = slice(top, top + self.size[0]), slice(left, left + self.size[1])
        samples, metres = resized(picture, scaled, self.image.resize)[rows, columns], nearest(counted, scaled)[rows, columns]
        if random.random() < 0.5:
            samples, metres = samples[:, ::-1], metres[:, ::-1]
        return normalised(samples, self.image), torch.from_numpy(metres.copy())


def nearest(truth: Truth, size: Size) -> npt.NDArray[np.float32]:
    """Measurements are never mixed: between a near and a far thing there is no third one."""
    rows, columns = (((np.arange(after) + 0.5) * before / after).astype(np.intp) for before, after in zip(truth.shape, size, strict=True))
    return np.asarray(truth[rows[:, None], columns], np.float32)


def crop_size(image: ImageConfig, pairs: Sequence[Pair], kb_crop: bool, wanted: Size | None) -> Size:
    """What was asked for, or else what the network was trained with, as far as every picture has that much."""
    sizes = {_shown_size(pair, kb_crop) for pair in pairs}
    rows, columns = (min(sides) for sides in zip(*(input_size(image, size) for size in sizes), strict=True))
    if wanted is None:
        return min(image.size, rows), min(image.size_across or image.size, columns)
    if wanted[0] > rows or wanted[1] > columns:
        raise Refusal(
            f"a crop of {wanted[0]} x {wanted[1]} is more than the network sees of every picture; {rows} x {columns} is the most."
        )
    if wanted[0] % image.multiple or wanted[1] % image.multiple:
        raise Refusal(f"a crop of {wanted[0]} x {wanted[1]} does not fit; this network takes sides that are multiples of {image.multiple}.")
    return wanted


def _shown_size(pair: Pair, kb_crop: bool) -> Size:
    """From the beginning of the file."""
    try:
        with Image.open(pair.image) as opened:
            columns, rows = opened.size[::-1] if opened.getexif().get(ORIENTATION, 1) in SIDEWAYS else opened.size
    except OSError:
        raise Refusal(f"{printable(pair.image)} cannot be read as a picture.") from None
    if not kb_crop:
        return rows, columns
    down, across = kitti_window((rows, columns))
    return down.stop - down.start, across.stop - across.start
