"""Pictures that nobody took: programs, bombs, slivers, and what is no file at all."""

from __future__ import annotations

import io
import json
import os
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_defs.config import ImageConfig
from muggle_convert.errors import Refusal
from muggle_convert.predict.photographs import read_picture
from muggle_convert.predict.resizing import resized
from muggle_convert.predict.sizes import input_size
from tests.conftest import Command

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n%%EOF\n"
HALVES = (0.5, 0.5, 0.5)
AT_LEAST_518 = ImageConfig(3, 518, True, "at least", 14, HALVES, HALVES)


@pytest.fixture
def ghostscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Ghostscript that says that it ran."""
    program, canary = tmp_path / "programs" / "gs", tmp_path / "canary"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch '{canary}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return canary


@pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "photo.eps"])
@pytest.mark.parametrize("options", [(), ("--compare", "MODEL")], ids=["alone", "compared"])
def test_no_picture_starts_a_program(
    muggle_convert: Command, checkpoint: Path, ghostscript: Path, name: str, options: tuple[str, ...]
) -> None:
    picture = checkpoint.parent / name
    picture.write_bytes(POSTSCRIPT)
    more = [checkpoint if option == "MODEL" else option for option in options]
    done = muggle_convert("depth", picture, "-m", checkpoint, "-o", checkpoint.parent / "out.png", *more)
    assert done.returncode == 1 and "not a picture in a format that is read here" in done.stderr
    assert not ghostscript.exists()


def test_no_picture_of_an_evaluation_starts_a_program(muggle_convert: Command, checkpoint: Path, ghostscript: Path) -> None:
    for folder, suspect in (("images", "truth"), ("truth", "images")):
        for name in ("images", "truth"):
            (checkpoint.parent / folder / name).mkdir(parents=True)
            content = POSTSCRIPT if name == suspect else png(8, 8)
            (checkpoint.parent / folder / name / "a.png").write_bytes(content)
        at = checkpoint.parent / folder
        done = muggle_convert("eval", checkpoint, "--images", at / "images", "--truth", at / "truth", "--dataset", "nyu", "--crop", "none")
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert done.stderr.count("\n") == 1
    assert not ghostscript.exists()


def png(columns: int, rows: int, colour: int = 2) -> bytes:
    """A black picture, of a thousandth of the size that it has once inflated."""
    line = 1 + columns * (3 if colour == 2 else 1)
    deflater = zlib.compressobj(9)
    data = b"".join(deflater.compress(bytes(line)) for _ in range(rows)) + deflater.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">2I5B", columns, rows, 8, colour, 0, 0, 0))
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_picture_of_more_pixels_than_its_file_can_hold_is_refused_before_it_is_inflated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    path = tmp_path / "bomb.png"
    header = struct.pack(">2I5B", 16384, 16384, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(30_000_000), 9)) + chunk(b"IEND", b"")
    )
    tracemalloc.start()
    with pytest.raises(Refusal, match=r"bomb.png is 16384 x 16384, and a file as small as it holds no photograph of more than"):
        read_picture(path)
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()


def test_a_photograph_of_fifty_million_pixels_is_not_taken_for_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(4000, 4000) + bytes(400_000))  # at a hundredth of a byte for each, less than any camera gives
    assert read_picture(path).shape == (4000, 4000, 3)


@pytest.mark.parametrize(("rows", "columns"), [(1, 100_000), (100_000, 1), (62, 1), (1, 62), (1000, 12_000)])
def test_a_sliver_is_refused_before_a_network_attends_to_all_of_it(rows: int, columns: int) -> None:
    with pytest.raises(Refusal, match="too large for it; crop it"):
        input_size(AT_LEAST_518, (rows, columns))


def test_a_panorama_is_no_sliver() -> None:
    assert input_size(AT_LEAST_518, (1000, 7500)) == (518, 3892)


def test_a_sliver_that_is_squashed_takes_no_more_memory_than_what_is_read_of_it() -> None:
    picture = np.zeros((2, 1_000_000, 3), np.uint8)
    tracemalloc.start()
    resized(picture, (384, 384))
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("what", ["a pipe", "a device", "a link to a pipe"])
def test_what_is_no_file_is_never_waited_for(muggle_convert: Command, checkpoint: Path, what: str) -> None:
    here = checkpoint.parent
    path = here / "pictures" / "photo.png"
    path.parent.mkdir()
    os.mkfifo(here / "pipe")
    path.symlink_to("/dev/zero") if what == "a device" else path.symlink_to(here / "pipe") if "link" in what else os.mkfifo(path)
    done = muggle_convert("depth", path, "-m", checkpoint, "-o", here / "out.png")
    assert done.returncode == 1 and "not a regular file" in done.stderr
    done = muggle_convert("push", checkpoint, "me/model", "--dry-run", "--license", "mit", "--results", path)
    assert done.returncode == 1 and "not a regular file" in done.stderr
    done = muggle_convert("zoo", env={"MUGGLE_CONVERT_ZOO": str(path)})
    assert done.returncode == 1 and "not a regular file" in done.stderr
    (here / "config.json").symlink_to(path)
    assert muggle_convert("inspect", checkpoint).returncode == 0


def broken(kind: str) -> bytes:
    whole = np.lib.format.magic(1, 0)
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }\n"
    return {
        "an archive": b"PK\x03\x04" + bytes(100),
        "a header cut off": whole + b"\x76\x00{'descr'",
        "empty": b"",
        "larger than its file": whole + struct.pack("<H", len(header)) + header,
        "a pickle": b"\x80\x04N.",
        "words for a header": whole + struct.pack("<H", 5) + b"hello",
    }[kind]


@pytest.mark.parametrize("kind", ["an archive", "a header cut off", "empty", "larger than its file", "a pickle", "words for a header"])
def test_distances_that_are_no_array_are_refused_in_a_sentence(muggle_convert: Command, checkpoint: Path, kind: str) -> None:
    at = distances(checkpoint, "a.npy", broken(kind))
    done = muggle_convert("eval", checkpoint, "--images", at / "images", "--truth", at / "truth")
    assert done.returncode == 1
    assert done.stderr.startswith("muggle-convert: a.npy cannot be read as distances (") and done.stderr.count("\n") == 1


def test_distances_of_too_many_pixels_are_refused_in_a_sentence(muggle_convert: Command, checkpoint: Path) -> None:
    header = struct.pack(">2I5B", 20_000, 20_000, 8, 0, 0, 0, 0)
    at = distances(checkpoint, "a.png", png(8, 8).replace(png(8, 8)[8:33], chunk(b"IHDR", header)))
    done = muggle_convert("eval", checkpoint, "--images", at / "images", "--truth", at / "truth", "--dataset", "nyu")
    assert done.returncode == 1
    assert "a.png is 20000 x 20000" in done.stderr and done.stderr.count("\n") == 1


def distances(checkpoint: Path, name: str, content: bytes) -> Path:
    for folder in ("images", "truth"):
        (checkpoint.parent / folder).mkdir()
    (checkpoint.parent / "images" / "a.png").write_bytes(png(8, 8))
    (checkpoint.parent / "truth" / name).write_bytes(content)
    return checkpoint.parent


def test_what_pillow_warns_of_does_not_reach_the_user(muggle_convert: Command, checkpoint: Path) -> None:
    exif = b"MM\x00*\x00\x00\x00\x08\x00\x05" + bytes(20)  # of five entries, and cut off in the second
    path = checkpoint.parent / "photo.png"
    whole = png(64, 48)
    path.write_bytes(whole[:33] + chunk(b"eXIf", exif) + whole[33:])
    done = muggle_convert("depth", path, "-m", checkpoint, "-o", checkpoint.parent / "out.png")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_what_pillow_logs_does_not_reach_the_user(muggle_convert: Command, checkpoint: Path) -> None:
    path = checkpoint.parent / "photo.tif"
    Image.new("RGB", (8, 8)).save(path)
    samples = struct.pack("<2HL", 277, 3, 1)  # how many there are for each pixel
    path.write_bytes(path.read_bytes().replace(samples + struct.pack("<L", 3), samples + struct.pack("<L", 2048)))
    done = muggle_convert("depth", path, "-m", checkpoint, "-o", checkpoint.parent / "out.png")
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "photo.tif" in done.stderr


def test_a_table_of_results_that_is_a_lie_is_refused(muggle_convert: Command, checkpoint: Path) -> None:
    path = checkpoint.parent / "results.json"
    path.write_text(json.dumps({"format": "muggle-convert evaluation", "version": 1, "rows": 3}))
    done = muggle_convert("push", checkpoint, "me/model", "--dry-run", "--license", "mit", "--results", path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1


def test_the_maps_of_a_folder_of_ten_thousand_files_are_planned_quickly(tmp_path: Path) -> None:
    from muggle_convert.many.jobs import plan_jobs

    (tmp_path / "pictures").mkdir()
    for number in range(10_000):
        (tmp_path / "pictures" / f"{number}.png").touch()
    begun = time.process_time()
    assert len(plan_jobs([tmp_path / "pictures"], tmp_path / "out", ".png")) == 10_000
    assert time.process_time() - begun < 5


def test_predictions_that_are_no_numbers_are_left_out_of_points_and_kept_in_exr() -> None:
    from muggle_convert.draw.exr import write_exr
    from muggle_convert.draw.ply import write_pixels
    from muggle_convert.draw.relief import Pinhole, relief_of
    from muggle_convert.draw.scales import scale_of
    from muggle_convert.outputs import METRES

    prediction = np.array([[1.0, np.nan], [np.inf, 2.0]], np.float32)
    points, numbers = io.BytesIO(), io.BytesIO()
    write_pixels(points, np.zeros((2, 2, 3), np.uint8), relief_of(prediction, scale_of(prediction, METRES), Pinhole.that_sees(2, 2, 60)))
    write_exr(numbers, prediction, "metres")
    assert b"element vertex 2\n" in points.getvalue()
    assert len(points.getvalue().partition(b"end_header\n")[2]) == 2 * 15
    assert numbers.getvalue().startswith(b"\x76\x2f\x31\x01")
