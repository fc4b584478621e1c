"""One or two models, and what is asked of them for every picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from model_defs.config import OutputConfig
from model_defs.network import Network
from muggle_convert.draw.comparison import Comparison, compare
from muggle_convert.draw.panels import Panel, arrange
from muggle_convert.draw.pictures import compared, depth_panel, painted
from muggle_convert.draw.scales import DEPTH, Scale, scale_of
from muggle_convert.errors import Refusal
from muggle_convert.predict.metres import Known, Prediction
from muggle_convert.predict.reading import Pixels

FORMATS: Mapping[str, tuple[str, ...]] = {  # the kinds of prediction that each can hold
    "png": (*DEPTH, "classes"),
    "npy": (*DEPTH, "classes", "channels"),
    "png16": (*DEPTH, "classes"),
    "exr": DEPTH,
    "ply": DEPTH,
}


@dataclass(frozen=True)
class Seen:
    """A picture and what was predicted for it."""

    picture: Pixels
    prediction: Prediction
    output: OutputConfig  # what the prediction's numbers mean
    comparison: Comparison | None


@dataclass(frozen=True)
class Seer:
    """Predicts, and draws what it predicted."""

    models: tuple[Network, ...]  # the second one to compare with the first
    names: tuple[str, ...]
    size: int | None = None
    known: Known | None = None
    with_picture: bool = False
    legend: bool = True

    def check(self, form: str) -> None:
        """Refuse at once what would be refused for every picture."""
        output = self.models[0].config.output
        if output.kind == "points":
            raise Refusal(f"{self.names[0]} sees two pictures together: muggle-convert depth FIRST.png SECOND.png -m MODEL -o POINTS.ply.")
        if output.kind not in FORMATS[form]:
            fitting = ", ".join(name for name, kinds in FORMATS.items() if output.kind in kinds)
            raise Refusal(f"{self.names[0]} predicts {output.kind}, which {form} does not hold; write it with --format {fitting}.")
        if self.known and not output.kind.startswith("relative"):
            raise Refusal(f"{self.names[0]} predicts {output.kind}, so known distances are of no use; leave --known out.")
        if len(self.models) > 1 and form != "png":
            raise Refusal("a comparison is a picture; it is written with --format png.")

    def see(self, picture: Pixels) -> Seen:
        predictions = [model.predict(picture, self.size) for model in self.models]
        output = self.models[0].config.output
        for name, prediction in zip(self.names, predictions, strict=True):
            if not np.isfinite(prediction).any():
                raise Refusal(
                    f"{name} predicts no finite number for any pixel; its weights may hold NaN or infinity, and muggle-convert convert says how many."
                )
        if len(self.models) > 1:
            one, other = (model.config for model in self.models)
            return Seen(picture, predictions[0], output, compare(predictions[0], one, predictions[1], other))
        if self.known:
            return Seen(picture, self.models[0].to_metres(predictions[0], self.known), replace(output, kind="metric depth"), None)
        return Seen(picture, predictions[0], output, None)

    def draw(self, seen: Seen, scale: Scale | None = None) -> Image.Image:
        if seen.comparison is not None:
            return compared(seen.comparison, (self.names[0], self.names[1]), seen.picture if self.with_picture else None)
        if self.legend:
            panel = depth_panel(seen.prediction, seen.output, scale=scale)
        else:
            panel = Panel(painted(seen.prediction, seen.output, scale))
        return arrange([Panel(seen.picture), panel] if self.with_picture else [panel])

    def scale(self, seen: Seen) -> Scale | None:
        """The colours of one prediction; a film wants them steady from frame to frame."""
        return scale_of(seen.prediction, seen.output) if seen.output.kind in DEPTH else None
