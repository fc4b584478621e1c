"""Videos that nobody filmed: without an end, without a picture, larger than they can be, and what their headers make up."""

from __future__ import annotations

import resource
import struct
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from muggle_convert import Refusal
from muggle_convert.predict.video import encoder, open_video
from tests.conftest import Command
from tests.goldens import uint8_picture
from tests.hostile import fuzz_more

MILLISECONDS = Fraction(1, 1000)


def video(path: Path, codec: str = "mpeg4", times: tuple[int, ...] = (0, 40, 80), size: tuple[int, int] = (48, 64), **more: Any) -> Path:
    """Frames at these times, in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, **more)
        stream.height, stream.width = size
        stream.pix_fmt = "gray" if codec == "png" else "yuv420p"
        stream.codec_context.time_base = MILLISECONDS
        for number, time in enumerate(times):
            picture = av.VideoFrame.from_ndarray(np.full((*size, 3), 20 * number % 256, np.uint8), format="rgb24")
            picture.pts, picture.time_base = time, MILLISECONDS
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def mp4(tmp_path: Path) -> bytearray:
    with encoder(tmp_path / "whole.mp4", Fraction(5), (48, 64)) as write:
        for number in range(10):
            write(uint8_picture(48, 64, number))
    return bytearray((tmp_path / "whole.mp4").read_bytes())


def refused(path: Path, **more: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        for _ in islice(open_video(path, **more), 50_000):
            pass
    said = str(refusal.value)
    assert said.startswith(path.name) and said.isprintable() and len(said) < 300
    return said


def test_a_frame_that_is_shown_for_days_is_not_repeated_without_an_end(tmp_path: Path) -> None:
    path = video(tmp_path / "still.mkv", times=(0, 40, 80, 10**9))
    assert "shows 4 pictures for more than 1,000,000 seconds" in refused(path)
    assert len(list(open_video(path, 0.001))) == 1000, "as the sentence advises"


def test_a_last_frame_that_is_shown_for_years_is_not_repeated_without_an_end(tmp_path: Path, mp4: bytearray) -> None:
    for place, offset, number in ((b"elst", 12, 2**31 - 1), (b"stts", 16, 2**31 - 1), (b"mdhd", 20, 2**32 - 1)):
        struct.pack_into(">I", mp4, mp4.index(place) + offset, number)
    (tmp_path / "long.mp4").write_bytes(mp4)
    assert "the same again and again; take fewer with --fps" in refused(tmp_path / "long.mp4", rate=25)


def test_a_slow_film_is_no_still(tmp_path: Path) -> None:
    path = video(tmp_path / "slow.mkv", times=tuple(range(0, 60_000, 10_000)), size=(16, 16))
    assert len(list(open_video(path, 30))) > 1500


@pytest.mark.parametrize(("suffix", "codec"), [("mov", "png"), ("mp4", "libx264"), ("ts", "libx264")])
def test_frames_of_more_pixels_than_the_file_can_hold_are_refused_before_they_take_memory(tmp_path: Path, suffix: str, codec: str) -> None:
    path = video(tmp_path / f"huge.{suffix}", codec, (0,), (5000, 5000), **({} if codec == "png" else {"options": {"preset": "ultrafast"}}))
    path = path.rename(path.with_suffix(".mp4"))
    before = peak()
    said = refused(path)
    assert "holds no photograph of more than" in said or "damaged and cannot be read" in said or "is not a video" in said
    assert peak() - before < 100


def peak() -> float:
    """Mebibytes that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def test_a_film_that_grows_on_the_way_is_refused(tmp_path: Path) -> None:
    small = video(tmp_path / "small.ts", "libx264", tuple(range(0, 400, 40)))
    large = video(tmp_path / "large.ts", "libx264", (0,), (5000, 5000), options={"preset": "ultrafast"})
    both = tmp_path / "both.mpg"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    before = peak()
    said = refused(both)
    assert "damaged and cannot be read as a video" in said or "ends after" in said
    assert peak() - before < 100


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    assert "is not a video that FFmpeg reads" in refused(tmp_path / "song.mp4")


def test_a_codec_that_nobody_knows_is_no_video(tmp_path: Path, mp4: bytearray) -> None:
    for place in [place for place in range(len(mp4)) if mp4[place : place + 4] == b"avc1"]:
        mp4[place : place + 4] = b"zzzz"
    (tmp_path / "odd.mp4").write_bytes(mp4)
    assert "is not a video that FFmpeg reads" in refused(tmp_path / "odd.mp4")


@pytest.mark.parametrize("codec", ["libx264", "mjpeg", "ffv1", "mpeg2video"])
def test_what_other_codecs_hold_is_read(tmp_path: Path, codec: str) -> None:
    with av.open(str(tmp_path / "film.mkv"), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(uint8_picture(48, 64, number), format="rgb24")))
        container.mux(stream.encode(None))
    assert len(list(open_video(tmp_path / "film.mkv"))) == 12


@pytest.mark.parametrize("duration", ["9" * 5000 + ":00:00", "999999:00:00.0", "00:00:00." + "9" * 5000, "٣٣:٠٠:٠٠", "\x1b[31m"])
def test_a_length_that_is_made_up_is_not_believed(tmp_path: Path, duration: str) -> None:
    with av.open(str(tmp_path / "film.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.metadata["DURATION"] = duration
        for number in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(uint8_picture(48, 64, number), format="rgb24")))
        container.mux(stream.encode(None))
    assert len(list(open_video(tmp_path / "film.mkv"))) == 12


@pytest.fixture
def films(tmp_path: Path) -> Iterator[Path]:
    """A folder of films of which one is whole."""
    folder = tmp_path / "films"
    folder.mkdir()
    video(folder / "still.mkv", times=(0, 40, 10**9))
    video(folder / "whole.mkv", times=(0, 40))
    (folder / "cut.mp4").write_bytes((folder / "whole.mkv").read_bytes()[:300])
    (folder / "text.avi").write_text("RIFF")
    (folder / "empty.webm").touch()
    yield folder


def test_a_folder_of_such_films_gives_those_that_are_whole_and_a_line_for_each_other(
    muggle_convert_here: Command, checkpoint: Path, films: Path
) -> None:
    out = checkpoint.parent / "out"
    done = muggle_convert_here("depth", films, "-m", checkpoint, "-o", out, "--size", 28)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) == ["whole.mp4"]
    assert [line.partition("films/")[2].split()[0].rstrip(":") for line in done.stderr.splitlines()] == [
        "cut.mp4",
        "empty.webm",
        "still.mkv",
        "text.avi",
    ]


def test_damaged_films_are_read_or_refused_in_a_sentence() -> None:
    assert not list(fuzz_more.run("videos", 150, first=7000))
