"""A picture's depth in space: how far away each pixel is, and the camera that saw it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from muggle_convert.draw.scales import Scale
from muggle_convert.outputs import Prediction

NEAREST, FARTHEST = 1.0, 10.0  # the range given to relative depth, which has no scale of its own

Distances = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pinhole:
    """A camera at the origin, in pixels of its picture counted from the top left corner."""

    across: float  # focal length
    down: float
    centre_x: float
    centre_y: float
    known: bool  # whether anything but an assumption says so

    @classmethod
    def of(cls, height: int, width: int, focal: float, known: bool) -> Pinhole:
        return cls(focal, focal, width / 2, height / 2, known)

    @classmethod
    def that_sees(cls, height: int, width: int, degrees: float) -> Pinhole:
        """So much across the longer side, as is assumed where nobody knows better."""
        return cls.of(height, width, max(height, width) / 2 / math.tan(math.radians(degrees) / 2), known=False)

    def rays(self, height: int, width: int, step: int = 1) -> tuple[Distances, Distances]:
        """How far to the right each column of pixels looks, and how far down each row, at a distance of one."""
        across = (np.arange(0, width, step, dtype=np.float32) + 0.5 - self.centre_x) / self.across
        down = (np.arange(0, height, step, dtype=np.float32) + 0.5 - self.centre_y) / self.down
        return across.astype(np.float32), down.astype(np.float32)

    def __str__(self) -> str:
        if self.known:
            return f"focal length {self.across:g} pixels"
        degrees = 2 * math.degrees(math.atan(max(self.centre_x, self.centre_y) / self.across))
        return f"field of view {degrees:g} degrees, as assumed"


@dataclass(frozen=True)
class Relief:
    """Without its picture. Between the nearest and the farthest lie all but a few outliers."""

    away: Distances  # (height, width), along the camera's axis; what is not finite or not above zero has no place
    nearest: float
    farthest: float
    unit: str  # of all of these
    camera: Pinhole

    @property
    def comments(self) -> list[str]:
        """What a file says of itself."""
        return [f"coordinates in {self.unit}", str(self.camera)]

    @property
    def is_there(self) -> npt.NDArray[np.bool_]:
        return np.isfinite(self.away) & (self.away > 0)

    @property
    def closeness(self) -> Distances:
        """From 0, the farthest and whatever has no place, to 1, the nearest, in equal steps of inverse depth: how far eyes see something shifted."""
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = np.where(self.is_there, 1 / self.away, 0)
        low, high = 1 / self.farthest, 1 / self.nearest
        return np.clip((inverse - low) / max(high - low, 1e-12), 0, 1).astype(np.float32)


def relief_of(prediction: Prediction, scale: Scale, camera: Pinhole) -> Relief:
    if scale.distance.in_metres:
        return Relief(prediction.astype(np.float32), 1 / max(scale.near, 1e-6), 1 / max(scale.far, 1e-6), "metres", camera)
    unit = f"no unit: relative depth, the nearest points put at {NEAREST:g} and the farthest at {FARTHEST:g}"
    return Relief(_between(prediction, scale), NEAREST, FARTHEST, unit, camera)


def _between(prediction: Prediction, scale: Scale) -> Distances:
    """Relative depth between two arbitrary distances."""
    near: Distances = np.clip(scale.share(prediction), 0, 1).astype(np.float32)
    if scale.distance.is_inverse:
        return np.float32(1) / (1 / FARTHEST + near * np.float32(1 / NEAREST - 1 / FARTHEST))
    return FARTHEST + near * np.float32(NEAREST - FARTHEST)
