"""Which numbers are drawn dark and which bright, and the distances beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from muggle_convert.draw import colours
from muggle_convert.outputs import Distance, Prediction

ROUND = ((1, 2, 5), (3, 1.5, 7), (4, 6, 8, 9, 1.2, 1.4, 1.6, 1.8, 2.5))  # leading digits of round numbers, the roundest first
ROWS = 64  # painted at a time

Tick = tuple[float, str]  # from 0, the dark end, to 1, the bright end


@dataclass(frozen=True)
class Scale:
    """From far, dark, to near, bright."""

    far: float  # in nearness
    near: float
    distance: Distance

    def share(self, prediction: Prediction) -> Prediction:
        """Where each pixel is between far, 0, and near, 1."""
        return (nearness(prediction, self.distance) - self.far) / max(self.near - self.far, 1e-12)

    def paint(self, prediction: Prediction) -> colours.Colours:
        """A colour for each pixel, grey where the prediction is not finite. Large pictures are painted a few rows at a time to save memory."""
        painted = np.empty((*prediction.shape, 3), np.uint8)
        for first in range(0, len(prediction), ROWS):
            shares = self.share(prediction[first : first + ROWS])
            rows = painted[first : first + ROWS]
            rows[:] = colours.near_and_far(shares)
            if not (known := np.isfinite(shares)).all():
                rows[~known] = 128
        return painted

    def ticks(self) -> list[Tick]:
        """Round distances in metres, the roundest first; relative numbers mean nothing on their own and get none."""
        if not self.distance.in_metres or self.near <= self.far:
            return []
        nearest, farthest = 1 / self.near, 1 / max(self.far, 1e-9)
        rounds = [step * 10.0**power for steps in ROUND for power in range(-3, 4) for step in steps]
        inside = [metres for metres in rounds if nearest <= metres <= farthest]
        return [((1 / metres - self.far) / (self.near - self.far), f"{metres:g} m") for metres in inside]

    def towards(self, other: Scale, share: float) -> Scale:
        """Part of the way to another scale, so that the colours of a video do not flicker."""
        return replace(self, far=self.far + share * (other.far - self.far), near=self.near + share * (other.near - self.near))

    def with_room_for(self, other: Scale) -> Scale:
        """What shows all that either shows."""
        return replace(self, far=min(self.far, other.far), near=max(self.near, other.near))


def scale_of(prediction: Prediction, distance: Distance) -> Scale:
    """The scale that shows all of a prediction except a few outliers."""
    step = math.ceil(math.sqrt(prediction.size / 1_000_000))
    near = nearness(prediction[::step, ::step], distance)
    shown = near[np.isfinite(near)]
    if not shown.size:
        return Scale(0.0, 1.0, distance)
    lowest, highest = np.percentile(shown, (0.2, 99.8))
    return Scale(float(lowest), float(highest), distance)


def nearness(prediction: Prediction, distance: Distance) -> Prediction:
    """Larger is nearer, whatever was predicted. Metres become inverse depth, which gives near objects the finest steps and puts infinity at zero."""
    if distance.is_inverse:
        return prediction.astype(np.float32)
    if not distance.in_metres:
        return -prediction.astype(np.float32)
    with np.errstate(divide="ignore"):
        return np.where(prediction > 0, 1 / prediction, np.nan).astype(np.float32)
