"""Predictions as pictures for people."""

from __future__ import annotations

from PIL import Image

from model_defs.config import OutputConfig
from muggle_convert.draw import colours
from muggle_convert.draw.comparison import Comparison
from muggle_convert.draw.panels import Legend, Panel, arrange
from muggle_convert.draw.scales import Scale, scale_of
from muggle_convert.errors import Refusal
from muggle_convert.outputs import Prediction, kind_of


def panel(prediction: Prediction, output: OutputConfig, title: str = "", scale: Scale | None = None, legend: bool = True) -> Panel:
    """The prediction in colours; the legend says what they mean where they tell near from far."""
    kind = kind_of(output)
    if kind.has_classes:
        return Panel(colours.classes(prediction), title)
    if kind.distance is None:
        raise Refusal(
            f"this model predicts {prediction.shape[2]} numbers for each pixel, which cannot be shown as colours; keep them as numbers."
        )
    scale = scale or scale_of(prediction, kind.distance)
    return Panel(scale.paint(prediction), title, distance_legend(scale, kind.unit) if legend else None)


def distance_legend(scale: Scale, caption: str) -> Legend:
    return Legend(colours.near_and_far, ("far", "near"), caption, scale.ticks())


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
