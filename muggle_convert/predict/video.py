"""Videos, frame by frame, through PyAV where it is installed."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from io import FileIO
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.regular_file import open_regular
from muggle_convert.draw.colours import Colours
from muggle_convert.errors import Refusal
from muggle_convert.predict.photographs import Pixels, check_size, largest_in

SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".wmv"})

COMPLETE = 0.9  # share of the announced frames; a last frame that is shown for long makes the announced number too high

REPEATED, MOST_STILL = 100, 10_000  # times that a frame is shown on average, and beyond them in all: a gap of years takes but one byte

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
                for frame, rotation in _at_rate(av, container, self.rate, self.path):
                    pixels = frame.to_ndarray(format="rgb24")
                    yield np.ascontiguousarray(np.rot90(pixels, rotation // 90)) if rotation else pixels
                    count += 1
        except (av.error.FFmpegError, ValueError) as problem:  # the second of pixels that have no colours
            if isinstance(problem, Refusal):
                raise
            raise Refusal(
                f"{printable(self.path.name)} is damaged and cannot be read as a video ({printable(getattr(problem, 'strerror', None) or problem)})."
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
            if stream.codec_context is None:
                raise IndexError
            check_size(path, stream.width, stream.height, path.stat().st_size)
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
    limits = {"max_pixels": str(largest_in(path.stat().st_size))}  # also where frames grow on the way
    with open_regular(path) as file, _container(av, _Source(file), limits) as container:
        for stream in container.streams.video:
            if stream.codec_context is not None:  # of a codec that FFmpeg knows
                stream.codec_context.options = limits
        yield container


class _Source:
    """What FFmpeg reads from. A damaged file sends it to places before its beginning, of which PyAV would print a traceback."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.read, self.tell = file.read, file.tell

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, OverflowError):
            return -errno.EINVAL  # as FFmpeg is told of a failure


def _container(av: ModuleType, file: _Source, limits: dict[str, str]) -> Any:
    settings = {"options": {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}, "metadata_errors": "replace"}
    try:
        return av.open(file, stream_options=[limits], **settings)
    except ValueError:  # where streams are found only as frames are looked at
        file.seek(0)
        return av.open(file, **settings)


def _at_rate(av: ModuleType, container: Any, rate: Fraction, path: Path) -> Iterator[Any]:
    """Frames are left out or repeated as FFmpeg's own filter does it."""
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    begin, given = None, 0
    graph = av.filter.Graph()
    graph.link_nodes(graph.add_buffer(template=stream), graph.add("fps", f"fps={rate}"), graph.add("buffersink")).configure()
    rotation = 0  # which the filter forgets
    for seen, frame in enumerate(chain(container.decode(stream), (None,)), 1):  # and None ends it
        if frame is not None:
            rotation, time = frame.rotation, frame.time
            begin = time if begin is None else begin
            _refuse_stills(path, rate, seen, float(rate) * ((time or 0) - (begin or 0)))
        graph.push(frame)
        with suppress(av.error.BlockingIOError, av.error.EOFError):  # more frames have to go in, or none comes any more
            while True:
                yield graph.pull(), rotation
                given += 1
                _refuse_stills(path, rate, seen, given)


def _refuse_stills(path: Path, rate: Fraction, seen: int, wanted: float) -> None:
    """Where so few frames would be shown so often that there is no end to them."""
    if wanted > REPEATED * seen + MOST_STILL:
        raise Refusal(
            f"{printable(path.name)} shows {seen} pictures for more than {wanted / rate:,.0f} seconds, which at {float(rate):g} frames per second "
            "are the same again and again; take fewer with --fps, or cut it."
        )


def _seconds(stream: Any) -> Fraction | None:
    """How long the pictures of a video last; sound may last longer."""
    if stream.duration:
        return Fraction(stream.duration * stream.time_base)
    if found := re.fullmatch(r"(\d{1,6}):(\d\d):(\d\d)\.?(\d{0,12})", stream.metadata.get("DURATION", ""), re.ASCII):  # as Matroska says it
        hours, minutes, seconds = (int(found[place]) for place in (1, 2, 3))
        return 3600 * hours + 60 * minutes + seconds + Fraction(f"0.{found[4] or 0}")
    return None
