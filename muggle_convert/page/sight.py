"""What the page shows of one picture: the picture itself, one prediction or two, and what their numbers mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from model_defs.config import OutputConfig
from muggle_convert.draw.colours import Colours
from muggle_convert.draw.png16 import coding
from muggle_convert.errors import Refusal
from muggle_convert.outputs import Prediction, kind_of

MOST = 1 << 23  # pixels that the page holds; of larger pictures it shows every second row and column, or every third
JPEG = 92  # quality

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """One model's prediction."""

    name: str  # of the model
    prediction: Prediction  # (height, width)
    output: OutputConfig  # what its numbers mean

    def described(self) -> dict[str, Any]:
        kind = kind_of(self.output)
        if kind.distance is None:
            raise Refusal(f"{self.name} predicts {self.output.kind}, which has no depth to look into.")
        return {
            "name": self.name,
            "unit": kind.unit,
            "inverse": kind.distance.is_inverse,
            "metres": kind.distance.in_metres,
            "sixteen": coding(self.prediction, self.output),  # offset and step of a 16-bit PNG
        }


@dataclass(frozen=True)
class Sight:
    """All of it, at the size of the picture."""

    picture: Colours  # (height, width, 3)
    layers: tuple[Layer, ...]
    field_of_view: float  # degrees across the longer side
    difference: str | None = None  # what the second layer minus the first is called; None where there is one layer

    @property
    def step(self) -> int:
        """Every so many rows and columns are shown."""
        return step_for(*self.picture.shape[:2])

    def shown(self, layer: Layer) -> Numbers:
        """(rows, columns) as the page has them: every one a number of the prediction."""
        return np.ascontiguousarray(layer.prediction[:: self.step, :: self.step], "<f4")

    def described(self) -> dict[str, Any]:
        height, width = self.picture[:: self.step, :: self.step].shape[:2]
        return {
            "width": width,
            "height": height,
            "step": self.step,
            "fieldOfView": self.field_of_view,
            "difference": self.difference,
            "layers": [layer.described() for layer in self.layers],
        }


def step_for(height: int, width: int) -> int:
    return math.ceil(math.sqrt(height * width / MOST))


def jpeg(picture: Colours) -> bytes:
    """As the page shows it."""
    step, file = step_for(*picture.shape[:2]), BytesIO()
    Image.fromarray(picture[::step, ::step]).save(file, "jpeg", quality=JPEG)
    return file.getvalue()
