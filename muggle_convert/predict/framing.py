"""Photographs of one scene, brought to the sizes that a network sees together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from model_defs.config import Framing, ImageConfig
from muggle_convert.errors import Refusal
from muggle_convert.predict.photographs import Pixels
from muggle_convert.predict.resizing import fitted
from muggle_convert.predict.sizes import input_size

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Framed:
    """A picture as the network sees it."""

    pixels: Pixels  # (H, W, 3)
    placement: Matrix  # (3, 3), from pixels of the picture as given to pixels of this one, both counted from the top left corner

    def cut(self, height: int, width: int) -> Framed:
        """The middle of it."""
        top, left = (self.pixels.shape[0] - height) // 2, (self.pixels.shape[1] - width) // 2
        moved = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
        return Framed(self.pixels[top : top + height, left : left + width], moved @ self.placement)

    def on_white(self, height: int, width: int) -> Framed:
        """With white around it."""
        top, left = (height - self.pixels.shape[0]) // 2, (width - self.pixels.shape[1]) // 2
        canvas = np.full((height, width, 3), 255, np.uint8)
        canvas[top : top + self.pixels.shape[0], left : left + self.pixels.shape[1]] = self.pixels
        moved = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
        return Framed(canvas, moved @ self.placement)


def framed(framing: Framing, pictures: Sequence[Pixels], image: ImageConfig, size: int | None = None) -> list[Framed]:
    """Every picture, the way that networks of this kind were trained."""
    return FRAMINGS[framing](pictures, image, size)


def cropped(picture: Pixels, image: ImageConfig, size: int | None = None) -> Framed:
    """Scaled to the long side of training, and cropped to sides the network takes: stretching would distort the scene."""
    height, width = picture.shape[:2]
    scale = (size or image.size) / max(height, width)
    whole = (max(1, round(scale * width)), max(1, round(scale * height)))
    scaled = Image.fromarray(picture).resize(whole, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
    across, down = (side // image.multiple * image.multiple for side in scaled.size)
    if not across or not down:
        raise Refusal(
            f"a picture of {width} x {height} pixels would be {scaled.width} x {scaled.height} for the network, which takes sides of at least "
            f"{image.multiple}; crop it, or pass a larger size."
        )
    return Framed(np.asarray(scaled), _scaled(picture, np.asarray(scaled))).cut(down, across)


def _all_cropped(pictures: Sequence[Pixels], image: ImageConfig, size: int | None) -> list[Framed]:
    return [cropped(picture, image, size) for picture in pictures]


def _all_resized(pictures: Sequence[Pixels], image: ImageConfig, size: int | None) -> list[Framed]:
    """Each resized by the rule for single pictures, and all cut to the smallest height and the smallest width among them."""
    views = []
    for picture in pictures:
        pixels = fitted(picture, image, size).round().clip(0, 255).astype(np.uint8)
        views.append(Framed(pixels, _scaled(picture, pixels)))
    height, width = (min(view.pixels.shape[axis] for view in views) for axis in (0, 1))
    return [view.cut(height, width) for view in views]


def _all_across(pictures: Sequence[Pixels], image: ImageConfig, size: int | None) -> list[Framed]:
    """Each as wide as in training; of one that becomes higher than wide, the middle square; and white around those lower than the highest."""
    views = [_smoothly_resized(picture, image, size) for picture in pictures]
    views = [view.cut(min(view.pixels.shape[:2]), view.pixels.shape[1]) for view in views]
    height = max(view.pixels.shape[0] for view in views)
    return [view.on_white(height, view.pixels.shape[1]) for view in views]


def _all_padded(pictures: Sequence[Pixels], image: ImageConfig, size: int | None) -> list[Framed]:
    """Each with its longer side as in training, and white around it to a square."""
    views = [_smoothly_resized(picture, image, size) for picture in pictures]
    side = max(max(view.pixels.shape[:2]) for view in views)
    return [view.on_white(side, side) for view in views]


def _smoothly_resized(picture: Pixels, image: ImageConfig, size: int | None) -> Framed:
    """By the rule for single pictures, and a kernel that sees all that a smaller picture stands for."""
    rows, columns = input_size(image, (picture.shape[0], picture.shape[1]), size)
    pixels = np.asarray(Image.fromarray(picture).resize((columns, rows), Image.Resampling.BICUBIC))
    return Framed(pixels, _scaled(picture, pixels))


def _scaled(before: Pixels, after: Pixels) -> Matrix:
    return np.diag([after.shape[1] / before.shape[1], after.shape[0] / before.shape[0], 1.0])


FRAMINGS: Mapping[Framing, Callable[[Sequence[Pixels], ImageConfig, int | None], list[Framed]]] = {
    "cropped": _all_cropped,
    "resized": _all_resized,
    "across": _all_across,
    "padded": _all_padded,
}
