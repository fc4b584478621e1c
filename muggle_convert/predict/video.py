"""Videos, frame by frame, through ffmpeg if it is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from muggle_convert.checkpoints import printable
from muggle_convert.draw.colours import Colours
from muggle_convert.errors import Refusal
from muggle_convert.predict.photographs import Pixels

SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".wmv"})

COMPLETE = 0.9  # share of the announced frames; sound that outlasts the pictures makes the announced number too high

_FFMPEG = ("ffmpeg", "-v", "error", "-nostdin")
_SPEAKER = re.compile(r"^\[[^]]* @ 0x[0-9a-f]+\] ")  # the component of ffmpeg that reports, and its address


@dataclass(frozen=True)
class Video:
    """A video file: frames per second, and how many there will be, if the file says so."""

    path: Path
    rate: Fraction
    frames: int | None

    def __iter__(self) -> Iterator[Pixels]:
        """Every frame, upright, at the video's rate."""
        line = [*_FFMPEG, "-i", f"file:{self.path}", "-vf", f"fps={self.rate}", "-f", "image2pipe", "-c:v", "ppm", "-"]
        with TemporaryFile() as errors, subprocess.Popen(line, stdout=subprocess.PIPE, stderr=errors) as decoder:
            assert decoder.stdout is not None
            count = 0
            try:
                for count, frame in enumerate(_frames(decoder.stdout), 1):  # noqa: B007 - counted to the end
                    yield frame
            except BaseException:
                decoder.kill()
                raise
            if decoder.wait():
                raise Refusal(f"{printable(self.path.name)} is damaged and cannot be read as a video ({_last_line(errors)}).")
            if count < COMPLETE * (self.frames or 0) and errors.tell():
                raise Refusal(
                    f"{printable(self.path.name)} ends after {count} of {self.frames} frames ({_last_line(errors)}); cut it to what is "
                    "there, for example with ffmpeg -i, and predict that."
                )


def open_video(path: Path, rate: float | None = None) -> Video:
    """What a video file says about itself; `rate` is how many frames per second to take, instead of all of them."""
    for program in ("ffmpeg", "ffprobe"):
        if shutil.which(program) is None:
            raise Refusal(
                f"{printable(path.name)} is a video, and {program}, which reads videos, is not installed; install ffmpeg, or pass the frames "
                "as pictures."
            )
    if not path.exists():
        raise Refusal(f"{printable(path)} does not exist.")
    fields = "stream=avg_frame_rate,duration:format=duration"
    line = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", fields, "-of", "json", f"file:{path}"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout or "{}")
    if done.returncode or not found.get("streams"):
        raise Refusal(f"{printable(path.name)} is not a video that ffmpeg reads.")
    stream = found["streams"][0]
    numerator, _, denominator = stream["avg_frame_rate"].partition("/")
    if rate is None and not (int(numerator) and int(denominator or 1)):
        raise Refusal(f"{printable(path.name)} does not say its frame rate; pass it with --fps.")
    pace = Fraction(rate).limit_denominator(1001) if rate is not None else Fraction(int(numerator), int(denominator or 1))
    seconds = stream.get("duration") or found.get("format", {}).get("duration")
    return Video(path, pace, round(float(seconds) * pace) if seconds else None)


@contextmanager
def encoder(target: Path, rate: Fraction, size: tuple[int, int]) -> Iterator[IO[bytes]]:
    """Takes frames of `size` rows and columns in 8-bit RGB and makes a video that browsers and phones play."""
    line = [*_FFMPEG, "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[1]}x{size[0]}", "-r", str(rate), "-i", "-"]
    line += ["-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4", f"file:{target}"]
    with TemporaryFile() as errors:
        running = subprocess.Popen(line, stdin=subprocess.PIPE, stderr=errors)
        assert running.stdin is not None
        try:
            with suppress(BrokenPipeError):  # ffmpeg gave up, and says why
                yield running.stdin
                running.stdin.close()
            if running.wait():
                raise Refusal(f"the video could not be written ({_last_line(errors)}).")
        finally:
            running.kill()
            with suppress(BrokenPipeError):
                running.stdin.close()
            running.wait()


def even(frame: Colours) -> Colours:
    """Without the last row or column if their number is odd, which the video format does not allow."""
    return np.ascontiguousarray(frame[: len(frame) // 2 * 2, : frame.shape[1] // 2 * 2])


def _frames(stream: IO[bytes]) -> Iterator[Pixels]:
    """PPM pictures, one after another."""
    while stream.readline() == b"P6\n":
        width, height = map(int, stream.readline().split())
        stream.readline()
        data = stream.read(width * height * 3)
        if len(data) < width * height * 3:
            return
        yield np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return _SPEAKER.sub("", lines[-1]) if lines else "ffmpeg failed"
