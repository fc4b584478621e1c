"""Predictions as pictures for people: one of them, or two and how they differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from model_defs.config import DPTConfig, OutputConfig
from muggle_convert.draw import colours
from muggle_convert.draw.panels import Legend, Panel, arrange
from muggle_convert.draw.scales import Scale, nearness, scale_of
from muggle_convert.errors import Refusal
from muggle_convert.outputs import Distance, Prediction, kind_of


def panel(prediction: Prediction, output: OutputConfig, title: str = "", scale: Scale | None = None, legend: bool = True) -> Panel:
    """The prediction in colours; the legend says what they mean where they tell near from far."""
    kind = kind_of(output)
    if kind.has_classes:
        return Panel(colours.classes(prediction), title)
    if kind.distance is None:
        raise Refusal(f"this model predicts {prediction.shape[2]} numbers for each pixel, which no colour can show; keep them as numbers.")
    scale = scale or scale_of(prediction, kind.distance)
    return Panel(scale.paint(prediction), title, distance_legend(scale, kind.unit) if legend else None)


def distance_legend(scale: Scale, caption: str) -> Legend:
    return Legend(colours.near_and_far, ("far", "near"), caption, scale.ticks())


@dataclass(frozen=True)
class Comparison:
    """Two predictions in the same unit, and the second minus the first."""

    first: Prediction
    second: Prediction
    output: OutputConfig  # what the numbers of both mean now
    title: str

    @property
    def distance(self) -> Distance:
        return _distance(self.output)

    @property
    def difference(self) -> Prediction:
        difference: Prediction = np.nan_to_num(self.second - self.first, posinf=0.0, neginf=0.0)
        return difference

    @property
    def largest_shown(self) -> float:
        """The end of a scale that fits all but the largest differences."""
        return float(np.percentile(np.abs(self.difference), 99.5))

    @property
    def sentence(self) -> str:
        size = np.abs(self.difference)
        metres = " m" if self.distance.in_metres else ""
        return f"mean {size.mean():.2g}{metres}, largest {size.max():.2g}{metres}"


def compare(first: Prediction, one: DPTConfig, second: Prediction, other: DPTConfig) -> Comparison:
    """Metres are compared in metres. Relative predictions are compared as they are between models of one configuration; otherwise after the scale
    and shift that bring the second closest to the first, in depth or inverse depth, whichever the relative one is."""
    distances = [_distance(config.output) for config in (one, other)]
    relative = [config.output for config, distance in zip((one, other), distances, strict=True) if not distance.in_metres]
    if one == other or not relative:
        return Comparison(first, second, one.output, "difference")
    if len({_distance(output).is_inverse for output in relative}) > 1:
        raise Refusal("one model predicts relative inverse depth and the other relative depth, and no scale and shift relates the two.")
    target = relative[0]
    values = [
        nearness(prediction, distance) if _distance(target).is_inverse else prediction
        for prediction, distance in zip((first, second), distances, strict=True)
    ]
    return Comparison(values[0], _aligned(values[1], values[0]), target, "difference, scale and shift aligned")


def draw_comparison(comparison: Comparison, titles: tuple[str, str], picture: colours.Colours | None = None) -> Image.Image:
    """Two predictions on one scale, and their difference."""
    scale = scale_of(comparison.first, comparison.distance)
    both = zip((comparison.first, comparison.second), titles, strict=True)
    panels = [panel(values, comparison.output, title, scale) for values, title in both]
    largest = comparison.largest_shown or 1.0
    bounds = (f"-{largest:.2g}", f"+{largest:.2g}")
    legend = Legend(colours.difference, bounds, comparison.sentence, [(0.5, "0")], low=-1.0)
    panels.append(Panel(colours.difference(comparison.difference / largest), comparison.title, legend))
    return arrange(([Panel(picture)] if picture is not None else []) + panels)


def _distance(output: OutputConfig) -> Distance:
    distance = kind_of(output).distance
    if distance is None:
        raise Refusal(f"a model that predicts {output.kind} cannot be compared; only models that predict depth can.")
    return distance


def _aligned(values: Prediction, target: Prediction) -> Prediction:
    """Scaled and shifted as close to the target as possible, by least squares."""
    both = np.isfinite(values) & np.isfinite(target)
    x, y = values[both].astype(np.float64), target[both].astype(np.float64)
    spread = x - x.mean()
    scale = (spread * y).sum() / max((spread**2).sum(), 1e-30)
    aligned: Prediction = (scale * (values - x.mean()) + y.mean()).astype(np.float32)
    return aligned
