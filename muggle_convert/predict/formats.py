"""Writing predictions: one picture in any of the formats, or a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from muggle_convert.checkpoints import printable
from muggle_convert.draw import glb, ply, stereo
from muggle_convert.draw.colours import Colours
from muggle_convert.draw.exr import write_exr
from muggle_convert.draw.normals import normal_map
from muggle_convert.draw.npz import write_npz
from muggle_convert.draw.png import write_png
from muggle_convert.draw.png16 import coding, write_png16
from muggle_convert.draw.scales import Scale
from muggle_convert.errors import Refusal
from muggle_convert.files.atomic import replacing
from muggle_convert.outputs import FORMATS, kind_of
from muggle_convert.page.one_file import write_page
from muggle_convert.predict.sights import relief_of_view, sight_of
from muggle_convert.predict.video import Video, encoder, even
from muggle_convert.predict.viewer import Viewed, Viewer

SHAPES = {"ply": ply.write_pixels, "ply-mesh": ply.write_mesh, "glb": glb.write_mesh}


@dataclass(frozen=True)
class SaveOptions:
    """What is written."""

    form: str
    field_of_view: float
    frame_rate: float | None  # of a video


def write_prediction(viewer: Viewer, viewed: Viewed, target: Path, options: SaveOptions) -> None:
    with replacing(target) as part, open(part, "wb") as file:
        encode(viewer, viewed, file, options.form, options.field_of_view)


def encode(viewer: Viewer, viewed: Viewed, file: BinaryIO, form: str, field_of_view: float) -> None:
    """What a file in this format holds."""
    match form:
        case "npy":
            np.save(file, viewed.prediction)
        case "npz":
            write_npz(file, viewed.prediction, kind_of(viewed.output).unit)
        case "png16":
            write_png16(file, viewed.prediction, viewed.output)
        case "exr":
            write_exr(file, viewed.prediction, kind_of(viewed.output).unit)
        case "ply" | "ply-mesh" | "glb" if viewed.picture is not None:
            SHAPES[form](file, viewed.picture, relief_of_view(viewer, viewed, field_of_view))
        case "html":
            write_page(file, sight_of(viewer, viewed, field_of_view))
        case _:
            write_png(file, _drawn(viewer, viewed, form, field_of_view))


def stored_as(form: str, viewed: Viewed) -> tuple[float, float] | None:
    """Offset and step from the numbers in such a file to the prediction; None where it holds no numbers but colours, points or a page."""
    if not FORMATS[form].has_numbers:
        return None
    return coding(viewed.prediction, viewed.output) if form == "png16" else (0.0, 1.0)


def _drawn(viewer: Viewer, viewed: Viewed, form: str, field_of_view: float, scale: Scale | None = None) -> Colours:
    """In formats that are pictures."""
    match form:
        case "normals":
            return normal_map(relief_of_view(viewer, viewed, field_of_view, scale))
        case "stereo" | "anaglyph" if viewed.picture is not None:
            draw = stereo.side_by_side if form == "stereo" else stereo.anaglyph
            return draw(viewed.picture, relief_of_view(viewer, viewed, field_of_view, scale))
        case _:
            return np.asarray(viewer.draw(viewed, scale))


def write_video(viewer: Viewer, video: Video, target: Path, options: SaveOptions, on_frame: Callable[[], None]) -> None:
    frames = _frames(viewer, video, options)
    first = next(frames, None)
    if first is None:
        raise Refusal(f"{printable(video.path.name)} gives no picture at {float(video.rate):g} frames per second; it may be too short.")
    with (
        replacing(target) as part,
        open(part, "wb"),  # a file that cannot be made is refused in our words, before PyAV's
        encoder(part, video.rate, (first.shape[0], first.shape[1])) as write,
    ):
        write(first)
        on_frame()
        for frame in frames:
            write(frame)
            on_frame()


def _frames(viewer: Viewer, video: Video, options: SaveOptions) -> Iterator[Colours]:
    scale = None
    for viewed in viewer.view_film(video):
        scale = viewer.scale(viewed, scale)
        yield even(_drawn(viewer, viewed, options.form, options.field_of_view, scale))
