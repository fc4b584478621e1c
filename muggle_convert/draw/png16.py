"""A prediction as 16-bit grey, which other tools read; the file's text says how to turn its numbers back into the prediction."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from model_defs.config import OutputConfig
from muggle_convert.draw.png import write_png
from muggle_convert.outputs import Prediction, farthest, kind_of

LARGEST = 65535
ROWS = 64  # counted in steps at a time


def write_png16(file: BinaryIO, prediction: Prediction, output: OutputConfig) -> None:
    """The prediction is offset + step * number."""
    offset, step = coding(prediction, output)
    text = {"unit": kind_of(output).unit, "offset": f"{offset!r}", "step": f"{step!r}"}
    numbers = np.empty(prediction.shape, np.uint16)
    for top in range(0, len(prediction), ROWS):
        rows = prediction[top : top + ROWS]
        steps = np.rint((rows - offset) * (1 / step))
        numbers[top : top + ROWS] = np.fmin(np.fmax(steps, 0, out=steps), LARGEST, out=steps)  # what is no number becomes zero
    write_png(file, numbers, text)


def coding(prediction: Prediction, output: OutputConfig) -> tuple[float, float]:
    """Offset and step: for metres KITTI's 256 or NYU's 1000 steps, whichever the model's range allows; for relative numbers from least to most."""
    kind = kind_of(output)
    if kind.has_classes:
        return 0.0, 1.0
    if kind.distance is not None and kind.distance.in_metres:
        return 0.0, 0.001 if farthest(output) <= LARGEST / 1000 else 1 / 256
    shown = prediction[np.isfinite(prediction)]
    least, most = (float(shown.min()), float(shown.max())) if shown.size else (0.0, 0.0)
    return least, max((most - least) / LARGEST, 1e-12)
