"""Which numbers are shown dark and which bright, and what is written beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model_defs.config import OutputConfig
from muggle_convert.draw import colours
from muggle_convert.predict.metres import Prediction

ROUND = ((1, 2, 5), (3, 1.5, 7), (4, 6, 8, 9, 1.2, 1.4, 1.6, 1.8, 2.5))  # numbers people like to read, by how much they like them
Tick = tuple[float, str]  # from 0, the dark end, to 1, the bright end


ROWS = 64  # that are painted at a time
DEPTH = ("relative inverse depth", "relative depth", "metric depth")  # the kinds of prediction that tell near from far


@dataclass(frozen=True)
class Scale:
    """From far, dark, to near, bright."""

    far: float  # in nearness
    near: float
    kind: str  # of prediction

    def share(self, prediction: Prediction) -> npt.NDArray[Any]:
        """Where each pixel is between far, 0, and near, 1."""
        return (nearness(prediction, self.kind) - self.far) / max(self.near - self.far, 1e-12)

    def paint(self, prediction: Prediction) -> colours.Colours:
        """A colour for each pixel; grey where the network gave no number. A few rows at a time, for pictures are large."""
        painted = np.full((*prediction.shape, 3), 128, np.uint8)
        for first in range(0, len(prediction), ROWS):
            shares = self.share(prediction[first : first + ROWS])
            known = np.isfinite(shares)
            painted[first : first + ROWS][known] = colours.near_and_far(shares[known])
        return painted

    def ticks(self) -> list[Tick]:
        """Distances where there are metres, the roundest first; relative numbers mean nothing by themselves, so they get none."""
        if self.kind != "metric depth" or self.near <= self.far:
            return []
        nearest, farthest = 1 / self.near, 1 / max(self.far, 1e-9)
        rounds = [step * 10.0**power for steps in ROUND for power in range(-3, 4) for step in steps]
        inside = [metres for metres in rounds if nearest <= metres <= farthest]
        return [((1 / metres - self.far) / (self.near - self.far), f"{metres:g} m") for metres in inside]

    def towards(self, other: Scale, share: float) -> Scale:
        """Partly the way to another scale, so that the colours of a film do not flicker."""
        return Scale(self.far + share * (other.far - self.far), self.near + share * (other.near - self.near), self.kind)


def scale_of(prediction: Prediction, output: OutputConfig) -> Scale:
    """The scale that shows all of a prediction but a few outliers."""
    step = math.ceil(math.sqrt(prediction.size / 1_000_000))
    near = nearness(prediction[::step, ::step], output.kind)
    shown = near[np.isfinite(near)]
    if not shown.size:
        return Scale(0.0, 1.0, output.kind)
    lowest, highest = np.percentile(shown, (0.2, 99.8))
    return Scale(float(lowest), float(highest), output.kind)


def nearness(prediction: Prediction, kind: str) -> npt.NDArray[Any]:
    """Larger is nearer, whatever the prediction was. Metres become inverse depth, so that what is near is told apart best and infinity is zero."""
    if kind == "relative inverse depth":
        return prediction.astype(np.float32)
    if kind == "relative depth":
        return -prediction.astype(np.float32)
    with np.errstate(divide="ignore"):
        return np.where(prediction > 0, 1 / prediction, np.nan).astype(np.float32)


def unit(output: OutputConfig) -> str:
    """What the numbers are, for a legend."""
    return {"metric depth": "metres", "classes": "classes"}.get(output.kind, f"{output.kind}, without a unit")
