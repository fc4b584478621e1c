"""Films through ffmpeg, and a clear word where it is missing."""

from __future__ import annotations

import shutil
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from muggle_convert import Refusal
from muggle_convert.predict.products import save_film
from muggle_convert.predict.seeing import Seer
from muggle_convert.predict.video import encoder, even, open_film
from tests.goldens import uint8_picture

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def film(path: Path, frames: int = 10, rate: int = 5, size: tuple[int, int] = (48, 64)) -> Path:
    """A grey that brightens from frame to frame."""
    with encoder(path, Fraction(rate), size) as stream:
        for number in range(frames):
            stream.write(np.full((*size, 3), 20 * number % 256, np.uint8).tobytes())
    return path


@needs_ffmpeg
def test_frames_come_in_order_with_the_size_and_the_rate_of_the_film(tmp_path: Path) -> None:
    opened = open_film(film(tmp_path / "walk.mp4"))
    frames = list(opened)
    assert opened.rate == 5
    assert opened.frames == len(frames) == 10
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    assert np.allclose([frame.mean() for frame in frames], 20 * np.arange(10), atol=3)


@needs_ffmpeg
def test_fewer_frames_a_second_may_be_taken(tmp_path: Path) -> None:
    opened = open_film(film(tmp_path / "walk.mp4"), rate=2.5)
    assert opened.rate == Fraction(5, 2)
    assert len(list(opened)) == 5


@needs_ffmpeg
def test_a_film_that_was_turned_comes_upright(tmp_path: Path) -> None:
    turned = film(tmp_path / "walk.mp4")
    data = bytearray(turned.read_bytes())
    matrix = data.index(b"tkhd") + 44  # of the track's header, which players apply to every frame
    quarter_turn = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, matrix, *quarter_turn)
    turned.write_bytes(data)
    assert next(iter(open_film(turned))).shape == (64, 48, 3)


@needs_ffmpeg
def test_a_file_that_is_no_film_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a film")
    with pytest.raises(Refusal, match=r"notes\.mp4 is not a video that ffmpeg reads"):
        open_film(path)


@needs_ffmpeg
def test_a_film_that_was_cut_off_is_not_a_shorter_one(tmp_path: Path) -> None:
    with encoder(tmp_path / "walk.mp4", Fraction(10), (48, 64)) as stream:
        for number in range(40):
            stream.write(uint8_picture(48, 64, number).tobytes())
    whole = tmp_path / "walk.mkv"
    subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "walk.mp4", "-c", "copy", whole], check=True)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(Refusal, match=r"walk\.mkv ends after \d+ of 40 pictures \(File ended prematurely"):
        list(open_film(whole))


@needs_ffmpeg
def test_a_film_with_no_picture_at_the_rate_that_is_asked_for_says_that(tmp_path: Path) -> None:
    opened = open_film(film(tmp_path / "walk.mp4"), rate=0.001)
    with pytest.raises(Refusal, match=r"walk\.mp4 gives no picture at 0\.001 frames a second"):
        save_film(Seer((), ()), opened, tmp_path / "depth.mp4", lambda: None)


@needs_ffmpeg
def test_a_film_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"walk\.mp4 does not exist"):
        open_film(tmp_path / "walk.mp4")


@needs_ffmpeg
def test_what_ffmpeg_says_is_passed_on_where_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="the video could not be written"):
        film(tmp_path / "no such folder" / "walk.mp4", frames=2000)


def test_a_missing_ffmpeg_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refusal, match=r"walk\.mp4 is a video, and ffmpeg, which reads videos, is not installed"):
        open_film(tmp_path / "walk.mp4")


def test_frames_lose_a_row_or_a_column_to_have_even_sides() -> None:
    assert even(np.zeros((47, 65, 3), np.uint8)).shape == (46, 64, 3)
