"""Photographs of one scene that a network sees together: cropping them, and writing their points to one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from model_defs.config import ImageConfig
from muggle_convert.draw.ply import write_points
from muggle_convert.errors import Refusal
from muggle_convert.predict.photographs import Pixels


@dataclass(frozen=True)
class View:
    """One photograph as the network saw it, and what it predicted for each pixel."""

    picture: Pixels  # (H, W, 3)
    points: npt.NDArray[np.float32]  # (H, W, 3), right, down and away from the first view's camera
    confidence: npt.NDArray[np.float32]  # (H, W), 1 or more


def cropped(picture: Pixels, image: ImageConfig, size: int | None = None) -> Pixels:
    """Scaled to the long side of training, and cropped to sides the network takes: stretching would distort the scene."""
    height, width = picture.shape[:2]
    scale = (size or image.size) / max(height, width)
    scaled = Image.fromarray(picture).resize(
        (max(1, round(scale * width)), max(1, round(scale * height))), Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    )
    across, down = (side // image.multiple * image.multiple for side in scaled.size)
    if not across or not down:
        raise Refusal(
            f"a picture of {width} x {height} pixels would be {scaled.width} x {scaled.height} for the network, which takes sides of at least "
            f"{image.multiple}; crop it, or pass a larger size."
        )
    left, top = (scaled.width - across) // 2, (scaled.height - down) // 2
    return np.asarray(scaled.crop((left, top, left + across, top + down)))


def write_pair(file: BinaryIO, views: tuple[View, View], confidence: float) -> int:
    """Write the coloured points of both views whose confidence is high enough, and return how many there are."""
    kept = [(view.confidence >= confidence) & np.isfinite(view.points).all(axis=-1) for view in views]
    points = np.concatenate([view.points[mask] for view, mask in zip(views, kept, strict=True)])
    if not len(points):
        most = max(float(view.confidence.max()) for view in views)
        raise Refusal(f"no point is trusted with a confidence of {confidence:g}; the highest is {most:.3g}: pass a lower --confidence.")
    colours = np.concatenate([view.picture[mask] for view, mask in zip(views, kept, strict=True)])
    write_points(
        file,
        points * np.array([1, -1, -1], np.float32),
        colours,
        ["coordinates without a unit, in the frame of the first view", f"confidence of at least {confidence:g}"],
    )
    return len(points)
