"""One image of an evaluation as four panels: the picture, the measurements, the prediction and its error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from muggle_convert.draw import colours
from muggle_convert.draw.colours import Colours
from muggle_convert.draw.panels import Legend, Panel, arrange
from muggle_convert.draw.predictions import distance_legend
from muggle_convert.draw.scales import Scale, nearness
from muggle_convert.evaluation.alignment import Alignment
from muggle_convert.evaluation.datasets import Truth
from muggle_convert.evaluation.judging import LOWEST
from muggle_convert.evaluation.running import Evaluation
from muggle_convert.outputs import METRES
from muggle_convert.predict.photographs import Pixels

FAR_OFF = 0.5  # relative error at the end of the colour scale
WIDEN = 3  # pixels that each measurement is widened to; single pixels of a laser would be invisible


def draw_errors(evaluation: Evaluation, picture: Pixels, truth: Truth, prompt: Path | None, alignment: Alignment) -> Image.Image:
    rules = evaluation.rules
    window = rules.window(truth)
    counted, shown = rules.counted(truth)[window], truth[window]
    metres = evaluation.aligner.metres(evaluation.predict(picture, prompt).astype(np.float64), alignment, LOWEST, rules.farthest(truth))
    near = nearness(shown[counted], METRES)
    scale = Scale(float(near.min()), float(near.max()), METRES)
    legend = distance_legend(scale, "metres, from far to near")
    error = np.where(counted, np.abs(metres - shown) / np.where(counted, shown, 1), 0)
    error_legend = Legend(colours.difference, ("0", f"{FAR_OFF:.0%} or more"), "error, as a share of the distance")
    return arrange(
        [
            Panel(picture[window], "picture"),
            Panel(_sparse(scale.paint(shown), counted), "measured", legend),
            Panel(scale.paint(metres), "predicted", legend),
            Panel(_sparse(colours.difference(np.clip(error / FAR_OFF, 0, 1)), counted), "error", error_legend),
        ]
    )


def _sparse(painted: Colours, counted: np.ndarray) -> Colours:
    """Grey where nothing was measured, with measurements widened."""
    drawn = np.full_like(painted, 128)
    rows, columns = np.nonzero(counted)
    for down in range(-(WIDEN // 2), WIDEN // 2 + 1):
        for across in range(-(WIDEN // 2), WIDEN // 2 + 1):
            to = np.clip(rows + down, 0, len(painted) - 1), np.clip(columns + across, 0, painted.shape[1] - 1)
            drawn[to] = painted[rows, columns]
    return drawn
