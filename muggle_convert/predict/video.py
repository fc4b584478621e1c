"""Videos, frame by frame, through PyAV where it is installed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.regular_file import open_regular
from muggle_convert.draw.colours import Colours
from muggle_convert.errors import Refusal
from muggle_convert.predict.photographs import Pixels

SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".wmv"})

COMPLETE = 0.9  # share of the announced frames; a last frame that is shown for long makes the announced number too high

# FFmpeg knows more, of which some lead to other files and to the network.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,asf"


@dataclass(frozen=True)
class Video:
    """A video file: frames per second, and how many there will be, if the file says so."""

    path: Path
    rate: Fraction
    frames: int | None

    def __iter__(self) -> Iterator[Pixels]:
        """Every frame, upright, at the video's rate."""
        av = _pyav(self.path)
        count = 0
        try:
            with _opened(self.path) as container:
                for frame, rotation in _at_rate(av, container, self.rate):
                    pixels = frame.to_ndarray(format="rgb24")
                    yield np.ascontiguousarray(np.rot90(pixels, rotation // 90)) if rotation else pixels
                    count += 1
        except av.error.FFmpegError as problem:
            raise Refusal(
                f"{printable(self.path.name)} is damaged and cannot be read as a video ({printable(problem.strerror)})."
            ) from None
        if count < COMPLETE * (self.frames or 0):
            raise Refusal(
                f"{printable(self.path.name)} ends after {count} of {self.frames} frames; cut it to what is there, for example with ffmpeg -i, "
                "and predict that."
            )


def open_video(path: Path, rate: float | None = None) -> Video:
    """What a video file says about itself; `rate` is how many frames per second to take, instead of all of them."""
    av = _pyav(path)
    if not path.exists():
        raise Refusal(f"{printable(path)} does not exist.")
    try:
        with _opened(path) as container:
            stream, is_alone, whole = container.streams.video[0], len(container.streams) == 1, container.duration
            average, seconds = stream.average_rate, _seconds(stream)
    except (av.error.FFmpegError, OSError, IndexError):
        raise Refusal(f"{printable(path.name)} is not a video that FFmpeg reads.") from None
    if rate is None and not average:
        raise Refusal(f"{printable(path.name)} does not say its frame rate; pass it with --fps.")
    pace = Fraction(rate).limit_denominator(1001) if rate is not None else Fraction(average)
    if seconds is None and is_alone and whole:
        seconds = Fraction(whole, av.time_base)
    return Video(path, pace, round(seconds * pace) if seconds else None)


@contextmanager
def encoder(target: Path, rate: Fraction, size: tuple[int, int]) -> Iterator[Callable[[Colours], None]]:
    """Takes frames of `size` rows and columns in 8-bit RGB and makes a video that browsers and phones play."""
    av = _pyav(target)
    try:
        with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=rate, options={"crf": "18"})
            stream.height, stream.width = size
            stream.pix_fmt = "yuv420p"

            def write(frame: Colours) -> None:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))

            yield write
            container.mux(stream.encode(None))
    except av.error.FFmpegError as problem:
        raise Refusal(f"the video could not be written ({printable(problem.strerror)}).") from None


def even(frame: Colours) -> Colours:
    """Without the last row or column if their number is odd, which the video format does not allow."""
    return np.ascontiguousarray(frame[: len(frame) // 2 * 2, : frame.shape[1] // 2 * 2])


def _pyav(path: Path) -> ModuleType:
    try:
        import av
    except ImportError:
        raise Refusal(
            f'{printable(path.name)} is a video, and PyAV, which reads videos, is not installed: pip install "muggle-convert[video]", or pass '
            "the frames as pictures."
        ) from None
    return av


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    av = _pyav(path)
    with open_regular(path) as file, av.open(file, options={"format_whitelist": _FORMATS, "protocol_whitelist": "none"}) as container:
        yield container


def _at_rate(av: ModuleType, container: Any, rate: Fraction) -> Iterator[Any]:
    """Frames are left out or repeated as FFmpeg's own filter does it."""
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    graph = av.filter.Graph()
    graph.link_nodes(graph.add_buffer(template=stream), graph.add("fps", f"fps={rate}"), graph.add("buffersink")).configure()
    rotation = 0  # which the filter forgets
    for frame in chain(container.decode(stream), (None,)):  # and None ends it
        rotation = rotation if frame is None else frame.rotation
        graph.push(frame)
        with suppress(av.error.BlockingIOError, av.error.EOFError):  # more frames have to go in, or none comes any more
            while True:
                yield graph.pull(), rotation


def _seconds(stream: Any) -> Fraction | None:
    """How long the pictures of a video last; sound may last longer."""
    if stream.duration:
        return Fraction(stream.duration * stream.time_base)
    if found := re.fullmatch(r"(\d+):(\d\d):(\d\d)\.?(\d*)", stream.metadata.get("DURATION", "")):  # as Matroska says it
        hours, minutes, seconds = (int(found[place]) for place in (1, 2, 3))
        return 3600 * hours + 60 * minutes + seconds + Fraction(f"0.{found[4] or 0}")
    return None
