"""From predictions to metres, where that is possible at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from model_defs.config import OutputConfig
from muggle_convert.errors import Refusal

Prediction = npt.NDArray[Any]
Known = Mapping[tuple[int, int], float]  # metres by (x, y), counted in pixels from the top left corner


def to_metres(prediction: Prediction, output: OutputConfig, known: Known | None = None) -> Prediction:
    """Depth in metres. Relative inverse depth has an unknown scale and an unknown shift, so it takes two known distances; infinity is beyond the horizon."""
    if output.kind == "metric depth":
        if known:
            raise Refusal("this model predicts metres already; known distances would change nothing.")
        return prediction
    if output.kind != "relative inverse depth":
        raise Refusal(f"this model predicts {output.kind}, which no distance turns into metres.")
    scale, shift = fit(prediction, known or {})
    inverse = prediction.astype(np.float64) * scale + shift
    with np.errstate(divide="ignore"):
        return np.where(inverse > 0, 1 / inverse, np.inf).astype(np.float32)


def fit(prediction: Prediction, known: Known) -> tuple[float, float]:
    """Scale and shift that make inverse metres of a relative prediction, by least squares where more than two distances are known."""
    if len(known) < 2:
        raise Refusal(
            f"this model predicts relative inverse depth, whose scale and shift are unknown; metres take at least two known distances and {len(known)} "
            "were given, such as {(120, 340): 1.5, (600, 80): 8.0} for the pixels (x, y)."
        )
    height, width = prediction.shape
    for (x, y), metres in known.items():
        if not (0 <= x < width and 0 <= y < height):
            raise Refusal(f"the pixel ({x}, {y}) lies outside of the picture, which is {width} x {height}.")
        if not (0 < metres < float("inf")):
            raise Refusal(f"the distance of the pixel ({x}, {y}) is {metres} metres; a finite number above zero is needed.")
    values = np.array([prediction[y, x] for x, y in known], np.float64)
    inverse = 1 / np.array(list(known.values()), np.float64)
    spread = values - values.mean()
    if not (spread**2).sum() > 1e-12 * max(1e-12, (values**2).sum()):
        raise Refusal("the model predicts the same for all pixels whose distances are known; name pixels that are not equally far away.")
    scale = float((spread * inverse).sum() / (spread**2).sum())
    if scale <= 0:
        raise Refusal(
            "the known distances contradict the prediction: what is said to be farther away is predicted to be nearer; check pixels and distances."
        )
    return scale, float(inverse.mean() - scale * values.mean())
