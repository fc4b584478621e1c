"""Encoded pictures in, encoded predictions and facts out: what a folder, a queue, Ray, Daft and Spark can share.

predictor = BatchPredictor("zoo:depth_anything_v2_vits", form="png16")
for predicted in predictor([("a.jpg", first), ("b.jpg", second)]):
    print(predicted.key, predicted.error or len(predicted.depth))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muggle_convert.errors import Refusal
from muggle_convert.identify.read import ReadOptions, read
from muggle_convert.outputs import FORMATS, kind_of

if TYPE_CHECKING:
    from muggle_convert.identify.match import Match
    from muggle_convert.predict.viewer import Viewed, Viewer


@dataclass(frozen=True)
class Predicted:
    """What became of one picture: a row of a table. Without a prediction, `error` is the sentence that says why, and the other facts are None."""

    key: str  # as it was given
    depth: bytes | None = None  # what a file in the format holds
    height: int | None = None  # of the prediction, which has the size of the picture
    width: int | None = None
    unit: str | None = None  # of the prediction
    scale: float | None = None  # prediction = offset + scale * stored number; None where colours or points are stored
    offset: float | None = None
    model: str | None = None  # a short hash of its weights and settings, equal for a checkpoint and its conversion
    error: str | None = None


@dataclass(frozen=True)
class BatchPredictor:
    """Predicts for encoded pictures, without any file but the model's own.

        predictor = BatchPredictor("zoo:depth_anything_v2_vits", form="png16", device="cuda", dtype="float16")
        rows = predictor([("a.jpg", content), …])

    It is a description: it pickles to a few hundred bytes, and the network is loaded where the first picture is predicted, once in each process.
    A picture that fails becomes a row with an error, and harms no other. What is wrong with the model or with the options is a `Refusal`
    before the first picture. One thread at a time may use a predictor.

    `form` is a format as for `muggle-convert depth --format`. `reading` holds the keywords that `load_any_dpt` has for reading: family, state, drops,
    revision, filename, and `overrides` for settings. The other options are those of the command line.
    """

    model: str | Path
    form: str = "npy"
    size: int | None = None
    mirror: bool = True
    device: str | None = None  # by default a graphics card where there is one
    dtype: str | None = None  # by default the model's own type
    reading: Mapping[str, Any] | None = None
    compare: str | Path | None = None  # a second model, drawn beside the first
    known: Mapping[tuple[int, int], float] | None = None
    side_by_side: bool = False
    legend: bool = True
    field_of_view: float = 60.0
    focal: float | None = None  # pixels of the pictures; makes metres of depth that depends on it
    optimize: bool = False  # sizes that come again run the way that is fastest here, at the cost of trying once for each
    threads: int | None = None  # that read, and as many that write; by default as many as there are processors for the process

    def __post_init__(self) -> None:
        if self.form not in FORMATS:
            raise Refusal(f"there is no format {self.form!r}; the formats are {', '.join(FORMATS)}.")

    def __call__(self, pictures: Iterable[tuple[str, bytes]]) -> list[Predicted]:
        """A row for each picture, given by a key and the bytes of a file, in the same order."""
        rows = dict(self._numbered(pictures))
        return [rows[number] for number in range(len(rows))]

    def stream(self, pictures: Iterable[tuple[str, bytes]]) -> Iterator[Predicted]:
        """The same for any number of pictures, in memory that does not grow with it; rows come as they are done, not in order."""
        return (row for _, row in self._numbered(pictures))

    def _numbered(self, pictures: Iterable[tuple[str, bytes]]) -> Iterator[tuple[int, Predicted]]:
        from muggle_convert.many.pipeline import in_words, predict_each
        from muggle_convert.predict.photographs import decode_picture, is_large

        viewer = self.viewer
        viewer.check_prompts(False)
        done = predict_each(
            viewer,
            ((number, key, content) for number, (key, content) in enumerate(pictures)),
            self.form,
            read=lambda given: (decode_picture(given[2], given[1]), None),
            is_large=lambda given: is_large(Path(given[1]), given[2]),
            deliver=lambda given, viewed: self._row(given[1], viewed),
            workers=self.threads,
        )
        for (number, key, _), row in done:
            yield number, Predicted(key, model=self.fingerprint, error=in_words(row)) if isinstance(row, Exception) else row

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of weights and settings, found without loading the network."""
        from muggle_convert.many.recipe import weights_of

        return weights_of(self.matches[0])

    @cached_property
    def matches(self) -> list[Match]:
        """What the checkpoints are."""
        return [read(self.model, ReadOptions(**self.reading or {})), *([read(self.compare)] if self.compare else [])]

    @cached_property
    def viewer(self) -> Viewer:
        """The loaded networks."""
        from PIL import Image

        from model_defs.fast import freeze
        from muggle_convert.building import load
        from muggle_convert.placement import Placement, best_device
        from muggle_convert.predict.viewer import Viewer

        Image.MAX_IMAGE_PIXELS = None  # read_picture has its own limit, and refuses where Pillow would warn
        models = tuple(load(match, Placement(self.device or best_device(), self.dtype)) for match in self.matches)
        if self.optimize:
            models = tuple(network.optimize() for network in models)
        else:
            for network in models:
                freeze(network)
        names = tuple(Path(name).name for name in (self.model, self.compare) if name)
        viewer = Viewer(models, names, self.size, self.known, self.side_by_side, self.legend, self.mirror, self.focal)
        viewer.check(self.form)
        return viewer

    def __getstate__(self) -> dict[str, Any]:
        """The options alone: what is loaded stays in its process."""
        return {name: value for name, value in vars(self).items() if name in self.__dataclass_fields__}

    def _row(self, key: str, viewed: Viewed) -> Predicted:
        from muggle_convert.predict.formats import encode, stored_as

        file = BytesIO()
        encode(self.viewer, viewed, file, self.form, self.field_of_view)
        height, width = viewed.prediction.shape[:2]
        offset, scale = stored_as(self.form, viewed) or (None, None)
        return Predicted(key, file.getvalue(), height, width, kind_of(viewed.output).unit, scale, offset, self.fingerprint)
