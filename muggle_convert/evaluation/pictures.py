"""The worst images, drawn: what was seen, what was measured, what was predicted, and how far that is off."""

from __future__ import annotations

import numpy as np
from PIL import Image

from muggle_convert.draw import colours
from muggle_convert.draw.colours import Colours
from muggle_convert.draw.panels import Legend, Panel, arrange
from muggle_convert.draw.scales import Scale, nearness
from muggle_convert.evaluation.alignment import Alignment
from muggle_convert.evaluation.datasets import Truth
from muggle_convert.evaluation.judging import LOWEST
from muggle_convert.evaluation.regions import kitti_window
from muggle_convert.evaluation.running import Sitting
from muggle_convert.predict.reading import Pixels

FAR_OFF = 0.5  # relative error that is drawn in the last colour
WIDEN = 3  # rows and columns around a measurement that are drawn like it; single pixels of a laser would not be seen


def draw(sitting: Sitting, picture: Pixels, truth: Truth, alignment: Alignment) -> Image.Image:
    """Four panels in a row."""
    rules = sitting.rules
    window = kitti_window((truth.shape[0], truth.shape[1])) if rules.kb_crop else (slice(None), slice(None))
    counted, shown = rules.counted(truth)[window], truth[window]
    metres = sitting.aligner.metres(sitting.predict(picture).astype(np.float64), alignment, LOWEST, rules.farthest(truth))
    near = nearness(shown[counted], "metric depth")
    scale = Scale(float(near.min()), float(near.max()), "metric depth")
    legend = Legend(colours.near_and_far, ("far", "near"), "metres, from far to near", scale.ticks())
    error = np.where(counted, np.abs(metres - shown) / np.where(counted, shown, 1), 0)
    off = Legend(colours.difference, ("0", f"{FAR_OFF:.0%} or more"), "error, as a share of the distance")
    return arrange(
        [
            Panel(rules.shown(picture), "picture"),
            Panel(_sparse(scale.paint(shown), counted), "measured", legend),
            Panel(scale.paint(metres), "predicted", legend),
            Panel(_sparse(colours.difference(np.clip(error / FAR_OFF, 0, 1)), counted), "error", off),
        ]
    )


def _sparse(painted: Colours, counted: np.ndarray) -> Colours:
    """Grey where nothing was measured; measurements are widened."""
    drawn = np.full_like(painted, 128)
    rows, columns = np.nonzero(counted)
    for down in range(-(WIDEN // 2), WIDEN // 2 + 1):
        for across in range(-(WIDEN // 2), WIDEN // 2 + 1):
            to = np.clip(rows + down, 0, len(painted) - 1), np.clip(columns + across, 0, painted.shape[1] - 1)
            drawn[to] = painted[rows, columns]
    return drawn
