"""Predictions as pictures that people look at."""

from __future__ import annotations

from PIL import Image

from model_defs.config import OutputConfig
from muggle_convert.draw import colours
from muggle_convert.draw.comparison import Comparison
from muggle_convert.draw.panels import Legend, Panel, arrange
from muggle_convert.draw.scales import DEPTH, Scale, scale_of, unit
from muggle_convert.errors import Refusal
from muggle_convert.predict.metres import Prediction
from muggle_convert.predict.reading import Pixels


def painted(prediction: Prediction, output: OutputConfig, scale: Scale | None = None) -> colours.Colours:
    """The prediction in colours, pixel by pixel."""
    if output.kind == "classes":
        return colours.classes(prediction)
    if output.kind == "channels":
        raise Refusal(
            f"this model predicts {prediction.shape[2]} numbers for each pixel, which no colours stand for; keep them as numbers."
        )
    return (scale or scale_of(prediction, output)).paint(prediction)


def depth_panel(prediction: Prediction, output: OutputConfig, title: str = "", scale: Scale | None = None) -> Panel:
    """The prediction in colours, and what the colours mean."""
    if output.kind not in DEPTH:
        return Panel(painted(prediction, output), title)
    scale = scale or scale_of(prediction, output)
    return Panel(scale.paint(prediction), title, Legend(colours.near_and_far, ("far", "near"), unit(output), scale.ticks()))


def compared(comparison: Comparison, titles: tuple[str, str], picture: Pixels | None = None) -> Image.Image:
    """Two predictions on one scale, and what differs."""
    scale = scale_of(comparison.first, comparison.output)
    both = zip((comparison.first, comparison.second), titles, strict=True)
    panels = [depth_panel(values, comparison.output, title, scale) for values, title in both]
    largest = comparison.largest_shown or 1.0
    ends = (f"-{largest:.2g}", f"+{largest:.2g}")
    legend = Legend(colours.difference, ends, comparison.sentence, [(0.5, "0")], low=-1.0)
    panels.append(Panel(colours.difference(comparison.difference / largest), comparison.title, legend))
    return arrange(([Panel(picture)] if picture is not None else []) + panels)
