"""Videos through PyAV, and a clear refusal without it."""

from __future__ import annotations

import struct
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from muggle_convert import Refusal
from muggle_convert.predict.formats import SaveOptions, write_video
from muggle_convert.predict.video import encoder, even, open_video
from muggle_convert.predict.viewer import Viewer
from tests.goldens import uint8_picture


def video(path: Path, frames: int = 10, rate: int = 5, size: tuple[int, int] = (48, 64)) -> Path:
    """A grey that brightens from frame to frame."""
    with encoder(path, Fraction(rate), size) as write:
        for number in range(frames):
            write(np.full((*size, 3), 20 * number % 256, np.uint8))
    return path


def test_frames_come_in_order_with_the_size_and_the_rate_of_the_video(tmp_path: Path) -> None:
    opened = open_video(video(tmp_path / "walk.mp4"))
    frames = list(opened)
    assert opened.rate == 5
    assert opened.frames == len(frames) == 10
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    assert np.allclose([frame.mean() for frame in frames], 20 * np.arange(10), atol=3)


def test_fewer_frames_per_second_may_be_taken(tmp_path: Path) -> None:
    opened = open_video(video(tmp_path / "walk.mp4"), rate=2.5)
    assert opened.rate == Fraction(5, 2)
    assert len(list(opened)) == 5


def test_a_video_with_a_rotation_comes_upright(tmp_path: Path) -> None:
    turned = video(tmp_path / "walk.mp4")
    data = bytearray(turned.read_bytes())
    matrix = data.index(b"tkhd") + 44  # of the track's header, which players apply to every frame
    quarter_turn = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, matrix, *quarter_turn)
    turned.write_bytes(data)
    assert next(iter(open_video(turned))).shape == (64, 48, 3)


def test_a_file_that_is_not_a_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a video")
    with pytest.raises(Refusal, match=r"notes\.mp4 is not a video that FFmpeg reads"):
        open_video(path)


def test_a_video_that_was_cut_off_is_not_taken_for_a_shorter_one(tmp_path: Path) -> None:
    whole, cut = tmp_path / "walk.mp4", tmp_path / "walk.mkv"  # Matroska can be read up to where it ends
    with encoder(whole, Fraction(10), (48, 64)) as write:
        for number in range(40):
            write(uint8_picture(48, 64, number))
    with av.open(str(whole)) as source, av.open(str(cut), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    assert len(list(open_video(cut))) == 40
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with pytest.raises(Refusal, match=r"walk\.mkv ends after \d+ of 40 frames"):
        list(open_video(cut))


def test_a_video_is_read_by_itself_and_leads_to_no_other_file(tmp_path: Path) -> None:
    video(tmp_path / "walk.mp4")
    for name, words in (("list.mp4", "#EXTM3U\n#EXTINF:1,\nwalk.mp4\n"), ("concat.mp4", "ffconcat version 1.0\nfile walk.mp4\n")):
        (tmp_path / name).write_text(words)
        with pytest.raises(Refusal, match="is not a video that FFmpeg reads"):
            open_video(tmp_path / name)


def test_a_video_without_a_picture_at_the_requested_rate_is_refused(tmp_path: Path) -> None:
    opened = open_video(video(tmp_path / "walk.mp4"), rate=0.001)
    with pytest.raises(Refusal, match=r"walk\.mp4 gives no picture at 0\.001 frames per second"):
        write_video(Viewer((), ()), opened, tmp_path / "depth.mp4", SaveOptions("png", 60, 0.001), lambda: None)


def test_a_missing_video_is_refused_as_missing(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"walk\.mp4 does not exist"):
        open_video(tmp_path / "walk.mp4")


def test_the_reason_for_not_writing_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"the video could not be written \(.*No such file or directory"):
        video(tmp_path / "no such folder" / "walk.mp4", frames=2000)


def test_a_missing_library_is_named_with_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(Refusal, match=r'walk\.mp4 is a video, and PyAV, .* is not installed: pip install "muggle-convert\[video\]"'):
        open_video(tmp_path / "walk.mp4")


def test_frames_lose_an_odd_row_or_column() -> None:
    assert even(np.zeros((47, 65, 3), np.uint8)).shape == (46, 64, 3)
