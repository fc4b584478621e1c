"""What was seen, as a file of one of the formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from muggle_convert.checkpoints import printable
from muggle_convert.draw.colours import Colours
from muggle_convert.draw.exr import write_exr
from muggle_convert.draw.ply import write_ply
from muggle_convert.draw.png16 import write_png16
from muggle_convert.draw.scales import scale_of, unit
from muggle_convert.errors import Refusal
from muggle_convert.files.replacing import replacing
from muggle_convert.predict.seeing import Seen, Seer
from muggle_convert.predict.video import Film, encoder, even

COMPRESSION = 4  # half the time of the usual 6, and two hundredths more bytes
STEADINESS = 0.1  # how far the colours of a film follow each new frame


def save(seer: Seer, seen: Seen, target: Path, form: str, field_of_view: float) -> None:
    """Write one prediction."""
    with replacing(target) as part, open(part, "wb") as file:
        if form == "npy":
            np.save(file, seen.prediction)
        elif form == "png16":
            write_png16(file, seen.prediction, seen.output)
        elif form == "exr":
            write_exr(file, seen.prediction, unit(seen.output))
        elif form == "ply":
            write_ply(file, seen.picture, seen.prediction, scale_of(seen.prediction, seen.output), field_of_view)
        else:
            seer.draw(seen).save(file, "PNG", compress_level=COMPRESSION)


def save_film(seer: Seer, film: Film, target: Path, on_frame: Callable[[], None]) -> None:
    """Write a film of pictures."""
    frames = _frames(seer, film)
    first = next(frames, None)
    if first is None:
        raise Refusal(
            f"{printable(film.path.name)} gives no picture at {float(film.rate):g} frames a second; it may be shorter than that takes."
        )
    with (
        replacing(target) as part,
        open(part, "wb"),  # whether a file can be made shows before ffmpeg says it in its own words
        encoder(part, film.rate, (first.shape[0], first.shape[1])) as stream,
    ):
        stream.write(first.tobytes())
        on_frame()
        for frame in frames:
            stream.write(frame.tobytes())
            on_frame()


def _frames(seer: Seer, film: Film) -> Iterator[Colours]:
    scale = None
    for picture in film:
        seen = seer.see(picture)
        now = seer.scale(seen)
        scale = scale.towards(now, STEADINESS) if scale and now else now
        yield even(np.asarray(seer.draw(seen, scale)))
