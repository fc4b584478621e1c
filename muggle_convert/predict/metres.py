"""From predictions to metres, where that is possible at all."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from model_defs.config import OutputConfig
from muggle_convert.errors import Refusal

Prediction = npt.NDArray[Any]
EXAMPLE = "{(120, 340): 1.5, (600, 80): 8.0}"
Known = Mapping[tuple[int, int], float]  # metres by (x, y), counted in pixels from the top left corner


def to_metres(prediction: Prediction, output: OutputConfig, known: Known | None = None) -> Prediction:
    """Depth in metres. Relative predictions have an unknown scale and an unknown shift, so they take two known distances; infinity is beyond the horizon."""
    if output.kind == "metric depth":
        if known:
            raise Refusal("this model predicts metres already; known distances would change nothing.")
        return prediction
    if output.kind not in ("relative inverse depth", "relative depth"):
        raise Refusal(f"this model predicts {output.kind}, which no distance turns into metres.")
    inverse = output.kind == "relative inverse depth"
    scale, shift = _fit(prediction, known or {}, output.kind, inverse)
    fitted = prediction.astype(np.float64) * scale + shift
    with np.errstate(divide="ignore"):
        metres = np.where(fitted > 0, 1 / fitted, np.inf) if inverse else np.where(fitted > 0, fitted, np.nan)
    return metres.astype(np.float32)


def _fit(prediction: Prediction, known: Known, kind: str, inverse: bool) -> tuple[float, float]:
    """Scale and shift from a relative prediction to metres or inverse metres, by least squares where more than two distances are known."""
    if not isinstance(known, Mapping) or not all(map(_is_pixel, known)):
        raise Refusal(f"known distances are metres by pixel (x, y) in whole numbers, such as {EXAMPLE}.")
    if len(known) < 2:
        raise Refusal(
            f"this model predicts {kind}, whose scale and shift are unknown; metres take at least two known distances and {len(known)} "
            f"{'was' if len(known) == 1 else 'were'} given, such as {EXAMPLE} for the pixels (x, y)."
        )
    height, width = prediction.shape
    for (x, y), metres in known.items():
        if not (0 <= x < width and 0 <= y < height):
            raise Refusal(f"the pixel ({x}, {y}) lies outside of the picture, which is {width} x {height}.")
        if not isinstance(metres, Real) or not 0 < metres < float("inf"):
            raise Refusal(f"the distance of the pixel ({x}, {y}) is {metres} metres; a finite number above zero is needed.")
    values = np.array([prediction[y, x] for x, y in known], np.float64)
    distances = np.array(list(known.values()), np.float64)
    wanted = 1 / distances if inverse else distances
    spread = values - values.mean()
    if not (spread**2).sum() > 1e-12 * max(1e-12, (values**2).sum()):
        raise Refusal("the model predicts the same for all pixels whose distances are known; name pixels that are not equally far away.")
    scale = float((spread * wanted).sum() / (spread**2).sum())
    if len(set(distances)) == 1:
        raise Refusal(f"all known distances are {distances[0]:g} metres, which tells no scale; name pixels that are not equally far away.")
    if scale <= 0:
        raise Refusal(
            "the known distances contradict the prediction: what is said to be farther away is predicted to be nearer; check pixels and distances."
        )
    return scale, float(wanted.mean() - scale * values.mean())


def _is_pixel(pixel: object) -> bool:
    return isinstance(pixel, tuple) and len(pixel) == 2 and all(isinstance(place, Integral) for place in pixel)
