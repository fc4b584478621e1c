"""From predictions to metres, where that is possible at all."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np

from model_defs.config import OutputConfig
from muggle_convert.errors import Refusal
from muggle_convert.outputs import Prediction, kind_of
from muggle_convert.predict.sizes import Size

EXAMPLE = "{(120, 340): 1.5, (600, 80): 8.0}"
Known = Mapping[tuple[int, int], float]  # metres by (x, y), in pixels from the top left corner


def to_metres(prediction: Prediction, output: OutputConfig, known: Known | None = None) -> Prediction:
    """Depth in metres. The scale and shift of relative predictions are unknown, so those take two known distances; beyond the horizon is infinity."""
    distance = kind_of(output).distance
    if distance is None:
        raise Refusal(f"this model predicts {output.kind}, which no known distance turns into metres.")
    if distance.in_metres:
        if known:
            raise Refusal("this model predicts metres already; known distances would change nothing.")
        return prediction
    scale, shift = _fit(prediction, known or {}, output.kind, distance.is_inverse, kind_of(output).at_focal)
    fitted = prediction.astype(np.float64) * scale + shift
    with np.errstate(divide="ignore"):
        metres = np.where(fitted > 0, 1 / fitted, np.inf) if distance.is_inverse else np.where(fitted > 0, fitted, np.nan)
    return metres.astype(np.float32)


def by_focal_length(prediction: Prediction, output: OutputConfig, focal: float, picture: Size, seen: Size) -> Prediction:
    """Metres, from depth for another focal length; `focal` is in pixels of the picture, which the network saw at the size `seen`."""
    at_focal = kind_of(output).at_focal
    if at_focal is None:
        raise Refusal(f"this model predicts {output.kind}, which no focal length turns into metres; leave it out.")
    if isinstance(focal, bool) or not isinstance(focal, Real) or not 0 < focal < float("inf"):
        raise Refusal(f"the focal length is {focal!r}; a finite number of pixels above zero is needed.")
    scale = sum(after / before for after, before in zip(seen, picture, strict=True)) / 2
    return (prediction * (float(focal) * scale / at_focal)).astype(np.float32)


def _fit(prediction: Prediction, known: Known, kind: str, inverse: bool, at_focal: float | None) -> tuple[float, float]:
    """Scale and shift from a relative prediction to metres or inverse metres, by least squares if more than two distances are known."""
    if not isinstance(known, Mapping) or not all(map(_is_pixel, known)):
        raise Refusal(f"known distances are metres by pixel (x, y) in whole numbers, such as {EXAMPLE}.")
    if len(known) < 2:
        if at_focal is not None and not known:
            raise Refusal(
                f"this model predicts {kind}, which the camera's focal length turns into metres: pass focal=PIXELS to predict, or two known "
                f"distances, such as {EXAMPLE}."
            )
        raise Refusal(
            f"this model predicts {kind}, whose scale and shift are unknown; metres take at least two known distances and {len(known)} "
            f"{'was' if len(known) == 1 else 'were'} given: pass more, such as {EXAMPLE} for the pixels (x, y)."
        )
    height, width = prediction.shape
    for (x, y), metres in known.items():
        if not (0 <= x < width and 0 <= y < height):
            raise Refusal(f"the pixel ({x}, {y}) lies outside the picture, which is {width} x {height}.")
        if not isinstance(metres, Real) or not 0 < metres < float("inf"):
            raise Refusal(f"the distance of the pixel ({x}, {y}) is {metres} metres; a finite number above zero is needed.")
    values = np.array([prediction[y, x] for x, y in known], np.float64)
    distances = np.array(list(known.values()), np.float64)
    wanted = 1 / distances if inverse else distances
    spread = values - values.mean()
    if not (spread**2).sum() > 1e-12 * max(1e-12, (values**2).sum()):
        raise Refusal("the model predicts the same for all pixels whose distances are known; name pixels at different distances.")
    scale = float((spread * wanted).sum() / (spread**2).sum())
    if len(set(distances)) == 1:
        raise Refusal(f"all known distances are {distances[0]:g} metres, which determines no scale; name pixels at different distances.")
    if scale <= 0:
        raise Refusal("the known distances contradict the prediction: pixels said to be farther are predicted nearer; check the distances.")
    return scale, float(wanted.mean() - scale * values.mean())


def _is_pixel(pixel: object) -> bool:
    return isinstance(pixel, tuple) and len(pixel) == 2 and all(isinstance(place, Integral) for place in pixel)
