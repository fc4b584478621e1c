"""A prediction as 16-bit grey, which other tools read; how a number becomes the prediction again is written beside it."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from model_defs.config import OutputConfig
from muggle_convert.draw.scales import unit
from muggle_convert.predict.metres import Prediction

LARGEST = 65535


def write_png16(file: BinaryIO, prediction: Prediction, output: OutputConfig) -> None:
    """The prediction is offset + step * number."""
    offset, step = coding(prediction, output)
    shown = np.clip(np.nan_to_num(prediction, nan=offset), offset, offset + step * LARGEST)
    numbers = np.rint((shown - offset) / step).astype(np.uint16)
    words = PngInfo()
    for key, value in (("unit", unit(output)), ("offset", f"{offset!r}"), ("step", f"{step!r}")):
        words.add_text(key, value)
    Image.fromarray(numbers).save(file, "PNG", pnginfo=words)


def coding(prediction: Prediction, output: OutputConfig) -> tuple[float, float]:
    """Metres as KITTI and NYU have them, 256 steps or a thousand to the metre, whichever the model's range allows; relative numbers from least to most."""
    if output.kind == "classes":
        return 0.0, 1.0
    if output.kind == "metric depth":
        return 0.0, 0.001 if farthest(output) <= LARGEST / 1000 else 1 / 256
    shown = prediction[np.isfinite(prediction)]
    least, most = (float(shown.min()), float(shown.max())) if shown.size else (0.0, 0.0)
    return least, max((most - least) / LARGEST, 1e-12)


def farthest(output: OutputConfig) -> float:
    """The largest depth in metres that a model can give; of distances that were fitted nothing is known."""
    if output.max_depth is not None:
        return output.max_depth
    return 1 / output.shift if output.invert and output.shift else float("inf")
