"""One model, or two to compare: predicting for a picture, and drawing the prediction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import tee
from pathlib import Path

import numpy as np
from PIL import Image

from model_defs.config import OutputConfig
from model_defs.network import Network
from muggle_convert.draw.panels import Panel, arrange
from muggle_convert.draw.predictions import Comparison, compare, draw_comparison, panel
from muggle_convert.draw.scales import Scale, scale_of
from muggle_convert.errors import Refusal
from muggle_convert.outputs import FORMATS, Prediction, fitted_to_metres, kind_of
from muggle_convert.predict.metres import Known
from muggle_convert.predict.passes import Pass, Seen, Shown
from muggle_convert.predict.photographs import Pixels
from muggle_convert.predict.predictor import PROMPTED, main_map
from muggle_convert.predict.prompts import read_prompt

STEADINESS = 0.1  # how far the colours of a video follow each new frame


@dataclass(frozen=True)
class Viewed:
    """A picture and what was predicted for it."""

    picture: Pixels | None  # where it is drawn
    prediction: Prediction
    output: OutputConfig  # what the prediction's numbers mean
    comparison: Comparison | None = None


@dataclass(frozen=True)
class Viewer:
    """Predicts, and draws its predictions."""

    models: tuple[Network, ...]  # the second is compared with the first
    names: tuple[str, ...]
    size: int | None = None
    known: Known | None = None
    with_picture: bool = False
    legend: bool = True
    mirror: bool = True  # the second pass of families that predict the mirror image too
    focal: float | None = None  # pixels of the picture; makes metres of depth that depends on it

    def check(self, form: str) -> None:
        """Refuse at once what would be refused for every picture."""
        model, name = self.models[0], self.names[0]
        predicts, kind = model.config.output.kind, kind_of(model.config.output)
        if len(model.inputs) > 1 and model.inputs != PROMPTED:
            raise Refusal(f"{name} sees two pictures together: muggle-convert depth FIRST.png SECOND.png -m MODEL -o POINTS.ply.")
        if not kind.formats:
            raise Refusal(f"{name} sees the pictures of a scene together: muggle-convert depth ONE.png OTHER.png -m MODEL -o SCENE.ply.")
        if form not in kind.formats:
            fitting = ", ".join(name for name in FORMATS if name in kind.formats)
            raise Refusal(f"{name} predicts {predicts}, which {form} cannot hold; write it with --format {fitting}.")
        if self.known and not kind.can_be_fitted:
            raise Refusal(f"{name} predicts {predicts}, so known distances are of no use; leave --known out.")
        if self.focal is not None:
            if kind.at_focal is None:
                raise Refusal(f"{name} predicts {predicts}, so a focal length is of no use; leave --focal out.")
            if self.known or len(self.models) > 1:
                raise Refusal("--focal turns the depth of one model into metres; leave out --known, which does so too, and --compare.")
        if not self.mirror and not any(model.config.image.mirrored for model in self.models):
            raise Refusal(f"{name} predicts every picture once, so there is no second pass to leave out; leave --no-mirror out.")
        if len(self.models) > 1 and form not in ("png", "html"):
            raise Refusal("a comparison is a picture or a page; write it with --format png or html.")

    def check_prompts(self, are_there: bool) -> None:
        """Refuse at once where every picture lacks a prompt, or has one that nobody looks at."""
        wanted = [name for model, name in zip(self.models, self.names, strict=True) if model.inputs == PROMPTED]
        if wanted and not are_there:
            raise Refusal(f"{wanted[0]} is shown a map of measured depth beside each picture; name it, or a folder of them, with --prompt.")
        if are_there and not wanted:
            raise Refusal(f"{self.names[0]} is shown nothing but pictures; leave --prompt out.")

    @cached_property
    def ways(self) -> tuple[Pass, ...]:
        """Through each of the models."""
        return tuple(Pass(model, self.size, self.mirror, self.focal) for model in self.models)

    @property
    def together(self) -> int:
        """Pictures in a batch."""
        return min(way.together for way in self.ways)

    def view(self, picture: Pixels, prompt: Path | None = None) -> Viewed:
        """What every model predicts."""
        shown = self.show(picture, prompt)
        return self.restore(picture, shown, *self.run([shown]))

    def view_film(self, frames: Iterable[Pixels]) -> Iterator[Viewed]:
        """Every frame of a film, a window after it was read where a network looks across frames."""
        pictures, *copies = tee(frames, 1 + len(self.models))
        options = {"size": self.size, "mirror": self.mirror, "focal": self.focal}
        films = [model.stream_video(copy, **options) for model, copy in zip(self.models, copies, strict=True)]
        for picture, *predictions in zip(pictures, *films, strict=True):
            yield self._viewed(picture, predictions)

    def show(self, picture: Pixels, prompt: Path | None = None) -> tuple[Shown, ...]:
        """What each model takes; one that takes no prompt is compared without it."""
        metres = read_prompt(prompt) if prompt is not None else None
        return tuple(way.show(picture, metres if way.network.inputs == PROMPTED else None) for way in self.ways)

    def run(self, batch: Sequence[tuple[Shown, ...]]) -> list[tuple[Seen, ...]]:
        """What each model makes of each picture."""
        return list(zip(*(way.run(shown) for way, shown in zip(self.ways, zip(*batch, strict=True), strict=True)), strict=True))

    def restore(self, picture: Pixels | None, shown: tuple[Shown, ...], seen: tuple[Seen, ...]) -> Viewed:
        """At the size of the picture, which itself is needed only where it is drawn."""
        return self._viewed(picture, [main_map(way.restore(one, made)) for way, one, made in zip(self.ways, shown, seen, strict=True)])

    def _viewed(self, picture: Pixels | None, predictions: Sequence[Prediction]) -> Viewed:
        output = self.models[0].config.output
        for name, prediction in zip(self.names, predictions, strict=True):
            if not np.isfinite(prediction).any():
                raise Refusal(
                    f"{name} predicts no finite number for any pixel; its weights may hold NaNs or infinities, and muggle-convert convert counts them."
                )
        if len(self.models) > 1:
            one, other = (model.config for model in self.models)
            return Viewed(picture, predictions[0], output, compare(predictions[0], one, predictions[1], other))
        if self.known:
            return Viewed(picture, self.models[0].to_metres(predictions[0], self.known), fitted_to_metres(output))
        return Viewed(picture, predictions[0], output if self.focal is None else fitted_to_metres(output))

    def draw(self, viewed: Viewed, scale: Scale | None = None) -> Image.Image:
        if viewed.comparison is not None:
            return draw_comparison(viewed.comparison, (self.names[0], self.names[1]), viewed.picture if self.with_picture else None)
        drawn = panel(viewed.prediction, viewed.output, scale=scale, legend=self.legend)
        return arrange([Panel(viewed.picture), drawn] if self.with_picture and viewed.picture is not None else [drawn])

    def scale(self, viewed: Viewed, before: Scale | None = None) -> Scale | None:
        """The scale of one prediction; that of a frame follows the one before, so that the colours of a film do not flicker.

        Where frames agree on depth, what has a colour keeps it: the scale only ever comes to show more.
        """
        distance = kind_of(viewed.output).distance
        if distance is None:
            return None
        now = scale_of(viewed.prediction, distance)
        if before is None:
            return now
        return before.towards(before.with_room_for(now) if "frames" in self.models[0].inputs else now, STEADINESS)
